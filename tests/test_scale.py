"""Shares, their joining, and Dask workers, against one process."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import workbench as wb
from workbench import bulk, cli
from workbench.csflow.onnx.runtime import threads
from workbench.errors import ArtifactError, DataError

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "scale.md").read_text("utf-8")
LINES = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S) for line in block.splitlines()
]
COMMANDS = [
    line.partition("  #")[0].strip()
    for line in LINES
    if "# not run by a test" not in line
    and "--ranks" not in line and "torchrun" not in line  # tests/test_ranks.py runs these
]  # fmt: skip
SMALLER = {
    "part-": "piece-", "train LINE3 --name lens": "train small --name more --size 128",
    "LINE3": "line", "lens --dask 4": "lens --dask 2", "--dask local": "--dask ADDRESS",
    "--dask 4": "--dask ADDRESS", "tcp://scheduler:8786": "ADDRESS", "*": "3",
    "--seeds 8": "--seeds 2 --epochs 1", "image_size=256,384": "image_size=128",
    "hidden=64,128": "hidden=8,16 --seeds 1",
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory, photos, tiny_config):
    """A workspace with a detector, and many photos of which one is broken."""
    root = tmp_path_factory.mktemp("home")
    (root / "notebooks").mkdir()
    good, bad = photos
    for label, images in (("OK", good), ("NG", bad)):
        (root / "line" / label).mkdir(parents=True)
        for i in range(100):
            picture = Image.fromarray(images[i % len(images)])
            picture.putpixel((i % 60, i // 60), (i, 255, 0))
            picture.save(root / "line" / label / f"부품 {i:03}.png")
    (root / "line" / "OK" / "broken.png").write_bytes(b"\x89PNG")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("WORKBENCH_HOME", str(root))
        patch.setenv("OMP_NUM_THREADS", "1")  # in each process, so that all round alike
        patch.setenv("TQDM_DISABLE", "1")
        patch.setenv("WORKBENCH_ENGINE", "onnx")  # each of many processes starts without torch
        patch.setenv("WORKBENCH_CACHE", str(root / "cache"))  # with the graph, built once
        for label, count in (("OK", 14), ("NG", 2)):
            for path in sorted((root / "line" / label).glob("부품*"))[:count]:
                (root / "small" / label).mkdir(parents=True, exist_ok=True)
                shutil.copy(path, root / "small" / label)
        detector = wb.CSFlowDetector(replace(tiny_config, epochs=1))
        detector.fit(wb.load_images(root / "small"), progress=False)
        wb.save(detector, root / "models" / "lens")
        yield root


@pytest.fixture(scope="module")
def serial(home):
    """The file of one process with one thread, as every worker has."""
    detector = wb.load(home / "models" / "lens")
    bulk.score_folder(detector, home / "line", home / "serial.csv")
    return (home / "serial.csv").read_bytes()


@pytest.fixture(scope="module")
def client(home):
    with bulk.connected("2") as client:
        yield client


@pytest.fixture
def command(home, monkeypatch, capsys):
    """Run `workbench WORDS` in this process; what it says."""

    def run(*words, code=0):
        monkeypatch.setattr(sys, "argv", ["workbench", *words])
        with pytest.raises(SystemExit) as stop, warnings.catch_warnings():
            warnings.simplefilter("default")
            cli.main()
        said = "".join(capsys.readouterr())
        assert (stop.value.code or 0) == code, said
        return said

    return run


def test_shares_cover_all_and_overlap_nowhere():
    names = [f"OK/{i}.png" for i in range(500)]
    homes = [[s for s in range(1, 8) if bulk.Shard(s, 7).has(name)] for name in names]
    assert {len(found) for found in homes} == {1}
    assert min(np.bincount([found[0] for found in homes])[1:]) > 40


@pytest.mark.parametrize("word", ["", "3", "0/4", "5/4", "a/b", "1/2/3", "-1/4"])
def test_a_word_that_names_no_share_is_refused(word):
    with pytest.raises(ValueError, match="as 3/16"):
        bulk.Shard.parse(word)


def test_shares_scored_side_by_side_are_joined_whole(home, serial, command):
    parts = [f"part-{i}.csv" for i in (1, 2, 3)]
    slurm = re.search(r"--wrap '([^']+)'", PAGE)[1]
    parallel = re.search(r"parallel -j 4 (.+?) :::", PAGE)[1]
    jobs = [(slurm, 1), (slurm, 2), (parallel.replace("{}", "3"), 3)]
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    running = [
        subprocess.Popen(
            line.replace("/16", "/3").replace("LINE3", "line"), shell=True, cwd=home,
            env=env | {"SLURM_ARRAY_TASK_ID": str(number)},
        )
        for line, number in jobs
    ]  # fmt: skip
    assert [job.wait() for job in running] == [0, 0, 0]
    said = command("merge", *parts[:2], "--out=some.csv", code=1)
    assert "without a row" in said
    command("merge", *parts, "--out=all.csv")
    one, all_ = (pd.read_csv(home / name, keep_default_na=False) for name in
                 ("serial.csv", "all.csv"))  # fmt: skip
    assert one["file name"].tolist() == all_["file name"].tolist()
    assert one["prediction"].tolist() == all_["prediction"].tolist()
    scores = [pd.to_numeric(table["anomaly score"]) for table in (one, all_)]
    np.testing.assert_allclose(*scores, rtol=1e-4)  # other batches, other rounding
    before = (home / "all.csv").read_bytes()
    command("merge", *parts, "--out=all.csv")
    assert (home / "all.csv").read_bytes() == before
    assert "in several files" in command("merge", parts[0], *parts, "--out=twice.csv")
    assert (home / "twice.csv").read_bytes() == before
    command("merge", *parts, "--out=all.parquet")
    table = pd.read_parquet(home / "all.parquet")
    assert table["anomaly score"].dtype == float and len(table) == len(all_)


def test_two_scores_of_one_photo_are_not_joined(tmp_path):
    for name, score in (("a.csv", "1.5"), ("b.csv", "2.5")):
        text = f"{','.join(bulk.COLUMNS)}\nOK/x.png,OK,OK,{score},\n"
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"one score, got 1.5, and 2.5 in .*b.csv"):
        bulk.merge([tmp_path / "a.csv", tmp_path / "b.csv"], tmp_path / "out.csv")
    with pytest.raises(DataError, match="no such file"):
        bulk.merge([tmp_path / "c.csv"], tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_share_is_not_continued_as_another(command):
    command("score", "line", "--name=lens", "--out=mine.csv", "--shard=1/9")
    said = command("score", "line", "--name=lens", "--out=mine.csv", "--shard=2/9", code=2)
    assert "another shard" in said
    command("score", "line", "--name=lens", "--out=mine.parquet", "--shard=1/9")
    grown = pd.read_csv("mine.csv", keep_default_na=False)
    assert pd.read_parquet("mine.parquet")["file name"].tolist() == grown["file name"].tolist()


def test_workers_write_the_file_of_one_process(home, client, serial, tmp_path):
    detector = wb.load(home / "models" / "lens")
    by = partial(bulk.score, model=home / "models" / "lens", client=client)
    bulk.score_folder(detector, home / "line", tmp_path / "out.csv", by=by)
    assert (tmp_path / "out.csv").read_bytes() == serial


def test_a_chunk_holds_whole_batches_so_that_its_borders_change_no_score(home):
    """The rounding of a convolution depends on how many images are computed at once."""

    class Here:
        """A client that does its work at once, and remembers how large the chunks were."""

        sizes = []

        def nthreads(self):
            return {"here": 1}

        def submit(self, work, task, pure):
            self.sizes.append(len(task))
            done = Future()
            done.set_result(work(task))
            return done

    model = home / "models" / "lens"
    together = wb.load(model).config.together
    paths = sorted((home / "line" / "OK").glob("부품*"))[: 5 * together + 1]
    for chunk in (1, together + 1, 3 * together):
        Here.sizes.clear()
        found = list(bulk.score(paths, model, client=Here(), chunk=chunk))
        assert found == list(bulk.score(paths, model))  # bit for bit
        *whole, last = Here.sizes
        assert whole and not any(size % together for size in whole)
        assert sum(whole) + last == len(paths)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_page_runs(home, client, serial, command, line, monkeypatch):
    for old, new in SMALLER.items():
        line = line.replace(old, new)
    line = line.replace("s3://bucket/line3", (home / "line").as_uri())
    _, *words = line.replace("ADDRESS", client.scheduler.address).split()
    whole = words[0] == "score" and "--dask" in words
    if whole:
        words += ["--out", "whole.csv"]
        (home / "whole.csv").unlink(missing_ok=True)
    if words[0] == "merge":
        command("score", "line", "--name=lens", "--out=piece-3.csv", "--shard=3/16")
    if words[0] == "train":
        monkeypatch.setenv("WORKBENCH_ENGINE", "torch")  # a graph of this model nobody needs
    assert command(*words, code=int(words[0] == "merge"))  # one share has gaps
    if whole:
        scores = (
            pd.read_csv(home / name, usecols=range(4)) for name in ("whole.csv", "serial.csv")
        )
        pd.testing.assert_frame_equal(*scores)


def test_the_python_of_the_page_runs(home, client):
    code = re.search(r"```python\n(.*?)```", PAGE, re.S)[1]
    for old, new in (
        ("tcp://scheduler:8786", client.scheduler.address),
        ("models/lens", str(home / "models" / "lens")),
        ("...", "found.append((source, score, error))"),
    ):
        code = code.replace(old, new)
    paths, found = sorted((home / "line" / "NG").iterdir())[:3], []
    exec(code, {"wb": wb, "paths": paths, "found": found})
    assert found == list(wb.bulk.score(paths, home / "models" / "lens"))


def test_a_task_that_kills_its_workers_is_given_up(client, monkeypatch):
    monkeypatch.setattr(client.cluster.scheduler, "allowed_failures", 1)
    with pytest.raises(DataError, match=r"2 workers died over one task; the log of tcp://"):
        list(bulk.in_order(client, os._exit, [9]))
    assert list(bulk.in_order(client, abs, [-1, 2])) == [(-1, 1), (2, 2)]  # others came


def test_a_model_that_workers_do_not_have_is_said_with_the_remedy(home, client, tmp_path):
    for model, identity, wrong in (
        (tmp_path, "", "holds no detector"),
        (home / "models" / "lens", "other", "holds another detector"),
    ):
        work = partial(bulk.scored_chunk, str(model), identity)
        with pytest.raises(ArtifactError, match=f"on a worker, .*{wrong}.*on every worker"):
            list(bulk.in_order(client, work, [("a.png",)]))


def test_addresses_of_other_stores_are_read(home, client, tmp_path):
    detector = wb.load(home / "models" / "lens")
    url = (home / "line").as_uri()
    by = partial(bulk.score, model=home / "models" / "lens", client=client)
    run = bulk.score_folder(detector, url, tmp_path / "far.csv", by=by)
    assert (run.scored, run.unreadable) == (200, 1)
    near = pd.read_csv(home / "serial.csv")
    far = pd.read_csv(tmp_path / "far.csv")
    pd.testing.assert_frame_equal(near.drop(columns="error"), far.drop(columns="error"))
    with pytest.raises(DataError, match="must be an address"):
        bulk.score_folder(detector, "nosuch://a", tmp_path / "x.csv")


def test_killed_workers_lose_and_double_nothing(home, serial, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "64")  # workers have their share of the cores instead
    chance, killed = random.Random(0), set()

    def kill(nannies):
        for _ in range(1200):  # until there is one that was not killed yet
            processes = [getattr(nanny, "process", None) for nanny in list(nannies.values())]
            alive = {process.pid for process in processes if process} - killed - {None}
            if alive:
                killed.add(pid := chance.choice(sorted(alive)))
                os.kill(pid, signal.SIGKILL)
                return
            time.sleep(0.1)
        pytest.fail("no worker came back")

    def scored(client, paths):
        when = chance.sample(range(200), 20)
        found = bulk.score(paths, home / "models" / "lens", client=client, chunk=4)
        for i, one in enumerate(found):
            if i in when:
                kill(client.cluster.workers)
            yield one

    detector = wb.load(home / "models" / "lens")
    with bulk.connected("local") as client:
        assert set(client.run(threads).values()) == {1}
        by = partial(scored, client)
        bulk.score_folder(detector, home / "line", tmp_path / "out.csv", by=by)
    assert len(killed) == 20
    assert (tmp_path / "out.csv").read_bytes() == serial


def test_a_scheduler_that_is_not_there_is_said():
    with pytest.raises(DataError, match="scheduler that answers"), bulk.connected("tcp://x"):
        pass


def test_the_page_quotes_what_was_measured():
    measured = (ROOT / "benchmarks" / "results" / "cluster.md").read_text("utf-8")
    told = re.findall(r"^\| [^|]+ \| ([$\d.]+) \|", measured, re.M)
    told += re.findall(r"[\d.]+ (?:TB|MB|Gbit)|[\d.]+(?= of them)", measured)
    assert len(told) == 12 and not [figure for figure in told if figure not in PAGE]
