"""From images of one size to a pyramid of features: a frozen EfficientNet, at several scales.

The parts of efficientnet-pytorch that are used here have underscores in its own code; it offers
no other way to cut a network after a block.

References:
    Tan, Le 2019, EfficientNet, https://arxiv.org/abs/1905.11946.
"""

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workbench import workspace

from .config import Size, sides
from .flow import Pyramid
from .tiles import require_cells

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_LITE = ((127 / 255,) * 3, (128 / 255,) * 3)  # what the Lite weights were trained with


class Backbone(nn.Module):
    """The first blocks of an EfficientNet, frozen, in evaluation mode.

    Attributes:
        name: "efficientnet-b0" ... "efficientnet-b7", "efficientnet-lite0" ... "-lite2".
        block: Index of the last block that runs.
        channels: Channels of its output.
        stride: Pixels of the input per cell of the output.
        weights_hash: sha256 of the weights, hexadecimal; "random" without weights.
        weights_file: Where they were read.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        net: Any,  # noqa: ANN401
        name: str,
        block: int,
        weights_hash: str,
        weights_file: Path | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= block < len(net._blocks):
            raise ValueError(f"block of {name} must be in 0..{len(net._blocks) - 1}, got {block}")
        self.name, self.block = name, block
        self.weights_hash, self.weights_file = weights_hash, weights_file
        self.stem = nn.Sequential(net._conv_stem, net._bn0, net._swish)
        self.blocks = nn.Sequential(*list(net._blocks)[: block + 1])
        self.channels: int = net._blocks[block]._block_args.output_filters
        self.stride = 2 * prod(self._strides)
        mean, std = _LITE if "lite" in name else _IMAGENET
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1))
        self.requires_grad_(False).eval()

    def identity(self) -> dict[str, str | None]:
        """Name, hash and file of the weights, by which a saved detector finds them again."""
        file = workspace.portable(self.weights_file) if self.weights_file else None
        return {"name": self.name, "sha256": self.weights_hash, "file": file}

    def train(self, mode: bool = True) -> "Backbone":  # noqa: ARG002
        """Stay in evaluation mode: a frozen backbone keeps its batch-norm statistics."""
        return super().train(False)

    def forward(self, images: Tensor) -> Tensor:
        """Map RGB in [0, 1], (B, 3, H, W), to features (B, C, H/stride, W/stride)."""
        return self.blocks(self.stem(self._normalised(images)))

    def pyramid(self, images: Tensor, finer: int) -> Pyramid:
        """Features on the way, finest first: of `finer` shallower blocks, and the output."""
        x, start = self.stem(self._normalised(images)), 0
        xs: Pyramid = []
        for index in [*self.finer(finer), self.block]:
            x = self.blocks[start : index + 1](x)
            xs, start = [*xs, x], index + 1
        return xs

    def finer(self, count: int) -> list[int]:
        """Blocks with cells of half the output's width, a quarter, ...: the last of each.

        Raises:
            ValueError: There are not so many.
        """
        strides = [2 * prod(self._strides[: i + 1]) for i in range(len(self.blocks))]
        wanted = [self.stride >> k for k in range(count, 0, -1)]
        if missing := [stride for stride in wanted if stride not in strides]:
            raise ValueError(
                f"finer={count} needs a block of stride {missing[0]}, and block {self.block} of "
                f"{self.name} has none before it; take a deeper block or a smaller number"
            )
        return [len(strides) - 1 - strides[::-1].index(stride) for stride in wanted]

    @property
    def _strides(self) -> list[int]:
        blocks: list[Any] = list(self.blocks)
        return [max(block._depthwise_conv.stride) for block in blocks]

    def _normalised(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.std


class FeaturePyramid(nn.Module):
    """The same frozen backbone on the image and on smaller copies of it.

    Args:
        backbone: Frozen network with `.channels` and `.stride`.
        size: Of the image: pixels a side, or height and width.
        scales: K, each at half the resolution of the one before.
        downscale: "area" (antialiased) or "nearest", as the original does.
        finer: So many scales, the finest, are what shallower blocks give on the way through
            the full image; the others see the image, half of it, a quarter, ...

    Raises:
        ValueError: The size does not give whole cells at every scale; the message names the
            next sizes that do. Or the backbone has no shallower blocks for `finer`.

    Example:
        >>> from workbench.csflow import load_backbone
        >>> pyramid = FeaturePyramid(load_backbone("efficientnet-lite0", 14), 128)
        >>> [tuple(x.shape) for x in pyramid(torch.zeros(1, 3, 128, 128, dtype=torch.uint8))]
        [(1, 192, 4, 4), (1, 192, 2, 2), (1, 192, 1, 1)]
    """

    def __init__(
        self,
        backbone: Backbone,
        size: Size,
        scales: int = 3,
        downscale: str = "area",
        finer: int = 0,
    ) -> None:
        super().__init__()
        self.copies = scales - finer  # of the image: as it is, halved, ...
        if self.copies < 1:
            raise ValueError(f"finer={finer} needs at least {finer + 1} scales, got {scales}")
        step = backbone.stride << (self.copies - 1)
        self.size = sides(size)
        what = f"{self.copies} scales of {backbone.name} block {backbone.block}"
        require_cells("image_size", self.size, step, what)
        self.backbone, self.scales = backbone, scales
        self.downscale, self.finer = downscale, finer
        deep = [backbone.block] * self.copies
        blocks: list[Any] = list(backbone.blocks)  # of a library without types
        self.channels: list[int] = [
            blocks[i]._block_args.output_filters for i in backbone.finer(finer) + deep
        ]

    @property
    def shapes(self) -> list[tuple[int, int, int]]:
        """(C, H/2^k, W/2^k) of every scale, finest first."""
        height, width = (side // self.backbone.stride << self.finer for side in self.size)
        return [(c, height >> k, width >> k) for k, c in enumerate(self.channels)]

    def forward(self, images: Tensor) -> Pyramid:
        """Map uint8 RGB (B, 3, H, W) to K feature tensors of `shapes`."""
        x = images.to(self.backbone.mean.dtype) / 255
        smaller = (self.backbone(self._smaller(x, k)) for k in range(1, self.copies))
        return [*self.backbone.pyramid(x, self.finer), *smaller]

    def _smaller(self, x: Tensor, k: int) -> Tensor:
        if self.downscale == "nearest":
            return F.interpolate(x, scale_factor=0.5**k, mode="nearest")
        return F.avg_pool2d(x, 1 << k)


class Standardise(nn.Module):
    """Per channel and scale: subtract the mean, divide by the standard deviation.

    Args:
        channels: C of every scale; the statistics of one with fewer than another are padded.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(len(channels), max(channels)))
        self.register_buffer("std", torch.ones(len(channels), max(channels)))

    def fit(self, xs: Pyramid) -> "Standardise":
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
