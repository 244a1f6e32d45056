"""Photos of one part in one split, photos known again by content, and the check-up of a folder."""

import csv
import json
import os
import shutil
import unicodedata
from collections import defaultdict
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from workbench.data import load_images, read_image
from workbench.data.check import check
from workbench.data.contents import contents, copies
from workbench.data.groups import read_groups
from workbench.data.photo_check import few_good, group_table, in_short
from workbench.data.photo_stats import near_groups, photo_stats
from workbench.errors import DataError

from .test_photo_folders import CASES, labels, left, mask, photo

pytestmark = pytest.mark.filterwarnings("ignore:.*left alone")


@pytest.fixture
def parts(tmp_path):
    """12 parts of three photos each, two of them NG in one photo."""
    root = tmp_path / "lot"
    for part in range(12):
        for cam in range(3):
            label = "NG" if part in (3, 7) and cam == 1 else "OK"
            photo(root / label / f"p{part:02d}_cam{cam}.png", 10 * part + cam)
    return root


def splits_of(folder):
    found = defaultdict(set)
    for group, split in zip(folder.groups, folder.splits, strict=True):
        found[group].add(split)
    return found


@pytest.mark.parametrize("given", ["{part}_cam*", r"^(p\d+)", "file"])
def test_no_part_is_in_two_splits(parts, given):
    if given == "file":
        names = load_images(parts).names
        rows = [f"{name},{name.split('/')[1][:3]}" for name in names]
        (parts / "groups.csv").write_text("\n".join(["file name,group", *rows]))
        given = "groups.csv"
    folder = load_images(parts, groups=given, calibration=0.2, test=0.2)
    found = splits_of(folder)
    assert len(found) == 12 and all(len(splits) == 1 for splits in found.values())
    assert {split for splits in found.values() for split in splits} == {
        "train", "calibration", "test"
    }  # fmt: skip
    assert {"OK/p03_cam0.png", "OK/p07_cam2.png"} < set(folder.test.names), "an NG part is tested"
    assert dict(folder.reading)["groups"] == given
    again = load_images(parts, **folder.reading, calibration=0.2, test=0.2)
    assert again.split() == folder.split()


def test_a_folder_a_part(tmp_path):
    for part in range(6):
        for cam in "ab":
            photo(tmp_path / "OK" / f"part{part}" / f"{cam}.png", part)
    photo(tmp_path / "OK" / "alone.png")
    folder = load_images(tmp_path, groups="folder")
    assert set(folder.groups) == {"", *(f"OK/part{part}" for part in range(6))}
    assert all(len(s) == 1 for group, s in splits_of(folder).items() if group)


def test_groups_that_divide_a_part_are_refused(tmp_path):
    for name in ("train/good/a1.png", "train/good/b1.png", "test/good/a2.png", "test/hole/c1.png"):
        photo(tmp_path / name)
    with pytest.raises(
        DataError, match=r"part a is trained with \(train/good/a1.png\) and tested"
    ):
        load_images(tmp_path, groups=r"^([abc])")
    assert len(load_images(tmp_path, groups={"train/good/a1.png": "a"})) == 4


@pytest.mark.parametrize(
    ("groups", "error"),
    [("{lot}_*", "one {part}"), ("(", "must be a pattern"), (r"^(x+)$", "none does"),
     ("gone.csv", "gone.csv must be a CSV"), ("labels.csv", "must have the columns file name and"),
     ("other.csv", "must name photos of")],
)  # fmt: skip
def test_groups_that_cannot_be_used(parts, groups, error):
    (parts / "labels.csv").write_text("file name,length\nOK/p00_cam0.png,3\n")
    (parts / "other.csv").write_text("file name,group\nx.png,3\n")
    with pytest.raises(ValueError, match=error):
        read_groups(groups, parts, ["OK/p00_cam0.png"])


def test_a_group_of_a_table_of_labels(tmp_path):
    for i in range(4):
        photo(tmp_path / f"{i}.png", i)
    rows = ["file,label,serial", *(f"{i}.png,OK,S{i // 2}" for i in range(4))]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    assert load_images(tmp_path).groups == ("S0", "S0", "S1", "S1")


# known again


@pytest.fixture
def trained(tmp_path):
    """A folder, and the split and contents that a training would save."""
    root = tmp_path / "lens"
    for i in range(12):
        photo(root / "OK" / unicodedata.normalize("NFD", f"양품_{i}.png"), i)
    photo(root / "NG" / "n.png")
    folder = load_images(root)
    split = {n: s for n, s in folder.split().items() if s != "test"}
    return root, split, json.loads(json.dumps(contents(root, list(split)))), folder


def again(root, split, saved, **options):
    return load_images(root, check=False, **options).with_split(split, saved)


def test_an_untouched_folder_is_known(trained):
    root, split, saved, folder = trained
    found = again(root, split, saved)
    assert found.split() == folder.split() and found.known.describe() == ""


def test_names_in_other_letters_keep_their_split(trained):
    root, split, saved, folder = trained
    (root / "OK").rename(root / "ok")
    for path in (root / "ok").iterdir():
        path.rename(path.with_name(unicodedata.normalize("NFC", path.name).upper()))
    for contents_ in (saved, None):
        found = again(root, split, contents_)
        assert [len(found.train), len(found.calibration), len(found.test)] == [
            len(folder.train), len(folder.calibration), len(folder.test)
        ]  # fmt: skip
        assert found.known.describe() == ""


def test_renamed_moved_and_copied_photos_keep_their_split(trained):
    root, split, saved, _ = trained
    one, two, three = [name for name, word in split.items() if word == "train"][:3]
    (root / one).rename(root / "OK" / "renamed.png")
    (root / "OK" / "lot 2").mkdir()
    (root / two).rename(root / "OK" / "lot 2" / "moved.png")
    shutil.copy(root / three, root / "OK" / "copied.png")
    photo(root / "OK" / "new.png", 77)
    found = again(root, split, saved)
    now = found.split()
    assert {now[f"OK/{name}.png"] for name in ("renamed", "lot 2/moved", "copied")} == {"train"}
    assert now["OK/new.png"] == "test"
    assert dict(found.known.moved) == {one: "OK/renamed.png", two: "OK/lot 2/moved.png"}
    assert found.known.copies == ("OK/copied.png",) and not found.known.missing
    assert found.known.describe() == "of the photos trained with, 2 moved or renamed, 1 copied"


def test_missing_and_changed_photos_are_said(trained):
    root, split, saved, _ = trained
    gone, changed = [name for name, word in split.items() if word == "train"][:2]
    (root / gone).unlink()
    photo(root / changed, 200)
    found = again(root, split, saved)
    assert found.known.missing == (gone,) and found.known.changed == (changed,)
    assert found.split()[changed] == "train", "a changed photo is not new"
    assert "1 missing, 1 changed since" in found.known.describe()
    os.utime(root / changed, ns=(1, 1))
    assert again(root, split, saved).known == found.known


def test_equal_files_are_found(tmp_path):
    paths = [photo(tmp_path / f"{i}.png", i) for i in range(3)]
    shutil.copy(paths[0], tmp_path / "copy.png")
    other = bytearray(paths[1].read_bytes())
    other[len(other) // 2] ^= 1
    (tmp_path / "near.png").write_bytes(other)
    every = [*paths, tmp_path / "copy.png", tmp_path / "near.png", tmp_path / "gone.png"]
    assert copies(every) == [[0, 3]]


# the check-up


def shot(part, gain, cut=0):
    """A photo of a part of its own pattern, at some exposure, cut a little closer."""
    rng = np.random.default_rng(part)
    cells = Image.fromarray(rng.uniform(40, 110, (7, 9)).astype(np.float32))
    pixels = np.asarray(cells.resize((120, 90), Image.BICUBIC))[cut : 90 - cut, cut : 120 - cut]
    pixels = np.clip(pixels * gain, 0, 255)[..., None].repeat(3, axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


def test_near_copies_become_groups(tmp_path):
    (tmp_path / "OK").mkdir()
    for part in range(30):
        for exposure, gain in enumerate((0.7, 1.0, 1.4)):
            shot(part, gain, cut=exposure).save(tmp_path / "OK" / f"{part}_{exposure}.png")
    found = check(tmp_path)
    groups = found.facts["near_copies"]
    assert len(groups) == 30 and all(len(group) == 3 for group in groups)
    assert all(len({name.split("_")[0] for name in group}) == 1 for group in groups)
    assert any("more than once (groups: 30, largest: 3)" in line for line in found.looks_wrong)
    (tmp_path / "parts.csv").write_text(group_table(groups), "utf-8-sig")
    found = check(tmp_path, groups="parts.csv")
    assert not any("look like" in line for line in found.looks_wrong)
    assert "parts: 30 of up to 3 photos share a split each" in found.understood
    assert not check(tmp_path, check=False).facts["near_copies"]


def test_equal_light_makes_no_two_photos_one_part():
    rng = np.random.default_rng(0)
    light = rng.normal(size=(220, 6)) @ rng.normal(size=(6, 256))
    seen = (light + rng.normal(0, 0.3, (220, 256))).astype(np.float32)
    sizes = np.full((220, 2), 100)
    unit = seen / np.linalg.norm(seen, axis=1, keepdims=True)
    assert ((unit @ unit.T)[np.triu_indices(220, 1)] > 0.9).sum() > 10
    assert near_groups(seen, sizes) == []
    again = seen[:40] + rng.normal(0, 0.02, (40, 256)).astype(np.float32)
    found = near_groups(np.concatenate([seen, again]), np.full((260, 2), 100))
    assert found == [[i, 220 + i] for i in range(40)]


def test_the_check_says_what_it_took_and_what_looks_wrong(tmp_path):
    for i in range(4):
        photo(tmp_path / "OK" / f"{i}.png", i)
        photo(tmp_path / "NG" / f"{i}.jpg", i)
    shutil.copy(tmp_path / "OK" / "0.png", tmp_path / "OK" / "copy.png")
    shutil.copy(tmp_path / "NG" / "1.jpg", tmp_path / "OK" / "ng.jpg")
    photo(tmp_path / "재검" / "a.png")
    mask(tmp_path / "masks" / "0.png", box=None)
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / ".DS_Store").write_text("hidden")
    with pytest.warns(UserWarning, match="masks/0.png"):
        found = check(tmp_path)
    said = "\n".join(line for _, lines in found.sections() for line in lines)
    for expected in (
        "images: 10, of them 6 OK, 4 NG", "layout: OK and NG folders", "재검/: 1 picture:",
        "no picture: 1 file (.txt 1), such as notes.txt", "hidden: 1 file",
        "masks/0.png must mark the defect, but it is empty", "there more than once: 2 photos",
        "NG/1.jpg = OK/ng.jpg: one photo, called good and NG",
        "no mask that can be used: 4 NG photos",
        "--layout '재검=OK' (or NG, or skip)", "5 good photos to train on: expect a first look",
    ):  # fmt: skip
        assert expected.replace("called ", "") in said.replace("called ", ""), expected
    assert json.loads(json.dumps(asdict(found), default=str))["facts"]["masks"] == 0
    assert "Left alone: 재검/" in in_short(load_images(tmp_path, check=False))


@pytest.mark.parametrize(
    ("good", "said"),
    [(9, "good photos to train on: expect a first look"), (20, "cross-fitting"), (43, "")],
)
def test_few_good_photos_are_said_by_the_limits_of_training(tmp_path, good, said):
    for i in range(good):
        photo(tmp_path / "OK" / f"{i}.png", i)
    images = load_images(tmp_path)
    assert len(images.train) + len(images.calibration) <= good
    few = [line for line in check(tmp_path).looks_wrong if "good photos" in line]
    assert [said in line for line in few] == [True] * bool(said)
    assert few == list(filter(None, [few_good(images)]))


def test_a_format_that_alone_tells_good_from_ng(tmp_path):
    for i in range(3):
        photo(tmp_path / "OK" / f"{i}.png", i)
        photo(tmp_path / "NG" / f"{i}.bmp", i)
    assert any("differ in format" in line for line in check(tmp_path).looks_wrong)


@pytest.mark.filterwarnings("ignore:.*left out")
@pytest.mark.parametrize(
    "case",
    ["15-loco-masks/in", "16-good-parts-called-NG/in/extra", "16-good-parts-called-NG/in/mixed",
     "18-palette-masks/in", "19-ten-bit-in-sixteen/in", "20-multi-page-tiff",
     "25-mask-beside-photo/in", "27-other-endings/in", "28-excel-and-korean-names/in"],
)  # fmt: skip
def test_every_shared_case_can_be_checked(case):
    found = check(CASES / case)
    assert found.kind == "photos" and found.understood[0].startswith("images: ")
    json.dumps(asdict(found), default=str)


def test_real_tiles_are_found_to_be_parts(real_data):
    folder = load_images(real_data / "mtd", check=False)
    stats = [photo_stats(read_image(path)) for path in folder.paths]
    sizes = np.array([(s.height, s.width) for s in stats])
    found = near_groups(np.stack([s.signature for s in stats]), sizes)
    group_of = {i: n for n, group in enumerate(found) for i in group}
    with (real_data / "mtd" / "groups.csv").open(encoding="utf-8") as file:
        truth = {row["file name"]: row["group"] for row in csv.DictReader(file)}
    tiles = defaultdict(list)
    for i, name in enumerate(folder.names):
        if not folder.labels[i]:
            tiles[truth[name]].append(i)
    several = [photos for photos in tiles.values() if len(photos) > 1]
    tied = [
        any(group_of.get(i, -1) == group_of.get(j, -2) for j in photos if j != i)
        for photos in several
        for i in photos
    ]
    assert np.mean(tied) > 0.85, "good tiles that are tied to another exposure of theirs"
    assert max(map(len, found)) <= 12
    assert labels(folder) and left(folder)
