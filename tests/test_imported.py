"""Old checkpoints as detectors: their numbers, what they need, and all that follows."""

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from tests import originals
from tests.conftest import photo
from workbench import ArtifactError, CSFlowConfig, artifacts, cli, load_images, metrics
from workbench.csflow import SIMULATOR_THRESHOLDS, read_original
from workbench.csflow.original.importer import import_original

# a checkpoint that was imported without photos has none to check its graph on
UNCHECKED = "ignore:the ONNX graph was compared with torch on two drawn images only"
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings(UNCHECKED)]

LITE = {"backbone": "efficientnet-lite0", "block": 14}  # 192 channels
RANDOM = {"backbone": "efficientnet-b0", "block": 3, "weights": "random"}


def checkpoint(folder, channels, kernels=(5,), map_size=(4, 4), form=lambda net: net):
    with originals.module() as freia:
        net = freia.ReversibleGraphNet(channels, kernels, 6, map_size=map_size)
        originals.perturbed(net)
        with torch.no_grad():  # features are larger than noise: keep the flow near its start
            for name, parameter in net.named_parameters():
                parameter.mul_(0.05 if "conv" in name else 1)
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(form(net), folder / "old.pt")
    return folder / "old.pt"


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    return checkpoint(tmp_path_factory.mktemp("old"), 192)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "lens"
    for label, count in (("OK", 12), ("NG", 4)):
        (root / label).mkdir(parents=True)
        for i in range(count):
            image = Image.fromarray(photo(i, defect=label == "NG"))
            image.save(root / label / f"{label.lower()}_{i:02}.png")
    return root


def test_the_presets_hold_the_numbers_of_paper_and_simulator():
    assert SIMULATOR_THRESHOLDS == {"SMT": 1.192936, "lens": 3.077919, "flex": 1.5589128}
    simulator = CSFlowConfig.preset("simulator")
    assert (simulator.backbone, simulator.block) == ("efficientnet-b5", 35)
    assert (simulator.image_size, simulator.kernels, simulator.hidden) == (512, (5,), 512)


def test_scores_are_those_of_the_original_on_the_original_features(old):
    """Preprocessing, features, flow and score, each step by the original's own means."""
    from torchvision import transforms

    detector = import_original(old, threshold="lens", **LITE)
    assert detector.config.image_size == 128  # 4 cells of 32 pixels, as the file says
    image = photo(3, defect=True)
    whole = transforms.Compose([transforms.Resize((128, 128)), transforms.ToTensor()])
    pixels = whole(Image.fromarray(image))[None]
    with originals.module(), torch.no_grad():
        net, backbone = torch.load(old, weights_only=False), detector.network.backbone
        xs = [
            backbone(torch.nn.functional.interpolate(pixels, size=(128 >> k,) * 2))
            for k in range(3)
        ]
        energy = torch.cat([z.flatten() for z in net(xs)[0]]).double() ** 2 / 2
    for score, value in (("std", energy.std(correction=0)), ("mean", energy.mean())):
        one = import_original(old, threshold=1.0, score=score, **LITE)
        assert one.score([image])[0] == pytest.approx(float(value), rel=1e-5)


def test_thresholds_by_name_by_number_and_from_held_out_photos(old, parts):
    for name, value in SIMULATOR_THRESHOLDS.items():
        limit = import_original(old, threshold=name.lower(), **LITE).threshold
        assert limit == value and limit.source == f"the simulator's for {name}"
    assert import_original(old, threshold="2.5", **LITE).threshold == 2.5
    detector = import_original(old, calibration=load_images(parts), **LITE)
    assert len(detector.calibration_scores) == 10  # 12 good ones, 2 of them test
    assert detector.threshold == metrics.threshold(detector.calibration_scores, q=99)
    assert detector.heat_range[0] < detector.heat_range[1]
    assert len(detector.parts().test) == 6 and len(detector.parts().calibration) == 10
    both = import_original(
        old, threshold=7, heat_range=(1, 2), calibration=load_images(parts), **LITE
    )
    assert (both.threshold, both.heat_range) == (7, (1, 2))


@pytest.mark.parametrize(
    "changes, message",
    [
        ({}, r"needs a threshold: .*SMT, lens, flex.*--threshold or --data"),
        ({"threshold": "glass"}, "threshold must be a number or one of SMT, lens, flex"),
        ({"threshold": "lens", "score": "mean"}, 'are for its score "std"'),
        ({"threshold": 1, "block": 3}, "must have 192 channels, got 40 .*take block 11 or 12 or"),
        (
            {"threshold": 1, "backbone": "efficientnet-b3", "block": None},
            "got 232 from block 23 of efficientnet-b3; no block of it has",
        ),
        ({"threshold": 1, "image_size": 300}, "take 256 or 384"),
        ({"threshold": 1, "preset": "papers"}, "preset must be one of"),
        ({"threshold": 1, "preset": "lite"}, "trained elsewhere must be .*, got calibrated; take"),
    ],
)
def test_what_does_not_fit_says_what_does(old, changes, message):
    with pytest.raises(ValueError, match=message):
        import_original(old, **(LITE | changes))


def test_saved_and_loaded_it_scores_the_same_bit_for_bit(tmp_path):
    path = checkpoint(tmp_path, 40, kernels=(3, 5), form=lambda net: net.state_dict())
    detector = import_original(path, threshold=1.5, image_size=64, **RANDOM)
    again = artifacts.load(artifacts.save(detector, tmp_path / "models" / "old"))
    images = [photo(i) for i in range(3)]
    np.testing.assert_array_equal(again.score(images), detector.score(images))
    assert (again.config, again.threshold, again.data) == (
        detector.config, detector.threshold, detector.data,
    )  # fmt: skip
    assert again.config.kernels == (3, 5) and again.data["imported"]["file"] == "old.pt"
    flow = read_original(path)
    assert all(
        torch.equal(value, again.build_network().flow.state_dict()[name])
        for name, value in flow.state_dict().items()
    )


def test_the_weights_file_is_remembered_and_else_found_by_its_hash(tmp_path, monkeypatch):
    from efficientnet_pytorch import EfficientNet

    path = checkpoint(tmp_path, 40)
    torch.manual_seed(1)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("WORKBENCH_WEIGHTS", raising=False)
    file = tmp_path / "elsewhere.pth"
    torch.save(EfficientNet.from_name("efficientnet-b0").state_dict(), file)
    detector = import_original(path, threshold=1, image_size=64, **(RANDOM | {"weights": file}))
    folder = artifacts.save(detector, tmp_path / "models" / "old")
    expected = detector.score([photo(0)])
    np.testing.assert_array_equal(artifacts.load(folder).score([photo(0)]), expected)

    other = tmp_path / "weights"
    other.mkdir()
    file.rename(other / "efficientnet-b0-mine.pth")
    monkeypatch.setenv("WORKBENCH_WEIGHTS", str(other))
    np.testing.assert_array_equal(artifacts.load(folder).score([photo(0)]), expected)

    torch.save(
        {k: v + 1 for k, v in EfficientNet.from_name("efficientnet-b0").state_dict().items()},
        other / "efficientnet-b0-mine.pth",
    )
    with pytest.raises(ArtifactError, match=r"must have sha256 .*read from .*elsewhere\.pth"):
        artifacts.load(folder, engine="torch")


def test_import_evaluate_simulator_and_report(tmp_path, old, parts, monkeypatch):
    from workbench import InspectionSession, reports, ui

    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    run = CliRunner().invoke
    common = ["import", str(old), "--backbone", "efficientnet-lite0"]

    done = run(cli.app, [*common, "--name", "lens"])
    assert done.exit_code == 0, done.output
    assert "3.078: the simulator's for lens" in done.output
    with pytest.raises(ValueError, match="needs a threshold"):
        run(cli.app, [*common, "--name", "part"], catch_exceptions=False)

    done = run(cli.app, [*common, "--name", "part", "--data", str(parts)])
    assert done.exit_code == 0, done.output
    assert "percentile (q=99.0) of 10 scores" in done.output
    done = run(cli.app, ["evaluate", str(parts / "NG" / "ng_00.png"), "--name", "part"])
    assert done.exit_code == 0 and "score" in done.output, done.output

    detector = artifacts.load(tmp_path / "models" / "part")
    session = InspectionSession(detector, detector.parts().test, results=tmp_path / "r.csv")
    ui.Simulator(session)
    report = reports.ImageReport("part", detector, detector.parts())
    assert report.metrics["n"] == 6 and report.metrics["epochs"] == 0
    report.training(), report.setting(), report.origins()


def test_an_import_without_a_folder_says_so_where_one_is_needed(old):
    detector = import_original(old, threshold="lens", **LITE)
    with pytest.raises(ValueError, match="imported; train from a folder, or import with --data"):
        detector.parts()
    assert detector.heat_range == (0.5, 0.5 + 2 * 3.077919)


def test_a_checkpoint_of_something_else_ends_the_import(tmp_path):
    path = tmp_path / "old.pt"
    torch.save(torch.nn.Linear(2, 2).state_dict(), path)
    with pytest.raises(ArtifactError, match="keys like weight"):
        import_original(path, threshold=1, **LITE)
