"""Pictures of every kind that a line leaves behind, and the folders they lie in."""

import json
import random
import shutil

import numpy as np
import pytest
from PIL import Image

from workbench.data import load_images, read_image, relabels_path, write_relabels
from workbench.errors import DataError

H, W = 12, 20
RED = (200, 30, 30)


def colour(shade=200, size=(W, H)):
    return Image.new("RGB", size, (shade, 30, 30))


def save(path, image=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    (image or colour()).save(path, **options)
    return path


def noisy(path, size=(64, 64)):
    """A JPEG long enough to be cut in the middle."""
    pixels = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    return save(path, Image.fromarray(pixels))


@pytest.fixture
def okng(tmp_path):
    """40 OK, 6 NG with three masks."""
    for i in range(40):
        save(tmp_path / "OK" / f"{i:02d}.png", colour(100 + i))
    for i in range(6):
        kind = "scratch" if i < 3 else "dent"
        save(tmp_path / "NG" / f"{kind}_{i}.png", colour(220 + i))
    for i in range(3):
        mask = np.zeros((H, W), np.uint8)
        mask[2:5, 3:9] = 255
        save(tmp_path / "masks" / f"scratch_{i}.png", Image.fromarray(mask))
    return tmp_path


@pytest.mark.parametrize(
    "name",
    ["a.jpg", "a.JPEG", "a.png", "a.BMP", "a.tif", "a.TIFF", "a.webp", "부품 №1 ü.png"],
)
def test_every_ending_in_any_case_and_unicode_names(tmp_path, name):
    save(tmp_path / name)
    folder = load_images(tmp_path)
    assert folder.names == (name,)
    np.testing.assert_allclose(folder.image(0)[5, 5], RED, atol=6)
    assert folder.image(0).shape == (H, W, 3)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "CMYK"])
def test_colour_modes_become_rgb(tmp_path, mode):
    path = save(tmp_path / "a.tif", colour().convert(mode))
    np.testing.assert_allclose(read_image(path)[0, 0], RED, atol=2)


def test_palettes_become_rgb(tmp_path):
    path = save(tmp_path / "a.png", colour().quantize(4))
    assert read_image(path)[0, 0].tolist() == list(RED)


def test_cmyk_jpeg(tmp_path):
    path = save(tmp_path / "a.jpg", colour().convert("CMYK"), quality=95)
    np.testing.assert_allclose(read_image(path)[5, 5], RED, atol=8)


@pytest.mark.parametrize("mode", ["L", "LA", "1"])
def test_grey_modes_become_rgb(tmp_path, mode):
    path = save(tmp_path / "a.png", Image.new("L", (W, H), 255).convert(mode))
    assert (read_image(path) == 255).all()
    assert read_image(path).shape == (H, W, 3)


def test_alpha_is_dropped_and_not_blended(tmp_path):
    path = save(tmp_path / "a.png", Image.new("RGBA", (W, H), (*RED, 0)))
    assert read_image(path)[0, 0].tolist() == list(RED)


def test_palette_with_transparency_warns_nobody(tmp_path):
    path = save(tmp_path / "a.png", colour().convert("P"), transparency=b"\x00\x80")
    assert read_image(path).shape == (H, W, 3)


@pytest.mark.parametrize(("value", "level"), [(0, 0), (257, 1), (128 * 257, 128), (65535, 255)])
def test_sixteen_bits_keep_their_full_range(tmp_path, value, level):
    for suffix in ("png", "tif"):
        path = save(tmp_path / f"a.{suffix}", Image.fromarray(np.full((H, W), value, np.uint16)))
        assert (read_image(path) == level).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "PA", "L", "CMYK", "1", "I;16", "F"])
def test_a_large_picture_becomes_what_a_small_one_does(mode):
    small = np.random.default_rng(0).integers(0, 256, (8, 10, 3), np.uint8)
    if mode in ("I;16", "F"):
        small = (
            small[..., 0] * np.uint16(257) if mode == "I;16" else small[..., 0] / np.float32(255)
        )
        image = Image.fromarray(small)
    else:
        image = Image.fromarray(small).convert("P" if mode == "PA" else mode).convert(mode)
    large = Image.new(image.mode, (2500, 2400))
    if image.palette:
        large.putpalette(image.palette)
    for top in range(0, 2400, 8):
        large.paste(image, (0, top))
    found = read_image(large)
    assert found.shape == (2400, 2500, 3) and found.flags.writeable
    assert (found[:, :10].reshape(300, 8, 10, 3) == read_image(image)).all()


def test_exif_rotation_turns_the_picture_upright(tmp_path):
    pixels = np.zeros((H, W, 3), np.uint8)
    pixels[:, : W // 2] = 255  # left half white
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: left becomes top
    save(tmp_path / "a.png", Image.fromarray(pixels), exif=exif)
    folder = load_images(tmp_path)
    assert folder.image(0).shape == (W, H, 3)
    assert folder.image(0)[0].min() == 255
    assert folder.image(0)[-1].max() == 0
    assert folder.summary()["sizes"]["max"] == [H, W]


@pytest.mark.parametrize(
    "array",
    [
        np.full((H, W), 255, np.uint8),
        np.full((H, W, 1), 65535, np.uint16),
        np.ones((H, W, 3)),
        np.ones((H, W, 4), np.float32),
        np.ones((H, W), bool),
    ],
)
def test_arrays(array):
    image = read_image(array)
    assert image.shape == (H, W, 3)
    assert image.dtype == np.uint8
    assert (image == 255).all()


def test_bytes_and_pil_images_equal_the_file(tmp_path):
    path = noisy(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(path.read_bytes()), read_image(path))
    with Image.open(path) as image:
        np.testing.assert_array_equal(read_image(image), read_image(str(path)))
        image.load()  # still usable afterwards


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(5), "shape"),
        (np.zeros((2, 2, 2)), "shape"),
        (np.zeros((0, 4)), "shape"),
        (np.full((2, 2), 1.5), "0, 1"),
        (np.full((2, 2), np.nan), "0, 1"),
        (np.zeros((2, 2), np.int64), "uint8, uint16"),
    ],
)
def test_arrays_that_are_no_pictures(array, message):
    with pytest.raises(DataError, match=message):
        read_image(array)


def test_other_sources_are_refused():
    with pytest.raises(TypeError, match="path, a PIL image, an array or encoded bytes, got int"):
        read_image(7)


def test_bad_files_are_named_counted_and_left_out(tmp_path):
    good = noisy(tmp_path / "good.jpg")
    (tmp_path / "cut.jpg").write_bytes(good.read_bytes()[:1500])
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "notes.txt").write_text("ignored")
    (tmp_path / ".hidden.png").write_text("ignored")
    with pytest.warns(UserWarning, match=r"left out 3 bad files.*cut.jpg.*empty.png.*text.png"):
        folder = load_images(tmp_path)
    assert folder.names == ("good.jpg",)
    reasons = dict(folder.bad)
    assert set(reasons) == {"cut.jpg", "empty.png", "text.png"}
    assert "truncated" in reasons["cut.jpg"]
    assert "empty" in reasons["empty.png"]
    assert "no picture format" in reasons["text.png"]
    assert folder.summary()["bad"][0]["name"] == "cut.jpg"


def test_without_check_headers_alone_are_read(tmp_path):
    good = noisy(tmp_path / "good.jpg")
    (tmp_path / "cut.jpg").write_bytes(good.read_bytes()[:1500])
    (tmp_path / "empty.png").touch()
    with pytest.warns(UserWarning, match="left out 1 bad"):
        assert load_images(tmp_path, check=False).names == ("cut.jpg", "good.jpg")


def test_errors_name_the_file(tmp_path):
    with pytest.raises(DataError, match=r"gone.png must be a readable picture: no such file"):
        read_image(tmp_path / "gone.png")
    with pytest.raises(DataError, match="image bytes must be a readable picture"):
        read_image(b"junk")


def test_only_bad_files_is_an_error(tmp_path):
    (tmp_path / "empty.png").touch()
    with pytest.raises(DataError, match="all 1 are bad"):
        load_images(tmp_path)


def test_missing_folder_and_unknown_layout_say_what_is_expected(tmp_path):
    with pytest.raises(DataError, match="OK/ and NG/.*no such folder"):
        load_images(tmp_path / "gone")
    save(tmp_path / "monday" / "a.png")
    with pytest.raises(DataError, match=r"train/good/.*found monday/"):
        load_images(tmp_path)


def test_okng_labels_kinds_masks(okng):
    folder = load_images(okng)
    assert (len(folder), len(folder.ok), len(folder.ng)) == (46, 40, 6)
    assert folder.ng.kinds == ("dent",) * 3 + ("scratch",) * 3
    assert folder.names[-1] == "OK/39.png"
    assert folder.ng.mask(0) is None  # nobody marked the dents
    assert folder.ng.mask(3).sum() == 3 * 6
    assert folder.ok.mask(0).shape == (H, W)
    assert not folder.ok.mask(0).any()
    assert folder[0] == okng / folder.names[0]


def test_folder_names_in_any_case_and_kinds_from_sub_folders(tmp_path):
    save(tmp_path / "ok" / "a.png")
    save(tmp_path / "Ng" / "scratch" / "a.png")
    save(tmp_path / "Ng" / "hole" / "a.png")
    mask = Image.new("L", (W, H))
    mask.putpixel((1, 1), 255)
    save(tmp_path / "Mask" / "hole" / "a.png", mask)
    folder = load_images(tmp_path)
    assert folder.ng.names == ("Ng/hole/a.png", "Ng/scratch/a.png")
    assert folder.ng.kinds == ("hole", "scratch")
    assert folder.ng.mask(0).sum() == 1


@pytest.mark.parametrize(
    "names", [["a_1", "b_1"], ["a_1", "a_2"], ["a_1", "a_2", "b_1", "b_2", "7_1"]]
)
def test_file_names_that_are_no_kinds(tmp_path, names):
    for name in names:
        save(tmp_path / "NG" / f"{name}.png")
    assert set(load_images(tmp_path).kinds) == {"defect"}


def test_either_class_may_be_missing(okng):
    shutil.rmtree(okng / "NG")
    only_ok = load_images(okng)
    assert (len(only_ok.ng), only_ok.labels.any()) == (0, False)
    assert len(only_ok.train) + len(only_ok.calibration) + len(only_ok.test) == 40


def test_masks_must_fit_their_pictures(okng):
    save(okng / "masks" / "scratch_0.png", Image.new("L", (W, H + 1)))
    with pytest.raises(DataError, match=f"as large as its picture, {W} x {H} pixels"):
        load_images(okng, check=False).ng.mask(3)
    with pytest.warns(UserWarning, match="masks/scratch_0.png"):
        folder = load_images(okng)
    assert len(folder.ng) == 6  # the photo is good, only its mask is not
    assert folder.ng.mask(3) is None


def test_splits_are_disjoint_seeded_and_hold_only_ok_for_training(okng):
    folder = load_images(okng)
    parts = [set(folder.train.names), set(folder.calibration.names), set(folder.test.names)]
    assert [len(part) for part in parts] == [28, 6, 6 + 6]  # 0.15 * 40 = 6, and all NG
    assert set.union(*parts) == set(folder.names)
    assert not folder.train.labels.any()
    assert not folder.calibration.labels.any()
    assert load_images(okng).split() == folder.split()
    assert load_images(okng, seed=1).split() != folder.split()


def test_a_new_picture_hardly_moves_the_others(okng):
    before = load_images(okng).split()
    save(okng / "OK" / "new.png")
    after = load_images(okng).split()
    assert sum(before[name] != after[name] for name in before) <= 2


def test_a_saved_split_comes_back(okng):
    saved = json.loads(json.dumps(load_images(okng).split()))
    save(okng / "OK" / "new.png")
    folder = load_images(okng, seed=5).with_split(saved)
    assert folder.split() == {**saved, "OK/new.png": "test"}
    swapped = folder.with_split({name: "train" for name in folder.names})
    assert not swapped.train.labels.any()
    with pytest.raises(ValueError, match="must be one of"):
        folder.with_split({"OK/new.png": "holdout"})


@pytest.mark.parametrize(
    "shares", [{"test": 1.0}, {"calibration": -0.1}, {"test": 0.6, "calibration": 0.5}]
)
def test_shares_out_of_range(okng, shares):
    with pytest.raises(ValueError, match="share"):
        load_images(okng, **shares)


def test_mvtec(tmp_path):
    for i in range(20):
        save(tmp_path / "train" / "good" / f"{i:03d}.png")
    for kind in ("good", "hole", "cut"):
        save(tmp_path / "test" / kind / "000.png")
    mask = Image.new("L", (W, H))
    mask.putpixel((3, 2), 255)
    save(tmp_path / "ground_truth" / "hole" / "000_mask.png", mask)
    folder = load_images(tmp_path)
    assert (len(folder.train), len(folder.calibration), len(folder.test)) == (17, 3, 3)
    assert folder.test.kinds == ("cut", "good", "hole")
    assert folder.test.labels.tolist() == [True, False, True]
    assert folder.test.mask(0) is None  # not the mask of hole/000
    assert not folder.test.mask(1).any()
    assert np.argwhere(folder.test.mask(2)).tolist() == [[2, 3]]


def test_flat_folder_is_unlabelled_and_all_test(tmp_path):
    save(tmp_path / "b.png")
    save(tmp_path / "a.png")
    folder = load_images(tmp_path)
    assert folder.labels is None
    assert folder.names == folder.test.names == ("a.png", "b.png")
    assert len(folder.ok) == len(folder.ng) == len(folder.train) == 0
    assert folder.mask(0) is None
    assert folder.summary()["labels"] == {"unlabelled": 2}


def test_indexing_follows_arrays(okng):
    folder = load_images(okng)
    assert folder[-1].name == "39.png"
    assert folder[2:5].names == folder.names[2:5]
    assert folder[[5, 1]].names == (folder.names[5], folder.names[1])
    assert folder[folder.labels].names == folder.ng.names
    assert len(folder[[]]) == 0
    assert list(folder) == list(folder.paths)
    with pytest.raises(IndexError):
        folder[46]


def test_fingerprint_follows_content_and_not_order(okng):
    folder = load_images(okng)
    order = list(range(len(folder)))
    random.Random(0).shuffle(order)
    before = folder.fingerprint()
    assert folder[order].fingerprint() == before
    save(okng / "OK" / "00.png", colour(7))
    assert folder.fingerprint() != before


def test_summary_is_json(okng):
    summary = json.loads(json.dumps(load_images(okng).summary()))
    assert summary["labels"] == {"OK": 40, "NG": 6}
    assert summary["kinds"] == {"dent": 3, "good": 40, "scratch": 3}
    assert summary["sizes"] == {"min": [W, H], "median": [W, H], "max": [W, H]}
    assert summary["masks"] == 3
    assert sum(summary["splits"].values()) == 46


@pytest.mark.filterwarnings("ignore:.*groups.csv")  # groups of photos, not their labels
def test_real_tiles(real_data):
    folder = load_images(real_data / "mtd", check=False)
    summary = folder.summary()
    assert summary["labels"] == {"OK": 762, "NG": 194}
    assert {"blowhole", "break", "crack", "fray", "uneven"} < set(folder.kinds)
    assert summary["masks"] == 194
    assert folder.ng.mask(0).any()


def test_real_boards(real_data):
    folder = load_images(real_data / "deeppcb", check=False)
    assert (len(folder.train), len(folder.calibration)) == (76, 14)
    assert (len(folder.test.ok), len(folder.ng)) == (30, 60)
    assert all(folder.ng.mask(i).any() for i in range(0, 60, 10))


def test_relabels_beside_the_folder_are_applied(okng):
    write_relabels(relabels_path(okng), {"OK/03.png": True})
    write_relabels(relabels_path(okng), {"NG/scratch_1.png": False})
    write_relabels(relabels_path(okng), {"OK/gone.png": True})
    write_relabels(relabels_path(okng), {"OK/04.png": False})  # what it was anyway
    folder, plain = load_images(okng), load_images(okng, relabels=False)
    ng = dict(zip(folder.names, folder.labels, strict=True))
    assert ng["OK/03.png"] and not ng["NG/scratch_1.png"] and folder.labels.sum() == 6
    assert folder.corrected == ("NG/scratch_1.png", "OK/03.png")
    assert folder.summary()["relabelled"] == 2 and plain.summary()["relabelled"] == 0
    assert not plain.corrected and folder.splits == plain.splits
    np.testing.assert_array_equal(folder.folder_labels, plain.labels)
    assert folder.ng.corrected == ("OK/03.png",)
    assert dict(plain.reading) == {"relabels": False} and not folder.reading


def test_a_flat_folder_has_no_labels_to_correct(tmp_path):
    root = tmp_path / "lot"
    save(root / "a.png")
    write_relabels(relabels_path(root), {"a.png": True})
    assert load_images(root).labels is None
