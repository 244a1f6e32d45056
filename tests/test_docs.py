"""The pages on JSON and on acceptance say what the commands do."""

import json
import re
import shlex
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

from workbench import cli, save
from workbench.data.relabels import relabels_path, write_relabels
from workbench.reports import runs

from .browser import chromium
from .conftest import lens_workspace

DOCS = Path(__file__).parents[1] / "docs"


def sections(page):
    """Text below each heading of the second level."""
    parts = re.split(r"^## (.+)$", (DOCS / page).read_text("utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def documented(command):
    """The keys at the head of each line of a command's list."""
    lines = re.findall(r"^- ((?:`\w+`(?:, )?)+)", sections("json.md")[command], re.M)
    return {key for line in lines for key in re.findall(r"`(\w+)`", line)}


def commands(group, before=""):
    for name, each in group.commands.items():
        inner = getattr(each, "commands", None)
        yield from commands(each, f"{name} ") if inner else [before + name]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    root = tmp_path_factory.mktemp("line")
    with lens_workspace(root, ok=24, ng=8) as (parts, detector):
        save(detector, root / "models/lens")
    names = sorted(path.relative_to(root / "data/lens") for path in parts.paths)
    lots = [f"{name.as_posix()},{i % 3}" for i, name in enumerate(names)]
    (root / "lots.csv").write_text("\n".join(["file name,lot", *lots]), "utf-8")
    header = "file name,label,prediction,anomaly score"
    for inspector, said in (("first", "OK"), ("second", "NG")):
        rows = [header, f"a.png,{said},OK,1.0", "b.png,OK,OK,1.0", "c.png,NG,NG,9.0"]
        (root / f"{inspector}.csv").write_text("\n".join(rows), "utf-8")
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(root / "part.png")
    return root


@pytest.fixture
def workbench(home, monkeypatch, capsys):
    """Run a command line in the workspace; its exit code and what it printed."""
    monkeypatch.chdir(home)
    monkeypatch.setenv("WORKBENCH_HOME", str(home))
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.setenv("WORKBENCH_CHROMIUM", chromium.find() or "")

    def run(line):
        monkeypatch.setattr(sys, "argv", shlex.split(line))
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop, warnings.catch_warnings():
            warnings.simplefilter("default")
            cli.main()
        return stop.value.code or 0, capsys.readouterr().out

    return run


def test_every_command_is_on_the_page():
    assert set(commands(typer.main.get_command(cli.app))) <= set(sections("json.md"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        "evaluate part.png --name lens",
        "score data/lens --name lens --out all.csv --collect aside",
        "accept lens --misses 0",
        "rates first.csv",
        "agree first.csv second.csv",
        "doctor",
    ],
)
def test_keys_are_those_of_the_page(workbench, line):
    found = json.loads(workbench(f"workbench {line} --json")[1])
    nested = [found[key][0] for key in ("claims", "groups", "disagreed") if found.get(key)]
    below = {key for row in nested for key in row}
    text = sections("json.md")[line.split()[0]]
    assert set(found) == documented(line.split()[0]) - below
    assert all(f"`{key}`" in text for key in below)


def relabel(folder):
    """Say of the collected photos what they are, as an inspector does in the simulator."""
    said = {path.name: path.name.startswith("NG") for path in folder.iterdir()}
    assert said
    photo = np.random.default_rng(0).integers(60, 90, (96, 96, 3), np.uint8)
    Image.fromarray(photo).save(folder / "new.png")  # the others are in the data already
    write_relabels(relabels_path(folder), said | {"new.png": False})


@pytest.mark.slow
def test_the_walk_through_an_acceptance_works(workbench, home):
    blocks = re.findall(r"```bash\n(.*?)```", (DOCS / "acceptance.md").read_text("utf-8"), re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) == 12
    for line in lines:
        if "workbench learn" in line:
            relabel(home / "review")
        if "data make" in line or "workbench train" in line:
            continue  # the fixture makes a smaller one
        if "--pdf" in line and not chromium.find():
            line = line.replace(" --pdf", "")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("WORKBENCH_LANG", "en")  # what --language sets does not stay
            code, said = workbench(line)
        assert code == 0 or (code == 1 and "not accepted" in said), (line, said)
    assert (home / "lots.png").exists()
    (agree,) = [line for line in lines if "workbench agree" in line]
    assert "a.png: OK and NG" in workbench(agree)[1]
    english, korean = runs.history("lens")
    page = (english.folder / "report.html").read_text("utf-8")
    assert re.search(r"(Meets|Does not meet) the target", page)
    assert [row["group"] for row in english.metrics["groups"]["rows"]] == ["0", "1", "2"]
    assert korean.metrics["agreement"]["n"] == 3 and korean.metrics["regions"]["smallest"] == 0.02
    assert "검사 보고서" in (korean.folder / "report.html").read_text("utf-8")
