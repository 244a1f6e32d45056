"""The pictures of a part: cut, coloured and marked as asked."""

import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from workbench.csflow.heatmap import blend
from workbench.csflow.regions import Region
from workbench.ui.pictures import SIDE, DisplaySettings, Frames, crop, draw, sheet


def part(height, width):
    """A photo whose colour says where a pixel lies, and a heat map that rises to the right."""
    y, x = np.mgrid[:height, :width]
    image = np.stack([255 * x // width, 255 * y // height, 0 * x], -1).astype(np.uint8)
    heat = (x / width).astype(np.float32)
    return SimpleNamespace(image=image, heatmap=heat, heat_range=(0.2, 0.8))


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data))).astype(int)


def test_the_overlay_is_the_blend_of_the_detector():
    whole = part(SIDE // 2, SIDE)
    seen = crop(whole, None, DisplaySettings())
    expected = blend(whole.image, whole.heatmap, whole.heat_range, 0.7)
    overlay = pixels(draw(seen, DisplaySettings(), whole.heat_range).overlay)
    assert overlay.shape == (SIDE // 2, SIDE, 3)
    assert np.abs(overlay - np.asarray(expected)).mean() < 2  # JPEG


def test_photo_and_overlay_show_the_same_place_at_any_zoom():
    whole = part(300, 400)
    look = DisplaySettings(zoom=4, centre=(0.75, 0.25), opacity=0)
    frame = draw(crop(whole, None, look), look, whole.heat_range)
    photo, overlay = pixels(frame.photo), pixels(frame.overlay)
    assert photo.shape == overlay.shape and np.abs(photo - overlay).max() < 12
    red, green = photo[..., 0] / 255, photo[..., 1] / 255
    assert red.mean() == pytest.approx(0.75, abs=0.01)
    assert green.mean() == pytest.approx(0.25, abs=0.01)
    assert np.ptp(red) == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(("height", "width"), [(24, 32), (1000, 3), (1, 1), (3000, 4000)])
@pytest.mark.slow
def test_pictures_of_any_size_travel_small(height, width):
    seen = crop(part(height, width), None, DisplaySettings())
    assert max(seen.photo.size) <= SIDE
    assert seen.photo.size == seen.heat.shape[::-1]
    assert seen.photo.width / seen.photo.height == pytest.approx(width / height, rel=0.5)


def test_the_scale_is_one_for_all_parts_or_the_own_of_each():
    whole = part(60, 80)
    for fixed, ends in ((True, (0.2, 0.8)), (False, (0.0, whole.heatmap.max()))):
        look = DisplaySettings(fixed=fixed)
        frame = draw(crop(whole, None, look), look, whole.heat_range)
        assert frame.heat_range == pytest.approx(ends, abs=0.01)


def test_the_ground_truth_is_outlined_even_where_it_is_thin():
    whole, look = part(2000, 2000), DisplaySettings()
    mask = np.zeros((2000, 2000), bool)
    mask[1000, 500:1500] = True  # a scratch of one pixel, a third of one when sent
    with_, without = (
        pixels(draw(crop(whole, mask, each), each, whole.heat_range).photo)
        for each in (look, replace(look, outline=False))
    )
    changed = np.abs(with_ - without).max(-1) > 40
    rows, columns = np.nonzero(changed)
    assert abs(rows.mean() - SIDE / 2) < 4 and np.ptp(columns) > SIDE * 0.45
    assert not np.abs(with_ - without)[: SIDE // 3].max() > 40


def test_regions_are_framed_where_they_are():
    whole, look = part(320, 320), DisplaySettings()
    region = Region((100, 40, 140, 80), 1600, 1.0)
    plain, framed = (
        pixels(draw(crop(whole, None, look), look, whole.heat_range, found).overlay)
        for found in ((), (region,))
    )
    rows, columns = np.nonzero(np.abs(plain - framed).max(-1) > 60)
    assert (columns.min(), rows.min()) == pytest.approx((200, 80), abs=6)
    assert (columns.max(), rows.max()) == pytest.approx((280, 160), abs=6)


def test_looking_at_a_region_brings_it_into_the_middle():
    look = DisplaySettings().at_region((300, 10, 340, 40), 400, 300)
    left, top, right, bottom = look.box(400, 300)
    assert left <= 300 and right >= 340 and top <= 10 and bottom >= 40
    assert 1 < look.zoom <= 8


def test_moving_stops_at_the_edge():
    look = DisplaySettings(zoom=2).moved(5, -5)
    assert look.centre == (0.75, 0.25) and look.box(100, 100) == (50, 0, 100, 50)
    assert DisplaySettings().moved(1, 1).centre == (0.5, 0.5)


def test_a_frame_is_made_once_and_another_look_only_colours_anew(monkeypatch):
    whole, frames, masks = part(60, 80), Frames(most=2), []

    def mask():
        masks.append(1)

    first = frames.get(1, whole, (), mask, DisplaySettings())
    assert frames.get(1, whole, (), mask, DisplaySettings()) is first and len(masks) == 1
    assert frames.get(1, whole, (), mask, DisplaySettings(opacity=0.1)).overlay != first.overlay
    assert len(masks) == 1
    frames.get(1, whole, (), mask, DisplaySettings(zoom=2))
    assert len(masks) == 2
    for index in (2, 3, 4):
        frames.get(index, whole, (), mask, DisplaySettings())
    assert len(frames) == 2


def test_an_exported_sheet_holds_both_pictures_and_the_words():
    whole = part(60, 80)
    frame = draw(crop(whole, None, DisplaySettings()), DisplaySettings(), whole.heat_range)
    page = np.asarray(sheet(frame, "NG, score 3", "NG, score 3"))
    height, width = pixels(frame.photo).shape[:2]
    assert page.shape[1] >= 2 * width and page.shape[0] > height + 30
    assert (page[height + 24 :] < 100).any()  # the line of text
