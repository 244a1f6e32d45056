"""Training: what is kept when, going on after a kill, and the feature cache underneath."""

import os
import signal
import time
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations, cycle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from workbench import CSFlowConfig, CSFlowDetector, artifacts, metrics, workspace
from workbench.cache import Cache
from workbench.csflow import CrossScaleFlow, nll, training
from workbench.csflow.altered import Alteration, altered
from workbench.csflow.batches import to_square
from workbench.csflow.feature_cache import FeatureCache, half, open_cache
from workbench.csflow.features import FeaturePyramid
from workbench.csflow.resume import Checkpoint
from workbench.csflow.saved import learned_by
from workbench.errors import ArtifactError

pytestmark = pytest.mark.slow

SHAPES = [(4, 2, 2), (4, 1, 1)]


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """A workspace with a feature cache; returns where the entries are."""
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    monkeypatch.setenv("WORKBENCH_CACHE_GB", "1")
    return tmp_path / "models" / ".cache" / "features"


def entries(folder):
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def learned(detector):
    return learned_by(detector.network)


def assert_same(one, other):
    for name, array in learned(one).items():
        np.testing.assert_array_equal(array, learned(other)[name], name)
    np.testing.assert_array_equal(one.calibration_scores, other.calibration_scores)
    assert one.threshold == other.threshold


# the cache


def features(seed=0, scale=1.0):
    rng = torch.Generator().manual_seed(seed)
    return [scale * torch.randn(shape, generator=rng) for shape in SHAPES]


def test_features_come_back_in_half_precision(tmp_path):
    cache = FeatureCache(Cache(tmp_path, 1 << 20), {})
    xs = features()
    cache.write(cache.key(b"a"), xs)
    for x, y in zip(xs, cache.read(cache.key(b"a"), SHAPES), strict=True):
        assert torch.equal(x.half(), y)
    assert cache.read(cache.key(b"b"), SHAPES) is None


def test_features_too_large_for_half_precision_stay_finite():
    assert half(torch.tensor([1e6, -1e6, 3.0])).tolist() == [65504, -65504, 3]


def test_every_field_of_the_configuration_that_moves_features_moves_the_key():
    """A new field must be put on one of the two sides."""
    moving = {
        "backbone": "efficientnet-lite1", "block": 10, "image_size": 384,
        "scales": 4, "downscale": "nearest", "finer": 1,
    }  # fmt: skip
    others = {
        "standardise", "kernels", "hidden", "clamp", "lr", "schedule", "adam_eps",
        "weight_decay", "grad_norm", "batch", "epochs", "noise", "altered", "alterations", "folds",
        "copies", "looks", "patience", "precision", "seed", "score", "top_k", "heat", "policy",
        "percentile",
    }  # fmt: skip
    assert moving.keys() | others == CSFlowConfig().to_dict().keys()
    configs = [CSFlowConfig(), *(CSFlowConfig(**{k: v}) for k, v in moving.items())]
    keys = {FeatureCache(Cache(Path(), 1), c.features()).key(b"photo") for c in configs}
    assert len(keys) == len(moving) + 1


def test_pixels_are_told_apart_by_shape_too():
    cache = FeatureCache(Cache(Path(), 1), {})
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert cache.key(image) != cache.key(image.reshape(4, 2, 3))
    assert cache.key(image) == cache.key(np.asfortranarray(image))


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-7],
        lambda content: b"",
        lambda content: content[:10] + bytes([content[10] ^ 1]) + content[11:],
        lambda content: bytes(len(content)),
    ],
    ids=["cut", "empty", "one bit", "zeros"],
)
def test_a_damaged_entry_counts_as_missing(tmp_path, damage):
    cache = FeatureCache(Cache(tmp_path, 1 << 20), {})
    key = cache.key(b"a")
    cache.write(key, features(1))
    path = tmp_path / key
    path.write_bytes(damage(path.read_bytes()))
    assert cache.read(key, SHAPES) is None
    cache.write(key, features(1))
    assert torch.equal(cache.read(key, SHAPES)[0], features(1)[0].half())


def test_what_was_used_longest_ago_goes_first(tmp_path):
    size = 2 * (16 + 4) + 4
    cache = FeatureCache(Cache(tmp_path, 3 * size), {})
    keys = [cache.key(bytes([i])) for i in range(5)]
    for i, key in enumerate(keys):
        cache.write(key, features(i))
        os.utime(tmp_path / key, (1000 + i, 1000 + i))
    assert cache.read(keys[0], SHAPES)  # used again, so the youngest now
    cache.files.trim()
    assert {path.name for path in entries(tmp_path)} == {keys[0], keys[3], keys[4]}


def test_a_set_larger_than_the_limit_is_not_kept(tmp_path):
    with pytest.warns(UserWarning, match="3 images need .* allow for more than .*CACHE_GB"):
        assert not FeatureCache(Cache(tmp_path, 100), {}).holds(3, SHAPES)
    assert FeatureCache(Cache(tmp_path, 132), {}).holds(3, SHAPES)


def test_a_disk_that_refuses_is_told_once(tmp_path):
    (tmp_path / "file").touch()
    cache = FeatureCache(Cache(tmp_path / "file" / "folder", 1 << 20), {})
    with pytest.warns(UserWarning, match="nothing more is kept in"):
        cache.write(cache.key(b"a"), features())
    cache.write(cache.key(b"b"), features())  # warnings are errors here
    assert cache.read(cache.key(b"a"), SHAPES) is None


def test_nothing_is_cached_outside_a_workspace_or_when_switched_off(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE_GB", "1")
    monkeypatch.delenv("WORKBENCH_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert workspace.cache() is None and open_cache({}) is None
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    assert open_cache({}).files.limit == 10**9
    monkeypatch.setenv("WORKBENCH_CACHE_GB", "0")
    assert open_cache({}) is None
    monkeypatch.setenv("WORKBENCH_CACHE_GB", "much")
    with pytest.raises(ValueError, match="CACHE_GB must be a number, got 'much'"):
        open_cache({})


CONTENTS = [torch.full((20, 20, 20), float(i)) for i in range(20)]


@contextmanager
def writer(cache):
    """Another process that writes entry after entry until it is killed."""
    if not (process := os.fork()):
        try:
            end = time.monotonic() + 60  # should the test run itself be killed
            for i, x in cycle(enumerate(CONTENTS)):
                if time.monotonic() > end:
                    break
                cache.write(cache.key(bytes([i])), [x])
        finally:
            os._exit(1)  # never back into the test run
    try:
        yield
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def test_two_writers_that_are_killed_leave_only_whole_entries(tmp_path):
    cache = FeatureCache(Cache(tmp_path, 1 << 30), {})
    paths = [tmp_path / cache.key(bytes([i])) for i in range(20)]
    for wait in (0.05, 0.3, 0.02, 0.1):
        with writer(cache), writer(cache):
            end = time.monotonic() + wait
            while time.monotonic() < end or not all(path.exists() for path in paths):
                for path, x in zip(paths, CONTENTS, strict=True):
                    existed = path.exists()
                    xs = cache.read(path.name, [x.shape])
                    assert xs or not existed
                    assert not xs or xs[0].equal(x.half())
        assert all(cache.read(path.name, [(20, 20, 20)]) for path in paths)


# the cache under a training


@pytest.fixture(scope="module")
def files(tmp_path_factory, photos):
    folder = tmp_path_factory.mktemp("photos")
    for i, image in enumerate(photos[0]):
        Image.fromarray(image).save(folder / f"{i:02}.png")
    return sorted(folder.iterdir())


def test_a_second_training_computes_no_features_and_is_the_same(
    files, tiny_config, fitted, cached, monkeypatch
):
    first = CSFlowDetector(tiny_config).fit(files, progress=False)
    assert_same(first, fitted)  # which had no cache, and arrays instead of files
    looks = 2 * len(first.calibration)  # besides the first
    assert len(entries(cached)) == len(files) + looks + len(files)  # and a copy of each
    again = CSFlowDetector(tiny_config, engine="torch")
    monkeypatch.setattr(FeaturePyramid, "forward", lambda *_: pytest.fail("computed"))
    assert_same(again.fit(files, progress=False), fitted)
    for use in (
        lambda: again.score(files[:3]),
        lambda: CSFlowDetector(tiny_config).fit(files, progress=False, cache=False),
    ):
        with pytest.raises(pytest.fail.Exception, match="computed"):
            use()


def test_half_a_cache_gives_the_same_training(files, tiny_config, fitted, cached):
    CSFlowDetector(tiny_config).fit(files, progress=False)
    for path in entries(cached)[::2]:
        path.unlink()
    assert_same(CSFlowDetector(tiny_config).fit(files, progress=False), fitted)


def test_unreadable_images_stay_left_out(files, tiny_config, cached, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    for _ in range(2):
        with pytest.warns(UserWarning, match="1 images were left out: .*broken.png"):
            detector = CSFlowDetector(tiny_config).fit(
                [*files[:2], broken, *files[2:6]], files[6:8], progress=False
            )
    expected = CSFlowDetector(tiny_config).fit(files[:6], files[6:8], progress=False)
    assert_same(detector, expected)


# what the flow sees


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_noise_is_fresh_in_every_step_and_spares_calibration(noise):
    seen = {True: [], False: []}  # by whether the flow is training
    flow = CrossScaleFlow(4, kernels=(3,), hidden=2, scales=2)
    flow.register_forward_pre_hook(lambda net, xs: seen[net.training].append(xs[0]))
    ones = [torch.ones(4, 4, 8, 8), torch.ones(4, 4, 4, 4)]
    config = CSFlowConfig(scales=2, epochs=2, batch=2, noise=noise)
    training.train_flow(flow, torch.nn.Identity(), ones, ones, config, progress=False)
    assert len(seen[True]) == 4
    for finest, coarsest in seen[True]:
        for x in (finest, coarsest):
            assert (x - 1).std().item() == pytest.approx(noise, rel=0.2)
    firsts = [xs[0][0, 0, 0, 0].item() for xs in seen[True]]
    assert len(set(firsts)) == (4 if noise else 1)
    assert all(torch.equal(x, torch.ones_like(x)) for xs in seen[False] for x in xs)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_altered_copies_are_learned_from_in_their_share_and_spare_calibration(share):
    seen = {True: [], False: []}  # by whether the flow is training
    flow = CrossScaleFlow(4, kernels=(3,), hidden=2, scales=2)
    flow.register_forward_pre_hook(lambda net, xs: seen[net.training].append(xs[0]))
    ones = [torch.ones(64, 4, 2, 2), torch.ones(64, 4, 1, 1)]
    config = CSFlowConfig(scales=2, epochs=2, batch=16, noise=0.0, altered=share)
    copies = [2 * x for x in ones]
    training.train_flow(
        flow, torch.nn.Identity(), ones, ones, config, copies=copies, progress=False
    )
    finest, coarsest = (torch.cat(scale) for scale in zip(*seen[True], strict=True))
    assert torch.equal(finest[:, 0, 0, 0], coarsest[:, 0, 0, 0])  # of one picture at all scales
    assert (finest == 2).float().mean().item() == pytest.approx(share, abs=0.1)
    assert all((x == 1).all() for xs in seen[False] for x in xs)


def test_altered_copies_are_kept_in_entries_of_their_own(photos, tiny_config, cached):
    config = CSFlowConfig(**tiny_config.to_dict() | {"epochs": 1, "altered": 0.5})
    first = CSFlowDetector(config).fit(photos[0][:8], progress=False)
    assert len(entries(cached)) == 7 + 7 + 3 + 1  # one is for calibration, looked at three times
    again = CSFlowDetector(config).fit(photos[0][:8], progress=False)
    assert_same(first, again)
    assert len(entries(cached)) == 18
    plain = CSFlowDetector(replace(config, altered=0.0)).fit(photos[0][:8], progress=False)
    assert any((x != learned(plain)[name]).any() for name, x in learned(first).items())


def test_of_several_copies_each_is_another_and_one_is_drawn_at_a_time(photos, tiny_config, cached):
    config = replace(tiny_config, epochs=1, copies=3, altered=1.0)
    first = CSFlowDetector(config).fit(photos[0][:8], progress=False)
    assert len(entries(cached)) == 7 + 3 * 7 + 3 + 3
    assert_same(first, CSFlowDetector(config).fit(photos[0][:8], progress=False))
    one = CSFlowDetector(replace(config, copies=1)).fit(photos[0][:8], progress=False)
    assert any((x != learned(one)[name]).any() for name, x in learned(first).items())
    squares = np.stack([to_square(photo, 128)[0] for photo in photos[0][:2]])
    copies = [altered(squares, Alteration(("place", "light"), copy)) for copy in range(3)]
    assert all((a != b).any() for a, b in combinations(copies, 2))


@pytest.mark.parametrize("shape", [(64, 96), (256, 128)])
@pytest.mark.parametrize(
    ("far", "darkest", "brightest"),
    [(False, (0.7, 0.9), (1.1, 1.3)), (True, (0.55, 0.7), (1.3, 1.45))],
)
def test_an_altered_copy_looks_like_the_photo(shape, far, darkest, brightest):
    how = Alteration(far=far)
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: shape[0], : shape[1]] / 16
    plain = (100 + 60 * np.sin(x) * np.cos(y) + rng.normal(0, 3, (20, 3, *shape))).astype(np.uint8)
    copies = altered(plain, how)
    assert copies.dtype == np.uint8 and copies.shape == plain.shape
    np.testing.assert_array_equal(copies[3:5], altered(plain[3:5], how))  # whatever it is beside
    ratio = copies.mean((1, 2, 3)) / plain.mean((1, 2, 3))
    assert darkest[0] < ratio.min() < darkest[1]
    assert brightest[0] < ratio.max() < brightest[1]
    alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(plain, copies, strict=True)]
    assert min(alike) > 0.5 and max(alike) < 1


def test_only_what_is_to_change_of_a_photo_changes():
    y, x = np.mgrid[:64, :96]
    photo = np.repeat((100 + 60 * np.sin(x / 16) * np.cos(y / 9)).astype(np.uint8)[None], 3, 0)
    moved, lit = (
        altered(np.stack([photo]), Alteration((kind,)))[0] for kind in ("place", "light")
    )
    assert set(np.unique(moved)) <= set(np.unique(photo)) and (moved != photo).any()
    order = np.argsort(photo[0], axis=None)  # another light leaves the darkest the darkest
    assert (np.diff(lit.mean(0).ravel()[order]) > -2).all() and (lit != photo).any()


# what is kept when


def script_calibration(monkeypatch, values):
    """Let the calibration likelihood be what a test wants it to be; training stays real."""
    given = iter(values)

    def scripted(zs, logdet):
        real = nll(zs, logdet)
        if not torch.is_inference_mode_enabled():
            return real
        if (value := next(given)) is KeyboardInterrupt:
            raise KeyboardInterrupt
        return torch.full_like(real, value)

    monkeypatch.setattr(training, "nll", scripted)


def fit_for(photos, tiny_config, **changes):
    config = CSFlowConfig(**tiny_config.to_dict() | changes)
    return CSFlowDetector(config).fit(photos[0][:8], progress=False)


def test_patience_stops_and_keeps_the_weights_of_the_best_epoch(photos, tiny_config, monkeypatch):
    script_calibration(monkeypatch, [3.0, 1.0, 2.0, 1.5, 0.0, 0.0])
    stopped = fit_for(photos, tiny_config, patience=2)
    assert (len(stopped.history), stopped.epoch, stopped.interrupted) == (4, 2, False)
    script_calibration(monkeypatch, [3.0, 1.0, KeyboardInterrupt])
    with pytest.warns(UserWarning, match="stopped after 2 of 6 epochs"):
        cut = fit_for(photos, tiny_config, patience=2)
    assert cut.interrupted
    assert_same(stopped, cut)


def test_without_patience_the_last_epoch_is_kept(photos, tiny_config, monkeypatch):
    script_calibration(monkeypatch, [2.0, 1.0, 3.0])
    last = fit_for(photos, tiny_config, epochs=3, patience=0)
    assert (len(last.history), last.epoch) == (3, 3)
    script_calibration(monkeypatch, [3.0, 2.0, 1.0])
    assert_same(last, fit_for(photos, tiny_config, epochs=3))


def test_ctrl_c_keeps_the_epoch_that_the_calibration_parts_like_best(
    photos, tiny_config, monkeypatch
):
    script_calibration(monkeypatch, [2.0, 1.0, 3.0, KeyboardInterrupt])
    with pytest.warns(UserWarning, match="the best weights so far are kept"):
        detector = fit_for(photos, tiny_config)
    assert (len(detector.history), detector.epoch, detector.interrupted) == (3, 2, True)


def test_the_history_is_that_of_the_kept_flow(photos, fitted):
    """Calibration NLL of the last epoch, recomputed from the detector alone."""
    held = np.zeros(24, bool)
    held[np.random.default_rng(0).permutation(24)[:4]] = True
    engine = fitted.network
    total = 0.0
    for i in np.flatnonzero(held):
        square = Image.fromarray(photos[0][i]).resize((128, 128), Image.Resampling.BILINEAR)
        square = np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1)[None])
        with torch.inference_mode():
            xs = [half(x).float() for x in engine.features(square)]
            total += nll(*engine.flow(engine.standardise(xs))).item()
    assert total / 4 == pytest.approx(fitted.history[-1]["calibration_nll"], rel=1e-4)


def test_a_training_that_diverges_says_so(photos, tiny_config, monkeypatch):
    monkeypatch.setattr(training, "nll", lambda zs, logdet: nll(zs, logdet) * float("nan"))
    with pytest.raises(ValueError, match="training diverged with lr 0.002; choose a lower one"):
        fit_for(photos, tiny_config)


# going on


class Killed(BaseException):
    pass


class Dying(Checkpoint):
    """Kills the training once so many epochs are written."""

    def __init__(self, path, epochs, resume=False):
        super().__init__(path, resume=resume)
        self.epochs = epochs

    def due(self):
        return True

    def write(self, identity, state):
        super().write(identity, state)
        if len(state["history"]) == self.epochs:
            raise Killed


class Watched(Checkpoint):
    """Remembers how far the training was that was read."""

    def read(self, identity):
        state = super().read(identity)
        self.epochs = len(state["history"])
        return state


def fit_and_die(config, files, checkpoint):
    with pytest.raises(Killed):
        CSFlowDetector(config).fit(files, progress=False, checkpoint=checkpoint)


@pytest.mark.parametrize("changes", [{}, {"schedule": "constant", "patience": 3}])
def test_resuming_continues_bit_for_bit(photos, tiny_config, tmp_path, changes):
    config, images = CSFlowConfig(**tiny_config.to_dict() | changes), photos[0][:8]
    whole = CSFlowDetector(config).fit(images, progress=False)
    path = tmp_path / "deep" / "disc.pt"
    fit_and_die(config, images, Dying(path, 2))
    fit_and_die(config, images, Dying(path, 4, resume=True))
    checkpoint = Watched(path, resume=True)
    resumed = CSFlowDetector(config).fit(images, progress=False, checkpoint=checkpoint)
    assert checkpoint.epochs == 4
    assert_same(resumed, whole)
    assert resumed.epoch == whole.epoch
    for one, other in zip(resumed.history, whole.history, strict=True):
        assert one | {"seconds": 0} == other | {"seconds": 0}


def test_a_checkpoint_of_another_training_is_refused(photos, tiny_config, tmp_path):
    path = tmp_path / "disc.pt"
    fit_and_die(tiny_config, photos[0][:8], Dying(path, 2))
    other = CSFlowConfig(**tiny_config.to_dict() | {"epochs": 9})
    resume = Checkpoint(path, resume=True)
    with pytest.raises(ArtifactError, match=r"another training \(other config\)"):
        CSFlowDetector(other).fit(photos[0][:8], progress=False, checkpoint=resume)
    with pytest.raises(ArtifactError, match=r"another training \(other images\)"):
        CSFlowDetector(tiny_config).fit(photos[0][1:9], progress=False, checkpoint=resume)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ArtifactError, match="got a damaged file .*; delete it"):
        CSFlowDetector(tiny_config).fit(photos[0][:8], progress=False, checkpoint=resume)


class Bomb:
    """Would write a file if it were unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_a_checkpoint_runs_no_code(tmp_path):
    torch.save({"identity": Bomb(tmp_path / "hacked"), "state": {}}, tmp_path / "disc.pt")
    with pytest.raises(ArtifactError, match="must be a checkpoint, got a damaged file"):
        Checkpoint(tmp_path / "disc.pt", resume=True).read({})
    assert not (tmp_path / "hacked").exists()


def test_checkpoints_are_written_now_and_then(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("workbench.csflow.resume.time.monotonic", lambda: now[0])
    checkpoint = Checkpoint(tmp_path / "c.pt", every=10)
    assert not checkpoint.due()
    now[0] = 10.0
    assert checkpoint.due()
    checkpoint.write({}, {})
    assert not checkpoint.due()
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (real(fd), now.__setitem__(0, now[0] + 3)))
    checkpoint.write({}, {})  # took 3 seconds, which is 5 % of 60
    now[0] += 59
    assert not checkpoint.due()
    now[0] += 1
    assert checkpoint.due()
    assert [path.name for path in tmp_path.iterdir()] == ["c.pt"]


# other arithmetic


def test_mixed_precision_learns_the_same(photos, tiny_config):
    """On the CPU, which has the arithmetic too; weights and scores stay float32."""
    alike = replace(tiny_config, alterations=("place", "light"))  # blur amplifies what differs
    detector, fitted = (fit_for(photos, alike, precision=p) for p in ("bfloat16", "float32"))
    assert all(t.dtype != torch.bfloat16 for t in learned(detector).values())
    nlls = [[row["train_nll"] for row in d.history] for d in (detector, fitted)]
    assert nlls[0] != nlls[1]
    np.testing.assert_allclose(*nlls, atol=0.02)
    scores = [d.score([*photos[0], *photos[1]]) for d in (detector, fitted)]
    assert np.corrcoef(*scores)[0, 1] > 0.98
    labels = [0] * len(photos[0]) + [1] * len(photos[1])
    assert metrics.auroc(scores[0], labels) > 0.9


def test_precision_is_what_the_processor_is_fastest_in(photos, tiny_config, monkeypatch, tmp_path):
    """Unless the configuration says more, or the environment, which goes before what is here."""
    units = {"amx_bf16": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: units, raising=False)
    monkeypatch.delenv("WORKBENCH_PRECISION")
    quick = {"epochs": 1}
    found = fit_for(photos, tiny_config, **quick)
    assert found.arithmetic == "cpu, bfloat16"
    assert artifacts.load(artifacts.save(found, tmp_path / "m")).arithmetic == "cpu, bfloat16"
    assert fit_for(photos, tiny_config, precision="float32", **quick).arithmetic == "cpu, float32"
    monkeypatch.setenv("WORKBENCH_PRECISION", "float32")
    assert fit_for(photos, tiny_config, **quick).arithmetic == "cpu, float32"
    monkeypatch.setenv("WORKBENCH_PRECISION", "half")
    with pytest.raises(ValueError, match="WORKBENCH_PRECISION must be one of auto, float32, bf"):
        fit_for(photos, tiny_config, **quick)
    monkeypatch.delenv("WORKBENCH_PRECISION")
    units.clear()
    assert fit_for(photos, tiny_config, **quick).arithmetic == "cpu, float32"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision, tolerance", [("float32", 1e-2), ("auto", 5e-2)])
def test_a_gpu_agrees_with_the_cpu(photos, tiny_config, precision, tolerance):
    config = CSFlowConfig(**tiny_config.to_dict() | {"precision": precision})
    on = {
        device: CSFlowDetector(config, device=device).fit(photos[0], progress=False)
        for device in ("cpu", "cuda")
    }
    nlls = [[row["calibration_nll"] for row in d.history] for d in on.values()]
    np.testing.assert_allclose(*nlls, atol=tolerance)
    scores = [d.score([*photos[0], *photos[1]]) for d in on.values()]
    np.testing.assert_allclose(*scores, rtol=10 * tolerance)
    assert np.corrcoef(*scores)[0, 1] > 0.98
