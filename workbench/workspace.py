"""Where `data/`, `models/`, `reports/` and `notebooks/` are.

Notebooks run in `notebooks/`, papermill in the repository, the command line anywhere, and
all must mean the same folders. The workspace is, in this order: `$WORKBENCH_HOME`; the
nearest folder upwards that holds a `notebooks/` and a `models/` folder; where we are.
"""

import ctypes
import os
import re
import secrets
import shutil
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from .errors import ArtifactError

ABANDONED = 86400.0  # seconds after which nobody works on a part any more
LONGEST = 150  # bytes of a name; the parts of its files need room for more
_HOST = f"{zlib.crc32(socket.gethostname().encode()):08x}"
_PART = re.compile(r"\..+\.(?:([0-9a-f]{8})-)?(\d+)(?:-[0-9a-f]{8})?\.part", re.DOTALL)
_swept: set[Path] = set()
_HERE, _EXCHANGE = -100, 2  # AT_FDCWD of Linux; RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS


def root() -> Path:
    """The workspace folder, absolute."""
    return _found() or Path.cwd()


def cache() -> Path | None:
    """`models/.cache`, which may be deleted at any time; None where there is no workspace."""
    return home / "models" / ".cache" if (home := _found()) else None


def user_cache() -> Path:
    """`$WORKBENCH_CACHE`, or a folder of the user's own: nobody mails it, or gets it by mail."""
    import platformdirs  # each system has another place for it

    given = os.environ.get("WORKBENCH_CACHE")
    return Path(given).resolve() if given else platformdirs.user_cache_path("workbench", False)


def data(name: str) -> Path:
    """`data/NAME` in the workspace; the pump is the file `data/pump.csv`."""
    return root() / "data" / name


def model(name: str) -> Path:
    """`models/NAME` in the workspace, a saved detector.

    Raises:
        ArtifactError: The name is a path, hidden or otherwise not `plain`.
    """
    return root() / "models" / plain(name)


def report(name: str) -> Path:
    """`reports/NAME` in the workspace, what one dataset's report leaves."""
    return root() / "reports" / name


def plain(name: str) -> str:
    """The name, if it can be that of a model, a folder under `models/`; else ArtifactError."""
    if len(name.encode(errors="replace")) > LONGEST:
        raise ArtifactError(f"a name must have at most {LONGEST} bytes, got {name[:20]!r}...")
    if not name or name != name.strip("./\\ ") or set(name) & set("/\\") or not name.isprintable():
        stem = Path(name).stem.strip()
        hint = f"; did you mean {stem}?" if stem.isprintable() and stem not in ("", name) else ""
        raise ArtifactError(f"a model's name must be a plain folder name, got {name!r}{hint}")
    return name


def notebook(name: str) -> Path:
    """`notebooks/NAME.ipynb` of the workspace, or else of what is installed.

    The repository keeps its notebooks beside the package, a wheel brings them inside it.
    """
    package = Path(__file__).parent
    homes = (root(), package.parent, package)
    candidates = [folder / "notebooks" / f"{name}.ipynb" for folder in homes]
    return next((path for path in candidates if path.is_file()), candidates[0])


def portable(path: Path | str) -> str:
    """The path relative to the workspace where it lies inside or beside it, else absolute.

    Models and reports are moved together with their workspace; an absolute path would break.
    """
    path = Path(path).resolve()
    near = path.is_relative_to(root()) or path.is_relative_to(root().parent)
    return Path(os.path.relpath(path, root())).as_posix() if near else path.as_posix()


def resolve(path: Path | str) -> Path:
    """Undo `portable`: a relative path is meant from the workspace."""
    return Path(os.path.normpath(root() / path))


@contextmanager
def written(path: Path | str, sync: bool = True) -> Iterator[IO[bytes]]:
    """A new file beside `path` that takes its place at the end, or vanishes on an error.

    What stands under the name is always whole: the former file or the new one, on disk before
    it gets the name. Caches, which check what they read, do without the wait for the disk.

    Raises:
        OSError: The folder cannot be written, or the disk is full.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "note.txt"
        ...     with written(path) as file:
        ...         _ = file.write(b"whole")
        ...     path.read_bytes(), len(list(path.parent.iterdir()))
        (b'whole', 1)
    """
    path = Path(path).resolve()
    part = _part(path)
    try:
        with part.open("xb") as file:
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write(path: Path | str, content: bytes | str, sync: bool = True) -> None:
    """Make this the content of a file, as `written` does; text as UTF-8."""
    with written(path, sync) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder` that takes its place at the end, or vanishes on an error.

    So what stands under a name is always whole: the former contents or the new ones. Linux and
    macOS swap two folders in one step, so this holds even for a process that is killed; on file
    systems that cannot, the name is free for the moment between two renames.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = _part(folder)
    part.mkdir()
    try:
        yield part
        _place(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def require_room(path: Path) -> None:
    """Make sure that this can be written, before hours of work for it; OSError if not."""
    path.exists()  # a name that is too long
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path)
    part.mkdir()
    part.rmdir()


def _part(path: Path) -> Path:
    """A name beside `path` that says whose it is; what dead processes left there goes."""
    if path.parent not in _swept:
        _swept.add(path.parent)
        for left in path.parent.glob(".*.part"):
            with suppress(OSError):
                if _abandoned(left):
                    shutil.rmtree(left) if left.is_dir() else left.unlink()
    tag = f"{_HOST}-{os.getpid()}-{secrets.token_hex(4)}"
    return path.with_name(f".{path.name[:40]}.{tag}.part")


def _abandoned(left: Path) -> bool:
    if not (found := _PART.fullmatch(left.name)):
        return False
    since = left.stat().st_mtime
    if found[1] != _HOST:  # of another machine, or of a former program
        return since < time.time() - ABANDONED
    from .lock import alive

    return not alive(int(found[2]), since)


def _place(part: Path, folder: Path) -> None:
    if not folder.exists():
        part.rename(folder)
    elif not _swapped(part, folder):
        old = part.with_suffix(".old")
        folder.rename(old)
        try:
            part.rename(folder)
        except BaseException:
            old.rename(folder)
            raise
        shutil.rmtree(old, ignore_errors=True)


def _swapped(one: Path, other: Path) -> bool:
    """Exchange the names of two folders in one step, where system and file system can."""
    library = ctypes.CDLL(None) if os.name == "posix" else None
    names = os.fsencode(one), os.fsencode(other)
    if hasattr(library, "renameat2"):  # Linux
        return library.renameat2(_HERE, names[0], _HERE, names[1], _EXCHANGE) == 0
    if hasattr(library, "renamex_np"):  # macOS
        return library.renamex_np(*names, _EXCHANGE) == 0
    return False


def _found() -> Path | None:
    if home := os.environ.get("WORKBENCH_HOME"):
        return Path(home).resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "notebooks").is_dir() and (folder / "models").is_dir():
            return folder
    return None
