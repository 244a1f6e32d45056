"""docs/files.md shows what these tests write and read back: python -m tests.test_files_page."""

import csv
import re
from pathlib import Path

import pytest

from workbench.data import load_images
from workbench.data.opening import SUFFIXES

from .file_kinds import table as rows_table
from .test_photo_folders import mask, photo

PAGE = Path(__file__).parents[1] / "docs" / "files.md"
PHOTOS = {
    "OK and NG, in the words of the trade": [
        {"OK/1.png": "OK", "양품_2호기/2.png": "OK", "rework/3.png": "left alone"},
        {"NG/scratch/4.png": "NG, scratch", "masks/scratch/4.png": "its mask"},
    ],
    "lots above the labels": [
        {"lot1/good/1.png": "OK", "lot2/good/2.png": "OK"},
        {"lot1/fail/3.png": "NG, defect", "lot1/masks/3.png": "its mask"},
    ],
    "MVTec AD, BTAD": [
        {"train/good/1.png": "OK, train", "test/ok/2.png": "OK, test"},
        {"test/hole/3.png": "NG, hole", "ground_truth/hole/3_mask.png": "its mask"},
    ],
    "MVTec LOCO": [
        {"train/good/1.png": "OK, train", "validation/good/2.png": "OK, calibration"},
        {"test/logical/3.png": "NG, logical", "ground_truth/logical/3/0.png": "its mask",
         "ground_truth/logical/3/1.png": "its mask"},
    ],
    "VisA": [
        {"Data/Images/Normal/1.JPG": "OK"},
        {"Data/Images/Anomaly/2.JPG": "NG, defect", "Data/Masks/Anomaly/2.png": "its mask"},
    ],
    "KolektorSDD: a folder a part, a mask beside each photo": [
        {"kos01/Part0.jpg": "OK", "kos01/Part0_label.bmp": "empty mask"},
        {"kos02/Part1.jpg": "NG, defect", "kos02/Part1_label.bmp": "its mask"},
    ],
    "magnetic tiles": [
        {"MT_Free/Imgs/1.jpg": "OK", "MT_Free/Imgs/1.png": "empty mask"},
        {"MT_Crack/Imgs/2.jpg": "NG, defect", "MT_Crack/Imgs/2.png": "its mask"},
    ],
    "a CSV of names and labels": [
        {"labels.csv": "file,label,lot,mask", "1.png": "OK"},
        {"2.png": "NG, dent", "m/2.png": "its mask"},
    ],
    "pictures side by side": [{"1.png": "unlabelled"}, {"2.jpg": "unlabelled"}],
}  # fmt: skip


def layouts_table():
    lines = ["| layout | good | NG |", "|---|---|---|"]
    for title, (good, bad) in PHOTOS.items():
        cells = ["<br>".join(f"`{n}` {means}" for n, means in row.items()) for row in (good, bad)]
        lines.append(f"| {title} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def page():
    """The page as it should be: its tables from here, the rest as it is."""
    endings = f"Endings read: {' '.join(f'`{ending}`' for ending in sorted(SUFFIXES))}."
    text = PAGE.read_text("utf-8")
    contents = {"layouts": layouts_table(), "endings": endings, "sensor files": rows_table()}
    for name, content in contents.items():
        marks = f"<!-- {name} -->", f"<!-- end of {name} -->"
        pattern = re.escape(marks[0]) + ".*?" + re.escape(marks[1])
        found = re.sub(pattern, lambda _: f"{marks[0]}\n{content}\n{marks[1]}", text, flags=re.S)  # noqa: B023
        assert marks[0] in text, f"{PAGE} must hold {marks[0]}"
        text = found
    return text


def test_the_page_shows_what_is_tested():
    assert PAGE.read_text("utf-8") == page(), "run python -m tests.test_files_page"


@pytest.mark.filterwarnings("ignore:.*left alone")
@pytest.mark.parametrize("title", PHOTOS)
def test_every_layout_of_the_page_is_read_so(tmp_path, title):
    good, bad = PHOTOS[title]
    expected = good | bad
    for i, (name, means) in enumerate(expected.items()):
        if "mask" in means and not name.endswith(".csv"):
            mask(tmp_path / name, box=None if "empty" in means else (1, 1, 4, 4))
        elif not name.endswith(".csv"):
            photo(tmp_path / name, i)
    if "labels.csv" in expected:
        rows = [["file", "label", "lot", "mask"], ["1.png", "OK", "A", ""],
                ["2.png", "dent", "A", "m/2.png"]]  # fmt: skip
        with (tmp_path / "labels.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
        folder = load_images(tmp_path, layout="labels.csv,dent=NG")
    else:
        folder = load_images(tmp_path)
    masks = {m.relative_to(tmp_path).as_posix() for m in folder.masks if m}
    masks |= {
        m.relative_to(tmp_path).as_posix() for more in folder.more_masks.values() for m in more
    }
    assert masks == {name for name, means in expected.items() if means == "its mask"}
    at = {name: i for i, name in enumerate(folder.names)}
    said = {
        name: means for name, means in expected.items() if means.startswith(("OK", "NG", "unl"))
    }
    assert set(at) == set(said)
    for name, means in said.items():
        label, *more = means.split(", ")
        ng = None if folder.labels is None else bool(folder.labels[at[name]])
        assert ng is {"OK": False, "NG": True, "unlabelled": None}[label], name
        assert set(more) <= {folder.kinds[at[name]], folder.splits[at[name]]}, name


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
