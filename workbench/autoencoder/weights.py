"""The arrays that a network is made of, by name."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from workbench.autoencoder.network import AutoEncoder

Weights = dict[str, NDArray]

LAYER = re.compile(r"(encoder|decoder)\.(?:.*\.)?(\d+)\.(weight|bias)")


def weights_of(network: "AutoEncoder") -> Weights:
    """The arrays of a torch network, copied."""
    return {name: x.detach().numpy().copy() for name, x in network.state_dict().items()}


def layers_of(weights: Mapping[str, Any], part: str) -> list[tuple[Any, Any]]:
    """Weight and bias of each layer of the encoder or the decoder, in order: arrays or tensors.

    Raises:
        ValueError: There is none, or one that is not a Linear layer with bias.
    """
    found: dict[int, dict[str, Any]] = {}
    for name, value in weights.items():
        match = LAYER.fullmatch(name)
        if match and match[1] == part:
            found.setdefault(int(match[2]), {})[match[3]] = value
    if not found:
        raise ValueError(f"no {part} in it, only {', '.join(list(weights)[:6]) or 'nothing'}")
    pairs = [found[number] for number in sorted(found)]
    if any(set(pair) != {"weight", "bias"} or pair["weight"].ndim != 2 for pair in pairs):
        raise ValueError(f"the {part} must consist of Linear layers with bias")
    return [(pair["weight"], pair["bias"]) for pair in pairs]
