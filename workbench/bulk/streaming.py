"""Scores one by one, of any number of images, in bounded memory."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from math import ceil, isfinite
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from workbench import artifacts
from workbench.csflow.batches import decoded, stacked
from workbench.data.opening import ImageSource
from workbench.errors import ArtifactError

from .cluster import in_order

if TYPE_CHECKING:
    from dask.distributed import Client

    from workbench.csflow.detector import CSFlowDetector

CHUNK = 64  # photos of a task: seconds of work, against a millisecond of the scheduler


class Scored(NamedTuple):
    """One image of a stream: its score, or NaN and why there is none."""

    source: ImageSource
    score: float
    error: str = ""


def stream(detector: "CSFlowDetector", sources: Iterable[ImageSource]) -> Iterator[Scored]:
    """Yield scores one by one, in order, of any number of images in bounded memory.

    An image that cannot be read has the score NaN and says why in `.error`.

    Example:
        for source, score, error in stream(detector, Path("line 3").rglob("*.jpg")): ...
    """
    config = detector.config
    for squares in decoded(sources, config.size, config.together, config.white):
        good = [square for square in squares if not square.error]
        values = iter(detector.score_latents(detector.look(stacked(good))) if good else ())
        for square in squares:
            value = float("nan") if square.error else float(next(values))
            error = square.error or ("" if isfinite(value) else "the detector gives no number")
            yield Scored(square.source, value, error)


def score(
    sources: Iterable[ImageSource],
    model: Path | str,
    *,
    client: "Client | None" = None,
    chunk: int = CHUNK,
) -> Iterator[Scored]:
    """Yield scores in order by a saved detector, here or on the workers of a Dask client.

    Args:
        sources: Images; for workers paths that they see too, or addresses as s3://bucket/a.png.
        model: The folder of the detector, which the workers see as well. Each loads it once.
        client: Connected to the workers; no more than a few tasks for each are under way.
        chunk: Photos of a task, rounded up to whole batches.

    Raises:
        ArtifactError: No such detector, here or on a worker.
        DataError: Workers died over the same photos again and again.
    """
    detector = artifacts.load(model)
    if client is None:
        yield from stream(detector, sources)
        return
    detector.prepare()  # a graph that has to be built is then there for all who share the cache
    batch, remaining = detector.config.together, iter(sources)
    size = batch * ceil(chunk / batch)  # batches as in one process, and so the same rounding
    chunks = iter(lambda: tuple(islice(remaining, size)), ())
    work = partial(scored_chunk, str(Path(model).resolve()), artifacts.identity(detector))
    for chunk, found in in_order(client, work, chunks):
        for source, (value, error) in zip(chunk, found, strict=True):
            yield Scored(source, value, error)


_loading, _loaded = Lock(), dict[tuple[str, str], "CSFlowDetector"]()


def scored_chunk(
    model: str, identity: str, sources: tuple[ImageSource, ...]
) -> list[tuple[float, str]]:
    """What a worker does; it keeps the detector for the next task."""
    with _loading:
        if (model, identity) not in _loaded:
            _loaded.clear()
            _loaded[model, identity] = _same(model, identity)
    return [(found.score, found.error) for found in stream(_loaded[model, identity], sources)]


def _same(model: str, identity: str) -> "CSFlowDetector":
    remedy = "put the same folder there on every worker, or on a file system that all share"
    try:
        detector = artifacts.load(model)
    except ArtifactError as error:
        raise ArtifactError(f"on a worker, {error}; {remedy}") from None
    if artifacts.identity(detector) != identity:
        raise ArtifactError(f"on a worker, {model} holds another detector; {remedy}")
    return detector
