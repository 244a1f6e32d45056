"""Runs of reports: what is made, what is left out, and what an unhappy end leaves behind."""

import json
from pathlib import Path

import nbformat
import pytest

from workbench import reports, workspace
from workbench.errors import DataError
from workbench.reports import catalogue, runs
from workbench.reports.runs import numbers, shortcoming

pytestmark = pytest.mark.slow

PICTURE = "display({'image/png': __import__('base64').b64decode('iVBORw0KGgo=')}, raw=True)"
KERNEL = (
    "import os, pathlib, json, ipykernel.connect\n"
    "info = json.loads(ipykernel.connect.get_connection_info())\n"
    "found = {'transport': info['transport'], 'threads': os.environ['OMP_NUM_THREADS']}"
)
LEAVE = (
    "path = pathlib.Path(os.environ['WORKBENCH_REPORT'], 'metrics.json')\n"
    "path.write_text(json.dumps({'name': name, 'n': size, 'threshold': 1.0} | found))"
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    return tmp_path


def model(name):
    """What the runner reads of a model, and its data: a file."""
    folder, data = workspace.model(name), workspace.data(f"{name}.csv")
    for path in (folder, data.parent):
        path.mkdir(parents=True, exist_ok=True)
    data.write_text("1\n")
    facts = {"format": 1, "kind": "autoencoder", "data": {"source": f"data/{name}.csv"}}
    (folder / "detector.json").write_text(json.dumps(facts))
    return data


def template(folder, *cells, parameters="name = ''\nsize = 3"):
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "", "language": "python"}
    first = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    notebook.cells = [first, *map(nbformat.v4.new_code_cell, cells)]
    nbformat.write(notebook, folder / "mine.ipynb")
    return folder / "mine.ipynb"


def test_only_what_is_missing_or_changed_is_made(home):
    source = template(home, PICTURE, KERNEL, LEAVE)
    data = {name: model(name) for name in ("a", "b")}
    options = {"template": source, "progress": False}
    first = reports.run_all(jobs=2, **options)
    assert [(run.name, run.status, run.error) for run in first] == [
        ("a", "ok", ""),
        ("b", "ok", ""),
    ]
    # two at a time share the cores, and no two kernels can want the same port
    assert [run.metrics["threads"] for run in first] == ["1", "1"]
    assert [run.metrics["transport"] for run in first] == ["ipc", "ipc"]
    again = reports.run_all(resume=True, **options)
    assert [run.folder for run in again] == [run.folder for run in first], "made again for nothing"
    assert not any(run.fresh for run in again) and all(run.fresh for run in first)
    data["b"].write_text("12\n")
    a, b = reports.run_all(resume=True, **options)
    assert a.folder == first[0].folder and b.folder > first[1].folder

    rounds = reports.watch(template=source, every=0)
    assert next(rounds) == []
    data["a"].write_text("being copied")
    assert next(rounds) == [], "the file may still grow"
    assert [run.name for run in next(rounds)] == ["a"]
    assert next(rounds) == []


def test_a_report_that_fails_waits_for_a_change(home):
    model("a")
    rounds = reports.watch(template=template(home, "1 / 0"), every=0)
    assert [run.error for run in next(rounds)] == ["ZeroDivisionError: division by zero"]
    assert next(rounds) == []
    (again,) = reports.run_all(template=home / "mine.ipynb", resume=True, progress=False)
    assert len(runs.history("a")) == 2 and again.status == "failed", "a failed one is missing"


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("__import__('time').sleep(60)", "CellTimeoutError"),
        ("__import__('os')._exit(1)", "DeadKernelError"),
    ],
)
def test_a_cell_that_hangs_or_kills_its_kernel_is_shown(home, cell, error):
    model("a")
    source = template(home, PICTURE, cell, "'never run'")
    (run,) = reports.run_all(template=source, timeout=3, progress=False)
    assert run.status == "failed" and run.error.startswith(error)
    page = (run.folder / "report.html").read_text("utf-8")
    at = page.index('id="papermill-error-cell"')
    assert page.index("__import__", at) > 0 and "never run" not in page
    index = reports.build_index().read_text("utf-8")
    assert f'href="a/runs/{run.folder.name}/report.html#papermill-error-cell"' in index


def test_a_misspelt_parameter_stops_all_before_anything_runs(home):
    model("a")
    with pytest.raises(ValueError, match="mine has no parameter sise; it declares name, size"):
        reports.run_all(template=template(home, PICTURE), parameters={"sise": 1})
    with pytest.raises(ValueError, match="jobs must be at least 1, got 0"):
        reports.run_all(jobs=0)
    assert runs.names() == []


def test_a_template_about_no_model_needs_none(home):
    source = template(home, PICTURE, KERNEL.replace("{'t", "{'kind': 'comparison', 't"),
                      LEAVE.replace("name, 'n'", "'all', 'n'"), parameters="size = 3")  # fmt: skip
    run = reports.run("all", source, progress=False)
    assert (run.status, run.error) == ("ok", "")
    assert "3 reports" in reports.build_index().read_text("utf-8")


def catalogued(home, text):
    (home / "reports").mkdir(exist_ok=True)
    (home / "reports" / "datasets.yml").write_text(text, "utf-8")
    return catalogue.listed()


def test_the_catalogue_says_what_all_means(home):
    for name in ("b", "a"):
        model(name)
    assert [report.name for report in catalogue.listed()] == ["a", "b"]
    found = catalogued(home, "b:\n부품:\n  parameters: {size: 4}\n  timeout: 60\n")
    assert found == [catalogue.Listing("b"), catalogue.Listing("부품", None, {"size": 4}, 60)]
    given = catalogue.Listing("", "mine.ipynb", {"shown": 1, "size": 5})
    both = {"size": 5, "shown": 1}
    assert found[1].changed(given) == catalogue.Listing("부품", "mine.ipynb", both, 60)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n- b", "must map names to settings"),
        ("a: {", "must be YAML"),
        ("a: 3", "a must hold any of parameters, template, timeout, got 3"),
        ("a: {shown: 3}", "a must hold any of parameters, template, timeout, got {'shown': 3}"),
        ("a: {parameters: 3}", "parameters of a must be a mapping"),
        ("../a:", "name must be a plain folder name, got '../a'"),
    ],
)
def test_a_wrong_catalogue_says_what_it_must_be(home, text, words):
    with pytest.raises(DataError, match=words):
        catalogued(home, text)


def leave(name, status="ok", **metrics):
    with runs.staged(name) as part:
        facts = {"status": status, "seconds": 1.0, "error": "" if status == "ok" else "broken"}
        facts |= {"kind": "csflow", "date": "2026-01-01T00:00:00+00:00", "note": ""}
        runs.write_json(part / runs.STATUS, facts)
        (part / runs.PAGE).write_text("<a href='metrics.json'>")
        if metrics:
            runs.write_json(part / "metrics.json", metrics)


def test_latest_points_at_the_newest_where_there_are_links_and_where_not(home, monkeypatch):
    leave("a")
    latest = workspace.report("a") / "latest"
    assert latest.is_symlink() and latest.resolve() == runs.newest("a").folder

    def refuse(*_, **__):
        raise OSError("no links on this stick")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    leave("a")
    assert not latest.is_symlink()
    assert (workspace.report("a") / latest.read_text().strip()) == runs.newest("a").folder
    page = (workspace.report("a") / "report.html").read_text()
    assert page == f"<a href='runs/{runs.newest('a').folder.name}/metrics.json'>"


def test_old_runs_go_and_damaged_ones_are_passed_over(home):
    for n in range(runs.KEPT + 3):
        leave("a", n=n)
    kept = runs.history("a")
    assert [run.metrics["n"] for run in kept] == list(range(3, runs.KEPT + 3))
    (kept[-1].folder / runs.STATUS).write_text("{")
    assert runs.newest("a") == kept[-2]


def test_the_index_shows_the_history_and_the_last_good_report(home):
    for auroc in (0.9, 0.95):
        leave("a", n=3, auroc=auroc)
    leave("a", "failed")
    index = reports.build_index().read_text("utf-8")
    assert "AUROC over 2 runs: from 0.900 to 0.950" in index and "3 runs" in index
    _, good, failed = (run.folder.name for run in runs.history("a"))
    assert f'href="a/runs/{failed}/report.html#papermill-error-cell"' in index
    assert f'href="a/runs/{good}/report.html">the last report that went well' in index


def test_numbers_are_found_wherever_they_are():
    assert numbers({"a": [1, {"b": 2.5}], "c": "3", "d": True}) == [("a.0", 1), ("a.1.b", 2.5)]
    output = nbformat.v4.new_output("display_data", {"image/png": ""})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=[output])])
    good = {"n": 3, "n_ok": 2, "n_ng": 1, "threshold": 1.0, "miss_rate": 0.0,
            "overkill_rate": 0.0, "auroc": 1.0, "average_precision": 1.0}  # fmt: skip
    assert shortcoming(good, notebook) == ""
    nested = good | {"stress": [{"move": float("inf")}]}
    assert shortcoming(nested, notebook) == "the metrics hold NaN or infinity for stress.0.move"
    assert "2 OK and 1 NG are not 4" in shortcoming(good | {"n": 4}, notebook)
