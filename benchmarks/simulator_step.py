"""From key to picture within the kernel, and from a moved threshold to new counts.

python benchmarks/simulator_step.py
"""

import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

import workbench as wb
from workbench import ui

SIZES = ((256, 256), (1600, 1200), (4000, 3000))
STEPS = 12


def folder(root, size):
    """OK photos of a size: a grey disc under varying light."""
    rng = np.random.default_rng(0)
    (root / "OK").mkdir(parents=True)
    for i in range(STEPS + 8):
        y, x = np.mgrid[:256, :256] - 128
        disc = np.where(np.hypot(x, y) < 90, 150, 60) + rng.normal(0, 4, (256, 256))
        image = Image.fromarray(disc.clip(0, 255).astype(np.uint8)).convert("RGB").resize(size)
        image.save(root / "OK" / f"{i:02}.jpg")
    return wb.load_images(root, check=False)


def steps(parts, config):
    """Seconds of `next` with the part scored and drawn ahead, and of its scoring."""
    detector = wb.CSFlowDetector(config).fit(parts[:8].paths, progress=False)
    session = wb.InspectionSession(detector, parts, "name")
    view, shown, scored = ui.Simulator(session), [], []
    for _ in range(STEPS):
        session.prefetcher.wait()
        start = time.perf_counter()
        view.next.click()
        shown.append(time.perf_counter() - start)
        scored.append(session.current.timing["total"])
    view.close()
    return shown, scored


def moves(n):
    """Seconds of a moved slider over n scores."""
    rng = np.random.default_rng(0)
    view, found = ui.HistogramExplorer(rng.normal(size=n), rng.random(n) < 0.1, 0.0), []
    for value in np.linspace(-2, 2, 20):
        start = time.perf_counter()
        view.slider.value = value
        found.append(time.perf_counter() - start)
    view.close()
    return found


def main():
    import ipywidgets
    import torch

    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}; torch {torch.__version__}; "
        f"ipywidgets {ipywidgets.__version__}"
    )
    config = wb.CSFlowConfig.preset("lite", image_size=256, epochs=1)
    for size in SIZES:
        with tempfile.TemporaryDirectory() as root:
            shown, scored = steps(folder(Path(root) / "parts", size), config)
        print(
            f"{size[0]:4} x {size[1]:4}: shown in {1e3 * statistics.median(shown):.0f} ms "
            f"(worst {1e3 * max(shown):.0f}), "
            f"scored ahead in {1e3 * statistics.median(scored):.0f} ms"
        )
    print(f"threshold moved over 100,000 scores: {1e3 * statistics.median(moves(100_000)):.1f} ms")


if __name__ == "__main__":
    sys.exit(main())
