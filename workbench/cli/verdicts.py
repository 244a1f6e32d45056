"""Commands that ask a detector or read its verdicts: evaluate, score, accept, rates, agree."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from workbench import workspace
from workbench.errors import DataError

from .program import (
    Answer,
    Dask,
    Model,
    Name,
    app,
    command,
    if_stopped,
    loaded,
    note,
    opened,
    place,
    refuse,
    rows_of,
    share,
    shown,
    workers,
)

if TYPE_CHECKING:
    from workbench.artifacts import Detector
    from workbench.autoencoder import AutoEncoderDetector
    from workbench.bulk import Scored
    from workbench.data import SensorTable
    from workbench.metrics import GroupRates


@command(app, reads_rows=True)
def evaluate(
    source: Annotated[Path, typer.Argument(help="An image, or rows for a sensor model.")],
    name: Name,
    overlay: Annotated[
        Path | None, typer.Option(help="Write the photo under its heat map to this file.")
    ] = None,
    *,
    options: dict[str, Any],
) -> Answer:
    """Score one image (or every row of a file) with a saved detector."""
    detector = loaded(name)
    if detector.kind == "autoencoder":
        return _evaluated_rows(detector, rows_of(detector, name, source, options))
    _require_photos(name, source, options)
    if not source.is_file():
        is_what = "is a folder, see workbench score" if source.is_dir() else "is not there"
        raise DataError(f"{source} must be a picture; it {is_what}")
    result = detector.evaluate_one(source)
    lines = [
        f"{result.verdict}  score {result.score:.4g}, threshold {result.threshold:.4g}",
        "  ".join(f"{stage} {1e3 * s:.0f} ms" for stage, s in result.timing.items()),
    ]
    if overlay:
        result.overlay().save(place(overlay))
        lines.append(f"wrote {overlay}")
    values = {"score": result.score, "threshold": result.threshold, "seconds": result.timing}
    return Answer(lines, {"verdict": result.verdict, **values, "overlay": overlay})


@command(app, reads_rows=True)
def score(
    source: Annotated[
        str, typer.Argument(help="A folder of photos or its address (s3://...), or sensor rows.")
    ],
    name: Name,
    out: Annotated[
        Path, typer.Option(help="The CSV file; photos are continued in it. Or .parquet.")
    ] = Path("scores.csv"),
    shard: Annotated[str, typer.Option(help="Only this share of the photos, as 3/16.")] = "",
    dask: Dask = "",
    collect: Annotated[
        Path | None, typer.Option(help="Copy photos worth a second look to this folder.")
    ] = None,
    near: Annotated[
        str, typer.Option(help="Of the threshold: scores so close to it are collected.")
    ] = "10%",
    sample: Annotated[str, typer.Option(help="Of all photos: collected at random.")] = "1%",
    *,
    options: dict[str, Any],
) -> Answer:
    """Score every photo of a folder, or every row of a file, into a CSV file."""
    from workbench import bulk

    detector = loaded(name)
    if detector.kind == "autoencoder":
        rows = rows_of(detector, name, Path(source), options)
        found = bulk.score_rows(detector, rows, out)
        return Answer([f"{found.describe()}; in {shown(out)}"], asdict(found) | {"out": out})
    _require_photos(name, Path(source), options)
    growing = out.with_suffix(".csv") if out.suffix == ".parquet" else out
    with workers(dask) as client:
        by = partial(bulk.score, model=workspace.model(name), client=client) if client else None
        if collect:
            to = source, collect, float(detector.threshold), share(near), share(sample)
            by = partial(_collected, by or partial(bulk.stream, detector), to)
        part = bulk.Shard.parse(shard) if shard else None
        with if_stopped(f"{shown(growing)} holds what was scored; the same command goes on"):
            run = bulk.score_folder(detector, source, growing, shard=part, by=by)
    if growing != out:
        bulk.merge([growing], out)
    lines, values = [f"{run.describe()}; in {shown(out)}"], asdict(run) | {"out": out}
    if collect:
        values["collected"] = sum(1 for photo in collect.iterdir() if photo.is_file())
        lines.append(
            f"{values['collected']} photos to look at again are in {shown(collect)}: call them OK "
            f"or NG (workbench app {name}, Check), then workbench learn {name} {shown(collect)}"
        )
        if run.before:
            lines.append("of photos done before none was collected; another --out has them all")
    return Answer(lines, values)


def _collected(
    scores: "Callable[[Iterable[Path]], Iterator[Scored]]", to: tuple, photos: "Iterable[Path]"
) -> "Iterator[Scored]":
    from workbench import review

    *where, near, sample = to
    return review.collect(scores(photos), *where, near=near or 0, sample=sample or 0)


@command(app)
def merge(
    files: Annotated[list[Path], typer.Argument(help="Score files, as score --shard wrote them.")],
    out: Annotated[Path, typer.Option(help="The file of all: .csv or .parquet.")] = Path(
        "scores.csv"
    ),
    photos: Annotated[
        str, typer.Option(help="The folder whose photos must all be there, where it has moved.")
    ] = "",
) -> Answer:
    """Join the score files of shards; exit code 1 where photos have no row."""
    from workbench import bulk

    found = bulk.merge(files, out, photos=photos or None)
    lines = [f"{found.describe()}\nin {shown(out)}"]
    return Answer(lines, found._asdict() | {"out": out}, code=int(bool(found.gaps)))


def _require_photos(name: str, source: Path, options: Mapping[str, Any]) -> None:
    from workbench.data.rows import is_rows
    from workbench.data.sheets import ENDINGS

    if source.suffix.lower() in ENDINGS or (source.is_dir() and is_rows(source)):
        raise DataError(f"model {name} judges photos, got sensor rows ({source})")
    refuse(options, "sensor rows")


@command(app)
def accept(
    name: Model,
    misses: Annotated[
        str, typer.Option(help="Highest share of NG missed, as 1% or 0.01; 0: none seen.")
    ] = "",
    overkill: Annotated[str, typer.Option(help="Highest share of OK called NG, likewise.")] = "",
    labelled: Annotated[
        Path | None,
        typer.Option(help="Labelled photos or rows; by default the model's own test split."),
    ] = None,
) -> Answer:
    """Judge a model against stated rates; exit code 1 where the test does not prove them."""
    from workbench import metrics
    from workbench.reports import wording

    limits = {"misses": share(misses), "overkill": share(overkill)}
    if limits == {"misses": None, "overkill": None}:
        raise ValueError("an acceptance needs a limit; add --misses 0, --overkill 2% or both")
    detector = loaded(name)
    scores, labels = _tested(detector, name, labelled)
    found = metrics.accept(scores, labels, detector.threshold, **limits)
    values = [claim._asdict() for claim in found.claims]
    word = "accepted" if found.met else "not accepted"
    about = {"model": name, "accepted": found.met, "threshold": detector.threshold}
    lines = [f"{name} {word}", *map(wording.claim, values)]
    return Answer(lines, about | {"claims": values}, code=int(not found.met))


@command(app)
def rates(
    results: Annotated[Path, typer.Argument(help="A result file, as score and sessions write.")],
    by: Annotated[str, typer.Option(help="A column; folder: where a part lies.")] = "folder",
    details: Annotated[
        Path | None, typer.Option(help="A CSV with file name and further columns, such as lot.")
    ] = None,
    every: Annotated[
        str, typer.Option(help="Join times of the column by this much: 1D, 8h.")
    ] = "",
    chart: Annotated[Path | None, typer.Option(help="Draw the p-chart into this PNG.")] = None,
) -> Answer:
    """Rates by lot, shift or any column, and which differ by more than chance."""
    from workbench import metrics
    from workbench.session.result_tables import rates_by, read_results

    rows = rates_by(read_results(results), by, details=details, every=every or None)
    limits = metrics.p_chart([row.flagged for row in rows], [row.n for row in rows])
    lines = [_rates_line(row, out) for row, out in zip(rows, limits.out, strict=True)]
    lines.append(f"all: {limits.centre:.1%} NG; {int(limits.out.sum())} beyond chance (p-chart)")
    if chart:
        from workbench import plots

        axes = plots.p_chart([row.group for row in rows], limits)
        place(chart).write_bytes(plots.png(axes.figure))
        lines.append(f"wrote {chart}")
    groups = [
        row._asdict() | {"low": low, "high": high, "beyond_chance": bool(out)}
        for row, low, high, out in zip(rows, limits.low, limits.high, limits.out, strict=True)
    ]
    return Answer(lines, {"by": by, "groups": groups, "centre": limits.centre, "chart": chart})


@command(app)
def agree(
    first: Annotated[Path, typer.Argument(help="A result file of one inspector.")],
    second: Annotated[Path, typer.Argument(help="Another's, of the same parts.")],
) -> Answer:
    """Say how far two inspectors agree (kappa), and on which parts they do not."""
    from workbench.session.result_tables import compare_inspectors

    both = compare_inspectors(first, second)
    found, (low, high) = both.found, both.found.interval
    lines = [
        f"kappa {found.kappa:.3f} (95 % interval {low:.3f} to {high:.3f}); "
        f"they agree on {found.n - len(found.disagreed)} of {found.n} parts ({found.share:.1%})",
        *(f"{name}: {one} and {other}" for name, one, other in both.disagreed),
    ]
    if both.only_first or both.only_second:
        lines.append(
            f"judged by one only and left out: {both.only_first} in {first.name}, "
            f"{both.only_second} in {second.name}"
        )
    return Answer(lines, both.to_dict())


def _tested(
    detector: "Detector", name: str, labelled: Path | None
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels of what was given, else of the model's own test split."""
    from workbench import metrics

    if detector.kind == "autoencoder":
        from workbench.data.rows import known_rows

        data = (
            rows_of(detector, name, labelled, {}) if labelled
            else known_rows(detector.data, detector.columns).test
        )  # fmt: skip
    else:
        data = opened(labelled) if labelled else detector.parts().test
    if data.labels is None:
        raise DataError("an acceptance needs labels: OK/ and NG/ folders, or a label column")
    rows, scores, labels = metrics.readable(detector.score(data), data.labels)
    if unread := len(data.labels) - len(rows):
        note(f"warning: {unread} could not be read and are left out")
    return scores, labels


def _rates_line(row: "GroupRates", out: bool) -> str:
    words = [f"{row.group}: {row.n} parts, {row.flagged_rate:.1%} NG"]
    for n, count, verb, value, ends in (
        (row.n_ng, row.missed, "missed", row.miss_rate, row.miss_interval),
        (row.n_ok, row.overkill, "overkill", row.overkill_rate, row.overkill_interval),
    ):
        if n:
            words.append(f"{verb} {count} of {n} ({value:.1%}, {ends[0]:.1%} to {ends[1]:.1%})")
    return ", ".join(words) + (" - beyond chance" if out else "")


def _evaluated_rows(detector: "AutoEncoderDetector", rows: "SensorTable") -> Answer:
    scores = detector.score(rows)
    flagged, worst = int((scores >= detector.threshold).sum()), int(np.argmax(scores))
    blame = dict(zip(detector.columns, detector.blame(rows)[worst].tolist(), strict=True))
    shares = ", ".join(f"{name} {share:.0%}" for name, share in blame.items())
    time = "" if rows.time is None else str(rows.time[worst])
    lines = [
        f"{flagged} of {len(scores)} rows NG, threshold {detector.threshold:.4g}",
        f"worst row: {rows.where(worst)}{f', time {time}' if time else ''}, score "
        f"{scores[worst]:.4g}; {shares}",
    ]
    found = {"where": rows.where(worst), "time": time, "score": scores[worst], "blame": blame}
    values = {"rows": len(scores), "flagged": flagged, "threshold": detector.threshold}
    return Answer(lines, values | {"worst": found})
