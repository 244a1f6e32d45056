"""Photos collected while scoring, and what is learned from them."""

import hashlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench import CSFlowConfig, CSFlowDetector, cli, load, load_images, review, save, workspace
from workbench.bulk import Scored
from workbench.data.relabels import relabels_path, write_relabels
from workbench.errors import DataError
from workbench.samples import make_samples
from workbench.session import InspectionSession

from .conftest import TINY, lens_workspace
from .doubles import DarkSpotDetector, write_parts


def collected(tmp_path, scores, **options):
    root = tmp_path / "line"
    (root / "cam 1").mkdir(parents=True)
    found = []
    for i, score in enumerate(scores):
        path = root / "cam 1" / f"부품_{i}.png"
        path.write_bytes(bytes([i]))
        found.append(Scored(path, score, "" if score == score else "torn"))
    folder = tmp_path / "review"
    here = Path(os.path.relpath(root))  # as it is typed, while the photos have whole paths
    passed = list(review.collect(found, here, folder, 10.0, **options))
    assert passed == found
    return [path.name for path in sorted(folder.iterdir())]


def test_what_is_near_the_threshold_is_collected(tmp_path):
    names = collected(tmp_path, [8.9, 9.0, 10.0, 11.0, 11.1, np.nan], near=0.1, sample=0)
    assert names == [f"cam 1__부품_{i}.png" for i in (1, 2, 3)]


def test_a_sample_depends_on_the_name_alone(tmp_path):
    scores = [0.0] * 200
    first = collected(tmp_path / "a", scores, near=0, sample=0.2)
    again = collected(tmp_path / "b", scores, near=0, sample=0.2)
    assert first == again and 20 < len(first) < 60
    drawn = int(hashlib.sha256(f"0:{first[0].replace('__', '/')}".encode()).hexdigest()[:12], 16)
    assert drawn / 16**12 < 0.2


def test_what_is_collected_stays_and_shares_are_shares(tmp_path):
    kept = tmp_path / "review" / "cam 1__부품_0.png"
    kept.parent.mkdir()
    kept.write_bytes(b"mine")
    assert collected(tmp_path, [10.0]) == [kept.name] and kept.read_bytes() == b"mine"
    with pytest.raises(ValueError, match=r"in \[0, 1\], got 2 and 0.01"):
        list(review.collect([], tmp_path, tmp_path / "x", 1.0, near=2))


def test_photos_at_an_address_are_collected_too(tmp_path):
    (tmp_path / "line" / "cam").mkdir(parents=True)
    (tmp_path / "line" / "cam" / "a.png").write_bytes(b"photo")
    place = (tmp_path / "line").as_uri()
    scored = [Scored(f"{place}/cam/a.png", 10.0)]
    assert list(review.collect(scored, place, tmp_path / "review", 10.0)) == scored
    assert (tmp_path / "review" / "cam__a.png").read_bytes() == b"photo"


def test_a_review_folder_opens_in_the_simulator_and_keeps_what_is_said(tmp_path):
    parts, detector = write_parts(tmp_path / "line"), DarkSpotDetector()
    scored = [Scored(p, detector.evaluate_one(p).score, "") for p in load_images(parts).paths]
    list(review.collect(scored, parts, tmp_path / "review", 100.0, near=0.2, sample=0))
    folder = load_images(tmp_path / "review")
    assert folder.labels is None and len(folder) == 2  # scores 120 and 90
    session = InspectionSession(detector, folder, order="name")
    session.relabel("OK")
    session.next()
    session.relabel("NG")
    said = relabels_path(tmp_path / "review").read_text("utf-8-sig")
    assert said.splitlines()[1:] == ["NG__ng_0.png,OK", "OK__ok_2.png,NG"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    root = tmp_path_factory.mktemp("home")
    with lens_workspace(root, ok=24, ng=6) as (_, detector):
        detector.data["join"] = "mean"
        save(detector, root / "models" / "lens")
        yield root


@pytest.mark.slow
def test_relabelled_photos_are_learned_and_both_models_are_compared(home, monkeypatch, capsys):
    old = load(workspace.model("lens"))
    parts, folder = old.parts(), home / "review"
    folder.mkdir()
    for i in range(6):
        photo = Image.open(parts.train[i]).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        photo.save(folder / f"new_{i}.png")
    (folder / "again.png").write_bytes(parts.test[0].read_bytes())
    said = {f"new_{i}.png": i == 5 for i in range(6)} | {"again.png": False}
    write_relabels(relabels_path(folder), said)
    monkeypatch.chdir(home)
    monkeypatch.setattr(sys, "argv", ["workbench", "learn", "lens", "review"])
    monkeypatch.setenv("TQDM_DISABLE", "1")
    with pytest.raises(SystemExit) as stop:
        cli.main()
    lines = capsys.readouterr().out.splitlines()
    assert not stop.value.code and lines[0] == (
        "added 5 good and 1 NG photos; 1 were there already"
    )
    new = load(workspace.model("lens"))
    now, former = new.parts(), load(workspace.model("lens-before"))
    learned = {name for name in now.names if "review__" in name}
    assert len(learned) == 6 and new.data["join"] == "mean"
    splits = now.split()
    assert {splits[name] for name in parts.names} <= {"train", "calibration", "test"}
    assert all(splits[name] == split for name, split in parts.split().items())
    good = {name for name in learned if name.startswith("OK")}
    assert {splits[name] for name in good} == {"train", "calibration"} and len(good) == 5
    assert [splits[name] for name in learned - good] == ["test"]
    test = now.test
    assert former.score(test).tolist() == old.score(test).tolist()
    fn = int((test.labels & (new.score(test) < new.threshold)).sum())
    assert lines[2].startswith("after:") and f"missed {fn} of {len(now.ng)}" in lines[2]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*left alone")  # the masks, which the table does not name
def test_what_cannot_be_learned_leaves_the_data_as_it_was(home, tmp_path):
    with pytest.raises(DataError, match="holds nothing; open the folder in the simulator"):
        review.learn("lens", tmp_path)
    root = home / "data" / "listed"
    make_samples("lens", root, ok=20, ng=4, size=96)
    names = [path.relative_to(root).as_posix() for path in sorted(root.glob("*/*.jpg"))]
    rows = [f"{name},{name.partition('/')[0]}" for name in names]
    (root / "labels.csv").write_text("\n".join(["file name,label", *rows]))
    parts = load_images(root, layout="labels.csv")
    save(CSFlowDetector(CSFlowConfig(**TINY)).fit(parts, progress=False), workspace.model("tab"))
    Image.new("RGB", (96, 96), "red").save(tmp_path / "a.png")
    write_relabels(relabels_path(tmp_path), {"a.png": False})
    with pytest.raises(DataError, match="must have its labels by folder"):
        review.learn("tab", tmp_path)
    photos = [path for path in root.glob("*/*.[jp]*g") if path.parent.name != "masks"]
    assert sorted(path.relative_to(root).as_posix() for path in photos) == names
