import ast
import csv
import json
import re
from base64 import b64decode
from collections import Counter
from dataclasses import replace
from functools import partial
from html import unescape
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import nbformat
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.ndimage import label
from sklearn.metrics import cohen_kappa_score

import workbench as wb
from workbench import language, metrics, reports, workspace
from workbench.autoencoder import events
from workbench.csflow.feature_cache import extract
from workbench.csflow.nearest import nearest_good
from workbench.data import load_images, load_rows
from workbench.data.encode import OUTLINE
from workbench.data.walk import BadFile
from workbench.errors import ArtifactError, DataError
from workbench.reports import display, gallery, numbers, runs, wording
from workbench.reports.html import to_html
from workbench.samples import NOTE, make_samples

from .browser import chromium

pytestmark = pytest.mark.slow

TEMPLATES = {
    "90_report_images": [
        "name",
        "shown",
        "threshold",
        "relabels",
        "misses",
        "overkill",
        "by",
        "details",
        "smallest",
        "regions",
        "inspectors",
    ],
    "91_report_sensors": ["name", "shown", "threshold", "misses", "overkill", "reading"],
    "92_report_comparison": ["names"],
}
TINY = {"image_size": 128, "hidden": 16, "kernels": (3,), "epochs": 2}
STATUS = {"name": "x", "date": "2026-11-28", "seconds": 1.0, "status": "ok", "template": "t"}
PICTURE = "display({'image/png': __import__('base64').b64decode('iVBORw0KGgo=')}, raw=True)"


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    """A workspace with a tiny image model and a pump model, and no more threads than needed."""
    folder = tmp_path_factory.mktemp("부품 {0}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(folder))
        patch.setenv("OMP_NUM_THREADS", "1")
        parts = load_images(make_samples("lens", ok=30, ng=10, size=96))
        detector = wb.CSFlowDetector(wb.CSFlowConfig(**TINY))
        wb.save(
            detector.fit(parts.train, parts.calibration, progress=False), workspace.model("lens")
        )
        rows = load_rows(make_samples("pump"))
        model = wb.AutoEncoderDetector(wb.AutoEncoderConfig(epochs=5))
        wb.save(model.fit(rows, progress=False), workspace.model("pump"))
        yield folder


@pytest.fixture(scope="module")
def lens(home):
    mine = workspace.report("lens") / "lens_result.csv"
    mine.parent.mkdir(parents=True)
    mine.write_text("a verdict of the user's")
    return reports.run("lens", progress=False, shown=3)


@pytest.fixture(scope="module")
def pump(home):
    return reports.run("pump", progress=False)


@pytest.fixture(scope="module")
def page(lens):
    return (lens.folder / "report.html").read_text("utf-8")


def shows(section):
    """What a section of a report displays, as one text."""
    shown = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(display, "display", lambda data, **options: shown.append(str(data)))
        section()
    return "\n".join(shown)


def prose(section):
    """The words that a section displays, without its pictures."""
    shown = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(display, "display", lambda data, **options: shown.append(data))
        section()
    words = (data.get("text/markdown") or data.get("text/html", "") for data in shown)
    return unescape(re.sub(r"base64,[\w+/=]+", "", "\n".join(words)))


def template(folder, *cells):
    """A notebook of these code cells, after one with the parameter `name`."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "", "language": "python"}
    parameters = nbformat.v4.new_code_cell("name = ''", metadata={"tags": ["parameters"]})
    notebook.cells = [parameters, *map(nbformat.v4.new_code_cell, cells)]
    nbformat.write(notebook, folder / "mine.ipynb")
    return folder / "mine.ipynb"


def leave(**content):
    """Code that writes metrics.json as `record` does, without the seconds that importing takes."""
    return (
        "import os, pathlib\n"
        "path = pathlib.Path(os.environ['WORKBENCH_REPORT'], 'metrics.json')\n"
        f"path.write_text({json.dumps(content)!r})"
    )


def test_a_report_is_whole(lens):
    assert (lens.status, lens.error) == ("ok", "")
    names = {path.name for path in lens.folder.iterdir()}
    assert names == {*runs.OURS, "lens_scores.csv"}
    home = workspace.report("lens")
    assert {path.name for path in home.iterdir()} == {
        "runs", "latest", "report.html", "lens_result.csv"
    }  # fmt: skip
    assert [path.name for path in (home / "runs").iterdir()] == [lens.folder.name]
    assert (home / "latest").resolve() == lens.folder
    assert json.loads((lens.folder / "params.json").read_text()) == {"name": "lens", "shown": 3}
    assert json.loads((lens.folder / "metrics.json").read_text()) == lens.metrics


@pytest.mark.parametrize("name", ["lens", "pump"])
def test_the_metrics_are_as_the_schema_says(lens, pump, name):
    path = Path(__file__).parents[1] / "docs" / "metrics.schema.json"
    jsonschema.validate({"lens": lens, "pump": pump}[name].metrics, json.loads(path.read_text()))


def test_files_of_others_stay(lens):
    mine = workspace.report("lens") / "lens_result.csv"
    assert mine.read_text() == "a verdict of the user's"


def test_the_newest_page_is_in_reach_and_has_no_dead_link(lens, page):
    assert (workspace.report("lens") / "report.html").read_text("utf-8") == page
    links = re.findall(r'<a [^>]*href="([^"]+)"', page)
    assert all(f'id="{link[1:]}"' in page for link in links if link.startswith("#"))
    names = dict(re.findall(r'<a download="([^"]+)" href="data:[^;]+;base64,([^"]+)"', page))
    assert set(names) == {"lens_scores.csv", "metrics.json"}
    assert len(names) + page.count('href="#') == len(links)
    for name, content in names.items():
        assert b64decode(content) == (lens.folder / name).read_bytes()


def test_links_of_a_template_of_ones_own_lead_into_the_run(tmp_path, home):
    show = "from workbench import reports; reports.text('[a](a.txt) [b](#b) [c](http://c)')"
    write = leave(name="pump", n=3, threshold=1.0)
    run = reports.run("pump", template(tmp_path, show, PICTURE, write), progress=False)
    outside = (workspace.report("pump") / "report.html").read_text("utf-8")
    links = re.findall(r'<a href="([^"]+)"', outside)
    assert links == [f"runs/{run.folder.name}/a.txt", "#b", "http://c"]


def test_the_numbers_are_those_of_the_score_file(lens):
    with (lens.folder / "lens_scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    m, threshold = lens.metrics, wb.load(workspace.model("lens")).threshold
    assert list(rows[0]) == ["file name", "label", "prediction", "anomaly score"]
    assert len(rows) == m["n"] == 14 and m["n_ng"] == 10  # 15 % of 30 good ones, all NG
    missed = [r for r in rows if r["label"] == "NG" and float(r["anomaly score"]) < threshold]
    wasted = [r for r in rows if r["label"] == "OK" and float(r["anomaly score"]) >= threshold]
    assert (m["fn"], m["fp"]) == (len(missed), len(wasted))
    assert m["fn"] == sum(r["label"] == "NG" and r["prediction"] == "OK" for r in rows)
    assert sum(kind["missed"] for kind in m["defects"]) == m["fn"]
    assert sum(kind["n"] for kind in m["defects"]) == 10
    assert m["threshold"] == threshold and "calibration OK" in m["threshold_source"]
    assert m["zero_miss"]["fn"] == 0


def test_scores_and_pixel_auroc_are_the_detectors(lens):
    detector = wb.load(workspace.model("lens"))
    test = detector.parts().test
    table = pd.read_csv(lens.folder / "lens_scores.csv")
    assert table["file name"].tolist() == list(test.names)
    np.testing.assert_allclose(table["anomaly score"], detector.score(test), rtol=1e-4)
    masks = [test.mask(i) for i in range(len(test))]
    expected = metrics.pixel_auroc(detector.localize(test), masks)
    assert lens.metrics["pixel_auroc"] == pytest.approx(expected, abs=1e-4)


def test_the_page_needs_nothing_from_outside(page):
    assert page.count("<script>") == 1 and "default-src 'none'" in unescape(page)
    assert not re.findall(r"<script |<link|<iframe|@import|https?://|url\(", page)
    sources = re.findall(r"""src=["'](.{0,5})""", page)
    assert len(sources) > 10 and set(sources) == {"data:"}
    assert len(page) < 2_000_000


def test_the_report_is_made_again_from_the_scores_of_before(lens, detector, monkeypatch):
    monkeypatch.setattr(type(detector), "score", lambda *_: pytest.fail("scored again"))
    monkeypatch.setattr(type(detector), "score_and_cells", lambda *_: pytest.fail("again"))
    report = reports.ImageReport("lens", detector, detector.parts())
    assert {key: report.metrics[key] for key in lens.metrics} == lens.metrics
    manifest, arrays = detector.state()
    other = arrays | {"standardise.std": arrays["standardise.std"] * 1.5}
    other = type(detector).from_state(manifest, other, engine="torch")
    with pytest.raises(pytest.fail.Exception, match="again"):  # another model, other scores
        reports.ImageReport("lens", other, other.parts())


def test_every_picture_is_described(page):
    pictures = re.findall(r"<img[^>]*>", page)
    assert all(re.search(r"""alt=["'][^"']{8,}""", picture) for picture in pictures)
    assert "No description" not in page
    assert page.count("<figure") == page.count("<figcaption") >= 7


def test_the_page_is_readable_without_a_kernel(page, lens, home):
    trained = f"train {lens.metrics['split']['train']}"
    assert "<title>lens: inspection report</title>" in page and "<h1>lens</h1>" in page
    assert "viewport" in page and "@media print" in page and "Malgun Gothic" in page
    assert NOTE.capitalize() in page
    for code in ("wb.load", 'report.say("answer")', "papermill", "score and localise", str(home)):
        assert code not in page
    assert re.search(r"<details class=.facts.>\s*<summary>How this was made", page)
    for fact in ("sha256", "efficientnet-lite0", trained, "torch", "seed"):
        assert fact in page.split("How this was made")[1]


def test_numbers_in_the_prose_come_from_the_metrics(page, lens):
    m = lens.metrics
    assert f"AUROC {m['auroc']:.3f}" in page
    assert f"Pixel AUROC {m['pixel_auroc']:.3f}" in page
    assert f"{m['threshold']:.4g}" in page
    assert f"{m['fp']} of {m['n_ok']} ({wording.percent(m['overkill_rate'])})" in page


def test_what_training_decided_is_said(page):
    told = "Training: 128 x 128 pixels, looked at 3 times, 3 scales, 2 epochs, "
    assert f"{told}50 % of the photos altered (place, light, focus, compression)." in page


def test_the_executed_notebook_is_clean(lens, home):
    notebook = nbformat.read(lens.folder / "report.ipynb", as_version=4)
    assert notebook.metadata.language_info.name == "python"
    assert "widgets" not in notebook.metadata
    assert str(home) not in (lens.folder / "report.ipynb").read_text("utf-8")
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    recorded = [o.data[display.RECORD] for o in outputs if display.RECORD in o.get("data", {})]
    assert recorded == [lens.metrics]


def test_a_sensor_report_is_whole(pump):
    assert (pump.status, pump.error) == ("ok", "")
    rows, detector = load_rows(workspace.data("pump.csv")), wb.load(workspace.model("pump"))
    flags = detector.score(rows.test) >= detector.threshold
    m = pump.metrics
    assert (m["n"], m["flagged"]) == (len(rows.test), flags.sum())
    assert (m["fn"], m["fp"]) == (
        (rows.test.labels & ~flags).sum(),
        (flags & ~rows.test.labels).sum(),
    )
    starts = np.diff(rows.labels.astype(int), prepend=0) == 1
    assert m["faults"] == starts.sum() > m["faults"] - m["faults_found"] >= 0
    assert sum(m["blame"].values()) == pytest.approx(1) and not m["changed"]
    page = (pump.folder / "report.html").read_text("utf-8")
    assert not re.findall(r"<script |https?://", page)
    assert page.count("<figure") == 4 + bool(detector.history) and NOTE.capitalize() in page
    modes = len(detector.weights["density.centres"])
    assert not detector.history and modes > 1  # else the next line proves nothing
    assert f"several modes of operation, and {modes} distributions around known rows" in page
    assert m["size"]["distributions"] == modes and "linear relations" not in page
    assert f"{m['fn']:,} of {m['n_ng']:,} NG rows missed" in page
    found = events.load(pump.folder / "pump_events.csv")
    assert len(found) == m["events"] and {event.state for event in found} == {"new"}
    worst = max(found, key=lambda event: event.score)
    assert worst.start_time in page and worst.end_time in page and f"{worst.score:.3g}" in page


@pytest.mark.parametrize(
    ("layers", "distributions", "said"),
    [
        ([64], 1, "the network was solved for"),
        ([], 30, "several modes of operation, and 30 distributions"),
        ([], 1, "none gained anything over the linear relations"),
        (None, 1, "the network was imported"),
    ],
)
def test_a_report_on_rows_without_epochs_says_what_was_chosen(layers, distributions, said):
    size = {"bottleneck": 2, "layers": layers, "distributions": distributions}
    m = {"kind": "autoencoder", "size": None if layers is None else size}
    assert said in wording.say("no_history", m)


def test_a_sensor_report_keeps_what_was_said_of_its_events(home, pump, tmp_path, monkeypatch):
    monkeypatch.setenv(display.FOLDER, str(tmp_path))
    path = pump.folder / "pump_events.csv"
    first, *others = events.load(path)
    before = path.read_bytes()
    events.save([first.close("valve exchanged"), *others], path)
    report = reports.SensorReport("pump", wb.load(workspace.model("pump")), shown=1000)
    assert "valve exchanged" in shows(report.blamed)
    shows(report.record)
    again = events.load(tmp_path / "pump_events.csv")
    assert [event.state for event in again] == ["closed"] + ["new"] * len(others)
    path.write_bytes(before)


def test_a_misspelt_parameter_stops_before_anything_runs(home):
    with pytest.raises(ValueError, match="no parameter shwon; it declares name, shown, threshold"):
        reports.run("pump", shwon=3)


@pytest.mark.parametrize(
    ("error", "words", "arguments", "options"),
    [
        (ArtifactError, "holds no detector", ["absent"], {}),
        (DataError, "absent.ipynb does not exist", ["pump", "absent"], {}),
        (TypeError, "shown must be a plain JSON .* int64", ["pump"], {"shown": np.int64(3)}),
    ],
)  # fmt: skip
def test_what_is_refused(error, words, arguments, options):
    with pytest.raises(error, match=words):
        reports.run(*arguments, **options)


def test_a_failed_run_keeps_the_notebook_and_shows_the_cell(tmp_path, home):
    source = template(tmp_path, leave(name="pump", n=5), "broken = 1 / 0", "'never run'")
    result = reports.run("pump", source, progress=False)
    folder = result.folder
    assert (result.status, result.metrics) == ("failed", {})
    assert result.error == "ZeroDivisionError: division by zero"
    assert not (folder / "metrics.json").exists(), "numbers of an earlier or half a run"
    page = (folder / "report.html").read_text("utf-8")
    assert 'id="papermill-error-cell"' in page and "broken = 1 / 0" in page
    assert "ZeroDivisionError" in page and "never run" not in page
    index = reports.build_index().read_text("utf-8")
    assert f'href="pump/runs/{folder.name}/report.html#papermill-error-cell"' in index
    assert (workspace.report("pump") / "latest").resolve() == folder
    assert "1 failed" in index and result.error in index


@pytest.mark.parametrize(
    ("content", "show", "words"),
    [
        (None, PICTURE, "left no metrics.json"),
        ({"n": 0, "threshold": 1.0}, PICTURE, "not one image or row"),
        ({"n": 3, "threshold": 1.0}, "1", "holds no figure"),
        ({"n": 3, "threshold": 1.0, "n_ok": 2, "n_ng": 1, "miss_rate": 0.0}, PICTURE,
         "lack a number for overkill_rate, auroc, average_precision"),
        ({"n": 3, "threshold": None}, PICTURE, "lack a number for threshold"),
    ],
)  # fmt: skip
def test_success_with_an_empty_report_is_a_failure(tmp_path, content, show, words):
    write = "1" if content is None else leave(name="pump", **content)
    result = reports.run("pump", template(tmp_path, show, write), progress=False)
    assert result.status == "failed" and words in result.error


def test_a_template_of_ones_own_runs_in_the_workspace(tmp_path, home):
    check = "import os, pathlib; assert str(pathlib.Path.cwd()) == os.environ['WORKBENCH_HOME']"
    write = leave(name="pump", n=3, threshold=1.0)
    result = reports.run("pump", template(tmp_path, check, PICTURE, write), progress=False)
    assert (result.status, result.error) == ("ok", "")
    assert "3 unlabelled" in reports.build_index().read_text("utf-8")


def test_a_kernel_that_does_not_exist_is_a_failed_run(tmp_path):
    result = reports.run("pump", template(tmp_path), kernel_name="absent", progress=False)
    assert result.status == "failed" and "NoSuchKernel" in result.error


def test_an_interrupted_run_leaves_the_earlier_report_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    with runs.staged("lens") as part:
        (part / "report.html").write_text("earlier")
        runs.write_json(part / "status.json", {"status": "ok", "seconds": 1, "error": ""})
    with pytest.raises(KeyboardInterrupt), runs.staged("lens") as part:
        (part / "report.html").write_text("half")
        raise KeyboardInterrupt
    folder = workspace.report("lens")
    assert (folder / "report.html").read_text() == "earlier"
    assert len(list((folder / "runs").iterdir())) == 1


def test_run_all_shows_a_damaged_model_as_failed(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    assert reports.run_all(progress=False) == []
    assert "None yet" in reports.build_index().read_text("utf-8")
    (tmp_path / "models" / "bad").mkdir(parents=True)
    (tmp_path / "models" / "bad" / "detector.json").write_text("{")
    (result,) = reports.run_all(progress=False)
    assert result.status == "failed" and "damaged" in result.error
    index = reports.build_index().read_text("utf-8")
    assert "models/bad/detector.json is damaged" in index and str(tmp_path) not in index


def test_the_index_lists_works_offline_and_escapes(lens, home):
    with runs.staged("a <b> & c") as part:
        runs.write_json(part / "status.json", lens.details | {"name": "a <b> & c"})
    index = reports.build_index().read_text("utf-8")
    assert not re.findall(r"https?://|<link|<script src|@import", index)
    assert f'href="lens/runs/{lens.folder.name}/report.html"' in index and NOTE in index
    assert f"{lens.metrics['auroc']:.3f}" in index and "4 OK, 10 NG" in index
    assert "a &lt;b&gt; &amp; c" in index and "<b> &" not in index
    assert re.search(r'<img src="data:image/jpeg;base64,[^"]+" alt="[^"]+lens"', index)


@pytest.fixture(scope="module")
def detector(home):
    return wb.load(workspace.model("lens"))


SECTIONS = (
    "say answer", "setting", "histogram", "ranking", "alternatives", "defects", "groups",
    "say parts", "regions", "say agreement", "calmest_ng", "hottest_ok", "hottest", "sheet",
    "heat.localisation", "heat.blame_map", "photos.duplicates", "photos.drift", "stress.show",
    "say claims", "say left_out", "training", "origins", "record",
)  # fmt: skip


def section(report, name):
    """What shows a section: a method, or `say` with the name of what it says."""
    said = name.removeprefix("say ")
    return attrgetter(name)(report) if said == name else partial(report.say, said)


def test_unlabelled_images_get_scores_and_no_rates(detector, tmp_path, monkeypatch):
    monkeypatch.setenv(display.FOLDER, str(tmp_path))
    parts = detector.parts().test[:4]
    report = wb.reports.ImageReport("lens", detector, replace(parts, labels=None), shown=2)
    page = "\n".join(shows(section(report, name)) for name in SECTIONS)
    assert "no rates" in page and "no ground-truth masks" in page and "without labels" in page
    assert not {"miss_rate", "auroc"} & set(report.metrics) and report.metrics["n"] == 4
    report.save_scores()
    rows = pd.read_csv(tmp_path / "lens_scores.csv", keep_default_na=False)
    assert rows["label"].tolist() == [""] * 4


@pytest.mark.parametrize(("side", "lacking"), [("ok", "no NG part"), ("ng", "no good part")])
def test_one_class_alone_has_no_auroc(detector, tmp_path, monkeypatch, side, lacking):
    monkeypatch.setenv(display.FOLDER, str(tmp_path))
    parts = getattr(detector.parts().test, side)[:3]
    report = reports.ImageReport("lens", detector, replace(parts, has_masks=False), shown=2)
    page = "\n".join(shows(section(report, name)) for name in SECTIONS)
    assert lacking in page and "here are not both" in page
    assert report.metrics["auroc"] is None and report.metrics["pixel_auroc"] is None


@pytest.mark.filterwarnings("ignore:1 images were left out")
@pytest.mark.parametrize("has_masks", [True, False])
def test_an_image_that_goes_bad_is_listed_and_not_scored(detector, tmp_path, has_masks):
    parts = detector.parts()
    chosen = parts.test[-3:]
    for path in chosen:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    names = tuple(path.name for path in chosen)
    moved = replace(chosen, root=tmp_path, names=names, has_masks=has_masks)
    (tmp_path / names[1]).write_bytes(b"gone")
    report = reports.ImageReport("lens", detector, moved)
    assert report.metrics["n"] == 2 and len(report.scores) == 2
    assert [bad["name"] for bad in report.metrics["bad"]] == [names[1]]
    assert names[1] in shows(section(report, "say left_out"))


def test_corrected_labels_count_and_are_said(detector, tmp_path, monkeypatch):
    monkeypatch.setenv(display.FOLDER, str(tmp_path))
    parts = detector.parts()
    found = parts.relabelled({parts.test.ng.names[0]: False, parts.test.ok.names[0]: True})
    report = reports.ImageReport("lens", detector, found)
    assert report.metrics["relabelled"] == 2 and report.metrics["n_ng"] == 10
    assert "2 labels corrected by inspectors (<code>lens.relabels.csv</code>)" in shows(
        report.setting
    )
    off = replace(parts, reading={"relabels": False})
    report = reports.ImageReport("lens", detector, off)
    assert "without inspectors' corrections" in shows(report.setting)


def test_lots_are_rated_where_a_column_is_stated(detector, tmp_path, monkeypatch):
    monkeypatch.setenv(display.FOLDER, str(tmp_path))
    parts = detector.parts()
    names = parts.test.names
    lots = pd.DataFrame({"file name": names, "lot": [f"<b>{i % 2}" for i in range(len(names))]})
    lots.to_csv(tmp_path / "lots.csv", index=False)
    report = reports.ImageReport(
        "lens", detector, parts, by="lot", details=str(tmp_path / "lots.csv")
    )
    found = report.metrics["groups"]["rows"]
    assert [row["n"] for row in found] == [7, 7] and found[0]["group"] == "<b>0"
    assert sum(row["missed"] for row in found) == report.metrics["fn"]
    assert "| &#60;b&#62;0 | 7 |" in shows(report.groups)
    assert "No lots were stated" in shows(reports.ImageReport("lens", detector, parts).groups)


def grouped(parts, n=2):
    """The same folder with n photos a part, within each label and split."""
    keys = [f"{split} {ng}" for split, ng in zip(parts.splits, parts.labels, strict=True)]
    seen, groups = Counter(), []
    for key in keys:
        groups.append(f"{key} {seen[key] // n}")
        seen[key] += 1
    return replace(parts, groups=tuple(groups))


def test_parts_are_rated_beside_photos_by_the_rule_of_the_model(detector, tmp_path, monkeypatch):
    monkeypatch.setenv(display.FOLDER, str(tmp_path))
    parts = grouped(detector.parts())
    monkeypatch.setattr(detector, "data", detector.data | {"join": "2 of n"})
    report = reports.ImageReport("lens", detector, parts)
    found, limit = report.metrics["parts"], detector.threshold
    by = pd.DataFrame({"score": report.scores, "ng": report.test.labels,
                       "part": report.test.groups}).groupby("part", sort=False)  # fmt: skip
    both = (by["score"].min() >= limit).to_numpy()  # of two photos, both
    worst, truth = (by["score"].max() >= limit).to_numpy(), by["ng"].any().to_numpy()
    assert found["rule"] == "2 of n" and (found["n"], found["fewest"], found["most"]) == (7, 2, 2)
    assert (found["fn"], found["fp"]) == ((truth & ~both).sum(), (~truth & both).sum())
    photo, rows = found["rows"][0], {row["rule"]: row for row in found["rows"][1:]}
    assert photo["n"] == 14 and photo["fn"] == report.metrics["fn"]
    assert rows["any"]["fn"] == (truth & ~worst).sum() and set(rows) == set(metrics.RULES)
    assert "7 parts on 14 photos, 2 to 2 each" in shows(section(report, "say parts"))
    report.save_scores()
    table = pd.read_csv(tmp_path / "lens_scores.csv")
    assert list(table)[:4] == ["file name", "label", "prediction", "anomaly score"]
    last = table.groupby("part", sort=False)["part prediction"]
    assert (last.nunique() == 1).all() and ((last.first() == "NG").to_numpy() == both).all()


def test_regions_are_judged_by_the_size_that_is_stated(detector, tmp_path, monkeypatch):
    monkeypatch.setenv(display.FOLDER, str(tmp_path))
    report = reports.ImageReport("lens", detector, detector.parts(), smallest=5.0, regions=2)
    found, labels = report.metrics["regions"], report.test.labels
    cells = report.cells >= float(detector.threshold)
    second = [sorted([0, 0, *(np.bincount(label(c, np.ones((3, 3)))[0].ravel())[1:])])[-2] / c.size
              for c in cells]  # fmt: skip
    called = np.array(second) >= 0.05
    in_use = found["rows"][0]
    assert found["count"] == 2 and in_use["smallest"] == 0.05
    assert (in_use["fn"], in_use["fp"]) == ((labels & ~called).sum(), (~labels & called).sum())
    assert found["auroc"] == pytest.approx(metrics.auroc(second, labels))
    assert 0 <= found["found"] <= found["marked"] > 0
    assert "at least 2 of its regions count" in shows(report.regions)


def test_inspectors_are_compared_with_each_other_or_with_the_detector(
    detector, tmp_path, monkeypatch
):
    monkeypatch.setenv(display.FOLDER, str(tmp_path))
    parts = detector.parts()
    report = reports.ImageReport("lens", detector, parts)
    assert report.metrics["agreement"] is None and "No second judgement" in shows(
        section(report, "say agreement")
    )
    truth = ["NG" if ng else "OK" for ng in report.test.labels]
    rows = pd.DataFrame({"file name": report.test.names, "label": truth, "prediction": "OK",
                         "anomaly score": 1.0})  # fmt: skip
    rows.to_csv(tmp_path / "first.csv", index=False)
    rows.iloc[1:].assign(label="NG").to_csv(tmp_path / "second.csv", index=False)
    files = [str(tmp_path / f"{name}.csv") for name in ("first", "second")]
    one = reports.ImageReport("lens", detector, parts, inspectors=files[:1]).metrics["agreement"]
    called = report.scores >= detector.threshold
    assert one["kappa"] == pytest.approx(cohen_kappa_score(called, report.test.labels))
    assert one["first"] == "the detector" and one["second"] == "first"
    report = reports.ImageReport("lens", detector, parts, inspectors=files)
    two = report.metrics["agreement"]
    assert (two["n"], two["only_first"], len(two["disagreed"])) == (13, 1, 4)
    assert "first and second agree on 9 of 13 parts" in shows(section(report, "say agreement"))
    with pytest.raises(DataError, match="one or two result files, got 3"):
        _ = reports.ImageReport("lens", detector, parts, inspectors=["a", "b", "c"]).metrics


def test_the_nearest_good_parts_are_those_with_the_most_similar_features(detector):
    parts = detector.parts()
    good = parts.train
    copies = [good[3], np.asarray(Image.open(good[5]).convert("RGB"))]
    found = nearest_good(detector, copies, good, 4)
    assert found[:, 0].tolist() == [3, 5] and found.shape == (2, 4)
    network = detector.build_network()
    _, xs = extract(good, network, detector.config, "", False, True)
    pooled = np.concatenate(
        [x.float().reshape(len(good), x.shape[1], 4, x.shape[2] // 4, 4, -1).mean((3, 5)).numpy()
         .reshape(len(good), -1) for x in xs if x.shape[2] % 4 == 0], axis=1
    )  # fmt: skip
    if len(xs) == sum(x.shape[2] % 4 == 0 for x in xs):
        scaled = pooled / (pooled.std(axis=0) + 1e-6)
        distances = np.linalg.norm(scaled - scaled[3], axis=1)
        assert found[0].tolist() == np.argsort(distances, kind="stable")[:4].tolist()
    with pytest.raises(ValueError, match="at least one good part"):
        nearest_good(detector, copies, good[:0])


def test_wrong_verdicts_stand_beside_the_good_parts_most_like_them(detector, tmp_path):
    report = reports.ImageReport("lens", detector, detector.parts(), shown=2)
    page = shows(report.calmest_ng)
    names = re.findall(r'alt=\\?"photo of (OK/[^"\\]+)', page)
    assert len(names) == 2 * 3 and set(names) <= set(detector.parts().train.names)
    assert "photo of OK/" not in shows(report.hottest)


class Spy(dict):
    """The Korean words, and what was asked for and is not among them."""

    def __init__(self, words):
        super().__init__(words)
        self.missing = set()

    def get(self, key, default=None):
        if key not in self:
            self.missing.add(key)
        return super().get(key, default)


def test_a_report_speaks_korean_with_the_same_numbers(detector, tmp_path, monkeypatch):
    monkeypatch.setenv(display.FOLDER, str(tmp_path))
    spy = Spy(language.KOREAN)
    monkeypatch.setattr(language, "KOREAN", spy)
    parts = grouped(detector.parts())
    wanted = {"misses": 0.1, "overkill": 0.5, "by": "folder", "smallest": 1.0}
    report = reports.ImageReport("lens", detector, parts, shown=2, **wanted)
    pump = reports.SensorReport("pump", wb.load(workspace.model("pump")), misses=0.1)
    rows = ("say answer", "setting", "over_time", "histogram", "say alternatives", "blamed",
            "sensors", "training", "say left_out", "origins")  # fmt: skip
    sections = [(name, section(report, name)) for name in SECTIONS]
    sections += [(name, section(pump, name)) for name in rows]
    wording.sections.cache_clear()
    try:
        for name, shown in sections:
            said = {}
            for spoken in ("en", "ko"):
                monkeypatch.setenv("WORKBENCH_LANG", spoken)
                said[spoken] = Counter(re.findall(r"\d+(?:[.,]\d+)*", prose(shown)))
            assert not said["en"] - said["ko"], name
            # words for numbers: none missed is 미검 0, a tenth 10 %
            assert set(said["ko"] - said["en"]) <= {"0", "1", "10", "1000"}, name
    finally:
        wording.sections.cache_clear()
    data = {"the folder", *parts.names, "any", "mean", "2 of n"}
    english = {text for text in spy.missing - data if re.search("[a-z]{3}", text)}
    assert not {text for text in english if " " in text and "=" not in text and "/" not in text}


def test_the_page_is_korean_where_the_setting_is(lens, monkeypatch):
    monkeypatch.setenv("WORKBENCH_LANG", "ko")
    notebook = nbformat.read(lens.folder / "report.ipynb", as_version=4)
    page = to_html(notebook, lens.details, lens.metrics)
    assert '<html lang="ko">' in page and "<title>lens: 검사 보고서</title>" in page
    for words in ("결론", "미검", "과검", "결함 종류", "로트와 근무조별", "모든 수치와 출처"):
        assert words in page
    assert "The answer" not in page and "What was tested" not in page
    index = reports.build_index().read_text("utf-8")
    assert "<h1>검사 보고서</h1>" in index and "양품 4, 불량 10" in index


def test_what_changed_since_training_and_what_is_left_alone_is_said_first(
    detector, tmp_path, monkeypatch
):
    monkeypatch.setenv(display.FOLDER, str(tmp_path))
    parts = detector.parts()
    left = (BadFile("monday/", "3 pictures: no word for good or NG"),)
    known = parts.known._replace(missing=("OK/gone.png",))
    changed = replace(parts, known=known, left_alone=left)
    report = reports.ImageReport("lens", detector, changed)
    first = shows(section(report, "say answer"))
    assert first.index("trained with, 1 missing") < first.index("missed")
    assert "Left alone: monday/" in shows(report.setting)
    assert "Read as OK and NG folders" in shows(report.setting)
    report = reports.ImageReport("lens", detector, parts)
    assert report.metrics["since_training"] == ""
    assert "not as it was" not in shows(section(report, "say answer"))


def test_no_test_images_is_an_error(detector):
    with pytest.raises(DataError, match="must hold test images, got none"):
        reports.ImageReport("lens", detector, detector.parts().train)


def test_sensors_without_labels_and_without_alarms(home, tmp_path, monkeypatch):
    monkeypatch.setenv(display.FOLDER, str(tmp_path))
    model = wb.load(workspace.model("pump"))
    model.threshold = 1e6
    rows = replace(load_rows(workspace.data("pump.csv")), labels=None)
    report = reports.SensorReport("pump", model, rows)
    names = ("say answer", "setting", "over_time", "histogram", "blamed", "sensors", "training",
             "say left_out", "origins", "record")  # fmt: skip
    page = "\n".join(shows(section(report, name)) for name in names)
    assert "no rates" in page and "nothing to blame" in page
    assert report.metrics["changed"] and "not those of the training" in page
    assert report.metrics["flagged"] == 0 and "auroc" not in report.metrics


def test_a_missing_sensor_file_says_so(home):
    model = wb.load(workspace.model("pump"))
    model.data = model.data | {"source": "data/absent.csv"}
    with pytest.raises(DataError, match="absent.csv must be the file the model was trained from"):
        reports.SensorReport("pump", model)


def test_the_answer_in_words():
    scores, labels = np.array([1.0, 2, 3, 4]), np.array([False, True, False, True])
    m = {"kind": "csflow"} | numbers.rated(scores, labels, metrics.Threshold(3.0))
    words = wording.say("answer", m)
    assert "**1 of 2 NG parts missed (50.0 %)**" in words
    assert "**1 of 2 good parts thrown away (50.0 %)**" in words
    assert "would have to be 2, with 1 of 2 good parts (50.0 %) thrown away" in words
    m = {"kind": "csflow"} | numbers.rated(scores, labels, metrics.Threshold(0.5))
    # Wilson for 0 of 2 at 95 %: z^2 / (n + z^2) = 3.8415 / 5.8415
    assert (
        "None of the 2 NG parts was missed**; with that many tested, the true rate is below 65.8 %"
        in wording.say("answer", m)
    )
    assert "would have to be" not in wording.say("answer", m)


@pytest.mark.parametrize(
    ("high", "said"),
    [
        (0.4, "Seen in this test: 50.0 %, which is outside"),
        (0.5, "Seen in this test: 50.0 %, which is within."),
        (0.9, "cannot be said**: the recording is too short"),
    ],
)
def test_a_promise_that_says_nothing_is_none(high, said):
    limit = metrics.Threshold(3.0)
    m = numbers.rated(np.array([1.0, 2, 3, 4]), np.array([False, True, False, True]), limit)
    promise = {"overkill_interval": [0.0, high], "overkill_rate": 0.01, "independent_rows": 9}
    words = wording.say("answer", {"kind": "autoencoder", "faults": 0, "expected": promise} | m)
    assert (said in words) and ("Seen in this test" in words) == (high <= 0.5)


def test_tables_escape_and_align():
    rows = [{"name": "<i>|*", "label": "-3 V", "a": "-", "b": "-x"}]
    said = wording.say("changes", {}, {"a": "<a>", "b": "b_b"}, rows, 1)
    cell = nbformat.v4.new_code_cell(
        outputs=[nbformat.v4.new_output("display_data", {"text/markdown": said})]
    )
    page = to_html(nbformat.v4.new_notebook(cells=[cell]), STATUS, {})
    assert "<th>&lt;a&gt;</th>" in page and "<th>b_b</th>" in page
    assert page.count('class="num"') == 2 and "<td>&lt;i&gt;|*</td>" in page


def test_nan_is_no_metric(tmp_path, monkeypatch):
    monkeypatch.setenv(display.FOLDER, str(tmp_path))
    with pytest.raises(ValueError, match="JSON"):
        reports.record({"name": "x", "n": 1, "auroc": float("nan")})
    assert not (tmp_path / "metrics.json").exists()


def test_a_mask_is_outlined_outside_the_defect():
    mask = np.zeros((40, 60), bool)
    mask[10:20, 10:20] = True
    pixels = np.asarray(gallery.thumbnail(Image.new("RGB", (60, 40)), mask))
    green = (pixels == OUTLINE).all(axis=-1)
    assert green.sum() == 12 * 12 - 10 * 10 and not (green & mask).any()


@pytest.mark.parametrize(
    ("label", "verdict", "outcome"),
    [("NG", "OK", "missed"), ("OK", "NG", "overkill"), ("NG", "NG", "caught"), ("", "NG", "NG")],
)
def test_outcomes_on_cards(label, verdict, outcome):
    card = gallery.Card(SimpleNamespace(verdict=verdict), "a.png", label, "", None)
    assert card.outcome == outcome


@pytest.mark.parametrize(("name", "declared"), TEMPLATES.items())
def test_templates_are_ordinary_thin_notebooks(name, declared):
    import papermill

    path = workspace.notebook(name)
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert all(len(cell.source.splitlines()) <= 15 for cell in code)
    assert not any(re.search(r"^\s*(def|class) ", cell.source, re.M) for cell in code)
    (parameters,) = [c for c in code if "parameters" in c.metadata.get("tags", [])]
    assigned = [
        (node.target if isinstance(node, ast.AnnAssign) else node.targets[0]).id
        for node in ast.parse(parameters.source).body
    ]
    assert list(papermill.inspect_notebook(str(path))) == assigned == declared


A4 = 794, 1123  # CSS pixels


@pytest.mark.browser
@pytest.mark.parametrize("name", ["lens", "pump", "index"])
def test_a_page_opens_by_itself_on_a_phone_and_on_paper(lens, pump, browser, name):
    reports.build_index()
    run = {"lens": lens, "pump": pump}.get(name)
    path = run.folder / "report.html" if run else workspace.report("index.html")
    page, trouble, asked = browser.new_page(), [], []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    own = [url for url in asked if not url.startswith("data:")]
    assert own == [path.as_uri()] and not trouble
    drawn = "image => image.complete && image.naturalWidth > 0"
    pictures = page.evaluate(f"[...document.querySelectorAll('main img')].map({drawn})")
    assert pictures and all(pictures)
    wide = "document.documentElement.scrollWidth"
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate(wide) <= 390
    page.emulate_media(media="print")
    page.set_viewport_size({"width": A4[0], "height": A4[1]})
    assert page.evaluate(wide) <= A4[0]
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.close()


@pytest.mark.browser
def test_the_index_sorts_offline(lens, pump, browser):
    page = browser.new_page()
    page.goto(reports.build_index().as_uri())
    names = "[...document.querySelectorAll('tbody tr')].map(row => row.cells[1].innerText)"
    head = page.get_by_text("dataset", exact=True)
    head.click()
    rising = page.evaluate(names)
    head.click()
    assert len(rising) > 1 and page.evaluate(names) == rising[::-1]
    page.close()


@pytest.mark.browser
def test_a_pdf_is_printed_where_there_is_a_chromium(lens, tmp_path, monkeypatch):
    path = chromium.find()
    if path is None:
        pytest.skip("a Chromium is needed; run: python -m tests.browser.chromium")
    monkeypatch.setenv("WORKBENCH_CHROMIUM", path)
    assert reports.print_pdf(lens).read_bytes().startswith(b"%PDF")
    other = replace(lens, folder=tmp_path)
    (tmp_path / "report.html").write_text("<p>from elsewhere")
    with pytest.raises(RuntimeError, match="carries no policy; make it again"):
        reports.print_pdf(other)
    monkeypatch.setenv("WORKBENCH_CHROMIUM", "")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match="a PDF needs Chromium or Chrome"):
        reports.print_pdf(lens)
