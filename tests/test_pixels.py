"""Pixel metrics on generated maps against their definitions, written out by threshold."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label
from sklearn import metrics as reference

from workbench import metrics
from workbench.csflow.regions import region_level
from workbench.metrics.pixel import maps as maps_module

GRID = st.sampled_from([-2.0, -0.0, 0.0, 0.25, 0.5, 0.5000001, 3.0, 1e30])


@st.composite
def images(draw, dtype=None):
    """Maps of differing sizes and types with many ties, and masks with and without defects."""
    maps, masks = [], []
    for _ in range(draw(st.integers(1, 4))):
        shape = draw(st.integers(1, 6)), draw(st.integers(1, 6))
        n = shape[0] * shape[1]
        values = draw(st.lists(GRID, min_size=n, max_size=n))
        kind = dtype or draw(st.sampled_from([np.float32, np.float64]))
        maps.append(np.array(values, kind).reshape(shape))
        marked = draw(st.lists(st.booleans(), min_size=n, max_size=n))
        masks.append(np.array(marked).reshape(shape) & draw(st.booleans()))
    masks[0].flat[0] = True
    maps.append(np.zeros((1, 2)))
    masks.append(np.array([[False, True]]))  # at least one pixel of each class
    return maps, masks


def pixels(maps, masks):
    scores = np.concatenate([heat.ravel().astype(float) for heat in maps])
    return scores, np.concatenate([mask.ravel() for mask in masks])


def slow_aupro(maps, masks, limit):
    """Bergmann et al. 2021: overlap of each 8-connected region at every threshold."""
    regions = []
    for heat, mask in zip(maps, masks, strict=True):
        found, n = label(mask, np.ones((3, 3)))
        regions += [heat[found == i] for i in range(1, n + 1)]
    scores, defective = pixels(maps, masks)
    fpr, pro = [0.0], [0.0]
    for t in sorted(set(scores), reverse=True):
        fpr.append((scores[~defective] >= t).mean())
        pro.append(np.mean([(region >= t).mean() for region in regions]))
    area = 0.0
    for x0, x1, y0, y1 in zip(fpr, fpr[1:], pro, pro[1:], strict=False):
        if x0 >= limit or x1 == x0:
            continue
        end = min(x1, limit)
        area += (end - x0) * (y0 + y0 + (y1 - y0) * (end - x0) / (x1 - x0)) / 2
    return area / limit


SETTINGS = settings(max_examples=75, deadline=None)


@SETTINGS
@given(images(), st.sampled_from([0.01, 0.05, 0.3, 0.5, 1.0]))
def test_aupro_is_its_definition(found, limit):
    value = metrics.aupro(*found, limit=limit)
    assert value == pytest.approx(slow_aupro(*found, limit), abs=1e-12)


@SETTINGS
@given(images())
def test_pixel_auroc_is_that_of_scikit_learn(found):
    scores, defective = pixels(*found)
    area = reference.roc_auc_score(defective, scores)
    assert metrics.pixel_auroc(*found) == pytest.approx(area, abs=1e-12)


@pytest.mark.parametrize("function", [metrics.aupro, metrics.pixel_auroc])
@settings(max_examples=25, deadline=None)
@given(found=images())
def test_binned_is_within_its_stated_error(function, found):
    exact, binned = function(*found), function(*found, exact=False)
    assert exact.error == 0
    assert abs(binned - exact) <= binned.error + 1e-12
    assert (binned.n_regions, binned.n_background) == (exact.n_regions, exact.n_background)


@pytest.mark.parametrize("function", [metrics.aupro, metrics.pixel_auroc])
def test_binned_error_is_small_on_smooth_maps_and_honest_within_one_bin(function):
    rng = np.random.default_rng(0)
    masks = [rng.random((64, 64)) < 0.02 for _ in range(8)]
    maps = [rng.gamma(2, size=(64, 64)) + mask for mask in masks]
    smooth = function(maps, masks, exact=False)
    assert smooth.error < 2e-3 and abs(smooth - function(maps, masks)) <= smooth.error
    packed = [1 + heat * 1e-6 for heat in maps]  # all scores fall into one bin
    assert function(packed, masks) == pytest.approx(function(maps, masks), abs=1e-6)
    blind = function(packed, masks, exact=False)
    assert blind.error > 0.3 and abs(blind - function(packed, masks)) <= blind.error


def slow_aupimo(maps, masks, low, high):
    """Bertoldo et al. 2024: recall of each image over log shared FPR, corner by corner."""
    good = [heat for heat, mask in zip(maps, masks, strict=True) if not mask.any()]
    found = []
    for heat, mask in zip(maps, masks, strict=True):
        if not mask.any():
            found.append(math.nan)
            continue
        corners = []
        for t in sorted({*heat[mask], *np.concatenate([g.ravel() for g in good])}, reverse=True):
            fpr = np.mean([(g >= t).mean() for g in good])
            corners.append((math.log(fpr) if fpr else -math.inf, (heat[mask] >= t).mean()))
        area = 0.0
        for (x0, y0), (x1, y1) in zip(corners, corners[1:], strict=False):
            left, right = max(x0, math.log(low)), min(x1, math.log(high))
            if left < right:
                at = [y0 + (y1 - y0) * (x - x0) / (x1 - x0) for x in (left, right)]
                area += (right - left) * sum(at) / 2
        found.append(area / math.log(high / low))
    return found


@SETTINGS
@given(images(), st.sampled_from([(0.05, 0.4), (0.3, 1.0), (0.5, 0.6)]))
def test_aupimo_is_its_definition(found, bounds):
    maps, masks = found
    maps = [*maps, np.linspace(-3, 3.5, 24).reshape(4, 6), np.full((1, 3), -3.0)]
    masks = [*masks, np.zeros((4, 6), bool), np.zeros((1, 3), bool)]
    value = metrics.aupimo(maps, masks, bounds=bounds)
    good = [heat for heat, mask in zip(maps, masks, strict=True) if not mask.any()]
    highest = max(heat.max() for heat in good)
    if np.mean([(heat >= highest).mean() for heat in good]) > bounds[0] * (1 + 1e-9):
        assert math.isnan(value) and value.reason.startswith("the lowest false positive rate")
        return
    expected = slow_aupimo(maps, masks, *bounds)
    np.testing.assert_allclose(value.per_image, expected, atol=1e-9)
    assert value == pytest.approx(np.nanmean(expected))


def test_aupimo_says_what_it_lacks():
    heat, none, every = np.arange(100.0).reshape(10, 10), np.zeros((10, 10)), np.ones((10, 10))
    assert metrics.aupimo([heat], [every]).reason == "there is no image without a defect"
    assert metrics.aupimo([heat], [none]).reason == "there is no image with a defect"
    few = metrics.aupimo([heat, heat], [none, every])
    assert math.isnan(few) and "lies above 1e-05" in few.reason
    with pytest.raises(ValueError, match="bounds must ascend"):
        metrics.aupimo([heat], [none], bounds=(0.1, 0.1))


def test_by_hand():
    heat = np.array([[9, 1, 5, 0, 4, 3.0]])
    mask = np.array([[1, 1, 0, 0, 0, 1]])  # two regions: scores 9 and 1, and 3
    # overlap 1/4 until FPR 2/3 is reached (9 > 5 > 4), then 3 and 1 bring it to 1 before 0 does
    assert metrics.aupro([heat], [mask], limit=1) == pytest.approx((0.25 + 0.25 + 1) / 3)
    assert metrics.aupro([heat], [mask], limit=0.5) == pytest.approx(0.25)


def test_regions_touch_at_corners_and_pixels_may_be_pairs():
    mask = np.eye(4, dtype=bool)
    found = metrics.aupro([(np.arange(16.0).reshape(4, 4), mask)])
    assert (found.n_regions, found.n_background) == (1, 12)


class Anew:
    """Pairs that are made for every pass, as if loaded from disk."""

    def __init__(self, pairs):
        self.pairs, self.passes = pairs, 0

    def __iter__(self):
        self.passes += 1
        return iter(self.pairs)


def test_maps_are_streamed_in_two_passes_and_binned_in_one():
    rng = np.random.default_rng(0)
    source = Anew([(rng.normal(size=(9, 9)), rng.random((9, 9)) < 0.2) for _ in range(5)])
    metrics.aupro(source)
    assert source.passes == 2
    metrics.aupro(source, exact=False)
    assert source.passes == 3


def test_what_does_not_fit_into_a_batch_changes_nothing():
    rng = np.random.default_rng(0)
    masks = [rng.random((9, 9)) < 0.2 for _ in range(40)]
    maps = [rng.integers(0, 50, (9, 9)).astype(float) for _ in masks]
    whole = maps_module.batched(maps)
    pieces = list(maps_module.batched(maps, 100))
    assert len(pieces) > 10
    np.testing.assert_array_equal(np.concatenate(pieces), np.concatenate(list(whole)))


def slow_areas(heat, cut):
    """Flood fill from every pixel that reaches the cut."""
    left, found = set(zip(*np.nonzero(heat >= cut), strict=True)), []
    while left:
        front, size = [left.pop()], 0
        while front:
            i, j = front.pop()
            size += 1
            near = {(i + a, j + b) for a in (-1, 0, 1) for b in (-1, 0, 1)} & left
            left -= near
            front += near
        found.append(size / heat.size)
    return sorted(found, reverse=True)


@settings(max_examples=60, deadline=None)
@given(images(), st.sampled_from([0.0, 0.25, 3.0, 1e31]), st.integers(1, 3))
def test_regions_are_those_of_a_flood_fill(found, cut, count):
    maps, masks = found
    for heat in maps:
        assert metrics.region_areas(heat, cut) == pytest.approx(slow_areas(heat, cut))
    scores = metrics.region_scores(maps, cut, count)
    for heat, score in zip(maps, scores, strict=True):
        for smallest in (0.05, 0.2, 1.0):
            large = [area for area in slow_areas(heat, cut) if area >= smallest - 1e-12]
            assert (score >= smallest - 1e-12) == (len(large) >= count)


@settings(max_examples=60, deadline=None)
@given(images(), st.sampled_from([0.1, 0.25, 1.0]), st.integers(1, 3))
def test_the_level_of_a_map_is_the_highest_cut_with_enough_large_regions(found, smallest, count):
    for heat in found[0]:
        level = region_level(heat, smallest, count)
        large = {c: sum(a >= smallest - 1e-9 for a in slow_areas(heat, c)) for c in heat.flat}
        reached = [cut for cut, n in large.items() if n >= count]
        assert level == (max(reached) if reached else heat.min())


@settings(max_examples=60, deadline=None)
@given(images(), st.sampled_from([0.25, 3.0]), st.sampled_from([0.0, 0.2]))
def test_a_defect_is_found_by_a_region_that_counts(found, cut, smallest):
    expected = total = 0
    for heat, mask in zip(*found, strict=True):
        labels, n = label(heat >= cut, np.ones((3, 3)))
        large = [r for r in range(1, n + 1) if (labels == r).mean() >= smallest]
        defects, m = label(mask, np.ones((3, 3)))
        total += m
        expected += sum(np.isin(labels[defects == d], large).any() for d in range(1, m + 1))
    assert metrics.regions_found(*found, cut, smallest) == (expected, total)


def test_no_region_is_no_verdict():
    with pytest.raises(ValueError, match="at least 1 region, got 0"):
        metrics.region_scores([np.ones((2, 2))], 0.5, 0)


def test_undefined_has_a_reason():
    heat, none, every = [np.ones((2, 2))], [np.zeros((2, 2))], [np.ones((2, 2))]
    for function in (metrics.aupro, metrics.pixel_auroc):
        for exact in (True, False):
            for maps, masks, reason in (
                (heat, none, "no pixel is marked"),
                (heat, every, "every pixel"),
                (heat, [None], "no pixel is marked"),
                ([], [], "no pixel is marked"),
            ):
                found = function(maps, masks, exact=exact)
                assert math.isnan(found) and found.reason.startswith(reason)


def test_what_is_refused():
    heat = np.ones((2, 2))
    with pytest.raises(ValueError, match=r"mask 0 must have its map's size \(2, 2\)"):
        metrics.aupro([heat], [np.ones((2, 3))])
    with pytest.raises(ValueError, match="one per map, got 0 for 1"):
        metrics.aupro([heat], [])
    with pytest.raises(ValueError, match="NaN or inf in map 1"):
        metrics.aupro([heat, heat * np.nan], [heat, heat])
    with pytest.raises(ValueError, match=r"must be \(H, W\), got \(2, 2, 1\) for map 0"):
        metrics.aupro([heat[..., None]], [heat[..., None]])
    with pytest.raises(ValueError, match=r"limit must be in \(0, 1\], got 0"):
        metrics.aupro([heat], [heat], limit=0)
    with pytest.raises(TypeError, match="maps must be gone through more than once, got generator"):
        metrics.aupro((x for x in [heat]), [heat])


@settings(max_examples=200)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=30))
def test_bins_keep_the_order(values):
    scores = np.sort(np.array(values))
    bins = maps_module.bin_of(scores)
    assert (np.diff(bins) >= 0).all() and bins.min() >= 0 and bins.max() < maps_module.BINS
    assert (np.diff(bins)[scores[1:] == scores[:-1]] == 0).all()
    single = scores[np.abs(scores) < 1e38].astype(np.float32)
    lowest = [maps_module.lowest_of(int(b)) for b in maps_module.bin_of(single)]
    assert (np.array(lowest, np.float32) <= single).all()
