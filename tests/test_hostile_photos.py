"""Folders of photos made to be misread: nothing is guessed into NG, and nothing vanishes."""

import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from workbench.data import load_images, read_image
from workbench.data.check import check
from workbench.data.decode import header, white_level

from .test_photo_folders import labels, left, mask, photo

pytestmark = pytest.mark.filterwarnings("ignore:.*left alone", "ignore:.*left out")


@pytest.mark.parametrize(
    "name",
    [
        "NG/mask_b.png",
        "NG/b_annotation.png",
        "NG/b-GT.png",
        "NG/b_mask1.png",
        "NG/annotations/b.png",
        "NG/label/b.png",
        "NG_mask/b.png",
        "gt_masks/b.png",
        "NG/b_groundtruth.png",
    ],
)
def test_a_mask_is_no_caught_defect(tmp_path, name):
    photo(tmp_path / "OK" / "a.png")
    photo(tmp_path / "NG" / "b.png")
    mask(tmp_path / name)
    folder = load_images(tmp_path)
    assert labels(folder) == {"NG/b.png": "NG", "OK/a.png": "OK"}
    assert folder.ng.mask(0).sum() == 20


@pytest.mark.parametrize("name", ["NG/b_heatmap.png", "NG/b_overlay.jpg", "NG/heatmaps/b.png",
                                  "OK/thumbs/a.png", "OK/preview_a.png"])  # fmt: skip
def test_what_a_program_made_of_a_photo_is_no_photo(tmp_path, name):
    photo(tmp_path / "OK" / "a.png")
    photo(tmp_path / "NG" / "b.png")
    photo(tmp_path / name)
    folder = load_images(tmp_path)
    assert labels(folder) == {"NG/b.png": "NG", "OK/a.png": "OK"}
    assert set(left(folder)) & {name, f"{name.rpartition('/')[0]}/"}


@pytest.mark.parametrize("name", ["godo", "nomral", "golden", "reference", "OK_old", "conformant"])
def test_no_word_near_good_is_a_kind_of_defect(tmp_path, name):
    for folder in ("train/good", "test/good", "test/hole", f"test/{name}"):
        photo(tmp_path / folder / "0.png")
    folder = load_images(tmp_path)
    assert folder.ng.names == ("test/hole/0.png",) and set(left(folder)) == {f"test/{name}/"}


def test_a_table_whose_names_lack_their_ending(tmp_path):
    photo(tmp_path / "a.png")
    photo(tmp_path / "b.png", 1)
    (tmp_path / "labels.csv").write_text("file name,label\na,OK\nb,NG\n")
    assert labels(load_images(tmp_path)) == {"a.png": "OK", "b.png": "NG"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [("a.png,OK\nb.png,NG\n", "names pictures, but not in columns"),
     ("path,class\n/x/c.png,OK\n", "of no picture here, such as /x/c.png")],
)  # fmt: skip
def test_a_table_that_is_not_used_is_named(tmp_path, text, reason):
    photo(tmp_path / "a.png")
    (tmp_path / "labels.csv").write_text(text)
    folder = load_images(tmp_path)
    assert folder.labels is None and reason in left(folder)["labels.csv"]


def test_a_check_shows_all_else_where_a_label_is_not_understood(tmp_path):
    for i in range(3):
        photo(tmp_path / f"{i}.png", i)
    (tmp_path / "labels.csv").write_text("file,label\n0.png,OK\n1.png,NG\n2.png,maybe\n")
    found = check(tmp_path)
    assert "maybe (1 photo)" in found.undecided[0] and "maybe=skip" in found.undecided[0]
    assert found.understood[0].startswith("images: 2, of them 1 OK, 1 NG")
    photo(tmp_path / "OK" / "3.png", 3)
    (tmp_path / "labels.csv").write_text("file,label\nOK/3.png,NG\n0.png,OK\n")
    assert "contradict each other" in check(tmp_path).undecided[0]


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def deep_png(values):
    """A PNG of 16-bit colour, which Pillow does not write."""
    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    about = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    chunks = [_chunk(b"IHDR", about), _chunk(b"IDAT", zlib.compress(rows)), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def deep_tiff(values, order, deflated):
    """A TIFF of 16-bit colour in one strip."""
    height, width, _ = values.shape
    data = values.astype(order + "u2").tobytes()
    data = zlib.compress(data) if deflated else data
    data += b"\0" * (len(data) % 2)
    tags = [
        (256, 3, width),
        (257, 3, height),
        (259, 3, 8 if deflated else 1),
        (262, 3, 2),
        (273, 4, 8),
        (277, 3, 3),
        (278, 3, height),
        (279, 4, len(data)),
        (284, 3, 1),
    ]
    fields = [
        struct.pack(order + "HHI" + ("HH" if kind == 3 else "I"), tag, kind, 1, value,
                    *([0] if kind == 3 else [])) for tag, kind, value in tags
    ]  # fmt: skip
    fields.insert(2, struct.pack(order + "HHII", 258, 3, 3, 8 + len(data)))
    depth = struct.pack(order + "HHH", 16, 16, 16)
    start = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 14 + len(data))
    return b"".join(
        [start, data, depth, struct.pack(order + "H", len(fields)), *fields, b"\0" * 4]
    )


@pytest.mark.parametrize("name", ["a.png", "little.tif", "big.tif", "deflated.tif"])
def test_sixteen_bit_colour_is_read_to_its_last_bit(tmp_path, name):
    values = np.random.default_rng(0).integers(0, 1024, (12, 16, 3)).astype(np.uint16)
    content = deep_png(values) if name == "a.png" else deep_tiff(
        values, ">" if name == "big.tif" else "<", name == "deflated.tif")  # fmt: skip
    (tmp_path / name).write_bytes(content)
    assert header(tmp_path / name).bits == 16 and white_level([tmp_path / name]) == 1023
    expected = np.round(values * (255 / 1023)).astype(np.uint8)
    np.testing.assert_array_equal(read_image(tmp_path / name, 1023), expected)
    np.testing.assert_array_equal(read_image(tmp_path / name), values // 256)
    folder = load_images(tmp_path)
    assert folder.white == 1023 and "10 bits" in folder.assumed[-1]
    np.testing.assert_array_equal(folder.image(0), expected)


LOOK = """
import os, sys, warnings
warnings.simplefilter("ignore")
from workbench.data import load_images
load_images(sys.argv[1] + "/OK")  # nothing is left to import
if os.geteuid() == 0:  # who reads every folder
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
folder = load_images(sys.argv[1])
print(len(folder), dict(folder.left_alone))
"""


@pytest.mark.slow
def test_unreadable_folders_are_named():
    root = Path(tempfile.mkdtemp()) / "lens"  # pytest's own folders are closed to others
    photo(root / "OK" / "a.png")
    photo(root / "NG" / "lot" / "b.png")
    for above in [root, root.parent]:
        above.chmod(0o755)
    (root / "NG" / "lot").chmod(0)
    try:
        done = subprocess.run([sys.executable, "-c", LOOK, root], capture_output=True, text=True,
                              env=os.environ | {"HOME": "/nonexistent"}, check=False)  # fmt: skip
    finally:
        shutil.rmtree(root.parent)
    assert done.stdout.startswith("1 ") and "Permission denied" in done.stdout, done.stderr
