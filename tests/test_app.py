"""The page: what is served, to whom, and that it stands before the model is loaded."""

import shutil
import time

import ipywidgets as widgets
import nbformat
import pytest
from PIL import Image

from workbench import CSFlowDetector, app, load_images, save
from workbench.errors import ArtifactError, DataError
from workbench.ui import AppPage, AuditView, HistogramExplorer, Simulator

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


def test_the_page_is_the_shipped_notebook_for_this_model(tmp_path):
    page = nbformat.read(app.write_page(tmp_path, "my lens"), 4)
    sources = [cell.source for cell in page.cells]
    assert "name = 'my lens'" in sources
    given = next(i for i, text in enumerate(sources) if text.startswith("name: str"))
    assert sources.index("name = 'my lens'") == given + 1
    assert any("ui.AppPage(name" in text for text in sources)


def test_what_cannot_be_served_is_said_before_anything_is_started(home):
    app.check("disc", "ko")
    with pytest.raises(ArtifactError, match="holds no detector"):
        app.check("nothing", "")
    with pytest.raises(ValueError, match="language must be one of en, ko, got 'fr'"):
        app.check("disc", "fr")
    facts = home / "models" / "disc" / "detector.json"
    facts.write_text(facts.read_text("utf-8").replace('"csflow"', '"autoencoder"', 1), "utf-8")
    with pytest.raises(ValueError, match="needs a model of photos, disc is of kind autoencoder"):
        app.check("disc", "")


def wait(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def test_the_desk_stands_at_once_and_makes_its_tabs_when_they_are_looked_at(home, monkeypatch):
    gate = []
    load = app.artifacts.load
    monkeypatch.setattr(
        "workbench.ui.app_page.artifacts.load",
        lambda folder: [wait(lambda: gate), load(folder)][1],
    )
    desk = AppPage("disc", order="name")
    assert desk.session is None and "loading the model disc" in desk._waiting.value
    gate.append("open")
    desk.worker.join()
    assert desk.message == "" and isinstance(desk.tabs.children[0], Simulator)
    assert isinstance(desk.tabs.children[1], widgets.VBox)
    session = desk.session
    assert session.results == home / "reports" / "disc" / "disc_result.csv"

    desk.tabs.selected_index = 1
    desk.worker.join()
    histogram = desk.tabs.children[1]
    assert isinstance(histogram, HistogramExplorer)
    histogram.bars.value = histogram.bars.options[-1][1]
    histogram.opener.names.index = 0
    name = session.parts.names[histogram.opener.names.value]
    histogram.opener.button.click()
    assert desk.tabs.selected_index == 0 and session.name == name
    assert name in desk.tabs.children[0].panel.head.value

    desk.tabs.selected_index = 2
    desk.worker.join()
    audit = desk.tabs.children[2]
    assert isinstance(audit, AuditView) and len(session) == len(audit.suspects)
    desk.tabs.selected_index = 0
    assert len(session) == len(session.parts)
    desk.close()
    assert not session.results.with_name("disc_result.csv.lock").exists()


def test_a_desk_without_its_model_says_so(home):
    desk = AppPage("nothing")
    desk.worker.join()
    assert "wb-error" in desk.message and "holds no detector" in desk.message
    assert desk._waiting.layout.display == "none"
    desk.close()


def test_a_later_page_takes_the_file_over_and_the_earlier_one_says_so(home):
    first = AppPage("disc", order="name")
    first.worker.join()
    session = first.session
    AppPage._open.clear()  # another page has a kernel of its own
    second = AppPage("disc", order="name")
    second.worker.join()
    assert second.message == "" and second.session.judged >= 1
    with pytest.raises(DataError, match="has taken over disc_result.csv"):
        _ = session.go(len(session) - 1).current
    second.close()
    first.close()
