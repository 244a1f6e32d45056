"""Images at the one size that a backbone sees, read ahead in threads, batch by batch.

No torch here: a detector that scores through its graph does without it.
"""

import os
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workbench.data import ImageFolder
from workbench.data.decode import WHITE, pixels_of
from workbench.data.opening import ImageSource
from workbench.errors import DataError
from workbench.progress import bar as progress_bar

from .config import Size, sides

Images: TypeAlias = ImageFolder | Sequence[ImageSource]

AHEAD = 2  # batches that are decoded while one is computed


class Square(NamedTuple):
    """One image stretched for the backbone, or why there is none."""

    source: ImageSource
    pixels: NDArray[np.uint8] | None
    size: tuple[int, int] = (0, 0)
    error: str = ""


def to_square(image: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Stretch an image (H, W, 3) to uint8 (1, 3, *size), bilinear, antialiased.

    Pillow resamples bit for bit as torchvision's `Resize` does on a PIL image, which the
    original CS-Flow was trained on.
    """
    height, width = sides(size)
    square = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1))[None]


def batches(
    images: Images,
    size: Size,
    batch: int,
    title: str = "",
    progress: bool = False,
    strict: bool = False,
    white: int = 0,
) -> Iterator[tuple[list[int], NDArray[np.uint8], list[tuple[int, int]]]]:
    """Yield positions, uint8 squares (B, 3, *size) and own sizes, decoded ahead.

    Unreadable images are left out with one warning, or raise where `strict`.
    """
    failed: list[str] = []
    seen = 0
    with progress_bar(total=len(images), desc=title, unit="img", progress=progress) as bar:
        for squares in decoded(sources_of(images), size, batch, white):
            failed += [square.error for square in squares if square.error]
            if strict and failed:
                raise DataError(failed[0])
            good = [(seen + i, square) for i, square in enumerate(squares) if not square.error]
            if good:
                places = [place for place, _ in good]
                yield places, stacked([s for _, s in good]), [square.size for _, square in good]
            seen += len(squares)
            bar.update(len(squares))
    if failed:
        named = "; ".join(failed[:10]) + f"; and {len(failed) - 10} more" * (len(failed) > 10)
        warnings.warn(f"{len(failed)} images were left out: {named}", stacklevel=3)


def decoded(
    sources: Iterable[ImageSource], size: Size, batch: int, white: int = 0
) -> Iterator[list[Square]]:
    """Yield batches in order, a few decoded in threads while one is being computed.

    `white` is that of 16-bit images, 0 for their whole range. Only these few are in memory, so
    `sources` may be a generator without an end.
    """

    def square(source: ImageSource) -> Square:
        try:
            with pixels_of(source, white or WHITE) as pixels:
                return Square(source, to_square(pixels, size), pixels.shape[:2])
        except DataError as error:
            return Square(source, None, error=str(error))

    remaining = iter(sources)
    pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1))
    try:
        ahead: deque[list[Future[Square]]] = deque()
        while some := list(islice(remaining, batch)):
            ahead.append([pool.submit(square, source) for source in some])
            if len(ahead) > AHEAD:
                yield [future.result() for future in ahead.popleft()]
        while ahead:
            yield [future.result() for future in ahead.popleft()]
    finally:
        pool.shutdown(cancel_futures=True)  # a caller that stops waits for one batch at most


def stacked(squares: Sequence[Square]) -> NDArray[np.uint8]:
    """The pixels of readable squares as one batch (B, 3, *size)."""
    return np.concatenate([square.pixels for square in squares])


def sources_of(images: Images) -> Sequence[ImageSource]:
    """The paths of a folder, or the sequence itself."""
    return images.paths if isinstance(images, ImageFolder) else images
