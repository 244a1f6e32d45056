"""From a batch of square images to a pyramid of features."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .backbones import Backbone

Pyramid = list[Tensor]


class FeaturePyramid(nn.Module):
    """The same frozen backbone on the image and on smaller copies of it.

    Args:
        backbone: Frozen network with `.channels` and `.stride`.
        image_size: Pixels a side of the finest image.
        scales: K; scale k sees the image at image_size / 2^k.
        downscale: "area" (antialiased) or "nearest", as the original does.

    Raises:
        ValueError: The image size does not give whole cells at every scale; the message names
            the next sizes that do.

    Example:
        >>> from workbench.features import load_backbone
        >>> pyramid = FeaturePyramid(load_backbone("efficientnet-lite0", 14), 128)
        >>> [tuple(x.shape) for x in pyramid(torch.zeros(1, 3, 128, 128, dtype=torch.uint8))]
        [(1, 192, 4, 4), (1, 192, 2, 2), (1, 192, 1, 1)]
    """

    def __init__(
        self, backbone: Backbone, image_size: int, scales: int = 3, downscale: str = "area"
    ) -> None:
        super().__init__()
        step = backbone.stride << (scales - 1)
        if image_size % step or image_size < step:
            below, above = image_size // step * step, (image_size // step + 1) * step
            sizes = " or ".join(str(size) for size in (below, above) if size)
            raise ValueError(
                f"image_size must be a multiple of {step} for {scales} scales of "
                f"{backbone.name} block {backbone.block}, got {image_size}; take {sizes}"
            )
        self.backbone, self.image_size, self.scales = backbone, image_size, scales
        self.downscale = downscale

    @property
    def shapes(self) -> list[tuple[int, int, int]]:
        """(C, H/2^k, W/2^k) of every scale."""
        side = self.image_size // self.backbone.stride
        return [(self.backbone.channels, side >> k, side >> k) for k in range(self.scales)]

    def forward(self, images: Tensor) -> Pyramid:
        """Map uint8 RGB (B, 3, S, S) to K feature tensors (B, C, S/stride/2^k, ...)."""
        x = images.to(self.backbone.mean.dtype) / 255
        return [self.backbone(self._smaller(x, k)) for k in range(self.scales)]

    def _smaller(self, x: Tensor, k: int) -> Tensor:
        if k == 0:
            return x
        if self.downscale == "nearest":
            return F.interpolate(x, scale_factor=0.5**k, mode="nearest")
        return F.avg_pool2d(x, 1 << k)


class Standardise(nn.Module):
    """Per channel and scale: subtract the mean, divide by the standard deviation."""

    def __init__(self, channels: int, scales: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(scales, channels))
        self.register_buffer("std", torch.ones(scales, channels))

    def fit(self, xs: Sequence[Tensor]) -> "Standardise":
        """Take the statistics of K tensors (N, C, H, W), summed in float64."""
        for k, x in enumerate(xs):
            chunks = [c.double() for c in x.split(256)]
            count = x.numel() / x.shape[1]
            mean = sum(c.sum((0, 2, 3)) for c in chunks) / count
            square = sum((c - mean.view(-1, 1, 1)).square().sum((0, 2, 3)) for c in chunks)
            self.mean[k] = mean
            self.std[k] = (square / count).sqrt().clamp(min=1e-4)  # a dead channel stays near 0
        return self

    def forward(self, xs: Pyramid) -> Pyramid:
        """Return the standardised pyramid."""
        cells = (slice(None), None, None)
        return [(x - m[cells]) / s[cells] for x, m, s in zip(xs, self.mean, self.std, strict=True)]
