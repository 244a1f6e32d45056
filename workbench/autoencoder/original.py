"""A network from its weights alone: those of a saved detector, and those of others' files."""

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.autoencoder.calibration import calibrate
from workbench.autoencoder.config import AutoEncoderConfig
from workbench.autoencoder.density import drifted
from workbench.autoencoder.network import AutoEncoder
from workbench.autoencoder.rows import odd_columns, split
from workbench.autoencoder.training import dead
from workbench.autoencoder.weights import LAYER, layers_of, weights_of
from workbench.errors import ArtifactError

if TYPE_CHECKING:
    from workbench.autoencoder.rows import Table
    from workbench.autoencoder.saving import Detector

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


def adopt(kind: "type[Detector]", path: Path | str, rows: "Table") -> "Detector":
    """Make a detector of a checkpoint that another program trained, see `read_original`.

    It scores by reconstruction, in raw units. Nothing is learned but the threshold, from
    calibration rows as in `fit`. A network whose answer does not depend on the rows is warned of.

    Args:
        rows: Normal rows, as for `fit`, with as many columns as the network has inputs.

    Raises:
        ArtifactError: A file that is no plain state dict.
        ValueError: Rows of another number of columns, or too few of them.
    """
    config = AutoEncoderConfig(activation="relu", score="reconstruction")
    detector, normal, name = kind(config), split(rows), Path(path).name
    network, train = read_original(path), normal.train
    if len(train.columns) != len(network.mean):
        raise ValueError(
            f"rows need {len(network.mean)} columns as {name} has inputs, got "
            f"{len(train.columns)} ({', '.join(train.columns)}); pass columns=... to load_rows"
        )
    if still := dead(network, torch.from_numpy(train.values)):
        warnings.warn(
            f"{name} is dead: its output is the same for every row, so a score is only the "
            "distance from one point; train a new model: workbench train",
            stacklevel=3,
        )
    detector.columns, detector.history = train.columns, []
    detector.data = normal.source | odd_columns(train, drifted(train.values))
    detector.data |= {"original": name, "dead": still}
    detector.use(weights_of(network))
    calibrate(detector, normal)
    return detector


def from_weights(
    weights: "Mapping[str, Tensor | NDArray]", *, activation: str = "relu"
) -> AutoEncoder:
    """Build the network that the shapes of its weights describe, and fill it.

    They are `encoder.N.weight`, `encoder.N.bias` and the same of the decoder, N in any rising
    order; `mean`, `scale` and `modelled` where they are known.

    Raises:
        ValueError: The layers do not follow one another.
        RuntimeError: A tensor is missing or of another shape.
    """
    layers = {part: layers_of(weights, part) for part in ("encoder", "decoder")}
    encoder, decoder = ([weight.shape for weight, _ in layers[part]] for part in layers)
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
        linear_path="linear_path" in weights,
    )
    found = {name: value for name, value in weights.items() if not LAYER.fullmatch(name)}
    for part, pairs in layers.items():
        for i, (weight, bias) in enumerate(pairs):
            found |= {f"{part}.{2 * i}.weight": weight, f"{part}.{2 * i}.bias": bias}
    found = network.state_dict() | {name: torch.as_tensor(x) for name, x in found.items()}
    network.load_state_dict(found)
    return network.eval()


def _plain(found: object) -> dict[str, Tensor]:
    """The state dict itself, out of what training programs wrap around it."""
    for key in _WRAPPED:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not all(isinstance(v, Tensor) for v in found.values()):
        raise ValueError(f"got {type(found).__name__} of other things than tensors")
    return {str(name).removeprefix("module."): value for name, value in found.items()}
