"""Rows of sensor readings: a row that the autoencoder cannot copy is an anomaly.

The score is the Euclidean norm of the reconstruction error in standard deviations; each
sensor's blame is its share of the square of it.
"""

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from workbench import metrics
from workbench.autoencoder import AutoEncoder, AutoEncoderConfig
from workbench.autoencoder.training import learn
from workbench.errors import NotFittedError
from workbench.workspace import portable

if TYPE_CHECKING:
    import pandas as pd

    from workbench.data import SensorTable

    Rows = SensorTable | pd.DataFrame | ArrayLike

MIN_TRAINING = 10  # rows, of which a fifth only decides when to stop
MIN_HELD_OUT = 2  # rows
HELD_OUT = 0.15  # share of an array that sets the threshold
CHUNK = 65536  # rows scored at once, so that a year of readings fits into memory


@dataclass(frozen=True, kw_only=True)
class RowEvaluation:
    """The verdict on one row."""

    score: float
    threshold: float
    blame: dict[str, float]  # share of the squared error by column; they sum to 1
    reconstruction: dict[str, float]  # what the network expected, in raw units

    @property
    def is_anomaly(self) -> bool:
        """Whether the score reaches the threshold."""
        return self.score >= self.threshold

    @property
    def verdict(self) -> str:
        """`OK` or `NG`."""
        return "NG" if self.is_anomaly else "OK"

    @property
    def status(self) -> str:
        """`normal` or `anomaly`."""
        return "anomaly" if self.is_anomaly else "normal"


class AutoEncoderDetector:
    """Learns normal rows; scores are higher for worse rows.

    After `fit` there are `columns`, `held_out` (scores of the held-out normal rows that the
    threshold comes from), `history` (a dict per epoch) and `data` (where the rows came from,
    how many served for what, and which columns were constant).

    Example:
        >>> flow = np.random.default_rng(0).normal(size=200)
        >>> rows = np.stack([flow, 2 * flow], axis=1)
        >>> detector = AutoEncoderDetector().fit(rows, progress=False)
        >>> detector.evaluate_one([1.0, 2.0]).status, detector.evaluate_one([1.0, -2.0]).status
        ('normal', 'anomaly')
    """

    kind = "autoencoder"

    def __init__(self, config: AutoEncoderConfig | None = None) -> None:
        self.config = config or AutoEncoderConfig()
        self._network: AutoEncoder | None = None

    def fit(
        self, rows: "Rows", calibration: "Rows | None" = None, *, progress: bool = True
    ) -> Self:
        """Learn from normal rows and set the threshold on others.

        Ctrl-C after the first epoch keeps the best weights so far, with a warning.

        Args:
            rows: A `SensorTable`, of which the training rows are used, or normal rows in
                order of time as a data frame or an array of shape (N, D); raw units.
            calibration: Other normal rows for the threshold; without them a table's
                calibration rows, else the last 15 % of the rows.
            progress: Show a progress bar.

        Raises:
            ValueError: Fewer than 10 rows to train on or 2 to hold out, a value that is not
                a finite number, a bottleneck that is not narrower than the rows.
        """
        train, columns = _read(getattr(rows, "train", rows))
        held_out = _calibration(rows, calibration)
        if len(held_out):
            held_out, _ = _read(held_out, columns)
        else:
            train, held_out = _cut(train)
        _check_enough(train, held_out)
        self._network, self.history = learn(torch.from_numpy(train), self.config, progress)
        self.columns = columns
        self.data = _provenance(rows, train, held_out) | {"constant": self._constant(train)}
        self._warn_of_moves(held_out)
        self.held_out = self._scores(held_out)
        self.threshold = metrics.threshold(self.held_out, q=self.config.q)
        return self

    @property
    def threshold(self) -> metrics.Threshold:
        """A row is an anomaly if its score is at least this; a plain number may be set."""
        self._fitted()
        return self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        self._fitted()
        self._threshold = metrics.Threshold.of(value)

    def score(self, rows: "Rows") -> NDArray[np.float64]:
        """Norm of the reconstruction error in standard deviations, higher is worse.

        Args:
            rows: Table, data frame or array of shape (N, D), columns as in training; named
                columns may come in any order.

        Returns:
            Shape (N,).

        Raises:
            ValueError: Other columns, or a value that is not a finite number.
        """
        return self._scores(self._values(rows))

    def blame(self, rows: "Rows") -> NDArray[np.float64]:
        """Each sensor's share of the squared error, shape (N, D); every row sums to 1."""
        squares = self._errors(self._values(rows)) ** 2
        total = squares.sum(axis=1, keepdims=True)
        even = np.full_like(squares, 1 / squares.shape[1])  # a perfect copy blames nobody
        return np.divide(squares, total, out=even, where=total > 0)

    def evaluate_one(self, row: Mapping[str, float] | Sequence[float]) -> RowEvaluation:
        """Score and explain one row, given by column name or in the order of `columns`.

        Raises:
            ValueError: Other columns, or a value that is not a finite number.
        """
        values = self._values(_Named(row) if hasattr(row, "items") else np.atleast_2d(row))
        reconstruction = values - self._errors(values) * self._fitted().scale.numpy()
        return RowEvaluation(
            score=float(self._scores(values)[0]),
            threshold=float(self.threshold),
            blame=self._by_name(self.blame(values)[0]),
            reconstruction=self._by_name(reconstruction[0]),
        )

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """What a saved detector needs: values for JSON, and tensors.

        Raises:
            NotFittedError: There is nothing to save yet.
        """
        network = self._fitted()
        meta = {
            "config": asdict(self.config),
            "bottleneck": network.bottleneck,
            "columns": list(self.columns),
            "threshold": self.threshold.to_json(),
            "history": self.history,
            "data": self.data,
        }
        return meta, {**network.state_dict(), "held_out": torch.from_numpy(self.held_out)}

    @classmethod
    def from_state(cls, meta: dict[str, Any], tensors: dict[str, Tensor]) -> Self:
        """Undo `state`; the scores are equal bit for bit."""
        self = cls(AutoEncoderConfig(**meta["config"]))
        weights = dict(tensors)
        self.held_out = weights.pop("held_out").numpy()
        self.columns = tuple(meta["columns"])
        self._network = AutoEncoder(len(self.columns), self.config.layers, meta["bottleneck"])
        self._network.load_state_dict(weights)
        self.history, self.data = meta["history"], meta["data"]
        self.threshold = metrics.Threshold.from_json(meta["threshold"])
        return self

    def _fitted(self) -> AutoEncoder:
        if self._network is None:
            raise NotFittedError("detector is not fitted; call fit(rows) or wb.load(folder) first")
        return self._network

    def _values(self, rows: "Rows | _Named") -> NDArray[np.float64]:
        self._fitted()
        return _read(rows, self.columns)[0]

    def _errors(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        network = self._fitted()
        with torch.inference_mode():
            chunks = [network.standardise(x) for x in torch.from_numpy(values).split(CHUNK)]
            return torch.cat([z - network(z) for z in chunks]).numpy()

    def _scores(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.linalg.norm(self._errors(values), axis=1)

    def _constant(self, train: NDArray[np.float64]) -> list[str]:
        return [name for name, x in zip(self.columns, train.T, strict=True) if np.ptp(x) == 0]

    def _warn_of_moves(self, held_out: NDArray[np.float64]) -> None:
        moves = (held_out != self._fitted().mean.numpy()).any(axis=0)
        moved = [
            name for name, x in self._by_name(moves).items() if x and name in self.data["constant"]
        ]
        if moved:
            warnings.warn(
                f"constant in the training rows but not in the held-out normal rows: "
                f"{', '.join(moved)}; the threshold is too high to be of use, train on more "
                "rows or leave these columns out",
                stacklevel=3,
            )

    def _by_name(self, row: NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(self.columns, row.tolist(), strict=True))


class _Named:
    """One row by name, with what a table has."""

    def __init__(self, row: Mapping[str, float]) -> None:
        self.columns, values = zip(*row.items(), strict=True) if len(row) else ((), ())
        self.values = [values]


def _read(
    rows: "Rows | _Named", expected: tuple[str, ...] | None = None
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Finite values (N, D), in the order of the expected columns where they have names."""
    named = hasattr(rows, "columns")
    try:
        values = np.array(rows.values if named else rows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"rows must be numbers, one column a sensor: {error}") from error
    if values.ndim != 2:
        raise ValueError(f"rows must have shape (N, D), got {values.shape}; one row: [row]")
    names = tuple(map(str, rows.columns)) if named else None
    if expected is None:
        columns = names or tuple(f"sensor_{i + 1}" for i in range(values.shape[1]))
    else:
        columns, values = expected, _in_order(values, names, expected)
    _check_finite(values, columns)
    return values, columns


def _in_order(
    values: NDArray[np.float64], names: tuple[str, ...] | None, expected: tuple[str, ...]
) -> NDArray[np.float64]:
    if values.shape[1] != len(expected) or (names and set(names) != set(expected)):
        got = f"{values.shape[1]} ({', '.join(names)})" if names else values.shape[1]
        raise ValueError(
            f"rows need {len(expected)} columns ({', '.join(expected)}) as in training, "
            f"got {got}; pass columns=... to load_rows or leave out the others"
        )
    return values[:, [names.index(name) for name in expected]] if names else values


def _check_finite(values: NDArray[np.float64], columns: tuple[str, ...]) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = bad[0]
        raise ValueError(
            f"rows must be finite, got {values[row, column]} in column {columns[column]!r} of "
            f"row {row} ({len(set(bad[:, 0]))} of {len(values)} rows affected); leave them out"
        )


def _calibration(rows: "Rows", calibration: "Rows | None") -> "Rows":
    if calibration is None:
        return getattr(rows, "calibration", ())
    labels = getattr(calibration, "labels", None)
    return calibration if labels is None else calibration[~labels]


def _cut(train: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # the last rows, not random ones: neighbours in time are nearly copies of each other
    cut = len(train) - max(MIN_HELD_OUT, round(HELD_OUT * len(train)))
    return train[: max(cut, 0)], train[max(cut, 0) :]


def _check_enough(train: NDArray[np.float64], held_out: NDArray[np.float64]) -> None:
    if len(train) < MIN_TRAINING or len(held_out) < MIN_HELD_OUT:
        raise ValueError(
            f"fit needs at least {MIN_TRAINING} normal rows to train on and {MIN_HELD_OUT} held "
            f"out for the threshold, got {len(train)} and {len(held_out)}; record more"
        )


def _provenance(
    rows: "Rows", train: NDArray[np.float64], held_out: NDArray[np.float64]
) -> dict[str, Any]:
    table = hasattr(rows, "fingerprint")
    used = np.concatenate([train, held_out])
    return {
        "source": portable(rows.source) if table and rows.source else "rows in memory",
        "note": rows.note if table else "",
        "fingerprint": rows.fingerprint() if table else hashlib.sha256(used.tobytes()).hexdigest(),
        "counts": {"train": len(train), "calibration": len(held_out)},
    }
