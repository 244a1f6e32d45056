"""What extracting features once is worth, as ratios taken in one run.

    python benchmarks/feature_cache.py data/lens

On the training photos of a folder, three trainings of three epochs each: with an empty feature
cache, with a full one, and without any. Extracting in every epoch would cost extraction and
epoch each time; a second training on the same photos extracts nothing.
"""

import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import torch

import workbench as wb
from workbench.artifacts import versions
from workbench.csflow.auto import MOST_EPOCHS


def main(folder):
    parts = wb.load_images(folder)
    config = wb.CSFlowConfig.preset("lite", image_size=256, epochs=3)
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, {versions()}")
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"WORKBENCH_HOME": home, "WORKBENCH_CACHE_GB": "100"}
        empty, epoch = extraction_and_epoch(config, parts, cache=True)
        size = sum(path.stat().st_size for path in Path(home).rglob("features/*"))
        full, _ = extraction_and_epoch(config, parts, cache=True)
        without, _ = extraction_and_epoch(config, parts, cache=False)
    count = len(parts.train) + len(parts.calibration)
    print(
        f"{count} photos, {size / count / 1e3:.0f} kB each in the cache; one epoch {epoch:.2f} s"
    )
    print(f"extraction: no cache {without:.1f} s, empty {empty:.1f} s, full {full:.2f} s")
    epochs = MOST_EPOCHS
    once, each = without + epochs * epoch, epochs * (without + epoch)
    again = full + epochs * epoch
    print(f"{epochs} epochs: extracted in every epoch {each:.0f} s, once {once:.0f} s, ", end="")
    print(f"from the cache {again:.0f} s: {each / once:.1f} x and {each / again:.1f} x")


def extraction_and_epoch(config, parts, cache):
    """Seconds of everything but the epochs, and of one epoch."""
    detector = wb.CSFlowDetector(config)
    start = time.perf_counter()
    detector.fit(parts, progress=False, cache=cache)
    training = sum(row["seconds"] for row in detector.history)
    return time.perf_counter() - start - training, training / len(detector.history)


if __name__ == "__main__":
    main(sys.argv[1])
