"""Photos for a person to look at again: collected while scoring, and learned from afterwards."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from PIL import Image

from workbench import artifacts, metrics, workspace
from workbench.bulk import Scored
from workbench.csflow.detector import CSFlowDetector
from workbench.data import ImageFolder, load_images
from workbench.data.opening import fetched, is_remote
from workbench.data.relabels import read_relabels, relabels_path
from workbench.data.splits import by_hash
from workbench.errors import DataError

CALIBRATION = 0.15  # of the good parts that are learned: for the threshold


class Learned(NamedTuple):
    """What learning from a review folder came to; both detectors on parts that neither learned."""

    good: int  # photos that were added to learn from
    ng: int  # photos that were added to test on
    known: int  # photos that the data held already
    comparison: metrics.Comparison  # a is the former detector, b the new one
    former: str  # the name under which the former detector is kept


def collect(
    scored: Iterable[Scored],
    root: Path | str,
    folder: Path,
    threshold: float,
    *,
    near: float = 0.1,
    sample: float = 0.01,
) -> Iterator[Scored]:
    """Pass scores on, and copy photos that are worth a second look into a flat folder.

    Those are photos whose score is within `near` thresholds of the threshold, and a sample that
    depends on the name alone. Opened in the simulator, the folder collects relabels beside
    it, which `learn` reads. A photo that is there already stays.

    Args:
        root: Folder or address where the names begin that the copies bear, "__" for each folder.
        near: Distance from the threshold, as a share of it.
        sample: Share of all photos.

    Raises:
        ValueError: A share outside [0, 1].
    """
    if not 0 <= near <= 1 or not 0 <= sample <= 1:
        raise ValueError(f"near and sample are shares, in [0, 1], got {near} and {sample}")
    folder.mkdir(parents=True, exist_ok=True)
    for one in scored:
        remote = is_remote(one.source)
        name = (
            one.source.removeprefix(f"{str(root).rstrip('/')}/")
            if remote
            else (Path(os.path.relpath(one.source, root)).as_posix())
        )
        drawn = int(hashlib.sha256(f"0:{name}".encode()).hexdigest()[:12], 16) / 16**12
        if not one.error and (
            abs(one.score - threshold) <= near * abs(threshold) or drawn < sample
        ):
            copy = folder / name.replace("/", "__")
            if not copy.exists():
                content = fetched(one.source) if remote else Path(one.source).read_bytes()
                workspace.write(copy, content)
        yield one


def learn(name: str, folder: Path) -> Learned:
    """Train a photo model again with what inspectors said of a review folder.

    Photos called OK become training and calibration data, photos called NG test data: they are
    copied into the model's data folder. All other photos keep their split, so that both detectors
    are compared on parts that neither has learned from. The former one is kept as NAME-before.

    Raises:
        DataError: No relabels, or the data folder has its labels from a table.
        ValueError: A model of sensor rows, or one that knows no folder.
    """
    before = artifacts.load(workspace.model(name))
    if before.kind != "csflow":
        raise ValueError(f"{name} must be a model of photos, got one of sensor rows")
    if not Path(folder).is_dir():
        raise DataError(
            f"{folder} must be a folder that workbench score --collect made; none here"
        )
    said = read_relabels(relabels_path(folder))
    if not said:
        raise DataError(
            f"{relabels_path(folder)} must say what the photos are, and holds nothing; open the "
            "folder in the simulator and call its photos OK or NG"
        )
    parts = before.parts()
    added, known = _add(parts, folder, said)
    good = [path for path, ng in added.items() if not ng]
    splits = by_hash(good, seed=before.config.seed, calibration=CALIBRATION, test=0.0)
    parts = before.parts()
    parts = parts.with_split(parts.split() | dict(zip(good, splits.tolist(), strict=True)))
    saved = before.saved.manifest["backbone"] if before.saved else {}
    file = saved.get("file")
    weights = "random" if saved.get("sha256") == "random" else file and workspace.resolve(file)
    after = CSFlowDetector(before.config, weights=weights or None)
    after.fit(parts, ignore=_picture(before.ignore, before.masked))
    after.data |= {"join": before.data["join"]} if "join" in before.data else {}
    comparison = _compared(before, after, parts.test)
    former = workspace.model(f"{name}-before")
    shutil.rmtree(former, ignore_errors=True)
    shutil.copytree(workspace.model(name), former)
    artifacts.save(after, workspace.model(name))
    return Learned(len(good), len(added) - len(good), known, comparison, former.name)


def _add(parts: ImageFolder, folder: Path, said: dict[str, bool]) -> tuple[dict[str, bool], int]:
    """Copy photos to where those of their label lie; their names, and how many were known."""
    if parts.labels is None or not len(parts.train):
        raise DataError(f"{parts.root} must be labelled and hold good photos to learn from")
    homes = {False: PurePosixPath(parts.train.names[0]).parent, True: PurePosixPath("NG")}
    if len(parts.ng):
        homes[True] = PurePosixPath(parts.ng.names[0]).parent
    there = {hashlib.sha256(path.read_bytes()).digest() for path in parts.paths}
    added: dict[str, bool] = {}
    known = 0
    for photo, ng in said.items():
        content = (folder / photo).read_bytes()
        if hashlib.sha256(content).digest() in there:
            known += 1
            continue
        name = (homes[ng] / f"{folder.name}__{PurePosixPath(photo).name}").as_posix()
        workspace.write(parts.root / name, content)
        added[name] = ng
    labels = _labels(load_images(parts.root, check=False, **parts.reading))
    if wrong := [name for name, ng in added.items() if labels.get(name) is not ng]:
        for name in added:
            (parts.root / name).unlink()
        raise DataError(
            f"{parts.root} must have its labels by folder to learn more, but {wrong[0]} would not "
            "be read as it was labelled; add the photos and their labels to its table, then train"
        )
    return added, known


def _labels(parts: ImageFolder) -> dict[str, bool]:
    labels = [] if parts.labels is None else parts.labels.tolist()
    return dict(zip(parts.names, labels, strict=True))


def _compared(
    before: CSFlowDetector, after: CSFlowDetector, test: ImageFolder
) -> metrics.Comparison:
    scores = np.array([before.score(test), after.score(test)])
    read = np.isfinite(scores).all(axis=0)
    names = [name for name, ok in zip(test.names, read, strict=True) if ok]
    limits = before.threshold, after.threshold
    return metrics.compare(*scores[:, read], test.labels[read], *limits, names=names)


def _picture(*masks: np.ndarray | None) -> Image.Image | None:
    given = [mask for mask in masks if mask is not None]
    return Image.fromarray(np.any(given, axis=0).astype(np.uint8) * 255) if given else None
