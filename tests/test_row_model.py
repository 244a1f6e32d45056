"""Windows, units, explanations and updates of the row model, by brute force where one can."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.signal import lfilter

from workbench import metrics
from workbench.autoencoder import AutoEncoder, AutoEncoderConfig
from workbench.autoencoder.calibration import choose, effective_rows, expected_overkill
from workbench.autoencoder.config import ACTIVATIONS
from workbench.autoencoder.density import Spread, drifted
from workbench.autoencoder.detector import AutoEncoderDetector
from workbench.autoencoder.scoring import CHUNK, STILL_LIMIT, Copying
from workbench.autoencoder.training import units
from workbench.autoencoder.weights import weights_of
from workbench.autoencoder.windows import Windows
from workbench.data import load_rows
from workbench.samples.pump import simulate

QUICK = AutoEncoderConfig(layers=(8,), epochs=5)
SCALE, LEVEL = np.array([10, 0.01, 1e5, 3.0]), np.array([25, 0.1, 1e6, 7.0])


def normal_rows(n=400, seed=0):
    """Four sensors in their own units that follow one load."""
    random = np.random.default_rng(seed)
    load = random.normal(size=n)
    z = np.stack([load, -load, load, 0.5 * load], axis=1) + 0.1 * random.normal(size=(n, 4))
    return z * SCALE + LEVEL


@pytest.fixture(scope="module")
def detector():
    return AutoEncoderDetector(QUICK).fit(normal_rows(), progress=False)


@pytest.fixture
def own(detector):
    """A copy that a test may change."""
    return twin_of(detector)


def twin_of(detector):
    meta, tensors = detector.state()
    return AutoEncoderDetector.from_state(meta, {k: v.copy() for k, v in tensors.items()})


@pytest.fixture(scope="module")
def copier():
    return AutoEncoderDetector(replace(QUICK, score="reconstruction")).fit(
        normal_rows(), progress=False
    )


def with_window(detector, window, stride=1, pooling="squares"):
    meta, tensors = detector.state()
    meta["config"] |= {"window": window, "stride": stride, "pooling": pooling}
    return AutoEncoderDetector.from_state(meta, {k: v.copy() for k, v in tensors.items()})


# the forward pass in NumPy


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("n", [1, 3 * CHUNK // 4])
def test_numpy_and_torch_give_the_same_errors(activation, n):
    torch.manual_seed(0)
    network = AutoEncoder(4, (7, 5), 2, activation=activation)
    mean, scale, _ = units(normal_rows())
    network.mean.copy_(torch.from_numpy(mean))
    network.scale.copy_(torch.from_numpy(scale))
    network.modelled[2] = False
    rows = normal_rows(n, seed=1)
    with torch.no_grad():
        z = (torch.from_numpy(rows) - network.mean) / network.scale
        expected = (z - network(z)).numpy()
    forward = Copying(weights_of(network), activation)
    np.testing.assert_allclose(forward.errors(rows), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(forward.squares(rows), (expected**2).sum(1), rtol=1e-9)


# windows


@pytest.mark.parametrize(("window", "stride"), [(1, 1), (5, 1), (5, 3), (4, 7), (500, 1)])
def test_windows_by_brute_force(detector, window, stride):
    rows, breaks = normal_rows(60, seed=2), [17, 20, 41]
    row_scores = detector.score(rows)
    expected = np.empty(60)
    for start, stop in zip([0, *breaks], [*breaks, 60], strict=True):
        for i in range(start, stop):
            end, whole = i, start + min(window, stop - start) - 1
            while end > whole and (end - whole) % stride:
                end -= 1
            part = row_scores[max(start, end - window + 1) : end + 1]
            expected[i] = np.sqrt((part**2).mean())
    found = np.sqrt(Windows(window, stride, np.array(breaks)).mean(row_scores**2))
    np.testing.assert_allclose(found, expected)


def test_a_window_does_not_span_a_pause(detector, tmp_path):
    rows = normal_rows(30, seed=3)
    time = pd.Timestamp("2024-01-01") + pd.to_timedelta([*range(20), *range(900, 910)], unit="s")
    frame = pd.DataFrame(rows, columns=[f"sensor_{i}" for i in range(1, 5)])
    frame.insert(0, "time", time)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    model, table = with_window(detector, 8), load_rows(tmp_path / "rows.csv")
    found = model.score(table)
    np.testing.assert_allclose(found[20:], model.score(table.values[20:]))
    assert not np.allclose(found[20:27], model.score(table.values)[20:27])


def test_a_window_model_judges_the_last_of_the_rows_given(detector):
    model, rows = with_window(detector, 6), normal_rows(40, seed=4)
    one = model.evaluate_one(rows)
    assert one.score == pytest.approx(model.score(rows)[-1])
    assert list(one.blame.values()) == pytest.approx(model.blame(rows)[-1])
    assert list(one.seen.values()) == pytest.approx(rows[-1])
    assert list(one.excess.values()) == pytest.approx((rows - model.expected(rows))[-1])
    np.testing.assert_allclose(model.blame(rows).sum(1), 1)


def test_a_window_finds_a_small_lasting_fault_that_rows_do_not(copier):
    rows = normal_rows(400, seed=5)
    rows[200:] += 0.2 * SCALE * [0, 1, 0, 0]  # two standard deviations of the noise
    labels, windowed = np.arange(400) >= 220, with_window(copier, 20)
    keep = (np.arange(400) < 200) | labels
    by_row = metrics.auroc(copier.score(rows)[keep], labels[keep])
    by_window = metrics.auroc(windowed.score(rows)[keep], labels[keep])
    assert by_row < 0.8 and by_window > by_row + 0.15


@pytest.mark.parametrize("window", [5, 20])
def test_a_window_scores_the_mean_of_what_is_left_of_its_rows(window):
    config = AutoEncoderConfig(window=window, drift=False)
    detector = AutoEncoderDetector(config).fit(normal_rows(), progress=False)
    assert detector.data["size"]["layers"] == [] and detector.data["size"]["width"] == 1
    known, rows = normal_rows()[:340], normal_rows(50, seed=8)

    def means(values):
        return np.array(
            [values[i + 1 - window : i + 1].mean(0) for i in range(window - 1, len(values))]
        )

    usual, off = means(known), means(rows) - means(known).mean(0)
    loose = 0.01  # the usual one
    spread = np.cov(usual.T, bias=True)
    spread = (1 - loose) * spread + loose * np.diag(np.diag(spread))
    expected = np.sqrt(np.einsum("ni,ij,nj->n", off, np.linalg.inv(spread), off))
    found = detector.score(rows)
    np.testing.assert_allclose(found[window - 1 :], expected, rtol=1e-6)
    # the first row is all that there is of its window: the others count as usual ones
    first = (rows[0] - usual.mean(0)) @ np.linalg.inv(spread) @ (rows[0] - usual.mean(0))
    assert found[0] == pytest.approx(np.sqrt(first / window))


def test_the_mean_of_a_window_finds_what_lasts_sooner_than_the_mean_of_its_squares():
    rows, labels = normal_rows(600, seed=5), np.arange(600) >= 320
    rows[300:] += 0.1 * SCALE * [0, 1, 0, 0]  # one standard deviation of the noise
    keep = (np.arange(600) < 300) | labels
    found = {}
    for pooling in ("means", "squares"):
        config = AutoEncoderConfig(window=20, pooling=pooling)
        detector = AutoEncoderDetector(config).fit(normal_rows(), progress=False)
        found[pooling] = metrics.auroc(detector.score(rows)[keep], labels[keep])
        blame = detector.blame(rows[labels])
        assert (blame.argmax(1) == 1).mean() > (0.95 if pooling == "means" else 0.5)
        np.testing.assert_allclose(blame.sum(1), 1)
    assert found["means"] > max(0.9, found["squares"] + 0.03)


# units


def test_a_creeping_sensor_is_measured_by_its_drift():
    rows = normal_rows(400)
    rows[:, 3] = 7 + np.linspace(0, 10, 400) + 0.1 * np.random.default_rng(0).normal(size=400)
    still = rows.std(0)
    _, scale, _ = units(rows, drifted(rows))
    np.testing.assert_allclose(scale[:3], still[:3])  # what chance gives is no drift
    assert scale[3] == pytest.approx(np.hypot(still[3], 10), rel=0.02)
    found = AutoEncoderDetector(QUICK).fit(rows, progress=False)
    assert found.data["drifting"] == ["sensor_4"]
    np.testing.assert_allclose(drifted(-rows), -drifted(rows))
    later = normal_rows(100, seed=7)
    later[:, 3] = 20  # as far again as the drift has come
    strict = AutoEncoderDetector(replace(QUICK, drift=False)).fit(rows, progress=False)
    assert found.score(later).mean() < strict.score(later).mean() / 2


def test_a_load_that_no_normal_row_had_is_found_though_all_sensors_agree(detector):
    assert detector.evaluate_one(LEVEL + 8 * SCALE * [1, -1, 1, 0.5]).status == "anomaly"


# values that are missing


def test_a_missing_sensor_is_left_out_of_the_score_and_said(detector):
    rows = normal_rows(200, seed=20)
    rows[100:, 1] += 3 * SCALE[1]
    gone = rows.copy()
    gone[:, 1] = np.nan
    with pytest.warns(UserWarning, match=r"missing in 200 rows \(200 of sensor_2\)"):
        found = detector.score(gone)
    known, some = normal_rows()[:340], [0, 2, 3]
    off = (rows - known.mean(0))[:, some]
    inverse = np.linalg.inv(np.cov(known[:, some].T, bias=True))
    expected = np.sqrt(np.einsum("ni,ij,nj->n", off, inverse, off))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    with pytest.warns(UserWarning, match="left out of the score"):
        one = detector.evaluate_one(dict(zip(detector.columns, gone[0], strict=True)))
    assert one.missing == ("sensor_2",) and one.blame["sensor_2"] == pytest.approx(0, abs=1e-9)


def test_more_missing_sensors_than_allowed_are_refused(detector, copier):
    row = [[np.nan, np.nan, *LEVEL[2:]]]
    with pytest.raises(ValueError, match="no more than 1 missing a row"):
        detector.score(row)
    with pytest.raises(ValueError, match="finite, got nan in column 'sensor_1'"):
        copier.score([[np.nan, *LEVEL[1:]]])
    with pytest.raises(ValueError, match="got inf"):
        detector.score([[np.inf, *LEVEL[1:]]])


def recording(tmp_path, step, n=300):
    frame = pd.DataFrame(normal_rows(n), columns=[f"sensor_{i}" for i in range(1, 5)])
    frame.insert(0, "time", pd.Timestamp("2024-01-01") + pd.to_timedelta(step * np.arange(n), "s"))
    frame.to_csv(tmp_path / f"rows{step}.csv", index=False)
    return load_rows(tmp_path / f"rows{step}.csv")


def test_another_sampling_rate_is_noticed(tmp_path):
    detector = AutoEncoderDetector(QUICK).fit(recording(tmp_path, 1), progress=False)
    with pytest.warns(UserWarning, match="rows come every 5 s, in training every 1 s"):
        detector.score(recording(tmp_path, 5))


def test_a_moved_still_column_is_an_anomaly_that_leaves_others_visible():
    rows = np.column_stack([normal_rows(), np.full(400, 3.0)])
    found = AutoEncoderDetector(QUICK).fit(rows, progress=False)
    row = np.append(LEVEL, 4.0)
    one = found.evaluate_one(row)
    assert one.status == "anomaly" and one.score == pytest.approx(STILL_LIMIT, rel=0.05)
    assert one.reconstruction["sensor_5"] == 3 and one.excess["sensor_5"] == 1
    row[1] += 30 * SCALE[1]  # a second fault, larger than the limit
    assert max(found.evaluate_one(row).blame.items(), key=lambda x: x[1])[0] == "sensor_2"


def test_what_is_odd_about_the_training_rows_is_kept(detector):
    rows = np.column_stack([normal_rows(), np.full(400, 3.0), normal_rows()[:, 0]])
    data = AutoEncoderDetector(QUICK).fit(rows, progress=False).data
    assert (data["constant"], data["duplicated"]) == (["sensor_5"], {"sensor_6": "sensor_1"})
    assert data["drifting"] == []
    assert 0 < data["errors"]["train"] < 2 * data["errors"]["calibration"]


# explanations


def test_the_smallest_change_is_enough_and_nothing_smaller_is(detector):
    row = normal_rows(1, seed=10)[0]
    row[1] += 2 * SCALE[1]
    assert detector.evaluate_one(row).is_anomaly
    change = detector.smallest_change(row)
    assert change.column == "sensor_2" and change.seen == row[1]
    mended = row.copy()
    mended[1] = change.needed
    assert detector.score([mended])[0] < detector.threshold
    # brute force: no sensor changed by a little less would do
    scale = detector.network.scale.numpy()
    for column in range(4):
        tries = np.tile(row, (201, 1))
        tries[:, column] += np.linspace(-0.99, 0.99, 201) * change.scales * scale[column]
        assert (detector.score(tries) >= detector.threshold).all()


def test_a_normal_row_needs_no_change_and_a_broken_machine_more_than_one(detector):
    row = normal_rows(1, seed=10)[0]
    assert detector.smallest_change(row).scales == 0
    row += SCALE * [4, 4, -4, -4]
    assert detector.smallest_change(row) is None


def test_the_smallest_change_of_a_window_is_to_its_last_row(detector):
    model, rows = with_window(detector, 5), normal_rows(5, seed=11)
    rows[-1, 1] += 3 * SCALE[1]
    assert model.evaluate_one(rows).is_anomaly
    change = model.smallest_change(rows)
    rows[-1, model.columns.index(change.column)] = change.needed
    assert model.score(rows)[-1] < model.threshold


# updates


def moved(n=300, seed=12):
    return normal_rows(n, seed) + 0.15 * SCALE * [1, 0, 0, 0]


def test_an_update_follows_a_slow_change_and_can_be_undone(copier):
    detector, own = copier, twin_of(copier)
    fresh, mean = moved(seed=13), detector.network.mean.numpy()
    offset = np.abs(fresh.mean(0) - mean)[0]
    own.update(moved(), weight=1.0)
    assert np.abs(fresh.mean(0) - own.network.mean.numpy())[0] < 0.7 * offset
    usual = np.median(detector.score(normal_rows(400, 15)))
    far, near = np.median(detector.score(fresh)), np.median(own.score(fresh))
    assert abs(near - usual) < 0.5 * abs(far - usual)
    assert own.threshold.source == "rows judged normal"
    assert own.data["updates"][0]["rows"] == 300
    own.rollback()
    np.testing.assert_array_equal(own.score(moved()), detector.score(moved()))
    np.testing.assert_array_equal(own.calibration_scores, detector.calibration_scores)
    assert own.threshold.to_json() == detector.threshold.to_json() and "updates" not in own.data
    with pytest.raises(ValueError, match="an update to undo"):
        own.rollback()


def test_a_rollback_survives_saving(own, detector):
    own.update(moved())
    twin = twin_of(own)
    np.testing.assert_array_equal(twin.score(moved()), own.score(moved()))
    np.testing.assert_array_equal(twin.rollback().score(moved()), detector.score(moved()))


def changed(n=900, seed=30):
    """The same machine after its third sensor was exchanged: it reads half as much."""
    rows = normal_rows(n, seed)
    rows[:, 2] = LEVEL[2] + 0.93 * (rows[:, 2] - LEVEL[2])
    return rows


def test_an_update_can_learn_the_network_anew_and_be_undone(own, detector):
    own.update(changed(), network=True)
    record = own.data["updates"][-1]
    assert record["network"] and 800 < record["normal"] <= 900
    fresh = changed(600, seed=31)
    assert (own.score(fresh) >= own.threshold).mean() < 0.05
    assert own.data["counts"] == detector.data["counts"]  # those of the training
    again = AutoEncoderDetector(QUICK).fit(changed(), progress=False)
    assert own.score(fresh).mean() == pytest.approx(again.score(fresh).mean(), rel=0.1)
    twin = twin_of(own)
    np.testing.assert_array_equal(twin.score(fresh), own.score(fresh))
    for one in (own, twin):
        one.rollback()
        np.testing.assert_array_equal(one.score(fresh), detector.score(fresh))
        assert one.threshold.to_json() == detector.threshold.to_json()
        assert (one.data, one.history) == (detector.data, detector.history)


def test_a_network_is_not_learned_from_few_rows_nor_in_the_place_of_anothers(own, copier):
    with pytest.raises(ValueError, match="at least 400 rows judged normal"):
        own.update(changed(300), network=True)
    with pytest.raises(ValueError, match="train a new one"):
        twin_of(copier).update(normal_rows(900, 3), network=True)
    assert "updates" not in own.data


def test_what_an_earlier_version_kept_of_an_update_can_be_undone(own, detector):
    own.update(moved())
    meta, arrays = own.state()
    kept = {"before.mean", "before.scale", "before.held_out"}
    arrays = {k: x for k, x in arrays.items() if not k.startswith("before.") or k in kept}
    meta["before"] = meta["before"]["threshold"]
    old = AutoEncoderDetector.from_state(meta, arrays).rollback()
    np.testing.assert_array_equal(old.score(moved()), detector.score(moved()))
    assert old.threshold == detector.threshold and not old.data["updates"]


def test_the_former_word_for_errors_of_calibration_rows_is_read(detector):
    meta, arrays = detector.state()
    errors = meta["data"]["errors"]
    old = {"train": errors["train"], "held_out": errors["calibration"]}
    found = AutoEncoderDetector.from_state(
        meta | {"data": meta["data"] | {"errors": old}}, dict(arrays)
    )
    assert found.data["errors"] == errors


def test_faulty_rows_do_not_move_the_scaler(own):
    rows = np.vstack([moved(200), moved(60) + 5 * SCALE * [0, 1, 0, 0]])
    own.update(rows)
    assert own.data["updates"][0]["normal"] <= 203
    assert (own.score(rows[200:]) >= own.threshold).all()


def test_updates_do_not_ratchet_the_threshold_down(own):
    start = float(own.threshold)
    for seed in range(20, 32):
        own.update(normal_rows(400, seed))
    assert float(own.threshold) > 0.75 * start


@pytest.mark.parametrize(
    ("rows", "weight", "message"),
    [
        (moved(40), 0.5, "at least 50 rows judged normal"),
        (moved() + 9 * SCALE * [1, 0, 0, 0], 0.5, "got 0 of 300; train again"),
        (moved(), 0, "weight must be"),
    ],
)
def test_an_update_that_cannot_be_changes_nothing(own, detector, rows, weight, message):
    with pytest.raises(ValueError, match=message):
        own.update(rows, weight=weight)
    np.testing.assert_array_equal(own.score(moved()), detector.score(moved()))


def test_an_update_keeps_to_the_policy_in_use(own):
    own.threshold = metrics.threshold(own.calibration_scores, policy="conformal", alpha=0.05)
    found = own.update(moved(seed=16)).threshold
    assert (found.policy, found.params["alpha"]) == ("conformal", 0.05)
    expected = metrics.threshold(own.calibration_scores, policy="conformal", alpha=0.05)
    assert found == expected and found.n == len(own.calibration_scores)


def test_a_threshold_set_by_hand_stays(own):
    own.threshold = 3.0
    assert own.update(moved()).threshold == 3.0


def test_the_drift_card_compares_with_the_held_out_rows(detector):
    assert detector.drift(normal_rows(400, seed=14)).verdict == "stable"
    assert (
        detector.drift(normal_rows(400, seed=14) + 0.5 * SCALE * [1, 0, 0, 0]).verdict == "shifted"
    )


# detectors saved before


def test_a_detector_of_the_first_version_scores_as_it_did(copier):
    detector = copier
    meta, tensors = detector.state()
    known = ("layers", "bottleneck", "epochs", "batch", "lr", "patience", "q", "seed")
    meta["config"] = {name: meta["config"][name] for name in known}
    meta["data"] = {
        k: meta["data"][k] for k in ("source", "note", "fingerprint", "counts", "constant")
    }
    old = AutoEncoderDetector.from_state(meta, tensors)
    np.testing.assert_array_equal(old.score(normal_rows()), detector.score(normal_rows()))
    assert (old.config.window, old.config.drift, old.threshold) == (1, False, detector.threshold)
    assert old.evaluate_one(LEVEL).status == "normal"


@pytest.mark.parametrize(
    "wrong",
    [
        {"window": 0},
        {"stride": 0},
        {"activation": "gelu"},
        {"score": "distance"},
        {"pooling": "sum"},
    ],
)
def test_config_refuses(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must"):
        AutoEncoderConfig(**wrong)


# thresholds over time


def test_rows_that_follow_each_other_are_worth_fewer_independent_ones():
    random, rho = np.random.default_rng(0), 0.9
    noise = random.normal(size=20000)
    chain = np.empty(20000)
    chain[0] = noise[0]
    for i in range(1, len(chain)):
        chain[i] = rho * chain[i - 1] + noise[i]
    expected = len(chain) * (1 - rho) / (1 + rho)  # of a chain of the first order
    assert effective_rows(chain) == pytest.approx(expected, rel=0.15)
    assert effective_rows(noise) == pytest.approx(20000, rel=0.05)
    assert effective_rows(np.ones(5)) == 5


def test_the_overkill_promised_is_as_wide_as_the_independent_rows_make_it():
    random = np.random.default_rng(1)
    scores = random.gamma(4, size=400)
    config, tried = AutoEncoderConfig(q=98), [[0.02], [0.02]]
    free = choose(scores, config, later=tried).expected
    tied = choose(np.repeat(scores[:40], 10), config, later=tried).expected
    assert free["independent_rows"] > 300 and tied["independent_rows"] < 80
    assert tied["overkill_interval"][1] > 1.5 * free["overkill_interval"][1]
    fresh = random.gamma(4, size=5000)
    seen = (fresh >= choose(scores, AutoEncoderConfig(q=98))).mean()
    assert free["overkill_interval"][0] <= seen <= free["overkill_interval"][1]


def test_a_threshold_of_few_independent_windows_lies_above_their_percentile():
    slow = np.sin(np.linspace(0, 7, 300)) + 0.1 * np.random.default_rng(2).normal(size=300)
    assert choose(slow, AutoEncoderConfig()) == metrics.threshold(slow, q=99)
    found = choose(slow, AutoEncoderConfig(window=10))
    assert found.policy == "tail" and found.params["independent"] < 20
    assert found > metrics.threshold(slow, q=99) and found.params["most"] == 0.03
    many = np.random.default_rng(2).uniform(size=20000)  # a tail shorter than the one fitted
    assert choose(many, AutoEncoderConfig(window=2, q=50)) == metrics.threshold(many, q=50)


def wandering(random):
    slow = np.cumsum(random.normal(size=(2000, 2)), axis=0) * 0.02  # a random walk
    return slow @ random.normal(size=(2, 5)) + random.normal(size=(2000, 5))


def alike(random):
    load = lfilter([0.3], [1, -0.95], random.normal(size=(2000, 2)), axis=0)
    return load @ random.normal(size=(2, 5)) + 0.3 * random.normal(size=(2000, 5))


def pumping(random):
    table, faulty = simulate(random)
    return table.values[~faulty][:2000]


@pytest.mark.slow
@pytest.mark.parametrize("window", [1, 10, 30])
@pytest.mark.parametrize("machine", [wandering, alike, pumping])
def test_the_overkill_said_is_seen_on_later_rows(machine, window):
    inside = []
    for seed in range(20):
        rows, n = machine(np.random.default_rng(seed)), 300 if seed % 2 else 1200
        detector = AutoEncoderDetector(AutoEncoderConfig(window=window))
        low, high = detector.fit(rows[:n], progress=False).threshold.expected["overkill_interval"]
        called = detector.score(rows[n - window + 1 : 3 * n // 2]) >= detector.threshold
        inside.append(low <= called[window - 1 :].mean() <= high)
    assert np.mean(inside) >= 0.9


@pytest.mark.parametrize("window", [1, 10])
def test_what_the_machine_has_left_is_as_new_to_a_model_as_what_it_comes_to(window):
    random = np.random.default_rng(0)
    load = random.normal(size=(1200, 1))
    rows = load @ np.ones((1, 4)) + 0.1 * random.normal(size=(1200, 4))
    calm = AutoEncoderDetector(AutoEncoderConfig(window=window)).fit(rows, progress=False)
    rows[:500, 0] += 2  # before the first trial that looks ahead
    left = AutoEncoderDetector(AutoEncoderConfig(window=window)).fit(rows, progress=False)
    ends = [x.threshold.expected["overkill_interval"] for x in (calm, left)]
    assert ends[0][1] < 0.4 and ends[1][1] > 0.9


def test_nothing_is_promised_of_rows_too_few_to_try_it(detector):
    few = AutoEncoderDetector(AutoEncoderConfig(window=30)).fit(normal_rows(200), progress=False)
    assert few.threshold.expected["overkill_interval"] == [0, 1]
    assert detector.threshold.expected["overkill_interval"][1] < 0.5


def test_an_update_promises_no_more_than_the_trials_of_the_training(own):
    own.data["trials"] = [[0.0, 0.3], [0.0, 0.2]]
    own.update(normal_rows(seed=1))
    assert own.threshold.expected["overkill_interval"][1] > 0.3


def test_rates_that_differ_more_than_chance_widen_what_is_said():
    calm = expected_overkill(0.01, 400, [[0.008], [0.01, 0.012]])
    assert 0.01 < calm[1] < 0.03
    wild = expected_overkill(0.01, 400, [[0.0, 0.0], [0.3]])
    assert wild[0] == 0 and wild[1] > 0.3 > 5 * calm[1]
    assert expected_overkill(0.0, 50, [[0.0], [0.0]])[0] == 0
    assert expected_overkill(0.005, 400, [[0.005], [0.006, 0.004]])[0] == 0  # short stretches
    assert expected_overkill(0.5, 400, [[0.48], [0.5, 0.53]])[0] > 0.4
    assert np.isfinite(
        [expected_overkill(rate, n, [[1.0]] * 5) for rate in (0, 1) for n in (1, 9)]
    ).all()


def test_an_activation_that_is_not_trained_is_refused():
    config = AutoEncoderConfig(activation="relu")
    with pytest.raises(ValueError, match="trained with tanh, got activation 'relu'"):
        AutoEncoderDetector(config).fit(np.random.default_rng(0).normal(size=(50, 3)))


# many sensors


@pytest.mark.parametrize("loose", [0.01, 0.3])
def test_few_rows_of_many_sensors_are_measured_by_the_whole_covariance(loose):
    rows = np.random.default_rng(0).normal(size=(20, 90)) * np.linspace(1, 9, 90)
    spread = Spread(rows)
    matrix, volume = spread.whitening(loose)
    expected = spread.covariance(loose)
    np.testing.assert_allclose(np.linalg.inv(matrix @ matrix.T), expected, atol=1e-8)
    assert volume == pytest.approx(-0.5 * np.linalg.slogdet(expected)[1])


def test_of_many_sensors_that_one_cause_bends_the_network_knows_what_goes_together():
    random = np.random.default_rng(0)

    def rows(n):
        cause, speed = random.normal(size=(n, 1)), np.linspace(0.2, 4, 150)
        driven = np.sin(cause * speed + 3 * np.cos(9 * speed))
        return driven + 0.1 * random.normal(size=(n, 150))

    detector = AutoEncoderDetector().fit(rows(600), progress=False)
    size = detector.data["size"]
    assert size["layers"] and size["bottleneck"] < 10
    normal, off = rows(200), rows(200)
    at, broken = np.arange(200), random.integers(150, size=200)
    off[at, broken] += 1
    scores = np.append(detector.score(normal), detector.score(off))
    assert metrics.auroc(scores, np.arange(400) >= 200) > 0.95
    assert (detector.blame(off).argmax(1) == broken).mean() > 0.9
