import atexit
import os
import shutil
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from .browser import chromium

# the same examples everywhere, and no deadlines on a busy machine
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")
os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("WORKBENCH_CACHE_GB", "0")  # tests of the cache turn it on
os.environ.setdefault("WORKBENCH_ENGINE", "torch")  # tests of graphs build them
if "WORKBENCH_CACHE" not in os.environ:  # one for all test processes, never the user's own
    os.environ["WORKBENCH_CACHE"] = tempfile.mkdtemp(prefix="workbench-tests-")
    atexit.register(shutil.rmtree, os.environ["WORKBENCH_CACHE"], ignore_errors=True)
os.environ.setdefault("WORKBENCH_PRECISION", "float32")  # the same numbers on every processor
TINY = {"image_size": 128, "hidden": 8, "kernels": (3,), "epochs": 1, "copies": 1}


# a test with this fixture, and the example of this function, is so marked
MARKS = {"browser": "browser", "fitted": "slow", "workbench.csflow.onnx.export.build": "slow"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What opens a browser is a browser test, and what trains a slow one, marked or not."""
    for item in items:
        for used in {item.name, *getattr(item, "fixturenames", ())} & MARKS.keys():
            item.add_marker(MARKS[used])


@pytest.fixture(scope="session")
def real_data():
    """The folder of real photos and sensor runs, or a skip that says why."""
    folder = Path(os.environ.get("WORKBENCH_REAL_DATA", ""))
    if not os.environ.get("WORKBENCH_REAL_DATA") or not folder.is_dir():
        pytest.skip("real data needed: set WORKBENCH_REAL_DATA to the folder that holds mtd/")
    return folder


@pytest.fixture
def quiet():
    """Warnings are not what the test is about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def lens_workspace(root, ok, ng):
    """A workspace with drawn photos of lens; gives them and a detector trained on them."""
    from workbench import CSFlowConfig, CSFlowDetector, load_images
    from workbench.samples import make_samples

    for folder in ("notebooks", "models"):
        (root / folder).mkdir()
    make_samples("lens", root / "data" / "lens", ok=ok, ng=ng, size=96)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(root))
        parts = load_images(root / "data" / "lens")
        yield parts, CSFlowDetector(CSFlowConfig(**TINY)).fit(parts, progress=False)


def photo(index, defect=False, size=96):
    """A grey disc under varying light; a defect is a bright bar across it."""
    rng = np.random.default_rng([7, index, defect])
    y, x = np.mgrid[:size, :size] - size / 2 + rng.normal(0, 1.5, (2, 1, 1))
    image = np.where(np.hypot(x, y) < size / 3, 150.0, 60.0) * rng.uniform(0.9, 1.1)
    if defect:
        row = rng.integers(size // 3, 2 * size // 3)
        image[row : row + size // 10, size // 4 : 3 * size // 4] = 240
    image = image[..., None] + rng.normal(0, 3, (size, size, 3))
    return image.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def photos():
    """24 OK photos and 8 with a defect, as arrays (96, 96, 3)."""
    return [photo(i) for i in range(24)], [photo(i, defect=True) for i in range(8)]


@pytest.fixture(scope="session")
def tiny_config():
    """The smallest CS-Flow that still tells the photos apart, on real Lite0 weights."""
    from workbench import CSFlowConfig

    return CSFlowConfig(image_size=128, hidden=16, kernels=(3,), epochs=6, batch=4, copies=1)


@pytest.fixture(scope="session")
def fitted(photos, tiny_config):
    """A detector trained on the OK photos; shared, so leave it as it is."""
    from workbench import CSFlowDetector

    detector = CSFlowDetector(tiny_config).fit(photos[0], progress=False)
    detector.prepare()  # its graph is saved with it: a list of photos cannot check one later
    return detector


@pytest.fixture(scope="session")
def browser():
    path = chromium.find()
    if path is None:
        reason = (
            "no Chromium found: python -m tests.browser.chromium, or name it in WORKBENCH_CHROMIUM"
        )
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(chromium.FLAGS))
        yield browser
        browser.close()
