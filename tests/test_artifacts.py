import json
import os

import numpy as np
import pytest

from workbench import artifacts, load, metrics, save
from workbench.errors import ArtifactError

from .conftest import photo


@pytest.fixture
def folder(fitted, tmp_path):
    return save(fitted, tmp_path / "models" / "disc")


@pytest.mark.slow
def test_scores_before_and_after_are_equal_bit_for_bit(fitted, folder, photos):
    again = load(folder)
    np.testing.assert_array_equal(again.score(photos[1]), fitted.score(photos[1]))
    np.testing.assert_array_equal(again.localize([photo(1)])[0], fitted.localize([photo(1)])[0])
    assert again.threshold == fitted.threshold
    assert again.threshold.describe() == fitted.threshold.describe()
    assert (again.config, again.history) == (fitted.config, fitted.history)
    np.testing.assert_array_equal(again.calibration_scores, fitted.calibration_scores)
    assert again.typical_energy == fitted.typical_energy


def test_a_detector_saved_before_configurations_lost_a_field_still_loads(folder, photos):
    manifest = json.loads((folder / "detector.json").read_text("utf-8"))
    assert {"calm", "held_out_quantiles"} <= manifest.keys()  # as files of format 1 call them
    assert "held_out_nll" in manifest["history"][0]
    before = load(folder, engine="torch")
    edit_config(folder, resize="pil")
    again = load(folder, engine="torch")
    np.testing.assert_array_equal(again.score(photos[1]), before.score(photos[1]))
    one, same = (d.evaluate_one(photos[1][0]) for d in (again, before))
    np.testing.assert_array_equal(one.heatmap, same.heatmap)
    assert one.regions == same.regions and one.shares == same.shares


def test_the_folder_holds_json_and_safetensors_and_no_backbone(folder):
    names = {p.name for p in folder.iterdir()}
    assert names == {"detector.json", "weights.safetensors"}
    manifest = json.loads((folder / "detector.json").read_text("utf-8"))
    assert manifest["format"] == 1 and manifest["kind"] == "csflow"
    assert manifest["backbone"]["name"] == "efficientnet-lite0"
    assert len(manifest["backbone"]["sha256"]) == 64
    assert {"python", "torch", "numpy", "workbench"} <= set(manifest["versions"])
    names = artifacts.load_tensors((folder / "weights.safetensors").read_bytes())
    assert not any("backbone" in name or "pyramid" in name for name in names)


def test_saving_again_replaces_the_older_detector(fitted, folder):
    kept = fitted.threshold
    try:
        fitted.threshold = 123.0
        save(fitted, folder)
    finally:
        fitted.threshold = kept
    assert load(folder).threshold == 123.0
    assert [p.name for p in folder.parent.iterdir()] == ["disc"]


def test_a_folder_of_something_else_is_left_alone(fitted, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="holds no detector; choose another folder"):
        save(fitted, tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_failed_write_leaves_the_older_detector(fitted, folder, monkeypatch):
    before = (folder / "detector.json").read_bytes()

    def full(_fd):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        save(fitted, folder)
    assert (folder / "detector.json").read_bytes() == before
    assert [p.name for p in folder.parent.iterdir()] == ["disc"]


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda f: (f / "detector.json").unlink(), "holds no detector"),
        (lambda f: (f / "detector.json").write_text("{"), "is damaged.*train again"),
        (lambda f: (f / "detector.json").write_text("[]"), "is damaged.*train again"),
        (lambda f: (f / "detector.json").write_text("{}"), "it lacks 'format'; copy"),
        (lambda f: edit(f, format=99), "must have format 1, got 99; update"),
        (lambda f: edit(f, kind="pickle"), "must be of kind csflow, autoencoder, got 'pickle'"),
        (lambda f: edit_backbone(f, sha256="0" * 64), "scores would differ"),
        (lambda f: (f / "weights.safetensors").unlink(), "must hold weights.safetensors"),
        (lambda f: (f / "weights.safetensors").write_bytes(b"x"), "not the weights.*train again"),
        (lambda f: edit_config(f, hidden=32), "does not fit its weights"),
    ],
)
def test_damaged_folders_are_clear_errors(folder, damage, message):
    damage(folder)
    with pytest.raises(ArtifactError, match=message):
        load(folder)


def edit(folder, **changes):
    path = folder / "detector.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes))


def edit_backbone(folder, **changes):
    manifest = json.loads((folder / "detector.json").read_text("utf-8"))
    edit(folder, backbone=manifest["backbone"] | changes)


def edit_config(folder, **changes):
    manifest = json.loads((folder / "detector.json").read_text("utf-8"))
    edit(folder, config=manifest["config"] | changes)


def test_a_threshold_that_a_person_set_is_not_overwritten_unasked(fitted, folder):
    assert artifacts.chosen_threshold(folder) is None
    artifacts.save(fitted, folder, keep_chosen=True)
    limit = metrics.threshold(fitted.calibration_scores, q=50)
    artifacts.save_threshold(folder, limit, fitted)
    with pytest.raises(ArtifactError, match="a threshold that a person set .*overwrite = True"):
        artifacts.save(fitted, folder, keep_chosen=True)
    assert artifacts.load(folder).threshold == limit
    artifacts.save(fitted, folder)
    assert artifacts.chosen_threshold(folder) is None
