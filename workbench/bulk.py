"""A folder of any size, scored into a CSV file that grows while it runs.

What is in the file is not scored again: a run that was stopped goes on where it was. Memory holds
a few batches and the names that are done, for any number of images.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from workbench import workspace
from workbench.csflow.batches import decoded, stacked
from workbench.data.csv import csv_bytes, csv_text, read_table
from workbench.data.decode import ImageSource
from workbench.data.layouts import read_photos
from workbench.data.walk import BadFile
from workbench.errors import DataError
from workbench.progress import bar

if TYPE_CHECKING:
    from workbench.autoencoder import AutoEncoderDetector
    from workbench.csflow.detector import CSFlowDetector
    from workbench.data import SensorTable

ROW_COLUMNS = ("line", "time", "anomaly score", "prediction", "top sensor", "error")
COLUMNS = ("file name", "label", "prediction", "anomaly score", "error")


class Scored(NamedTuple):
    """One image of a stream: its score, or NaN and why there is none."""

    source: ImageSource
    score: float
    error: str = ""


@dataclass(frozen=True)
class Bulk:
    """What a run did: images scored now, of them NG, unreadable ones, those done before."""

    scored: int
    ng: int
    unreadable: int
    before: int
    seconds: float
    left_alone: tuple[BadFile, ...] = ()

    def describe(self) -> str:
        """One line with the figures, and one for each file or folder that was left alone."""
        return (
            f"{self.scored} scored ({self.scored / self.seconds:.1f} a second), {self.ng} NG, "
            f"{self.unreadable} unreadable, {self.before} done before"
        ) + "".join(f"\nleft alone: {name} ({reason})" for name, reason in self.left_alone)


def stream(detector: "CSFlowDetector", sources: Iterable[ImageSource]) -> Iterator[Scored]:
    """Yield scores one by one, in order, of any number of images in bounded memory.

    An image that cannot be read has the score NaN and says why in `.error`.

    Example:
        for source, score, error in stream(detector, Path("line 3").rglob("*.jpg")): ...
    """
    engine, config = detector.prepare(), detector.config
    for squares in decoded(sources, config.image_size, config.batch, config.white):
        good = [square for square in squares if not square.error]
        values = iter(detector.score_latents(engine(stacked(good))) if good else ())
        for square in squares:
            value = float("nan") if square.error else float(next(values))
            yield Scored(square.source, value, square.error)


def score_folder(
    detector: "CSFlowDetector", folder: Path | str, out: Path | str, *, progress: bool = True
) -> Bulk:
    """Append one row an image to a CSV file, in the order of the names.

    Columns are those of a result file: file name (relative to the folder), label (OK or NG
    where its folders say so), prediction, anomaly score; and error, for a file that cannot be
    read: it has no score, and is tried again by the next run. Masks are not scored.

    Args:
        detector: Fitted or loaded.
        folder: Looked through with all its sub-folders, by the same walk as training's.
        out: The file; made if it is not there, continued if it is.
        progress: Show images a second and the time left.

    Raises:
        DataError: No such folder, or the file holds something else or another detector's scores.
    """
    folder, out = Path(folder), Path(out)
    labels, left_alone = read_photos(folder)
    done = _resumed(out, detector, folder)
    start, counts = time.perf_counter(), {"scored": 0, "ng": 0, "unreadable": 0}
    names = [name for name in labels if name not in done]
    with (
        out.open("ab") as file,
        bar(total=len(names), desc="score", unit="img", progress=progress) as shown,
    ):
        if not out.stat().st_size:
            file.write(csv_bytes([COLUMNS]))
        for scored in stream(detector, (folder / name for name in names)):
            name = scored.source.relative_to(folder).as_posix()
            ng = scored.score >= detector.threshold
            counts["unreadable" if scored.error else "scored"] += 1
            counts["ng"] += bool(ng)
            _write(file, name, labels[name], scored.score, "NG" if ng else "OK", scored.error)
            shown.update()
    seconds = time.perf_counter() - start
    return Bulk(**counts, before=len(done), seconds=seconds, left_alone=tuple(left_alone))


def score_rows(detector: "AutoEncoderDetector", rows: "SensorTable", out: Path | str) -> Bulk:
    """Write one line a row to a CSV file, which is replaced as a whole.

    Columns are `ROW_COLUMNS`: the line of the file that the row is in, its time, score, verdict
    and the sensor with the largest share of the error; and error, for a row that was left out.
    A recording of several files has their names in front.

    Raises:
        OSError: The file cannot be written.
        ValueError: Rows of other columns than the detector's.
    """
    start = time.perf_counter()
    scores, top = detector.score(rows), detector.blame(rows).argmax(1)
    flags = scores >= detector.threshold
    times = [""] * len(rows) if rows.time is None else rows.time.astype(str)
    files = None if rows.files is None else rows.files.tolist()
    columns = ROW_COLUMNS if files is None else ("file", *ROW_COLUMNS)
    judged = zip(
        rows.lines.tolist(), times, scores.tolist(), flags.tolist(), top.tolist(), strict=True
    )
    lines: list[tuple] = [
        (line, at, score, "NG" if ng else "OK", rows.columns[sensor], "")
        for line, at, score, ng, sensor in judged
    ]
    if files is not None:
        lines = [(name, *row) for name, row in zip(files, lines, strict=True)]
    blank = ("",) * (len(columns) - 6)
    lines += [(*blank, line, "", "", "", "", reason) for line, reason in rows.bad]
    if files is None:
        lines.sort(key=lambda row: row[0])
    with workspace.written(Path(out)) as file:
        file.write(csv_bytes([columns, *lines]))
    return Bulk(len(rows), int(flags.sum()), len(rows.bad), 0, time.perf_counter() - start)


def _write(
    file: BinaryIO, name: str, ng: bool | None, score: float, prediction: str, error: str
) -> None:
    label = "" if ng is None else "NG" if ng else "OK"
    row = [name, label, "", "", error] if error else [name, label, prediction, repr(score), ""]
    file.write(csv_text([row]).encode())
    file.flush()  # what is scored stays, also after a power cut


def _resumed(out: Path, detector: "CSFlowDetector", folder: Path) -> set[str]:
    """Names that have a score; rows without one, and one cut short, are taken out."""
    if not out.exists() or not out.stat().st_size:
        return set()
    rows, _ = read_table(out)
    if tuple(next(rows, ())) != COLUMNS:
        raise DataError(f"{out} must be empty or have the columns {', '.join(COLUMNS)}")
    good = (row for row in rows if len(row) == len(COLUMNS) and row[3])
    first = next(good, None)
    if first:
        _same_detector(out, first, detector, folder)
    done = set()
    with workspace.written(out) as kept:
        kept.write(csv_bytes([COLUMNS]))
        for row in chain([first] if first else [], good):
            kept.write(csv_text([row]).encode())
            done.add(row[0])
    return done


def _same_detector(out: Path, row: list[str], detector: "CSFlowDetector", folder: Path) -> None:
    """Scores of two detectors in one file would be worthless."""
    (again,) = stream(detector, [folder / row[0]])
    if not again.error and abs(again.score - float(row[3])) > 1e-3 * abs(again.score):
        raise DataError(
            f"{out} must hold scores of this detector to be continued, but {row[0]} has "
            f"{float(row[3]):.6g} there and {again.score:.6g} here; choose another file"
        )
