"""The report on a sensor detector: score all rows once, judge by the test rows."""

from dataclasses import asdict
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workbench import artifacts, plots, workspace
from workbench.autoencoder.alarms import NEAR, AlarmRule, detections
from workbench.autoencoder.detector import AutoEncoderDetector
from workbench.autoencoder.events import STATES, Event, events, load, remembered, save
from workbench.data import SensorTable
from workbench.data.rows import known_rows
from workbench.errors import DataError

from . import display, numbers, runs

if TYPE_CHECKING:
    from workbench.autoencoder import RowEvaluation

_SENSORS = 8  # shown, the most blamed ones


class SensorReport(display.Report):
    """What the detector says of all rows, and the sections of the report.

    Args:
        rows: The table it was made for; by default the file that the model names.
        reading: Options of `load_rows` that are to differ from those of the training.
        misses: Highest share of NG rows that may be missed, for the judgement.
        overkill: Highest share of normal rows that may be called NG, for the judgement.
    """

    def __init__(
        self,
        name: str,
        detector: AutoEncoderDetector,
        rows: SensorTable | None = None,
        shown: int = 8,
        *,
        reading: dict[str, Any] | None = None,
        misses: float | None = None,
        overkill: float | None = None,
    ) -> None:
        self.target = numbers.Target(misses, overkill)
        self.name, self.detector, self.shown = name, detector, shown
        self.rows = (
            known_rows(detector.data, detector.columns, **reading or {}) if rows is None else rows
        )
        if not len(self.rows.test):
            raise DataError(f"{self.rows.source or 'the table'} must hold test rows, got none")
        self.scores: NDArray[np.float64] = detector.score(self.rows)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Every number of the report, fit for JSON; rates are of the test rows."""
        rows, test, detector = self.rows, self._test, self.detector
        judged = self.scores[test], None if rows.labels is None else rows.labels[test]
        limit, found = detector.threshold, self._detections
        return {
            "name": self.name,
            "kind": detector.kind,
            **numbers.rated(*judged, limit),
            **numbers.guarantees(*judged, limit, detector.calibration_scores, self.target),
            "expected": limit.expected,
            "faults": len(found),
            "faults_found": sum(each.delay is not None for each in found),
            "delays": [each._asdict() for each in found],
            "events": len(self._events),
            "states": [sum(e.state == state for e in self._events) for state in STATES],
            "errors": self._errors(),
            "blame": self._blame(),
            "bad": [{"line": line, "reason": reason} for line, reason in rows.bad],
            "split": detector.data.get("counts", {}) | {"test": int(test.sum())},
            "fingerprint": detector.data.get("fingerprint", ""),
            "changed": self._changed(),
            "note": rows.note,
            "size": self._size(),
            "epochs": len(detector.history),
            "versions": artifacts.versions(),
        }

    @property
    def flags(self) -> NDArray[np.bool_]:
        """True where the score reaches the threshold, for all rows."""
        return self.scores >= self.detector.threshold

    def setting(self) -> None:
        """Say what was tested and with what."""
        detector, file = self.detector, self.rows.source.rpartition("/")[2]
        odd = detector.data | {"filled": self.rows.filled}
        window = detector.config.window
        self.say("rows_setting", file, detector.columns, window, odd, self.rows.remarks())

    def over_time(self) -> None:
        """Show the score over time with the threshold, alarms and labelled faults."""
        self.draw(self._timeline(), "over_time", len(self.scores), int(self.flags.sum()))

    def histogram(self) -> None:
        """Show the error histogram of the test rows."""
        test, labels = self._test, self.rows.labels
        judged = self.scores[test], None if labels is None else labels[test]
        limit = self.detector.threshold
        self.draw(plots.histogram(*judged, limit, log=True, things="rows"), "histogram")

    def blamed(self) -> None:
        """Show which sensors the alarms are due to, on the whole and event by event."""
        if not self.flags.any():
            self.say("nothing_blamed")
            return
        blame = self.metrics["blame"]
        drawn = plots.blame(list(blame.values()), list(blame))
        self.draw(drawn, "blamed", int(self.flags.sum()), max(blame, key=blame.get))
        worst = sorted(self._events, key=lambda event: -event.score)[: self.shown]
        self.say("events", [self._event_row(event) for event in worst], self._events_file)
        self._worst()

    def sensors(self) -> None:
        """Show the most blamed sensors with alarms and labelled faults."""
        order = sorted(self.metrics["blame"], key=self.metrics["blame"].get, reverse=True)
        columns = order[:_SENSORS] or list(self.detector.columns[:_SENSORS])
        drawn = plots.sensors(self.rows, self.flags, columns=columns)
        self.draw(drawn, "sensors", len(columns), int(self.flags.sum()))

    def training(self) -> None:
        """Show the training curve, and errors on training and other rows side by side."""
        self.say("errors")
        if self.detector.history:
            self.draw(plots.history(self.detector.history, logy=True), "training")
        else:
            self.say("no_history")

    def record(self) -> None:
        """Leave `metrics.json`, the events as CSV and the thumbnail: the score over time."""
        save(self._events, display.folder(self.name) / self._events_file)
        display.record(self.metrics, Image.open(BytesIO(plots.png(self._timeline()))))

    def _worst(self) -> None:
        """Show what was seen in the worst row against what was expected, and what would do."""
        worst = int(self.scores.argmax())
        one, change = self._at(worst), self.detector.smallest_change(self._window(worst))
        rows = [(name, one.blame[name], one.seen[name], one.reconstruction[name])
                for name in self.detector.columns]  # fmt: skip
        rows.sort(key=lambda row: -row[1])
        at = f"row {worst}" if self.rows.time is None else str(self.rows.time[worst])
        self.say("worst_row", at, change, rows[:_SENSORS])

    def _window(self, row: int) -> SensorTable:
        return self.rows[max(0, row - self.detector.config.window + 1) : row + 1]

    def _at(self, row: int) -> "RowEvaluation":
        return self.detector.evaluate_one(self._window(row))

    @cached_property
    def _detections(self) -> list[Any]:
        if self.rows.labels is None:
            return []
        return detections(self.flags, self.rows.labels, self.rows.time)

    @cached_property
    def _test(self) -> NDArray[np.bool_]:
        return np.asarray(self.rows.splits == "test")

    @cached_property
    def _events(self) -> list[Event]:
        found = events(self.detector, self.rows, AlarmRule(hold_off=NEAR), self.scores)
        # the last run that left any, and what was said in the list of events since
        kept = [run.folder / self._events_file for run in runs.history(self.name)]
        known = [path for path in kept if path.exists()][-1:]
        listed = workspace.report(self.name) / self._events_file
        paths = {*known, *([listed] if listed.exists() else [])}
        for path in sorted(paths, key=lambda path: path.stat().st_mtime):
            found = remembered(found, load(path))
        return found

    @property
    def _events_file(self) -> str:
        return f"{self.name}_events.csv"

    def _size(self) -> dict[str, Any] | None:
        """Of the network and of the density beside it; None of an imported one."""
        if not (size := self.detector.data.get("size")):
            return None
        known = self.detector.weights.get("density.centres", [0])
        return {key: size[key] for key in ("bottleneck", "layers")} | {"distributions": len(known)}

    def _changed(self) -> bool:
        data, rows = self.detector.data, self.rows
        counts = {"train": len(rows.train), "calibration": len(rows.calibration)}
        return data["counts"] != counts or data["fingerprint"] != rows.fingerprint()

    def _timeline(self) -> Any:  # noqa: ANN401
        """The score alone, with its threshold."""
        figure = plots.timeline(self.rows, self.scores, float(self.detector.threshold), columns=())
        figure.set_size_inches(9, 3)
        return figure

    def _blame(self) -> dict[str, float]:
        if not self.flags.any():
            return {}
        shares = self.detector.blame(self.rows[self.flags]).mean(axis=0)
        return dict(zip(self.detector.columns, shares.tolist(), strict=True))

    def _errors(self) -> list[dict[str, Any]]:
        splits, test, labels = self.rows.splits, self._test, self.rows.labels
        groups = {"training": splits == "train", "calibration": splits == "calibration"}
        if labels is None:
            groups["test"] = test
        else:
            groups |= {"test, normal": test & ~labels, "test, NG": labels}
        found = []
        for name, rows in groups.items():
            if rows.any():
                at = np.quantile(self.scores[rows], (0.5, 0.99, 1)).tolist()
                row = dict(zip(("median", "99 %", "largest"), at, strict=True))
                row |= {"flagged": float(self.flags[rows].mean())}
                found.append({"rows": name, "n": int(rows.sum())} | row)
        return found

    def _event_row(self, event: Event) -> dict[str, Any]:
        labels, stop = self.rows.labels, len(self.rows) if event.end is None else event.end + 1
        one = self._at(event.worst)
        fault = labels is not None and labels[event.start : stop].any()
        return asdict(event) | {
            "rows": stop - event.start,
            "seen": one.seen[event.sensor],
            "expected": one.reconstruction[event.sensor],
            "label": "-" if labels is None else "fault" if fault else "normal",
        }
