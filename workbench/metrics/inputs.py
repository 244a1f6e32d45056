"""What every metric takes: finite scores and labels that are True for NG, checked once."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_OK, _NG = {"OK", "FALSE", "0"}, {"NG", "TRUE", "1"}
_TAIL = 5  # times the median
_NAMED = 10  # in an error message


def as_labels(labels: ArrayLike) -> NDArray[np.bool_]:
    """Labels as bool, True for NG.

    Known are booleans, 0 / 1, the words "OK" / "NG" in any case, and the folder names of MVTec
    AD: with a "good" among them everything else is a defect.

    Example:
        >>> as_labels(["OK", "ng"])
        array([False,  True])
        >>> as_labels(["good", "scratch"])
        array([False,  True])
    """
    values = _one_axis(np.asarray(labels), "labels")
    if values.dtype == bool:
        return values
    if values.dtype.kind in "iuf":
        bad, found = values[(values != 0) & (values != 1)], values == 1
    else:
        bad, found = _from_words(values)
    if bad.size:
        raise ValueError(
            f"labels must be bool, 0 / 1, 'OK' / 'NG' or MVTec folder names with 'good' among "
            f"them, got {bad.tolist()[0]!r}"
        )
    return found


def as_scores(scores: ArrayLike, names: Sequence[str] | None = None) -> NDArray[np.float64]:
    """Scores as float64 of shape (N,), all finite; an error names those of `names` that are not.

    Example:
        >>> as_scores([1, 2])
        array([1., 2.])
    """
    values = _one_axis(np.asarray(scores, dtype=np.float64), "scores")
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        where = f"at position {bad[0]}"
        if names is not None:
            more = ", ..." if bad.size > _NAMED else ""
            where = f"for {', '.join(str(names[i]) for i in bad[:_NAMED])}{more}"
        raise ValueError(
            f"scores must be finite, got {values[bad[0]]} {where} "
            f"({bad.size} of {values.size} are not); leave the unscored parts out"
        )
    return values


def pair(
    scores: ArrayLike, labels: ArrayLike, names: Sequence[str] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Checked scores and labels of one length: what every metric calls first."""
    scores, labels = as_scores(scores, names), as_labels(labels)
    if len(scores) != len(labels):
        raise ValueError(f"labels must be one per score, got {len(labels)} for {len(scores)}")
    return scores, labels


def readable(
    scores: ArrayLike, labels: ArrayLike | None
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.bool_] | None]:
    """Positions of the finite scores, these scores, and their labels, or None without labels.

    Example:
        >>> readable([1, np.nan, 3], ["OK", "OK", "NG"])
        (array([0, 2]), array([1., 3.]), array([False,  True]))
    """
    scores = np.asarray(scores, np.float64)
    ng = None if labels is None else as_labels(labels)
    if ng is not None and len(ng) != len(scores):
        raise ValueError(f"labels must be as many as scores, {len(scores)}, got {len(ng)}")
    rows = np.flatnonzero(np.isfinite(scores))
    if not len(rows):
        raise ValueError(f"scores must hold a finite number, got {len(scores)} without one")
    return rows, scores[rows], None if ng is None else ng[rows]


def long_tailed(scores: NDArray[np.float64]) -> bool:
    """Whether a linear axis would press most of the scores, shape (N,), into a few bars.

    Example:
        >>> long_tailed(np.array([1, 2, 30])), long_tailed(np.array([-1, 2, 30]))
        (True, False)
    """
    return bool(scores.min() > 0 and scores.max() > _TAIL * np.median(scores))


def named(names: Sequence[str] | None, n: int) -> list[str]:
    """The names of n images as words, their numbers where there are none."""
    found = [str(name) for name in (range(n) if names is None else names)]
    if len(found) != n:
        raise ValueError(f"names must be one per score, got {len(found)} for {n}")
    return found


def plain(value: Any) -> Any:  # noqa: ANN401
    """The value for JSON: what is not a finite number becomes None, and a path its text.

    Example:
        >>> plain({"rate": float("nan"), "ends": (0.0, np.float64(0.5)), "of": np.int64(3)})
        {'rate': None, 'ends': [0.0, 0.5], 'of': 3}
    """
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return float(value) if isfinite(value) else None
    return value if isinstance(value, str | int | None) else str(value)


def _from_words(values: NDArray) -> tuple[NDArray, NDArray[np.bool_]]:
    words = [str(value).upper() for value in values]
    if "GOOD" in words:  # "OK" beside it would have to be a defect's name, so it is refused
        bad = np.array([word in _OK for word in words], dtype=bool)
        return values[bad], np.array([word != "GOOD" for word in words], dtype=bool)
    bad = np.array([word not in _OK | _NG for word in words], dtype=bool)
    return values[bad], np.array([word in _NG for word in words], dtype=bool)


def _one_axis(values: NDArray, name: str) -> NDArray:
    if values.ndim != 1:
        raise ValueError(f"{name} must have shape (N,), got {values.shape}")
    return values
