"""Execute the notebooks and keep their outputs as the references that nbval checks.

    python -m tests.refresh_notebooks [NAME ...]

Runs in a temporary workspace, so that references never depend on data or models of one's own.
"""

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
ENVIRONMENT = {"TQDM_DISABLE": "1", "OMP_NUM_THREADS": "2", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


def checked():
    """The notebooks with stored outputs: all but the report templates."""
    return sorted(p for p in NOTEBOOKS.glob("*.ipynb") if not p.name.startswith("9"))


def refresh(path):
    """Execute one notebook and write it back without volatile metadata."""
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
    nbformat.write(notebook, path)


def main(names):
    """Refresh the named notebooks, or all."""
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(ENVIRONMENT, WORKBENCH_HOME=home)
        for path in checked():
            if not names or path.stem in names:
                sys.stdout.write(f"{path.name}\n")
                refresh(path)


if __name__ == "__main__":
    main(sys.argv[1:])
