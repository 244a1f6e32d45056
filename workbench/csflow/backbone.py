"""Frozen EfficientNets, cut after one of their blocks.

References:
    Tan, Le 2019, EfficientNet, https://arxiv.org/abs/1905.11946; the packages
    efficientnet-pytorch (B0-B7) and efficientnet-lite-pytorch (Lite0-2).
"""

import importlib
from collections.abc import Mapping
from math import prod
from pathlib import Path

import torch
from torch import Tensor, nn

from workbench import workspace
from workbench.errors import DataError

from .weights import digest_of, fingerprint, obtain_weights, read_weights

NAMES = tuple(f"efficientnet-b{i}" for i in range(8)) + tuple(
    f"efficientnet-lite{i}" for i in range(3)
)
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_LITE = ((127 / 255,) * 3, (128 / 255,) * 3)  # what the Lite weights were trained with


class Backbone(nn.Module):
    """The first blocks of an EfficientNet, frozen, in evaluation mode.

    Attributes:
        name: "efficientnet-b0" ... "efficientnet-b7", "efficientnet-lite0" ... "-lite2".
        block: Index of the last block that runs.
        channels: Channels of its output.
        stride: Pixels of the input per cell of the output.
        weights_hash: sha256 of the weights, hexadecimal, whatever file they came in; "random"
            without weights.
        weights_file: Where they were read.
    """

    def __init__(
        self,
        net: nn.Module,
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
        self.channels = self.blocks[-1]._block_args.output_filters
        self.stride = 2 * prod(self._strides)
        mean, std = _LITE if "lite" in name else _IMAGENET
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1))
        self.requires_grad_(False).eval()

    def facts(self) -> dict[str, str | None]:
        """Name, hash and file of the weights, by which a saved detector finds them again."""
        file = self.weights_file and workspace.portable(self.weights_file)
        return {"name": self.name, "sha256": self.weights_hash, "file": file}

    def has_weights(self, facts: Mapping[str, str | None]) -> bool:
        """Whether these are the weights that `facts` of a saved detector name.

        Detectors of the first release hold the hash of the weights' file instead.
        """
        if "file" in facts or self.weights_file is None:
            return facts["sha256"] == self.weights_hash
        return facts["sha256"] == digest_of(self.weights_file)

    def train(self, mode: bool = True) -> "Backbone":  # noqa: ARG002
        """Stay in evaluation mode: a frozen backbone keeps its batch-norm statistics."""
        return super().train(False)

    def forward(self, images: Tensor) -> Tensor:
        """Map RGB in [0, 1], (B, 3, H, W), to features (B, C, H/stride, W/stride)."""
        return self.blocks(self.stem(self._normalised(images)))

    def with_finer(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Also return what the last block of half the stride gives, (B, C', 2 H', 2 W'), first."""
        last = self.finer[0] + 1
        finer = self.blocks[:last](self.stem(self._normalised(images)))
        return finer, self.blocks[last:](finer)

    @property
    def finer(self) -> tuple[int, int]:
        """Index and channels of the last block whose cells are half as wide as the output's."""
        strides = [2 * prod(self._strides[: i + 1]) for i in range(len(self.blocks))]
        if (half := self.stride // 2) not in strides:
            raise ValueError(
                f"a finer scale needs a block of half the stride, and block {self.block} of "
                f"{self.name} has none before it; take a deeper block or finer=False"
            )
        index = len(strides) - strides[::-1].index(half) - 1
        return index, self.blocks[index]._block_args.output_filters

    @property
    def _strides(self) -> list[int]:
        return [max(block._depthwise_conv.stride) for block in self.blocks]

    def _normalised(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.std


def load_backbone(name: str, block: int, weights: Path | str | None = None) -> Backbone:
    """Build a frozen backbone with its ImageNet weights.

    Args:
        name: One of `NAMES`.
        block: Last block to run, from 0.
        weights: A file with them or a folder to look into first, see `workbench.csflow.weights`.
            "random" skips the weights, for tests of everything but quality.

    Raises:
        ValueError: Unknown name or block.
        DataError: The weights are not on this machine and cannot be downloaded, are damaged, or
            are those of another network.

    Example:
        >>> backbone = load_backbone("efficientnet-lite0", block=14)
        >>> backbone.channels, backbone.stride
        (192, 32)
    """
    net = _build(name)
    if weights == "random":
        return Backbone(net, name, block, "random")
    path = obtain_weights(name, weights)
    state = read_weights(name, path)
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        raise DataError(
            f"weights of {name} must be a state dict of that network, got {path.name}: "
            f"{' '.join(str(error).split())[:200]}"
        ) from error
    return Backbone(net, name, block, fingerprint(net.state_dict()), path)


def block_channels(name: str) -> tuple[int, ...]:
    """Output channels of every block of a backbone, from the first.

    Example:
        >>> block_channels("efficientnet-lite0")[14]
        192
    """
    return tuple(block._block_args.output_filters for block in _build(name)._blocks)


def default_block(name: str) -> int:
    """Last block of the last stage but one: 35 of B5, as in the paper, and 14 of Lite0.

    Example:
        >>> default_block("efficientnet-lite0")
        14
    """
    channels = block_channels(name)
    return max(i for i, c in enumerate(channels) if c != channels[-1])


def _build(name: str) -> nn.Module:
    if name not in NAMES:
        raise ValueError(f"backbone must be one of {', '.join(NAMES)}, got {name!r}")
    package = "efficientnet_lite_pytorch" if "lite" in name else "efficientnet_pytorch"
    with torch.random.fork_rng(devices=[]):  # building draws weights that are replaced
        torch.manual_seed(0)
        return importlib.import_module(package).EfficientNet.from_name(name)
