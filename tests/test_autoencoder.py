"""The autoencoder: its arithmetic by hand, what it finds, and what it refuses."""

import json
import math
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from workbench import metrics, progress
from workbench.autoencoder import AutoEncoder, AutoEncoderConfig, training
from workbench.autoencoder.detector import AutoEncoderDetector
from workbench.autoencoder.scoring import STILL_LIMIT
from workbench.data import load_rows
from workbench.errors import NotFittedError

NAMES = ("temp", "vibration", "pressure")
QUICK = AutoEncoderConfig(layers=(8,), epochs=5)
COPIER = AutoEncoderConfig(layers=(8,), epochs=5, score="reconstruction")


def normal_rows(n=300, seed=0):
    """Three sensors in very different units that follow one load."""
    random = np.random.default_rng(seed)
    load = random.normal(size=n)
    noise = 0.1 * random.normal(size=(n, 3))
    return (np.stack([load, -load, load], axis=1) + noise) * [10, 0.01, 1e5] + [25, 0.1, 1e6]


def broken_rows(n=300, seed=1):
    """Each sensor on its own looks normal; only the vibration no longer follows the load."""
    rows = normal_rows(n, seed)
    rows[:, 1] = np.random.default_rng(seed).permutation(rows[:, 1])
    return rows


@pytest.fixture(scope="module")
def detector():
    frame = pd.DataFrame(normal_rows(), columns=NAMES)
    return AutoEncoderDetector(QUICK).fit(frame, progress=False)


# the network


def test_layers_mirror_each_other_with_relu_between():
    network = AutoEncoder(5, (4, 3), 2)
    kinds = [type(module).__name__ for module in network.encoder]
    assert kinds == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]
    assert [m.out_features for m in network.encoder[::2]] == [4, 3, 2]
    assert [m.out_features for m in network.decoder[::2]] == [3, 4, 5]


def test_network_by_hand():
    network = AutoEncoder(2, (), 1)
    with torch.no_grad():
        network.encoder[0].weight.copy_(torch.tensor([[1.0, 2.0]]))
        network.encoder[0].bias.fill_(1)
        network.decoder[0].weight.copy_(torch.tensor([[1.0], [-1.0]]))
        network.decoder[0].bias.zero_()
    z = torch.tensor([[1.0, 1.0]], dtype=torch.float64)
    assert network(z).tolist() == [[4.0, -4.0]]  # code 1 + 2 + 1


def test_a_reconstruction_score_and_its_blame_by_hand():
    detector = AutoEncoderDetector(COPIER).fit(normal_rows(), progress=False)
    network, row = detector.network, np.array([[30.0, 0.2, 1.1e6]])
    rows = normal_rows()[:255]  # 300 less the last 15 %
    z = (row - rows.mean(0)) / rows.std(0)
    error = z - network(torch.from_numpy(z)).detach().numpy()
    np.testing.assert_allclose(detector.score(row), np.sqrt((error**2).sum(1)))
    np.testing.assert_allclose(detector.blame(row), error**2 / (error**2).sum())


def test_a_linear_network_scores_by_the_mahalanobis_distance(detector):
    assert detector.data["size"]["layers"] == [] and detector.data["size"]["width"] == 1
    rows, other = normal_rows()[:255], np.vstack([normal_rows(seed=2), broken_rows()])
    off = other - rows.mean(0)
    inverse = np.linalg.inv(np.cov(rows.T, bias=True))
    expected = np.sqrt(np.einsum("ni,ij,nj->n", off, inverse, off))
    np.testing.assert_allclose(detector.score(other), expected, rtol=1e-9)
    # by how much the square falls without one sensor: the distance by the others alone
    without = np.empty((len(other), 3))
    for i in range(3):
        some = [j for j in range(3) if j != i]
        smaller = np.linalg.inv(np.cov(rows[:, some].T, bias=True))
        without[:, i] = np.einsum("ni,ij,nj->n", off[:, some], smaller, off[:, some])
    falls = expected[:, None] ** 2 - without
    np.testing.assert_allclose(
        detector.blame(other), falls / falls.sum(1, keepdims=True), atol=1e-9
    )


def test_what_was_expected_is_in_raw_units_and_ignores_the_broken_sensor(detector):
    load = 0.5
    row = np.array([load, -load, load]) * [10, 0.01, 1e5] + [25, 0.1, 1e6]
    found = detector.evaluate_one(row).reconstruction
    np.testing.assert_allclose([found[name] for name in NAMES], row, rtol=0.03)
    broken = row + [0, 0.05, 0]
    assert detector.evaluate_one(broken).reconstruction["vibration"] == pytest.approx(
        found["vibration"], rel=1e-6
    )


# what it finds


def test_finds_a_broken_correlation_and_blames_its_sensor(detector):
    rows = normal_rows(seed=3)
    rows[:, 1] += 2 * rows[:, 1].std() * np.random.default_rng(0).choice([-1, 1], size=300)
    scores = np.append(detector.score(normal_rows(seed=2)), detector.score(rows))
    assert metrics.auroc(scores, np.arange(600) >= 300) > 0.999
    assert (detector.score(rows) >= detector.threshold).mean() > 0.99
    assert (detector.blame(rows).argmax(1) == 1).mean() > 0.99


def curved_rows(n=600, seed=0):
    """Five sensors that follow two causes along curves, and 5 % noise."""
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(2, n))
    rows = np.stack([a, b, np.sin(2 * a) + b, a * b, np.cos(b) - a], axis=1)
    return rows + 0.05 * random.normal(size=rows.shape)


@pytest.mark.slow
def test_a_network_finds_what_a_covariance_cannot_see():
    rows, normal = curved_rows(), curved_rows(seed=1)
    broken = curved_rows(seed=2)
    at, of = np.arange(len(broken)), np.random.default_rng(0).integers(5, size=len(broken))
    broken[at, of] += rows.std(0)[of]
    detector = AutoEncoderDetector(AutoEncoderConfig(epochs=20)).fit(rows, progress=False)
    assert detector.data["size"]["layers"] and "more probable" in detector.data["size"]["reason"]
    scores = np.append(detector.score(normal), detector.score(broken))
    linear = rows[:510] - rows[:510].mean(0)
    inverse = np.linalg.inv(linear.T @ linear / 510)
    off = np.vstack([normal, broken]) - rows[:510].mean(0)
    plain = np.einsum("ni,ij,nj->n", off, inverse, off)
    labels = np.arange(1200) >= 600
    assert metrics.auroc(scores, labels) > max(0.97, metrics.auroc(plain, labels) + 0.05)
    assert (detector.blame(broken).argmax(1) == of).mean() > 0.8


def test_rows_of_two_kinds_have_nothing_normal_between_them():
    random = np.random.default_rng(0)
    rows = 0.1 * random.normal(size=(600, 3)) + random.choice([-1, 1], size=(600, 1))
    detector = AutoEncoderDetector(QUICK).fit(rows, progress=False)
    assert detector.data["size"]["width"] < 1
    assert detector.evaluate_one([0.0, 0.0, 0.0]).is_anomaly  # the mean
    assert not detector.evaluate_one([1.0, 1.0, 1.0]).is_anomaly
    # brute force: the mean of the densities about the centres that were kept, in all digits
    weights, known = detector.weights, detector.weights["density.centres"].astype(float)
    assert 1 < len(known) <= 256
    z = (rows - weights["mean"]) / weights["scale"] - weights["density.middle"]
    far = ((z @ weights["density.matrix"])[:, None] - known) ** 2
    expected = np.sqrt(-2 * np.log(np.exp(-0.5 * far.sum(-1)).mean(1)))
    np.testing.assert_allclose(detector.score(rows), expected, rtol=1e-4)
    # an earlier version kept all digits, and more of the centres
    state, arrays = detector.state()
    old = AutoEncoderDetector.from_state(state, arrays | {"density.centres": known})
    np.testing.assert_allclose(old.score(rows), expected, rtol=1e-9)
    np.testing.assert_allclose(detector.score(9 * rows), old.score(9 * rows), rtol=1e-4)  # far off
    np.testing.assert_allclose(detector.score([[1e30] * 3]), old.score([[1e30] * 3]), rtol=1e-4)


def test_a_bottleneck_in_the_configuration_decides():
    config = AutoEncoderConfig(bottleneck=1, layers=(6,), epochs=2)
    detector = AutoEncoderDetector(config).fit(curved_rows(), progress=False)
    assert detector.network.bottleneck == 1
    assert detector.data["size"]["reason"].endswith("as configured")


def test_units_do_not_matter():
    rows = normal_rows()
    one = AutoEncoderDetector(QUICK).fit(rows, progress=False)
    two = AutoEncoderDetector(QUICK).fit(rows * 1024 - 7, progress=False)
    np.testing.assert_allclose(one.score(rows), two.score(rows * 1024 - 7), rtol=1e-4)


def test_threshold_comes_from_rows_that_were_not_trained_on():
    rows, other = normal_rows(), normal_rows(100, seed=3)
    detector = AutoEncoderDetector(AutoEncoderConfig(epochs=5, q=95)).fit(
        rows, other, progress=False
    )
    np.testing.assert_array_equal(detector.calibration_scores, detector.score(other))
    assert detector.threshold == metrics.threshold(detector.score(other), q=95)
    assert detector.threshold.source == metrics.threshold([1.0]).source
    assert detector.data["counts"] == {"train": 300, "calibration": 100}


def test_the_last_rows_of_an_array_are_calibration_rows(detector):
    np.testing.assert_array_equal(detector.calibration_scores, detector.score(normal_rows()[255:]))


def test_shares_sum_to_one(detector):
    shares = detector.blame(broken_rows())
    assert shares.shape == (300, 3)
    np.testing.assert_allclose(shares.sum(1), 1)
    assert (shares >= 0).all()


def test_evaluation_agrees_with_score(detector):
    for row in (*normal_rows(5), *broken_rows(20)):
        found = detector.evaluate_one(row)
        assert found.score == pytest.approx(detector.score([row])[0], rel=1e-12)
        assert found.is_anomaly == (found.score >= detector.threshold)
        expected = ("NG", "anomaly") if found.is_anomaly else ("OK", "normal")
        assert (found.verdict, found.status) == expected
        assert found.blame == pytest.approx(
            dict(zip(NAMES, detector.blame([row])[0], strict=True))
        )


# rows in every form


def test_names_decide_the_order(detector):
    frame = pd.DataFrame(broken_rows(10), columns=NAMES)
    expected = detector.score(frame.to_numpy())
    np.testing.assert_array_equal(
        detector.score(frame[["pressure", "temp", "vibration"]]), expected
    )
    by_name = detector.evaluate_one(dict(reversed(frame.iloc[0].to_dict().items())))
    assert by_name == detector.evaluate_one(tuple(frame.iloc[0]))
    assert by_name == detector.evaluate_one(frame.iloc[0])


def test_table_gives_training_and_calibration_rows(tmp_path):
    frame = pd.DataFrame(np.vstack([normal_rows(200), broken_rows(50)]), columns=NAMES)
    frame["anomaly"] = [0] * 200 + [1] * 50
    frame.to_csv(tmp_path / "pump.csv", index=False)
    table = load_rows(tmp_path / "pump.csv")
    detector = AutoEncoderDetector(QUICK).fit(table, progress=False)
    assert detector.columns == NAMES
    np.testing.assert_array_equal(detector.calibration_scores, detector.score(table.calibration))
    assert detector.data["counts"] == {"train": 165, "calibration": 35}
    assert detector.data["source"].endswith("pump.csv")
    assert detector.data["fingerprint"] == table.fingerprint()
    twin = AutoEncoderDetector(QUICK).fit(table.train, table.calibration, progress=False)
    np.testing.assert_array_equal(twin.score(table), detector.score(table))
    # faulty rows in a calibration table must not raise the threshold
    whole = AutoEncoderDetector(QUICK).fit(table.train, table, progress=False)
    assert len(whole.calibration_scores) == 200


# columns that stand still


@pytest.mark.parametrize(("level", "moved"), [(0.0, 1.0), (240.0, 243.0), (1e-4, 1.1e-4)])
def test_a_constant_column_that_moves_is_an_anomaly(level, moved):
    rows = np.column_stack([normal_rows(), np.full(300, level)])
    detector = AutoEncoderDetector(QUICK).fit(rows, progress=False)
    assert detector.data["constant"] == ["sensor_4"]
    still, changed = rows[:1], rows[:1].copy()
    changed[0, 3] = moved
    assert detector.score(still) < detector.threshold <= detector.score(changed)
    assert detector.blame(changed).argmax() == 3
    # the other sensors are judged as before, and the move counts by no more than its limit
    far = detector.score(still) ** 2 + STILL_LIMIT**2
    np.testing.assert_allclose(detector.score(changed) ** 2, far, rtol=1e-6)


def test_a_constant_column_that_moves_before_use_is_warned_of():
    rows = np.column_stack([normal_rows(), np.full(300, 5.0)])
    rows[-45:, 3] = 6  # all calibration rows alike, but unlike training
    with pytest.warns(UserWarning, match="calibration rows: sensor_4"):
        AutoEncoderDetector(QUICK).fit(rows, progress=False)


@pytest.mark.parametrize("columns", [1, 2])
def test_one_or_two_columns_do_not_copy_everything(columns):
    rows = normal_rows()[:, :columns]
    detector = AutoEncoderDetector(QUICK).fit(rows, progress=False)
    far = rows.mean(0) + 50 * rows.std(0)
    assert detector.evaluate_one(far).is_anomaly
    assert (detector.score(rows) >= detector.threshold).mean() < 0.1
    if columns == 1:  # then it is the distance from the mean
        z = (rows[:, 0] - rows[:255].mean()) / rows[:255].std()
        np.testing.assert_allclose(detector.score(rows), np.abs(z))


def test_constant_rows_only():
    detector = AutoEncoderDetector(QUICK).fit(np.ones((40, 3)), progress=False)
    assert detector.data["constant"] == ["sensor_1", "sensor_2", "sensor_3"]
    assert detector.evaluate_one([1, 1, 1]).status == "normal"
    assert detector.evaluate_one([1, 1.1, 1]).blame["sensor_2"] == 1


# training


def test_seed_decides_and_the_global_state_is_left_alone():
    state = torch.get_rng_state()
    one, two, other = (
        AutoEncoderDetector(AutoEncoderConfig(epochs=3, seed=seed)).fit(
            curved_rows(), progress=False
        )
        for seed in (5, 5, 6)
    )
    assert torch.equal(torch.get_rng_state(), state)
    rows = curved_rows()
    np.testing.assert_array_equal(one.score(rows), two.score(rows))
    assert not np.array_equal(one.score(rows), other.score(rows))


def test_default_dtype_does_not_matter():
    rows = curved_rows()
    expected = AutoEncoderDetector(QUICK).fit(rows, progress=False).score(rows)
    torch.set_default_dtype(torch.float16)
    try:
        found = AutoEncoderDetector(QUICK).fit(rows, progress=False)
        np.testing.assert_array_equal(found.score(rows), expected)
    finally:
        torch.set_default_dtype(torch.float32)


def test_best_weights_are_kept_and_patience_stops():
    config = AutoEncoderConfig(layers=(8,), bottleneck=2, epochs=500, patience=3, lr=0.02)
    trained = training.learn(curved_rows(), config, progress=False)
    losses = [row["stopping_loss"] for row in trained.history]
    best = int(np.argmin(losses)) + 1
    assert len(losses) == best + 3 < 500
    assert [row["epoch"] for row in trained.history] == list(range(1, len(losses) + 1))
    twin = training.learn(curved_rows(), replace(config, epochs=best), progress=False)
    for name, value in trained.weights.items():
        np.testing.assert_array_equal(value, twin.weights[name], err_msg=name)


@pytest.mark.parametrize("n", [12, 13, 40])
def test_fewer_rows_than_a_batch(n):
    config = AutoEncoderConfig(batch=64, epochs=10)
    detector = AutoEncoderDetector(config).fit(normal_rows(n), progress=False)
    assert np.isfinite(detector.score(normal_rows())).all()
    assert detector.data["counts"]["train"] + detector.data["counts"]["calibration"] == n


def interrupted_after(epochs):
    """A stand-in for the bar that shows the progress: Ctrl-C while an epoch is counted."""

    class Bar:
        def __init__(self, **_):
            self.left = epochs

        def __enter__(self):
            if not self.left:
                raise KeyboardInterrupt
            return self

        def __exit__(self, *_):
            return None

        def set_postfix(self, **_):
            self.left -= 1

        def update(self):
            if not self.left:
                raise KeyboardInterrupt

    return Bar


def test_interrupt_leaves_a_usable_detector(monkeypatch):
    rows = curved_rows()
    monkeypatch.setattr(progress, "bar", interrupted_after(4))
    with pytest.warns(UserWarning, match="interrupted: the best weights of 4 epochs"):
        detector = AutoEncoderDetector(AutoEncoderConfig(lr=1e-4)).fit(rows, progress=False)
    assert len(detector.history) == 4
    assert detector.threshold == metrics.threshold(detector.score(rows[510:]))


def test_interrupt_before_anything_was_learned_stops(monkeypatch):
    monkeypatch.setattr(progress, "bar", interrupted_after(0))
    detector = AutoEncoderDetector(QUICK)
    with pytest.raises(KeyboardInterrupt):
        detector.fit(curved_rows(), progress=False)
    with pytest.raises(NotFittedError):
        detector.score(normal_rows())


def test_divergence_is_an_error():
    config = AutoEncoderConfig(lr=1e200)
    with pytest.raises(ValueError, match=r"diverged with lr 1e\+200"):
        AutoEncoderDetector(config).fit(curved_rows(), progress=False)


# saved and set


def test_state_goes_through_json_and_back_bit_for_bit(detector):
    meta, tensors = detector.state()
    meta = json.loads(json.dumps(meta, allow_nan=False))
    twin = AutoEncoderDetector.from_state(meta, {k: v.copy() for k, v in tensors.items()})
    rows = broken_rows()
    np.testing.assert_array_equal(twin.score(rows), detector.score(rows))
    np.testing.assert_array_equal(twin.blame(rows), detector.blame(rows))
    np.testing.assert_array_equal(twin.calibration_scores, detector.calibration_scores)
    assert twin.threshold.to_json() == detector.threshold.to_json()
    assert (twin.config, twin.columns) == (detector.config, detector.columns)
    assert (twin.history, twin.data) == (detector.history, detector.data)


def test_threshold_can_be_set(detector):
    twin = AutoEncoderDetector.from_state(*detector.state())
    twin.threshold = 0
    assert twin.evaluate_one(normal_rows()[0]).status == "anomaly"
    assert twin.threshold.source == "set by hand"
    with pytest.raises(ValueError, match="finite number"):
        twin.threshold = math.nan


# refusals


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            np.ones((2, 4)),
            r"rows need 3 columns \(temp, vibration, pressure\) as in training, got 4",
        ),
        (pd.DataFrame(np.ones((2, 2)), columns=["temp", "flow"]), r"got 2 \(temp, flow\)"),
        (
            pd.DataFrame(np.ones((2, 3)), columns=["temp", "vibration", "flow"]),
            r"got 3 \(temp, vibration, flow\)",
        ),
        (np.ones(3), r"shape \(N, D\), got \(3,\)"),
        ([[1, 2, 3], [1, np.nan, 3]], "finite, got nan in column 'vibration' of row 1"),
        ([[np.nan, np.nan, 3]], "finite, got nan in column 'temp' of row 0"),
        ([[1, 2, np.inf]], "finite, got inf in column 'pressure' of row 0"),
        ([["a", 2, 3]], "must be numbers"),
        ([[1, 2, 3], [1, 2]], "must be numbers"),
    ],
)
def test_rows_refused(detector, rows, message):
    for method in (detector.score, detector.blame):
        with pytest.raises(ValueError, match=message):
            method(rows)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"temp": 1, "vibration": 2}, r"got 2 \(temp, vibration\)"),
        ({"temp": 1, "vibration": 2, "pressure": 3, "flow": 4}, "got 4"),
        ({}, "got 0"),
        ([1, 2], "got 2"),
        ({"temp": 1, "vibration": None, "pressure": 3}, "finite, got nan in column 'vibration'"),
        ({"temp": 1, "vibration": "high", "pressure": 3}, "must be numbers"),
    ],
)
def test_one_row_refused(detector, row, message):
    with pytest.raises(ValueError, match=message):
        detector.evaluate_one(row)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            normal_rows(11),
            "at least 10 normal rows to train on and 2 for the threshold, got 9 and 2",
        ),
        (np.ones((0, 3)), "got 0 and 0"),
        (np.where(np.arange(900).reshape(300, 3) == 7, np.nan, 1), "column 'sensor_2' of row 2"),
        (pd.DataFrame({"temp": [1.0], "part": ["a"]}), "must be numbers"),
    ],
)
def test_fit_refuses(rows, message):
    with pytest.raises(ValueError, match=message):
        AutoEncoderDetector(QUICK).fit(rows, progress=False)


def test_a_bottleneck_that_can_copy_everything_is_refused():
    with pytest.raises(ValueError, match="narrower than the 3 columns that vary, got 3"):
        AutoEncoderDetector(AutoEncoderConfig(bottleneck=3)).fit(normal_rows(), progress=False)


def test_not_fitted():
    detector = AutoEncoderDetector()
    for use in (lambda: detector.score([[1]]), lambda: detector.threshold, detector.state):
        with pytest.raises(NotFittedError, match="not fitted; call fit"):
            use()


@pytest.mark.parametrize(
    "wrong", [{"layers": (0,)}, {"bottleneck": 0}, {"epochs": 0}, {"lr": 0}, {"q": 101}]
)
def test_config_refuses(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}.* must"):
        AutoEncoderConfig(**wrong)


def test_no_warning_in_an_ordinary_fit():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AutoEncoderDetector(QUICK).fit(normal_rows())
