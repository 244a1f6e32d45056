"""Folders of any size, scored into a file that grows and is gone on with."""

import copy
import csv
import json
import os
import shutil
import warnings
from dataclasses import replace

import numpy as np
import psutil
import pytest
from PIL import Image

from workbench import CSFlowDetector, bulk
from workbench.errors import DataError
from workbench.lock import FileLock

from .conftest import photo

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    root = tmp_path_factory.mktemp("line")
    for i in range(11):
        place = root / ("NG" if i % 4 == 0 else "OK") / "shift 1"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(i, defect=i % 4 == 0)).save(place / f"부품 {i:02}.png")
    (root / "OK" / "broken.png").write_bytes(b"\x89PNG")
    (root / "OK" / "notes.txt").write_text("no picture")
    return root


def rows_of(path):
    with path.open(newline="", encoding="utf-8-sig") as file:  # with a mark, for Excel
        return list(csv.DictReader(file))


def test_a_folder_is_scored_into_a_file_with_its_bad_files_named(fitted, line, tmp_path):
    out = tmp_path / "scores.csv"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = bulk.score_folder(fitted, line, out)
    rows = rows_of(out)
    assert (run.scored, run.unreadable, run.before, len(rows)) == (11, 1, 0, 12)
    names = [row["file name"] for row in rows]
    assert names == sorted(names) and "NG/shift 1/부품 00.png" in names
    (bad,) = [row for row in rows if row["error"]]
    assert bad["file name"] == "OK/broken.png" and not bad["anomaly score"]
    good = [row for row in rows if not row["error"]]
    expected = fitted.score([line / row["file name"] for row in good])
    np.testing.assert_allclose([float(row["anomaly score"]) for row in good], expected, rtol=1e-4)
    verdicts = ["NG" if score >= fitted.threshold else "OK" for score in expected]
    assert [row["prediction"] for row in good] == verdicts
    assert [row["label"] for row in good] == [row["file name"][:2] for row in good]


def test_parts_of_several_photos_get_their_verdict(fitted, line, tmp_path):
    detector = copy.copy(fitted)
    detector.data = {"reading": {"groups": r"(\d)\d"}, "join": "mean"}  # 00 to 09, and 10
    bulk.score_folder(detector, line, tmp_path / "all.csv")
    rows = rows_of(tmp_path / "all.csv")
    assert list(rows[0]) == [*bulk.COLUMNS, "part", "part prediction"]
    limit = float(detector.threshold)
    for part in ("0", "1"):
        own = [row for row in rows if row["part"] == part]
        mean = np.mean([float(row["anomaly score"]) for row in own])
        assert {row["part prediction"] for row in own} == {"NG" if mean >= limit else "OK"}
    (bad,) = [row for row in rows if row["error"]]
    assert bad["part"] == "OK/broken.png" and bad["part prediction"] == ""
    bulk.score_folder(detector, line, tmp_path / "all.csv")
    again = sorted(rows_of(tmp_path / "all.csv"), key=lambda row: row["file name"])
    assert again == rows

    shares = [tmp_path / f"{i}.csv" for i in (1, 2)]
    for i, share in enumerate(shares, 1):
        bulk.score_folder(detector, line, share, shard=bulk.Shard(i, 2))
        assert {row["part prediction"] for row in rows_of(share)} == {""}  # others have the rest
    bulk.merge(shares, tmp_path / "merged.csv")
    merged = rows_of(tmp_path / "merged.csv")
    assert [(r["part"], r["part prediction"]) for r in merged] == [
        (r["part"], r["part prediction"]) for r in rows
    ]

    detector.data = {"reading": {"groups": "{part}_cam*"}}
    with pytest.warns(UserWarning, match="each photo is judged as a part of its own: groups="):
        bulk.score_folder(detector, line, tmp_path / "other.csv")


def test_a_score_file_without_parts_is_continued_with_them(fitted, line, tmp_path):
    bulk.score_folder(fitted, line, tmp_path / "s.csv")
    detector = copy.copy(fitted)
    detector.data = {"reading": {"groups": r"(\d)\d"}}
    assert bulk.score_folder(detector, line, tmp_path / "s.csv").before == 11
    assert {row["part"] for row in rows_of(tmp_path / "s.csv")} == {"0", "1", "OK/broken.png"}


def test_a_stopped_run_goes_on_where_it_was(fitted, line, tmp_path):
    out = tmp_path / "scores.csv"
    bulk.score_folder(fitted, line, out)
    whole = rows_of(out)
    with out.open("w", newline="", encoding="utf-8") as file:  # as a power cut leaves it
        writer = csv.DictWriter(file, whole[0])
        writer.writeheader()
        writer.writerows(whole[:6])
        file.write("OK/shift 1/cut sho")
    run = bulk.score_folder(fitted, line, out)
    assert run.before + run.scored == 11 and run.before == sum(
        not row["error"] for row in whole[:6]
    )
    assert sorted(map(str, scored(rows_of(out)))) == sorted(map(str, scored(whole)))


def scored(rows):
    return [
        (row["file name"], row["prediction"], f"{float(row['anomaly score']):.4f}")
        for row in rows
        if not row["error"]
    ]


def test_another_detectors_file_is_not_continued(fitted, line, tmp_path):
    out = tmp_path / "scores.csv"
    out.write_text("name,score\na,1\n")
    with pytest.raises(DataError, match="must start with the columns file name,label"):
        bulk.score_folder(fitted, line, out)
    name = "NG/shift 1/부품 00.png"
    out.write_text(f"{','.join(bulk.COLUMNS)}\n{name},NG,NG,123.0,\n", encoding="utf-8")
    with pytest.raises(DataError, match="123 there and .* choose another file"):
        bulk.score_folder(fitted, line, out)


@pytest.fixture
def half_done(fitted, line, tmp_path):
    """A file with the scores of the first six photos, as a killed run leaves it."""
    out = tmp_path / "scores.csv"
    bulk.score_folder(fitted, line, out)
    lines = out.read_text("utf-8").splitlines(keepends=True)
    out.write_text("".join(lines[:7]), "utf-8")
    return out


def test_another_detector_or_other_photos_are_refused_without_the_first_photo(
    fitted, line, half_done, photos, tiny_config
):
    before = half_done.read_bytes()
    first = line / "NG" / "shift 1" / "부품 00.png"
    content = first.read_bytes()
    first.unlink()
    try:
        other = CSFlowDetector(replace(tiny_config, seed=1)).fit(photos[0], progress=False)
        with pytest.raises(DataError, match="but is of another detector; choose another file"):
            bulk.score_folder(other, line, half_done)
    finally:
        first.write_bytes(content)
    other = half_done.parent / "other line"
    shutil.copytree(line, other)
    for path in other.rglob("*.png"):
        if path.name != "broken.png":
            Image.fromarray(photo(99)).save(path)
    with pytest.raises(DataError, match="there and .* here; choose another file"):
        bulk.score_folder(fitted, other, half_done)
    assert half_done.read_bytes() == before


def test_verdicts_of_a_former_threshold_are_judged_again_and_kept(fitted, line, half_done):
    former = fitted.threshold
    try:
        fitted.threshold = 2 * max(float(row["anomaly score"]) for row in scored_rows(half_done))
        run = bulk.score_folder(fitted, line, half_done)
    finally:
        fitted.threshold = former
    assert run.rejudged > 0 and f"{run.rejudged} with another verdict" in run.describe()
    assert {row["prediction"] for row in scored_rows(half_done)} == {"OK"}
    assert "NG" in {row["prediction"] for row in scored_rows(half_done.with_name("scores-1.csv"))}


def scored_rows(path):
    return [row for row in rows_of(path) if row["anomaly score"]]


def test_a_second_run_on_the_same_file_is_refused(fitted, line, half_done):
    parent = psutil.Process(os.getppid())
    lock = FileLock(half_done)
    lock.take()
    holder = json.loads(lock.path.read_text()) | {
        "pid": parent.pid, "born": parent.create_time(), "session": "other"
    }  # fmt: skip
    lock.path.write_text(json.dumps(holder))
    with pytest.raises(DataError, match=f"process {parent.pid}.; wait until it ends"):
        bulk.score_folder(fitted, line, half_done)
    assert len(scored_rows(half_done)) + 1 >= 6


def test_a_network_that_gives_no_number_says_so(fitted, line, half_done, monkeypatch):
    engine = fitted.prepare()
    damaged = lambda squares: [z * np.nan for z in engine(squares)]  # noqa: E731
    monkeypatch.setattr(type(fitted), "prepare", lambda _: damaged)
    with pytest.raises(DataError, match="no number for this image, got nan"):
        fitted.evaluate_one(photo(0))
    half_done.unlink()
    run = bulk.score_folder(fitted, line, half_done)
    assert run.scored == 0 and run.unreadable == 12 and not scored_rows(half_done)


def test_a_stream_reads_no_further_ahead_than_a_few_batches(fitted):
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield photo(len(taken) % 5)

    stream = bulk.stream(fitted, endless())
    first = next(stream)
    assert np.isfinite(first.score)
    assert len(taken) <= 4 * fitted.config.together
    stream.close()
