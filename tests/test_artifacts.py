import json

import numpy as np
import pytest

from workbench import CSFlowConfig, CSFlowDetector, artifacts, load, save
from workbench.csflow.weights import digest_of, find_weights
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
    np.testing.assert_array_equal(again.held_out, fitted.held_out)
    assert again.calm == fitted.calm


def test_a_detector_saved_before_scores_and_maps_had_a_choice_still_loads(fitted, folder, photos):
    facts = json.loads((folder / "detector.json").read_text("utf-8"))
    del facts["calm"]
    for name in ("top_k", "heat"):
        del facts["config"][name]
    (folder / "detector.json").write_text(json.dumps(facts))
    again = load(folder)
    np.testing.assert_array_equal(again.score(photos[1]), fitted.score(photos[1]))
    one, same = (d.evaluate_one(photos[1][0]) for d in (again, fitted))
    np.testing.assert_array_equal(one.heatmap, same.heatmap)
    assert one.regions == same.regions and sum(one.shares) == pytest.approx(1)


def test_the_folder_holds_json_and_safetensors_and_no_backbone(folder):
    names = {p.name for p in folder.iterdir()} - {"engine.json", "engine.onnx"}
    assert names == {"detector.json", "weights.safetensors"}
    facts = json.loads((folder / "detector.json").read_text("utf-8"))
    assert facts["format"] == 1 and facts["kind"] == "csflow"
    assert facts["backbone"]["name"] == "efficientnet-lite0"
    assert len(facts["backbone"]["sha256"]) == 64
    assert {"python", "torch", "numpy", "workbench"} <= set(facts["versions"])
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

    monkeypatch.setattr(artifacts.os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        save(fitted, folder)
    assert (folder / "detector.json").read_bytes() == before
    assert [p.name for p in folder.parent.iterdir()] == ["disc"]


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda f: (f / "detector.json").unlink(), "holds no detector"),
        (lambda f: (f / "detector.json").write_text("{"), "is damaged"),
        (lambda f: (f / "detector.json").write_text("[]"), "is damaged"),
        (lambda f: edit(f, format=99), "must have format 1, got 99; update"),
        (lambda f: edit(f, kind="pickle"), "must be of kind csflow, autoencoder, got 'pickle'"),
        (lambda f: edit(f, backbone={"name": "x", "sha256": "0" * 64}), "scores would differ"),
        (lambda f: (f / "weights.safetensors").unlink(), "must hold weights.safetensors"),
        (lambda f: (f / "weights.safetensors").write_bytes(b"x"), "is damaged: not the weights"),
        (lambda f: edit_config(f, hidden=32), "does not fit its weights"),
    ],
)
def test_damaged_folders_are_clear_errors(folder, damage, message):
    damage(folder)
    with pytest.raises(ArtifactError, match=message):
        load(folder)


def test_a_detector_that_names_the_hash_of_the_weights_file_still_loads(folder, tmp_path):
    """As the first release wrote it."""
    file = find_weights("efficientnet-lite0")
    image = np.zeros((64, 64, 3), np.uint8)
    config = CSFlowConfig(image_size=128, hidden=8, kernels=(3,), epochs=1)
    photos = [image + step for step in range(4)]
    fitted = CSFlowDetector(config, engine="torch").fit(photos, progress=False)
    saved = save(fitted, tmp_path / "old")
    named = {"name": "efficientnet-lite0", "sha256": digest_of(file)}
    edit(saved, backbone=named)
    assert load(saved, engine="torch").score([image]) == fitted.score([image])
    edit(saved, backbone=named | {"sha256": "0" * 64})
    with pytest.raises(ArtifactError, match="scores would differ"):
        load(saved, engine="torch")


def edit(folder, **changes):
    path = folder / "detector.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes))


def edit_config(folder, **changes):
    facts = json.loads((folder / "detector.json").read_text("utf-8"))
    edit(folder, config=facts["config"] | changes)
