"""Two detectors compared, labels audited, and the relabel file beside the data."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from workbench import metrics
from workbench.data import load_images, read_relabels, relabels_path, write_relabels
from workbench.errors import DataError

from .doubles import write_parts


@settings(max_examples=30)
@given(st.lists(st.tuples(*[st.booleans()] * 3), min_size=1, max_size=40))
def test_changes_and_mcnemar(rows):
    ng, a, b = np.array(rows, bool).T
    found = metrics.compare(a + 0.0, b + 1.0, ng, 1.0, 2.0)
    assert [c.index for c in found.changes] == np.flatnonzero(a != b).tolist()
    assert found.fixed == ((b == ng) & (a != ng)).sum()
    assert found.broken == ((a == ng) & (b != ng)).sum()
    won, n = ((b == ng) & (a != b)).sum(), (a != b).sum()
    assert found.mcnemar_p == (binomtest(won, n).pvalue if n else 1)
    assert found.a.fn == (ng & ~a).sum() and found.b.fp == (~ng & b).sum()


def test_a_change_names_image_label_and_verdicts():
    found = metrics.compare(
        [1, 5, 2], [5, 5, 1], ["OK", "NG", "NG"], 2, 2, names=["a.png", "b.png", "c.png"]
    )
    assert found.changes[0] == (0, "a.png", "OK", "OK", "NG") and found.changes[0].better == "a"
    assert found.changes[1] == (2, "c.png", "NG", "NG", "OK")
    assert np.isnan(found.auroc_interval).all()


def test_the_difference_of_areas_is_judged_in_pairs():
    rng = np.random.default_rng(0)
    labels = np.arange(300) < 100
    a = rng.normal(size=300) + labels
    same = metrics.compare(a, 2 * a + 1, labels, 1, 1)
    assert same.auroc_interval == (0, 0)
    b = a + 2 * labels
    better = metrics.compare(a, b, labels, 1, 1)
    assert better.auroc_difference == metrics.auroc(b, labels) - metrics.auroc(a, labels)
    low, high = better.auroc_interval
    assert 0 < low < better.auroc_difference < high < 0.4


def test_audit_names_the_suspects():
    scores, labels = [1, 2, 9, 3, 8, 7], ["OK", "OK", "OK", "NG", "NG", "NG"]
    names = list("abcdef")
    audit = metrics.label_audit(scores, labels, names, n=2)
    assert [s.name for s in audit.suspicious_ok] == ["c", "b"]
    assert [s.beyond for s in audit.suspicious_ok] == [1, 0]
    assert audit.suspicious_ng[0] == (3, "d", "NG", 3.0, 1 / 3)
    assert math.isnan(metrics.label_audit([1], ["OK"]).suspicious_ok[0].beyond)


def test_names_must_fit():
    for call in (
        lambda: metrics.compare([1], [1], [0], 1, 1, names=["a", "b"]),
        lambda: metrics.label_audit([1], [0], ["a", "b"]),
    ):
        with pytest.raises(ValueError, match="one per score, got 2 for 1"):
            call()


def test_relabels_lie_beside_the_data_and_can_be_taken_back(tmp_path):
    root = write_parts(tmp_path / "lens")
    before = sorted(root.rglob("*"))
    path = relabels_path(root)
    assert path == tmp_path / "lens.relabels.csv" and read_relabels(path) == {}
    write_relabels(path, {"OK/ok_0.png": True})
    write_relabels(path, {"NG/부품, 1.png": False})
    # with the mark by which spreadsheets know UTF-8
    lines = 'file name,label\nOK/ok_0.png,NG\n"NG/부품, 1.png",OK\n'
    assert path.read_bytes() == lines.encode("utf-8-sig")
    assert write_relabels(path, {"OK/ok_0.png": False}) == {
        "NG/부품, 1.png": False, "OK/ok_0.png": False
    }  # fmt: skip
    assert read_relabels(path) == {"NG/부품, 1.png": False, "OK/ok_0.png": False}
    write_relabels(path, {"OK/ok_0.png": None})
    write_relabels(path, {"NG/부품, 1.png": None})
    assert sorted(root.rglob("*")) == before and read_relabels(path) == {}
    assert path.exists()  # to be told from a file that was lost


def test_a_file_saved_by_a_spreadsheet_is_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbffile name,label\r\na.png, ng\r\n\r\n")
    assert read_relabels(path) == {"a.png": True}


@pytest.mark.parametrize("text", ["name,label\na,OK\n", "file name,label\na,bad\n", "\x00\x01"])
def test_another_file_is_refused_and_kept(tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match="must"):
        write_relabels(path, {"a": True})
    assert path.read_bytes() == text.encode("latin-1")


def test_a_relabelled_folder(tmp_path):
    parts = load_images(write_parts(tmp_path / "lens"))
    names = parts.names
    found = parts.relabelled({"OK/ok_1.png": True, "NG/ng_0.png": False, "gone.png": True})
    assert {n for n, ng in zip(names, found.labels, strict=True) if ng} == {
        "OK/ok_1.png", "NG/ng_1.png"
    }  # fmt: skip
    assert found.kinds[names.index("OK/ok_1.png")] == "relabelled"
    assert found.kinds[names.index("NG/ng_0.png")] == "good"
    assert found.splits == parts.splits and parts.ng.names == ("NG/ng_0.png", "NG/ng_1.png")
    assert "OK/ok_1.png" not in (*found.train.names, *found.calibration.names)
    assert parts.relabelled({}).labels.tolist() == parts.labels.tolist()


def test_a_flat_folder_cannot_be_relabelled(tmp_path):
    parts = load_images(write_parts(tmp_path) / "OK")
    with pytest.raises(DataError, match="must be labelled"):
        parts.relabelled({})
