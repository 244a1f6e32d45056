"""The network's forward pass in NumPy: rows in, errors out, without a graph or a dispatcher.

The matrices are tiny, so that torch would spend most of its time between them. The numbers are
those of the torch network within rounding.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from workbench.autoencoder.network import AutoEncoder

STILL_LIMIT = 10  # standard deviations that a column counts at most if it stood still in training
CHUNK = 1 << 15  # cells at once: what the layers hold then fits into the processor's cache

Weights = dict[str, NDArray]

LAYER = re.compile(r"(encoder|decoder)\.(?:.*\.)?(\d+)\.(weight|bias)")
_ACTIVATE = {
    "relu": lambda x: np.maximum(x, 0.0, out=x),
    "leaky_relu": lambda x: np.maximum(x, 0.01 * x, out=x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0.0))),
    "tanh": lambda x: np.tanh(x, out=x),
}


class Forward:
    """The network of given weights, with its scaler.

    Args:
        weights: Arrays as a saved detector has them: `encoder.N.weight`, `encoder.N.bias`, the
            same of the decoder, `mean`, `scale` and `modelled`.
        activation: Between the layers.

    Example:
        >>> from workbench.autoencoder import AutoEncoder
        >>> Forward(weights_of(AutoEncoder(2, (4,), 1)), "relu").squares(np.zeros((3, 2))).shape
        (3,)
    """

    def __init__(self, weights: Weights, activation: str) -> None:
        self.mean, self.scale, modelled = (weights[k] for k in ("mean", "scale", "modelled"))
        some = modelled.any() and not modelled.all()  # else none stood still beside others
        self._limit = np.where(modelled, np.inf, STILL_LIMIT) if some else None
        self._activate = _ACTIVATE[activation]
        encoder, decoder = layers_of(weights, "encoder"), layers_of(weights, "decoder")
        self._layers = [(weight.T.copy(), bias.copy()) for weight, bias in (*encoder, *decoder)]
        (first, _), (last, bias) = self._layers[0], self._layers[-1]
        first[~modelled], last[:, ~modelled], bias[~modelled] = 0.0, 0.0, 0.0
        self._linear = {len(encoder) - 1, len(self._layers) - 1}  # the code and the output
        self._step = max(1, CHUNK // len(self.mean))

    def errors(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standardised rows less what the network makes of them; raw rows (N, D), same shape.

        A column that stood still in training has no unit of its own, so any move of it is far;
        its error ends at `STILL_LIMIT`, so that it does not drown the other columns.
        """
        parts = [self._errors(rows[i : i + self._step]) for i in range(0, len(rows), self._step)]
        return (
            parts[0]
            if len(parts) == 1
            else np.concatenate([np.empty((0, len(self.mean))), *parts])
        )

    def squares(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Squared length of the error of each raw row (N, D), shape (N,)."""
        if len(rows) <= self._step:
            error = self._errors(rows)
            return np.einsum("nd,nd->n", error, error)
        parts = [self.squares(rows[i : i + self._step]) for i in range(0, len(rows), self._step)]
        return np.concatenate(parts)

    def expected(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the network makes of raw rows (N, D), in raw units."""
        return self._answer((rows - self.mean) / self.scale) * self.scale + self.mean

    def _errors(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        z = (rows - self.mean) / self.scale
        np.subtract(z, self._answer(z), out=z)
        return z if self._limit is None else np.clip(z, -self._limit, self._limit, out=z)

    def _answer(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        for i, (weight, bias) in enumerate(self._layers):
            x = x @ weight
            x += bias
            if i not in self._linear:
                x = self._activate(x)
        return x


def weights_of(network: "AutoEncoder") -> Weights:
    """The arrays of a torch network, copied."""
    return {name: x.detach().numpy().copy() for name, x in network.state_dict().items()}


def layers_of(weights: Mapping[str, NDArray], part: str) -> list[tuple[NDArray, NDArray]]:
    """Weight and bias of each layer of the encoder or the decoder, in order.

    Raises:
        ValueError: There is none, or one that is not a Linear layer with bias.
    """
    found: dict[int, dict[str, NDArray]] = {}
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


def pooled(
    squares: NDArray[np.float64], window: int, stride: int, breaks: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mean over the window that ends at each row, of what rows have, (N,) or (N, D).

    Args:
        squares: Of each row, oldest first.
        window: Rows; the first rows of a recording are judged by what there is so far.
        stride: Rows from one window to the next; those between have the last one's mean.
        breaks: Numbers of the rows before which the recording pauses; no window spans one.

    Example:
        >>> pooled(np.array([0.0, 2.0, 4.0, 6.0]), 2, 1, np.array([2])).tolist()
        [0.0, 1.0, 4.0, 5.0]
    """
    if window == stride == 1:
        return squares
    parts = np.split(squares, breaks)
    return np.concatenate([_pooled(part, window, stride) for part in parts])


def _pooled(part: NDArray[np.float64], window: int, stride: int) -> NDArray[np.float64]:
    if not len(part):
        return part
    total = np.zeros_like(part)
    for back in range(min(window, len(part))):  # no running sum: it would drag rounding along
        total[back:] += part[: len(part) - back]
    counts = np.minimum(np.arange(1, len(part) + 1), window)
    mean = total / (counts if part.ndim == 1 else counts[:, None])
    at = np.arange(len(part))
    first = min(window, len(part)) - 1  # before the first whole window every row has its own
    return mean[np.where(at < first, at, at - (at - first) % stride)]
