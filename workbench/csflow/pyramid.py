"""From a batch of square images to a pyramid of features."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .backbone import Backbone

Pyramid = list[Tensor]


class FeaturePyramid(nn.Module):
    """The same frozen backbone on the image and on smaller copies of it.

    Args:
        backbone: Frozen network with `.channels` and `.stride`.
        image_size: Pixels a side of the finest image.
        scales: K, each at half the resolution of the one before. Without `finer`, scale k sees
            the image at image_size / 2^k.
        downscale: "area" (antialiased) or "nearest", as the original does.
        finer: Scale 0 is what a shallower block of half the stride gives on the way through
            the full image, and scale k > 0 sees the image at image_size / 2^(k - 1).

    Raises:
        ValueError: The image size does not give whole cells at every scale; the message names
            the next sizes that do. Or the backbone has no shallower block for `finer`.

    Example:
        >>> from workbench.csflow import load_backbone
        >>> pyramid = FeaturePyramid(load_backbone("efficientnet-lite0", 14), 128)
        >>> [tuple(x.shape) for x in pyramid(torch.zeros(1, 3, 128, 128, dtype=torch.uint8))]
        [(1, 192, 4, 4), (1, 192, 2, 2), (1, 192, 1, 1)]
    """

    def __init__(
        self,
        backbone: Backbone,
        image_size: int,
        scales: int = 3,
        downscale: str = "area",
        finer: bool = False,
    ) -> None:
        super().__init__()
        self.sizes = scales - finer  # of the image
        if self.sizes < 1:
            raise ValueError(f"finer=True needs at least 2 scales, got {scales}")
        step = backbone.stride << (self.sizes - 1)
        if image_size % step or image_size < step:
            below, above = image_size // step * step, (image_size // step + 1) * step
            sizes = " or ".join(str(size) for size in (below, above) if size)
            raise ValueError(
                f"image_size must be a multiple of {step} for {self.sizes} scales of "
                f"{backbone.name} block {backbone.block}, got {image_size}; take {sizes}"
            )
        self.backbone, self.image_size, self.scales = backbone, image_size, scales
        self.downscale = downscale
        self.finer = backbone.finer if finer else None

    @property
    def shapes(self) -> list[tuple[int, int, int]]:
        """(C, H/2^k, W/2^k) of every scale, finest first."""
        side = self.image_size // self.backbone.stride
        finer = [(self.finer[1], 2 * side, 2 * side)] if self.finer else []
        return finer + [(self.backbone.channels, side >> k, side >> k) for k in range(self.sizes)]

    def forward(self, images: Tensor) -> Pyramid:
        """Map uint8 RGB (B, 3, S, S) to K feature tensors of `shapes`."""
        x = images.to(self.backbone.mean.dtype) / 255
        first = self.backbone.with_finer(x) if self.finer else (self.backbone(x),)
        return [*first, *(self.backbone(self._smaller(x, k)) for k in range(1, self.sizes))]

    def _smaller(self, x: Tensor, k: int) -> Tensor:
        if self.downscale == "nearest":
            return F.interpolate(x, scale_factor=0.5**k, mode="nearest")
        return F.avg_pool2d(x, 1 << k)


class Standardise(nn.Module):
    """Per channel and scale: subtract the mean, divide by the standard deviation.

    Args:
        channels: C of every scale; the statistics of one with fewer than another are padded.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(len(channels), max(channels)))
        self.register_buffer("std", torch.ones(len(channels), max(channels)))

    def fit(self, xs: Sequence[Tensor]) -> "Standardise":
        """Take the statistics of K tensors (N, C, H, W), summed in float64."""
        for k, x in enumerate(xs):
            chunks = [c.double() for c in x.split(256)]
            count = x.numel() / x.shape[1]
            mean = sum(c.sum((0, 2, 3)) for c in chunks) / count
            square = sum((c - mean.view(-1, 1, 1)).square().sum((0, 2, 3)) for c in chunks)
            std = (square / count).sqrt().clamp(min=1e-4)  # a dead channel stays near 0
            self.mean[k, : x.shape[1]], self.std[k, : x.shape[1]] = mean, std
        return self

    def forward(self, xs: Pyramid) -> Pyramid:
        """Return the standardised pyramid."""
        return [
            (x - m[: x.shape[1], None, None]) / s[: x.shape[1], None, None]
            for x, m, s in zip(xs, self.mean, self.std, strict=True)
        ]
