"""Scores, heat maps and shares of latents, against NumPy and by hand."""

import numpy as np
import pytest
import torch

from workbench.csflow import heat, scale_shares, score
from workbench.csflow.regions import regions
from workbench.csflow.scores import JOINS, STATISTICS


@pytest.fixture
def zs():
    rng = torch.Generator().manual_seed(0)
    return [torch.randn(3, 5, 8 >> k, 8 >> k, generator=rng).double() for k in range(3)]


def test_scores_are_those_of_numpy(zs):
    energy = np.concatenate([z.numpy().reshape(3, -1) for z in zs], 1) ** 2 / 2
    cells = [(z.numpy() ** 2 / 2).mean(1).reshape(3, -1) for z in zs]
    hottest = np.sort(np.concatenate(cells, 1), 1)[:, ::-1]
    expected = {
        "mean": energy.mean(1),
        "std": energy.std(1),
        "max": hottest[:, 0],
        "topk": hottest[:, :7].mean(1),
        "norm": (hottest**4).mean(1) ** 0.25,
    }
    assert set(expected) == set(STATISTICS)
    for statistic, values in expected.items():
        np.testing.assert_allclose(score(zs, statistic, 7), values, rtol=1e-12)


def test_top_k_takes_all_cells_where_there_are_fewer(zs):
    coarsest = [zs[-1]]
    np.testing.assert_allclose(score(coarsest, "topk", 99), score(coarsest, "mean"))


def test_heat_joins_the_scales():
    fine = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    cells = [fine, torch.tensor([[[3.0]]])]
    expected = {"finest": fine, "mean": (fine + 3) / 2}
    assert set(expected) == set(JOINS)
    for kind, values in expected.items():
        np.testing.assert_allclose(heat(cells, kind), values)


def test_coarse_maps_are_enlarged_bilinearly_about_cell_centres():
    cells = [torch.zeros(1, 4, 4), torch.tensor([[[0.0, 4.0], [0.0, 4.0]]])]
    np.testing.assert_allclose(heat(cells, "mean")[0, 1], [0.0, 0.5, 1.5, 2.0])
    rng = np.random.default_rng(0)
    fine, coarse = rng.random((2, 8, 8)), rng.random((2, 4, 4))
    enlarged = torch.nn.functional.interpolate(
        torch.from_numpy(coarse)[:, None], size=(8, 8), mode="bilinear", align_corners=False
    )[:, 0]
    np.testing.assert_allclose(heat([fine, coarse]), (fine + enlarged.numpy()) / 2)


def test_shares_are_the_excess_over_good_parts():
    levels = torch.tensor([[0.5, 0.5, 2.0], [0.9, 0.7, 0.4], [0.1, 0.1, 0.2]])
    cells = [levels[:, k, None, None].expand(3, 8 >> k, 8 >> k) for k in range(3)]
    found = scale_shares(cells, torch.tensor([0.5, 0.5, 0.5]))
    expected = [[0, 0, 1], [2 / 3, 1 / 3, 0], [0.25, 0.25, 0.5]]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    # the last image exceeds nowhere and is shared by plain energy
    zero = [torch.zeros(1, 8 >> k, 8 >> k) for k in range(3)]
    np.testing.assert_allclose(
        scale_shares(zero, torch.zeros(3)), np.full((1, 3), 1 / 3), rtol=1e-6
    )
    np.testing.assert_allclose(
        scale_shares(cells, torch.zeros(3)), levels / levels.sum(1, keepdim=True), rtol=1e-6
    )


def flooded(hot):
    """Connected pixels by flooding, one set a region: slow and plain."""
    left, found = {tuple(p) for p in np.argwhere(hot)}, []
    while left:
        edge = [left.pop()]
        region = set(edge)
        while edge:
            y, x = edge.pop()
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            region |= near
            edge += near
        found.append(region)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_regions_are_those_of_flooding(seed):
    heatmap = np.random.default_rng(seed).random((17, 23)).astype(np.float32)
    expected = []
    for region in flooded(heatmap > 0.85):
        ys, xs = zip(*region, strict=True)
        peak = max(float(heatmap[p]) for p in region)
        expected.append(((min(xs), min(ys), max(xs) + 1, max(ys) + 1), len(region), peak))
    expected.sort(key=lambda region: -region[2])
    assert len(expected) > 10
    assert list(regions(heatmap, 0.85)) == expected[:10]


def test_a_region_inside_another_stays_its_own():
    heatmap = np.pad(np.pad([[9.0]], 1), 1, constant_values=2.0)
    assert regions(heatmap, 1) == (((2, 2, 3, 3), 1, 9.0), ((0, 0, 5, 5), 16, 2.0))


def test_a_map_below_the_threshold_has_no_regions():
    assert regions(np.full((4, 4), 0.5), 0.51) == ()


def test_a_peak_is_cut_at_half_its_height_and_its_slopes_are_no_regions():
    y, x = np.mgrid[:60, :80]
    hill = np.exp(-((x - 20) ** 2 + (y - 30) ** 2) / 200)
    small = 0.3 * np.exp(-((x - 65) ** 2 + (y - 30) ** 2) / 50)
    first, second = regions(10 * (hill + small), 1.0)
    assert first.peak == pytest.approx(10, rel=1e-3) and second.peak == pytest.approx(3, rel=0.05)
    half = np.sqrt(200 * np.log(2))  # where a bell has half its height
    assert (first.box[2] - first.box[0]) / 2 == pytest.approx(half, abs=1)
    assert first.box[0] <= 20 < first.box[2] and second.box[0] <= 65 < second.box[2]
    assert len(regions(10 * (hill + small), 3.5)) == 1  # only what reaches the threshold


def test_regions_of_a_large_photo_are_found_on_a_coarser_grid():
    large = np.kron(np.array([[0, 0, 0], [0, 9.0, 0], [0, 0, 0]]), np.ones((700, 900)))
    (found,) = regions(large, 1.0)
    assert found.box == pytest.approx((900, 700, 1800, 1400), abs=12)
    assert found.area == pytest.approx(900 * 700, rel=0.03)
