"""Several trainings compared: seeds and sweeps, in this process."""

from dataclasses import replace

import pytest
from PIL import Image

from workbench import CSFlowDetector, load_images
from workbench.csflow.seeds import (
    SeedResult,
    Setting,
    fit_seeds,
    most_likely,
    sweep,
    table,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def parts(tmp_path, photos, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "models").mkdir()
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    for label, images in zip(("OK", "NG"), photos, strict=True):
        (tmp_path / "line" / label).mkdir(parents=True)
        for i, image in enumerate(images[:14]):
            Image.fromarray(image).save(tmp_path / "line" / label / f"{i:02}.png")
    return load_images(tmp_path / "line")


@pytest.fixture
def small(tiny_config):
    return replace(tiny_config, epochs=2, hidden=8)


def nothing_is_trained(monkeypatch):
    def fit(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(CSFlowDetector, "fit", fit)


def test_a_sweep_trains_every_combination_once(parts, small, monkeypatch):
    grid = {"hidden": [8, 16], "noise": [0.0]}
    first = sweep(small, parts, grid, seeds=2)
    assert [s.changes for s in first] == [
        {"hidden": 8, "noise": 0.0},
        {"hidden": 16, "noise": 0.0},
    ]
    assert all([t.seed for t in s.trials] == [0, 1] for s in first)
    alone = CSFlowDetector(replace(small, hidden=16, noise=0.0, seed=1)).fit(parts)
    expected = alone.history[alone.epoch - 1]["calibration_nll"]
    assert first[1].trials[1].calibration_nll == expected
    assert all(t.seconds > 0 and t.photo_ms > 0 and 0 <= t.auroc <= 1 for t in first[0].trials)
    with monkeypatch.context() as patch:
        nothing_is_trained(patch)
        assert sweep(small, parts, grid, seeds=2) == first
        with pytest.raises(AssertionError, match="trained again"):  # another learning rate
            sweep(replace(small, lr=1e-3), parts, grid, seeds=2)


def test_what_was_trained_before_a_stop_is_kept(parts, small, monkeypatch):
    def stopped(work, tasks):
        for task in tasks[:1]:
            yield task, work(task)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(small, parts, {"hidden": [8, 16]}, seeds=1, each=stopped)
    nothing_is_trained(monkeypatch)
    (kept,) = sweep(small, parts, {"hidden": [8]}, seeds=1)
    assert kept.trials[0].seed == 0


@pytest.mark.parametrize(
    ("grid", "seeds", "wrong"),
    [
        ({"hiden": [8]}, 1, "fields of CSFlowConfig, got hiden"),
        ({"seed": [1, 2]}, 1, "fields of CSFlowConfig, got seed"),
        ({}, 1, "a field with values"),
        ({"hidden": []}, 1, "a field with values"),
        ({"hidden": [8]}, 0, "seeds of 1 or more"),
        ({"hidden": [0]}, 1, "hidden must be at least 1"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_before_any_training(parts, small, grid, seeds, wrong):
    with pytest.raises(ValueError, match=wrong):
        sweep(small, parts, grid, seeds)


def trials(nll, auroc):
    return tuple(SeedResult(i, x, auroc, 3.0, 20.0) for i, x in enumerate(nll))


def test_the_best_is_the_most_likely_whatever_its_auroc():
    likely = Setting({"hidden": 64}, trials([-0.9, -0.7], 0.6))
    settings = [Setting({"hidden": 128}, trials([-0.5, -0.6], 0.99)), likely]
    assert most_likely(settings) is likely
    head, worse, best = table(settings)
    assert head.split("  ")[0] == "hidden" and "ms a photo" in head
    assert "most likely" in best and "most likely" not in worse
    assert "-0.800 +- 0.141" in best and "3.0" in best and "20.0" in best
    unlabelled = trials([-0.9, -0.8], float("nan"))
    sizes = [Setting({"image_size": size}, unlabelled) for size in (256, 384)]
    assert "other features" in table(sizes)[-1]
    line = " ".join(table(sizes)[1].split())
    assert line == "256 -0.850 +- 0.071 - 3.0 20.0 most likely"
    assert "most likely" not in table([Setting({}, unlabelled)])[1]


def test_seeds_are_trained_by_whoever_is_given(parts, small):
    def elsewhere(work, tasks):
        done = [(task, work(task)) for task in reversed(tasks)]
        return reversed(done)

    here, results = fit_seeds(small, parts, 2)
    there, same = fit_seeds(small, parts, 2, each=elsewhere)
    assert there.config.seed == here.config.seed == 0
    assert [r.calibration_nll for r in same] == [r.calibration_nll for r in results]
    assert isinstance(same[1], SeedResult) and same[1].seed == 1
