"""A detector that needs no training: the darkest pixel decides. And photos made for it."""

from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from types import SimpleNamespace

import numpy as np
from PIL import Image

from workbench.metrics import Threshold


@dataclass
class Seen:
    score: float
    threshold: float
    image: np.ndarray
    heatmap: np.ndarray
    heat_range: tuple[float, float]
    timing: dict[str, float]
    shares: tuple[float, ...] = (0.75, 0.25)

    @property
    def regions(self):
        from workbench.csflow.regions import regions  # torch, which takes seconds

        return regions(self.heatmap, float(self.threshold))

    @property
    def is_anomaly(self):
        return self.score >= self.threshold

    @property
    def verdict(self):
        return "NG" if self.is_anomaly else "OK"

    def overlay(self, alpha=0.5):
        heat = np.stack([self.heatmap, 0 * self.heatmap, 0 * self.heatmap], axis=-1)
        return Image.fromarray((self.image * (1 - alpha) + heat * alpha).astype(np.uint8))


class DarkSpotDetector:
    """Score: 255 minus the darkest pixel."""

    kind = "csflow"
    heat_range = (0.0, 255.0)

    def __init__(self, threshold=100.0):
        self.threshold = threshold
        self.calibration_scores = np.array([10.0, 20.0, 60.0])
        self.calls = 0

    @property
    def threshold(self):
        return self._threshold

    @threshold.setter
    def threshold(self, value):
        self._threshold = Threshold.of(value)

    def score(self, images, progress=False):
        return np.array([self.evaluate_one(path).score for path in images])

    def evaluate_one(self, source):
        self.calls += 1
        image = np.asarray(Image.open(Path(source)).convert("RGB"))
        heat = 255.0 - image.min(axis=2).astype(np.float32)
        timing = {"decode": 0.001, "total": 0.002}
        return Seen(float(heat.max()), self.threshold, image, heat, self.heat_range, timing)


def write_parts(root, ok=(10, 20, 120), ng=(90, 200)):
    """A folder of OK and NG photos whose scores are the numbers given."""
    for label, scores in (("OK", ok), ("NG", ng)):
        (root / label).mkdir(parents=True, exist_ok=True)
        for i, score in enumerate(scores):
            image = np.full((24, 32, 3), 255, np.uint8)
            image[4:8, 4:8] = 255 - score
            Image.fromarray(image).save(root / label / f"{label.lower()}_{i}.png")
    return root


class ScoredSession:
    """Scores as they come, where a session would have scored its parts."""

    results = None

    def __init__(self, scores, labels=None, threshold=0.0):
        self._scores, self._labels, self.lock = np.asarray(scores, float), labels, RLock()
        self.detector = SimpleNamespace(threshold=Threshold.of(threshold))
        names = tuple(map(str, range(len(self._scores))))
        self.parts = SimpleNamespace(root=Path("scores"), names=names)

    def scores(self):
        return self._scores

    def labels(self):
        return None if self._labels is None else np.asarray(self._labels, bool)
