"""Where `data/`, `models/`, `reports/` and `notebooks/` are.

Notebooks run in `notebooks/`, papermill in the repository, the command line anywhere, and
all must mean the same folders. The workspace is, in this order: `$WORKBENCH_HOME`; the
nearest folder upwards that holds a `notebooks/` and a `models/` folder; where we are.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def root() -> Path:
    """The workspace folder, absolute.

    Example:
        >>> root().is_absolute()
        True
    """
    return _found() or Path.cwd()


def cache() -> Path | None:
    """`models/.cache`, which may be deleted at any time; None where there is no workspace."""
    return home / "models" / ".cache" if (home := _found()) else None


def data(name: str) -> Path:
    """`data/NAME` in the workspace; the pump is the file `data/pump.csv`."""
    return root() / "data" / name


def model(name: str) -> Path:
    """`models/NAME` in the workspace, a saved detector."""
    return root() / "models" / name


def report(name: str) -> Path:
    """`reports/NAME` in the workspace, what one dataset's report leaves."""
    return root() / "reports" / name


def notebook(name: str) -> Path:
    """`notebooks/NAME.ipynb`, of the workspace or else of the repository we are installed from."""
    here = Path(__file__).parents[1]
    candidates = [folder / "notebooks" / f"{name}.ipynb" for folder in (root(), here)]
    return next((path for path in candidates if path.is_file()), candidates[0])


def portable(path: Path | str) -> str:
    """The path relative to the workspace where it lies inside or beside it, else absolute.

    Models and reports are moved together with their workspace; an absolute path would break.
    """
    path = Path(path).resolve()
    return Path(os.path.relpath(path, root())).as_posix() if _near(path) else path.as_posix()


def resolve(path: Path | str) -> Path:
    """Undo `portable`: a relative path is meant from the workspace."""
    return Path(os.path.normpath(root() / path))


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder` that takes its place at the end, or vanishes on an error.

    So what stands under a name is always whole: the former contents or the new ones.
    """
    part, old = (
        folder.with_name(f".{folder.name}.{os.getpid()}.{end}") for end in ("part", "old")
    )
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        if folder.exists():
            folder.rename(old)
        part.rename(folder)
    except BaseException:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _found() -> Path | None:
    if home := os.environ.get("WORKBENCH_HOME"):
        return Path(home).resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "notebooks").is_dir() and (folder / "models").is_dir():
            return folder
    return None


def _near(path: Path) -> bool:
    return path.is_relative_to(root()) or path.is_relative_to(root().parent)
