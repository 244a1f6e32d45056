"""A folder of any size, scored into a CSV file that grows while it runs.

What is in the file is not scored again: a run that was stopped goes on where it was. Memory holds
a few batches and the names that are done, for any number of images.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import artifacts, workspace
from workbench.data.csv import csv_bytes
from workbench.data.opening import ImageSource, is_remote
from workbench.data.photo_lists import read_photos
from workbench.data.table_file import TableFile, require_columns
from workbench.data.walk import BadFile
from workbench.errors import DataError
from workbench.progress import bar

from .part_columns import PART_COLUMNS, parts_of, rule_of, with_parts
from .shards import Shard
from .streaming import Scored, stream

if TYPE_CHECKING:
    from workbench.autoencoder import AutoEncoderDetector
    from workbench.csflow.detector import CSFlowDetector
    from workbench.data import SensorTable

SYNC = 1.0  # seconds of scores that a power cut may cost
ROW_COLUMNS = ("line", "time", "anomaly score", "prediction", "top sensor", "error")
COLUMNS = ("file name", "label", "prediction", "anomaly score", "error")


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


def score_folder(
    detector: "CSFlowDetector",
    folder: Path | str,
    out: Path | str,
    *,
    shard: Shard | None = None,
    by: Callable[[Iterable[ImageSource]], Iterator[Scored]] | None = None,
) -> Bulk:
    """Append one row an image to a CSV file, in the order of the names.

    Columns are those of a result file: file name (relative to the folder), label (OK or NG
    where its folders say so), prediction, anomaly score; and error, for a file that cannot be
    read: it has no score, and is tried again by the next run. Masks are not scored. Verdicts of
    former runs follow the detector's present threshold; then the former file is kept. Where the
    detector knows which photos show one part, `PART_COLUMNS` follow: part and, once all photos
    are scored (of shares: once they are merged), the verdict on it by the detector's rule.

    Args:
        folder: Looked through with all its sub-folders, by the same walk as training's; or the
            address of one, as s3://bucket/line3.
        out: The file; made if it is not there, continued if it is.
        shard: Only the photos of this share, which others score elsewhere.
        by: What scores, in order: by default `stream`; `partial(score, model=..., client=...)`.

    Raises:
        DataError: No such folder, no photo in it, the file holds something else or another
            detector's scores, or another process writes it.
    """
    out, remote = Path(out), is_remote(folder)
    labels, left_alone = read_photos(folder)
    if not labels:
        raise DataError(f"{folder} must hold photos, and holds none; see workbench data check")
    place = str(folder).rstrip("/") if remote else str(Path(folder).absolute())
    rule = rule_of(detector.data)
    parts = parts_of(detector.data, place, list(labels)) if rule else {}
    columns = (*COLUMNS, *PART_COLUMNS) if rule else COLUMNS
    table = TableFile(out, columns, cells, len(COLUMNS))
    about = {
        "detector": artifacts.identity(detector),
        "photos": place if remote else workspace.portable(folder),
        "shard": str(shard or ""),
        "threshold": float(detector.threshold),
        "rule": rule,
    }
    try:
        done, rejudged = _resumed(table, detector, place, about, parts)
        start, counts, synced = time.perf_counter(), {"scored": 0, "ng": 0, "unreadable": 0}, 0.0
        names = [name for name in labels if name not in done and (not shard or shard.has(name))]
        with bar(total=len(names), desc="score", unit="img", progress=True) as shown:
            scores = (by or partial(stream, detector))(f"{place}/{name}" for name in names)
            for name, scored in zip(names, scores, strict=True):
                row = _row(name, labels[name], scored, detector.threshold, place)
                row += [parts[name], ""] if rule else []
                counts["unreadable" if scored.error else "scored"] += 1
                counts["ng"] += row[2] == "NG"
                if due := time.perf_counter() - synced > SYNC:
                    synced = time.perf_counter()
                table.append(row, sync=due)
                shown.update()
        if rule and not shard:
            table.write(with_parts(table.read(), float(detector.threshold), rule))
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
    """Write one line a row to a CSV file; one of the same detector and rows is replaced.

    Columns are `ROW_COLUMNS`: the line of the file that the row is in, its time, score, verdict
    and the sensor with the largest share of the error; and error, for a row that was left out.
    A recording of several files has their names in front.

    Raises:
        DataError: The file holds something else, or scores of another detector or of other rows.
        OSError: It cannot be written.
        ValueError: Rows of other columns than the detector's.
    """
    require_columns(Path(out), ROW_COLUMNS)
    about = {
        "detector": artifacts.identity(detector),
        "rows": workspace.portable(rows.source),
        "threshold": float(detector.threshold),
    }
    _refuse_others(Path(out), about)
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
    write_about(Path(out), about)
    workspace.write(out, csv_bytes([columns, *lines]))
    return Bulk(len(rows), int(flags.sum()), len(rows.bad), 0, time.perf_counter() - start)


def _refuse_others(out: Path, about: Mapping[str, Any]) -> None:
    """Keep the scores of another detector, or of other rows, from being replaced."""
    if not out.exists() or not out.stat().st_size:
        return
    former = read_about(out)
    for what, others in (("detector", "another detector"), ("rows", "other rows")):
        if former.get(what) != about[what]:
            of = f"of {others}" if what in former else "not said whose"
            raise DataError(
                f"{out} must hold scores of this detector and these rows to be replaced, but they "
                f"are {of}; choose another file (--out), or delete this one"
            )


def _row(name: str, ng: bool | None, scored: Scored, threshold: float, place: str) -> list[str]:
    label = "" if ng is None else "NG" if ng else "OK"
    if scored.error:
        return [name, label, "", "", scored.error.replace(f"{place}/", "")]
    return [name, label, _verdict(scored.score, threshold), repr(scored.score), ""]


def _verdict(score: float, threshold: float) -> str:
    return "NG" if score >= threshold else "OK"


def cells(row: list[str]) -> list[str]:
    """A row as it is read; ValueError where it is none of a score file."""
    name, label, prediction, score, error, *part = row
    if score and not isfinite(float(score)):
        raise ValueError("a score must be a number")
    return [name, label, prediction, score, error, *part[: len(PART_COLUMNS)]]


def _resumed(
    table: TableFile, detector: "CSFlowDetector", place: str, about: Mapping[str, Any],
    parts: Mapping[str, str],
) -> tuple[set[str], int]:  # fmt: skip
    """Names that have a score, and how many verdicts were another at the former threshold.

    Rows without a score are taken out. Beside the file, `NAME.json` says whose scores they are.
    """
    rows = table.open()
    table.lock.check()
    good = {row[0]: row for row in rows if row[3]}
    if good:
        former = read_about(table.path)
        _same_detector(table.path, list(good.values()), former, about, detector, place)
    judged = [
        [name, label, _verdict(float(score), detector.threshold), score, ""]
        + ([parts.get(name, name), ""] if about["rule"] else [])
        for name, label, _, score, *_ in good.values()
    ]
    rejudged = sum(row[2] != good[row[0]][2] for row in judged)
    if judged != rows:
        table.write(judged, keep=rejudged > 0)
    write_about(table.path, about)
    return set(good), rejudged


def write_about(scores: Path, about: Mapping[str, Any]) -> None:
    """Say beside a score file whose scores it holds."""
    workspace.write(_beside(scores), json.dumps(about, indent=2, ensure_ascii=False))


def read_about(scores: Path) -> dict[str, Any]:
    """What is said there; {} where nothing is."""
    try:
        found = json.loads(_beside(scores).read_text("utf-8"))
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def _beside(scores: Path) -> Path:
    return scores.with_name(scores.name + ".json")


def _same_detector(
    out: Path,
    rows: list[list[str]],
    former: Mapping[str, Any],
    about: Mapping[str, Any],
    detector: "CSFlowDetector",
    place: str,
) -> None:
    """Scores of two detectors, or of other photos, in one file would be worthless."""
    must = f"{out} must hold scores of this detector and these photos to be continued"
    for what in ("detector", "shard"):
        if former.get(what, about[what]) != about[what]:
            raise DataError(f"{must}, but is of another {what}; choose another file")
    first_middle_last = {
        row[0]: float(row[3]) for row in (rows[0], rows[len(rows) // 2], rows[-1])
    }
    again = list(stream(detector, (f"{place}/{name}" for name in first_middle_last)))
    for scored, (name, score) in zip(again, first_middle_last.items(), strict=True):
        if not scored.error and abs(scored.score - score) > 1e-3 * abs(scored.score):
            raise DataError(
                f"{must}, but {name} has {score:.6g} there and {scored.score:.6g} here; choose "
                "another file"
            )
    if former.get("photos") != about["photos"] and all(scored.error for scored in again):
        raise DataError(f"{must}, but none of its photos can be read here; choose another file")
