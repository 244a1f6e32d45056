"""Any image as the square that a backbone sees; without torch, which scoring need not import."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def to_square(image: NDArray[np.uint8], size: int, resize: str = "pil") -> NDArray[np.uint8]:
    """Stretch an image (H, W, 3) to one uint8 square (1, 3, size, size), bilinear, antialiased.

    "pil" resamples in Pillow, bit for bit what torchvision's `Resize` makes of a PIL image and
    the original CS-Flow was trained on; "tensor" as torchvision resizes a tensor, which differs
    by one grey level here and there.
    """
    if resize == "tensor":
        return _as_tensor(image, size)
    square = Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1))[None]


def _as_tensor(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    import torch
    from torchvision.transforms import functional as tv  # five seconds, hence only here

    pixels = torch.from_numpy(np.require(image, requirements="CW")).permute(2, 0, 1)[None]
    return tv.resize(pixels, [size, size], antialias=True).contiguous().numpy()
