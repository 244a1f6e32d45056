"""Photos that are larger than what a network sees: geometry, and a detector with tiles."""

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from workbench import CSFlowConfig, CSFlowDetector, cli, load, load_images, metrics, save
from workbench.bulk.streaming import stream
from workbench.csflow import CSFlowNetwork, tiles
from workbench.csflow.auto import decide, in_words
from workbench.csflow.batches import to_square
from workbench.csflow.feature_cache import extract
from workbench.csflow.nearest import nearest_good
from workbench.csflow.scores import cell_energy
from workbench.csflow.tiles import OVERLAP, Tiling, look, tiles_each

SIDE = 1024


def pooled(pixels, stride):
    """Mean over cells, as K maps of (B, 1, h, w)."""
    rows, columns = (side // stride for side in pixels.shape[2:])
    return pixels.reshape(len(pixels), -1, rows, stride, columns, stride).mean((3, 5))


def blurred(z):
    """Mean of every cell and its neighbours, with nothing beyond the border."""
    padded = np.pad(z, ((0, 0), (0, 0), (1, 1), (1, 1)))
    height, width = z.shape[2:]
    near = [padded[:, :, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return np.mean(near, 0)


@st.composite
def tilings(draw):
    cell = draw(st.sampled_from([32, 64, 128]))
    tile = cell * draw(st.integers(4, 6))
    size = tuple(cell * draw(st.integers(1, 640 // cell + 6)) for _ in range(2))
    return Tiling.of(size, tile, cell)


@given(tilings())
def test_tiles_lie_on_the_grid_cover_the_photo_and_overlap(tiling):
    places = tiling.places
    assert all(side % tiling.cell == 0 for place in places for side in place)
    seen = np.zeros(np.array(tiling.size) // tiling.cell, int)
    for top, left in np.array(places) // tiling.cell:
        height, width = np.array(tiling.window) // tiling.cell
        own = seen[top : top + height, left : left + width]
        assert own.shape == (height, width)
        own += 1
    assert seen.min() == 1
    for axis in (0, 1):
        starts = sorted({place[axis] for place in places})
        assert all(b - a <= tiling.window[axis] - OVERLAP for a, b in pairwise(starts))
        shared = max(OVERLAP, tiling.cell)
        if len(starts) > 1:  # one fewer would not do
            step = tiling.window[axis] - shared
            assert tiling.window[axis] + (len(starts) - 2) * step < tiling.size[axis]


@given(tilings(), st.integers(1, 2))
def test_joined_tiles_are_the_photo_for_a_network_that_looks_at_places(tiling, count):
    photos = np.random.default_rng(0).integers(0, 255, (count, 3, *tiling.size), np.uint8)

    def engine(pixels):
        return [pooled(pixels, stride) for stride in (8, 16, 32, tiling.cell)]

    for z, whole in zip(look(engine, photos, tiling), engine(photos), strict=True):
        np.testing.assert_array_equal(z, whole)


@pytest.mark.parametrize("looks", [2, 3, 5])
def test_the_energy_of_a_photo_is_the_mean_over_looks_at_it_moved(looks):
    photos = np.random.default_rng(0).integers(0, 255, (3, 3, 64, 96), np.uint8)

    def engine(pixels):
        return [pooled(pixels.astype(float), stride) for stride in (8, 16)]

    energy = [[], []]
    for down, right in [(0, 0), (2, 2), (-2, -2), (4, 4), (-4, -4)][:looks]:
        around = np.pad(photos, ((0, 0), (0, 0), (8, 8), (8, 8)), "edge")
        moved = around[:, :, 8 + down : 72 + down, 8 + right : 104 + right]
        for own, cells in zip(energy, cell_energy(engine(moved)), strict=True):
            own.append(cells)
    zs = look(engine, photos, Tiling.of((64, 96), 0, 32, looks))
    assert [z.shape for z in zs] == [(3, 3 * looks, 8, 12), (3, 3 * looks, 4, 6)]
    for found, own in zip(cell_energy(zs), energy, strict=True):
        np.testing.assert_allclose(found, np.mean(own, 0))


def test_looks_are_decided_by_size_and_refused_where_they_cannot_be():
    small, large = np.zeros((300, 400, 3), np.uint8), {"image_size": 768}
    assert decide(CSFlowConfig(), [small] * 9).looks == 3
    assert decide(CSFlowConfig(looks=1), [small] * 9).looks == 1
    assert decide(CSFlowConfig(**large), [small] * 9).looks == 1
    assert decide(CSFlowConfig(tile=256), [small] * 9).looks == 1
    assert CSFlowConfig.preset("paper").looks == CSFlowConfig.preset("simulator").looks == 1
    saved = CSFlowConfig(looks=5).to_dict()
    assert CSFlowConfig.from_dict(saved).looks == 5
    del saved["looks"]  # as models of before are saved
    assert CSFlowConfig.from_dict(saved).looks == 1
    for looks in (0, 6, "many"):
        with pytest.raises(ValueError, match="looks must be at least 1, at most 5"):
            CSFlowConfig(looks=looks)
    with pytest.raises(ValueError, match="looks must be 1 with tiles, got 3"):
        CSFlowConfig(tile=256, looks=3)


@pytest.mark.slow
def test_a_detector_looks_as_often_when_it_calibrates_as_when_it_scores(photos, tiny_config):
    changes = {"image_size": 64, "looks": 3, "epochs": 1, "score": "mean", "heat": "mean"}
    config = CSFlowConfig.from_dict(tiny_config.to_dict() | changes)
    good, others = photos[0][:8], photos[0][8:12]
    detector = CSFlowDetector(config).fit(good, others, progress=False)
    scores = detector.score(others)
    np.testing.assert_allclose(detector.calibration_scores, scores, rtol=1e-3)
    assert not np.allclose(CSFlowDetector.score(_once(detector), others), scores, rtol=1e-3)
    assert detector.evaluate_one(others[0]).score == pytest.approx(scores[0], rel=1e-5)


def _once(detector):
    """The same network with one look."""
    manifest, arrays = detector.state()
    manifest["config"]["looks"] = 1
    return CSFlowDetector.from_state(manifest, arrays)


def test_every_cell_comes_from_a_tile_in_which_it_lies_inside():
    photos = np.random.default_rng(0).integers(0, 255, (1, 3, 480, 704), np.uint8)

    def engine(pixels):
        return [blurred(pooled(pixels, stride)) for stride in (8, 16, 32)]

    tiling = Tiling.of((480, 704), 256, 32)
    assert len(tiling.places) == 12
    for z, whole in zip(look(engine, photos, tiling), engine(photos), strict=True):
        np.testing.assert_allclose(z, whole, rtol=1e-12)


def test_what_is_to_be_ignored_is_black_in_every_tile():
    photos = np.full((1, 3, 256, 512), 200, np.uint8)
    ignore = np.zeros((256, 512), bool)
    ignore[:, 100:300] = True
    joined = look(lambda x: [pooled(x, 8)], photos, Tiling.of((256, 512), 256, 32), ignore)[0]
    expected = pooled(photos * ~ignore, 8)
    np.testing.assert_array_equal(joined, expected)


def test_the_window_is_no_larger_than_the_photo():
    config = CSFlowConfig(image_size=(288, 1024), tile=512)
    assert config.tiling.window == (288, 512)
    assert config.tiling.places == [(0, 0), (0, 256), (0, 512)]
    assert in_words(config, 0) == "288 x 1024 pixels, in 3 tiles of 288 x 512, 3 scales"
    assert (config.together, CSFlowConfig(image_size=512, tile=512).together) == (1, 8)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"tile": 300}, "tile must be a multiple of 32 for whole cells, got 300; take 288 or 320"),
        ({"tile": 4096}, "tile must be 96 to 3072 pixels, or 0 for whole photos, got 4096"),
        ({"tile": 64}, "tile must be 96 to 3072 pixels"),
        ({"tile": -256}, "tile must be 96 to 3072 pixels"),
        ({"tile": 192, "scales": 5}, "tile must be 256 to 3072 pixels"),
        ({"tile": 320, "scales": 5}, "tile must be a multiple of 128 .* take 256 or 384"),
        ({"tile": 512, "image_size": 1000}, "image_size must be a multiple of 32 for tiles"),
        ({"tile": 512, "image_size": 20000}, "image_size must be at least 1, at most 16384"),
        ({"image_size": 4000}, "image_size must be at least 1, at most 3072"),
    ],
)
def test_sizes_that_cannot_be_cut_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        CSFlowConfig(**bad)


def test_a_tile_that_is_no_number_is_refused():
    with pytest.raises((TypeError, ValueError), match="tile"):
        CSFlowConfig(tile="512")


def test_a_model_without_tiles_is_saved_as_before():
    config = CSFlowConfig(image_size=(1024, 2048), tile=512)
    assert CSFlowConfig.from_dict(config.to_dict()) == config
    assert "tile" not in CSFlowConfig().to_dict() and "tile" not in CSFlowConfig().features()
    assert config.features()["tile"] == 512


@pytest.mark.parametrize(
    ("sides", "count", "scales", "size", "epochs"),
    [
        ((3000, 4000), 30, 3, (3008, 4000), 2),
        ((640, 640), 76, 3, (640, 640), 8),
        ((640, 640), 300, 5, (640, 640), 3),
        ((60, 80), 100, 3, (224, 288), 14),
        ((100, 9000), 4, 3, (96, 8992), 18),
    ],
)
def test_with_tiles_photos_keep_their_own_size(sides, count, scales, size, epochs):
    photo = np.zeros((*sides, 3), np.uint8)
    found = decide(CSFlowConfig(tile=512, alterations=()), [photo] * count)
    assert (found.scales, found.image_size, found.epochs) == (scales, size, epochs)


def test_tiles_of_many_photos_are_drawn():
    tiling = Tiling.of((3008, 4000), 512, 32)
    assert [tiles_each(n, tiling) for n in (10, 100, 5000)] == [(63, 63), (20, 63), (1, 63)]
    assert tiles_each(5000, Tiling.of((512, 512), 0, 32)) == (1, 1)


@pytest.fixture(scope="module")
def network():
    config = CSFlowConfig(image_size=(256, 320), tile=192, hidden=8, kernels=(3,), epochs=1)
    return config, CSFlowNetwork(config, "random")


def test_features_are_of_every_tile_whatever_lies_in_the_cache(
    network, tmp_path, monkeypatch, quiet
):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    monkeypatch.setenv("WORKBENCH_CACHE_GB", "1")
    for folder in ("notebooks", "models"):
        (tmp_path / folder).mkdir()
    config, net = network
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (256, 320, 3), np.uint8) for _ in range(2)]
    images.insert(1, b"no picture")
    read, found = extract(images, net, config, "", False, True)
    assert (read, len(config.tiling.places)) == ([0, 2], 4)
    squares = np.concatenate([to_square(images[i], config.size) for i in read])
    expected = net.features(config.tiling.tiles(squares))
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x.float(), y.half().float(), rtol=2e-3, atol=1e-3)
    latents = np.concatenate([zs[0] for zs in net.latents_of(found, 1)])
    together = next(net.latents_of(found, 2))[0]
    assert latents.shape == (2, 40, 32, 40)
    np.testing.assert_allclose(together, latents, rtol=1e-4, atol=1e-4)

    monkeypatch.setattr(tiles, "MOST_TILES", 6)  # two of each of three
    _, some = extract(images, net, config, "", False, True, drawn=True)
    _, again = extract(images, net, config, "", False, False, drawn=True)
    assert [len(x) for x in some] == [4, 4, 4]
    for x, y, every in zip(some, again, found, strict=True):
        assert (x == y).all()
        assert all(any((row == one).all() for one in every) for row in x)


def cloth(index, broken=False):
    """Threads of two pixels, of which some are missing in a square of 16 pixels."""
    rng = np.random.default_rng([3, index, broken])
    y = np.arange(SIDE)[:, None] + rng.integers(4)
    image = np.where(y % 4 < 2, 160.0, 80.0) * np.ones(SIDE) * rng.uniform(0.95, 1.05)
    if broken:
        top, left = rng.integers(40, SIDE - 56, 2)
        image[top : top + 16, left : left + 16] = image.mean()
    noisy = image[..., None] + rng.normal(0, 6, (SIDE, SIDE, 3))
    return noisy.clip(0, 255).astype(np.uint8), (top, left) if broken else None


GOOD = [cloth(i)[0] for i in range(14)]
BROKEN = [cloth(i, broken=True) for i in range(4)]
SMALL = {"hidden": 16, "kernels": (3,), "epochs": 2, "altered": 0.0, "image_size": SIDE}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A detector that looks at tiles of pieces of cloth, trained from a folder."""
    root = tmp_path_factory.mktemp("cloth")
    for label, photos in (("OK", GOOD), ("NG", [photo for photo, _ in BROKEN])):
        (root / label).mkdir()
        for i, photo in enumerate(photos):
            Image.fromarray(photo).save(root / label / f"{i:02}.png")
    config = CSFlowConfig(**SMALL, tile=256)
    return load_images(root), CSFlowDetector(config).fit(load_images(root), progress=False)


def auroc(detector, parts):
    return metrics.auroc(detector.score(parts.test), parts.test.labels)


def test_a_small_defect_is_found_in_tiles_and_lost_in_a_shrunk_photo(fitted):
    parts, detector = fitted
    assert auroc(detector, parts) == 1
    shrunk = CSFlowDetector(CSFlowConfig(**SMALL | {"image_size": 256})).fit(parts, progress=False)
    assert auroc(shrunk, parts) < 0.9
    for photo, (top, left) in BROKEN:
        heat = detector.evaluate_one(photo).heatmap
        row, column = np.unravel_index(heat.argmax(), heat.shape)
        assert heat.shape == (SIDE, SIDE)
        assert abs(row - top - 8) <= 12 and abs(column - left - 8) <= 12


def test_good_photos_are_no_hotter_where_tiles_meet(fitted):
    parts, detector = fitted
    heat = np.stack(detector.localize(parts.test[~parts.test.labels].paths))
    # the middles of overlaps, and the cell to either side
    starts = [left for top, left in detector.config.tiling.places if top == 0]
    seams = [(a + 256 + b) // 2 for a, b in pairwise(starts)]
    near = np.zeros(SIDE, bool)
    for seam in seams:
        near[seam - 8 : seam + 8] = True
    assert heat[:, :, near].mean() == pytest.approx(heat[:, :, ~near].mean(), rel=0.1)
    assert heat[:, near].mean() == pytest.approx(heat[:, ~near].mean(), rel=0.1)


@pytest.mark.filterwarnings("ignore:the ONNX graph was compared with torch on two drawn images")
def test_saved_loaded_streamed_and_by_the_graph_scores_are_the_same(fitted, tmp_path):
    parts, detector = fitted
    test = parts.test[:3]
    scores, cells = detector.score_and_cells(test)
    assert cells.shape == (3, SIDE // 8, SIDE // 8)
    folder = save(detector, tmp_path / "cloth")
    loaded = load(folder, engine="torch")
    assert loaded.config == detector.config
    np.testing.assert_array_equal(loaded.score(test), scores)
    assert [found.score for found in stream(loaded, test.paths)] == scores.tolist()
    one = loaded.evaluate_one(test[0])
    assert one.score == pytest.approx(scores[0], rel=1e-6)
    assert list(one.timing) == ["decode", "resize", "network", "map", "total"]
    assert sum(part.share for part in one.evidence) == pytest.approx(1)
    graph = load(folder, engine="onnx")
    np.testing.assert_allclose(graph.score(test), scores, rtol=1e-4)
    assert graph.prepare().describe().startswith("onnx")
    again = load(folder, engine="onnx")
    assert again.engine is not None  # kept, and read again
    np.testing.assert_array_equal(again.score(test), graph.score(test))


@pytest.mark.slow
def test_what_is_to_be_ignored_counts_for_nothing_in_tiles():
    fixture = np.zeros((512, 512), np.uint8)
    fixture[100:400, 100:400] = 255  # in all nine tiles
    config = CSFlowConfig(**SMALL | {"epochs": 1, "image_size": 512}, tile=256)
    good = [photo[:512, :512] for photo in GOOD[:5]]
    detector = CSFlowDetector(config).fit(good, ignore=fixture, progress=False)
    photo = good[0].copy()
    photo[180:320, 180:320] = (0, 255, 0)
    assert detector.score([photo])[0] == detector.score(good[:1])[0]
    assert detector.evaluate_one(photo).heatmap[180:320, 180:320].max() == 0
    photo[450:466, 450:466] = (0, 255, 0)
    assert detector.score([photo])[0] > detector.score(good[:1])[0]


def test_the_most_similar_good_photo_is_found_where_there_are_tiles(fitted):
    _, detector = fitted
    dark = [np.uint8(photo * gain) for photo, gain in zip(GOOD[:3], (1, 0.6, 0.3), strict=True)]
    assert nearest_good(detector, dark[1:2], dark, n=1).tolist() == [[1]]


@pytest.mark.slow
def test_a_tile_as_large_as_the_photo_changes_nothing(photos):
    config = CSFlowConfig(image_size=128, hidden=8, kernels=(3,), epochs=2, batch=4, looks=1)
    whole, tiled = (
        CSFlowDetector(replace(config, tile=tile)).fit(photos[0], progress=False)
        for tile in (0, 128)
    )
    test = [*photos[0][:3], *photos[1][:3]]
    np.testing.assert_array_equal(tiled.score(test), whole.score(test))
    assert float(tiled.threshold) == float(whole.threshold)
    one, other = tiled.evaluate_one(test[-1]), whole.evaluate_one(test[-1])
    np.testing.assert_array_equal(one.heatmap, other.heatmap)


MEMORY = """
import resource
import numpy as np
from workbench import CSFlowConfig, CSFlowDetector

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

config = CSFlowConfig(image_size=IMAGE_SIZE, tile=512, hidden=8, kernels=(3,), score="mean",
                      heat="mean")
detector = CSFlowDetector(config, weights="random", engine="torch")
detector.threshold = 1.0
rng = np.random.default_rng(0)
detector.look(np.zeros((1, 3, *config.size), np.uint8)) if config.size[0] < 1000 else None
photo = rng.integers(0, 255, (3000, 4000, 3), np.uint8)
found = detector.evaluate_one(photo)
assert found.heatmap.shape == (3000, 4000) and np.isfinite(found.score)
print(peak())
"""


@pytest.mark.slow
def test_twelve_megapixels_take_bounded_memory():
    def megabytes(size):
        code = MEMORY.replace("IMAGE_SIZE", str(size))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return float(done.stdout)

    assert megabytes((3008, 4000)) - megabytes((512, 512)) < 600


def test_large_photos_are_told_what_shrinking_loses(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    for label, side in (("OK", 1400), ("NG", 1400)):
        (tmp_path / "boards" / label).mkdir(parents=True)
        for i in range(2):
            Image.new("L", (side, side), 10 * i).save(tmp_path / "boards" / label / f"{i}.png")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["workbench", *map(str, arguments)])
        with pytest.raises(SystemExit):
            cli.main()
        return capsys.readouterr()

    told = (
        "photos of 1400 x 1400 pixels are looked at as 512 x 512, 3 pixels to one: defects below "
        "about 20 pixels are lost; --tile 512 looks at all of it, in 9 tiles, "
        "9 times the computing"
    )
    assert told in run("data", "check", tmp_path / "boards").out
    assert told in run("train", tmp_path / "boards", "--name", "boards").err
    tiled = run("train", tmp_path / "boards", "--name", "boards", "--tile", 500).err
    assert "tile must be a multiple of 32 for whole cells, got 500; take 480 or 512" in tiled
    assert "pixels to one" not in tiled
