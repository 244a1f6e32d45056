"""Folders of photos as they come off real machines: read right, or named with the remedy."""

import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench import bulk
from workbench.data import load_images, read_image
from workbench.data.decode import header, image_size, white_level
from workbench.data.masks import read_mask
from workbench.data.opening import opened
from workbench.data.words import word
from workbench.errors import DataError

CASES = Path(__file__).parent / "data" / "cases"
pytestmark = pytest.mark.filterwarnings("ignore:.*left alone")
SIZE = (16, 12)


def photo(path, shade=100, size=SIZE, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(sum(map(ord, path.name)) + shade).integers(
        0, 200, (size[1], size[0], 3), np.uint8
    )
    Image.fromarray(pixels).save(path, **options)
    return path


def mask(path, box=(2, 3, 6, 8), size=SIZE, value=255, mode="L", background=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new(mode, size, background)
    if box:
        image.paste(value, box)
    image.save(path)
    return path


def labels(folder):
    """Name to "OK" or "NG"."""
    words = ["NG" if ng else "OK" for ng in folder.labels]
    return dict(zip(folder.names, words, strict=True))


def left(folder):
    return {file.name: file.reason for file in folder.left_alone}


# the shared cases


def test_loco_joins_masks_and_calibrates_on_its_validation_photos():
    folder = load_images(CASES / "15-loco-masks" / "in")
    assert folder.calibration.names == ("validation/good/000.png", "validation/good/001.png")
    assert folder.train.names == ("train/good/000.png", "train/good/001.png")
    assert len(folder.test.ok) == 2 and len(folder.ng) == 4
    used = [m for m in folder.masks if m] + [
        m for more in folder.more_masks.values() for m in more
    ]
    assert len(used) + len(folder.left_alone) == 16
    assert all("no photo belongs" in reason for reason in left(folder).values())
    first = folder.names.index("test/logical_anomalies/000.png")
    files = (folder.masks[first], *folder.more_masks[folder.names[first]])
    assert folder.mask(first).sum() == sum(read_mask(file).sum() for file in files)
    assert not folder.bad, "an empty mask among several is no fault"


def test_good_words_are_good_and_unknown_ones_are_named():
    mixed = load_images(CASES / "16-good-parts-called-NG" / "in" / "mixed")
    assert set(mixed.test.ok.names) == {"test/normal/0000.png", "test/normal/0001.png"}
    assert set(mixed.ng.names) == {"test/anomaly/0000.png", "test/anomaly/0001.png"}
    extra = load_images(CASES / "16-good-parts-called-NG" / "in" / "extra")
    assert labels(extra) == {"NG/0.png": "NG", "OK/0.png": "OK", "OK_2호기/0.png": "OK"}
    assert 'layout="NG_rework=OK"' in left(extra)["NG_rework/"]
    asked = load_images(extra.root, layout="NG_rework=NG")
    assert labels(asked)["NG_rework/0.png"] == "NG" and not asked.left_alone
    skipped = load_images(extra.root, layout={"NG_rework": "skip"})
    assert len(skipped) == 3 and "as asked" in left(skipped)["NG_rework/"]


def test_palette_masks_go_by_colour():
    folder = load_images(CASES / "18-palette-masks" / "in")
    shares = [folder.ng.mask(i).mean() for i in range(3)]
    assert all(0.005 < share < 0.05 for share in shares)


def test_ten_bits_in_sixteen_are_found_and_said():
    folder = load_images(CASES / "19-ten-bit-in-sixteen" / "in")
    assert folder.white == 1023 and dict(folder.reading) == {"white": 1023}
    assert "10 bits" in folder.assumed[-1] and folder.summary()["bits"] == {"16": 6}
    levels = np.unique(folder.image(0)[..., 0])
    assert len(levels) > 60 and levels.max() > 200
    assert load_images(folder.root, white=65535).white == 65535


def test_further_pages_are_said():
    folder = load_images(CASES / "20-multi-page-tiff")
    assert left(folder) == {"stack.tif": "4 pages: the first is read; save the others as files"}
    with Image.open(folder[0]) as image:
        np.testing.assert_array_equal(folder.image(0), np.asarray(image))


def test_a_mask_beside_its_photo_is_no_part():
    folder = load_images(CASES / "25-mask-beside-photo" / "in")
    assert len(folder) == 6 and all(name.endswith(".jpg") for name in folder.names)
    assert set(folder.ng.kinds) == {"MT_Blowhole"} and folder.ng.mask(0).any()


def test_other_endings_are_read_or_named():
    with pytest.warns(UserWarning, match="IMG_0001.HEIC"):
        folder = load_images(CASES / "27-other-endings" / "in")
    assert len(folder.ok) == 8 and len(folder.ng) == 3
    assert [file.name for file in folder.bad] == ["NG/IMG_0001.HEIC"]


def test_korean_names():
    folder = load_images(CASES / "28-excel-and-korean-names" / "in")
    assert labels(folder)["NG/불량_0.png"] == "NG" and len(folder) == 5


# words


@pytest.mark.parametrize(
    ("name", "ng"),
    [("ok", False), ("Good", False), ("NORMAL", False), ("pass", False), ("양품", False),
     ("정상", False), ("good parts", False), ("GoodParts", False), ("OK_2호기", False),
     ("2호기_OK", False), ("OK1", False), ("ok_front", False), ("양품_3차", False),
     ("ng", True), ("BAD", True), ("defect", True), ("Fail", True), ("ko", True), ("불량", True),
     ("abnormal", True), ("비정상", True), ("not_ok", True), ("NG(2)", True), ("NG_scratch", True),
     ("NG_rework", None), ("OK_old", None), ("OK-NG", None), ("monday", None),
     ("pass or fail", None), ("good_bad", None), ("OKNG", None), ("goodyear", None),
     ("새 폴더", None), ("", None)],
)  # fmt: skip
def test_words_of_the_trade(name, ng):
    assert word(name).ng is ng
    assert word(name.upper()).ng is ng


@pytest.mark.parametrize("good", ["OK", "양품", "Normal", "pass_cam1"])
@pytest.mark.parametrize("bad", ["NG", "불량", "Fail", "abnormal"])
def test_words_label_folders(tmp_path, good, bad):
    photo(tmp_path / good / "a.png")
    photo(tmp_path / bad / "b.png")
    photo(tmp_path / "rework" / "c.png")
    folder = load_images(tmp_path)
    assert labels(folder) == {f"{good}/a.png": "OK", f"{bad}/b.png": "NG"}
    assert set(left(folder)) == {"rework/"}


def test_folders_that_say_both_are_left_alone(tmp_path):
    for name in ("OK/a.png", "NG/b.png", "NG/ok/c.png", "OK/불량/d.png"):
        photo(tmp_path / name)
    folder = load_images(tmp_path)
    assert len(folder) == 2
    assert left(folder) == {
        name: "1 picture: its folders say both good and NG" for name in ("NG/ok/", "OK/불량/")
    }


def test_mvtec_takes_kinds_but_not_what_is_unsorted(tmp_path):
    for name in ("train/good", "test/good", "test/hole", "test/unknown", "test/cam1",
                 "test/OK_rework", "test/ok_cam2"):  # fmt: skip
        photo(tmp_path / name / "000.png")
    photo(tmp_path / "test" / "loose.png")
    folder = load_images(tmp_path)
    assert folder.ng.names == ("test/hole/000.png",)
    assert set(folder.test.ok.names) == {"test/good/000.png", "test/ok_cam2/000.png"}
    assert set(left(folder)) == {
        "test/unknown/", "test/cam1/", "test/OK_rework/", "test/loose.png"
    }  # fmt: skip


# layouts


def test_btad(tmp_path):
    for name in ("train/ok/0.png", "test/ok/1.png", "test/ko/2.png"):
        photo(tmp_path / name)
    mask(tmp_path / "ground_truth" / "ko" / "2.png")
    folder = load_images(tmp_path)
    assert labels(folder) == {"train/ok/0.png": "OK", "test/ok/1.png": "OK", "test/ko/2.png": "NG"}
    assert folder.ng.mask(0).sum() == 20 and folder.train.names == ("train/ok/0.png",)
    for product in ("01", "02"):
        shutil.copytree(tmp_path / "train", tmp_path / "all" / product / "train")
    with pytest.raises(DataError, match="got 2: 01, 02; choose one"):
        load_images(tmp_path / "all")


def visa(root):
    lines = ["object,split,label,image,mask"]
    for thing in ("candle", "fryum"):
        for i, split in enumerate(["train", "train", "test"]):
            name = f"{thing}/Data/Images/Normal/{i:04d}.JPG"
            photo(root / name, i)
            lines.append(f"{thing},{split},normal,{name},")
        name = f"{thing}/Data/Images/Anomaly/000.JPG"
        photo(root / name)
        mask(root / thing / "Data" / "Masks" / "Anomaly" / "000.png", value=1)
        lines.append(f"{thing},test,anomaly,{name},{thing}/Data/Masks/Anomaly/000.png")
    (root / "split_csv").mkdir()
    (root / "split_csv" / "1cls.csv").write_text("\n".join(lines))


def test_visa_is_split_by_its_table(tmp_path):
    visa(tmp_path)
    folder = load_images(tmp_path / "candle", calibration=0)
    assert folder.train.names == tuple(f"Data/Images/Normal/{i:04d}.JPG" for i in (0, 1))
    assert folder.test.names == ("Data/Images/Anomaly/000.JPG", "Data/Images/Normal/0002.JPG")
    assert folder.ng.mask(0).sum() == 20 and not folder.left_alone
    with pytest.raises(DataError, match="got 2: candle, fryum"):
        load_images(tmp_path)
    shutil.rmtree(tmp_path / "split_csv")
    folder = load_images(tmp_path / "candle")
    assert len(folder.ok) == 3 and folder.ng.mask(0).sum() == 20


def test_kolektor_says_good_by_an_empty_mask(tmp_path):
    for part in range(3):
        for i in range(2):
            photo(tmp_path / f"kos{part:02d}" / f"Part{i}.jpg", part)
            box = (2, 3, 6, 8) if (part, i) == (1, 1) else None
            mask(tmp_path / f"kos{part:02d}" / f"Part{i}_label.bmp", box)
    folder = load_images(tmp_path)
    assert labels(folder)["kos01/Part1.jpg"] == "NG" and len(folder.ok) == 5
    assert folder.ng.mask(0).sum() == 20
    assert "kos01/Part0.jpg" in folder.test.names, "the other photo of the NG part"
    assert folder.groups[:2] == ("kos00", "kos00")


def test_kolektor_with_a_split(tmp_path):
    for name, box in (
        ("train/1", None),
        ("train/2", None),
        ("test/3", None),
        ("test/4", (1, 1, 4, 4)),
    ):
        photo(tmp_path / f"{name}.png")
        mask(tmp_path / f"{name}_GT.png", box)
    folder = load_images(tmp_path, calibration=0)
    assert folder.train.names == ("train/1.png", "train/2.png")
    assert folder.ng.names == ("test/4.png",) and folder.test.ok.names == ("test/3.png",)


def test_magnetic_tiles_as_published(tmp_path):
    for kind in ("Free", "Blowhole"):
        photo(tmp_path / f"MT_{kind}" / "Imgs" / "exp1_num_1.jpg")
        mask(
            tmp_path / f"MT_{kind}" / "Imgs" / "exp1_num_1.png",
            None if kind == "Free" else (1, 1, 3, 3),
        )
    folder = load_images(tmp_path)
    assert labels(folder) == {
        "MT_Free/Imgs/exp1_num_1.jpg": "OK", "MT_Blowhole/Imgs/exp1_num_1.jpg": "NG"
    }  # fmt: skip
    assert folder.ng.mask(0).sum() == 4


def test_the_simulators_tree(tmp_path):
    for dataset in ("lens", "flex", "SMT"):
        photo(tmp_path / "static" / dataset / "OK" / "1.bmp")
        photo(tmp_path / "static" / dataset / "NG" / "2.bmp")
    assert len(load_images(tmp_path / "static" / "lens").ng) == 1
    with pytest.raises(DataError, match="got 3: SMT, flex, lens; choose one"):
        load_images(tmp_path / "static")


def test_lots_above_and_below_the_labels(tmp_path):
    for name in ("lot1/OK/a.png", "lot1/NG/b.png", "2호기/양품/c.png", "OK/lot7/d.png"):
        photo(tmp_path / name)
    mask(tmp_path / "lot1" / "masks" / "b.png")
    folder = load_images(tmp_path)
    assert labels(folder)["lot1/NG/b.png"] == "NG" and len(folder.ok) == 3
    assert folder.ng.mask(0).any() and any("lots" in said for said in folder.assumed)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp949", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_of_names_and_labels(tmp_path, encoding, separator):
    for i in range(4):
        photo(tmp_path / "img" / f"{i}.png", i)
    mask(tmp_path / "img" / "3_m.png")
    rows = [["파일명", "판정", "lot", "mask"], ["img/0.png", "양품", "A", ""],
            ["img\\1.png", "OK", "B", ""], ["3.png", "불량", "B", "3_m.png"],
            ["img/9.png", "OK", "B", ""]]  # fmt: skip
    text = "\n".join(separator.join(row) for row in rows)
    (tmp_path / "labels.csv").write_bytes(text.encode(encoding))
    folder = load_images(tmp_path)
    assert labels(folder) == {"img/0.png": "OK", "img/1.png": "OK", "img/3.png": "NG"}
    assert [row["lot"] for row in folder.details] == ["A", "B", "B"]
    assert folder.ng.mask(0).sum() == 20
    assert left(folder) == {
        "img/2.png": "not in labels.csv", "img/9.png": "in labels.csv, but no such picture"
    }  # fmt: skip


def test_numbers_as_labels_are_asked_about(tmp_path):
    photo(tmp_path / "a.png")
    photo(tmp_path / "b.png")
    (tmp_path / "labels.csv").write_text("file,label\na.png,0\nb.png,1\n")
    with pytest.raises(DataError, match=r'layout="labels.csv,0=OK,1=OK" \(or =NG'):
        load_images(tmp_path)
    folder = load_images(tmp_path, layout="labels.csv,0=OK,1=NG")
    assert labels(folder) == {"a.png": "OK", "b.png": "NG"}


def test_a_table_that_contradicts_the_folders_is_refused(tmp_path):
    photo(tmp_path / "OK" / "a.png")
    photo(tmp_path / "NG" / "b.png")
    (tmp_path / "labels.csv").write_text("file,label\nOK/a.png,NG\nNG/b.png,NG\n")
    with pytest.raises(DataError, match="contradict each other for 1 photo, such as OK/a.png"):
        load_images(tmp_path)
    assert labels(load_images(tmp_path, layout="folders"))["OK/a.png"] == "OK"
    assert labels(load_images(tmp_path, layout="labels.csv"))["OK/a.png"] == "NG"


def test_results_are_no_labels(tmp_path):
    photo(tmp_path / "OK" / "a.png")
    text = "file name,label,prediction,anomaly score\nOK/a.png,NG,NG,3.5\n"
    (tmp_path / "lens_result.csv").write_text(text)
    assert labels(load_images(tmp_path)) == {"OK/a.png": "OK"}


@pytest.mark.parametrize("layout", ["NG_rework=maybe", "mvtec", "labels.xlsx"])
def test_layouts_that_are_not_understood(tmp_path, layout):
    photo(tmp_path / "OK" / "a.png")
    with pytest.raises(ValueError, match="layout must"):
        load_images(tmp_path, layout=layout)


def test_all_below_as_unlabelled(tmp_path):
    photo(tmp_path / "monday" / "a.png")
    with pytest.raises(DataError, match='layout="monday=OK"'):
        load_images(tmp_path)
    assert load_images(tmp_path, layout="flat").names == ("monday/a.png",)


# the walk


def test_links_are_followed_and_loops_named(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    photo(elsewhere / "b.png")
    root = tmp_path / "lens"
    photo(root / "OK" / "a.png")
    (root / "OK" / "lot").symlink_to(elsewhere)
    (root / "OK" / "loop").symlink_to(root)
    (root / "OK" / "gone.png").symlink_to(root / "nothing.png")
    (root / "OK" / "twice.png").symlink_to(root / "OK" / "a.png")
    os.mkfifo(root / "OK" / "pipe.png")
    folder = load_images(root)
    assert folder.names == ("OK/a.png", "OK/lot/b.png")
    reasons = left(folder)
    assert "loop" in reasons["OK/loop/"] and "not there" in reasons["OK/gone.png"]
    assert "same file as OK/a.png" in reasons["OK/twice.png"]
    assert "named pipe" in reasons["OK/pipe.png"]


def test_a_name_that_is_not_utf8_stops_nothing(tmp_path):
    photo(tmp_path / "OK" / "a.png")
    odd = os.fsencode(tmp_path / "OK") + "/양품.png".encode("cp949")
    Path(os.fsdecode(odd)).write_bytes((tmp_path / "OK" / "a.png").read_bytes())
    folder = load_images(tmp_path)
    assert folder.names == ("OK/a.png",)
    (name,) = left(folder)
    assert name.encode().startswith(b"OK/\\x") and "not UTF-8" in left(folder)[name]


def test_a_pipe_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(DataError, match="pipe or device is never opened"):
        read_image(tmp_path / "a.png")


# formats


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.jfif", {"format": "JPEG"}), ("a.gif", {}), ("a.jp2", {}), ("a.webp", {}), ("a.avif", {}),
     ("a.tif", {"compression": "tiff_lzw"}), ("b.tif", {"big_tiff": True}), ("a.dib", {}),
     ("a.mpo", {"format": "MPO"})],
)  # fmt: skip
def test_formats(tmp_path, name, options):
    path = photo(tmp_path / name, **options)
    folder = load_images(tmp_path)
    assert folder.names == (path.name,) and folder.image(0).shape == (SIZE[1], SIZE[0], 3)
    assert image_size(path) == SIZE[::-1]


def test_heic(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    path = photo(tmp_path / "OK" / "IMG_1.HEIC", size=(64, 48), format="HEIF")
    assert read_image(path).shape == read_image(path.read_bytes()).shape == (48, 64, 3)
    assert len(load_images(tmp_path)) == 1


def test_no_file_is_handed_to_ghostscript(tmp_path):
    (tmp_path / "a.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    with pytest.raises(DataError, match="no picture format recognised"):
        read_image(tmp_path / "a.png")


def test_raw_files_are_named_with_the_remedy(tmp_path):
    photo(tmp_path / "OK" / "a.png")
    (tmp_path / "OK" / "b.CR2").write_bytes(b"raw")
    (tmp_path / "notes.txt").write_text("notes")
    assert left(load_images(tmp_path)) == {
        "OK/b.CR2": "camera raw is not read here; save it as PNG or TIFF",
        "notes.txt": "no picture",
    }  # fmt: skip


def test_large_scans_by_a_stated_limit(tmp_path, monkeypatch):
    path = tmp_path / "scan.png"
    Image.new("1", (32000, 12000)).save(path)
    with pytest.raises(DataError, match=r"32,000 x 12,000 .*WORKBENCH_MAX_MEGAPIXELS=384"):
        read_image(path)
    with pytest.raises(DataError, match="the limit is 89"):
        image_size(path)
    monkeypatch.setenv("WORKBENCH_MAX_MEGAPIXELS", "384")
    assert image_size(path) == (12000, 32000)
    monkeypatch.setenv("WORKBENCH_MAX_MEGAPIXELS", "many")
    with pytest.raises(DataError, match="number of megapixels"):
        image_size(path)


@pytest.mark.parametrize(
    ("top", "white"),
    [(200, 255), (700, 1023), (1023, 1023), (4000, 4095), (16000, 16383), (16384, 65535)],
)
def test_the_range_in_use(tmp_path, top, white):
    values = np.linspace(0, top, SIZE[0] * SIZE[1]).astype(np.uint16).reshape(SIZE[::-1])
    Image.fromarray(values).save(tmp_path / "a.tif")
    assert (
        white_level([tmp_path / "a.tif", tmp_path / "gone.tif"]) == white_level([values]) == white
    )
    assert read_image(tmp_path / "a.tif", white).max() == round(255 * top / white)
    assert header(tmp_path / "a.tif").bits == 16


# masks


@pytest.mark.parametrize(
    "options",
    [
        {"value": 1},
        {"mode": "1", "value": 1},
        {"mode": "RGB", "value": (0, 0, 200)},
        {"mode": "RGBA", "value": (0, 0, 0, 255), "background": (0, 0, 0, 0)},
        {"mode": "RGBA", "value": (255, 255, 255, 255), "background": (255, 255, 255, 0)},
        {"mode": "RGBA", "value": (255, 0, 0, 255), "background": (0, 0, 0, 255)},
        {"mode": "LA", "value": (255, 255), "background": (0, 255)},
        {"mode": "I;16", "value": 65535},
    ],
)
def test_masks_in_every_spelling(tmp_path, options):
    marked = read_mask(mask(tmp_path / "m.png", **options))
    assert marked.sum() == 20 and marked[3:8, 2:6].all()


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"box": None}, "empty"), ({"background": 255}, "marks 100% of the picture"),
     ({"size": (9, 9)}, "as large as its picture")],
)  # fmt: skip
def test_masks_that_mark_nothing_are_named_and_not_used(tmp_path, options, reason):
    photo(tmp_path / "OK" / "a.png")
    photo(tmp_path / "NG" / "b.png")
    mask(tmp_path / "masks" / "b.png", **options)
    with pytest.warns(UserWarning, match=reason):
        folder = load_images(tmp_path)
    assert folder.ng.mask(0) is None and folder.bad[0].name == "masks/b.png"
    assert load_images(tmp_path, check=False).with_fit_masks().bad == folder.bad


def test_masks_of_another_kind_are_not_used(tmp_path):
    for kind in ("hole", "scratch"):
        photo(tmp_path / "NG" / kind / "000.png")
    mask(tmp_path / "masks" / "dent" / "000.png")
    mask(tmp_path / "masks" / "hole" / "000_mask.png", (1, 1, 2, 2))
    folder = load_images(tmp_path)
    assert folder.ng.mask(0).sum() == 1 and folder.ng.mask(1) is None
    assert left(folder) == {"masks/dent/000.png": "a mask, but no photo belongs to it"}


@pytest.mark.slow
def test_scoring_walks_as_training_does(fitted, tmp_path):
    root, elsewhere = tmp_path / "lens", tmp_path / "elsewhere"
    for name in ("OK/a.png", "NG/b.png", "monday/c.png"):
        photo(root / name, size=(64, 64))
    photo(elsewhere / "d.png", size=(64, 64))
    mask(root / "masks" / "b.png", size=(64, 64))
    (root / "OK" / "lot").symlink_to(elsewhere)
    (root / "OK" / "loop").symlink_to(root)
    (root / "OK" / "gone.png").symlink_to(root / "nothing.png")
    os.mkfifo(root / "pipe.png")
    run = bulk.score_folder(fitted, root, tmp_path / "scores.csv")
    rows = [line.split(",")[:2] for line in (tmp_path / "scores.csv").read_text().splitlines()]
    assert rows[1:] == [["NG/b.png", "NG"], ["OK/a.png", "OK"], ["OK/lot/d.png", "OK"],
                        ["monday/c.png", ""]]  # fmt: skip
    named = {file.name for file in run.left_alone}
    assert named == {"OK/loop/", "OK/gone.png", "pipe.png", "masks/b.png"}
    assert set(labels(load_images(root))) == {name for name, label in rows[1:] if label}


def test_threads_together_keep_the_limit(tmp_path, monkeypatch):
    paths = [photo(tmp_path / f"{i}.png", i, size=(200, 200)) for i in range(8)]
    monkeypatch.setenv("WORKBENCH_MAX_MEGAPIXELS", "0.09")  # two of them at a time
    at_once, most, lock = 0, [], threading.Lock()

    def convert(path):
        nonlocal at_once
        with opened(path, decodes=True):
            with lock:
                at_once += 1
                most.append(at_once)
            time.sleep(0.02)
            with lock:
                at_once -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(convert, paths))
    assert len(most) == 8 and max(most) == 2
