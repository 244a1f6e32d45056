import pytest

from workbench import demo, workspace
from workbench.data import make_samples
from workbench.errors import ArtifactError


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


def test_a_sample_model_is_trained_once_and_says_what_it_is(home, monkeypatch):
    import workbench

    make_samples("lens", home / "data" / "lens", ok=8, ng=2, size=64)
    tiny = workbench.CSFlowConfig(image_size=128, hidden=8, kernels=(3,), epochs=1)
    monkeypatch.setattr(workbench.csflow.CSFlowConfig, "preset", lambda *a, **k: tiny)
    monkeypatch.setattr("workbench.detectors.image.CSFlowConfig", lambda **k: tiny)
    first = demo.ensure_model("lens")
    assert first.data["note"] == "generated sample data, for demo and tests only"
    monkeypatch.setattr(demo, "_train", lambda name: pytest.fail("trained again"))
    assert demo.ensure_model("lens").threshold == first.threshold


def test_an_unfinished_part_is_named_and_the_rest_is_done(home, monkeypatch):
    monkeypatch.setattr(demo, "SAMPLES", ("nothing",))
    with pytest.raises(RuntimeError, match="1 parts of the demo failed: train nothing"):
        demo.run(jobs=1)
    assert workspace.report("index.html").exists()
