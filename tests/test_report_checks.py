"""The checks of the image report, against numbers that are known another way."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import ks_2samp

from workbench import metrics, reports, workspace
from workbench.data import load_images
from workbench.data.photo_stats import near_duplicates, photo_stats
from workbench.errors import DataError
from workbench.reports import cache, checks, display, numbers, photo_checks, runs
from workbench.reports.checks import HeatCheck
from workbench.reports.comparison import ComparisonReport


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    return tmp_path


def shows(section):
    shown = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(display, "display", lambda data, **options: shown.append(str(data)))
        section()
    return "\n".join(shown)


def blobs(rng, low, high, size):
    cells = Image.fromarray(rng.uniform(low, high, (6, 8)).astype(np.float32))
    return np.asarray(cells.resize(size, Image.BICUBIC))[..., None].repeat(3, axis=2)


def part(seed, size=(80, 60)):
    """A grey photo with its own faint blobs on a strong fixture that all photos share."""
    rng = np.random.default_rng(seed)
    pixels = blobs(np.random.default_rng(999), 20, 220, size) + blobs(rng, -30, 30, size)
    return (pixels + rng.integers(-3, 4, pixels.shape)).clip(0, 255).astype(np.uint8)


def test_what_was_computed_of_the_same_bytes_is_not_computed_again(home):
    asked = []

    def compute(rows):
        asked.append(list(rows))
        return {"value": np.array(rows) * 10.0, "ok": np.array(rows) != 2}

    digests = ["a" * 64, "b" * 64, "c" * 64, "a" * 64]
    first = cache.by_content("mine", digests, compute)
    assert asked == [[0, 1, 2]] and first["value"].tolist() == [0, 10, 20, 0]
    again = cache.by_content("mine", digests[::-1], compute)
    assert asked[1:] == [[1]], "only what failed before is tried again"
    assert again["value"].tolist() == [0, 10, 10, 0]
    other = cache.by_content("other", digests[:1], lambda _: {"value": [5], "ok": [True]})
    assert other["value"].tolist() == [5]
    for path in cache.folder().iterdir():
        path.write_bytes(b"damaged")
    cache.by_content("mine", digests, compute)
    assert asked[2:] == [[0, 1, 2]]


def test_an_interrupted_computation_goes_on_where_it_was(home, monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 2)
    asked = []

    def compute(rows):
        asked.extend(rows)
        if 2 in rows and len(asked) < 5:
            raise KeyboardInterrupt
        return {"value": np.array(rows), "ok": np.ones(len(rows), bool)}

    digests = [letter * 64 for letter in "abcd"]
    with pytest.raises(KeyboardInterrupt):
        cache.by_content("mine", digests, compute)
    assert cache.by_content("mine", digests, compute)["value"].tolist() == [0, 1, 2, 3]
    assert asked == [0, 1, 2, 3, 2, 3]


def test_a_look_in_numbers():
    image = part(0)
    seen = photo_stats(image)
    grey = np.asarray(Image.fromarray(image).convert("L"), float)
    assert seen.brightness == pytest.approx(grey.mean())
    assert seen.contrast == pytest.approx(grey.std())
    kernel = -4 * grey[1:-1, 1:-1] + grey[2:, 1:-1] + grey[:-2, 1:-1]
    kernel += grey[1:-1, 2:] + grey[1:-1, :-2]
    assert seen.sharpness == pytest.approx(kernel.std())
    assert (seen.height, seen.width) == (60, 80) and seen.signature.shape == (256,)


def test_the_same_part_is_found_under_another_exposure_and_on_a_shared_fixture():
    train = [part(seed) for seed in range(30)]
    darker = (train[3] * 0.6).astype(np.uint8)
    flatter = (255 * (train[12] / 255) ** 0.7).astype(np.uint8)  # as another camera's gamma does
    softer = np.asarray(Image.fromarray(train[7]).resize((60, 45)))  # another camera
    test = [part(seed) for seed in range(100, 120)] + [darker, softer, flatter]
    signatures = [
        np.array([photo_stats(image).signature for image in group]) for group in (train, test)
    ]
    sizes = [np.array([image.shape[:2] for image in group]) for group in (train, test)]
    assert {(a, b) for a, b, _ in near_duplicates(*signatures, sizes)} == {
        (3, 20),
        (7, 21),
        (12, 22),
    }
    sizes[1][21] = 60, 30
    assert {(a, b) for a, b, _ in near_duplicates(*signatures, sizes)} == {(3, 20), (12, 22)}
    assert near_duplicates(signatures[0][:0], signatures[1], (sizes[0][:0], sizes[1])) == []


def test_tiles_photographed_twice_are_found_among_real_ones(real_data):
    folder = real_data / "mtd" / "OK"
    same = ["exp1_num_5907.jpg", "exp3_num_5941.jpg", "exp1_num_824.jpg", "exp4_num_889.jpg"]
    others = [path.name for path in sorted(folder.iterdir())[:200:2] if path.name not in same]
    names = [*same, *others]
    looks = [photo_stats(np.asarray(Image.open(folder / name).convert("RGB"))) for name in names]
    signatures = np.array([seen.signature for seen in looks])
    sizes = np.array([(seen.height, seen.width) for seen in looks])
    pairs = {
        (a, b) for a, b, _ in near_duplicates(signatures, signatures, (sizes, sizes)) if a < b < 4
    }
    assert pairs == {(0, 1), (2, 3)}


@pytest.fixture
def dataset(home):
    """40 good parts and 8 NG; test photos of good parts are darker, one is a training photo."""
    for label, seeds in (("OK", range(40)), ("NG", range(200, 208))):
        (home / "data" / "set" / label).mkdir(parents=True)
        for seed in seeds:
            Image.fromarray(part(seed)).save(home / "data" / "set" / label / f"{seed}.png")
    folder = load_images(home / "data" / "set")
    test = [name for name in folder.test.names if name.startswith("OK")]
    for name in test:
        dark = Image.open(folder.root / name).point(lambda level: level // 2)
        dark.save(folder.root / name)
    twin = (folder.root / folder.train.names[0]).read_bytes()
    (folder.root / test[0]).write_bytes(twin)
    return load_images(home / "data" / "set"), folder.train.names[0], test[0]


def test_duplicates_and_drift_of_a_folder(dataset):
    folder, trained, tested = dataset
    check = photo_checks.PhotoCheck(folder, cache.digests(folder.paths))
    found = check.metrics["duplicates"]
    assert (found["pairs"], found["identical"], found["test_images"]) == (1, 1, 1)
    assert found["closest"][0]["train"] == trained and found["closest"][0]["test"] == tested
    page = shows(check.duplicates)
    assert "**1 test photo of 14 look like a part that was trained on**" in page
    assert trained in page and tested in page
    grey = {name: np.asarray(Image.open(folder.root / name).convert("L"), float).mean()
            for name in folder.names}  # fmt: skip
    before = [grey[name] for name in folder.train.names]
    after = [grey[name] for name in folder.test.names if name.startswith("OK")]
    row = check.metrics["drift"][0]
    assert row["distance"] == pytest.approx(ks_2samp(before, after).statistic)
    assert row["measure"] == "brightness" and row["drifted"]
    assert "**The test photos differ in brightness" in shows(check.drift)


class MeanDetector:
    """Score: mean grey level. Every change moves it by an amount that is known."""

    threshold = metrics.Threshold(100.0)

    def score(self, images):
        return np.array([np.asarray(image, float).mean() for image in images])


def test_stress_counts_the_verdicts_that_change(home):
    levels = {"OK": [60, 90, 95], "NG": [101, 110, 130]}
    for label, greys in levels.items():
        (home / label).mkdir()
        for grey in greys:
            Image.new("RGB", (40, 40), (grey,) * 3).save(home / label / f"{grey}.png")
    folder = load_images(home)
    scores = np.array([float(name.split("/")[1][:-4]) for name in folder.names])
    digests = cache.digests(folder.paths)
    test = checks.StressTest(MeanDetector(), "key", folder, scores, digests)
    rows = {row["change"]: row for row in test.metrics["stress"]["changes"]}
    darker, brighter = rows["20 % darker"], rows["20 % brighter"]
    assert (darker["new_misses"], darker["new_overkill"]) == (2, 0)  # 81 and 88 of 101, 110
    assert (brighter["new_misses"], brighter["new_overkill"]) == (0, 2)  # 108 and 114
    assert darker["median_ng"] == pytest.approx(-0.22) and rows["moved by 3 %"]["flips"] == 0
    page = shows(test.show)
    assert "2 of 6" in page and "3 good and 3 NG" in page


def test_the_changes_do_what_they_say():
    image = Image.fromarray(part(1))
    pixels = np.asarray(image, float)
    assert np.abs(np.asarray(checks.dim(image, 0.8)) - 0.8 * pixels).max() <= 0.5
    assert np.asarray(checks.dim(image, 3)).max() == 255
    moved = np.asarray(checks.shift(image, 0.05), float)
    np.testing.assert_array_equal(moved[3:, 4:], pixels[:-3, :-4])
    assert moved.shape == pixels.shape
    blurred = photo_stats(np.asarray(checks.blur(image, 0.02)))
    assert blurred.sharpness < 0.7 * photo_stats(np.asarray(image)).sharpness
    assert 0 < np.abs(np.asarray(checks.compress(image, 20), float) - pixels).mean() < 20


def test_the_border_of_good_parts_is_blamed():
    cells = np.ones((6, 8, 8), np.float32)
    cells[:4, :, 0] = 5  # four good parts with a hot left edge
    labels = np.array([False] * 4 + [True] * 2)
    cells[4:, 3, 5] = 9
    folder = SimpleNamespace(has_masks=False, labels=labels, masks=(None,) * 6)
    found = HeatCheck(folder, cells).metrics["heat"]
    # 28 of 64 cells are rim, 8 of them at 5
    assert found["good"]["border_ratio"] == pytest.approx((20 + 8 * 5) / 28)
    assert found["good"]["hottest"] == [0.0625, 0.0625]
    assert found["ng"]["hottest"] == [3.5 / 8, 5.5 / 8] and found["ng"]["border_ratio"] < 1
    assert "2.14 times as hot" in shows(HeatCheck(folder, cells).blame_map)


def test_other_thresholds_and_what_a_claim_takes():
    rng = np.random.default_rng(0)
    scores = np.r_[rng.normal(0, 1, 200), rng.normal(3, 1, 50)]
    labels = np.arange(250) >= 200
    held_out = rng.normal(0, 1, 300)
    limit = metrics.threshold(held_out)
    found = numbers.guarantees(scores, labels, limit, held_out)
    assert len(found["alternatives"]) == 1 + len(numbers.POLICIES)
    in_use, zero = found["alternatives"][0], found["alternatives"][4]
    assert in_use["fn"] == (scores[labels] < limit).sum() > 0 == zero["fn"]
    assert zero["threshold"] == scores[labels].min()
    miss, overkill = found["claims"]
    assert miss["upper"] == pytest.approx(metrics.clopper_pearson(in_use["fn"], 50)[1])
    for claim in (miss, overkill):
        share = claim["found"] / claim["n"]
        for target in claim["targets"]:
            assert (target["n"] is None) == (share >= target["rate"])
            if target["n"]:
                wrong = int(np.ceil(share * target["n"]))
                assert metrics.clopper_pearson(wrong, target["n"])[1] <= target["rate"]
                fewer = int(0.9 * target["n"])
                ends = metrics.clopper_pearson(int(np.ceil(share * fewer)), fewer)
                assert ends[1] > target["rate"] or fewer <= claim["n"]
    assert numbers.guarantees(scores, None, limit, held_out)["claims"] == []
    target = numbers.Target(misses=0.2, overkill=0.0)
    judged = numbers.guarantees(scores, labels, limit, held_out, target)["judgement"]
    assert [claim["limit"] for claim in judged["claims"]] == [0.2, 0.0] and not judged["met"]
    none = numbers.guarantees(
        np.r_[0.0, 9], np.array([False, True]), metrics.Threshold(5.0), held_out
    )
    assert none["claims"][0]["targets"][1]["n"] == metrics.ng_needed(0.01) == 368


def leave(name, scores, labels, threshold, root="data/tiles"):
    m = {"name": name, "kind": "csflow", "n": len(scores), "flagged": 0}
    m |= metrics.evaluate(scores, labels, threshold).to_dict()
    with runs.staged(name) as part:
        facts = {"status": "ok", "seconds": 1.0, "error": "", "kind": "csflow"}
        runs.write_json(part / runs.STATUS, facts | {"date": "2026-01-01", "note": ""})
        runs.write_json(part / "metrics.json", m)
        words = np.where(labels, "NG", "OK")
        columns = {"file name": [f"{i}.png" for i in range(len(scores))], "label": words,
                   "prediction": words, "anomaly score": scores}  # fmt: skip
        pd.DataFrame(columns).to_csv(part / f"{name}_scores.csv", index=False)
    workspace.model(name).mkdir(parents=True)
    facts = {"format": 1, "kind": "csflow", "data": {"root": root}}
    runs.write_json(workspace.model(name) / "detector.json", facts)


def test_two_models_are_compared_on_the_same_parts_only(home):
    rng = np.random.default_rng(1)
    labels = np.arange(60) >= 40
    old = rng.normal(labels * 1.0, 1)
    new = rng.normal(labels * 4.0, 1)
    leave("old", old, labels, 1.0)
    leave("new", new, labels, 2.0)
    leave("other", new, labels, 2.0, root="data/elsewhere")
    report = ComparisonReport(["old", "new", "other"])
    (pair,) = report.metrics["pairs"]
    expected = metrics.compare(old, new, labels, 1.0, 2.0)
    assert (pair["a"], pair["b"]) == ("old", "new")
    assert pair["auroc_difference"] == pytest.approx(expected.auroc_difference)
    assert (pair["fixed"], pair["broken"]) == (expected.fixed, expected.broken)
    said = [partial(report.say, name) for name in ("compared", "compared_table")]
    page = "\n".join(map(shows, [*said, report.rates, report.pairs, report.origins]))
    assert "new against old" in page and "no accident" in page and "old is hardest" in page
    assert f"{pair['fixed']} got better and {pair['broken']} worse" in page
    assert [run.name for run in ComparisonReport().compared] == ["new", "old", "other"]
    with pytest.raises(DataError, match="absent has no report to compare; run: workbench report"):
        _ = ComparisonReport(["absent"]).metrics


def test_nothing_to_compare_says_so(home):
    with pytest.raises(DataError, match="no reports to compare; run: workbench report --all"):
        _ = ComparisonReport().metrics
    assert replace(ComparisonReport(["a"]), name="b").name == "b"
    assert reports.ComparisonReport is ComparisonReport
