"""Regions of a photo where nothing is to be looked at, as a picture that keeps their corners."""

import json
from pathlib import Path

from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from workbench import workspace

Corners = tuple[tuple[float, float], ...]  # fractions of the photo: from the left, from the top


def write_regions(path: Path, regions: tuple[Corners, ...], width: int, height: int) -> None:
    """Draw them white on black, as large as the photos are."""
    mask, facts = Image.new("L", (width, height)), PngInfo()
    for region in regions:  # 0.5: a pixel is where its middle is
        pixels = [(x * width - 0.5, y * height - 0.5) for x, y in region]
        ImageDraw.Draw(mask).polygon(pixels, fill=255)
    facts.add_text("regions", json.dumps(regions))
    with workspace.written(path) as file:
        mask.save(file, "PNG", pnginfo=facts)


def read_regions(path: Path) -> tuple[Corners, ...]:
    """The regions that were written there, none if there is no such file."""
    try:
        with Image.open(path) as image:
            if "boxes" in image.info:  # of a program that knew no other
                boxes = json.loads(image.info["boxes"])
                return tuple(
                    ((x, y), (right, y), (right, low), (x, low)) for x, y, right, low in boxes
                )
            found = json.loads(image.info["regions"])
        return tuple(tuple((float(x), float(y)) for x, y in region) for region in found)
    except (OSError, KeyError, ValueError, TypeError):
        return ()
