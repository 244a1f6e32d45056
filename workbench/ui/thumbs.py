"""Small pictures of parts with the frame of their outcome; a click reports the part."""

import base64
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from workbench.data import read_image
from workbench.data.encode import jpeg

from .markup import render

SIDE, SHOWN = 132, 60  # pixels, and how many at a time: a browser slows down with thousands


def thumbs(
    indices: list[int],
    paths: tuple[Path, ...],
    describe: Callable[[int], dict[str, str]],
) -> str:
    """A grid of parts."""
    parts = []
    for index in indices[:SHOWN]:
        said = describe(index)
        wrong = said["outcome"] in ("missed", "overkill")
        kind = said["outcome"] if wrong else said["prediction"].lower() or "none"
        parts.append(
            said
            | {"index": index, "kind": kind, "word": said["prediction"] or "?",
               "title": f"{said['name']}: {said['prediction']} {said['score']}",
               "data": small(paths[index])}
        )  # fmt: skip
    return render("gallery.thumbs", parts=parts)


@lru_cache(maxsize=2000)
def small(path: Path, side: int = SIDE) -> str:
    """A small JPEG as base64; "" of what cannot be read."""
    from PIL import Image

    try:
        return base64.b64encode(jpeg(Image.fromarray(read_image(path)), side)).decode()
    except (OSError, ValueError):
        return ""
