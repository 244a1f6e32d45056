"""Random folder trees, written and read back: the same labels, or named as not understood.

Never other labels: whatever a tree looks like, no photo may come back as good where it was
written as NG, or the other way round, and no file may vanish without a word.
"""

import sys
import tempfile
import warnings
from collections import Counter
from functools import cache
from io import BytesIO
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image

from workbench.data import load_images
from workbench.errors import DataError

EXAMPLES = 1000
GOOD = ["OK", "ok", "Good", "NORMAL", "pass", "양품", "정상", "good parts", "OK_2호기", "ok_cam1",
        "1_OK", "양품_3차", "PASSED"]  # fmt: skip
BAD = ["NG", "ng", "Bad", "DEFECT", "fail", "불량", "비정상", "abnormal", "ko", "NG_2호기",
       "not_ok", "NG_scratch", "불량(2)"]  # fmt: skip
UNKNOWN = ["monday", "rework", "NG_rework", "OK_old", "재검", "misc", "OK or NG", "새 폴더",
           "okna", "2024-03-01", "보류", "lens", "unsorted"]  # fmt: skip
ENDINGS = [".png", ".PNG", ".jpg", ".jpeg", ".jfif", ".bmp", ".tif", ".webp", ".gif"]
KINDS = ["scratch", "dent", "hole_big", "cut"]
FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".jfif": "JPEG", ".tif": "TIFF"}
seen: Counter[str] = Counter()


@cache
def content(ending, shade):
    buffer = BytesIO()
    ending = ending.lower()
    pixels = np.random.default_rng(shade).integers(0, 255, (6, 8, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, FORMATS.get(ending, ending[1:].upper()))
    return buffer.getvalue()


def put(root, folders, name, shade):
    path = root.joinpath(*folders, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content(Path(name).suffix, shade))
    return path.relative_to(root).as_posix()


names = st.builds("{}{}".format, st.sampled_from("abc뷰ü0123"), st.sampled_from(ENDINGS))
lots = st.lists(st.sampled_from(["lot1", "2호기", "cam_b", "images"]), max_size=1)


@st.composite
def ok_ng_trees(draw):
    """Folders of good, of NG and of unknown, with lots above and kinds or lots below."""
    files = []
    for words, label, least in ((GOOD, "OK", 1), (BAD, "NG", 0), (UNKNOWN, "", 0)):
        for word in draw(
            st.lists(st.sampled_from(words), min_size=least, max_size=2, unique=True)
        ):
            above = draw(lots)
            below = draw(
                st.lists(st.sampled_from(KINDS if label == "NG" else ["lot7"]), max_size=1)
            )
            files += [((*above, word, *below), n, label) for n in draw(_some_names(draw))]
    return files


@st.composite
def mvtec_trees(draw):
    """train/<good>/, test/<good>/ and test/<kind>/, perhaps validation/, and unknown folders."""
    files = []
    for split in ("train", "test", *draw(st.sampled_from([(), ("validation",)]))):
        word = draw(st.sampled_from(GOOD))
        files += [((split, word), n, "OK") for n in draw(_some_names(draw))]
    for word in draw(st.lists(st.sampled_from([*KINDS, *BAD]), max_size=2, unique=True)):
        files += [(("test", word), n, "NG") for n in draw(_some_names(draw))]
    for word in draw(st.lists(st.sampled_from(["rework", "보류", "cam2", "OK_old"]), max_size=1)):
        files += [(("test", word), n, "") for n in draw(_some_names(draw))]
    return files


def _some_names(draw):
    return st.lists(names, min_size=1, max_size=3, unique_by=lambda name: name[0])


def read_back(files, extra=()):
    """Labels as read, and what was named; a refusal is None."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root = Path(folder) / "data"
        written = {put(root, f, n, i): label for i, (f, n, label) in enumerate(files)}
        for name, text in extra:
            (root / name).write_text(text(written), encoding="utf-8")
        try:
            found = load_images(root, check=False)
        except DataError:
            return written, None, ""
        if found.labels is None:
            return written, {}, "\n".join(file.name for file in found.left_alone)
        labels = ["NG" if ng else "OK" for ng in found.labels]
        named = "\n".join(file.name for file in (*found.left_alone, *found.bad))
        return written, dict(zip(found.names, labels, strict=True)), named


def compare(files, extra=()):
    written, read, named = read_back(files, extra)
    seen["trees"] += 1
    if read is None:
        seen["refused"] += 1
        return
    for name, label in written.items():
        if name in read:
            assert read[name] == label, f"{name}: written as {label}, read as {read[name]}"
            seen["photos with their label"] += 1
        else:
            above = [f"{parent.as_posix()}/" for parent in Path(name).parents]
            assert name in named.split("\n") or set(above) & set(named.split("\n")), name
            seen["photos named as left alone"] += 1
            seen["of them with a label"] += bool(label)


@pytest.mark.slow
@settings(max_examples=EXAMPLES)
@given(ok_ng_trees())
def test_trees_of_good_and_ng(files):
    compare(files)


@pytest.mark.slow
@settings(max_examples=EXAMPLES // 2)
@given(mvtec_trees())
def test_trees_of_train_and_test(files):
    compare(files)


@settings(max_examples=EXAMPLES // 2)
@given(st.lists(st.tuples(names, st.sampled_from(["OK", "NG", "양품", "불량", "pass", "", "1"])),
                min_size=1, max_size=8, unique_by=lambda pair: pair[0][0]),
       st.sampled_from(",;\t"))  # fmt: skip
@pytest.mark.slow
def test_tables_of_names_and_labels(rows, separator):
    label_of = {"OK": "OK", "양품": "OK", "pass": "OK", "NG": "NG", "불량": "NG"}
    said = {name: word for name, word in rows}
    files = [((), name, label_of.get(word, "")) for name, word in rows]

    def table(written):
        lines = [separator.join(("파일명", "판정"))]
        return "\n".join([*lines, *(separator.join((name, said[name])) for name in written)])

    compare(files, [("labels.csv", table)])


def test_that_counts_are_shown(capsys):
    """What the examples above came to."""
    with capsys.disabled():
        counts = ", ".join(f"{count:,} {what}" for what, count in seen.items())
        sys.stdout.write(f" {counts} ")
    assert seen["refused"] <= seen["trees"] / 2
