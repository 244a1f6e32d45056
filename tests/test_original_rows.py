"""Autoencoder checkpoints of other programs: their own numbers, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import workbench as wb
from workbench.autoencoder import AutoEncoder, from_weights, read_original
from workbench.autoencoder.original import adopt
from workbench.errors import ArtifactError

DATA = Path(__file__).parent / "data"


class Other(nn.Module):
    """As other programs write it: float32, any sizes, dropout between the layers."""

    def __init__(self, sizes=(4, 6, 3, 2), back=(2, 5, 4), activation=nn.ReLU):
        super().__init__()
        self.encoder = self.stack(sizes, activation)
        self.decoder = self.stack(back, activation)

    @staticmethod
    def stack(sizes, activation):
        layers = []
        for a, b in zip(sizes, sizes[1:], strict=False):
            layers += [nn.Linear(a, b), activation(), nn.Dropout(0.1)]
        return nn.Sequential(*layers[:-2])

    def forward(self, x):
        return self.decoder(self.encoder(x))


@pytest.fixture
def saved(tmp_path):
    def save(what):
        torch.save(what, tmp_path / "model.pth")
        return tmp_path / "model.pth"

    return save


def rows(n=200, columns=4):
    return np.random.default_rng(0).normal(size=(n, columns))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda d: d,
        lambda d: {"state_dict": d, "epoch": 3},
        lambda d: {f"module.{k}": v for k, v in d.items()},
    ],
)
def test_any_sizes_give_the_numbers_of_the_original(saved, wrap):
    torch.manual_seed(0)
    other = Other().eval()
    network = read_original(saved(wrap(other.state_dict())))
    assert [m.out_features for m in network.modules() if hasattr(m, "out_features")] == [
        6,
        3,
        2,
        5,
        4,
    ]
    x = torch.from_numpy(rows())
    expected = other(x.float()).double()
    torch.testing.assert_close(network(x), expected, rtol=1e-5, atol=1e-6)


def test_float32_rows_and_float64_rows_are_answered_alike(saved):
    torch.manual_seed(0)
    network = read_original(saved(Other().state_dict()))
    single, double = rows().astype(np.float32), rows().astype(np.float32).astype(np.float64)
    found, expected = network(torch.from_numpy(single)), network(torch.from_numpy(double))
    assert found.dtype == torch.float64 and torch.equal(found, expected)


def test_another_activation_can_be_named(saved):
    other = Other(activation=nn.Tanh).eval()
    x = torch.from_numpy(rows())
    network = read_original(saved(other.state_dict()), activation="tanh")
    torch.testing.assert_close(network(x), other(x.float()).double(), rtol=1e-5, atol=1e-6)


def test_the_sample_gives_its_own_numbers_and_is_dead():
    sample = np.load(DATA / "autoencoder-original.npz")
    network = wb.autoencoder.read_original(DATA / "autoencoder-original.pth")
    found = network(torch.from_numpy(sample["x"]).double()).detach().numpy()
    np.testing.assert_allclose(found, sample["reconstruction"], rtol=1e-6)
    with pytest.warns(UserWarning, match=r"autoencoder-original.pth is dead: .* the same for"):
        detector = adopt(wb.AutoEncoderDetector, DATA / "autoencoder-original.pth", rows(100, 3))
    np.testing.assert_allclose(detector.score(sample["x"]), sample["error"], rtol=1e-6)
    assert detector.data["dead"] is True


def test_a_detector_of_a_checkpoint_is_saved_and_judges(saved, tmp_path):
    torch.manual_seed(1)
    detector = adopt(wb.AutoEncoderDetector, saved(Other().state_dict()), rows())
    assert (len(detector.calibration_scores), detector.history, detector.data["dead"]) == (
        30,
        [],
        False,
    )
    assert detector.threshold == wb.metrics.threshold(detector.score(rows()[170:]), q=99)
    twin = wb.load(wb.save(detector, tmp_path / "pump"))
    np.testing.assert_array_equal(twin.score(rows()), detector.score(rows()))
    assert twin.data["original"] == "model.pth"


def test_rows_of_another_width_are_refused(saved):
    with pytest.raises(ValueError, match="rows need 4 columns as model.pth has inputs, got 3"):
        adopt(wb.AutoEncoderDetector, saved(Other().state_dict()), rows(100, 3))


class Evil:
    """Would leave a file if it were ever unpickled."""

    def __reduce__(self):
        return (open, ("unpickled", "w"))


@pytest.mark.parametrize("module", [Other(), {"model": Evil()}])
def test_pickled_objects_are_refused_with_a_way_out(saved, module, monkeypatch, tmp_path):
    path = saved(module)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtifactError, match=r"torch.save\(model.state_dict\(\)"):
        read_original(path)
    assert not (tmp_path / "unpickled").exists()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({}, "no encoder in it, only nothing"),
        ({"a": torch.zeros(2)}, "no encoder in it, only a"),
        ({"encoder.0.weight": torch.zeros(2)}, "Linear layers with bias"),
        (Other(back=(2, 5, 3)).state_dict(), "back to the 4 inputs"),
        (Other(sizes=(4, 3)).state_dict(), "back to the 4 inputs"),
        ([1, 2], "got list"),
    ],
)
def test_other_weights_are_refused(saved, weights, message):
    with pytest.raises(ArtifactError, match=message):
        read_original(saved(weights))


def test_no_file_and_no_checkpoint(tmp_path):
    with pytest.raises(ArtifactError, match="there is no such file"):
        read_original(tmp_path / "absent.pth")
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(ArtifactError, match="text.pth must be"):
        read_original(tmp_path / "text.pth")


def test_weights_alone_rebuild_a_network():
    network = AutoEncoder(5, (4, 3), 2, decoder=(6,))
    network.mean.copy_(torch.from_numpy(rows(50, 5).mean(0)))
    twin = from_weights(network.state_dict())
    x = torch.from_numpy(rows(20, 5))
    assert torch.equal(network(x), twin(x)) and torch.equal(network.mean, twin.mean)
