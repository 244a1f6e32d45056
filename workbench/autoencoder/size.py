"""How much of the rows is one rule: the size of the network, by the likelihood of other rows.

A row is its code, the first principal components, and the rest. A network of one hidden layer
predicts the rest from the code; what it cannot predict is measured by a covariance. How narrow
the code is, and whether a network is worth having, is decided by how probable it makes rows that
it has not seen. The hidden layer is drawn and only what follows is solved for, by ridge
regression: a whole path of sizes takes less than a second, and training starts from the best.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.autoencoder import density
from workbench.autoencoder.density import ENOUGH, SMALLEST, Array, Fold, mean_likelihood

NARROW, MIDDLE, BROAD = (16,), (64,), (128,)  # hidden layers
FOLDS = 4  # blocks of neighbouring rows, each in turn not learned from
TRIED = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)  # bottlenecks, as far as there are sensors
RIDGES = (1e-3, 1e-2, 1e-1, 1.0)  # penalties, in parts of the number of rows
WIDE = 128  # sensors, beyond which the path is that of so many principal components
MOST = 2000  # rows, evenly over the recording, that decide
LEAST = 10  # windows, below which a spread is that of the rows


class Rest(NamedTuple):
    """A network that predicts the rest of standardised rows from their code."""

    axes: Array  # (D, k), the principal components that are the code
    hidden: list[tuple[Array, Array]]  # weights and biases of the hidden layers, drawn
    output: tuple[Array, Array]  # (H, D) and (D,), orthogonal to the axes
    overfit: float  # variance that is left of other rows, in parts of that of its own; >= 1

    def left(self, z: Array) -> Array:
        """What is not predicted of rows (N, D): the same volume, but straightened."""
        weight, bias = self.output
        return z - (hidden_units(z @ self.axes, self.hidden) @ weight + bias)


class Size(NamedTuple):
    """What was chosen, why, and what else was tried."""

    bottleneck: int
    layers: tuple[int, ...]  # hidden ones; none if no network gains anything
    reason: str
    width: float  # of the density, see `density.of`
    loose: float
    path: list[dict[str, Any]]  # bottleneck (0: no network) and likelihood in nats a row


def hidden_units(code: Array, hidden: list[tuple[Array, Array]]) -> Array:
    """Activations of the last hidden layer, shape (N, H)."""
    for weight, bias in hidden:
        code = np.tanh(code @ weight + bias)
    return code


def blocks(n: int) -> list[NDArray[np.int64]]:
    """Row numbers of neighbouring rows, which are alike and so must be on one side."""
    return np.array_split(np.arange(n), min(FOLDS, n))


def thinned(z: Array) -> Array:
    """At most `MOST` rows, evenly over the recording."""
    return z[:: -(-len(z) // MOST)]


def solve(z: Array, bottleneck: int, widths: tuple[int, ...], seed: int) -> Rest:
    """Fit the output layer to standardised, centred rows (N, D) over a drawn hidden layer.

    The penalty is that with the least error on rows left out one at a time.
    """
    variance, axes = components(z)
    code, rest = axes[:, :bottleneck], axes[:, bottleneck:]
    sizes, random = (bottleneck, *widths), np.random.default_rng(seed)
    hidden = [
        (random.normal(size=(a, b)) / np.sqrt(a), random.normal(size=b))
        for a, b in zip(sizes, sizes[1:], strict=False)
    ]
    # the code enters in units of its own
    spread = np.sqrt(variance[:bottleneck])
    hidden[0] = (hidden[0][0] / spread[:, None], hidden[0][1])
    units, target = hidden_units(z @ code, hidden), z @ rest
    middle, level = units.mean(0), target.mean(0)
    off, target = units - middle, target - level
    squares, v = np.linalg.eigh(off.T @ off)
    used = squares > SMALLEST * squares[-1]
    s, v = np.sqrt(squares[used]), v[:, used]
    u = off @ (v / s)
    projected, leverage, tried = u.T @ target, u**2, list[tuple[float, Array, float]]()
    for ridge in RIDGES:
        keep = s**2 / (s**2 + ridge * len(z))
        left = target - u @ (keep[:, None] * projected)
        other = left / (1 - leverage @ keep - 1 / len(z))[:, None]
        error = float(np.log((other**2).mean(0) + SMALLEST).sum())
        overfit = float((other**2).mean() / max((left**2).mean(), SMALLEST))
        tried.append((error, keep, overfit))
    _, keep, overfit = min(tried, key=lambda found: found[0])
    weight = v @ ((keep / s)[:, None] * projected) @ rest.T
    return Rest(code, hidden, (weight, level @ rest.T - middle @ weight), max(1.0, overfit))


def choose(
    z: Array, widths: tuple[int, ...] | None, seed: int, bottleneck: int | None = None
) -> Size:
    """The narrowest code whose network makes other rows as probable as any does.

    Args:
        z: Standardised rows of the columns that vary, (N, D), oldest first.
        widths: Of the hidden layers; None: one layer, as wide as it is worth.
        seed: Of the hidden layers.
        bottleneck: Given by the caller, who decides alone; None: as narrow as it may be.

    Example:
        >>> cause = np.random.default_rng(0).normal(size=(400, 1))
        >>> noise = 0.05 * np.random.default_rng(1).normal(size=(400, 4))
        >>> curved = np.hstack([2 * cause, cause**2, np.sin(cause), -cause]) + noise
        >>> choose(curved, None, seed=0).bottleneck
        1
    """
    z, sensors, given = thinned(z), z.shape[1], widths
    widths = given or (MIDDLE if len(z) >= 2 * MIDDLE[0] else NARROW)
    plain = _folds(z, 0, widths, seed)
    anywhere = np.concatenate([fold.outliers() for fold in plain])
    seen, few = z, plain
    if sensors > WIDE:  # what a network can tell lies in the first components
        seen = z @ components(z)[1][:, :WIDE]
        few = _folds(seen, 0, widths, seed)
    found, widths = _path(seen, few, widths, given, seed, bottleneck)
    enough = ENOUGH * seen.shape[1]
    k = min(n for n, x in found.items() if x >= max(found.values()) - enough)
    width, loose, without = density.choose(plain, anywhere)
    why = "which gains nothing"
    if k:  # several modes can be seen by the network or by the density: by which better?
        wide, free, gain = density.choose(_folds(z, k, widths, seed), anywhere)
        if gain >= without + ENOUGH * sensors or bottleneck is not None:
            reason = _reason(k, sensors, seen.shape[1], found, bottleneck)
            return Size(k, widths, reason, wide, free, _as_path(found))
        found |= {0: without, k: gain}
        why = "as several modes of the rows tell as much"
    k, reason = _linear(seen, few) if bottleneck is None else (bottleneck, "as configured")
    reason = f"bottleneck {k} of {sensors}, without a network, {why}; {reason}"
    return Size(k, (), reason, width, loose, _as_path(found))


def _as_path(found: dict[int, float]) -> list[dict[str, Any]]:
    return [{"bottleneck": n, "likelihood": x} for n, x in sorted(found.items())]


def _path(
    z: Array, plain: list[Fold], widths: tuple[int, ...], given: tuple[int, ...] | None, seed: int,
    bottleneck: int | None,
) -> tuple[dict[int, float], tuple[int, ...]]:  # fmt: skip
    """Likelihood in nats a row by bottleneck, 0 without a network, and the best widths."""
    sensors, anywhere = z.shape[1], np.concatenate([fold.outliers() for fold in plain])
    found = {0: _gain(plain, anywhere)}
    tried = [k for k in TRIED if k < sensors] if bottleneck is None else [bottleneck]
    for k in tried if sensors > 1 else ():
        found[k] = _gain(_folds(z, k, widths, seed), anywhere)
        if len(found) > 2 and max(found, key=found.__getitem__) < sorted(found)[-2]:
            break  # two sizes in a row were no better
    k = min(n for n, x in found.items() if x >= max(found.values()) - ENOUGH * sensors)
    if not k or given is not None:
        return found, widths
    gains = {widths: found[k]}
    for layer in (NARROW, BROAD):
        if layer not in gains and len(z) >= 2 * layer[0]:
            gains[layer] = _gain(_folds(z, k, layer, seed), anywhere)
    best = max(gains.values())
    return found, min(w for w, x in gains.items() if x >= best - ENOUGH * sensors)


def _reason(
    k: int, sensors: int, seen: int, found: dict[int, float], bottleneck: int | None
) -> str:
    gain = np.expm1((found[k] - found[0]) / seen)
    reason = f"bottleneck {k} of {sensors}: with it a reading is {gain:.0%} more probable"
    if bottleneck is not None:
        return reason + ", as configured"
    wider = [n for n in found if n > k]
    return reason + _more(min(wider), found[min(wider)] - found[k], seen) if wider else reason


def _more(k: int, gain: float, sensors: int) -> str:
    return f"; {k} would gain {max(gain, 0.0) / sensors:.1%}"


def components(z: Array) -> tuple[Array, Array]:
    """Variances and principal components of centred rows, the largest first."""
    variance, axes = np.linalg.eigh(z.T @ z / len(z))
    return np.maximum(variance[::-1], SMALLEST), axes[:, ::-1]


def _folds(z: Array, k: int, widths: tuple[int, ...], seed: int) -> list[Fold]:
    """Known and other rows, straightened by what the known ones tell; 0: not at all."""
    found = []
    for block in blocks(len(z)):
        known, other = np.delete(z, block, axis=0), z[block]
        middle = known.mean(0)
        if k:
            rest = solve(known - middle, k, widths, seed)
            known, other = rest.left(known - middle), rest.left(other - middle)
        found.append(Fold(known, other))
    return found


def _gain(folds: list[Fold], anywhere: Array) -> float:
    """Likelihood of rows that were not learned from by one covariance, in nats a row."""
    found = ([fold.likelihood(1.0, loose) for fold in folds] for loose in density.LOOSE)
    return max(mean_likelihood(np.concatenate(each), anywhere) for each in found)


def _linear(z: Array, plain: list[Fold]) -> tuple[int, str]:
    """A number of principal components, by their probabilistic model of other rows, and why.

    References:
        Tipping and Bishop 1999, Probabilistic principal component analysis, equation 8.
    """
    sensors = z.shape[1]
    if sensors == 1:
        return 1, "one sensor varies"
    found = np.zeros((sensors - 1, len(z)))
    for block in blocks(len(z)):
        known, other = np.delete(z, block, axis=0), z[block]
        variance, axes = components(known - known.mean(0))
        squares = ((other - known.mean(0)) @ axes).T ** 2  # (D, N)
        first = np.cumsum(squares / variance[:, None] + np.log(variance)[:, None], axis=0)[:-1]
        rest = np.arange(sensors - 1, 0, -1)
        noise = (np.cumsum(variance[::-1])[::-1][1:] / rest)[:, None]
        last = np.cumsum(squares[::-1], axis=0)[::-1][1:] / noise + rest[:, None] * np.log(noise)
        found[:, block] = -0.5 * (first + last + sensors * np.log(2 * np.pi))
    anywhere = np.concatenate([fold.outliers() for fold in plain])
    gains = [mean_likelihood(x, anywhere) for x in found]
    k = 1 + next(i for i, x in enumerate(gains) if x >= max(gains) - ENOUGH * sensors)
    more = _more(k + 1, gains[k] - gains[k - 1], sensors) if k < sensors - 1 else ""
    return k, f"principal components{more}"
