import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from workbench import CSFlowConfig, CSFlowDetector, load, load_images, metrics, save
from workbench.csflow import cell_energy, nll, score, training
from workbench.csflow import heat as joined_heat
from workbench.csflow.batches import to_square
from workbench.csflow.heatmap import blend, colourise, enlarge
from workbench.csflow.regions import region_level
from workbench.csflow.split import split_images
from workbench.csflow.typical import shares_by_scale
from workbench.data import relabels_path, write_relabels
from workbench.errors import DataError, NotFittedError
from workbench.ui.part_html import why

from .conftest import photo

pytestmark = pytest.mark.slow


def test_defects_score_higher_than_good_parts(fitted, photos):
    ok = [photo(100 + i) for i in range(10)]
    scores = fitted.score([*ok, *photos[1]])
    assert scores.dtype == np.float64
    assert metrics.auroc(scores, [0] * len(ok) + [1] * len(photos[1])) > 0.9


def test_heat_is_where_the_defect_is(fitted):
    image = photo(3, defect=True)
    heat = fitted.localize([image])[0]
    marked = (image > 200).all(-1)
    assert heat.shape == image.shape[:2] and heat.dtype == np.float32
    assert metrics.pixel_auroc([heat], [marked]) > 0.8


def test_one_image_from_every_kind_of_source_gives_one_answer(fitted, tmp_path):
    image = photo(5, defect=True)
    path = tmp_path / "teil 부품.png"
    Image.fromarray(image).save(path)
    sources = [image, Image.fromarray(image), path, str(path), path.read_bytes()]
    results = [fitted.evaluate_one(source) for source in sources]
    assert len({r.score for r in results}) == 1
    first = results[0]
    assert first.verdict == ("NG" if first.score >= first.threshold else "OK")
    assert first.overlay().size == (96, 96)
    assert list(first.timing) == ["decode", "resize", "network", "map", "total"]
    assert first.timing["total"] == pytest.approx(sum(list(first.timing.values())[:4]))
    np.testing.assert_allclose(first.score, fitted.score([path])[0], rtol=1e-4)
    np.testing.assert_allclose(first.heatmap, fitted.localize([path])[0], rtol=1e-3, atol=1e-4)


def test_a_photo_that_is_warmer_everywhere_says_so_and_is_allowed_for(fitted, photos, tmp_path):
    """Out of focus as far as copies go; the map is lowered by what is said."""
    good = photos[0][20]
    sharp, soft = (
        fitted.evaluate_one(image)
        for image in (good, Image.fromarray(good).filter(ImageFilter.GaussianBlur(0.6)))
    )
    assert fitted.typical.lift.slope.max() > 0.5
    assert soft.lifted > 1.01 + (sharp.lifted - 1) and sharp.lifted >= 1
    loaded = load(save(fitted, tmp_path / "saved"))
    assert loaded.evaluate_one(good).lifted == pytest.approx(sharp.lifted, rel=1e-3)
    lines = [why(replace(sharp, lifted=times)) for times in (1.0, 1.1, 1.34)]
    assert ["times as hot" in line for line in lines] == [False, False, True]
    assert "1.3 times as hot" in lines[-1]
    without = replace(fitted.typical, lift=None)
    cells = fitted.cells_of(next(fitted.latents([good], False))[1])
    lowered = without.heat(cells) / fitted.typical.heat(cells)
    np.testing.assert_allclose(lowered, sharp.lifted, rtol=1e-3)


def test_an_evaluation_says_why(fitted):
    image = photo(5, defect=True)
    tall = np.repeat(image, 2, axis=0)
    result = fitted.evaluate_one(tall)
    assert result.heatmap.shape == (192, 96)
    marked = np.argwhere((tall > 200).all(-1))
    (top, left), (bottom, right) = marked.min(0), marked.max(0)
    first, *others = result.regions
    box = first.box
    assert box[0] < right and box[2] > left and box[1] < bottom and box[3] > top
    assert first.peak == result.heatmap.max() > 1.5 * result.heat_range[0]
    assert [r.peak for r in others] == sorted((r.peak for r in others), reverse=True)
    inside = result.heatmap[box[1] : box[3], box[0] : box[2]] > result.heat_range[0]
    assert 0 < first.area <= inside.sum()
    assert len(result.shares) == 3 and sum(result.shares) == pytest.approx(1)
    cells = cell_energy(fitted.look(to_square(tall, 128)))
    evidence = fitted.typical.judge(cells)[1]
    assert result.shares == pytest.approx(shares_by_scale(evidence))
    assert result.evidence == evidence
    assert result.score == fitted.typical.score(cells)[0]


def test_an_ng_part_has_a_region_however_faint_and_a_good_one_has_none(fitted, photos):
    result = fitted.evaluate_one(photos[1][0])
    faint = replace(result, heatmap=result.heatmap / 100, score=result.threshold)
    assert faint.verdict == "NG"
    assert faint.regions[0].peak == faint.heatmap.max()
    assert not replace(faint, score=result.threshold / 2).regions


def test_scores_and_maps_of_cells_come_from_one_pass(fitted, photos, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    with pytest.warns(UserWarning, match="1 images were left out"):
        scores, cells = fitted.score_and_cells([photos[1][2], broken])
    one = fitted.evaluate_one(photos[1][2])
    np.testing.assert_allclose(scores, [one.score, np.nan], rtol=1e-4)
    np.testing.assert_allclose(enlarge(cells[0], 96, 96), one.heatmap, rtol=1e-3, atol=1e-4)
    assert cells.shape == (2, 16, 16) and np.isnan(cells[1]).all()
    with pytest.warns(UserWarning, match="1 images were left out"):
        assert fitted.score_and_cells([broken])[1].shape == (1, 16, 16)


def test_verdict_is_ng_on_the_threshold_itself(fitted):
    image = photo(5)
    kept = fitted.threshold
    try:
        fitted.threshold = fitted.evaluate_one(image).score
        assert fitted.evaluate_one(image).verdict == "NG"
        fitted.threshold = np.nextafter(fitted.threshold, np.inf)
        assert fitted.evaluate_one(image).verdict == "OK"
        assert fitted.threshold.policy == "manual"
    finally:
        fitted.threshold = kept


def test_scores_do_not_depend_on_batches(fitted, photos):
    together = fitted.score(photos[0][:5])
    alone = [fitted.score([image])[0] for image in photos[0][:5]]
    np.testing.assert_allclose(together, alone, rtol=1e-4)


def test_threshold_comes_from_calibration_images_and_says_so(fitted):
    assert len(fitted.calibration_scores) == fitted.threshold.n == 4  # 15 % of 24
    assert fitted.threshold == metrics.threshold(
        fitted.calibration_scores, policy="normal", aim=0.05, most=0.8
    )
    assert "calibration OK" in fitted.threshold.source


def test_training_is_repeatable_and_leaves_the_global_seed_alone(photos, tiny_config, fitted):
    torch.manual_seed(123)
    expected = torch.rand(1)
    torch.manual_seed(123)
    again = CSFlowDetector(tiny_config).fit(photos[0], progress=False)
    assert torch.rand(1) == expected
    np.testing.assert_array_equal(again.calibration_scores, fitted.calibration_scores)


def test_an_unreadable_image_is_named_and_not_scored(fitted, tmp_path):
    good, bad = tmp_path / "good.png", tmp_path / "broken.jpg"
    Image.fromarray(photo(1)).save(good)
    bad.write_bytes(b"\xff\xd8\xff nothing more")
    with pytest.warns(UserWarning, match="1 images were left out: .*broken.jpg"):
        scores = fitted.score([good, bad, good])
    assert np.isnan(scores).tolist() == [False, True, False]
    with pytest.raises(DataError, match="broken.jpg"):
        fitted.evaluate_one(bad)
    with pytest.raises(DataError, match="broken.jpg"):
        fitted.localize([good, bad])


def test_unfitted_detector_says_what_to_call(tiny_config, tmp_path):
    detector = CSFlowDetector(tiny_config)
    for use in (lambda: detector.score([photo(1)]), lambda: save(detector, tmp_path / "m")):
        with pytest.raises(NotFittedError, match=r"call fit\(images\)"):
            use()
    assert not (tmp_path / "m").exists()


def test_training_refuses_ng_and_too_few(ok_ng_folder, tiny_config):
    parts = load_images(ok_ng_folder)
    with pytest.raises(ValueError, match="must all be OK, got 8 NG; pass parts.train"):
        CSFlowDetector(tiny_config).fit(parts, parts.calibration)
    with pytest.raises(ValueError, match="at least 3 images"):
        CSFlowDetector(tiny_config).fit([photo(1), photo(2)])


@pytest.fixture(scope="module")
def ok_ng_folder(tmp_path_factory, photos):
    root = tmp_path_factory.mktemp("disc")
    for label, images in zip(("OK", "NG"), photos, strict=True):
        (root / label).mkdir()
        for i, image in enumerate(images):
            Image.fromarray(image).save(root / label / f"{i:02}.png")
    return root


def test_a_folder_keeps_its_split_with_the_saved_model(ok_ng_folder, tiny_config, tmp_path):
    parts = load_images(ok_ng_folder, seed=3)
    detector = CSFlowDetector(tiny_config).fit(parts, progress=False)
    again = load(save(detector, tmp_path / "disc")).parts()
    assert again.split() == parts.split()
    assert detector.data["fingerprint"] == parts.train.fingerprint()
    held = detector.score(parts.calibration)
    # each of these was compared with the others only
    np.testing.assert_allclose(held, detector.calibration_scores, rtol=0.05)


def test_relabels_count_in_training_and_in_its_parts(photos, tiny_config, tmp_path):
    root = tmp_path / "disc"
    for i, image in enumerate(photos[0]):
        (root / "OK").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(root / "OK" / f"{i:02}.png")
    found, later = load_images(root).train.names[:2]
    write_relabels(relabels_path(root), {found: True})
    parts = load_images(root)
    detector = CSFlowDetector(replace(tiny_config, epochs=1)).fit(parts, progress=False)
    assert found not in detector.data["split"] and detector.data["relabelled"] == 1
    write_relabels(relabels_path(root), {later: True})
    parts = detector.parts()
    assert parts.ng.names == tuple(sorted([found, later])) and parts.test.ng.names == (found,)
    assert later not in parts.train.names, "neither learned from again nor tested on"
    assert not detector.parts(relabels=False).labels.any()
    plain = CSFlowDetector(replace(tiny_config, epochs=1))
    plain.fit(load_images(root, relabels=False), progress=False)
    assert found in plain.data["split"] and not plain.parts().labels.any()


def test_images_held_out_of_training_ones_are_of_other_parts(ok_ng_folder):
    parts = load_images(ok_ng_folder).train
    grouped = replace(parts, groups=tuple(f"part {i // 4}" for i in range(len(parts))))
    train, calibration = split_images(grouped, None, seed=0)
    assert len(calibration) == 4 and len(set(calibration.groups)) == 1
    assert not set(train.groups) & set(calibration.groups)


def ten_bits(root, photos):
    """The photos as a camera of 10 bits leaves them: in the lower bits of 16."""
    for label, images in zip(("OK", "NG"), photos, strict=True):
        (root / label).mkdir(parents=True)
        for i, image in enumerate(images):
            deep = np.round(image[..., 0] * (1023 / 255)).astype(np.uint16)
            Image.fromarray(deep).save(root / label / f"{i:02}.tif")
    return load_images(root)


def test_ten_bits_in_sixteen_score_as_eight_do(photos, tiny_config, tmp_path):
    parts = ten_bits(tmp_path / "ten", photos)
    detector = CSFlowDetector(tiny_config).fit(parts, progress=False)
    assert detector.config.white == parts.white == 1023
    assert metrics.auroc(detector.score(parts.test), parts.test.labels) > 0.9
    deep = np.asarray(Image.open(parts.ng[0]))
    seen = detector.evaluate_one(deep)
    assert seen.image.max() > 200 and seen.score == detector.evaluate_one(parts.ng[0]).score
    np.testing.assert_allclose(detector.score(parts.ng)[0], seen.score, rtol=1e-4)
    again = load(save(detector, tmp_path / "model"))
    assert again.config.white == 1023 and again.parts().white == 1023
    assert again.evaluate_one(deep).score == pytest.approx(seen.score, rel=1e-4)
    arrays = [np.asarray(Image.open(path)) for path in parts.train]
    listed = CSFlowDetector(replace(tiny_config, epochs=1)).fit(arrays, progress=False)
    assert listed.config.white == 1023


def test_eight_bits_and_older_models_name_no_range(fitted):
    assert fitted.config.white == 0 and "white" not in fitted.config.to_dict()
    assert "white" not in fitted.config.features()


def test_fitting_train_images_alone_holds_some_of_them_out(ok_ng_folder, tiny_config):
    parts = load_images(ok_ng_folder)
    detector = CSFlowDetector(tiny_config).fit(parts.train, progress=False)
    counts = detector.data["counts"]
    assert counts["train"] + counts["calibration"] == len(parts.train)
    assert not set(detector.parts().train.names) & set(detector.parts().calibration.names)


def interrupted(after, monkeypatch):
    """Let the user press Ctrl-C when the calibration images are watched once more than this."""
    calls = []

    def interrupting(zs, logdet):
        calls.append(torch.is_inference_mode_enabled())
        if sum(calls) > after:
            raise KeyboardInterrupt
        return nll(zs, logdet)

    monkeypatch.setattr(training, "nll", interrupting)


def test_ctrl_c_keeps_the_best_weights_so_far(photos, tiny_config, monkeypatch):
    interrupted(2, monkeypatch)
    with pytest.warns(UserWarning, match="stopped after 2 of 6 epochs"):
        detector = CSFlowDetector(tiny_config).fit(photos[0], progress=False)
    assert len(detector.history) == 2
    assert np.isfinite(detector.score(photos[1])).all()


def test_ctrl_c_before_the_first_epoch_leaves_it_unfitted(photos, tiny_config, monkeypatch):
    interrupted(0, monkeypatch)
    detector = CSFlowDetector(tiny_config)
    with pytest.raises(KeyboardInterrupt):
        detector.fit(photos[0], progress=False)
    with pytest.raises(NotFittedError):
        detector.score(photos[1])


def test_good_parts_look_dark_on_the_fixed_scale(fitted, photos):
    low, high = fitted.heat_range
    dark = [np.mean(heat < low) for heat in fitted.localize([photo(200 + i) for i in range(6)])]
    assert np.mean(dark) > 0.7
    assert max(heat.max() for heat in fitted.localize(photos[1])) > (low + high) / 2


def test_overlay_leaves_cold_places_alone():
    image = np.full((4, 4, 3), 100, np.uint8)
    heat = np.zeros((4, 4), np.float32)
    heat[0, 0] = 9
    mixed = np.asarray(blend(image, heat, (1, 2), alpha=1.0))
    assert (mixed[1:] == 100).all()
    assert mixed[0, 0].tolist() == [252, 255, 164]
    with pytest.raises(ValueError, match="alpha must be in 0..1, got 2"):
        blend(image, heat, (1, 2), alpha=2)


def test_colours_grow_lighter_with_the_heat():
    grey = colourise(np.linspace(0, 1, 50)[None], (0, 1))[0] @ [0.299, 0.587, 0.114]
    assert (np.diff(grey) > 0).all()


def test_enlarged_maps_never_fall_below_zero():
    spike = np.zeros((8, 8), np.float32)
    spike[4, 4] = 10
    large = enlarge(spike, 60, 100)
    assert large.shape == (60, 100) and large.min() >= 0 and large.max() > 5


def test_features_are_standardised_only_where_the_configuration_says_so(photos, tiny_config):
    plain, standardised = (
        CSFlowDetector(replace(tiny_config, epochs=1, standardise=chosen))
        .fit(photos[0][:8], progress=False)
        .network.standardise
        for chosen in (False, True)
    )
    assert (plain.mean == 0).all() and (plain.std == 1).all()
    assert (standardised.std[2] != 1).all()  # finer scales have fewer channels


def test_flat_unlabelled_folders_can_be_trained_on(tmp_path, photos, tiny_config):
    for i, image in enumerate(photos[0][:8]):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    detector = CSFlowDetector(tiny_config).fit(load_images(tmp_path), progress=False)
    assert detector.data["counts"] == {"train": 7, "calibration": 1}


@pytest.mark.parametrize("name, heat", [("mean", "finest"), ("topk", "mean")])
def test_the_configuration_says_which_score_and_heat_are_used(photos, tmp_path, name, heat):
    config = CSFlowConfig(
        image_size=128, hidden=8, kernels=(3,), epochs=2, batch=8, score=name, heat=heat, top_k=3
    )
    detector = CSFlowDetector(config).fit(photos[0][:8], progress=False)
    detector = load(save(detector, tmp_path / "m"), engine="torch")
    assert (detector.config.score, detector.config.heat, detector.config.top_k) == (name, heat, 3)
    one = detector.evaluate_one(photos[1][0])
    zs = detector.look(to_square(photos[1][0], 128))
    assert one.score == score(zs, name, 3)[0] != score(zs, "std")[0]
    joined = joined_heat(cell_energy(zs), heat)[0]
    np.testing.assert_array_equal(enlarge(joined, 96, 96), one.heatmap)
    np.testing.assert_allclose(detector.localize(photos[1][:1])[0], one.heatmap, rtol=1e-3)
    assert detector.threshold == metrics.threshold(detector.calibration_scores, q=99)


@pytest.mark.filterwarnings("ignore:the ONNX graph was compared with torch on two drawn images")
def test_what_is_to_be_ignored_counts_for_nothing(photos, tiny_config, tmp_path):
    fixture = np.zeros((96, 96), np.uint8)
    fixture[:, 48:] = 255
    config = replace(tiny_config, epochs=1)
    detector = CSFlowDetector(config).fit(photos[0], ignore=fixture, progress=False)
    image = photos[0][0].copy()
    image[30:60, 70:96] = (0, 255, 0)  # far inside what is ignored
    whole = CSFlowDetector(config).fit(photos[0], progress=False)
    plain, changed = (whole.score([x])[0] for x in (photos[0][0], image))
    seen, hidden = (detector.score([x])[0] for x in (photos[0][0], image))
    assert changed > 2 * plain and hidden == seen
    assert detector.evaluate_one(image).heatmap[40:50, 80:90].max() == 0
    folder = save(detector, tmp_path / "disc")
    assert load(folder).score([image])[0] == hidden
    graph = load(folder, engine="onnx")
    assert graph.score([image])[0] == pytest.approx(hidden, rel=1e-4)
    assert graph.prepare().describe().startswith("onnx")
    for mean in ("mean", "std"):
        plain = CSFlowDetector(replace(config, score=mean, policy="percentile", heat="mean"))
        plain.fit(photos[0], ignore=fixture, progress=False)
        assert np.isfinite(plain.score([image])[0])


@pytest.mark.filterwarnings("ignore:the ONNX graph was compared with torch on two drawn images")
def test_what_counts_changes_without_a_training(photos, tiny_config, tmp_path):
    for label, images in zip(("OK", "NG"), photos, strict=True):
        (tmp_path / "disc" / label).mkdir(parents=True)
        for i, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / "disc" / label / f"{i}.png")
    parts = load_images(tmp_path / "disc")
    detector = CSFlowDetector(replace(tiny_config, epochs=1)).fit(parts, progress=False)
    former = detector.score(parts.test), float(detector.threshold)
    image = photos[0][0].copy()
    image[30:60, 70:96] = (0, 255, 0)
    changed = detector.score([image])[0]

    fixture = np.zeros((96, 96), np.uint8)
    fixture[:, 48:] = 255
    assert detector.adjust(ignore=fixture)
    assert detector.evaluate_one(image).heatmap[40:50, 80:90].max() == 0
    assert detector.score([image])[0] < changed and float(detector.threshold) != former[1]
    assert detector.threshold.n == len(parts.calibration) or detector.threshold.policy == "tail"
    masked = detector.score(parts.test)
    loaded = load(save(detector, tmp_path / "saved"))
    np.testing.assert_array_equal(loaded.score(parts.test), masked)
    assert loaded.adjust(ignore=np.zeros_like(fixture))  # takes it back
    np.testing.assert_allclose(loaded.score(parts.test), former[0], rtol=1e-3)
    assert float(loaded.threshold) == pytest.approx(former[1], rel=1e-3)

    assert loaded.adjust(smallest=0.05, regions=2)
    scores, cells = loaded.score_and_cells(parts.test)
    for value, plain, heat in zip(scores, former[0], cells, strict=True):
        level = region_level(heat, 0.05, 2)
        assert value == pytest.approx(min(plain, level), rel=1e-3)
    assert (scores < 0.99 * former[0]).any()
    again = load(save(loaded, tmp_path / "saved"))
    assert (again.config.smallest, again.config.regions) == (0.05, 2)
    assert again.evaluate_one(parts.test[0]).score == pytest.approx(scores[0], rel=1e-4)
    with pytest.raises(ValueError, match=r"smallest must be a share in \[0, 1\), got 2"):
        again.adjust(smallest=2.0)
    shutil.rmtree(tmp_path / "disc")
    kept = float(again.threshold)
    assert not again.adjust(ignore=fixture) and again.threshold == kept
