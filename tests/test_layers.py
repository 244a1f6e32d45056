"""The architecture, read off the imports."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "workbench"
ORDER = (
    "lazy", "errors", "lock", "workspace", "progress", "settings", "cache", "language", "data",
    "metrics",
    "csflow", "autoencoder", "samples", "artifacts", "bulk", "review", "session", "plots", "ui",
    "reports", "service", "app", "demo", "cli",
)  # fmt: skip
ONLY_IN = {
    "matplotlib": {"plots"},
    "seaborn": {"plots"},
    "ipywidgets": {"ui"},
    "papermill": {"reports"},
    "nbconvert": {"reports"},
    "typer": {"cli"},
    "fastapi": {"service"},
    "uvicorn": {"service"},
    "voila": {"app"},
    "anywidget": {"ui"},
    "dask": {"bulk"},
}
FREE_OF = {"data": {"torch", "torchvision"}, "metrics": {"torch", "pandas"}}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def home(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def executed(node):
    """All nodes but those under `if TYPE_CHECKING`, which never run."""
    yield node
    typing_only = isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
    for child in [] if typing_only else ast.iter_child_nodes(node):
        yield from executed(child)


def imports(path):
    """Top-level module names, those of the workbench as "workbench.NAME"."""
    depth = len(path.relative_to(PACKAGE).parts)
    for node in executed(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level < depth or node.level <= 1, f"{path}: import from a parent package"
            if node.level == 1 and depth == 1:
                names = [node.module] if node.module else [alias.name for alias in node.names]
                yield from (f"workbench.{name}" for name in names)
            elif node.level == 0 and node.module == "workbench":
                yield from (f"workbench.{alias.name}" for alias in node.names)
            elif node.level == 0:
                yield node.module


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down_the_list(path):
    here = home(path)
    for name in imports(path):
        top, *rest = name.split(".")
        if top == "workbench":
            assert rest[0] in ORDER, f"{path.name} imports {name}, which has no place in the order"
            if rest[0] != here:
                assert ORDER.index(rest[0]) < ORDER.index(here), f"{here} imports {name}"
        elif top in ONLY_IN:
            assert here in ONLY_IN[top], f"{here} imports {name}"
        assert top not in FREE_OF.get(here, ()), f"{here} imports {name}"


def test_every_module_has_a_place():
    assert {home(path) for path in FILES} <= set(ORDER)


def test_modules_stay_readable():
    long = {p.name: n for p in FILES if (n := len(p.read_text("utf-8").splitlines())) > 400}
    assert not long, f"split along a noun: {long}"


PAGE = re.sub(
    r"```.*?```", "", (PACKAGE.parent / "docs/architecture.md").read_text("utf-8"), flags=re.S
)


@pytest.mark.parametrize(
    ("room", "most"), [("csflow", 1250), ("autoencoder", 550), ("metrics", 320)]
)
def test_what_is_to_be_read_stays_short(room, most):
    modules = re.search(rf"^\| `{room}/` \| \*\*read:\*\* `([^`]+)`", PAGE, re.M)[1].split()
    paths = [PACKAGE / room / f"{module}.py" for module in modules]
    assert len(paths) > 2
    assert sum(len(path.read_text("utf-8").splitlines()) for path in paths) <= most


def test_the_page_on_the_house_names_what_is_there():
    named = re.findall(r"`((?:\w+/)*\w+\.(?:py|toml))`", PAGE)
    assert len(set(named)) > 20
    house = PACKAGE.parent
    assert not [x for x in named if not (house / x).exists() and not list(PACKAGE.rglob(x))]
    within = re.findall(r"`((?:\w+/)+\w+\.py)` `([\w.]+)`", PAGE)
    within += [
        (path, name) for name, path in re.findall(r"`([\w.]+)` in `((?:\w+/)+\w+\.py)`", PAGE)
    ]
    assert len(within) > 8
    for path, name in within:
        source, name = (PACKAGE / path).read_text("utf-8"), name.rpartition(".")[2]
        assert re.search(rf"^\s*(?:def|class) {name}\b", source, re.M), f"{path} has no {name}"


def test_import_is_light():
    code = (
        "import sys, time; start = time.perf_counter(); import workbench; "
        "seconds = time.perf_counter() - start; "
        "heavy = {'torch', 'torchvision', 'matplotlib', 'ipywidgets', 'papermill'}; "
        "heavy &= set(sys.modules); "
        "assert not heavy, heavy; assert seconds < 1, seconds"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_is_there():
    import workbench

    for name in workbench.__all__:
        assert getattr(workbench, name) is not None
    with pytest.raises(AttributeError, match="workbench has no 'Detectr'"):
        workbench.Detectr  # noqa: B018
