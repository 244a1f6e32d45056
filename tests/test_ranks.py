"""Training by several ranks, in gloo processes, against one process."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from workbench import CSFlowConfig, CSFlowDetector
from workbench.csflow import Checkpoint, CrossScaleFlow, CSFlowNetwork
from workbench.csflow.alone import ALONE, Alone
from workbench.csflow.feature_cache import extract
from workbench.csflow.launch import launched
from workbench.csflow.training import train_flow
from workbench.errors import DataError

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "scale.md").read_text("utf-8")
EPOCHS = 4
SCRIPT = """
import json, os, sys

if "RANK" not in os.environ:
    from workbench.csflow.launch import launched
    try:
        sys.exit(launched(sys.argv, 2))
    except ValueError as error:
        sys.exit(str(error))
from tests.test_ranks import learned
from workbench.csflow.ranks import joined

with joined() as ranks:
    if "die" in sys.argv and ranks.rank == 1:  # in the third epoch; each has two sums
        add, calls = ranks.sum, []
        ranks.sum = lambda x: calls.append(len(calls) == 4 and os.kill(os.getpid(), 9)) or add(x)
    history = learned(ranks)
if ranks.rank == 0:
    print(json.dumps(history))
"""


def learned(ranks=ALONE, resume=False):
    """The history of a training on the photos of the current folder.

    Of 17 photos the last batch of 8 has one, for the first rank alone.
    """
    config = CSFlowConfig(
        image_size=128, hidden=8, kernels=(3,), epochs=EPOCHS, batch=8, altered=0.3,
        precision="float32",
    )  # fmt: skip
    photos = sorted(Path("line/OK").glob("*.png"))
    checkpoint = Checkpoint("checkpoint.pt", every=0, resume=resume)
    detector = CSFlowDetector(config).fit(
        photos[:17], photos[17:], checkpoint=checkpoint, ranks=ranks, progress=False
    )
    return detector.history


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
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("WORKBENCH_HOME", str(root))
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("TQDM_DISABLE", "1")
        patch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
        yield root


def run(*words):
    return subprocess.run([sys.executable, *words], capture_output=True, text=True)


def curve(epochs):
    return [(epoch["train_nll"], epoch["calibration_nll"]) for epoch in epochs]


@pytest.fixture(scope="module")
def one_by_eight(home):
    return curve(learned())


def test_one_process_imports_nothing_for_several():
    done = run(
        "-c",
        "import sys, workbench.cli.training, workbench.csflow.learning\n"
        "assert not {'workbench.csflow.ranks', 'workbench.csflow.launch'} & {*sys.modules}",
    )
    assert done.returncode == 0, done.stderr


def test_two_ranks_by_four_learn_what_one_by_eight_does(one_by_eight):
    done = run("train.py")
    assert done.returncode == 0, done.stderr
    two = curve(json.loads(done.stdout))
    np.testing.assert_allclose(two, one_by_eight, rtol=1e-5)
    assert len({nll for nll, _ in two}) == EPOCHS  # it learned


def test_a_rank_that_dies_ends_all_and_any_number_goes_on(home, one_by_eight):
    died = run("train.py", "die")
    assert died.returncode == 1 and not died.stdout
    (line,) = died.stderr.splitlines()
    assert line.startswith("rank 1 of 2 ended (SIGKILL); train again with --resume")
    saved = torch.load("checkpoint.pt", weights_only=True)["state"]["history"]
    assert len(saved) in (1, 2)  # a slow disk is written to less often
    resumed = learned(resume=True)
    assert resumed[: len(saved)] == saved  # with their seconds: not trained again
    np.testing.assert_allclose(curve(resumed), one_by_eight, rtol=1e-5)


@pytest.mark.parametrize(
    ("rank_0", "rank_1", "code", "said"),
    [
        ("0", "0", 0, ""),
        ("'no room'", "'no room'", 1, "no room"),  # by the first, once
        ("time.sleep(60)", "'no room'", None, "rank 1 of 2 ended (no room); train again with"),
        ("time.sleep(60)", "os.abort()", None, "rank 1 of 2 ended (SIGABRT); train again with"),
    ],
)
def test_the_first_rank_that_ends_badly_is_named(rank_0, rank_1, code, said, capfd):
    one = f"import os, sys, time; sys.exit([lambda: {rank_0}, lambda: {rank_1}]"
    words = ["-c", f"{one}[int(os.environ['RANK'])]())"]
    if code is None:
        with pytest.raises(DataError, match=re.escape(said)):
            launched(words, 2)
    else:
        assert launched(words, 2) == code
        assert capfd.readouterr().err.strip() == said


def test_ranks_share_the_cores(monkeypatch, capfd):
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    assert launched(["-c", "import os; print(os.environ['OMP_NUM_THREADS'])"], 2) == 0
    assert int(capfd.readouterr().out) == max(1, os.cpu_count() // 2)


def trained(home, name, command):
    """Run a command of docs/scale.md on small photos; the manifest of the model."""
    words = command.replace("LINE3 --name lens", f"line --name {name} --size 128 --epochs 1")
    module = {"workbench": "workbench.cli", "torchrun": "torch.distributed.run"}
    start, *words = words.split()
    done = run("-m", module[start], *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"saved models/{name}") == 1  # by the first rank alone
    return json.loads((home / "models" / name / "detector.json").read_text("utf-8"))


def test_ranks_are_started_by_the_command_or_by_torchrun(home):
    lines = re.findall(r"^(?:torchrun|workbench).*(?:--ranks|csflow\.train).*", PAGE, re.M)
    by_command, by_torchrun = (line for line in lines if "# run by hand" not in line)
    two, three = trained(home, "two", by_command), trained(home, "three", by_torchrun)
    for name in ("train_nll", "held_out_nll"):
        assert two["history"][0][name] == pytest.approx(three["history"][0][name])


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (["--ranks=2", "--seeds=2"], "share one training on photos"),
        (["--dask=2"], "trains several seeds"),
    ],
)
def test_ranks_that_cannot_be_are_refused_in_one_line(home, options, wrong):
    refused = run("-m", "workbench.cli", "train", "line", "--name=four", *options)
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


@pytest.mark.parametrize(("ranks", "others"), [(2, [9, 9]), (3, [8, 8])])
def test_ranks_of_other_images_or_without_an_image_are_refused(ranks, others):
    class Last(Alone):
        rank, size = ranks - 1, ranks

        def first(self, value):
            return others if isinstance(value, list) else value

    ones = [torch.ones(8, 4, 8, 8), torch.ones(8, 4, 4, 4)]
    flow = CrossScaleFlow(4, kernels=(3,), hidden=2, scales=2)
    config = CSFlowConfig(scales=2, epochs=1, batch=2)
    wrong = f"the same images and one of each batch of 2, got 8 images and {ranks} ranks"
    with pytest.raises(DataError, match=wrong):
        train_flow(flow, torch.nn.Identity(), ones, ones, config, ranks=Last(), progress=False)
