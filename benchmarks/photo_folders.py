"""How long until a folder of 20,000 photos is listed and checked by its headers?

Photos are small, as only their headers are read; every second one has a sibling of equal size, so
that some are read to tell copies.
"""

import io
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import measure
from workbench.data import load_images
from workbench.data.check import check

COUNT = 20_000
LIMIT = 10.0  # seconds


def main():
    where = measure.machine()
    with tempfile.TemporaryDirectory() as folder:
        root = made(Path(folder) / "line")
        works = {
            "load_images, headers": lambda: load_images(root, check=False),
            "data check, headers": lambda: check(root, check=False),
        }
        times = measure.in_turn(works, runs=3, warm_up=1)
    rows = measure.versus(times, "load_images, headers")
    tables = {f"{COUNT:,} photos, at most {LIMIT:g} s": rows}
    measure.report("photo_folders", __doc__.partition("\n")[0], tables, where)


def made(root):
    rng = np.random.default_rng(0)
    for i in range(COUNT):
        place = root / ("NG" if i % 10 == 0 else "OK") / f"lot{i % 7}"
        place.mkdir(parents=True, exist_ok=True)
        photo = Image.fromarray(rng.integers(0, 255, (12, 16, 3), np.uint8))
        buffer = io.BytesIO()
        photo.save(buffer, "JPEG")
        (place / f"{i:05d}.jpg").write_bytes(buffer.getvalue())
    return root


if __name__ == "__main__":
    main()
