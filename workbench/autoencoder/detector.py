"""Rows of sensor readings: a row that is improbable, given what the network knows, is an anomaly.

The score is a distance in standard deviations (over a window: the root mean square of its rows).
A sensor's blame is the share of its square by which that falls if the sensor is put right.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from workbench.autoencoder import calibration as calibrating
from workbench.autoencoder import explanation, saving, updates
from workbench.autoencoder.config import AutoEncoderConfig
from workbench.autoencoder.events import Event, watch
from workbench.autoencoder.explanation import Change, RowEvaluation
from workbench.autoencoder.rows import Rows, Split, odd_columns, read, split
from workbench.autoencoder.scoring import Copying, Likelihood
from workbench.autoencoder.weights import Weights
from workbench.autoencoder.windows import Windows
from workbench.errors import DataError, NotFittedError
from workbench.metrics import Threshold
from workbench.metrics.drift import Drift, drift

if TYPE_CHECKING:
    from workbench.autoencoder.alarms import AlarmRule
    from workbench.autoencoder.network import AutoEncoder
    from workbench.autoencoder.rows import Table

    Row: TypeAlias = Mapping[str, float] | Sequence[float] | Table


class AutoEncoderDetector:
    """Learns normal rows; scores are higher for worse rows.

    After `fit` there are `columns`, `calibration_scores`, `history` (a dict per epoch) and `data`:
    where the rows came from, how many served for what, what was odd about them, and the size of
    the network with the reason.

    Example:
        >>> flow = np.random.default_rng(0).normal(size=200)
        >>> rows = np.stack([flow, 2 * flow], axis=1)
        >>> detector = AutoEncoderDetector().fit(rows, progress=False)
        >>> detector.evaluate_one([1.0, 2.0]).status, detector.evaluate_one([1.0, -2.0]).status
        ('normal', 'anomaly')
    """

    kind = "autoencoder"
    calibration_scores: NDArray[np.float64]

    def __init__(self, config: AutoEncoderConfig | None = None) -> None:
        self.config = config or AutoEncoderConfig()
        self.weights: Weights = {}
        self.before: updates.Before | None = None  # what the last update replaced
        self._scorer: Copying | None = None

    def fit(
        self, rows: "Table", calibration: "Table | None" = None, *, progress: bool = True
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
            ValueError: Fewer than 10 rows to train on or 2 for the threshold, a value that is
                not a finite number, a bottleneck that is not narrower than the rows.
        """
        self.learn_from(split(rows, calibration), progress=progress)
        return self

    def learn_from(self, normal: Split, *, progress: bool = False) -> None:
        """Learn from rows that have been split."""
        from workbench.autoencoder.training import learn  # brings torch

        trained = learn(normal.train.values, self.config, progress, normal.train.breaks)
        self.columns, self.history = normal.train.columns, trained.history
        self.data = normal.source | odd_columns(normal.train, trained.drift)
        self.data["size"] = trained.size
        self.use(trained.weights)
        calibrating.calibrate(self, normal)

    @property
    def network(self) -> "AutoEncoder":
        """The network in torch, a copy; scoring does without."""
        from workbench.autoencoder.original import from_weights

        self._fitted()
        weights = {k: x for k, x in self.weights.items() if not k.startswith("density.")}
        return from_weights(weights, activation=self.config.activation)

    @property
    def threshold(self) -> Threshold:
        """A row is an anomaly if its score is at least this; a plain number may be set."""
        self._fitted()
        return self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        self._fitted()
        self._threshold = Threshold.of(value)

    def score(self, rows: "Table") -> NDArray[np.float64]:
        """How improbable each row is, as a distance in standard deviations; higher is worse.

        Args:
            rows: Table, data frame or array of shape (N, D), columns as in training; named
                columns may come in any order. A window model takes them oldest first and judges
                each with those before it. A value that is missing (NaN) is left out of the
                score, with a warning.

        Raises:
            ValueError: Other columns, infinite values or too many missing ones in a row.
        """
        return self.scores_of(self.read(rows))

    def blame(self, rows: "Table") -> NDArray[np.float64]:
        """Each sensor's share of the square of the score, (N, D); every row sums to 1."""
        return self._blame(self.read(rows))

    def expected(self, rows: "Table") -> NDArray[np.float64]:
        """What each sensor should have been in view of the others, raw units, shape (N, D)."""
        return self._expected(self.read(rows))

    def evaluate_one(self, row: "Row") -> RowEvaluation:
        """Score and explain one row, given by column name or in the order of `columns`.

        A window model takes the last rows instead, oldest first, and judges the last of them.
        """
        rows = self._last(row)
        return RowEvaluation(
            score=float(self.scores_of(rows)[-1]),
            threshold=float(self.threshold),
            blame=self._by_name(self._blame(rows)[-1]),
            reconstruction=self._by_name(self._expected(rows)[-1]),
            seen=self._by_name(rows.values[-1]),
            missing=rows.missing,
        )

    def smallest_change(self, row: "Row") -> Change | None:
        """The least change of one sensor that would have made a row normal; None: none alone."""
        rows, limit = self._last(row), float(self.threshold)
        return explanation.smallest_change(
            self._fitted(), rows.values, self.windows(rows), self.columns, limit
        )

    def watch(self, rows: "Iterable[Row]", rule: "AlarmRule | None" = None) -> "Iterator[Event]":
        """Events of rows that come one by one, see `events.watch`."""
        return watch(self, rows, rule)

    def drift(self, rows: "Table") -> Drift:
        """How far the scores of these rows are from those that the threshold came from."""
        return drift(self.calibration_scores, self.score(rows))

    def update(self, rows: "Table", *, weight: float = 0.5, network: bool = False) -> Self:
        """Follow a slow change: scaler and threshold, or all again, see `updates.update`."""
        updates.update(self, self.read(rows), weight, network)
        return self

    def rollback(self) -> Self:
        """Undo the last `update`, threshold included, see `updates.rollback`."""
        updates.rollback(self)
        return self

    def state(self) -> tuple[dict[str, Any], Weights]:
        """What a saved detector needs: values for JSON, and arrays."""
        self._fitted()
        return saving.state(self)

    @classmethod
    def from_state(cls, meta: dict[str, Any], arrays: Weights) -> Self:
        """Undo `state`; the scores are equal bit for bit."""
        return saving.restore(cls, meta, arrays)

    def use(self, weights: Weights) -> None:
        """Score by these weights from now on; the threshold stays."""
        self.weights = weights
        activation, means = self.config.activation, self.config.pooling == "means"
        if self.config.score == "likelihood":
            self._scorer = Likelihood(weights, activation, means=means)
        else:
            self._scorer = Copying(weights, activation)

    def read(self, rows: "Table") -> Rows:
        """Rows as `score` takes them, as finite values in the order of `columns`."""
        scorer = self._fitted()
        found = read(rows, self.columns, self.config.missing_of(len(self.columns)))
        found.warn(self.data.get("step_seconds"))
        return found._replace(values=explanation.complete(scorer, found.values))

    def windows(self, rows: Rows) -> Windows:
        """What each of these rows is judged together with."""
        return Windows(self.config.window, self.config.stride, rows.breaks)

    def scores_of(self, rows: Rows) -> NDArray[np.float64]:
        """The scores of rows that `read` has read, shape (N,)."""
        scores = np.sqrt(self._fitted().squares(rows.values, self.windows(rows)))
        if np.isnan(scores).any():
            raise DataError("the network is damaged: it gives no number for a row; train again")
        return scores

    def _expected(self, rows: Rows) -> NDArray[np.float64]:
        return explanation.expected(self._fitted(), rows.values, self.windows(rows))

    def _blame(self, rows: Rows) -> NDArray[np.float64]:
        squares = explanation.parts(self._fitted(), rows.values, self.windows(rows))
        total = squares.sum(axis=1, keepdims=True)
        even = np.full_like(squares, 1 / squares.shape[1])  # a row as expected blames nobody
        return np.divide(squares, total, out=even, where=total > 0)

    def _fitted(self) -> Copying:
        if self._scorer is None:
            raise NotFittedError("detector is not fitted; call fit(rows) or wb.load(folder) first")
        return self._scorer

    def _last(self, row: "Row") -> Rows:
        """The row, or the rows of its window."""
        self._fitted()
        if hasattr(row, "items") and not hasattr(row, "columns"):
            row = dict(row.items())  # a mapping, or a row of a data frame
        elif not hasattr(row, "columns"):
            row = np.atleast_2d(row)
        rows = self.read(row)
        if not len(rows.values):
            raise ValueError("evaluate_one needs a row, got none")
        return rows.last(self.config.window)

    def _by_name(self, row: NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(self.columns, row.tolist(), strict=True))
