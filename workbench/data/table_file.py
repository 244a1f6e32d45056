"""The one way in which we write a CSV file that grows or changes.

After a kill or on a full disk it holds all rows but the one under way; half a row is repaired
before the next one is added, and what was cut is kept beside it in `NAME.cut`. One process writes
it at a time, and a file of another kind is refused before anything is written.
"""

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Generic, TypeVar

from workbench import workspace
from workbench.errors import DataError
from workbench.lock import FileLock

from .csv import BOM, csv_bytes, csv_text, decoded, read_table

Row = TypeVar("Row", bound=Sequence)


class TableFile(Generic[Row]):
    """One CSV of ours, with the header `columns`; `unread` counts rows that could not be used.

    `parse` makes a row of its cells, as many as there are, or raises ValueError. Of the columns
    `needed` must be there, by default all. A `strict` file is refused for a row that cannot be
    used, as nobody could compute it again; its last row is whole without a line break. `lock` is
    the right to write it, with the `remedy` where another process does.

    Example:
        >>> import tempfile
        >>> table = TableFile(Path(tempfile.mkdtemp()) / "a.csv", ("name", "score"), tuple)
        >>> table.open(), table.append(("b.png", 0.5)), table.read()
        ([], None, [('b.png', '0.5')])
    """

    def __init__(
        self,
        path: Path,
        columns: Sequence[str],
        parse: Callable[[list[str]], Row],
        needed: int | None = None,
        *,
        strict: bool = False,
        remedy: str = "wait until it ends, or choose another file",
    ) -> None:
        self.path, self.columns, self.unread = path, tuple(columns), 0
        self.lock = FileLock(path, remedy)
        self._parse, self._needed, self._strict = parse, needed or len(columns), strict
        self._seen: tuple[int, ...] | None = None

    def open(self, *, by_force: bool = False) -> list[Row]:
        """Become the writer, if nobody else is, and read what is there; see `lock.is_ours`."""
        rows = self.read()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self.lock.take(by_force=by_force):
            return rows
        try:
            with self.lock.writing():
                return self._mended()
        except BaseException:
            self.lock.release()
            raise

    def read(self) -> list[Row]:
        """The rows as far as they can be used; `unread` counts the others."""
        return self._read()[0]

    def append(self, row: Row, *, sync: bool = True) -> None:
        """Add a row; it is on the disk before this returns, unless `sync` is off."""
        with self.lock.writing():
            if self._signature() != self._seen:  # somebody else has written
                self._write(self._mended(), keep=True)
            size = self._seen[1] if self._seen else 0
            content = csv_text([row]).encode() if size else csv_bytes([self.columns, row])
            try:
                with self.path.open("ab") as file:
                    file.write(content)
                    file.flush()
                    if sync:
                        os.fsync(file.fileno())
            except BaseException:
                with suppress(OSError):
                    os.truncate(self.path, size)
                raise
            finally:
                self._seen = self._signature()

    def write(self, rows: Iterable[Row], *, keep: bool = False) -> Path | None:
        """Replace all rows in one step; return the former file where it is kept.

        It is kept under a number where `keep` says so, or somebody else has changed it.
        """
        with self.lock.writing():
            return self._write(rows, keep)

    @contextmanager
    def changing(self) -> Iterator[list[Row]]:
        """The rows, to be changed in place: they are written at the end, nobody else in between.

        For a file that several processes change now and then, and none holds.
        """
        with self.lock.alone():
            rows = self._mended()
            former = list(rows)
            yield rows
            if rows != former:
                self._write(rows, keep=False)

    def set_aside(self) -> Path | None:
        """Rename the file to the first free `NAME-1.csv`, `NAME-2.csv` ... and return that."""
        with self.lock.writing():
            kept = self._keep()
            self.path.unlink(missing_ok=True)
            self._seen = None
            return kept

    def _mended(self) -> list[Row]:
        rows, cut, more = self._read()
        if cut:
            with self.path.with_name(self.path.name + ".cut").open("a", encoding="utf-8") as file:
                file.write(cut)
        if cut or more is not None:
            self._write(rows, keep=bool(more))
        return rows

    def _read(self) -> tuple[list[Row], str, bool | None]:
        """The rows, what cannot be used, and whether there are columns beside ours.

        None for the latter: the file is just as we write it.
        """
        self.unread, self._seen = 0, self._signature()
        content = self.path.read_bytes() if self._seen else b""
        header = csv_bytes([self.columns]).removesuffix(b"\n")
        if header.startswith(content) or header.removeprefix(BOM).startswith(content):
            return [], "", False if content else None
        text, torn = decoded(content), ""
        if not self._strict and not text.endswith("\n"):
            whole, _, torn = text.rpartition("\n")
            content = csv_bytes([]) + f"{whole}\n".encode() if whole else content
        try:
            found, ours = read_table(content)
            head, *cells = list(found) or [[]]
        except csv.Error as error:
            raise DataError(f"{self.path} must be a CSV file: {error}") from error
        if tuple(head[: self._needed]) != self.columns[: self._needed]:
            raise DataError(
                f"{self.path.name} must start with the columns "
                f"{','.join(self.columns[: self._needed])}, got {','.join(head)[:80]!r}; choose "
                "another file"
            )
        rows, cut = [], []
        for row in cells:
            try:
                rows.append(self._parse(row))
            except (ValueError, TypeError) as error:
                if self._strict:
                    raise DataError(f"{self.path.name}: {error}, got {row}; mend it") from error
                cut.append(row)
        self.unread = len(cut) + bool(torn)
        as_ours = ours and tuple(head) == self.columns
        more = None if as_ours else len(head) > len(self.columns)
        return rows, csv_text(cut) + torn + "\n" * bool(torn), more

    def _write(self, rows: Iterable[Row], keep: bool) -> Path | None:
        keep = keep or self._seen != self._signature()
        with workspace.written(self.path) as file:
            file.write(csv_bytes([self.columns, *rows]))
            file.flush()
            kept = self._keep() if keep else None
        self._seen = self._signature()
        return kept

    def _keep(self) -> Path | None:
        """Give the file a second name, which needs no space and meets no other file."""
        for number in range(1, 100_000):
            kept = self.path.with_name(f"{self.path.stem}-{number}{self.path.suffix}")
            if kept.exists():
                continue
            try:
                os.link(self.path, kept)
            except FileExistsError:
                continue
            except FileNotFoundError:
                return None
            except OSError:  # a file system without such names
                workspace.write(kept, self.path.read_bytes())
            return kept
        raise DataError(f"{self.path.parent} must have room for one more {self.path.stem}-N")

    def _signature(self) -> tuple[int, ...] | None:
        with suppress(FileNotFoundError):
            about = self.path.stat()
            return about.st_ino, about.st_size, about.st_mtime_ns
        return None


def require_columns(path: Path, columns: Sequence[str]) -> None:
    """Refuse to replace a file that is not a table with these columns, in any order."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        start = file.readline(1 << 16)
        found = next(csv.reader([decoded(start).strip()]), []) if start else columns
        if missing := [name for name in columns if name not in found]:
            raise DataError(
                f"{path} must be free or a file to replace with the columns {', '.join(columns)}, "
                f"lacks {', '.join(missing)}; choose another file"
            )
