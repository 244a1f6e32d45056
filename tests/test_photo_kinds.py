"""Folders of the kinds that machines and data sets have, each with its right answer beforehand."""

import os
import unicodedata
import warnings

import numpy as np
import openpyxl
import pytest
from PIL import Image

from workbench.data import load_images
from workbench.errors import DataError

from .test_photo_folders import SIZE, labels, mask, photo

LABELLED = [
    "양품/1.png OK; 양품/2.png OK; 불량/3.png NG",
    "良品/1.png OK; 不良品/3.png NG",
    "Good Parts/1.png OK; Bad Parts/2.png NG",
    "i.O/1.png OK; n.i.O/2.png NG",
    "Gutteile/1.png OK; Ausschuss/2.png NG",
    "bon/1.png OK; mauvais/2.png NG",
    "conforme/1.png OK; non_conforme/2.png NG",
    "accepted/1.png OK; rejected/2.png NG; scrap/3.png NG",
    "OK_2호기/1.png OK; NG_3호기/2.png NG; rework/3.png left",
    "2024-03/A/OK/1.png OK; 2024-03/A/NG/2.png NG; 2024-04/A/OK/3.png OK",
    "OK/1.png OK; NG/2.png NG; NG/OK_after_rework/3.png left; OK/NG_doubt/4.png left",
    "OK/2호기/1.png OK; NG/scratch/2.png NG; NG/cam2/3.png NG",
    "train/ok_front/1.jpeg OK; train/def_front/2.jpeg NG; test/ok_front/3.jpeg OK; "
    "test/def_front/4.jpeg NG",
    "train/good/1.png OK; train/good/2.png OK; test/crack/3.png NG",
    "train/good/1.png OK; test/good/2.png OK; test/combined/3.png NG; test/rework/4.png left",
    "OK/1.png OK; NG/2.jpg NG; NG/2.NEF left; NG/2.json left; notes.xlsx left",
]


@pytest.mark.filterwarnings("ignore:.*left alone")
@pytest.mark.parametrize("tree", LABELLED)
def test_words_of_folders_and_what_is_left_alone(tmp_path, tree):
    expected = dict(item.rsplit(" ", 1) for item in tree.split("; "))
    for i, name in enumerate(expected):
        if name.endswith((".png", ".jpg", ".jpeg")):
            photo(tmp_path / name, i)
        else:
            (tmp_path / name).write_bytes(b"x")
    folder = load_images(tmp_path)
    assert labels(folder) == {name: says for name, says in expected.items() if says != "left"}
    left = "\n".join(file.name for file in folder.left_alone)
    for name in (name for name, says in expected.items() if says == "left"):
        assert name in left or f"{os.path.dirname(name)}/" in left  # noqa: PTH120


@pytest.mark.parametrize(
    "tree",
    [
        "0/1.png 1/2.png",
        "images/train/1.png images/val/2.png",
        "lens/OK/1.png flex/OK/1.png",
        "monday/1.png tuesday/2.png",
    ],
)
def test_trees_that_say_nothing_are_refused(tmp_path, tree):
    for name in tree.split():
        photo(tmp_path / name)
    with pytest.raises(DataError, match="layout=|choose one"):
        load_images(tmp_path)


def okay(root):
    for i in range(3):
        photo(root / f"OK/{i}.png", i)
    return photo(root / "NG/a.png")


def palette(path):
    image = Image.new("P", SIZE, 0)
    image.putpalette([255, 255, 255, 0, 0, 0])
    image.paste(1, (0, 0, *SIZE))
    image.paste(0, (2, 3, 6, 8))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def painted(path, colour):
    mask(path, mode="RGBA", value=colour, background=(0, 0, 0, 0))


MASKS = {
    "white first in the palette": palette,
    "opaque colour": lambda path: painted(path, (255, 0, 0, 255)),
    "opaque black": lambda path: painted(path, (0, 0, 0, 255)),
    "paint half transparent": lambda path: painted(path, (255, 0, 0, 100)),
    "ones": lambda path: mask(path, value=1),
    "sixteen bits": lambda path: mask(path, value=65535, mode="I;16"),
    "one bit": lambda path: mask(path, value=1, mode="1"),
    "colour on black": lambda path: mask(path, value=(0, 0, 200), mode="RGB"),
}


@pytest.mark.parametrize("kind", MASKS)
def test_what_a_mask_marks(tmp_path, kind):
    okay(tmp_path)
    MASKS[kind](tmp_path / "masks/a.png")
    marked = load_images(tmp_path).ng.mask(0)
    expected = np.zeros(SIZE[::-1], bool)
    expected[3:8, 2:6] = True
    assert np.array_equal(marked, expected)


@pytest.mark.parametrize(("made", "said"), [
    ({"box": None}, "empty"), ({"size": (8, 6)}, "as large as"),
    ({"value": 0, "background": 255}, "inverted"),
])  # fmt: skip
def test_a_mask_that_marks_nothing_real_is_named(tmp_path, made, said):
    okay(tmp_path)
    mask(tmp_path / "masks/a.png", **made)
    with pytest.warns(UserWarning, match=said):
        assert load_images(tmp_path).masks == (None,) * 4


TABLES = {
    "names": ("file name,label", "{}.png", "OK", "NG", "utf-8"),
    "names without an ending": ("file,class", "{}", "good", "bad", "utf-8"),
    "Korean": ("파일명;판정;로트", "img/{}.png", "양품", "불량", "cp949"),
    "German": ("Bildname;Urteil", "{}.png", "gut", "schlecht", "cp1252"),
    "French": ("fichier;étiquette", "img/{}.png", "bon", "mauvais", "cp1252"),
    "UTF-16, tabs and backslashes": ("filename\tclass", "img\\{}.png", "good", "bad", "utf-16"),
    "paths of a Windows machine": ("image path,label", "D:\\line 3\\img\\{}.png", "OK", "NG",
                                   "utf-8"),
    "paths of a server": ("path,label", "/mnt/nas/line3/img/{}.png", "OK", "NG", "utf-8"),
    "addresses of files": ("path,label", "file:///mnt/x/{}.png", "OK", "NG", "utf-8"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TABLES)
def test_tables_of_labels(tmp_path, kind):
    header, cell, good, bad, encoding = TABLES[kind]
    sign = next(sign for sign in ",;\t" if sign in header)
    for i in range(6):
        photo(tmp_path / f"img/{i}.png", i)
    rows = [f"{cell.format(i)}{sign}{bad if i > 3 else good}" for i in range(6)]
    (tmp_path / "labels.csv").write_text("\n".join([header, *rows]), encoding=encoding)
    folder = load_images(tmp_path)
    assert labels(folder) == {f"img/{i}.png": "NG" if i > 3 else "OK" for i in range(6)}
    assert ("paths elsewhere" in " ".join(folder.assumed)) == (cell[0] in "D/f")


def test_the_end_of_a_path_that_two_pictures_have_tells_nothing(tmp_path):
    for name in ("a/0.png", "a/1.png", "b/0.png", "b/1.png"):
        photo(tmp_path / name)
    table = tmp_path / "labels.csv"
    table.write_text("path,label\n/nas/a/0.png,OK\n/nas/b/0.png,NG\n/nas/1.png,NG\n")
    with pytest.warns(UserWarning, match="/nas/1.png"):
        folder = load_images(tmp_path)
    assert labels(folder) == {"a/0.png": "OK", "b/0.png": "NG"}


def test_two_paths_that_end_alike_contradict_each_other(tmp_path):
    photo(tmp_path / "img/0.png")
    (tmp_path / "labels.csv").write_text("path,label\n/lot1/0.png,OK\n/lot2/0.png,NG\n")
    with pytest.raises(DataError, match="gives img/0.png two"):
        load_images(tmp_path)


def test_a_table_that_is_not_understood_is_named(tmp_path):
    photo(tmp_path / "img/0.png")
    (tmp_path / "labels.csv").write_text("Foto;Einstufung\n0.png;gut\n")
    book = openpyxl.Workbook()
    book.save(tmp_path / "labels.xlsx")
    with pytest.raises(DataError, match=r"labels\.csv.*headings.*labels\.xlsx.*save it as CSV"):
        load_images(tmp_path)


def test_endings_and_pages(tmp_path):
    okay(tmp_path)
    for name in ("b.BMP", "c.gif", "d.webp", "e.jp2", "f.avif", "g.tif"):
        photo(tmp_path / "OK" / name)
    photo(tmp_path / "OK/h.jfif", format="JPEG")
    photo(tmp_path / "OK/i.tiff", big_tiff=True)
    for name in ("j.mpo", "k.tif"):
        red, blue = (Image.new("RGB", SIZE, shade) for shade in ("red", "blue"))
        red.save(tmp_path / "OK" / name, save_all=True, append_images=[blue])
    with pytest.warns(UserWarning, match="OK/k.tif.*2 pages"):
        folder = load_images(tmp_path)
    assert len(folder.ok) == 13
    assert folder.image(folder.names.index("OK/k.tif"))[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_bits_in_use(tmp_path, bits):
    okay(tmp_path)
    top = 2**bits - 1
    for i in range(4):
        pixels = np.linspace(0, top - i, SIZE[0] * SIZE[1]).astype(np.uint16)
        Image.fromarray(pixels.reshape(SIZE[::-1])).save(tmp_path / f"OK/deep{i}.png")
    folder = load_images(tmp_path)
    assert folder.white == top
    assert f"{bits} bits are in use" in " ".join(folder.assumed)
    deep = folder.image(folder.names.index("OK/deep0.png"))
    assert (deep.min(), deep.max()) == (0, 255)


def test_names_of_other_disks(tmp_path):
    lot = tmp_path / "lot"
    for name in ("양품/사진1.png", "불량/사진2.png"):
        photo(lot / unicodedata.normalize("NFD", name))
    for i in range(2):
        photo(tmp_path / "elsewhere" / f"{i}.png", i)
    (lot / "OK").symlink_to(tmp_path / "elsewhere")
    (lot / "NG").mkdir()
    (lot / "NG" / "loop").symlink_to("..")
    with open(os.fsencode(lot) + b"/OK/\xbb\xe7.png", "wb") as file:  # noqa: PTH123
        file.write((tmp_path / "elsewhere/0.png").read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = load_images(lot)
    assert [len(folder.ok), len(folder.ng)] == [3, 1]
    reasons = {file.name: file.reason for file in folder.left_alone}
    assert "not UTF-8" in reasons[r"OK/\xbb\xe7.png"]
    assert "loop" in reasons["NG/loop/"]
