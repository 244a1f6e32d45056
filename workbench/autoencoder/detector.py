"""Rows of sensor readings: a row that the autoencoder cannot copy is an anomaly.

The score is the Euclidean norm of the reconstruction error in standard deviations (over a
window: the root mean square of its rows); each sensor's blame is its share of the square of it.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from workbench.autoencoder import calibration as calibrating
from workbench.autoencoder.config import AutoEncoderConfig
from workbench.autoencoder.explanation import Change, RowEvaluation, smallest_change
from workbench.autoencoder.rows import Rows, odd_columns, read, read_last, split
from workbench.autoencoder.scoring import Forward, Weights, pooled, weights_of
from workbench.errors import NotFittedError
from workbench.metrics import Threshold
from workbench.metrics.drift import Drift, drift

if TYPE_CHECKING:
    from workbench.autoencoder.network import AutoEncoder
    from workbench.autoencoder.rows import Split, Table

    Row = Mapping[str, float] | Sequence[float] | Table


class AutoEncoderDetector:
    """Learns normal rows; scores are higher for worse rows.

    After `fit` there are `columns`, `calibration_scores` (of the normal rows that the threshold
    comes from), `history` (a dict per epoch) and `data`: where the rows came from, how many
    served for what, which columns were constant, duplicated or drifting, the median errors of
    training and calibration rows, and whether the network is dead.

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
        self._forward: Forward | None = None
        self._before: calibrating.Before | None = None  # what the last update replaced

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
        from workbench.autoencoder.training import learn  # brings torch

        normal = split(rows, calibration)
        trained = learn(normal.train.values, self.config, progress)
        self._use(weights_of(trained.network), normal.train.columns, trained.history)
        self.data = normal.source | odd_columns(normal.train, trained.drift)
        self._calibrate(normal, dead=trained.dead)
        return self

    @classmethod
    def from_original(
        cls,
        path: Path | str,
        rows: "Table",
        *,
        config: AutoEncoderConfig | None = None,
        standardise: bool = False,
    ) -> Self:
        """Make a detector of a checkpoint that another program trained, see `read_original`.

        Nothing is learned but the threshold, from calibration rows as in `fit`. A network whose
        answer does not depend on the rows is warned of.

        Args:
            path: A plain state dict.
            rows: Normal rows, as for `fit`, with as many columns as the network has inputs.
            config: For `activation` (ReLU without one), `q`, `margin`; the file has the sizes.
            standardise: Whether the original was given rows standardised by their own mean and
                spread; else it was given them as they are, and errors are in raw units.

        Raises:
            ArtifactError: A file that is no plain state dict.
            ValueError: Rows of another number of columns, or too few of them.
        """
        from workbench.autoencoder.original import read_for

        self, normal = cls(config or AutoEncoderConfig(activation="relu")), split(rows)
        found = read_for(path, normal.train, self.config.activation, standardise)
        self._use(weights_of(found.network), normal.train.columns, [])
        self.data = normal.source | odd_columns(normal.train, found.drift)
        self.data["original"] = Path(path).name
        self._calibrate(normal, dead=found.dead)
        return self

    @property
    def network(self) -> "AutoEncoder":
        """The network in torch, a copy; scoring does without.

        Raises:
            NotFittedError: There is none yet.
        """
        from workbench.autoencoder.original import from_weights

        self._fitted()
        return from_weights(self._weights, activation=self.config.activation)

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
        """Norm of the reconstruction error in standard deviations, higher is worse.

        A window model judges each row with those before it, as far as the recording goes.

        Args:
            rows: Table, data frame or array of shape (N, D), columns as in training; named
                columns may come in any order. A window model takes them oldest first.

        Returns:
            Shape (N,).

        Raises:
            ValueError: Other columns, or a value that is not a finite number.
        """
        return self._scores(self._read(rows))

    def blame(self, rows: "Table") -> NDArray[np.float64]:
        """Each sensor's share of the squared error, shape (N, D); every row sums to 1."""
        return self._blame(self._read(rows))

    def expected(self, rows: "Table") -> NDArray[np.float64]:
        """What the network expected in place of each row, in raw units, shape (N, D)."""
        return self._fitted().expected(self._read(rows).values)

    def evaluate_one(self, row: "Row") -> RowEvaluation:
        """Score and explain one row, given by column name or in the order of `columns`.

        A window model takes the last rows instead, oldest first, and judges the last of them.

        Raises:
            ValueError: Other columns, or a value that is not a finite number.
        """
        values = self._last(row)
        window = Rows(values, self.columns)
        return RowEvaluation(
            score=float(self._scores(window)[-1]),
            threshold=float(self.threshold),
            blame=self._by_name(self._blame(window)[-1]),
            reconstruction=self._by_name(self._fitted().expected(values)[-1]),
            seen=self._by_name(values[-1]),
        )

    def smallest_change(self, row: "Row") -> Change | None:
        """The least change of a single sensor that would have kept a row under the threshold.

        Args:
            row: As for `evaluate_one`.

        Returns:
            None where no single sensor is enough, as when several are wrong; a change to the
            value itself where the row is normal already.
        """
        values, forward = self._last(row), self._fitted()
        past = forward.squares(values[:-1]).sum()

        def scores(candidates: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.sqrt((past + forward.squares(candidates)) / len(values))

        expected = forward.expected(values)[-1]
        limit = float(self.threshold)
        found = smallest_change(scores, values[-1], expected, forward.scale, limit)
        if found is None:
            return None
        column, needed = found
        seen = float(values[-1, column])
        return Change(
            self.columns[column], seen, needed, abs(needed - seen) / forward.scale[column]
        )

    def drift(self, rows: "Table") -> Drift:
        """How far the scores of these rows are from those that the threshold came from.

        Raises:
            ValueError: No rows.
        """
        return drift(self.calibration_scores, self.score(rows))

    def update(self, rows: "Table", *, weight: float = 0.5) -> Self:
        """Follow a slow change: refresh scaler and threshold by rows judged normal.

        Weights stay. Rows that reach the threshold are left out, see
        `calibration.judged_normal`. `rollback` undoes the last update. A percentile or conformal
        threshold is chosen again, any other stays.

        Args:
            rows: Recent rows, as for `score`; 50 of them at least must be judged normal.
            weight: Of the recent rows against what is known, above 0 and at most 1.

        Raises:
            ValueError: Too few rows judged normal, or most judged anomalies; nothing changes.
        """
        recent = self._read(rows)
        fresh = calibrating.judged_normal(self._scores(recent), self.threshold)
        moved = calibrating.moved_scaler(self._weights, recent.values[fresh], weight)
        old, scaler = self.threshold, (self._weights["mean"], self._weights["scale"])
        self._before = calibrating.Before(*scaler, old, self.calibration_scores)
        self._use(moved, self.columns, self.history)
        self.calibration_scores = self._scores(recent)[fresh]
        self.threshold = calibrating.choose_again(old, self.calibration_scores, self.config)
        record = {"rows": len(recent), "normal": len(fresh)}
        record |= {"before": float(old), "after": float(self.threshold)}
        self.data = self.data | {"updates": [*self.data.get("updates", []), record]}
        return self

    def rollback(self) -> Self:
        """Undo the last `update`, threshold included.

        Raises:
            ValueError: There was none, or it has been undone.
        """
        if self._before is None:
            raise ValueError("rollback needs an update to undo, got none since the last one")
        mean, scale, self._threshold, self.calibration_scores = self._before
        self._use(self._weights | {"mean": mean, "scale": scale}, self.columns, self.history)
        self._before = None
        self.data = self.data | {"updates": self.data["updates"][:-1]}
        return self

    def state(self) -> tuple[dict[str, Any], Weights]:
        """What a saved detector needs: values for JSON, and arrays.

        Raises:
            NotFittedError: There is nothing to save yet.
        """
        self._fitted()
        meta = {
            "config": asdict(self.config),
            "columns": list(self.columns),
            "threshold": self.threshold.to_json(),
            "history": self.history,
            "data": self.data,
        }
        arrays = self._weights | {"held_out": self.calibration_scores}
        if self._before is not None:
            meta["before"] = self._before.threshold.to_json()
            arrays |= self._before.arrays()
        return meta, arrays

    def companions(self, manifest: dict[str, Any]) -> dict[str, bytes]:  # noqa: ARG002
        """Files to keep beside a saved detector: none, where a CS-Flow has its graph."""
        return {}

    @classmethod
    def from_state(cls, meta: dict[str, Any], arrays: Weights) -> Self:
        """Undo `state`; the scores are equal bit for bit."""
        self = cls(AutoEncoderConfig.saved(meta["config"]))
        weights = {name: np.asarray(value) for name, value in arrays.items()}
        self.calibration_scores = weights.pop("held_out")
        if "before" in meta:
            before = Threshold.from_json(meta["before"])
            self._before = calibrating.Before.of(weights, before)
        self._use(weights, tuple(meta["columns"]), meta["history"])
        self.data = meta["data"]
        self.threshold = Threshold.from_json(meta["threshold"])
        return self

    def _use(
        self, weights: Weights, columns: tuple[str, ...], history: list[dict[str, Any]]
    ) -> None:
        self._weights, self._forward = weights, Forward(weights, self.config.activation)
        self.columns, self.history = columns, history

    def _calibrate(self, normal: "Split", *, dead: bool) -> None:
        """Take the threshold from calibration rows."""
        self._warn_of_moves(normal.calibration.values)
        # the first windows are short and noisy: no measure where there are whole ones
        scores = self._scores(normal.calibration)
        whole = min(self.config.window - 1, len(scores) // 2)
        self.calibration_scores = scores[whole :: self.config.stride]
        self.threshold = calibrating.choose(self.calibration_scores, self.config)
        self.data["errors"] = {
            "train": float(np.median(self._scores(normal.train))),
            "held_out": float(np.median(self.calibration_scores)),
        }
        self.data["dead"] = dead

    def _fitted(self) -> Forward:
        if self._forward is None:
            raise NotFittedError("detector is not fitted; call fit(rows) or wb.load(folder) first")
        return self._forward

    def _read(self, rows: "Table") -> Rows:
        self._fitted()
        return read(rows, self.columns)

    def _last(self, row: "Row") -> NDArray[np.float64]:
        """The row, or the rows of its window, shape (W or fewer, D)."""
        self._fitted()
        return read_last(row, self.columns, self.config.window)

    def _pooled(self, squares: NDArray[np.float64], rows: Rows) -> NDArray[np.float64]:
        return pooled(squares, self.config.window, self.config.stride, rows.breaks)

    def _scores(self, rows: Rows) -> NDArray[np.float64]:
        return np.sqrt(self._pooled(self._fitted().squares(rows.values), rows))

    def _blame(self, rows: Rows) -> NDArray[np.float64]:
        squares = self._pooled(self._fitted().errors(rows.values) ** 2, rows)
        total = squares.sum(axis=1, keepdims=True)
        even = np.full_like(squares, 1 / squares.shape[1])  # a perfect copy blames nobody
        return np.divide(squares, total, out=even, where=total > 0)

    def _warn_of_moves(self, calibration: NDArray[np.float64]) -> None:
        moves = (calibration != self._fitted().mean).any(axis=0)
        moved = [
            name for name, x in self._by_name(moves).items() if x and name in self.data["constant"]
        ]
        if moved and self.history:
            warnings.warn(
                f"constant in the training rows but not in the calibration rows: "
                f"{', '.join(moved)}; the threshold is too high to be of use, train on more "
                "rows or leave these columns out",
                stacklevel=4,
            )

    def _by_name(self, row: NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(self.columns, row.tolist(), strict=True))
