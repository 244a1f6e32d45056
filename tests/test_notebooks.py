"""The notebooks are thin, whole and checked; and the check can fail.

`make test` runs nbval over all of them. Here: that none passes for want of checked cells, and
that a changed digit is noticed.
"""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CHECKED = [path for path in NOTEBOOKS if not path.name.startswith("9")]
EXPECTED = {
    "00_guide", "00_quickstart", "10_dataset_check", "20_train_csflow", "21_train_autoencoder",
    "30_evaluate_one", "40_simulator", "41_histogram", "42_sensors", "43_compare",
    "44_label_audit", "45_app", "46_acceptance", "90_report_images", "91_report_sensors",
    "92_report_comparison",
}  # fmt: skip
MAX_BYTES = 400_000

every = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
every_checked = pytest.mark.parametrize("path", CHECKED, ids=lambda p: p.stem)


def read(path):
    notebook = nbformat.read(path, 4)
    return notebook, [cell for cell in notebook.cells if cell.cell_type == "code"]


def tagged(cells, tag):
    return [cell for cell in cells if tag in cell.metadata.get("tags", [])]


def test_all_are_there():
    assert {path.stem for path in NOTEBOOKS} == EXPECTED


@every
def test_a_notebook_is_thin_and_portable(path):
    notebook, code = read(path)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata, "stored widget state"
    assert path.stat().st_size < MAX_BYTES
    for cell in code:
        assert len(cell.source.splitlines()) <= 15
        nodes = list(ast.walk(ast.parse(cell.source)))
        assert not [n for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    texts = [cell.source for cell in notebook.cells]
    texts += [str(out.get("text", "")) for cell in code for out in cell.outputs]
    for text in texts:
        assert not re.search(r"(^|[\s'\"(])/(home|root|work|tmp|Users)/", text), text
    first = notebook.cells[0]
    assert first.cell_type == "markdown" and first.source.startswith("# ")


@every
def test_papermill_understands_every_parameter(path):
    _, code = read(path)
    (cell,) = tagged(code, "parameters")
    declared = papermill.inspect_notebook(str(path))
    assigned = [
        n for n in ast.parse(cell.source).body if isinstance(n, ast.AnnAssign | ast.Assign)
    ]
    assert len(declared) == len(assigned) > 0


@every_checked
def test_no_notebook_passes_for_want_of_checked_cells(path):
    _, code = read(path)
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    numbers = 0
    for cell in tagged(code, "nbval-check-output"):
        assert not cell.source.rstrip().endswith(";"), "nbval does not heed it"
        assert cell.outputs, "a checked cell without an output passes whatever happens"
        numbers += len(re.findall(r"\d", "".join(out.get("text", "") for out in cell.outputs)))
    assert numbers, "at least one checked cell must print a number"
    assert not [out for cell in code for out in cell.outputs if out.output_type == "error"]
    assert not [out for cell in code for out in cell.outputs if out.get("name") == "stderr"]


@pytest.mark.parametrize(
    ("stem", "table"), [("40_simulator", False), ("41_histogram", True), ("42_sensors", True)]
)
def test_widget_notebooks_show_something_without_a_kernel(stem, table):
    _, code = read(ROOT / "notebooks" / f"{stem}.ipynb")
    kinds = {kind for cell in code for out in cell.outputs for kind in out.get("data", {})}
    assert kinds & {"image/png", "image/jpeg"} and ("text/html" in kinds or not table)


@pytest.fixture(scope="module")
def nbval(tmp_path_factory):
    """Run nbval on a copy of the dataset check, in a workspace of its own."""
    home = tmp_path_factory.mktemp("home")
    env = {**os.environ, "WORKBENCH_HOME": str(home), "TQDM_DISABLE": "1"}
    copy = home / "10_dataset_check.ipynb"

    def run(change):
        notebook = nbformat.read(ROOT / "notebooks" / "10_dataset_check.ipynb", 4)
        change(notebook)
        nbformat.write(notebook, copy)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(copy)]
        command += ["-c", str(ROOT / "tests" / "nbval.ini"), "--nbval-lax", "--nbval-current-env"]
        return subprocess.run(command, env=env, cwd=home, capture_output=True, text=True)

    run.copy = copy
    return run


@pytest.mark.slow
def test_nbval_passes_what_is_right(nbval):
    done = nbval(lambda notebook: None)
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.slow
def test_nbval_notices_a_changed_digit(nbval):
    def change(notebook):
        cells = tagged(notebook.cells, "nbval-check-output")
        output = next(out for cell in cells for out in cell.outputs if "160" in out.text)
        output.text = output.text.replace("160", "161")

    done = nbval(change)
    assert done.returncode == 1
    assert "mismatch" in done.stdout and "161" in done.stdout


@pytest.mark.slow
def test_a_stripped_notebook_does_not_pass_for_checked(nbval):
    """What nbstripout leaves passes nbval, which has nothing to compare: hygiene refuses it."""

    def strip(notebook):
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None

    assert nbval(strip).returncode == 0, "nbval has learned to refuse it: this test can go"
    stripped = nbval.copy
    with pytest.raises(AssertionError):
        test_no_notebook_passes_for_want_of_checked_cells(stripped)
