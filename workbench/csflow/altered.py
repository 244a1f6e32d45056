"""Photos as a line alters them: another light, another focus, a little aside, compressed.

A flow that has seen good parts so does not take a changed line for a defect. What lies at the end
of a range is hardly learned, so several copies of each photo go farther than a line is expected
to; a single one would leave the range thinly filled. What turns parts would hide defects, and so
would compression that leaves nothing of a small spot.
"""

import io
import zlib
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from .limits import ALTERATIONS

ASIDE, FAR_ASIDE = 0.03, 0.05  # of a side
LIGHT, FAR_LIGHT = 0.25, 0.4  # of the levels
COLOUR = 0.1  # of contrast and saturation
BLUR = (0.05, 0.7)  # sigma in hundredths of the longer side
QUALITY = (35, 95)  # of JPEG; less hides defects
VERSION = 4  # to be raised when images are altered in another way
SOME = 0.5  # share of the copies that are out of focus, and of those that are compressed


class Alteration(NamedTuple):
    """What becomes of a photo, one copy of several."""

    kinds: tuple[str, ...] = ALTERATIONS
    copy: int = 0  # its number
    far: bool = False  # as one of several copies

    def to_json(self) -> list[str | int]:
        """What the copy depends on, besides the photo."""
        return [VERSION, self.copy, *self.kinds, *["far"] * self.far]


def altered(squares: NDArray[np.uint8], how: Alteration) -> NDArray[np.uint8]:
    """One altered copy of each image, uint8 (B, 3, H, W); of the same image and number the same.

    Example:
        >>> grey = np.full((2, 3, 64, 64), 100, np.uint8)
        >>> copies = altered(grey, Alteration())
        >>> copies.shape, bool((copies[0] == copies[1]).all()), bool((copies == grey).all())
        ((2, 3, 64, 64), True, False)
    """
    from torchvision.transforms import v2  # a second, and only training needs it

    height, width = squares.shape[2:]
    longer = max(height, width)
    sigma = tuple(share / 100 * longer for share in BLUR)
    size = 2 * round(3 * sigma[1]) + 1  # three standard deviations to each side
    share, light = (FAR_ASIDE, FAR_LIGHT) if how.far else (ASIDE, LIGHT)
    aside = [round(share * width), round(share * height)]
    changes = {
        "place": v2.RandomCrop((height, width), padding=aside, padding_mode="edge"),
        "light": v2.ColorJitter(light, COLOUR, COLOUR, 0.01),
        "focus": v2.RandomApply([v2.GaussianBlur(size, sigma)], SOME),
        "compression": v2.RandomApply([v2.Lambda(_compressed)], SOME),
    }
    change = v2.Compose([changes[kind] for kind in ALTERATIONS if kind in how.kinds])
    with torch.random.fork_rng(devices=[]):
        return np.stack([_seeded(change, square, how.copy) for square in squares])


def _compressed(square: torch.Tensor) -> torch.Tensor:
    buffer, quality = io.BytesIO(), int(torch.randint(*QUALITY, ()))
    Image.fromarray(square.numpy().transpose(1, 2, 0)).save(buffer, "JPEG", quality=quality)
    return torch.from_numpy(np.asarray(Image.open(buffer)).transpose(2, 0, 1).copy())


def _seeded(change: torch.nn.Module, square: NDArray[np.uint8], copy: int) -> NDArray[np.uint8]:
    torch.manual_seed(zlib.crc32(square.tobytes()) + copy)
    return change(torch.from_numpy(square)).numpy()
