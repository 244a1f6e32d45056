"""Training by several ranks, in gloo processes, against one process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from workbench import CSFlowConfig
from workbench.csflow import CrossScaleFlow, CSFlowNetwork
from workbench.csflow.alone import Alone
from workbench.csflow.feature_cache import extract
from workbench.csflow.training import train_flow
from workbench.errors import DataError

pytestmark = pytest.mark.slow
EPOCHS = 4
# 17 photos: the last batch of 8 has one, for the first rank alone
SCRIPT = f"""
import json, os, signal, sys
from contextlib import nullcontext
from pathlib import Path
import workbench as wb
from workbench.csflow.alone import ALONE

count, resume, die = int(sys.argv[1]), "resume" in sys.argv, "die" in sys.argv
if count > 1:
    from workbench.csflow.ranks import joined, launched
    if "RANK" not in os.environ:
        try:
            sys.exit(launched(sys.argv, count))
        except ValueError as error:
            sys.exit(str(error))
config = wb.CSFlowConfig(image_size=128, hidden=8, kernels=(3,), epochs={EPOCHS}, batch=8,
                         altered=0.3, precision="float32")
photos = sorted(Path("line/OK").glob("*.png"))
checkpoint = wb.csflow.Checkpoint("checkpoint.pt", every=0, resume=resume)
with joined() if count > 1 else nullcontext(ALONE) as ranks:
    if die and ranks.rank == 1:  # in the third epoch; each has two sums
        add, calls = ranks.sum, []
        ranks.sum = lambda x: calls.append(len(calls) == 4 and os.kill(os.getpid(), 9)) or add(x)
    detector = wb.CSFlowDetector(config)
    detector.fit(photos[:17], photos[17:], checkpoint=checkpoint, ranks=ranks, progress=False)
if ranks.rank == 0:
    print(json.dumps(detector.history))
    loaded = {{"workbench.csflow.ranks"}} & set(sys.modules)
    assert bool(loaded) == (count > 1)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory, photos):
    root = tmp_path_factory.mktemp("ranks")
    (root / "notebooks").mkdir()
    (root / "models").mkdir()
    (root / "line" / "OK").mkdir(parents=True)
    for i in range(20):
        picture = Image.fromarray(photos[0][i % len(photos[0])])
        picture.putpixel((i, 0), (255, 0, i))
        picture.save(root / "line" / "OK" / f"{i:02}.png")
    (root / "train.py").write_text(SCRIPT)
    return root


def run(home, *words):
    fixed = {"WORKBENCH_HOME": str(home), "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    return subprocess.run(
        [sys.executable, *map(str, words)], cwd=home, env=os.environ | fixed,
        capture_output=True, text=True,
    )  # fmt: skip


def history(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def curve(epochs):
    return [(epoch["train_nll"], epoch["calibration_nll"]) for epoch in epochs]


@pytest.fixture(scope="module")
def one_by_eight(home):
    return curve(history(run(home, "train.py", 1)))


def test_two_ranks_by_four_learn_what_one_by_eight_does(home, one_by_eight):
    two = curve(history(run(home, "train.py", 2)))
    np.testing.assert_allclose(two, one_by_eight, rtol=1e-5)
    assert len({nll for nll, _ in two}) == EPOCHS  # it learned


def test_a_rank_that_dies_ends_all_and_any_number_goes_on(home, one_by_eight):
    died = run(home, "train.py", 2, "die")
    assert died.returncode == 1 and not died.stdout
    (line,) = died.stderr.splitlines()
    assert line.startswith("rank 1 of 2 ended (SIGKILL); train again with --resume")
    saved = torch.load(home / "checkpoint.pt", weights_only=True)["state"]
    assert len(saved["history"]) in (1, 2)  # a slow disk is written to less often
    resumed = history(run(home, "train.py", 1, "resume"))
    assert (
        resumed[: len(saved["history"])] == saved["history"]
    )  # with their seconds: not trained again
    np.testing.assert_allclose(curve(resumed), one_by_eight, rtol=1e-5)


def trained(home, name, command):
    """Run a command of docs/scale.md on small photos; the manifest of the model."""
    assert command in (Path(__file__).parents[1] / "docs" / "scale.md").read_text("utf-8")
    words = command.replace("LINE3 --name lens", f"line --name {name} --size 128 --epochs 1")
    module = {"workbench": "workbench.cli", "torchrun": "torch.distributed.run"}
    start, *words = words.split()
    done = run(home, "-m", module[start], *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"saved models/{name}") == 1  # by the first rank alone
    return json.loads((home / "models" / name / "detector.json").read_text("utf-8"))


def test_ranks_are_started_by_the_command_or_by_torchrun(home):
    two = trained(home, "two", "workbench train LINE3 --name lens --ranks 2")
    torchrun = "torchrun --standalone --nproc-per-node 2 -m workbench.csflow.train"
    three = trained(home, "three", f"{torchrun} LINE3 --name lens")
    for name in ("train_nll", "held_out_nll"):
        assert two["history"][0][name] == pytest.approx(three["history"][0][name])


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (["--ranks=3", "--size=128"], "one of each batch of 2, got"),
        (["--ranks=2", "--seeds=2"], "share one training on photos"),
        (["--dask=2"], "trains several seeds"),
    ],
)
def test_ranks_that_cannot_be_are_refused_in_one_line(home, options, wrong):
    refused = run(home, "-m", "workbench.cli", "train", "line", "--name=four", *options)
    assert refused.returncode == 2 and refused.stderr.count(wrong) == 1
    assert not (home / "models" / "four").exists()


def test_each_rank_extracts_a_share_and_takes_the_rest_from_the_cache(
    home, tiny_config, tmp_path, monkeypatch
):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "models").mkdir()
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    photos = sorted((home / "line" / "OK").glob("*.png"))[:16]
    network, batches = CSFlowNetwork(tiny_config), []  # of four
    network.pyramid.register_forward_hook(lambda *_: batches.append(1))

    def features(ranks, cache=True):
        return extract(photos, network, tiny_config, "", False, cache, ranks=ranks)[1]

    class Second(Alone):
        rank, size = 1, 2

    class First(Alone):
        rank, size = 0, 2

        def wait(self):
            if len(batches) == 2:  # its share is done, and the other rank has come as far
                features(Second())

    by_two = features(First())
    assert len(batches) == 4
    alone = features(Alone(), cache=False)
    assert all(torch.equal(x, y) for x, y in zip(by_two, alone, strict=True))


def test_ranks_that_read_other_images_are_refused():
    class Second(Alone):
        rank, size = 1, 2

        def first(self, value):
            return [9, 9] if isinstance(value, list) else value

    ones = [torch.ones(8, 4, 8, 8), torch.ones(8, 4, 4, 4)]
    flow = CrossScaleFlow(4, kernels=(3,), hidden=2, scales=2)
    config = CSFlowConfig(scales=2, epochs=1, batch=2)
    with pytest.raises(DataError, match="all ranks need the same images .* got 8 images"):
        train_flow(flow, torch.nn.Identity(), ones, ones, config, ranks=Second(), progress=False)
