"""A folder of what was computed before: one small file an entry, bounded in size.

An entry is named by a hash of all that it depends on, so it is never out of date, and the folder
may be deleted at any time. It appears under its name only when it is whole, and a damaged one
counts as missing; any number of processes may use one folder. What was used longest ago goes
when the limit is reached.
"""

import os
import warnings
import zlib
from pathlib import Path

from workbench import workspace


class Cache:
    """Bytes by name in a folder.

    Args:
        folder: Made when the first entry is written.

    Example:
        >>> import tempfile
        >>> cache = Cache(Path(tempfile.mkdtemp()), limit=1000)
        >>> cache.read("a1f0")
        >>> cache.write("a1f0", b"computed")
        True
        >>> cache.read("a1f0")
        b'computed'
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit
        self._broken = False

    def read(self, key: str) -> bytes | None:
        """The content of an entry; None where there is no sound one."""
        path = self.folder / key
        try:
            content = path.read_bytes()
            os.utime(path)  # used just now
        except OSError:
            return None
        content, check = content[:-4], content[-4:]
        return content if check == _check(content) else None

    def write(self, key: str, content: bytes) -> bool:
        """Keep an entry, if possible; after a failure, which is warned of, no more is tried."""
        if self._broken:
            return False
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with workspace.written(self.folder / key, sync=False) as file:
                file.write(content + _check(content))
        except OSError as error:
            self._broken = True
            warnings.warn(f"nothing more is kept in {self.folder}: {error}", stacklevel=3)
        return not self._broken

    def trim(self) -> None:
        """Delete what was used longest ago until the limit is kept."""
        entries = []
        for entry in os.scandir(self.folder) if self.folder.is_dir() else ():
            try:
                about = entry.stat()
            except FileNotFoundError:  # another process trims too
                continue
            if not entry.name.startswith("."):
                entries.append((about.st_mtime, about.st_size, entry.path))
        surplus = sum(size for _, size, _ in entries) - self.limit
        for _, size, path in sorted(entries):
            if surplus <= 0:
                break
            Path(path).unlink(missing_ok=True)
            surplus -= size


def _check(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(4, "little")
