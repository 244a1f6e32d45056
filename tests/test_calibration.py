"""The calibrated score against its formula, and what `fit` decides from the photos."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from workbench import metrics
from workbench.csflow import CSFlowConfig, CSFlowDetector
from workbench.csflow.auto import decide
from workbench.csflow.calibration import first_threshold
from workbench.csflow.limits import ALTERATIONS
from workbench.csflow.scores import heat
from workbench.csflow.typical import Lift, Typical, shares_by_scale

SCALES = 3


@pytest.fixture(scope="module")
def good():
    """Energies of 40 good parts; the coarser a scale, the more they scatter."""
    rng = np.random.default_rng(0)
    return [
        0.5 * rng.gamma(60 / (k + 1), (k + 1) / 60, (40, 16 >> k, 12 >> k)) for k in range(SCALES)
    ]


def with_hot(good, scale, rows, columns, factor):
    cells = [m[:1].copy() for m in good]
    cells[scale][0, :rows, :columns] *= factor
    return cells


@pytest.mark.parametrize("count", [SCALES + 2, SCALES + 1])  # models of before know less
def test_the_score_is_the_one_that_the_formula_gives(good, count):
    statistics = []
    for m in good:
        flat = np.sort(m.reshape(len(m), -1), axis=1)[:, ::-1]
        statistics.append(flat[:, : max(1, round(0.03 * flat.shape[1]))].mean(1))
    typical = Typical.of(good)
    statistics += [typical.heat(good).max((1, 2)), good[-1].mean((1, 2))]
    logs = np.log(np.stack(statistics, 1))
    variance = (40 * logs.var(0) + 4 * logs.var(0).mean()) / 44
    z, spread = ((logs - logs.mean(0)) / np.sqrt(variance))[:, :count], np.sqrt(variance)[:count]
    expected = np.exp(spread.mean() * 2 * np.log(np.exp(z / 2).mean(1)))
    saved = typical.to_json()
    known = {name: saved[name][:count] for name in ("middle", "spread")}
    typical = Typical.from_json(saved | known)
    np.testing.assert_allclose(typical.score(good), expected, rtol=1e-12)
    assert len(typical.judge([m[:1] for m in good])[1]) == count


def test_what_warms_all_of_the_coarsest_scale_is_seen(good):
    typical = Typical.of(good)
    pale = [m[:1].copy() for m in good]
    pale[2] += 0.15 - 0.15 * pale[2] / pale[2].max()  # all but the hottest cells
    score, evidence = typical.judge(pale)
    before = replace(typical, middle=typical.middle[:-1], spread=typical.spread[:-1])
    assert evidence[-1][:2] == ("all cells", 2)
    assert evidence[-1].share > evidence[0].share and evidence[-1].times > 1.1
    assert score > before.score(pale)[0]


def test_the_heat_map_weighs_scales_by_how_hot_a_good_part_gets(good):
    typical = Typical.of(good)
    hottest = [np.mean([photo.max() for photo in m]) for m in good]
    parts = np.array([3, 2, 1]) / np.subtract(hottest, [m.mean() for m in good])
    np.testing.assert_allclose(typical.weights / typical.weights.sum(), parts / parts.sum())
    found = typical.heat(good)
    assert found.shape == (40, 16, 12) and found.mean() == pytest.approx(1, rel=1e-3)
    only = [np.zeros_like(m) for m in good[:1]] + good[1:2] + [np.zeros_like(good[2])]
    expected = SCALES * typical.weights[1] * heat(only)
    np.testing.assert_allclose(typical.heat(only), expected)


def test_scales_beyond_the_third_are_in_the_score_and_not_in_the_heat_map(good):
    coarser = [good[2][:, ::2, ::2], good[2][:, ::4, ::4]]
    typical = Typical.of([*good, *coarser])
    cells = [m[:1].copy() for m in (*good, *coarser)]
    hot = [*cells[:3], 2 * cells[3], cells[4]]
    np.testing.assert_array_equal(typical.heat(hot), typical.heat(cells))
    assert typical.score(hot)[0] > typical.score(cells)[0]
    assert typical.heat(cells).mean() == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize(
    ("scale", "rows", "columns", "name"),
    [(0, 2, 2, "hottest cells"), (0, 5, 4, "hottest cells"), (2, 1, 1, "hottest cells")],
)
def test_small_and_large_defects_stand_out_and_the_evidence_says_where(
    good, scale, rows, columns, name
):
    typical = Typical.of(good)
    cells = with_hot(good, scale, rows, columns, 1 + 3 / np.sqrt(rows * columns))
    assert typical.score(cells)[0] > typical.score(good).max()
    score, evidence = typical.judge(cells)
    assert score == typical.score(cells)[0]
    assert sum(found.share for found in evidence) == pytest.approx(1)
    assert sum(shares_by_scale(evidence)) == pytest.approx(1)
    own = [found for found in evidence if found.scale is not None]
    assert max(own, key=lambda found: found.share)[:2] == (name, scale)
    assert np.argmax(shares_by_scale(evidence)) == scale
    assert evidence[scale].times > 1.2


def test_a_calibration_part_is_scored_beside_other_parts_only(good):
    part = np.arange(40) // 4
    odd = [m.copy() for m in good]
    odd[0][part == 3] *= 3  # four photos of one part
    together = Typical.left_out(odd, part)
    assert together[part == 3].min() > 1.5 * Typical.left_out(odd, np.arange(40))[part == 3].max()
    assert (Typical.left_out(good, np.zeros(40, int)) == 1).all()  # nothing to compare with


def test_a_gross_defect_has_a_finite_score_and_a_grosser_one_a_higher(good):
    typical = Typical.of(good)
    scores = [typical.score(with_hot(good, 0, 16, 12, 10.0**n))[0] for n in range(7)]
    assert np.isfinite(scores).all() and (np.diff(scores) > 0).all()


def test_parts_that_are_all_alike_still_give_a_score():
    same = [np.full((5, 4 >> k, 4 >> k), 0.5) for k in range(2)]
    typical = Typical.of(same)
    np.testing.assert_allclose(typical.score(same), 1)
    assert typical.score([m * 1.5 for m in same]).min() > 1.2


def warmer(good, times, more=1.0):
    """All cells of a photo so many times as warm, and the hottest of each scale more still."""
    found = []
    for m in good:
        hot = m >= np.quantile(m, 0.97, axis=(1, 2))[:, None, None]
        found.append(m * np.asarray(times)[:, None, None] * np.where(hot, more, 1))
    return found


@pytest.fixture(scope="module")
def lift(good):
    """What two copies of each good part show, the first of a pair 1.2 to 1.6 times as warm."""
    times = np.linspace(1.2, 1.6, 40)
    each = zip(warmer(good, times, 1.1), warmer(good, np.ones(40), 1), strict=True)
    return Lift.of(good, [np.stack(pair, 1).reshape(80, *pair[0].shape[1:]) for pair in each])


def test_the_lift_is_what_least_squares_finds_between_photos_and_copies(good, lift):
    copies = warmer(good, times := np.linspace(1.2, 1.6, 40), 1.1)
    levels = [np.log(times)] * SCALES  # of a copy above its photo; that of the other copy is 0
    count = [max(1, round(0.03 * m[0].size)) for m in good]
    hottest = [
        [np.sort(m.reshape(40, -1), 1)[:, -n:].mean(1) for m, n in zip(some, count, strict=True)]
        for some in (good, copies)
    ]
    for k in range(SCALES):
        rise = np.log(hottest[1][k] / hottest[0][k])
        expected = np.linalg.lstsq(levels[k][:, None], rise)[0][0]
        assert lift.slope[k] == pytest.approx(expected, rel=1e-6) and expected > 1.1
    np.testing.assert_allclose(lift.reach, np.log(1.6))


def test_what_warms_all_of_a_photo_is_taken_out_and_a_defect_is_not(good, lift):
    plain, typical = Typical.of(good), Typical.of(good, lift)
    limit = typical.score(good).max()
    blurred = warmer(good, np.full(40, 1.5), 1.1)
    assert plain.score(blurred).min() > plain.score(good).max()
    assert np.median(typical.score(blurred)) < limit
    defect = [m.copy() for m in blurred]
    defect[0][:, :3, :3] *= 3
    assert typical.score(defect).min() > limit
    heat = typical.heat(blurred)
    assert heat.mean() < 1.1 < plain.heat(blurred).mean()
    peak = typical.judge([m[:1] for m in blurred])[1][SCALES]  # is that of the map that is shown
    assert np.log(peak.times) == pytest.approx(np.log(heat[0].max()) - typical.middle[SCALES])


def test_a_photo_is_excused_no_further_than_copies_go_and_never_for_being_cold(good, lift):
    typical = Typical.of(good, lift)
    scores = [np.median(typical.score(warmer(good, np.full(40, t)))) for t in (1.5, 3, 6)]
    assert scores[0] < 1.2 < scores[1] < scores[2]
    cold = warmer(good, np.full(40, 0.5))
    np.testing.assert_allclose(typical._logs(cold), Typical.of(good)._logs(cold), atol=0.05)


def test_a_calibration_part_is_beside_others_with_a_lift_as_well(good, lift):
    odd = [m.copy() for m in good]
    for m in odd:
        m[7] *= 1.5
    beside = Typical.left_out(odd, np.arange(40), lift)
    assert beside[7] < beside.max() and Typical.left_out(odd, np.arange(40)).argmax() == 7


@pytest.mark.parametrize("lifted", [False, True])
def test_it_survives_json(good, lift, lifted):
    typical = Typical.of(good, lift if lifted else None)
    again = Typical.from_json(saved := json.loads(json.dumps(typical.to_json())))
    warm = warmer(good, np.full(40, 1.3))
    assert (again.score(warm) == typical.score(warm)).all()
    assert ("reach" in saved) == lifted


@pytest.mark.parametrize("name", ["level", "slope", "reach"])
def test_a_lift_of_other_scales_is_refused(good, lift, name):
    saved = Typical.of(good, lift).to_json()
    with pytest.raises(ValueError, match="a level, a slope and a reach"):
        Typical.from_json(saved | {name: saved[name][:1]})


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ((256, 256), (256, 256)),
        ((60, 60), (256, 256)),
        ((285, 330), (352, 416)),
        ((640, 640), (512, 512)),
        ((3000, 4000), (448, 576)),
        ((480, 640), (448, 576)),
        ((100, 1600), (256, 1024)),
    ],
)
def test_photos_decide_their_size_and_keep_their_shape(sides, expected):
    photos = [np.zeros((*sides, 3), np.uint8)] * 3
    assert decide(CSFlowConfig(), photos).image_size == expected


def test_paths_decide_by_their_headers_and_odd_ones_do_not_count(tmp_path):
    for i, size in enumerate([(640, 480)] * 4 + [(30, 900)]):
        Image.new("L", size).save(tmp_path / f"{i}.png")
    paths = sorted(tmp_path.glob("*.png"))
    assert decide(CSFlowConfig(), paths).image_size == (448, 576)


def test_epochs_fit_the_time_that_there_is():
    photo = np.zeros((8, 8, 3), np.uint8)
    few = decide(CSFlowConfig(image_size=256), [photo] * 50)
    many = decide(CSFlowConfig(image_size=384), [photo] * 650)
    most = decide(CSFlowConfig(image_size=512), [photo] * 100_000)
    assert (few.epochs, many.epochs, most.epochs) == (28, 8, 1)
    assert decide(CSFlowConfig(image_size=1024), [photo] * 200).epochs == 5
    assert decide(CSFlowConfig(image_size=256), [photo] * 9).epochs == 100
    decided = {"scales": 2, "epochs": 3, "alterations": (), "folds": 0, "looks": 2, "copies": 2}
    given = CSFlowConfig(image_size=128, **decided)
    assert decide(given, [photo] * 9) == given


def test_of_few_photos_several_altered_copies_are_learned_from():
    photo = np.zeros((512, 512, 3), np.uint8)
    copies = [decide(CSFlowConfig(), [photo] * n).copies for n in (10, 299, 300)]
    assert copies == [4, 4, 1]
    assert decide(CSFlowConfig(tile=256), [photo] * 50).copies == 1  # they are 450 tiles


@pytest.mark.parametrize(
    ("sides", "count", "scales", "size"),
    [
        ((285, 330), 504, 5, (384, 384)),
        ((640, 640), 76, 3, (512, 512)),
        ((640, 640), 299, 3, (512, 512)),
        ((640, 640), 300, 5, (512, 512)),
        ((100, 1600), 300, 5, (256, 1024)),
    ],
)
def test_many_photos_are_looked_at_coarser_too(sides, count, scales, size):
    decided = decide(CSFlowConfig(epochs=1), [np.zeros((*sides, 3), np.uint8)] * count)
    assert (decided.scales, decided.image_size) == (scales, size)


def test_photos_that_differ_in_light_by_themselves_are_not_lit_differently():
    rng = np.random.default_rng(0)
    photo = rng.integers(40, 180, (60, 80, 3), np.uint8)
    other = [np.uint8(photo * gain) for gain in np.linspace(0.7, 1.3, 20)]
    assert decide(CSFlowConfig(), [photo] * 20).alterations == ALTERATIONS
    assert decide(CSFlowConfig(), other).alterations == ("place", "focus", "compression")
    assert decide(CSFlowConfig(altered=0.0), other).alterations == "auto"
    broken = [b"no photo", *other]
    given = CSFlowConfig(image_size=256)
    assert decide(given, broken).alterations == ("place", "focus", "compression")
    assert decide(given, broken[:1] * 5).alterations == ALTERATIONS  # `fit` names them
    assert decide(CSFlowConfig(), [photo] * 20).lifted
    assert not decide(CSFlowConfig(), other).lifted  # what warms all of it may be a shade


def test_drawn_photos_are_not_blurred_and_have_half_the_epochs():
    noisy = np.random.default_rng(0).normal(128, 4, (60, 80, 3)).astype(np.uint8)
    drawn = np.where(np.indices((60, 80)).sum(0)[..., None] % 16 < 8, 30, 220).repeat(3, 2)
    by_camera, lines = (
        decide(CSFlowConfig(), [one.astype(np.uint8)] * 100) for one in (noisy, drawn)
    )
    assert (by_camera.alterations, by_camera.epochs) == (ALTERATIONS, 28)
    assert (lines.alterations, lines.epochs) == (("place", "light"), 14)
    assert not lines.lifted


@pytest.mark.parametrize(
    ("size", "scales"), [((320, 416), 3), ((320, 448), 4), ((256, 384), 5), (1024, 5)]
)
def test_there_are_as_many_scales_as_the_size_asked_for_has_whole_cells_of(size, scales):
    photos = [np.zeros((8, 8, 3), np.uint8)] * 1000
    assert decide(CSFlowConfig(image_size=size), photos).scales == scales
    assert decide(CSFlowConfig(image_size=size, scales=2), photos).scales == 2


@pytest.mark.parametrize(
    "bad", [{"image_size": "large"}, {"image_size": (1, 2, 3)}, {"image_size": 0}, {"epochs": 1.5}]
)
def test_other_words_and_numbers_are_refused(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} must be at least 1, at most"):
        CSFlowConfig(**bad)


@pytest.mark.parametrize("bad", [("turned",), "light", (3,)])
def test_alterations_of_other_kinds_are_refused(bad):
    with pytest.raises((ValueError, TypeError), match="alterations must be"):
        CSFlowConfig(alterations=bad)


@pytest.mark.parametrize(
    ("parts", "policy", "aim", "most"),
    [
        (4, "normal", 0.05, 0.9), (24, "normal", 0.05, 0.217), (30, "tail", 0.033, 0.117),
        (100, "tail", 0.01, 0.035), (400, "tail", 0.01, 0.03),
    ],
)  # fmt: skip
def test_the_first_threshold_aims_at_what_so_many_parts_can_tell(parts, policy, aim, most):
    scores = np.random.default_rng(parts).gamma(9, size=2 * parts)  # two photos a part
    found = first_threshold(scores, np.arange(2 * parts) // 2, CSFlowConfig())
    worst = scores.reshape(parts, 2).max(1)
    expected = metrics.threshold(worst, policy=policy, aim=aim, most=most)
    assert (found, found.params) == (expected, expected.params)
    assert found.n == parts
    assert found.source == "calibration OK, the worst of each part"


@pytest.mark.parametrize("parts", [10, 14, 24, 60, 200])
@pytest.mark.parametrize("draw", ["gamma", "lognormal", "gumbel"])
def test_of_fresh_parts_at_most_what_was_said_is_thrown_away(parts, draw):
    rng = np.random.default_rng(0)
    drawn = {
        "gamma": lambda n: rng.gamma(9, size=n),
        "lognormal": lambda n: rng.lognormal(sigma=0.3, size=n),
        "gumbel": lambda n: rng.gumbel(9, size=n),
    }[draw]
    fresh, overkill = drawn(50_000), []
    for _ in range(200):
        found = first_threshold(drawn(parts), np.arange(parts), CSFlowConfig())
        overkill.append((fresh >= found).mean())
    assert np.mean(np.array(overkill) <= found.params["most"]) >= 0.9
    assert np.mean(overkill) < 2 * found.params["aim"]


def test_a_size_that_is_not_decided_yet_is_not_guessed():
    with pytest.raises(ValueError, match="image_size must be a number here, got auto; only fit"):
        _ = CSFlowConfig().size


@pytest.mark.slow
def test_the_first_threshold_rests_on_scores_as_they_are_given_later(photos, tiny_config):
    changes = {"score": "max", "heat": "calibrated", "smallest": 0.05, "epochs": 1}
    config = CSFlowConfig(**tiny_config.to_dict() | changes)
    detector = CSFlowDetector(config).fit(photos[0][:8], photos[0][8:12], progress=False)
    scores = detector.score(photos[0][8:12])
    np.testing.assert_allclose(detector.calibration_scores, scores, rtol=1e-4)
