"""Rows in, scores out, in NumPy: the matrices are tiny, and torch would only wait between them.

z = (x - mean) / scale -> code -> what the network makes of it -> y, what it leaves. A `Copying`
scorer takes the length of y. A `Likelihood` scorer says how improbable y is among those of known
rows; for a network without hidden layers that is the Mahalanobis distance of the row. Over a
window it takes the mean of y: the noise of rows goes down, what lasts stays.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from workbench.autoencoder.weights import Weights, layers_of
from workbench.autoencoder.windows import Windows

STILL_LIMIT = 10  # standard deviations that a column counts at most if it stood still in training
CHUNK = 1 << 15  # cells at once: what the layers hold then fits into the processor's cache
LIFT, LEAST, FAR = 60.0, 1e-30, 1e15  # logarithm, density and length that a float32 still holds

Array = NDArray[np.float64]
ROWS = Windows()

_ACTIVATE = {
    "relu": lambda x: np.maximum(x, 0.0, out=x),
    "leaky_relu": lambda x: np.maximum(x, 0.01 * x, out=x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0.0))),
    "tanh": lambda x: np.tanh(x, out=x),
}


class Copying:
    """A row is unusual as far as the network does not copy it, in standard deviations.

    Args:
        weights: Arrays as a saved detector has them: `encoder.N.weight`, `encoder.N.bias`, the
            same of the decoder, `mean`, `scale` and `modelled`.
        activation: Between the layers.
    """

    def __init__(self, weights: Weights, activation: str) -> None:
        self.mean, self.scale, modelled = (weights[k] for k in ("mean", "scale", "modelled"))
        some = modelled.any() and not modelled.all()  # else none stood still beside others
        self._limit = np.where(modelled, np.inf, STILL_LIMIT) if some else None
        self._activate = _ACTIVATE[activation]
        encoder, decoder = layers_of(weights, "encoder"), layers_of(weights, "decoder")
        self.layers = [(weight.T.copy(), bias.copy()) for weight, bias in (*encoder, *decoder)]
        (first, _), (last, bias) = self.layers[0], self.layers[-1]
        first[~modelled], last[:, ~modelled], bias[~modelled] = 0.0, 0.0, 0.0
        self.linear = {len(encoder) - 1, len(self.layers) - 1}  # the code and the output
        # the code is also decoded by the transpose of the only layer of the encoder
        self._axes = first if weights.get("linear_path", False) else None
        self._step = max(1, CHUNK // len(self.mean))

    def squares(self, rows: Array, windows: Windows = ROWS) -> Array:
        """Square of the score of each raw row (N, D), shape (N,): their mean over a window."""
        return windows.mean(self.by_chunks(self._squares, rows))

    def by_chunks(self, work: Callable[[Array], Array], rows: Array) -> Array:
        """The work done on some rows at a time, and joined."""
        if len(rows) <= self._step:
            return work(rows)
        starts = range(0, len(rows), self._step)
        return np.concatenate([work(rows[i : i + self._step]) for i in starts])

    def _squares(self, rows: Array) -> Array:
        error = self.errors(rows)
        return np.einsum("nd,nd->n", error, error)

    def errors(self, rows: Array) -> Array:
        """Standardised rows (N, D) less what the network makes of them.

        A column that stood still has no unit of its own, so that its error is bounded.
        """
        z = (rows - self.mean) / self.scale
        np.subtract(z, self.copy(z), out=z)
        return z if self._limit is None else np.clip(z, -self._limit, self._limit, out=z)

    def copy(self, z: Array) -> Array:
        """What the network makes of standardised rows."""
        made = self._answer(z)
        return made if self._axes is None else made + (z @ self._axes) @ self._axes.T

    def _answer(self, x: Array) -> Array:
        for i, (weight, bias) in enumerate(self.layers):
            x = x @ weight
            x += bias
            if i not in self.linear:
                x = self._activate(x)
        return x


class Likelihood(Copying):
    """A row is unusual as far as it is improbable, given what the network knows.

    The square is -2 log of the density of the row in units of its peak. Known rows are
    `density.centres` (M, D) behind `density.matrix` (D, D); one alone is the mean. What lacks of
    a window, as at the start of a recording, counts as if it were usual.
    """

    def __init__(self, weights: Weights, activation: str, *, means: bool = True) -> None:
        super().__init__(weights, activation)
        self.means = means  # of windows; else the mean of the squares of their rows
        self.matrix, self._centres = weights["density.matrix"], weights["density.centres"]
        self.offset = self._centres + weights["density.middle"] @ self.matrix
        self._lengths = np.einsum("md,md->m", self.offset, self.offset)
        self.flat = not weights["decoder.0.weight"].any()  # then the network predicts nothing
        self._table = None
        if self._centres.dtype == np.float32:  # earlier versions kept all digits
            ends = LIFT - 0.5 * self._lengths, np.full(len(self._lengths), -0.5)
            self._table = np.vstack([self.offset.T, *ends]).astype(np.float32)
            self._each = np.full(len(self._centres), 1 / len(self._centres), np.float32)

    def squares(self, rows: Array, windows: Windows = ROWS) -> Array:
        """The same of the mean of what is left of a window's rows, as far as it is filled."""
        white = self.by_chunks(lambda some: self.white(self.units(some)), rows)
        if not self.means:
            return windows.mean(self._far(white))
        return self._far(windows.mean(white)) * windows.filled(len(rows))

    def _far(self, white: Array) -> Array:
        """The squares, in half the digits where there are many centres known by these."""
        if self._table is None:
            return self.by_chunks(lambda some: self.distances(some)[0], white)
        n, (known, centres) = len(white), self._table.shape
        step = max(1, 2 * CHUNK // centres)
        rows, total = np.ones((step, known), np.float32), np.empty(n, np.float32)
        scratch = np.empty((step, centres), np.float32)  # new pages each time would take longer
        for i in range(0, n, step):
            k = len(some := np.clip(white[i : i + step], -FAR, FAR))
            rows[:k, :-2], rows[:k, -1] = some, np.einsum("nd,nd->n", some, some)
            near = np.matmul(rows[:k], self._table, out=scratch[:k])
            np.matmul(np.exp(near, out=near), self._each, out=total[i : i + k])
        found = 2 * (LIFT - np.log(np.maximum(total, LEAST), dtype=np.float64))
        lost = total < LEAST
        if lost.any():  # so far from all centres that the digits do not tell how far
            found[lost] = self.by_chunks(lambda some: self.distances(some)[0], white[lost])
        return np.maximum(found, 0.0)

    def units(self, rows: Array) -> Array:
        """Standardised rows, bounded where a column stood still."""
        z = (rows - self.mean) / self.scale
        return z if self._limit is None else np.clip(z, -self._limit, self._limit, out=z)

    def white(self, z: Array) -> Array:
        """What is left of standardised rows, in units of what is left of known ones."""
        return (z if self.flat else z - self._answer(z)) @ self.matrix

    def distances(self, white: Array) -> tuple[Array, Array]:
        """The squares (N,), and the weight that each centre has in them, (N, M)."""
        if len(self._centres) == 1:
            off = white - self.offset
            return np.einsum("nd,nd->n", off, off), np.ones((len(white), 1))
        far = white @ self.offset.T
        far *= -2
        far += np.einsum("nd,nd->n", white, white)[:, None]
        far += self._lengths
        nearest = np.maximum(far.min(axis=1, keepdims=True), 0.0)
        far -= nearest
        far *= -0.5
        weights = np.exp(far, out=far)
        total = weights.sum(axis=1, keepdims=True)
        squares = nearest[:, 0] - 2 * np.log(total[:, 0] / len(self._centres))
        weights /= total
        return squares, weights
