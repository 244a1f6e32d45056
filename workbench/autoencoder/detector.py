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
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench import metrics
from workbench.autoencoder import AutoEncoder, AutoEncoderConfig, from_weights, read_original
from workbench.autoencoder import rows as readings
from workbench.autoencoder.explanation import Change, RowEvaluation, smallest_change
from workbench.autoencoder.scoring import Forward, pooled
from workbench.autoencoder.training import dead, learn
from workbench.autoencoder.updates import Update, updated
from workbench.errors import NotFittedError
from workbench.metrics.drift import Drift, drift

if TYPE_CHECKING:
    from workbench.autoencoder.rows import Named, Rows

_NOWHERE = np.empty(0, np.int64)  # no pause within the rows


class AutoEncoderDetector:
    """Learns normal rows; scores are higher for worse rows.

    After `fit` there are `columns`, `held_out` (scores of the held-out normal rows that the
    threshold comes from), `history` (a dict per epoch) and `data`: where the rows came from, how
    many served for what, which columns were constant, duplicated or drifting, the median errors
    of training and held-out rows, and whether the network is dead.

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
        self._before: Update | None = None  # what the last update replaced

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
        train, held_out, columns = self._shares(rows, calibration)
        readings.check_enough(train, held_out)
        network, history = learn(torch.tensor(train), self.config, progress)
        self._use(network, columns, history)
        self._calibrate(rows, train, held_out)
        return self

    @classmethod
    def from_original(
        cls,
        path: Path | str,
        rows: "Rows",
        *,
        config: AutoEncoderConfig | None = None,
        standardise: bool = False,
    ) -> Self:
        """Make a detector of a checkpoint that another program trained, see `read_original`.

        Nothing is learned but the threshold, from normal rows that are held out as in `fit`.
        A network whose answer does not depend on the rows is warned of.

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
        self = cls(config or AutoEncoderConfig(activation="relu"))
        network = read_original(path, activation=self.config.activation)
        train, held_out, columns = self._shares(rows, None)
        if len(columns) != len(network.mean):
            raise ValueError(
                f"rows need {len(network.mean)} columns as {Path(path).name} has inputs, got "
                f"{len(columns)} ({', '.join(columns)}); pass columns=... to load_rows"
            )
        readings.check_enough(train, held_out)
        if standardise:
            network.measure(torch.tensor(train), robust=self.config.robust)
            network.modelled.fill_(True)
        self._use(network, columns, [])
        self._calibrate(rows, train, held_out)
        self.data["original"] = Path(path).name
        if self.data["dead"]:
            warnings.warn(
                f"{Path(path).name} is dead: its output is the same for every row, so a score is "
                "only the distance from one point; train a new model: workbench train",
                stacklevel=2,
            )
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

        A window model judges each row with those before it, as far as the recording goes.

        Args:
            rows: Table, data frame or array of shape (N, D), columns as in training; named
                columns may come in any order. A window model takes them oldest first.

        Returns:
            Shape (N,).

        Raises:
            ValueError: Other columns, or a value that is not a finite number.
        """
        return self._scores(self._values(rows), readings.breaks_of(rows))

    def blame(self, rows: "Rows") -> NDArray[np.float64]:
        """Each sensor's share of the squared error, shape (N, D); every row sums to 1."""
        return self._blame(self._values(rows), readings.breaks_of(rows))

    def expected(self, rows: "Rows") -> NDArray[np.float64]:
        """What the network expected in place of each row, in raw units, shape (N, D)."""
        return self._forward.expected(self._values(rows))

    def evaluate_one(self, row: "Mapping[str, float] | Sequence[float] | Rows") -> RowEvaluation:
        """Score and explain one row, given by column name or in the order of `columns`.

        A window model takes the last rows instead, oldest first, and judges the last of them.

        Raises:
            ValueError: Other columns, or a value that is not a finite number.
        """
        values = self._last(row)
        return RowEvaluation(
            score=float(self._scores(values)[-1]),
            threshold=float(self.threshold),
            blame=self._by_name(self._blame(values)[-1]),
            reconstruction=self._by_name(self._forward.expected(values)[-1]),
            seen=self._by_name(values[-1]),
        )

    def smallest_change(
        self, row: "Mapping[str, float] | Sequence[float] | Rows"
    ) -> Change | None:
        """The least change of a single sensor that would have kept a row under the threshold.

        Args:
            row: As for `evaluate_one`.

        Returns:
            None where no single sensor is enough, as when several are wrong; a change to the
            value itself where the row is normal already.
        """
        values = self._last(row)

        past = self._forward.squares(values[:-1]).sum()

        def scores(candidates: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.sqrt((past + self._forward.squares(candidates)) / len(values))

        expected = self._forward.expected(values)[-1]
        scale = self._forward.scale
        found = smallest_change(scores, values[-1], expected, scale, float(self.threshold))
        if found is None:
            return None
        column, needed = found
        seen = float(values[-1, column])
        return Change(self.columns[column], seen, needed, abs(needed - seen) / scale[column])

    def drift(self, rows: "Rows") -> Drift:
        """How far the scores of these rows are from those that the threshold came from.

        Raises:
            ValueError: No rows.
        """
        return drift(self.held_out, self.score(rows))

    def update(self, rows: "Rows", *, weight: float = 0.5) -> Self:
        """Follow a slow change: refresh scaler and threshold by rows judged normal.

        Weights stay. Rows that reach the threshold are left out, but for the share of false
        alarms that the threshold was set to give; without them every update would lower it.
        `rollback` undoes the last update. A percentile or conformal threshold is chosen anew, any
        other stays.

        Args:
            rows: Recent rows, as for `score`; 50 of them at least must be judged normal.
            weight: Of the recent rows against what is known, above 0 and at most 1.

        Raises:
            ValueError: Too few rows judged normal, or most judged anomalies; nothing changes.
        """
        values = self._values(rows)
        scores = self._scores(values, readings.breaks_of(rows))
        before, fresh = updated(self._fitted(), values, scores, self.threshold, weight)
        record = {"rows": len(values), "normal": len(fresh), "before": float(self.threshold)}
        self._before = before._replace(held_out=self.held_out)
        self._forward = Forward(self._fitted())
        normal = self._scores(values, readings.breaks_of(rows))[fresh]
        self.held_out = normal
        self.threshold = self._chosen_again(normal)
        record["after"] = float(self.threshold)
        self.data = self.data | {"updates": [*self.data.get("updates", []), record]}
        return self

    def rollback(self) -> Self:
        """Undo the last `update`, threshold included.

        Raises:
            ValueError: There was none, or it has been undone.
        """
        if self._before is None:
            raise ValueError("rollback needs an update to undo, got none since the last one")
        self._before.restore(self._fitted())
        self.held_out, self._threshold = self._before.held_out, self._before.threshold
        self._before, self._forward = None, Forward(self._fitted())
        self.data = self.data | {"updates": self.data["updates"][:-1]}
        return self

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
        tensors = {**network.state_dict(), "held_out": torch.tensor(self.held_out)}
        if self._before is not None:
            meta["before"] = self._before.threshold.to_json()
            tensors |= self._before.tensors()
        return meta, tensors

    @classmethod
    def from_state(cls, meta: dict[str, Any], tensors: dict[str, Tensor]) -> Self:
        """Undo `state`; the scores are equal bit for bit."""
        # what detectors had that were saved before there was a choice
        self = cls(AutoEncoderConfig(**{"drift": False, "activation": "relu"} | meta["config"]))
        weights = dict(tensors)
        self.held_out = weights.pop("held_out").numpy()
        if "before" in meta:
            self._before = Update.of(weights, metrics.Threshold.from_json(meta["before"]))
        network = from_weights(weights, activation=self.config.activation)
        self._use(network, tuple(meta["columns"]), meta["history"])
        self.data = meta["data"]
        self.threshold = metrics.Threshold.from_json(meta["threshold"])
        return self

    def _shares(
        self, rows: "Rows", calibration: "Rows | None"
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[str, ...]]:
        """Rows to train on, rows to hold out, and the names of the columns."""
        train, columns = readings.read(getattr(rows, "train", rows))
        held_out = readings.held_out_of(rows, calibration)
        if not len(held_out):
            return *readings.cut(train), columns
        return train, readings.read(held_out, columns)[0], columns

    def _use(
        self, network: AutoEncoder, columns: tuple[str, ...], history: list[dict[str, Any]]
    ) -> None:
        self._network, self._forward = network, Forward(network)
        self.columns, self.history = columns, history

    def _calibrate(
        self, rows: "Rows", train: NDArray[np.float64], held_out: NDArray[np.float64]
    ) -> None:
        """Take the threshold from held-out rows and note what is known of all of them."""
        self.data = readings.provenance(rows, train, held_out)
        self.data |= readings.peculiar(train, self.columns)
        self._warn_of_moves(held_out)
        # the first windows are short and noisy: no measure where there are whole ones
        scores = self._scores(held_out)
        self.held_out = scores[min(self.config.window - 1, len(scores) // 2) :: self.config.stride]
        self.threshold = self._chosen(self.held_out, "held-out OK")
        self.data["errors"] = {
            "train": float(np.median(self._scores(train))),
            "held_out": float(np.median(self.held_out)),
        }
        self.data["dead"] = dead(self._fitted(), torch.tensor(train))

    def _chosen(self, scores: NDArray[np.float64], source: str) -> metrics.Threshold:
        margin = self.config.safety
        found = metrics.threshold(scores, q=self.config.q, source=source)
        if margin == 1:
            return found
        params = {**found.params, "margin": round(margin, 4)}
        return metrics.Threshold(margin * found, found.policy, params, source, found.n)

    def _chosen_again(self, scores: NDArray[np.float64]) -> metrics.Threshold:
        """By the policy of the threshold in use, where that needs normal scores alone."""
        policy, source = self.threshold.policy, "rows judged normal"
        if policy == "conformal":
            alpha = self.threshold.params["alpha"]
            return metrics.threshold(scores, policy=policy, alpha=alpha, source=source)
        return self._chosen(scores, source) if policy == "percentile" else self.threshold

    def _fitted(self) -> AutoEncoder:
        if self._network is None:
            raise NotFittedError("detector is not fitted; call fit(rows) or wb.load(folder) first")
        return self._network

    def _values(self, rows: "Rows | Named") -> NDArray[np.float64]:
        self._fitted()
        return readings.read(rows, self.columns)[0]

    def _last(self, row: "Mapping[str, float] | Sequence[float] | Rows") -> NDArray[np.float64]:
        """The row, or the rows of its window, shape (W or fewer, D)."""
        named = hasattr(row, "items") and not hasattr(row, "columns")
        if named:
            row = readings.Named(row)
        elif not hasattr(row, "columns"):
            row = np.atleast_2d(row)
        values = self._values(row)
        if not len(values):
            raise ValueError("evaluate_one needs a row, got none")
        return values[-self.config.window :]

    def _scores(
        self, values: NDArray[np.float64], breaks: NDArray[np.int64] = _NOWHERE
    ) -> NDArray[np.float64]:
        squares = self._forward.squares(values)
        return np.sqrt(pooled(squares, self.config.window, self.config.stride, breaks))

    def _blame(
        self, values: NDArray[np.float64], breaks: NDArray[np.int64] = _NOWHERE
    ) -> NDArray[np.float64]:
        squares = self._forward.errors(values) ** 2
        squares = pooled(squares, self.config.window, self.config.stride, breaks)
        total = squares.sum(axis=1, keepdims=True)
        even = np.full_like(squares, 1 / squares.shape[1])  # a perfect copy blames nobody
        return np.divide(squares, total, out=even, where=total > 0)

    def _warn_of_moves(self, held_out: NDArray[np.float64]) -> None:
        moves = (held_out != self._forward.mean).any(axis=0)
        moved = [
            name for name, x in self._by_name(moves).items() if x and name in self.data["constant"]
        ]
        if moved and self.history:
            warnings.warn(
                f"constant in the training rows but not in the held-out normal rows: "
                f"{', '.join(moved)}; the threshold is too high to be of use, train on more "
                "rows or leave these columns out",
                stacklevel=4,
            )

    def _by_name(self, row: NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(self.columns, row.tolist(), strict=True))
