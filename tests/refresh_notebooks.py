"""Execute the notebooks and keep their outputs as the references that nbval checks.

    python -m tests.refresh_notebooks [--check] [NAME ...]

With `--check` nothing is written: the exit code is 1 if a notebook would change by a byte.
Runs in a temporary workspace, so that references never depend on data or models of one's own.
"""

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
ENVIRONMENT = {
    "TQDM_DISABLE": "1",
    "OMP_NUM_THREADS": "2",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "WORKBENCH_PRECISION": "float32",  # the same numbers on every processor
}


def checked():
    """The notebooks with stored outputs: all but the report templates."""
    return sorted(p for p in NOTEBOOKS.glob("*.ipynb") if not p.name.startswith("9"))


def refreshed(path):
    """Execute one notebook; return what its file should hold, without volatile metadata."""
    notebook = nbformat.read(path, 4)
    client = NotebookClient(
        notebook,
        timeout=900,
        kernel_name="python3",
        store_widget_state=False,
        record_timing=False,
        resources={"metadata": {"path": str(NOTEBOOKS)}},
    )
    client.execute()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return nbformat.writes(notebook) + "\n"


def main(names, check=False):
    """Refresh the named notebooks, or all; return those that change."""
    changed = []
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(ENVIRONMENT, WORKBENCH_HOME=home)
        for path in checked():
            if not names or path.stem in names:
                content = refreshed(path)
                same = content == path.read_text("utf-8")
                sys.stdout.write(f"{path.name}: {'the same' if same else 'changed'}\n")
                changed += [] if same else [path.stem]
                if not check:
                    path.write_text(content, "utf-8")
    return changed


if __name__ == "__main__":
    only_check = "--check" in sys.argv
    differing = main([name for name in sys.argv[1:] if name != "--check"], only_check)
    sys.exit(1 if only_check and differing else 0)
