"""The command line as a user meets it: a process, its exit code and what it prints."""

import json
import os
import subprocess
import sys

import pytest
from PIL import Image

from workbench import save

from .conftest import photo


@pytest.fixture(scope="module")
def home(tmp_path_factory, fitted):
    root = tmp_path_factory.mktemp("home")
    save(fitted, root / "models" / "disc")
    Image.fromarray(photo(1, defect=True)).save(root / "part.png")
    return root


@pytest.fixture
def workbench(home):
    def run(*arguments, **environment):
        env = {**os.environ, "WORKBENCH_HOME": str(home), "TQDM_DISABLE": "1", **environment}
        return subprocess.run(
            [sys.executable, "-m", "workbench.cli", *map(str, arguments)],
            cwd=home, env=env, capture_output=True, text=True,
        )  # fmt: skip

    return run


def test_evaluate_prints_the_verdict_and_writes_the_overlay(workbench, home):
    done = workbench("evaluate", "part.png", "--name", "disc", "--overlay", "heat.png")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("NG  score ")
    assert "total" in done.stdout
    assert Image.open(home / "heat.png").size == (96, 96)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["evaluate", "part.png", "--name", "dsc"], "holds no detector; train one"),
        (["evaluate", "gone.png", "--name", "disc"], "gone.png"),
        (["train", "nowhere"], "nowhere must be a folder of photos or a CSV file"),
        (["train", ".", "--name", "../up"], "must be a plain folder name, got '../up'"),
        (["report"], "report needs a model's name or --all, got neither"),
        (["report", "disc", "-p", "seed"], "a parameter must be NAME=VALUE, got 'seed'"),
        (["data", "make", "car"], "a sample must be one of lens, flex, SMT, pump or all"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(workbench, arguments, message):
    done = workbench(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("workbench: ") and done.stderr.count("\n") == 1


def test_debug_shows_the_traceback(workbench):
    done = workbench("--debug", "train", "nowhere")
    assert done.returncode != 0
    assert "Traceback" in done.stderr and "DataError" in done.stderr


def test_doctor_says_where_weights_are(workbench, home):
    done = workbench("doctor", TORCH_HOME=str(home))
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert lines["efficientnet-lite0"].endswith(".pth")
    assert "no weights here; downloaded on first use" in lines["efficientnet-b5"]
    assert {"torch", "python", "GPU", "workspace"} <= set(lines)


def test_help_lists_every_command(workbench):
    done = workbench("--help")
    for command in ("demo", "data", "train", "evaluate", "report", "doctor"):
        assert command in done.stdout


def test_train_and_evaluate_sensor_rows(workbench, home):
    rows = "\n".join(f"{i % 10 + 0.01 * i},{2 * (i % 10)}" for i in range(100))
    (home / "press.csv").write_text(rows)
    done = workbench("train", "press.csv", "--epochs", 3)
    assert done.returncode == 0, done.stderr
    assert "next: workbench report press" in done.stdout
    facts = json.loads((home / "models" / "press" / "detector.json").read_text("utf-8"))
    assert facts["kind"] == "autoencoder" and len(facts["history"]) == 3
    done = workbench("evaluate", "press.csv", "--name", "press")
    assert "of 100 rows NG" in done.stdout and "worst row" in done.stdout


def test_train_on_photos_says_what_is_next(workbench, home):
    for i in range(8):
        (home / "discs" / "OK").mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(i)).save(home / "discs" / "OK" / f"{i}.png")
    (home / "discs" / "OK" / "broken.png").write_bytes(b"")
    done = workbench("train", "discs", "--epochs", 1)
    assert done.returncode == 0, done.stderr
    assert "warning: " in done.stderr and "broken.png" in done.stderr
    assert "saved models/discs; next: workbench report discs" in done.stdout
    checked = workbench("data", "check", "discs")
    assert "images: 8" in checked.stdout and "broken.png" in checked.stdout
