"""A real JupyterLab in a headless Chromium, on a workspace with a trained detector."""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from PIL import Image

import workbench as wb

RECORDING = """
import numpy as np
import workbench as wb
from workbench import ui
random = np.random.default_rng(0)
load = random.normal(size=(300, 1))
normal = load @ [[1.0, -2.0, 0.5]] + 0.1 * random.normal(size=(300, 3))
rows = normal.copy()
rows[60:90, 2] -= 5
rows[200:220, 1] += 8
detector = wb.AutoEncoderDetector(wb.AutoEncoderConfig(epochs=20)).fit(normal, progress=False)
rule = wb.autoencoder.AlarmRule(k=4, n=5, hold_off=30)
"""
CELLS = {
    "simulator": """
import workbench as wb
from workbench import ui
parts = wb.load_images("data/lens")
detector = wb.load("models/lens")
session = wb.InspectionSession(detector, parts, "name", results="reports/lens/lens_result.csv")
display(ui.Simulator(session))
""",
    "broken": """
import workbench as wb
from workbench import ui
parts = wb.load_images("data/lens")
parts.paths[1].write_bytes(parts.paths[1].read_bytes()[:50])  # after it was checked
detector = wb.load("models/lens")
session = wb.InspectionSession(detector, parts, "name", results="reports/lens/lens_result.csv")
display(ui.Simulator(session))
""",
    "histogram": """
import workbench as wb
from workbench import ui
parts = wb.load_images("data/lens")
detector = wb.load("models/lens")
session = wb.InspectionSession(detector, parts, "name")
display(ui.HistogramExplorer(session, model="models/lens"))
""",
    "sensors": """
import numpy as np
import workbench as wb
from workbench import ui
random = np.random.default_rng(0)
load = random.normal(size=(300, 1))
normal = load @ [[1.0, -2.0, 0.5]] + 0.1 * random.normal(size=(300, 3))
rows = normal.copy()
rows[200:220, 1] += 8
detector = wb.AutoEncoderDetector(wb.AutoEncoderConfig(epochs=20)).fit(normal, progress=False)
display(ui.SensorExplorer(detector, rows, wb.autoencoder.AlarmRule(hold_off=30)))
""",
    "events": RECORDING
    + """
display(ui.EventList(detector, rows, rule, path="reports/press/press_events.csv"))
""",
    "shown": RECORDING
    + """
from ipywidgets import HTML
explorer = ui.SensorExplorer(detector, rows, rule)
listed = ui.EventList(detector, rows, rule, opened=explorer.look)
display(explorer, HTML("<div style='height: 1500px'></div>"), listed)
""",
}
REPOSITORY = Path(__file__).parents[2]
SHIPPED = REPOSITORY / "notebooks" / "40_simulator.ipynb"
HARMLESS = ("favicon", "ERR_INTERNET_DISCONNECTED", "Failed to load resource", "Cannot send",
            "WebSocket connection")  # fmt: skip


@dataclass
class Lab:
    """A running server and the workspace that it serves."""

    url: str
    token: str
    workspace: Path

    @property
    def results(self):
        return self.workspace / "reports" / "lens" / "lens_result.csv"


@pytest.fixture(scope="session")
def inspected(browser, tmp_path_factory, photos, tiny_config):
    """A workspace with photos, a detector that was trained on them, and the notebooks."""
    root = tmp_path_factory.mktemp("workspace")
    for label, images in zip(("OK", "NG"), photos, strict=True):
        folder = root / "data" / "lens" / label
        folder.mkdir(parents=True)
        for i, image in enumerate(images[:8]):
            Image.fromarray(image).save(folder / f"{label.lower()}_{i}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(root))
        parts = wb.load_images(root / "data" / "lens")
        detector = wb.CSFlowDetector(tiny_config).fit(parts, progress=False)
    wb.save(detector, root / "models" / "lens")
    shutil.copy(SHIPPED, root)
    for name, code in CELLS.items():
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code.strip())])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, root / f"{name}.ipynb")
    return root


@pytest.fixture(scope="module")
def web(inspected, tmp_path_factory):
    """`workbench app lens`, in Korean."""
    with serving(inspected, tmp_path_factory, "lens", "--language=ko") as found:
        yield found


@contextmanager
def serving(inspected, tmp_path_factory, *words):
    """`workbench app` with these words: its address, port and process."""
    log_file = tmp_path_factory.mktemp("web") / "log.txt"
    port = free_port()
    command = [sys.executable, "-m", "workbench.cli", "app", *words, "--no-browser",
               f"--port={port}"]  # fmt: skip
    env = os.environ | {"WORKBENCH_HOME": str(inspected), "OMP_NUM_THREADS": "1"}
    env |= {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
    with log_file.open("wb") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, cwd=inspected, env=env
        )
        try:
            yield address(server, log_file), port, server.pid
        finally:
            server.terminate()
            server.wait(180)


def address(server, log, seconds=600):
    """What it printed to be opened, once it answers."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        found = re.search(r"http://127[.]0[.]0[.]1:(\d+)/[?]token=\S+", log.read_text())
        if found and answers(int(found[1])):
            return found[0]
        time.sleep(0.2)
    pytest.fail(f"workbench app did not start:\n{log.read_text()[-2000:]}")


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def lab(request, inspected, tmp_path_factory):
    """JupyterLab; the parameter is its setting for where the kernel runs widget callbacks."""
    settings = tmp_path_factory.mktemp("lab")
    (settings / "overrides.json").write_text(json.dumps(overrides(request.param)))
    lab = Lab(f"http://127.0.0.1:{free_port()}", secrets.token_hex(16), inspected)
    with (settings / "log.txt").open("wb") as log:
        server = subprocess.Popen(
            command(lab, settings), stdout=log, stderr=subprocess.STDOUT,
            cwd=inspected, env=environment(lab, settings),
        )  # fmt: skip
        try:
            wait_for(server, lab, settings / "log.txt")
            yield lab
        finally:
            server.terminate()
            server.wait(180)


@pytest.fixture
def page(browser):
    """A page that fails its test on any error of the front end, and on any foreign request."""
    context = browser.new_context(viewport={"width": 1500, "height": 1050})
    context.set_default_timeout(180_000)  # two slow, busy cores are no error
    page, errors = context.new_page(), []
    foreign = watch_requests(context)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    yield page
    context.close()
    assert not foreign
    assert not [text for text in errors if not any(word in text for word in HARMLESS)]


def watch_requests(context):
    """A list that fills with the addresses of all requests that leave this machine."""
    foreign = []

    def note(request):
        if not request.url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")):
            foreign.append(request.url)

    context.on("request", note)
    return foreign


def overrides(subshells):
    return {
        "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
        "@jupyterlab/apputils-extension:notification": {
            "checkForUpdates": False,
            "fetchNews": "false",
        },
        "@jupyterlab/apputils-extension:kernels-settings": {"commsOverSubshells": subshells},
        "@jupyterlab/apputils-extension:themes": {
            "theme": os.environ.get("WORKBENCH_THEME", "JupyterLab Light")
        },
    }


def command(lab, settings):
    return [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
        f"--port={lab.url.rpartition(':')[2]}", f"--ServerApp.root_dir={lab.workspace}",
        f"--IdentityProvider.token={lab.token}", "--LabApp.expose_app_in_browser=True",
        f"--LabApp.app_settings_dir={settings}",
    ]  # fmt: skip


def environment(lab, settings):
    own = {f"JUPYTER_{name}_DIR": str(settings / name.lower()) for name in ("CONFIG", "RUNTIME")}
    own |= {f"JUPYTERLAB_{n}_DIR": str(settings / n.lower()) for n in ("SETTINGS", "WORKSPACES")}
    return os.environ | own | {"WORKBENCH_HOME": str(lab.workspace), "OMP_NUM_THREADS": "1"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(server, lab, log, seconds=600):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{lab.url}/api/status?token={lab.token}", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")
