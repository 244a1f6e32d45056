"""pyproject.toml is the one list of dependencies; what repeats it must not drift."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REQUIRED = (
    "jupyterlab", "ipywidgets", "torch", "torchvision", "efficientnet-pytorch", "numpy",
    "pandas", "matplotlib", "seaborn", "papermill", "nbval",
)  # fmt: skip


def requirements():
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(line) for line in [*PROJECT["dependencies"], *sum(extras, [])]]


def pins():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_conda_installs_the_project_with_every_extra_and_the_same_pins():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    plain = [d for d in environment["dependencies"] if isinstance(d, str)]
    pip = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    extras = ",".join(sorted(PROJECT["optional-dependencies"], reverse=True))
    assert plain == [f"python{PROJECT['requires-python']}", "pip"]
    assert pip == ["--constraint constraints.txt", f"--editable .[{extras}]"]


@pytest.mark.parametrize("requirement", requirements(), ids=lambda r: r.name)
def test_every_dependency_is_pinned_to_a_version_it_allows(requirement):
    found = [pin for pin in pins() if pin.name == requirement.name]
    assert found, f"{requirement.name} is not in constraints.txt; run make constraints"
    for pin in found:
        assert requirement.specifier.contains(str(pin.specifier).removeprefix("=="))


def test_the_packages_of_the_design_are_among_them():
    assert set(REQUIRED) <= {requirement.name for requirement in requirements()}


def test_the_lock_names_no_host_and_no_cpu_only_torch():
    text = (ROOT / "constraints.txt").read_text("utf-8")
    assert "://" not in text
    assert re.search(r"^torch==[\d.]+$", text, re.M)


def test_every_variable_is_on_the_page_that_lists_them():
    files = [
        *ROOT.glob("workbench/**/*.py"),
        *ROOT.glob("tests/**/*.py"),
        *ROOT.glob("benchmarks/*.py"),
    ]
    used = {
        name
        for path in files
        for name in re.findall(r"WORKBENCH_[A-Z_]+", path.read_text("utf-8"))
    }
    listed = set(
        re.findall(r"`(WORKBENCH_[A-Z_]+)`", (ROOT / "docs" / "environment.md").read_text("utf-8"))
    )
    assert used == listed
