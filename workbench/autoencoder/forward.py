"""The network's forward pass in NumPy: rows in, errors out, without a graph or a dispatcher.

The matrices are tiny, so that torch would spend most of its time between them. The numbers are
those of the torch network within rounding.
"""

import numpy as np
from numpy.typing import NDArray

from workbench.autoencoder.network import AutoEncoder

CHUNK = 1 << 15  # cells at once: what the layers hold then fits into the processor's cache

_ACTIVATE = {
    "relu": lambda x: np.maximum(x, 0.0, out=x),
    "leaky_relu": lambda x: np.maximum(x, 0.01 * x, out=x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0.0))),
    "tanh": lambda x: np.tanh(x, out=x),
}


class Forward:
    """A frozen copy of a network; a change of the network wants a new one.

    Args:
        network: Trained.

    Example:
        >>> network = AutoEncoder(2, (4,), 1)
        >>> Forward(network).scores(np.zeros((3, 2)), ()).shape
        (3,)
    """

    def __init__(self, network: AutoEncoder) -> None:
        self.window, self.columns = network.window, len(network.mean)
        self.mean, self.scale = network.mean.numpy().copy(), network.scale.numpy().copy()
        self._activate = _ACTIVATE[network.activation]
        weights = [layer.weight.detach().numpy().T.copy() for layer in network.linear()]
        biases = [layer.bias.detach().numpy().copy() for layer in network.linear()]
        hidden = ~np.tile(network.modelled.numpy(), self.window)
        weights[0][hidden], weights[-1][:, hidden], biases[-1][hidden] = 0.0, 0.0, 0.0
        self._layers = list(zip(weights, biases, strict=True))
        self._linear = {len(network.encoder) // 2, len(weights) - 1}  # the code and the output

    def scores(self, rows: NDArray[np.float64], breaks: NDArray[np.int64]) -> NDArray[np.float64]:
        """Root mean square, over the window, of the norm of the error of each row.

        Args:
            rows: Raw, shape (N, D).
            breaks: Numbers of the rows before which the recording pauses; no window spans one.

        Returns:
            Shape (N,).
        """
        parts = [
            np.sqrt(np.einsum("nwd,nwd->n", e, e) / self.window)
            for e in self._chunks(rows, breaks)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0), *parts])

    def squares(self, rows: NDArray[np.float64], breaks: NDArray[np.int64]) -> NDArray[np.float64]:
        """Squared error of each sensor, mean over the window, shape (N, D); see `scores`."""
        parts = [(e**2).mean(axis=1) for e in self._chunks(rows, breaks)]
        return np.concatenate([np.empty((0, self.columns)), *parts])

    def expected(
        self, rows: NDArray[np.float64], breaks: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """What the network expected in place of each row, raw, shape (N, D); see `scores`."""
        parts = [e[:, -1] for e in self._chunks(rows, breaks)]
        return rows - np.concatenate([np.empty((0, self.columns)), *parts]) * self.scale

    def _chunks(self, rows: NDArray[np.float64], breaks: NDArray[np.int64]):  # noqa: ANN202
        """Standardised errors (n, W, D) of consecutive rows."""
        step = max(1, CHUNK // (self.window * self.columns))
        for start in range(0, len(rows), step):
            z = self._windows(rows, breaks, start, min(start + step, len(rows)))
            yield z - self._copy(z.reshape(len(z), -1)).reshape(z.shape)

    def _windows(
        self, rows: NDArray[np.float64], breaks: NDArray[np.int64], start: int, stop: int
    ) -> NDArray[np.float64]:
        """The rows up to each row; before the first of a recording stands that row again."""
        if self.window == 1:
            return ((rows[start:stop] - self.mean) / self.scale)[:, None]
        at = np.arange(start, stop)
        first = np.append(0, breaks)[np.searchsorted(breaks, at, side="right")]
        back = np.arange(1 - self.window, 1)
        return (rows[np.maximum(at[:, None] + back, first[:, None])] - self.mean) / self.scale

    def _copy(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        for i, (weight, bias) in enumerate(self._layers):
            x = x @ weight
            x += bias
            if i not in self._linear:
                x = self._activate(x)
        return x
