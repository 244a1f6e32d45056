"""The command line as a user meets it: exit codes and what it prints."""

import csv
import hashlib
import inspect
import json
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import typer
from PIL import Image

from workbench import cli, load, load_rows, save
from workbench.data.row_options import typed
from workbench.errors import DataError

from .conftest import photo


@pytest.fixture(scope="module")
def home(tmp_path_factory, fitted):
    root = tmp_path_factory.mktemp("home")
    save(fitted, root / "models" / "disc")
    (root / "r.csv").write_text("a,b\n1,2\n")
    Image.fromarray(photo(1, defect=True)).save(root / "part.png")
    return root


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def workbench(home, monkeypatch, capsys):
    """Run `workbench ...` in this process, as its entry point would."""
    monkeypatch.chdir(home)
    monkeypatch.setenv("WORKBENCH_HOME", str(home))
    monkeypatch.setenv("TQDM_DISABLE", "1")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["workbench", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop, warnings.catch_warnings():
            warnings.simplefilter("default")
            cli.main()
        return Done(stop.value.code or 0, *capsys.readouterr())

    return run


def test_evaluate_prints_the_verdict_and_writes_the_overlay(workbench, home):
    done = workbench("evaluate", "part.png", "--name", "disc", "--overlay", "heat.png")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("NG  score ")
    assert "total" in done.stdout
    with Image.open(home / "heat.png") as overlay:
        assert overlay.size == (96, 96)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["evaluate", "part.png", "--name", "dsc"], "holds no detector; train one"),
        (["evaluate", "part.png", "--name", "dsc"], "models/dsc (did you mean disc?) holds"),
        (["evaluate", "gone.png", "--name", "disc"], "gone.png must be a picture; it is not"),
        (["evaluate", "models", "--name", "disc"], "it is a folder, see workbench score"),
        (
            ["evaluate", "part.png"],
            "'--name' / '-n'; see workbench evaluate --help",
        ),
        (["evalute"], "No such command 'evalute'"),
        (["score", "models", "--name", "disc"], "models must hold photos, and holds none"),
        (
            ["score", ".", "--name", "disc", "--collect", "c", "--near", "20"],
            "such as 2% or 0.02, got",
        ),
        (["accept", "disc"], "add --misses 0, --overkill 2% or both"),
        (["adjust", "disc"], "adjust needs a change: --blank, --smallest, --regions or --join"),
        (["compare", "disc"], "disc has no report to compare; run: workbench report disc"),
        (
            ["import", "old.pt", "--name", "x"],
            "old.pt must be an old checkpoint; nothing",
        ),
        (["learn", "disc", "gone"], "gone must be a folder that workbench score --collect made"),
        (["rates", "models"], "models: Is a directory"),
        (["train", "nowhere"], "nowhere must be a folder of photos or a CSV file"),
        (["train", ".", "--name", "../up"], "must be a plain folder name, got '../up'"),
        (["report", "data/pump.csv"], "got 'data/pump.csv'; did you mean pump?"),
        (["report", "absent"], "models/absent holds no detector"),
        (["train", ".", "--seeds", "2", "--resume"], "--resume goes on with one training"),
        (["train", "r.csv", "--size", "256", "--join", "mean"], "--size, --join are for photos"),
        (["report"], "report needs a model's name or --all, got neither"),
        (["report", "disc", "--all"], "report needs a model's name or --all, got both"),
        (["report", "disc", "-j", "0"], "jobs must be at least 1, got 0"),
        (["report", "--all", "-p", "shwn=3"], "90_report_images has no parameter shwn"),
        (["report", "disc", "-p", "seed"], "a parameter must be NAME=VALUE, got 'seed'"),
        (["data", "make", "car"], "a sample must be one of lens, flex, SMT, pump or all"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(workbench, home, arguments, message):
    done = workbench(*arguments)
    reports = ("absent", "data", "comparison")
    assert not any((home / "reports" / name).exists() for name in reports)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("workbench: ") and done.stderr.count("\n") == 1


def test_json_says_what_the_lines_say(workbench, home):
    done = workbench("evaluate", "part.png", "--name", "disc", "--json")
    found = json.loads(done.stdout)
    assert set(found) == {"verdict", "score", "threshold", "seconds", "overlay"}
    assert done.returncode == 0 and found["verdict"] == "NG" and found["overlay"] is None
    line = workbench("evaluate", "part.png", "--name", "disc").stdout
    assert line.startswith(f"NG  score {found['score']:.4g}, threshold {found['threshold']:.4g}")
    refused = workbench("evaluate", "gone.png", "--name", "disc", "--json")
    assert (refused.returncode, refused.stdout) == (2, "") and "gone.png" in refused.stderr


def test_accept_is_a_no_with_the_interval_that_failed(workbench, home, few):
    done = workbench("accept", "disc", "--labelled", few, "--misses", "0", "--overkill", "99%")
    assert done.returncode == 0 and done.stdout.startswith("disc accepted\nNone missed: met by 0")
    done = workbench("accept", "disc", "--labelled", few, "--overkill", "1 %", "--json")
    found = json.loads(done.stdout)
    (claim,) = found["claims"]
    assert done.returncode == 1 and not found["accepted"] and claim["n"] == 8
    assert claim["interval"][1] > 0.01 and claim["name"] == "overkill" and claim["limit"] == 0.01
    assert claim["needed"] == (368 if not claim["found"] else None)
    done = workbench("accept", "disc", "--labelled", few)
    assert done.returncode == 2 and "needs a limit" in done.stderr
    done = workbench("accept", "disc", "--labelled", few, "--misses", "few")
    assert done.returncode == 2 and "such as 2% or 0.02, got 'few'" in done.stderr


def test_rates_and_agreement_of_result_files(workbench, home, few):
    assert workbench("score", few, "--name", "disc", "--out", "one.csv").returncode == 0
    done = workbench("rates", "one.csv", "--chart", "p.png")
    assert done.returncode == 0 and "NG: 2 parts, 100.0% NG, missed 0 of 2" in done.stdout
    done = workbench("rates", "one.csv", "--by", "file name", "--every", "1Q")
    assert done.returncode == 2 and "file name must hold times" in done.stderr
    assert (home / "p.png").read_bytes().startswith(b"\x89PNG")
    groups = json.loads(workbench("rates", "one.csv", "--json").stdout)["groups"]
    assert {group["group"]: group["n"] for group in groups} == {"OK": 8, "NG": 2}
    text = (home / "one.csv").read_text("utf-8").replace("OK/3.png,OK", "OK/3.png,NG")
    (home / "two.csv").write_text(text, "utf-8")
    done = workbench("agree", "one.csv", "two.csv")
    assert "they agree on 9 of 10 parts (90.0%)\nOK/3.png: OK and NG" in done.stdout
    found = json.loads(workbench("agree", "one.csv", "two.csv", "--json").stdout)
    assert found["disagreed"] == [{"file name": "OK/3.png", "first": "OK", "second": "NG"}]
    assert found["kappa"] == pytest.approx(0.7368421)


@pytest.mark.slow
def test_rows_are_read_alike_for_training_and_scoring(workbench, home):
    """A German file whose label no word tells; then one without it, and one of another kind."""
    rows = []
    for i, x in enumerate(np.random.default_rng(0).normal(50, 5, 300)):
        cells = f"{x:.2f};{2 * x:.2f}".replace(".", ",")
        rows.append(f"{1 + i // 24:02d}.02.2024 {i % 24:02d}:00;{cells};{i};{1 + (i > 280)}")
    train = ["Datum;temp;druck;Nr.;Zustand", *rows]
    (home / "press.csv").write_text("\n".join(train), "utf-8")
    done = workbench("train", "press.csv", "--epochs", 5, "--label", "Zustand=2")
    assert done.returncode == 0, done.stderr
    assert "not used as sensors: Nr. (it counts rows)" in done.stderr
    after = ["Datum;temp;druck;Nr.", "01.03.2024 00:00;50,0;100,0;1", "02.03.2024 00:00;---;100;2",
             "03.03.2024 07:00;50,0;-500,0;3"]  # fmt: skip
    (home / "after.csv").write_text("\n".join(after), "utf-8")
    done = workbench("score", "after.csv", "--name", "press", "--out", "after_scores.csv")
    assert done.returncode == 0, done.stderr
    with (home / "after_scores.csv").open(encoding="utf-8-sig", newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["line", "time", "anomaly score", "prediction", "top sensor", "error"]
    assert [(line[0], line[1], line[3]) for line in lines] == [
        ("2", "2024-03-01 00:00:00", "OK"),
        ("3", "", ""),
        ("4", "2024-03-03 07:00:00", "NG"),
    ]
    assert lines[1][5] == "temp is '---'" and lines[2][4] == "druck"
    done = workbench("evaluate", "after.csv", "--name", "press")
    assert "worst row: line 4, time 2024-03-03 07:00:00" in done.stdout
    assert "got sensor rows" in workbench("score", "after.csv", "--name", "disc").stderr
    done = workbench("data", "check", "press.csv", "--label", "Zustand=2", "--json")
    found = json.loads(done.stdout)
    assert found["facts"]["labels"] == {"OK": 281, "NG": 19}
    assert "Nr. is not used: it counts rows" in found["left_alone"]
    (home / "photos").mkdir(exist_ok=True)
    assert "are for sensor rows" in workbench("train", "photos", "--label", "x").stderr


def test_every_command_speaks_json():
    for name, command in typer.main.get_command(cli.app).commands.items():
        for each in getattr(command, "commands", {name: command}).values():
            assert "--json" in {word for option in each.params for word in option.opts}, name


def test_help_says_what_every_option_means():
    for name, command in typer.main.get_command(cli.app).commands.items():
        for each in getattr(command, "commands", {name: command}).values():
            silent = [option.opts for option in each.params if not option.help]
            assert not silent, name


def test_folders_for_what_is_written_are_made(workbench, home):
    done = workbench("evaluate", "part.png", "--name", "disc", "--overlay", "seen/heat.png")
    assert done.returncode == 0 and (home / "seen" / "heat.png").is_file(), done.stderr


def test_ctrl_c_is_said(workbench, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("workbench.samples.make_samples", stopped)
    done = workbench("data", "make", "lens")
    assert (done.returncode, done.stderr) == (130, "stopped\n")


def test_debug_lets_the_error_through(workbench):
    with pytest.raises(DataError, match="nowhere must be"):
        workbench("--debug", "train", "nowhere")
    with pytest.raises(DataError, match="nowhere must be"):
        workbench("train", "nowhere", "--debug")


@pytest.mark.slow
def test_the_entry_point_is_installed():
    command = Path(sys.executable).with_name("workbench")
    done = subprocess.run([command, "report"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "workbench: report needs a model's name or --all, got neither\n"


def test_doctor_says_where_weights_are(workbench, home, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(home))
    done = workbench("doctor")
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert lines["efficientnet-lite0"].endswith(".pth")
    missing = [line for line in done.stdout.splitlines() if "downloaded on first use" in line]
    assert len(missing) == 1 and "efficientnet-b5" in missing[0]
    assert {"torch", "python", "GPU", "workspace"} <= set(lines)


def test_help_lists_every_command(workbench):
    done = workbench("--help")
    for command in ("demo", "data", "train", "evaluate", "report", "compare", "doctor"):
        assert command in done.stdout
    found = [done.stdout.index(f"│ {command} ") for command in ("demo", "train", "app", "update")]
    assert found == sorted(found)


def test_train_and_evaluate_sensor_rows(workbench, home):
    rows = "\n".join(f"{i % 10 + 0.01 * i},{2 * (i % 10)}" for i in range(100))
    (home / "press.csv").write_text(rows)
    done = workbench("train", "press.csv", "--epochs", 3)
    assert done.returncode == 0, done.stderr
    assert "next: workbench report press" in done.stdout
    facts = json.loads((home / "models" / "press" / "detector.json").read_text("utf-8"))
    assert facts["kind"] == "autoencoder" and facts["columns"] == ["sensor_1", "sensor_2"]
    done = workbench("evaluate", "press.csv", "--name", "press")
    assert "of 100 rows NG" in done.stdout and "worst row" in done.stdout
    assert "--window" in workbench("train", "photos", "--window", 10).stderr


def test_training_on_a_recording_proposes_windows(workbench, home):
    random = np.random.default_rng(0)
    load = random.normal(size=300)
    rows = pd.DataFrame({"time": pd.date_range("2024-03-04", periods=300, freq="s"),
                         "a": load, "b": -load + 0.1 * random.normal(size=300)})  # fmt: skip
    rows.to_csv(home / "mill.csv", index=False)
    alone = workbench("train", "mill.csv").stdout
    assert "bottleneck 1 of 2" in alone and "overkill to be expected" in alone
    assert "--window 10 judges ten together" in alone
    together = workbench("train", "mill.csv", "--window", 10).stdout
    assert "--window" not in together
    facts = json.loads((home / "models" / "mill" / "detector.json").read_text("utf-8"))
    assert facts["config"]["window"] == 10
    assert "--window" not in workbench("train", "press.csv").stdout  # rows without a clock


def test_train_on_photos_says_what_is_next(workbench, home):
    for i in range(8):
        (home / "discs" / "OK").mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(i)).save(home / "discs" / "OK" / f"{i}.png")
    (home / "discs" / "OK" / "broken.png").write_bytes(b"")
    done = workbench("train", "discs", "--epochs", 1)
    assert done.returncode == 0, done.stderr
    assert "warning: " in done.stderr and "broken.png" in done.stderr
    assert "saved models/discs; next: workbench report discs" in done.stdout
    how = (
        "256 x 256 pixels, looked at 3 times, 3 scales, 1 epoch, "
        "50 % of the photos altered (place, light, focus, compression)"
    )
    assert how in done.stdout.splitlines()
    (home / "models" / "torn").mkdir()
    (home / "models" / "torn" / "detector.json").write_text("{")
    doctor = workbench("doctor").stdout
    shutil.rmtree(home / "models" / "torn")
    assert f"{'discs':18} photos, {how}" in doctor.splitlines()
    assert f"{'torn':18} damaged: " in doctor
    checked = workbench("data", "check", "discs")
    assert "images: 8" in checked.stdout and "broken.png" in checked.stdout


@pytest.fixture(scope="module")
def few(home):
    """A folder of eight OK and two NG photos."""
    for label, count in (("OK", 8), ("NG", 2)):
        (home / "few" / label).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(photo(i, defect=label == "NG")).save(home / "few" / label / f"{i}.png")
    return home / "few"


def weights(home, name):
    return (home / "models" / name / "weights.safetensors").read_bytes()


@pytest.mark.slow
def test_a_training_that_is_killed_leaves_the_former_model_and_goes_on(workbench, home, few):
    assert workbench("train", few, "--epochs", 6, "--name", "whole").returncode == 0
    assert workbench("train", few, "--epochs", 1, "--name", "cut").returncode == 0
    former, checkpoint = (
        weights(home, "cut"),
        home / "models" / ".cache" / "checkpoints" / "cut.pt",
    )
    assert not checkpoint.exists()
    arguments = ["train", few, "--epochs", "6", "--name", "cut", "--checkpoint-every", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "workbench.cli", *arguments], cwd=home, stderr=subprocess.DEVNULL
    )
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -9
    assert weights(home, "cut") == former
    done = workbench("train", few, "--epochs", 6, "--name", "cut", "--resume")
    assert done.returncode == 0 and "nothing to resume" not in done.stderr
    assert weights(home, "cut") == weights(home, "whole") != former
    assert not checkpoint.exists()
    done = workbench("train", few, "--epochs", 1, "--name", "cut", "--resume")
    assert "nothing to resume: training from the start" in done.stderr


@pytest.mark.slow
def test_seeds_report_their_spread_and_save_the_first(workbench, home, few):
    stripe = np.zeros((96, 96), np.uint8)
    stripe[:, :30] = 255
    Image.fromarray(stripe).save(home / "blank.png")
    given = ["train", few, "--epochs", 2, "--blank", "blank.png"]
    done = workbench(*given, "--name", "three", "--seeds", 3)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("seed")]
    values = {k: [float(x.split()[k].rstrip(",")) for x in lines[:3]] for k in (4, 8)}
    assert [line.split(":")[0] for line in lines[:3]] == ["seed 0", "seed 1", "seed 2"]
    nll, auroc = (f"{np.mean(v):.3f} +- {np.std(v, ddof=1):.3f}" for v in values.values())
    assert nll in done.stdout and auroc in done.stdout and "seed 0 is saved" in done.stdout
    assert workbench(*given, "--name", "one").returncode == 0
    assert weights(home, "one") == weights(home, "three")  # what is ignored is among them


@pytest.fixture
def line(home):
    """A row model, and a CSV of rows that its machine gives now."""
    from workbench import AutoEncoderDetector

    random = np.random.default_rng(0)
    cause = random.normal(size=(500, 1))
    rows = cause * [1, 2, -1] + 0.1 * random.normal(size=(500, 3))
    save(AutoEncoderDetector().fit(rows[:400], progress=False), home / "models" / "line")
    moved = "\n".join(",".join(map(str, row)) for row in rows[400:] + [0.05, 0, 0])
    (home / "recent.csv").write_text(f"sensor_1,sensor_2,sensor_3\n{moved}\n", "utf-8")
    return home


def test_a_row_model_is_updated_and_rolled_back(workbench, line):
    manifest = line / "models" / "line" / "detector.json"
    before = json.loads(manifest.read_text("utf-8"))["threshold"]["value"]
    dry = workbench("update", "line", "recent.csv", "--dry-run")
    assert dry.returncode == 0 and "nothing was changed" in dry.stdout
    assert json.loads(manifest.read_text("utf-8"))["threshold"]["value"] == before
    done = workbench("update", "line", "recent.csv", "--json")
    found = json.loads(done.stdout)
    assert found["before"]["threshold"] == before and found["saved"]
    saved = json.loads(manifest.read_text("utf-8"))["threshold"]["value"]
    assert saved == found["after"]["threshold"] != before
    assert workbench("rollback", "line").returncode == 0
    assert json.loads(manifest.read_text("utf-8"))["threshold"]["value"] == before
    again = workbench("rollback", "line")
    assert again.returncode == 2 and "needs an update to undo" in again.stderr
    photos = workbench("update", "disc", "recent.csv")
    assert photos.returncode == 2 and "of sensor rows, got one of photos" in photos.stderr
    folder = workbench("update", "line", "models")
    assert folder.returncode == 2 and "got a folder of photos (models)" in folder.stderr
    few = workbench("update", "line", "recent.csv", "--network")
    assert few.returncode == 2 and "at least 400 rows judged normal" in few.stderr


def test_scores_of_another_model_or_of_other_rows_are_not_replaced(workbench, line):
    out = ("--name", "line", "--out", "line_scores.csv")
    (line / "other.csv").write_bytes((line / "recent.csv").read_bytes())
    assert workbench("score", "recent.csv", *out).returncode == 0
    moved = load(line / "models" / "line")
    moved.threshold = 3  # still the same model
    save(moved, line / "models" / "line")
    assert workbench("score", "recent.csv", *out).returncode == 0
    before = (line / "line_scores.csv").read_bytes()
    assert "they are of other rows; choose" in workbench("score", "other.csv", *out).stderr
    workbench("update", "line", "recent.csv")
    done = workbench("score", "recent.csv", *out)
    assert done.returncode == 2 and "of another detector; choose another file" in done.stderr
    (line / "line_scores.csv.json").unlink()
    assert "not said whose; choose another" in workbench("score", "recent.csv", *out).stderr
    assert (line / "line_scores.csv").read_bytes() == before


def test_rows_that_look_wrong_do_not_update_a_model(workbench, line):
    text = (line / "recent.csv").read_text("utf-8").splitlines()
    wrong = [f"{float(row.split(',')[0]) + 9},{row.split(',', 1)[1]}" for row in text[1:]]
    (line / "wrong.csv").write_text("\n".join([text[0], *wrong]) + "\n", "utf-8")
    done = workbench("update", "line", "wrong.csv")
    assert done.returncode == 2 and "train again if the machine has changed" in done.stderr


def test_a_growing_file_is_watched(workbench, line):
    path = line / "stream" / "now.csv"
    path.parent.mkdir()
    head, *rows = (line / "recent.csv").read_text("utf-8").splitlines()
    path.write_text("\n".join([head, *rows[:20], "0,9,0", "0,9,0"]) + "\n", "utf-8")
    given = ("watch", "line", "stream", "--once", "--hold-off", "3", "--k", "2", "--n", "2")
    first = workbench(*given)
    assert first.returncode == 0 and "now.csv row 22: alarm, sensor_2" in first.stdout
    with path.open("a", encoding="utf-8") as file:
        file.write("\n".join(["0,0,0"] * 8) + "\n")
    told = workbench(*given, "--json")
    found = json.loads(told.stdout)
    assert (found["start"], found["end"]) == (21, 21)
    assert (path.parent / "now.events.csv").is_file()
    assert "following 1 CSV file; events are kept in NAME.events.csv" in told.stderr
    assert "following 0 CSV files" in workbench("watch", "line", "models", "--once").stderr
    early = workbench("watch", "line", "stream/later.csv", "--once")
    assert early.returncode == 0 and "later.csv is not there so far" in early.stderr


def damaged(home, how):
    """A copy of the model with one thing wrong; its name."""
    folder = home / "models" / f"damaged {how}"
    shutil.copytree(home / "models" / "disc", folder)
    path, weights = folder / "detector.json", folder / "weights.safetensors"
    manifest = json.loads(path.read_text("utf-8"))
    if how == "no hash":
        del manifest["weights_sha256"]
    elif how == "no tensors":
        weights.write_bytes(b"x" * 100)
        manifest["weights_sha256"] = hashlib.sha256(b"x" * 100).hexdigest()
    elif how == "infinite":
        manifest["config"]["clamp"] = float("inf")
    elif how == "overflow":
        manifest["config"]["hidden"] = 10**30
    elif how == "no threshold":
        manifest["threshold"]["value"] = None
    path.write_text(json.dumps(manifest))
    if how in ("no json", "deep"):
        path.write_text("[" * 200_000 if how == "deep" else "\x89PNG")
    return folder.name


@pytest.mark.parametrize("how", ["no hash", "no tensors", "infinite", "overflow", "no threshold",
                                 "no json", "deep"])  # fmt: skip
def test_a_damaged_model_is_one_line(workbench, home, how):
    done = workbench("evaluate", "part.png", "--name", damaged(home, how))
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("workbench: ") and done.stderr.count("\n") == 1
    assert "detector.json" in done.stderr or "weights.safetensors" in done.stderr


@pytest.mark.parametrize("name", ["../../x", "a\nb", " ", "x" * 300, ".cache"])
@pytest.mark.parametrize("command", [["evaluate", "part.png"], ["score", "."], ["train", "."]])
def test_a_name_that_is_a_path_or_worse_is_refused_in_one_line(workbench, command, name):
    done = workbench(*command, "--name", name)
    assert done.returncode == 2 and "name must" in done.stderr
    assert done.stderr.startswith("workbench: ") and done.stderr.count("\n") == 1


def test_rows_are_not_scored_into_a_file_of_another_kind(workbench, home):
    from workbench import AutoEncoderConfig, AutoEncoderDetector

    rows = np.random.default_rng(0).normal(size=(60, 3))
    rows = pd.DataFrame(rows, columns=["a", "b", "c"])
    save(AutoEncoderDetector(AutoEncoderConfig(epochs=2)).fit(rows), home / "models" / "rows")
    rows.to_csv(home / "rows.csv", index=False)
    before = (home / "part.png").read_bytes()
    done = workbench("score", "rows.csv", "--name", "rows", "--out", "part.png")
    assert done.returncode == 2 and "choose another file" in done.stderr
    assert (home / "part.png").read_bytes() == before


def test_the_options_of_rows_are_those_of_load_rows_and_say_what_they_mean(workbench):
    known = inspect.signature(load_rows).parameters
    assert all(name in known and text for name, (_, text) in typed().items())
    said = " ".join(workbench("data", "check", "--help").stdout.replace("│", " ").split())
    for name, (_, text) in typed().items():
        assert f"--{name} " in said and text in said, name
    assert "Answer with JSON" in said and "--no-json" not in said
    with pytest.raises(TypeError, match="colums"):
        load_rows("r.csv", colums=["a"])


@pytest.mark.slow
def test_few_good_photos_are_said(workbench, home):
    for i in range(9):
        (home / "few" / "OK").mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(i)).save(home / "few" / "OK" / f"{i}.png")
    done = workbench("train", "few", "--epochs", 1, "--size", 128)
    assert done.returncode == 0, done.stderr
    assert (
        "good photos to train on: expect a first look, not verdicts; 10 at least, best 100"
        in done.stderr
    )
