"""What calibration parts look like to a flow, and how unusual another part is beside them.

A defect of a few pixels makes a few cells of the finest scale hot; a broken edge warms part of
the coarsest, and an uneven surface all of it a little. So several things are looked at: of every
scale the mean of the hottest cells, the peak of the heat map, in which the scales are joined, and
the mean of the coarsest. Each is a ratio r to what is typical of good parts, and they differ in
how much good parts scatter: log r has a standard deviation s on them. The score joins

    z = log(r) / s,    score = exp(2 * mean(s) * log(mean(exp(z / 2)))):

it is 1 on a typical good part, what is most unusual counts most, and it reads as "so many times
what is typical". A single odd cell counts less than several, for good parts have one at times.

Another focus, light or compression warms all of a photo, a defect some of it. So where the upper
quartile of a scale's cells is warmer than in good photos, what comes with that is taken out of
log r first: as much as altered copies of good parts show, and no further than they go.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .scores import Latents, at_finest

HOTTEST = 0.03  # share of the cells
POINTING = 3  # scales in the heat map, the finest
CELLS, PEAK, ALL = "hottest cells", "peak of the heat map", "all cells"
PRIOR = 4.0  # parts' worth of belief that all statistics scatter alike; few parts cannot tell
LEAST = 0.02  # standard deviation of a logarithm, for parts that hardly differ
LEVEL = 0.75  # quantile of the cells that tells what all of a photo is like


class Evidence(NamedTuple):
    """One thing that a score looks at.

    Attributes:
        name: "hottest cells", "peak of the heat map" or "all cells".
        scale: From 0, the finest; None where the scales are joined.
        times: What it is on this image, as a multiple of a typical good part.
        share: How much it has to do with the score; all of them sum to 1.
    """

    name: str
    scale: int | None
    times: float
    share: float


class Lift(NamedTuple):
    """What comes with a photo that is warmer everywhere, as altered good parts show it.

    Attributes:
        slope: By how much the logarithm of every statistic rises with the level of its scale,
            shape (K + 2,); of the peak, with that of the scales in the map.
        reach: How far the level of an altered part has risen, shape (K,), logarithms.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> good = [rng.gamma(40, 1 / 80, (30, 16 >> k, 16 >> k)) for k in range(2)]
        >>> lift = Lift.of(good, [3 * m for m in good])
        >>> lift.slope.round(2).tolist(), lift.reach.round(2).tolist()
        ([1.0, 1.0, 1.0, 1.0], [1.1, 1.1])
        >>> typical = Typical.of(good, lift)
        >>> scores = [typical.score([times * m for m in good]).mean() for times in (1, 3, 9)]
        >>> [round(float(score), 1) for score in scores]  # three times as warm is as far as known
        [1.0, 1.0, 5.8]
    """

    slope: NDArray[np.float64]
    reach: NDArray[np.float64]

    @classmethod
    def of(cls, photos: Latents, copies: Latents) -> "Lift":
        """Compare good parts with altered copies, as many of each in turn.

        Args:
            photos: `cell_energy` of their latents, K arrays (N, H/2^k, W/2^k).
            copies: The same of the copies, N times as many of each.
        """
        each, weights = len(copies[0]) // len(photos[0]), _weights(photos)
        before = _statistics(photos, weights).repeat(each, 0)
        logs = np.log(_statistics(copies, weights) / before)
        levels = _levels(copies) - _levels(photos).repeat(each, 0)
        rise = _each(levels)
        slope = (rise * logs).sum(0) / (rise**2).sum(0).clip(1e-12)
        return cls(slope.clip(0), levels.max(0).clip(0))

    def of_logs(self, rise: NDArray[np.float64]) -> NDArray[np.float64]:
        """What to take out of the logarithms, (B, K + 2), where levels have risen, (B, K)."""
        return self.slope * _each(rise.clip(0, self.reach))


@dataclass(frozen=True)
class Typical:
    """Energies of calibration parts, for others to be compared with.

    Attributes:
        weights: What each scale counts for in the heat map, shape (K,): a cell is worth more
            where the hottest of a good part is less hot, and a fine one more than a coarse one;
            scales beyond the third see too much at once to say where.
        middle: Mean logarithm of every statistic, shape (K + 2,); models of before look at the
            first K + 1 alone.
        spread: Its standard deviation.
        level: Mean logarithm of the upper quartile of every scale's cells, shape (K,).
        lift: What is taken out of the logarithms where that is exceeded; None for nothing.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> good = [rng.gamma(40, 1 / 80, (30, 16 >> k, 16 >> k)) for k in range(2)]
        >>> typical = Typical.of(good)
        >>> bad = [m[:1].copy() for m in good]
        >>> bad[0][0, 3:5, 5] *= 4
        >>> bool(typical.score(bad)[0] > typical.score(good).max())
        True
        >>> [(part.name, part.scale, round(part.times, 1)) for part in typical.judge(bad)[1]][1:]
        [('hottest cells', 1, 1.0), ('peak of the heat map', None, 2.0), ('all cells', 1, 1.0)]
    """

    weights: NDArray[np.float64]
    middle: NDArray[np.float64]
    spread: NDArray[np.float64]
    level: NDArray[np.float64]
    lift: Lift | None = None

    @classmethod
    def of(cls, cells: Latents, lift: Lift | None = None) -> "Typical":
        """Take the measure of good parts.

        Args:
            cells: `cell_energy` of their latents, K arrays (N, H/2^k, W/2^k).
            lift: What comes with a photo that is warmer everywhere.
        """
        weights = _weights(cells)
        return cls._from(weights, np.log(_statistics(cells, weights)), _levels(cells), lift)

    @classmethod
    def left_out(
        cls, cells: Latents, part: NDArray[np.intp], lift: Lift | None = None
    ) -> NDArray[np.float64]:
        """Scores (N,) of the very images that are measured, each beside other parts only.

        Args:
            cells: As in `of`.
            part: The part that each image shows, a number, shape (N,).
            lift: As in `of`.
        """
        weights = _weights(cells)
        logs, levels = np.log(_statistics(cells, weights)), _levels(cells)
        scores = np.ones(len(logs))
        for number in np.unique(part):
            own = part == number
            if not own.all():
                others = cls._from(weights, logs[~own], levels[~own], lift)
                settled = _settled(logs[own], levels[own] - others.level, lift)
                scores[own] = others._joined(settled)
        return scores

    @classmethod
    def _from(
        cls,
        weights: NDArray[np.float64],
        logs: NDArray[np.float64],
        levels: NDArray[np.float64],
        lift: Lift | None,
    ) -> "Typical":
        level = levels.mean(0)
        logs = _settled(logs, levels - level, lift)
        pooled = logs.var(0).mean()
        variance = (len(logs) * logs.var(0) + PRIOR * pooled) / (len(logs) + PRIOR)
        return cls(weights, logs.mean(0), np.sqrt(variance).clip(LEAST), level, lift)

    def score(self, cells: Latents) -> NDArray[np.float64]:
        """Shape (B,), higher is worse."""
        return self._joined(self._logs(cells))

    def heat(self, cells: Latents) -> NDArray[np.floating]:
        """One map an image at the finest cell size, (B, H, W); a good part is 1 on average."""
        heat = _heat(cells, self.weights)
        return heat / self.lifted(cells)[:, None, None] if self.lift else heat

    def lifted(self, cells: Latents) -> NDArray[np.float64]:
        """By how much each map is lowered, for all of the photo is warmer; (B,), 1 or more."""
        if not self.lift:
            return np.ones(len(cells[0]))
        return np.exp(self.lift.of_logs(_levels(cells) - self.level)[:, len(cells)])

    def judge(self, cells: Latents) -> tuple[float, tuple[Evidence, ...]]:
        """The score of one image and every part of it, finest scale first.

        A part's share is by how many standard deviations it exceeds a typical good part; where
        none does, the nearest to it count most.
        """
        logs = self._logs(cells)
        unusual = (logs[0] - self.middle) / self.spread
        highest = unusual.max()
        part = unusual.clip(0) if highest > 0 else np.exp(unusual - highest)
        things = [*((CELLS, k) for k in range(len(cells))), (PEAK, None), (ALL, len(cells) - 1)]
        times, shares = np.exp(logs[0] - self.middle).tolist(), (part / part.sum()).tolist()
        found = zip(things[: len(times)], times, shares, strict=True)
        evidence = tuple(Evidence(*thing, *own) for thing, *own in found)
        return float(self._joined(logs)[0]), evidence

    def to_json(self) -> dict[str, list[float]]:
        """Undo with `from_json`."""
        found = {name: getattr(self, name) for name in ("weights", "middle", "spread")}
        if self.lift:
            found |= {"level": self.level} | self.lift._asdict()
        return {name: values.tolist() for name, values in found.items()}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> "Typical":
        """Undo `to_json`.

        Raises:
            ValueError: They are no numbers, or not as many as they must be.
        """
        known = {name: np.array(values, np.float64) for name, values in saved.items()}
        k = len(known["weights"])
        lift = Lift(known.pop("slope"), known.pop("reach")) if "slope" in known else None
        found = cls(**({"level": np.zeros(k)} | known), lift=lift)
        shapes = [values.shape for values in (found.weights, found.middle, found.spread)]
        if shapes not in ([(k,), (k + 1,), (k + 1,)], [(k,), (k + 2,), (k + 2,)]):
            raise ValueError(f"typical must hold K, K + 2 and K + 2 numbers, got {shapes}")
        if lift and (found.level.shape, *map(np.shape, lift)) != ((k,), (k + 2,), (k,)):
            raise ValueError("typical must hold a level, a slope and a reach of each scale")
        return found

    def _logs(self, cells: Latents) -> NDArray[np.float64]:
        logs = np.log(_statistics(cells, self.weights))
        if self.lift:
            logs = _settled(logs, _levels(cells) - self.level, self.lift)
        return logs[:, : len(self.middle)]

    def _joined(self, logs: NDArray[np.float64]) -> NDArray[np.float64]:
        unusual = (logs - self.middle) / self.spread
        top = unusual.max(1)  # taken out: a gross defect would overflow
        joined = top + 2 * np.log(np.exp((unusual - top[:, None]) / 2).mean(1))
        return np.exp(self.spread.mean() * joined)


def shares_by_scale(evidence: Sequence[Evidence]) -> tuple[float, ...]:
    """What each scale has to do with the score of one image, finest first; sums to 1."""
    own = [(part.scale, part.share) for part in evidence if part.scale is not None]
    scales, found = zip(*own, strict=True)
    shares = np.bincount(scales, found).clip(1e-12)  # where the peak alone stands out
    return tuple((shares / shares.sum()).tolist())


def watched(zs: Latents, *masks: NDArray[np.bool_] | None) -> Latents:
    """Latents with 0 in the cells that lie mostly in what is to be ignored.

    Args:
        zs: K arrays (B, C, h, w) of cells that divide H and W.
        masks: What to ignore, shape (H, W) each; None for nothing.
    """
    given = [mask for mask in masks if mask is not None]
    if not given:
        return zs
    ignore, found = np.any(given, axis=0), []
    for z in zs:
        height, width = z.shape[-2:]
        blocks = ignore.reshape(height, len(ignore) // height, width, -1)
        found.append(z * (blocks.mean((1, 3)) < 0.5).astype(np.float32))
    return found


def _weights(cells: Latents) -> NDArray[np.float64]:
    fine = np.arange(len(cells), 0, -1.0)
    fine[POINTING:] = 0
    mean = [float(m.mean()) for m in cells]
    hottest = [float(m.max((1, 2)).mean()) for m in cells]
    weights = fine / np.maximum(np.subtract(hottest, mean), 1e-12)
    return weights / (weights @ mean)


def _statistics(cells: Latents, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of every scale's hottest cells, the heat map's peak, mean of the coarsest scale."""
    found = []
    for m in cells:
        flat = np.asarray(m).reshape(len(m), -1).astype(np.float64)
        count = max(1, round(HOTTEST * flat.shape[1]))
        found.append(np.partition(flat, -count)[:, -count:].mean(1))
    found += [_heat(cells, weights).max((1, 2)), np.asarray(cells[-1]).mean((1, 2))]
    return np.stack(found, 1).clip(1e-12)


def _settled(
    logs: NDArray[np.float64], rise: NDArray[np.float64], lift: Lift | None
) -> NDArray[np.float64]:
    """The logarithms, (B, K + 2), without what comes with levels that have risen."""
    return logs - lift.of_logs(rise) if lift else logs


def _levels(cells: Latents) -> NDArray[np.float64]:
    """Logarithm of the upper quartile of every scale's cells, shape (B, K)."""
    found = [np.quantile(np.asarray(m, np.float64), LEVEL, axis=(1, 2)) for m in cells]
    return np.log(np.stack(found, 1).clip(1e-12))


def _each(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Levels (B, K) as the statistics see them, (B, K + 2)."""
    return np.column_stack([levels, levels[:, :POINTING].mean(1), levels[:, -1]])


def _heat(cells: Latents, weights: NDArray[np.float64]) -> NDArray[np.floating]:
    finest = at_finest([np.asarray(m) for m in cells])
    return np.asarray(sum(w * m for w, m in zip(weights, finest, strict=True)))
