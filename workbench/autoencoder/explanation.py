"""Why a row was called what it was, and what would have made it normal."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workbench.autoencoder.scoring import ROWS, Copying, Likelihood
from workbench.autoencoder.windows import Windows

STEPS = 64  # values tried at once between the reading and either end of the search
ROUNDS = 4  # each looks closer, between the last value too far and the first near enough
REACH = 20  # scales beyond what is expected
SETTLING = 8  # rounds in which values that are missing find each other

Array = NDArray[np.float64]


def parts(scorer: Copying, rows: Array, windows: Windows = ROWS) -> Array:
    """What of the square of the score each sensor is to blame for, raw rows (N, D), same shape.

    A likelihood falls by that much if the sensor alone is put right, as far as what is left of a
    row is linear in it; of a copy it is the square of the sensor's error.
    """
    if not isinstance(scorer, Likelihood):
        return windows.mean(scorer.by_chunks(lambda some: scorer.errors(some) ** 2, rows))
    z = scorer.units(rows)
    if not scorer.means:
        return windows.mean(_by_chunks(lambda *some: _falls(scorer, *some), z, scorer.white(z)))
    of = windows.mean(z), windows.mean(scorer.white(z))
    return _by_chunks(lambda *some: _falls(scorer, *some), *of)


def expected(scorer: Copying, rows: Array, windows: Windows = ROWS) -> Array:
    """The most probable value of each sensor in view of the others, raw rows (N, D), same shape.

    Of a model that scores by copying it is the copy.
    """
    if not isinstance(scorer, Likelihood):
        return scorer.copy((rows - scorer.mean) / scorer.scale) * scorer.scale + scorer.mean
    z = scorer.units(rows)
    of = (z, scorer.white(z))
    if scorer.means:
        of = windows.mean(of[0]), windows.mean(of[1])
    away = _by_chunks(lambda *some: _away(*_slopes(scorer, *some)), *of)
    return (z - away) * scorer.scale + scorer.mean


def complete(scorer: Copying, rows: Array) -> Array:
    """Raw rows (N, D) with the most probable values in the place of those that are NaN.

    The score of such a row is the least that any values would give: the model is asked without
    the sensors that are missing.
    """
    missing = np.isnan(rows)
    if not missing.any() or not isinstance(scorer, Likelihood):
        return rows
    found = np.where(missing, scorer.mean, rows)
    for pattern in np.unique(missing[missing.any(axis=1)], axis=0):
        at, gone = (missing == pattern).all(axis=1), np.flatnonzero(pattern)
        z = (found[at] - scorer.mean) / scorer.scale
        for _ in range(SETTLING):
            slope, curve = _slopes(scorer, z, scorer.white(z))
            inner = np.einsum("...ai,...aj->...ij", curve[..., gone], curve[..., gone])
            inner = np.broadcast_to(inner, (len(z), *inner.shape[-2:]))
            z[:, gone] -= np.linalg.solve(inner, slope[:, gone, None])[..., 0]
        found[at] = z * scorer.scale + scorer.mean
    return np.where(missing, found, rows)


def _away(slope: Array, curve: Array) -> Array:
    """By how far each sensor is off what the others say, in standardised units."""
    return slope / np.maximum(np.einsum("...ai,...ai->...i", curve, curve), 1e-12)


def _falls(scorer: Likelihood, z: Array, white: Array) -> Array:
    """By how much the square falls if a sensor alone is put right."""
    slope, curve = _slopes(scorer, z, white)
    away, now = _away(slope, curve), scorer.distances(white)[0]
    found = [
        now - scorer.distances(white - away[:, i, None] * curve[..., i])[0]
        for i in range(z.shape[1])
    ]
    return np.maximum(np.transpose(found), 0.0)


def _slopes(scorer: Likelihood, z: Array, white: Array) -> tuple[Array, Array]:
    """Half the slope of the square by each sensor (N, D), and a root of its curvature."""
    off = white - scorer.distances(white)[1] @ scorer.offset
    if scorer.flat:
        return off @ scorer.matrix.T, scorer.matrix.T
    curve = scorer.matrix.T @ _straightening(scorer, z)
    return np.einsum("na,nai->ni", off, curve), curve


def _straightening(scorer: Likelihood, z: Array) -> Array:
    """How what is left of a row moves with its sensors, shape (N, D, D)."""
    x, moves = z, np.eye(z.shape[1])
    for i, (weight, bias) in enumerate(scorer.layers):
        x, moves = x @ weight + bias, moves @ weight
        if i not in scorer.linear:
            x = np.tanh(x)
            moves = moves * (1 - x**2)[:, None, :]
    return np.eye(z.shape[1]) - moves.swapaxes(-1, -2)


def _by_chunks(
    work: Callable[[Array, Array], Array], z: Array, white: Array, cells: int = 1 << 18
) -> Array:
    """Some rows at a time, as each of them has a matrix of its own."""
    step = max(1, cells // z.shape[1] ** 2)
    return np.concatenate([np.empty((0, z.shape[1])), *(
        work(z[i : i + step], white[i : i + step]) for i in range(0, len(z), step)
    )])  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RowEvaluation:
    """The verdict on one row, or on the last row of a window."""

    score: float
    threshold: float
    blame: dict[str, float]  # share of the squared score by column; they sum to 1
    reconstruction: dict[str, float]  # what was expected, in raw units
    seen: dict[str, float] = field(default_factory=dict)  # the row itself, in raw units
    missing: tuple[str, ...] = ()  # sensors that the row lacks; `seen` has what is most probable

    @property
    def is_anomaly(self) -> bool:
        """Whether the score reaches the threshold."""
        return self.score >= self.threshold

    @property
    def verdict(self) -> str:
        """Either "OK" or "NG"."""
        return "NG" if self.is_anomaly else "OK"

    @property
    def status(self) -> str:
        """`normal` or `anomaly`."""
        return "anomaly" if self.is_anomaly else "normal"

    @property
    def excess(self) -> dict[str, float]:
        """How much more than expected was seen, in raw units; less is negative."""
        return {name: value - self.reconstruction[name] for name, value in self.seen.items()}


@dataclass(frozen=True)
class Change:
    """The smallest change of a single sensor that brings a row under the threshold.

    `scales` is its size in the sensor's own unit of training, by which sensors are compared.
    """

    column: str
    seen: float
    needed: float
    scales: float


def smallest_change(
    scorer: Copying, window: Array, windows: Windows, columns: tuple[str, ...], threshold: float
) -> Change | None:
    """Search each sensor of the last of raw rows (W, D) for the nearest value that would do.

    Both ways, beyond the expected value too. None where no single sensor is enough.
    """
    row, size, found = window[-1], len(window), list[tuple[float, str, float, float]]()
    likely, reach = expected(scorer, window, windows)[-1], REACH * scorer.scale
    ends = zip(np.minimum(row, likely) - reach, np.maximum(row, likely) + reach, strict=True)

    def enough(column: int, values: Array) -> NDArray[np.int64]:
        each = np.repeat(window[None], len(values), axis=0)
        each[:, -1, column] = values
        of = windows._replace(breaks=size * np.arange(1, len(values)))
        squares = scorer.squares(each.reshape(-1, len(row)), of)[size - 1 :: size]
        return np.flatnonzero(np.sqrt(squares) < threshold)

    for column, both in enumerate(ends):
        for far in both:
            near = row[column]
            for _ in range(ROUNDS):
                values = np.linspace(near, far, STEPS)
                if not (under := enough(column, values)).size:
                    break
                far, near = values[under[0]], values[max(under[0] - 1, 0)]
            else:
                scales = float(abs(far - row[column]) / scorer.scale[column])
                found.append((scales, columns[column], float(row[column]), float(far)))
    if not found:
        return None
    scales, name, seen, needed = min(found)
    return Change(name, seen, needed, scales)
