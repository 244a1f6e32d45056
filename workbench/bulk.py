"""A folder of any size, scored into a CSV file that grows while it runs.

What is in the file is not scored again: a run that was stopped goes on where it was. Memory holds
a few batches and the names that are done, for any number of images.
"""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench import artifacts, workspace
from workbench.csflow.batches import decoded, stacked
from workbench.data.csv import csv_bytes
from workbench.data.decode import ImageSource
from workbench.data.layouts import read_photos
from workbench.data.table_file import TableFile, require_columns
from workbench.data.walk import BadFile
from workbench.errors import DataError
from workbench.progress import bar

if TYPE_CHECKING:
    from workbench.autoencoder import AutoEncoderDetector
    from workbench.csflow.detector import CSFlowDetector
    from workbench.data import SensorTable

SYNC = 1.0  # seconds of scores that a power cut may cost
ROW_COLUMNS = ("line", "time", "anomaly score", "prediction", "top sensor", "error")
COLUMNS = ("file name", "label", "prediction", "anomaly score", "error")


class Scored(NamedTuple):
    """One image of a stream: its score, or NaN and why there is none."""

    source: ImageSource
    score: float
    error: str = ""


@dataclass(frozen=True)
class Bulk:
    """What a run did: images scored now, of them NG, unreadable ones, those done before.

    `rejudged`: how many of those before have another verdict at the present threshold.
    """

    scored: int
    ng: int
    unreadable: int
    before: int
    seconds: float
    left_alone: tuple[BadFile, ...] = ()
    rejudged: int = 0

    def describe(self) -> str:
        """One line with the figures, and one for each file or folder that was left alone."""
        return (
            f"{self.scored} scored ({self.scored / self.seconds:.1f} a second), {self.ng} NG, "
            f"{self.unreadable} unreadable, {self.before} done before"
            + f", of them {self.rejudged} with another verdict at this threshold"
            * (self.rejudged > 0)
        ) + "".join(f"\nleft alone: {name} ({reason})" for name, reason in self.left_alone)


def stream(detector: "CSFlowDetector", sources: Iterable[ImageSource]) -> Iterator[Scored]:
    """Yield scores one by one, in order, of any number of images in bounded memory.

    An image that cannot be read has the score NaN and says why in `.error`.

    Example:
        for source, score, error in stream(detector, Path("line 3").rglob("*.jpg")): ...
    """
    engine, config = detector.prepare(), detector.config
    for squares in decoded(sources, config.size, config.together, config.white):
        good = [square for square in squares if not square.error]
        values = iter(detector.score_latents(engine(stacked(good))) if good else ())
        for square in squares:
            value = float("nan") if square.error else float(next(values))
            error = square.error or ("" if isfinite(value) else "the detector gives no number")
            yield Scored(square.source, value, error)


def score_folder(
    detector: "CSFlowDetector", folder: Path | str, out: Path | str, *, progress: bool = True
) -> Bulk:
    """Append one row an image to a CSV file, in the order of the names.

    Columns are those of a result file: file name (relative to the folder), label (OK or NG
    where its folders say so), prediction, anomaly score; and error, for a file that cannot be
    read: it has no score, and is tried again by the next run. Masks are not scored. Verdicts of
    former runs follow the detector's present threshold; then the former file is kept.

    Args:
        detector: Fitted or loaded.
        folder: Looked through with all its sub-folders, by the same walk as training's.
        out: The file; made if it is not there, continued if it is.
        progress: Show images a second and the time left.

    Raises:
        DataError: No such folder, the file holds something else or another detector's scores, or
            another process writes it.
    """
    folder, out = Path(folder), Path(out)
    labels, left_alone = read_photos(folder)
    table = TableFile(out, COLUMNS, _cells)
    try:
        done, rejudged = _resumed(table, detector, folder)
        start, counts, synced = time.perf_counter(), {"scored": 0, "ng": 0, "unreadable": 0}, 0.0
        names = [name for name in labels if name not in done]
        with bar(total=len(names), desc="score", unit="img", progress=progress) as shown:
            for scored in stream(detector, (folder / name for name in names)):
                name = scored.source.relative_to(folder).as_posix()
                row = _row(name, labels[name], scored, detector.threshold)
                counts["unreadable" if scored.error else "scored"] += 1
                counts["ng"] += row[2] == "NG"
                if due := time.perf_counter() - synced > SYNC:
                    synced = time.perf_counter()
                table.append(row, sync=due)
                shown.update()
    finally:
        table.lock.release()
    seconds = time.perf_counter() - start
    return Bulk(
        **counts,
        before=len(done),
        rejudged=rejudged,
        seconds=seconds,
        left_alone=tuple(left_alone),
    )


def score_rows(detector: "AutoEncoderDetector", rows: "SensorTable", out: Path | str) -> Bulk:
    """Write one line a row to a CSV file, which is replaced as a whole.

    Columns are `ROW_COLUMNS`: the line of the file that the row is in, its time, score, verdict
    and the sensor with the largest share of the error; and error, for a row that was left out.
    A recording of several files has their names in front.

    Raises:
        DataError: The file holds something else.
        OSError: It cannot be written.
        ValueError: Rows of other columns than the detector's.
    """
    require_columns(Path(out), ROW_COLUMNS)
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


def _row(name: str, ng: bool | None, scored: Scored, threshold: float) -> list[str]:
    label = "" if ng is None else "NG" if ng else "OK"
    if scored.error:
        return [name, label, "", "", scored.error]
    return [name, label, _verdict(scored.score, threshold), repr(scored.score), ""]


def _verdict(score: float, threshold: float) -> str:
    return "NG" if score >= threshold else "OK"


def _cells(row: list[str]) -> list[str]:
    name, label, prediction, score, error = row
    if score and not isfinite(float(score)):
        raise ValueError("a score must be a number")
    return [name, label, prediction, score, error]


def _resumed(table: TableFile, detector: "CSFlowDetector", folder: Path) -> tuple[set[str], int]:
    """Names that have a score, and how many verdicts were another at the former threshold.

    Rows without a score are taken out. Beside the file, `NAME.json` says whose scores they are.
    """
    rows = table.open()
    table.lock.check()
    about = {
        "detector": artifacts.identity(detector),
        "photos": workspace.portable(folder),
        "threshold": float(detector.threshold),
    }
    beside = table.path.with_name(table.path.name + ".json")
    good = {row[0]: row for row in rows if row[3]}
    if good:
        _same_detector(table.path, list(good.values()), _known(beside), about, detector, folder)
    judged = [
        [name, label, _verdict(float(score), detector.threshold), score, ""]
        for name, label, _, score, _ in good.values()
    ]
    rejudged = sum(row[2] != good[row[0]][2] for row in judged)
    if judged != rows:
        table.write(judged, keep=rejudged > 0)
    with workspace.written(beside) as file:
        file.write(json.dumps(about, indent=2, ensure_ascii=False).encode())
    return set(good), rejudged


def _known(beside: Path) -> dict[str, Any]:
    try:
        found = json.loads(beside.read_text("utf-8"))
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def _same_detector(
    out: Path,
    rows: list[list[str]],
    known: dict[str, Any],
    about: dict[str, Any],
    detector: "CSFlowDetector",
    folder: Path,
) -> None:
    """Scores of two detectors, or of other photos, in one file would be worthless."""
    must = f"{out} must hold scores of this detector and these photos to be continued"
    if known.get("detector", about["detector"]) != about["detector"]:
        raise DataError(f"{must}, but is of another detector; choose another file")
    first_middle_last = {
        row[0]: float(row[3]) for row in (rows[0], rows[len(rows) // 2], rows[-1])
    }
    again = list(stream(detector, (folder / name for name in first_middle_last)))
    for scored, (name, score) in zip(again, first_middle_last.items(), strict=True):
        if not scored.error and abs(scored.score - score) > 1e-3 * abs(scored.score):
            raise DataError(
                f"{must}, but {name} has {score:.6g} there and {scored.score:.6g} here; choose "
                "another file"
            )
    if known.get("photos") != about["photos"] and all(scored.error for scored in again):
        raise DataError(f"{must}, but none of its photos can be read here; choose another file")
