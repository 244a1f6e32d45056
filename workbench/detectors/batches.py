"""Images read ahead of the network: decoded and stretched in threads, batch by batch."""

import os
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workbench.csflow import CSFlowConfig
from workbench.data import ImageFolder, read_image
from workbench.errors import DataError
from workbench.features import to_square
from workbench.progress import bar as progress_bar

ImageSource = str | Path | bytes | Image.Image | NDArray[np.generic]
Images = ImageFolder | Sequence[ImageSource]

AHEAD = 2  # batches that are decoded while one is computed


class Square(NamedTuple):
    """One image stretched for the backbone, or why there is none."""

    row: int
    pixels: NDArray[np.uint8] | None
    size: tuple[int, int] = (0, 0)
    error: str = ""


def batches(
    images: Images, config: CSFlowConfig, title: str, progress: bool, strict: bool = False
) -> Iterator[tuple[list[int], NDArray[np.uint8], list[tuple[int, int]]]]:
    """Yield positions, uint8 squares (B, 3, S, S) and own sizes, decoded ahead.

    Unreadable images are left out with one warning, or raise where `strict`.
    """
    failed: list[str] = []
    with progress_bar(total=len(images), desc=title, unit="img", progress=progress) as bar:
        for squares in _decoded(sources_of(images), config):
            failed += [square.error for square in squares if square.error]
            if strict and failed:
                raise DataError(failed[0])
            good = [square for square in squares if not square.error]
            if good:
                rows, pixels, sizes, _ = zip(*good, strict=True)
                yield list(rows), np.concatenate(pixels), list(sizes)
            bar.update(len(squares))
    if failed:
        named = "; ".join(failed[:10]) + f"; and {len(failed) - 10} more" * (len(failed) > 10)
        warnings.warn(f"{len(failed)} images were left out: {named}", stacklevel=3)


def _decoded(sources: Sequence[ImageSource], config: CSFlowConfig) -> Iterator[list[Square]]:
    def square(row: int) -> Square:
        try:
            image = read_image(sources[row])
        except DataError as error:
            return Square(row, None, error=str(error))
        return Square(row, to_square(image, config.image_size, config.resize), image.shape[:2])

    starts = range(0, len(sources), config.batch)
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        ahead: deque[list[Future[Square]]] = deque()
        for start in starts:
            rows = range(start, min(start + config.batch, len(sources)))
            ahead.append([pool.submit(square, row) for row in rows])
            if len(ahead) > AHEAD:
                yield [future.result() for future in ahead.popleft()]
        while ahead:
            yield [future.result() for future in ahead.popleft()]


def sources_of(images: Images) -> Sequence[ImageSource]:
    """The paths of a folder, or the sequence itself."""
    return images.paths if isinstance(images, ImageFolder) else images
