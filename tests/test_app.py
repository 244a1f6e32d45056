"""The page: what is served, to whom, and that it stands before the model is loaded."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time

import ipywidgets as widgets
import nbformat
import numpy as np
import pandas as pd
import psutil
import pytest
from PIL import Image

from workbench import (
    AutoEncoderConfig,
    AutoEncoderDetector,
    CSFlowDetector,
    app,
    load,
    load_images,
    load_rows,
    save,
    workspace,
)  # fmt: skip
from workbench.app.kernels import PageKernels
from workbench.errors import ArtifactError
from workbench.session import InspectionSession
from workbench.session.threshold_history import read_history, threshold_file
from workbench.ui import (
    AppPage,
    AuditView,
    HistogramExplorer,
    SensorExplorer,
    Simulator,
    open_page,
    preload,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory, photos, tiny_config):
    """A workspace with a detector of photos."""
    root = tmp_path_factory.mktemp("trained")
    for label, images in zip(("OK", "NG"), photos, strict=True):
        folder = root / "data" / "disc" / label
        folder.mkdir(parents=True)
        for i, image in enumerate(images[:8]):
            Image.fromarray(image).save(folder / f"{i}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(root))
        parts = load_images(root / "data" / "disc")
        save(CSFlowDetector(tiny_config).fit(parts, progress=False), root / "models" / "disc")
    return root


@pytest.fixture
def home(trained, tmp_path, monkeypatch):
    """A copy of it, which is the workspace."""
    root = tmp_path / "home"
    shutil.copytree(trained, root)
    monkeypatch.setenv("WORKBENCH_HOME", str(root))
    return root


def test_only_this_machine_is_served_with_a_token_and_without_code(tmp_path):
    given = app.arguments(tmp_path / "lens.ipynb", 8866, "secret", browser=False)
    assert "--Voila.ip=127.0.0.1" in given and "--token=secret" in given
    assert {"--show_tracebacks=False", "--strip_sources=True", "--port=8866"} <= set(given)
    assert not [word for word in given if "0.0.0.0" in word]


def test_the_page_is_one_cell_for_this_model(tmp_path):
    page = nbformat.read(app.write_page(tmp_path, "my lens", operator=True), 4)
    (cell,) = page.cells
    assert "ui.open_page('my lens', operator=True)" in cell.source


def test_a_kernel_ends_when_its_page_goes_or_never_comes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Hasty(PageKernels):
        unseen_seconds, gone_seconds = 20.0, 0.1

    async def ended(manager, kernel):
        for _ in range(1200):
            if kernel not in manager:
                return True
            await asyncio.sleep(0.1)
        return False

    async def pages():
        manager = Hasty(connection_dir=str(tmp_path))
        seen = await manager.start_kernel(kernel_name="python3")
        manager.notify_connect(seen)
        manager.notify_connect(seen)
        manager.notify_disconnect(seen)
        manager.unseen_seconds = 0.1
        unseen = await manager.start_kernel(kernel_name="python3")
        assert await ended(manager, unseen) and seen in manager
        manager.notify_disconnect(seen)
        assert await ended(manager, seen)

    asyncio.run(pages())


def test_the_kernel_of_the_first_page_starts_with_the_server(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBENCH_PAGE", "disc")

    class Ready(PageKernels):
        kernel_name = "python3"

    async def pages():
        manager = Ready(connection_dir=str(tmp_path))
        for _ in range(1200):
            if manager.list_kernel_ids():
                break
            await asyncio.sleep(0.1)
        waiting = manager.list_kernel_ids()
        assert [await manager.start_kernel(kernel_name="python3")] == waiting
        assert await manager.start_kernel(kernel_name="python3") not in waiting
        await manager.shutdown_all()

    asyncio.run(pages())


def test_a_model_that_was_loaded_ahead_is_not_shown_when_another_was_saved(home, monkeypatch):
    monkeypatch.setenv("WORKBENCH_PAGE", "disc")
    preload.start()
    ahead = preload.take("disc")
    preload.start()
    save(ahead, home / "models" / "disc")
    assert preload.take("disc") is not ahead
    monkeypatch.delenv("WORKBENCH_PAGE")


def test_good_parts_that_look_like_the_one_shown_stand_beside_its_verdict(home):
    detector = load(home / "models" / "disc")
    parts = detector.parts()
    view = Simulator(InspectionSession(detector, parts.test, "name"))
    view.panel.find.click()
    view.panel.worker.join()
    shown = view.panel.alike.value
    assert shown.count("<button") == 3 and shown.count("data:image/jpeg") == 3
    assert sum(name in shown for name in parts.train.ok.names) == 3
    view.next.click()
    assert view.panel.alike.value == ""
    view.close()


def test_what_a_page_of_photos_imports_is_there_soon():
    heavy = "{'torch', 'pandas', 'matplotlib', 'papermill'} & set(sys.modules)"
    code = f"import sys, workbench.ui.pages as page; assert page.AppPage; print({heavy} or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "0", done.stdout + done.stderr


def test_what_cannot_be_served_is_said_before_anything_is_started(home):
    app.check("disc", "ko")
    with pytest.raises(ArtifactError, match="holds no detector"):
        app.check("nothing", "")
    with pytest.raises(ValueError, match="language must be one of en, ko, got 'fr'"):
        app.check("disc", "fr")


def test_the_page_asks_nobody_but_its_server():
    folder = app.SHARE / "voila" / "templates" / "workbench"
    text = "".join(path.read_text("utf-8") for path in folder.iterdir())
    assert "://" not in text and "super()" not in text


def wait(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def test_the_page_stands_at_once_and_makes_its_tabs_when_they_are_looked_at(home, monkeypatch):
    gate = []
    load = app.artifacts.load
    monkeypatch.setattr(
        "workbench.artifacts.load",
        lambda folder: [wait(lambda: gate), load(folder)][1],
    )
    page = AppPage("disc")
    assert page.session is None and "loading the model disc" in page.waiting.value
    gate.append("open")
    page.worker.join()
    assert page.message == "" and isinstance(page.tabs.children[0], Simulator)
    assert page.tabs.layout.display is None and page.waiting.layout.display == "none"
    assert isinstance(page.tabs.children[1], widgets.VBox)
    session = page.session
    assert session.results == home / "reports" / "disc" / "disc_result.csv"

    page.tabs.selected_index = 2
    page.worker.join()
    histogram = page.tabs.children[2]
    assert isinstance(histogram, HistogramExplorer)
    histogram.bars.value = histogram.bars.options[-1][1]
    histogram.opener.names.index = 0
    name = session.parts.names[histogram.opener.names.value]
    histogram.opener.button.click()
    assert page.tabs.selected_index == 0 and session.name == name
    assert name in page.tabs.children[0].panel.head.value

    page.tabs.selected_index = 3
    page.worker.join()
    audit = page.tabs.children[3]
    assert isinstance(audit, AuditView) and len(session) == len(audit.suspects)
    page.tabs.selected_index = 0
    assert len(session) == len(session.parts)
    page.close()
    assert not session.results.with_name("disc_result.csv.lock").exists()


def test_the_page_says_what_it_does_while_the_first_graph_of_a_model_is_built(home, monkeypatch):
    gate, prepare = [], CSFlowDetector.prepare
    monkeypatch.setattr(
        CSFlowDetector, "prepare", lambda self: [wait(lambda: gate), prepare(self)][1]
    )
    page = AppPage("disc")
    wait(lambda: "first time takes up to 20 s" in page.waiting.value)
    assert page.session is None and "disc" in page.waiting.value
    gate.append("open")
    page.worker.join()
    assert page.message == "" and page.waiting.layout.display == "none"
    page.close()


def test_regions_are_ignored_at_once_and_everything_is_shown_anew(home):
    page = AppPage("disc")
    page.worker.join()
    page.session.judge()
    page.tabs.selected_index = 2
    page.worker.join()
    former = float(page.session.detector.threshold)
    page.tabs.selected_index = 0
    simulator = page.tabs.children[0]
    assert simulator.ignore.use.layout.display is None
    simulator.ignore.toggle.value = True
    simulator.on_message({"box": [0, 0, 0.4, 1], "done": 1})
    simulator.ignore.use.click()
    again = page.tabs.children[0]
    assert again is not simulator and "in force from now on" in again.message
    assert page.session.current.heatmap[:, :20].max() == 0 and page.session.judged == 0
    assert not isinstance(page.tabs.children[2], HistogramExplorer)  # it is made anew
    saved = load(workspace.model("disc"))
    assert saved.masked.any() and float(saved.threshold) == page.session.detector.threshold
    history = read_history(threshold_file(workspace.model("disc")))
    assert [float(change.threshold) for change in history] == [saved.threshold, former]
    assert page.session.results.with_name("disc_result-1.csv").exists()
    page.close()

    operator = AppPage("disc", operator=True)
    operator.worker.join()
    assert operator.tabs.children[0].ignore.use.layout.display == "none"
    operator.close()


def header(view):
    return next(part.value for part in view.children if "wb-header" in part._dom_classes)


def test_what_counts_by_regions_is_tried_first_and_saved_after_a_question(home):
    page = AppPage("disc")
    page.worker.join()
    page.tabs.selected_index = 2
    page.worker.join()
    view, folder = page.tabs.children[2], workspace.model("disc")
    former, scores = page.session.detector.threshold, page.session.scores()
    assert view.rule.save.disabled and "not saved" not in header(view)
    view.rule.smallest.value = 5
    view.rule.regions.value = 2
    assert "changed, not saved" in header(view)
    view.rule.save.click()
    asked = view.saving.question.value
    assert "from 5 % of the photo on count, 2 of them" in asked and "would be missed" in asked
    assert page.session.detector.threshold == former and load(folder).config.smallest == 0
    view.saving.why.value = "dust"
    view.saving.confirm.click()
    assert "in force from now on" in view.message and "not saved" not in header(view)
    assert view.rule.smallest.value == 5 and view.rule.save.disabled
    saved = load(folder)
    assert (saved.config.smallest, saved.config.regions) == (0.05, 2)
    expected = saved.score(page.session.parts)
    assert page.session.scores() == pytest.approx(expected, rel=1e-4)
    assert (expected <= scores + 1e-6).all() and (expected < scores - 1e-6).any()
    assert f"instead of {former:.4g}" in asked and f"{saved.threshold:.4g} instead" in asked
    assert f"{saved.threshold:.4g}" in header(view)
    history = read_history(threshold_file(folder))
    assert "from 5 % of the photo" in history[0].why and history[0].why.endswith("dust")
    page.close()


def test_a_page_without_its_model_says_so(home):
    page = AppPage("nothing")
    page.worker.join()
    assert "wb-error" in page.message and "holds no detector" in page.message
    assert page.waiting.layout.display == "none"
    page.close()


def test_a_later_page_can_look_and_take_over(home, monkeypatch):
    monkeypatch.setattr("workbench.ui.notice.GRACE", 0)
    first = AppPage("disc")
    first.worker.join()
    first.session.judge()
    lock = first.session.results.with_name("disc_result.csv.lock")
    holder = json.loads(lock.read_text())
    parent = psutil.Process(os.getppid())  # another page has a kernel of its own
    holder |= {"pid": parent.pid, "born": parent.create_time()}
    lock.write_text(json.dumps(holder))
    AppPage.open_views.clear()
    second = AppPage("disc")
    second.worker.join()
    second.notice.check()
    simulator = second.tabs.children[0]
    assert second.session.read_only and simulator.ok.disabled and second.message == ""
    assert second.notice.box.layout.display is None and simulator.panel.photo.value
    simulator.next.click()
    assert second.session.judged == 1 and "wb-error" not in simulator.message

    second.notice.take.click()
    assert not second.session.read_only and not simulator.ok.disabled
    assert second.notice.box.layout.display == "none"
    first.notice.check()
    assert first.session.read_only and first.tabs.children[0].ok.disabled
    second.close()
    first.notice.check()  # the writer has gone: the file is ours again
    assert not first.session.read_only
    first.close()


def test_who_only_looks_stays_at_that(home, monkeypatch):
    monkeypatch.setattr("workbench.ui.notice.GRACE", 0)
    page = AppPage("disc")
    page.worker.join()
    other = InspectionSession(
        page.session.detector, page.session.parts, "name", results=page.session.results
    )
    page.notice.check()
    page.notice.look.click()
    other.close()
    page.notice.check()
    assert page.session.read_only and page.notice.box.layout.display is None
    page.close()


def test_a_sensor_model_opens_its_sensors(home):
    rows = np.random.default_rng(0).normal(size=(80, 2))
    pd.DataFrame(rows, columns=["a", "b"]).to_csv(home / "data" / "pump.csv", index=False)
    table = load_rows(home / "data" / "pump.csv")
    detector = AutoEncoderDetector(AutoEncoderConfig(epochs=2)).fit(table, progress=False)
    save(detector, home / "models" / "pump")
    page = AppPage("pump")
    page.worker.join()
    assert page.message == "" and isinstance(page.tabs.children[0], SensorExplorer)
    page.close()


def test_the_start_page_has_a_card_for_each_model(home, monkeypatch):
    (home / "models" / "broken").mkdir()
    (home / "models" / "broken" / "detector.json").write_text("{}")
    monkeypatch.setenv("QUERY_STRING", "")
    page = open_page()
    (cards,) = [w.value for w in page.children if "wb-cards-box" in w._dom_classes]
    assert 'href="?model=disc"' in cards and "data:image/jpeg" in cards and "photos" in cards
    assert "is damaged" in cards and "no report yet" in cards
    page.close()
    monkeypatch.setenv("QUERY_STRING", "model=disc")
    page = open_page()
    assert repr(page) == "AppPage(disc)"
    page.worker.join()
    page.close()
    monkeypatch.setenv("QUERY_STRING", "model=../x")
    with pytest.raises(ValueError, match="plain folder name"):
        open_page()
