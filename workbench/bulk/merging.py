"""Score files of shares, joined into one."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from workbench import workspace
from workbench.data.csv import csv_bytes
from workbench.data.opening import is_remote
from workbench.data.photo_lists import read_photos
from workbench.data.table_file import TableFile
from workbench.errors import DataError

from .files import COLUMNS, cells, read_about, write_about
from .part_columns import PART_COLUMNS, with_parts


class Merged(NamedTuple):
    """What was joined: rows, names that stood in several files, names of photos without a row."""

    rows: int
    duplicates: tuple[str, ...]
    gaps: tuple[str, ...]

    def describe(self) -> str:
        """One line with the figures, and one for each kind of trouble."""
        lines = [f"{self.rows} photos"]
        for names, what in ((self.duplicates, "in several files"), (self.gaps, "without a row")):
            if names:
                shown = ", ".join(names[:5]) + f" and {len(names) - 5} more" * (len(names) > 5)
                lines.append(f"{len(names)} {what}: {shown}")
        return "\n".join(lines)


def merge(
    files: Sequence[Path | str], out: Path | str, *, photos: Path | str | None = None
) -> Merged:
    """Join the score files of shards into one, in the order of the names.

    A photo in several files has one row: that with a score. Again over the same files it gives
    the same file, byte for byte.

    Args:
        files: As `score_folder` wrote them.
        out: A CSV file, which `score_folder` can continue, or a Parquet file.
        photos: The folder, to name those without a row; by default that which the files name,
            if it is there.

    Raises:
        DataError: Files of several detectors or thresholds, two scores of one photo, or no
            score file.
    """
    rows, duplicates = dict[str, list[str]](), set[str]()
    about = [read_about(Path(path)) for path in files]
    for what in ("detector", "threshold", "photos", "rule"):
        if len({fact[what] for fact in about if what in fact}) > 1:
            raise DataError(f"files of one run are needed, got several of another {what}")
    for path in map(Path, files):
        if not path.is_file():
            raise DataError(f"{path} must be a score file; there is no such file")
        for row in TableFile(path, COLUMNS, cells).read():
            other = rows.get(row[0])
            if other:
                duplicates.add(row[0])
                if row[3] and other[3] and row[3] != other[3]:
                    raise DataError(
                        f"{row[0]} must have one score, got {other[3]}, and {row[3]} in {path}"
                    )
            if not other or row[3]:
                rows[row[0]] = row
    joined = [rows[name] for name in sorted(rows)]
    common = {key: value for fact in about for key, value in fact.items() if key != "shard"}
    if rule := common.get("rule"):
        joined = with_parts(joined, common["threshold"], rule)
    _write(Path(out), joined, (*COLUMNS, *PART_COLUMNS) if rule else COLUMNS)
    write_about(Path(out), common | {"shard": ""})
    wanted = photos or common.get("photos", "")
    gaps = tuple(sorted(set(_listed(str(wanted))) - set(rows))) if wanted else ()
    return Merged(len(joined), tuple(sorted(duplicates)), gaps)


def _listed(photos: str) -> Iterable[str]:
    place = photos if is_remote(photos) else workspace.resolve(photos)
    return read_photos(place)[0] if is_remote(place) or Path(place).is_dir() else ()


def _write(out: Path, rows: list[list[str]], columns: Sequence[str]) -> None:
    if out.suffix == ".parquet":
        table = pd.DataFrame(rows, columns=columns)
        table["anomaly score"] = pd.to_numeric(table["anomaly score"])
        try:
            with workspace.written(out) as file:
                table.to_parquet(file, index=False)
        except ImportError as error:
            raise DataError("Parquet needs pyarrow: pip install 'workbench[tables]'") from error
        return
    workspace.write(out, csv_bytes([columns, *rows]))
