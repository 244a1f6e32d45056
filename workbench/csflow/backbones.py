"""The EfficientNets by name.

B0 to B7 are those of efficientnet-pytorch, Lite0 to Lite2 those of efficientnet-lite-pytorch.
"""

import importlib
from pathlib import Path
from typing import Any

import torch

from workbench.errors import DataError

from .features import Backbone
from .weights import fingerprint, obtain_weights, read_weights

NAMES = tuple(f"efficientnet-b{i}" for i in range(8)) + tuple(
    f"efficientnet-lite{i}" for i in range(3)
)


def load_backbone(name: str, block: int, weights: Path | str | None = None) -> Backbone:
    """Build a frozen backbone with its ImageNet weights.

    Args:
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
    try:
        net.load_state_dict(read_weights(name, path))
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


def _build(name: str) -> Any:  # noqa: ANN401
    """The whole network with random weights, always the same ones."""
    if name not in NAMES:
        raise ValueError(f"backbone must be one of {', '.join(NAMES)}, got {name!r}")
    package = "efficientnet_lite_pytorch" if "lite" in name else "efficientnet_pytorch"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return importlib.import_module(package).EfficientNet.from_name(name)
