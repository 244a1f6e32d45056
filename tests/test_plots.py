import io
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from workbench import metrics, plots
from workbench.csflow.heatmap import colourise
from workbench.data import load_images
from workbench.data.encode import OUTLINE

from .doubles import DarkSpotDetector, write_parts

SCORES = np.array([1.0, 1.2, 2.5, 3.0, 4.0])
LABELS = np.array([0, 0, 0, 1, 1], bool)


@pytest.fixture
def parts(tmp_path):
    return load_images(write_parts(tmp_path))


@pytest.fixture
def evaluations(parts):
    return [DarkSpotDetector().evaluate_one(path) for path in parts]


def line(ax, label):
    return next(x for x in ax.lines if str(x.get_label()).startswith(label))


def shown_size(figure):
    """Of what a notebook shows: drawings as PNG, photos as the much smaller JPEG."""
    data, metadata = figure._repr_mimebundle_()
    kind = "image/jpeg" if figure.photos else "image/png"
    assert metadata[kind]["alt"] == figure.alt != ""
    with Image.open(io.BytesIO(data[kind])) as image:
        assert f"image/{image.format.lower()}" == kind
        return image.size


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


class Table(SimpleNamespace):
    def __len__(self):
        return len(self.values)


def test_histogram_shares_bins_and_marks_each_ng(tmp_path):
    ax = plots.histogram(SCORES, LABELS, 2.0, bins=3)  # edges 1 2 3 4
    assert legend(ax) == ["OK (3)", "NG (2)", "threshold 2"]
    counts = [shape.get_paths()[0].vertices[:, 1].max() for shape in ax.collections[:2]]
    assert counts == [2, 2]  # OK: 1.0 and 1.2; NG: 3.0 and 4.0 in the closed last bin
    assert len(ax.collections[2].get_segments()) == 2
    assert line(ax, "threshold").get_xdata()[0] == 2.0
    assert shown_size(ax.figure)[0] > 500


def test_histogram_of_unlabelled_scores_on_given_axes():
    ax = plots.histogram([1.0, 2.0]).figure.axes[0]
    assert plots.histogram([np.nan, 5.0], log=True, ax=ax) is ax
    assert "all (1)" in legend(ax) and ax.get_yscale() == "log"


def test_a_long_tail_stands_where_its_scores_are_on_the_log_axis():
    scores, labels = [1.0, 1.1, 1.2, 1.3, 60.0], [0, 0, 0, 0, 1]
    ax = plots.histogram(scores, labels, bins=10)
    drawn = np.concatenate([shape.get_paths()[0].vertices for shape in ax.collections[:2]])
    assert ax.get_xscale() == "log"
    assert drawn[:, 0].min() == pytest.approx(1) and drawn[:, 0].max() == pytest.approx(60)


def test_roc_is_the_curve_of_the_metrics():
    curve = line(plots.roc(SCORES, ~LABELS), "AUROC 0.000")
    expected = metrics.roc_curve(SCORES, ~LABELS)
    np.testing.assert_allclose(curve.get_xydata(), np.c_[expected.fpr, expected.tpr])


@pytest.mark.parametrize("at", [0, 100, 300, 511])
def test_rates_agree_with_evaluate(at):
    ax = plots.rates(SCORES, LABELS, 2.0)
    x, miss = line(ax, "miss").get_xydata()[at]
    overkill = line(ax, "overkill").get_ydata()[at]
    result = metrics.evaluate(SCORES, LABELS, x)
    assert (miss, overkill) == pytest.approx((100 * result.miss_rate, 100 * result.overkill_rate))


def band(ax, at):
    """Lower and upper end of the first band at a horizontal position."""
    ends = ax.collections[0].get_paths()[0].vertices
    return tuple(sorted({y for x, y in ends if x == pytest.approx(at)}))


def test_bands_are_the_intervals_of_the_metrics():
    ax = plots.roc(SCORES, [0, 1, 0, 1, 1])
    low, high = band(ax, 0.5)[0], band(ax, 0.5)[-1]  # overkill 1/2: 2 of 3, then 3 of 3 caught
    assert (low, high) == pytest.approx((metrics.wilson(2, 3)[0], 1))
    ax = plots.precision_recall(SCORES, [0, 1, 0, 1, 1])
    curve, expected = line(ax, "average"), metrics.pr_curve(SCORES, [0, 1, 0, 1, 1])
    np.testing.assert_allclose(curve.get_xydata(), np.c_[expected.recall, expected.precision])
    assert line(ax, "chance").get_ydata() == pytest.approx([0.6, 0.6])
    assert band(ax, 1 / 3) == pytest.approx(metrics.wilson(1, 1))


def test_many_scores_are_drawn_as_few_points_with_both_ends():
    rng = np.random.default_rng(0)
    curve = line(plots.roc(rng.normal(size=9000), rng.random(9000) < 0.1), "AUROC")
    assert len(curve.get_xdata()) == 1000
    assert curve.get_xydata()[0].tolist() == [0, 0] and curve.get_xydata()[-1].tolist() == [1, 1]


def test_rates_of_one_class_are_drawn_alone():
    assert legend(plots.rates([1.0, 2.0], ["OK", "OK"])) == ["overkill rate"]


def test_cost_is_that_of_the_policy():
    params = {"prevalence": 0.1, "miss_cost": 20.0, "overkill_cost": 2.0}
    ax = plots.cost([1, 2, 3, 4, np.nan], ["OK", "NG", "OK", "NG", "OK"], 3, **params)
    best = metrics.threshold([1, 2, 3, 4], [0, 1, 0, 1], policy="cost", **params)
    assert line(ax, "lowest").get_xydata()[0] == pytest.approx(
        [best, 1000 * best.expected["cost"]]
    )
    total = line(ax, "both")
    x, y = total.get_xydata()[300]
    counts = metrics.confusion([1, 2, 3, 4], [0, 1, 0, 1], x)
    assert y == pytest.approx(1000 * metrics.expected_cost(counts, **params))
    parts = line(ax, "misses").get_ydata() + line(ax, "overkill").get_ydata()
    np.testing.assert_allclose(parts, total.get_ydata())


def test_calibration_is_promise_against_what_was_seen():
    ax = plots.calibration([1, 2, 3], [2.5, 2.5, 0.5, 3.5])
    points = line(ax, "4 new of 3").get_xydata()
    np.testing.assert_allclose(points, [[2 / 4, 1 / 4], [3 / 4, 3 / 4], [1, 3 / 4]])
    with pytest.raises(ValueError, match="must hold scores, got 0 and 1"):
        plots.calibration([], [1])


def test_kinds_show_counts_and_intervals():
    rows = metrics.by_kind([1, 2, 3, 9], [0, 1, 1, 1], ["", "틈", "dent", "dent"], 3)
    ax = plots.kinds(rows)
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == ["틈  1 of 1", "dent  0 of 2"]
    dots = [line.get_xdata() for line in ax.lines if line.get_marker() == "o"]
    assert np.ravel(dots).tolist() == [100, 0]
    ends = [line.get_xdata() for line in ax.lines if line.get_marker() != "o"][1]
    assert tuple(ends) == pytest.approx(tuple(100 * x for x in metrics.clopper_pearson(0, 2)))
    with pytest.raises(ValueError, match="at least one kind"):
        plots.kinds([])


def test_history_draws_everything_but_the_time():
    epochs = [{"epoch": i, "train_nll": -i, "calibration_nll": i, "seconds": 9} for i in (1, 2)]
    ax = plots.history(epochs)
    assert legend(ax) == ["train nll", "calibration nll"]
    assert line(ax, "train nll").get_ydata().tolist() == [-1, -2]


def test_blame_is_sorted_and_in_per_cent():
    ax = plots.blame([[0.1, 0.9], [0.3, 0.7]], ["temp", "vibration"])
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([80, 20])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["vibration", "temp"]


def test_overview_pairs_photo_and_overlay_with_the_fixed_scale(evaluations):
    figure = plots.overview(evaluations[1], title="부품")
    photo, overlay, bar = figure.axes
    np.testing.assert_array_equal(photo.images[0].get_array(), evaluations[1].image)
    np.testing.assert_array_equal(
        overlay.images[0].get_array(), np.asarray(evaluations[1].overlay())
    )
    assert bar.get_ylim() == (0, 255) and figure.get_suptitle() == "부품"


def test_the_colour_bar_has_the_colours_of_the_overlay(evaluations):
    mappable = plots.overview(evaluations[0]).axes[-1].collections[-1]
    ramp = colourise(np.array([[0.0, 128.0, 255.0]], np.float32), (0.0, 255.0))[0]
    np.testing.assert_allclose(mappable.cmap([0.0, 128 / 255, 1.0])[:, :3] * 255, ramp, atol=3)


def test_overview_says_the_verdict_and_outlines_the_mask(evaluations):
    mask = np.zeros((24, 32), bool)
    mask[4:8, 4:8] = True
    figure = plots.overview(evaluations[1], mask=mask)
    assert figure.get_suptitle() == "NG   score 200   threshold 100"
    for ax in figure.axes[:2]:
        green = (np.asarray(ax.images[0].get_array()) == OUTLINE).all(axis=-1)
        assert green.sum() == 6 * 6 - 4 * 4 and not (green & mask).any()
    assert shown_size(figure)[0] > 500


def test_sample_grid_shows_both_classes(parts):
    figure = plots.sample_grid(parts, n=4)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["OK ", "OK ", "NG defect", "NG defect"]
    assert len(plots.sample_grid(parts, n=99).axes) == len(parts)


def test_sensors_marks_alarms_and_true_faults():
    values = np.arange(12.0).reshape(4, 3)
    table = Table(values=values, columns=("a", "b", "c"), labels=LABELS[1:], time=None)
    figure = plots.sensors(table, [False, False, True, False], columns=["c", "a"])
    top = figure.axes[0]
    assert [ax.get_ylabel() for ax in figure.axes] == ["c", "a"]
    assert line(top, "alarm").get_xydata().tolist() == [[2, 8]]
    assert legend(top) == ["true fault", "alarm"]
    assert shown_size(figure)[0] > 500


ODD = (r"$\q$ a", "b$1$")  # the first is no formula that matplotlib knows, the second is one


def named_figures(evaluation):
    """A figure of each function that draws names from the data."""
    kind, first, second = (
        metrics.by_kind(SCORES, LABELS, [ODD[0]] * 5, 2.0), SCORES + 0.5, 9 * SCORES
    )  # fmt: skip
    table = Table(values=np.c_[SCORES, SCORES], columns=ODD, labels=None, time=None)
    chart = metrics.p_chart([1, 2], [10, 10])
    rates = {"missed": [(0.1, (0.0, 0.2)), (0.2, (0.1, 0.3))]}
    return [
        plots.agreement(first, second, LABELS, ODD, (2.0, 1.0)).figure,
        plots.kinds(kind).figure,
        plots.p_chart(ODD, chart).figure,
        plots.rate_intervals(ODD, rates),
        plots.blame([0.4, 0.6], ODD).figure,
        plots.timeline(table, SCORES, 2.0),
        plots.sensors(table),
        plots.mean_maps(dict.fromkeys(ODD, np.eye(3))),
        plots.overview(evaluation, title=" ".join(ODD)),
    ]


def test_names_are_drawn_as_they_are_though_they_hold_dollars(evaluations):
    for at, figure in enumerate(named_figures(evaluations[0])):
        plots.png(figure)  # a formula that cannot be read would raise
        drawn = [text for text in figure.findobj(Text) if "$" in text.get_text()]
        formulas = [text.get_text() for text in drawn if text.get_parse_math()]
        assert len(formulas) < len(drawn), figure.alt
        assert all("mathdefault" in text for text in formulas), figure.alt
        assert at or formulas  # the first has logarithmic axes, with powers of 10


def test_what_is_refused(parts):
    with pytest.raises(ValueError, match="at least one epoch"):
        plots.history([])
    with pytest.raises(ValueError, match="must have 1 columns as named, got 2"):
        plots.blame([0.5, 0.5], ["temp"])
    with pytest.raises(ValueError, match="as many as scores, 5, got 2"):
        plots.histogram(SCORES, [True, False])
    with pytest.raises(ValueError, match="finite number"):
        plots.histogram([np.nan])
    with pytest.raises(ValueError, match="at least one image"):
        plots.sample_grid(parts[np.zeros(5, bool)])
