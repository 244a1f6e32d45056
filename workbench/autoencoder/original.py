"""A network from its weights alone: those of a saved detector, and those of others' files."""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from workbench.autoencoder.network import AutoEncoder
from workbench.errors import ArtifactError

_LAYER = re.compile(r"(encoder|decoder)\.(?:.*\.)?(\d+)\.(weight|bias)")
_WRAPPED = ("state_dict", "model_state_dict", "model")
_WAY_OUT = (
    "in the program that made it, save the weights alone: "
    "torch.save(model.state_dict(), 'model.pth')"
)


def read_original(path: Path | str, *, activation: str = "relu") -> AutoEncoder:
    """Read a plain state dict of the form `encoder.N.weight`, `decoder.N.weight`, of any sizes.

    No code from the file is run. There is no scaler in such a file, so the network takes rows
    in the units that the original was given: its `mean` is 0 and its `scale` 1.

    Args:
        path: What `torch.save(model.state_dict(), path)` wrote.
        activation: Between the layers, which the file does not tell: relu, leaky_relu, elu or
            tanh.

    Raises:
        ArtifactError: No such file, a pickled module, or weights of another form.
    """
    path = Path(path)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ArtifactError(f"{path} must be a state dict; there is no such file") from None
    except pickle.UnpicklingError:
        raise ArtifactError(
            f"{path} must be a plain state dict, got pickled Python objects, which are not "
            f"loaded as they can run code; {_WAY_OUT}"
        ) from None
    except Exception as error:  # noqa: BLE001 - bytes of another kind fail in every way
        raise ArtifactError(f"{path} must be a state dict, but cannot be read: {error}") from error
    try:
        return from_weights(_plain(found), activation=activation)
    except (ValueError, RuntimeError) as error:
        raise ArtifactError(
            f"{path} must hold encoder.N.weight and decoder.N.weight: {error}"
        ) from error


def from_weights(
    weights: Mapping[str, Tensor],
    *,
    activation: str = "relu",
) -> AutoEncoder:
    """Build the network that the shapes of its weights describe, and fill it.

    Args:
        weights: `encoder.N.weight`, `encoder.N.bias` and the same of the decoder, N in any
            rising order; `mean`, `scale` and `modelled` where they are known.
        activation: Between the layers.

    Raises:
        ValueError: The layers do not follow one another.
        RuntimeError: A tensor is missing or of another shape.
    """
    layers = {kind: _layers(weights, kind) for kind in ("encoder", "decoder")}
    encoder, decoder = ([weight.shape for weight, _ in layers[kind]] for kind in layers)
    columns = encoder[0][1]
    if decoder[-1][0] != columns or decoder[0][1] != encoder[-1][0]:
        raise ValueError(
            f"the decoder must lead from the code back to the {columns} inputs, got layers of "
            f"shapes {[tuple(shape) for shape in (*encoder, *decoder)]}"
        )
    network = AutoEncoder(
        columns,
        [shape[0] for shape in encoder[:-1]],
        encoder[-1][0],
        decoder=[shape[0] for shape in decoder[:-1]],
        activation=activation,
    )
    renamed = {name: value for name, value in weights.items() if not _LAYER.fullmatch(name)}
    for kind, pairs in layers.items():
        for i, (weight, bias) in enumerate(pairs):
            renamed |= {f"{kind}.{2 * i}.weight": weight, f"{kind}.{2 * i}.bias": bias}
    network.load_state_dict({**network.state_dict(), **renamed})
    return network.eval()


def _layers(weights: Mapping[str, Tensor], kind: str) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of each layer, in order."""
    found: dict[int, dict[str, Tensor]] = {}
    for name, value in weights.items():
        match = _LAYER.fullmatch(name)
        if match and match[1] == kind:
            found.setdefault(int(match[2]), {})[match[3]] = value
    if not found:
        raise ValueError(f"no {kind} in it, only {', '.join(list(weights)[:6]) or 'nothing'}")
    pairs = [found[number] for number in sorted(found)]
    if any(set(pair) != {"weight", "bias"} or pair["weight"].ndim != 2 for pair in pairs):
        raise ValueError(f"the {kind} must consist of Linear layers with bias")
    return [(pair["weight"], pair["bias"]) for pair in pairs]


def _plain(found: object) -> dict[str, Tensor]:
    """The state dict itself, out of what training programs wrap around it."""
    for key in _WRAPPED:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not all(isinstance(v, Tensor) for v in found.values()):
        raise ValueError(f"got {type(found).__name__} of other things than tensors")
    return {str(name).removeprefix("module."): value for name, value in found.items()}
