"""Few good parts: all of them set the threshold, each by a flow that has not learned from it."""

import itertools

import numpy as np
import pytest
import torch

from workbench import CSFlowConfig, CSFlowDetector, load_images, save
from workbench.artifacts import load
from workbench.csflow import nll, training
from workbench.csflow.auto import decide
from workbench.csflow.learning import folds_of
from workbench.csflow.limits import ALTERATIONS
from workbench.csflow.typical import Typical

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def few(photos, tiny_config):
    """Eleven good photos, and a detector that has cross-fitted them."""
    return photos[0][:11], fitted_to(photos[0][:11], tiny_config)


def fitted_to(good, tiny_config):
    changes = {"folds": 4, "epochs": 2, "patience": 0, "alterations": ALTERATIONS}
    config = CSFlowConfig(**tiny_config.to_dict() | changes)
    return CSFlowDetector(config).fit(good, progress=False)


def test_every_fold_is_whole_parts_and_every_photo_is_in_one():
    part = np.random.default_rng(1).integers(9, size=40)
    folds = folds_of(part, 4, seed=2)
    assert sorted(np.concatenate(folds)) == list(range(40))
    assert not any({*part[a]} & {*part[b]} for a, b in itertools.combinations(folds, 2))
    assert len(folds_of(np.array([3, 3, 5]), 4, seed=2)) == 2


def test_all_good_parts_set_the_threshold(few):
    good, detector = few
    assert len(detector.calibration_scores) == detector.threshold.n == len(good)
    assert "cross-fitted OK" in detector.threshold.describe()
    scores = Typical.left_out(*detector.crossfitted, detector.typical.lift)
    assert detector.typical.lift.reach.max() > 0.1
    np.testing.assert_array_equal(detector.calibration_scores, scores)


def test_what_scores_a_photo_has_learned_from_none_of_its_fold(few, tiny_config):
    """Another photo in one place: only the flow of its own fold stays what it was."""
    good, detector = few
    other = fitted_to([255 - good[0], *good[1:]], tiny_config)
    cells, part = detector.crossfitted
    same = (cells[0] == other.crossfitted[0][0]).all((1, 2))
    folds = folds_of(np.arange(len(good)), 4, detector.config.seed)
    fold = np.array([k for number in part for k, own in enumerate(folds) if number in own])
    assert len({*fold[same].tolist()}) == 1
    assert same.sum() == (fold == fold[same][0]).sum() - 1


def test_the_flow_that_is_kept_is_that_of_a_training_without_folds(few):
    good, detector = few
    config = CSFlowConfig(**detector.config.to_dict() | {"folds": 0})
    alone = CSFlowDetector(config).fit(good, progress=False)
    for name, tensor in alone.network.flow.state_dict().items():
        assert torch.equal(tensor, detector.network.flow.state_dict()[name]), name
    assert len(alone.calibration_scores) < len(good)


def test_what_counts_is_changed_without_any_photo(few, tmp_path):
    _, detector = few
    loaded = load(save(detector, tmp_path / "few"))
    assert loaded.adjust() and loaded.threshold == detector.threshold
    blank = np.full((96, 96, 3), 255, np.uint8)
    blank[:48] = 0
    assert loaded.adjust(ignore=blank)
    assert loaded.threshold != detector.threshold
    again = load(save(loaded, tmp_path / "again"))
    assert again.adjust(ignore=np.zeros((96, 96, 3), np.uint8))
    np.testing.assert_allclose(again.calibration_scores, detector.calibration_scores, rtol=1e-6)


def test_ctrl_c_in_a_fold_leaves_the_calibration_parts(few, monkeypatch):
    good, detector = few
    looks = iter(range(detector.config.epochs + 2))

    def interrupted(zs, logdet):
        if torch.is_inference_mode_enabled() and next(looks, None) is None:
            raise KeyboardInterrupt
        return nll(zs, logdet)

    monkeypatch.setattr(training, "nll", interrupted)
    with pytest.warns(UserWarning, match="calibration parts alone set the threshold"):
        cut = CSFlowDetector(detector.config).fit(good, progress=False)
    assert cut.threshold.n == len(cut.calibration_scores) < 4
    assert cut.interrupted and cut.crossfitted is None


@pytest.mark.parametrize(
    ("photos", "side", "changes", "folds"),
    [
        (10, 256, {}, 5),
        (20, 512, {}, 4),  # each training takes longer
        (30, 256, {}, 0),
        (10, 256, {"epochs": 3}, 0),
        (10, 256, {"score": "mean"}, 0),
        (10, 256, {"folds": 2}, 2),
    ],
)
def test_how_many_folds_the_photos_get(photos, side, changes, folds):
    blank = [np.zeros((side, side, 3), np.uint8)] * photos
    assert decide(CSFlowConfig(**changes), blank).folds == folds


@pytest.mark.parametrize(
    "changes", [{"folds": 1}, {"folds": -1}, {"folds": 21}, {"folds": 3, "score": "mean"}]
)
def test_what_cannot_be_folded_is_refused(changes):
    with pytest.raises(ValueError, match="folds"):
        CSFlowConfig(**changes)


def test_photos_of_a_part_that_cannot_be_read_leave_the_others_where_they_belong(
    photos, tiny_config, tmp_path
):
    from PIL import Image

    for i, pixels in enumerate(photos[0][:10]):
        (tmp_path / "OK").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "OK" / f"part{i // 2}-{i % 2}.png")
    parts = load_images(tmp_path, groups=r"(part\d)-\d", test=0.0)
    config = CSFlowConfig(**tiny_config.to_dict() | {"folds": 3, "epochs": 1})
    detector = CSFlowDetector(config).fit(parts, progress=False)
    assert detector.threshold.n == 5 and len(detector.calibration_scores) == 10
