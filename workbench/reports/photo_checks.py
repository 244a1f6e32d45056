"""The photos themselves, before any detector: the same part twice, and drift since training."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workbench import metrics, plots
from workbench.data import ImageFolder, read_image
from workbench.data.decode import WHITE
from workbench.data.encode import jpeg
from workbench.data.photo_stats import PhotoStats, near_duplicates, photo_stats
from workbench.errors import DataError

from . import display, wording
from .cache import Table, by_content
from .html import part

MEASURES = ("brightness", "contrast", "sharpness")
THUMBNAIL = 96  # pixels of the longer side
DRIFT = 0.25  # Kolmogorov-Smirnov distance that is worth a warning, if it is no accident
ACCIDENT = 0.01  # p value from which on it may be one
_NO_LOOK = PhotoStats(np.nan, np.nan, np.nan, 0, 0, np.zeros(256, np.float32))


@dataclass(frozen=True)
class PhotoCheck(display.Report):
    """What the photos of a dataset say of themselves."""

    parts: ImageFolder
    digests: Sequence[str]
    shown: int = 6

    @cached_property
    def table(self) -> Table:
        """The numbers of `photo_stats` and a JPEG thumbnail, one row a photo."""
        return by_content(
            f"photos-{1 if self.parts.white == WHITE else self.parts.white}",
            self.digests,
            lambda rows: _looks(self.parts, rows),
        )

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Numbers of duplicates and drift, fit for JSON."""
        return {
            "duplicates": {
                "pairs": len(self._pairs),
                "identical": sum(self.digests[a] == self.digests[b] for a, b, _ in self._pairs),
                "test_images": len({b for _, b, _ in self._pairs}),
                "train_images": len({a for a, _, _ in self._pairs}),
                "closest": [
                    {"train": self.parts.names[a], "test": self.parts.names[b], "correlation": c}
                    for a, b, c in self._pairs[: self.shown]
                ],
            },
            "drift": self._drift(),
        }

    def duplicates(self) -> None:
        """Say and show which test photos look like one that was trained on."""
        self.say("duplicates", len(self._train), len(self._test))
        if chosen := self._pairs[: self.shown]:
            rows = [
                (*left, *right, wording.say("correlation", self.metrics, c))
                for (a, b, c) in chosen
                for left, right in [self.named((a, b))]
            ]
            caption = wording.say("pairs", self.metrics, len(chosen))
            display.html(part("pairs", rows, caption), caption)

    def drift(self) -> None:
        """Say and show whether the test photos were taken as the training photos were."""
        self.say("drift", DRIFT, ACCIDENT)
        if self.metrics["drift"]:
            groups = {
                name: {measure: self.table[measure][chosen] for measure in MEASURES}
                for name, chosen in self._groups().items()
            }
            self.draw(plots.distributions(groups, MEASURES), "distributions")

    def named(self, chosen: Sequence[int]) -> list[tuple[bytes, str]]:
        """JPEG thumbnail and name of photos by their positions in `parts`."""
        return [(bytes(self.table["thumbnail"][i]), self.parts.names[i]) for i in chosen]

    @cached_property
    def _train(self) -> NDArray[np.intp]:
        return self._rows("train", "calibration")

    @cached_property
    def _test(self) -> NDArray[np.intp]:
        return self._rows("test")

    @cached_property
    def _pairs(self) -> list[tuple[int, int, float]]:
        """Positions of photos to train and to test on, and their correlation."""
        train, test, table = self._train, self._test, self.table
        sizes = np.stack([table["height"], table["width"]], axis=1)
        found = near_duplicates(
            table["signature"][train], table["signature"][test], (sizes[train], sizes[test])
        )
        return [(int(train[i]), int(test[j]), min(c, 1.0)) for i, j, c in found]

    def _rows(self, *splits: str) -> NDArray[np.intp]:
        inside = np.array([split in splits for split in self.parts.splits], dtype=bool)
        return np.flatnonzero(inside & self.table["ok"])

    def _groups(self) -> dict[str, NDArray[np.intp]]:
        test, labels = self._test, self.parts.labels
        groups = {"training": self._rows("train")}
        if labels is None:
            return groups | {"test": test}
        groups |= {"test, good": test[~labels[test]], "test, NG": test[labels[test]]}
        return {name: rows for name, rows in groups.items() if len(rows)}

    def _drift(self) -> list[dict[str, Any]]:
        (_, train), *others = self._groups().items()
        if not others or others[0][0] == "test, NG" or min(len(train), len(others[0][1])) < 5:
            return []
        test, rows = others[0][1], []
        for measure in MEASURES:
            before, after = self.table[measure][train], self.table[measure][test]
            found = metrics.drift(before, after)
            rows.append(
                {
                    "measure": measure,
                    "train": [float(before.mean()), float(before.std())],
                    "test": [float(after.mean()), float(after.std())],
                    "distance": found.ks,
                    "p": found.p_value,
                    "drifted": found.ks >= DRIFT and found.p_value < ACCIDENT,
                }
            )
        return rows


def _looks(parts: ImageFolder, rows: list[int]) -> Table:
    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(lambda i: _look(parts[i], parts.white), rows))
    looks, thumbnails = zip(*seen, strict=True)
    table = {
        name: np.array(values)
        for name, values in zip(PhotoStats._fields, zip(*looks, strict=True), strict=True)
    }
    return table | {"thumbnail": np.array(thumbnails), "ok": table["height"] > 0}


def _look(path: Path, white: int) -> tuple[PhotoStats, bytes]:
    try:
        image = read_image(path, white)
    except DataError:
        return _NO_LOOK, b"-"
    return photo_stats(image), jpeg(Image.fromarray(image), THUMBNAIL, quality=75)
