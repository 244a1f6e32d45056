import os
from dataclasses import dataclass

import pytest

from workbench import CSFlowConfig, CSFlowDetector, demo, workspace
from workbench.errors import ArtifactError
from workbench.samples import make_samples


@dataclass(frozen=True)
class TinyConfig(CSFlowConfig):
    image_size: int = 128
    hidden: int = 8
    kernels: tuple[int, ...] = (3,)
    epochs: int = 1


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    return tmp_path


def test_data_of_ones_own_is_left_alone_even_under_a_samples_name(home):
    (home / "data" / "lens" / "OK").mkdir(parents=True)
    assert demo.ensure_data("lens") == home / "data" / "lens"
    assert not list((home / "data" / "lens" / "OK").iterdir())


def test_only_samples_are_trained_on_demand(home):
    with pytest.raises(ArtifactError, match="train one: workbench train FOLDER --name press"):
        demo.ensure_model("press")


@pytest.mark.slow
def test_a_sample_model_is_trained_once_and_says_what_it_is(home, monkeypatch):
    make_samples("lens", home / "data" / "lens", ok=8, ng=2, size=64)
    monkeypatch.setattr("workbench.csflow.detector.CSFlowConfig", TinyConfig)
    first = demo.ensure_model("lens")
    assert first.data["note"] == "generated sample data, for demo and tests only"
    monkeypatch.setattr(CSFlowDetector, "fit", lambda *_: pytest.fail("trained again"))
    assert demo.ensure_model("lens").threshold == first.threshold


@pytest.mark.slow
def test_an_unfinished_part_is_named_and_the_rest_is_done(home, monkeypatch):
    monkeypatch.setattr(demo, "SAMPLES", ("nothing",))
    with pytest.raises(RuntimeError, match="1 parts of the demo failed: train nothing"):
        demo.run(jobs=1)
    assert workspace.report("index.html").exists()


@pytest.mark.slow
def test_bars_and_threads_of_the_caller_are_as_before(home, monkeypatch):
    monkeypatch.setattr(demo, "SAMPLES", ("nothing",))
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with pytest.raises(RuntimeError):
        demo.run(jobs=1)
    assert "TQDM_DISABLE" not in os.environ and os.environ["OMP_NUM_THREADS"] == "3"
