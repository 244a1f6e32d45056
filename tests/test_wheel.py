"""What is installed from a wheel works without the repository."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this tree, unpacked as pip would install it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def installed(wheel, tmp_path):
    """Run Python in an empty folder, with the wheel and without the repository."""

    def run(*words):
        env = {k: v for k, v in os.environ.items() if k != "WORKBENCH_HOME"}
        env |= {"PYTHONPATH": str(wheel), "TQDM_DISABLE": "1"}
        done = subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    return run


def test_the_wheel_is_what_runs_and_brings_every_notebook_and_template(installed, wheel):
    assert installed("-c", "import workbench; print(workbench.__file__)").startswith(str(wheel))
    for path in [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("workbench/**/templates/**/*.*")]:
        inside = path.relative_to(ROOT)
        inside = "workbench" / inside if inside.parts[0] == "notebooks" else inside
        assert (wheel / inside).read_bytes() == path.read_bytes()


def test_an_empty_folder_becomes_data_model_and_report(installed, tmp_path):
    for words in (["data", "make", "pump"], ["train", "data/pump.csv"], ["report", "pump"]):
        installed("-m", "workbench.cli", *words)
    assert "pump" in (tmp_path / "reports" / "pump" / "report.html").read_text("utf-8")
