"""The report on a sensor detector: score all rows once, judge by the test rows."""

from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from workbench import plots, workspace
from workbench.autoencoder.alarms import AlarmRule, detections, stretches
from workbench.autoencoder.events import Event, events, remembered, save
from workbench.data import SensorTable, load_rows
from workbench.data.rows import load_like
from workbench.errors import DataError

from . import display, guarantees, wording
from .wording import code, plain

if TYPE_CHECKING:
    from workbench.autoencoder.detector import AutoEncoderDetector

_NEAR = 5  # rows; alarms that close belong to one event
_SENSORS = 8  # plotted, the most blamed ones
_CHANGED = (
    "The rows or their split are not those of the training: rows tested here may have been "
    "trained on. Train again for numbers to rely on."
)
REMARKS = 12  # lines about the file, at most


class SensorReport:
    """What the detector says of all rows, and the sections of the report.

    Args:
        name: The model's name, under which the report is left.
        detector: The fitted detector.
        rows: The table it was made for; by default the file that the model names.
        shown: Events in the table.
        reading: Options of `load_rows` that are to differ from those of the training.
        misses: Highest share of NG rows that may be missed, for the judgement.
        overkill: Highest share of normal rows that may be called NG, for the judgement.
    """

    def __init__(
        self,
        name: str,
        detector: "AutoEncoderDetector",
        rows: SensorTable | None = None,
        shown: int = 8,
        *,
        reading: dict[str, Any] | None = None,
        misses: float | None = None,
        overkill: float | None = None,
    ) -> None:
        self.target = guarantees.Target(misses, overkill)
        self.name, self.detector, self.shown = name, detector, shown
        self.rows = rows_of(detector, **reading or {}) if rows is None else rows
        if not len(self.rows.test):
            raise DataError(f"{self.rows.source or 'the table'} must hold test rows, got none")
        self.scores: NDArray[np.float64] = detector.score(self.rows)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Every number of the report, fit for JSON; rates are of the test rows."""
        rows, test = self.rows, self._test
        labels = None if rows.labels is None else rows.labels[test]
        return {
            "name": self.name,
            "kind": self.detector.kind,
            **wording.rated(self.scores[test], labels, self.detector.threshold),
            **guarantees.numbers(
                self.scores[test],
                labels,
                self.detector.threshold,
                self.detector.calibration_scores,
                self.target,
            ),
            "faults": len(self._faults),
            "faults_found": sum(
                bool(self.flags[start:stop].any()) for start, stop in self._faults
            ),
            "delays": [d._asdict() for d in self._detections],
            "events": len(self._events),
            "errors": self._errors(),
            "blame": self._blame(),
            "bad": [{"line": line, "reason": reason} for line, reason in rows.bad],
            "split": self.detector.data.get("counts", {}) | {"test": int(test.sum())},
            "fingerprint": self.detector.data.get("fingerprint", ""),
            "changed": self._changed(),
            "note": rows.note,
            "epochs": len(self.detector.history),
            "versions": wording.versions(),
        }

    @property
    def flags(self) -> NDArray[np.bool_]:
        """True where the score reaches the threshold, for all rows."""
        return self.scores >= self.detector.threshold

    def answer(self) -> None:
        """Say what was missed and what was a false alarm, row by row and fault by fault."""
        m = self.metrics
        display.text(wording.answer(m))
        if not m["labelled"]:
            return
        if m["faults"]:
            display.text(
                f"{wording.plural(m['faults'], 'labelled fault')} (stretches of NG rows), of "
                f"which {m['faults_found']} raised at least one alarm{_delay(m['delays'])}."
            )
        display.table(
            wording.rates(m),
            "Neighbouring rows are alike: the true intervals are wider than these (Wilson).",
        )

    def alternatives(self) -> None:
        """Show what other thresholds, and a second look, would have done."""
        guarantees.show_alternatives(self.metrics)
        guarantees.show_review(self.metrics)

    def setting(self) -> None:
        """Say what was tested and with what."""
        m, counts = self.metrics, self.metrics["split"]
        labels = f" ({m['n_ok']:,} normal, {m['n_ng']:,} NG)" if m["labelled"] else ", unlabelled"
        note = f" The data is **{plain(m['note'])}**." if m["note"] else ""
        changed = f" **{_CHANGED}**" if m["changed"] else ""
        columns = ", ".join(map(plain, self.detector.columns))
        display.text(
            f"Tested: {wording.plural(m['n'], 'row')}{labels} of "
            f"{code(self.rows.source.rpartition('/')[2])}, {len(self.detector.columns)} sensors "
            f"({columns}). Trained on {counts.get('train', 0):,} normal rows; the threshold was "
            f"set with {counts.get('calibration', 0):,} other normal ones.{note}{changed}\n\n"
            "Method: an autoencoder that has learned which sensors go together in normal rows. "
            "The score of a row is its distance from them, in standard deviations; a sensor's "
            f"blame is its share of the square of it.{self._odd()}"
        )
        if remarks := self.rows.remarks():
            more = [f"and {len(remarks) - REMARKS} more"] if len(remarks) > REMARKS else []
            lines = "".join(f"\n- {plain(line)}" for line in [*remarks[:REMARKS], *more])
            display.text(f"How the file was read:\n{lines}")

    def over_time(self) -> None:
        """Show the score over time with the threshold, alarms and labelled faults."""
        threshold = self.detector.threshold
        display.figure(
            self._timeline(),
            f"Score of all {wording.plural(len(self.scores), 'row')}: {int(self.flags.sum()):,} "
            f"reach the threshold {threshold:.4g} (dashed), in "
            f"{wording.plural(self.metrics['events'], 'event')}.",
            f"Score of {len(self.scores)} rows over time with the threshold {threshold:.4g}",
        )

    def histogram(self) -> None:
        """Show the error histogram of the test rows."""
        rows, test, q = self.rows, self._test, self.metrics["score_quantiles"]
        labels = None if rows.labels is None else rows.labels[test]
        ax = plots.histogram(
            self.scores[test], labels, self.detector.threshold, log=True, things="rows"
        )
        display.figure(
            ax,
            f"Errors of {wording.plural(int(test.sum()), 'test row')}: half below {q['0.5']:.3g}, "
            f"99 % below {q['0.99']:.3g}, the largest {q['1']:.3g}.",
        )

    def blamed(self) -> None:
        """Show which sensors the alarms are due to, on the whole and event by event."""
        if not self._events:
            display.text("No row reached the threshold, so there is nothing to blame.")
            return
        blame = self.metrics["blame"]
        top = max(blame, key=blame.get)
        display.figure(
            plots.blame(list(blame.values()), list(blame)),
            f"Mean share of the error over all {int(self.flags.sum()):,} flagged rows; "
            f"{top} has the most, {wording.percent(blame[top])}.",
        )
        display.table(
            self._event_table(),
            f"The worst of {len(self._events)} events, by score; all of them lie in "
            f"{self._events_file}, where a state (acknowledged, closed) and a note may be set.",
        )
        self._worst()

    def sensors(self) -> None:
        """Show the most blamed sensors with alarms and labelled faults."""
        order = sorted(self.metrics["blame"], key=self.metrics["blame"].get, reverse=True)
        columns = order[:_SENSORS] or list(self.detector.columns[:_SENSORS])
        faults = "" if self.rows.labels is None else "; labelled faults are shaded"
        display.figure(
            plots.sensors(self.rows, self.flags, columns=columns),
            f"Readings of {wording.plural(len(columns), 'sensor')}, the most blamed first, with "
            f"{int(self.flags.sum()):,} alarms as dots{faults}.",
        )

    def training(self) -> None:
        """Show the training curve, and errors on training and other rows side by side."""
        frame = pd.DataFrame(self.metrics["errors"])
        frame["flagged"] = frame["flagged"].map(wording.percent)
        for column in ("median", "99 %", "largest"):
            frame[column] = frame[column].map("{:.3f}".format)
        display.table(frame, "Error by group of rows; training and held-out should be alike.")
        if not self.detector.history:
            display.text(
                "No epoch is on record: the network was imported, or none gained anything over "
                "the linear relations of these sensors."
            )
            return
        display.figure(
            plots.history(self.detector.history, logy=True),
            f"Training: {wording.plural(self.metrics['epochs'], 'epoch')}.",
        )

    def left_out(self) -> None:
        """List the rows that could not be used."""
        if not self.rows.bad:
            display.text("Every row could be read; none was left out.")
            return
        listed, more = self.rows.bad[:20], len(self.rows.bad) - 20
        display.table(
            pd.DataFrame(listed, columns=["line", "reason"]),
            f"{wording.plural(len(self.rows.bad), 'row')} left out, never scored"
            f"{f'; {more} more in metrics.json' if more > 0 else ''}.",
        )

    def origins(self) -> None:
        """Show, folded, how the report was made."""
        frame = wording.origins(self.metrics)
        display.table(frame, folded="How this was made")

    def record(self) -> None:
        """Leave `metrics.json`, the events as CSV and the thumbnail: the score over time."""
        save(self._events, display.folder(self.name) / self._events_file)
        display.record(self.metrics, Image.open(BytesIO(plots.png(self._timeline()))))

    def _odd(self) -> str:
        """What is unusual about the model or the rows it learned from, in sentences."""
        data, window = self.detector.data, self.detector.config.window
        found = [f"A row is judged with the {window - 1} before it."] if window > 1 else []
        if data.get("dead"):
            found.append("**The model is dead: its output is the same for every row.**")
        if data.get("duplicated"):
            pairs = ", ".join(f"{a} repeats {b}" for a, b in data["duplicated"].items())
            found.append(f"Counted twice: {plain(pairs)}.")
        if data.get("constant"):
            names = plain(", ".join(data["constant"]))
            found.append(f"Constant in training: {names}.")
        if self.rows.filled:
            cells = ", ".join(f"{n} of {name}" for name, n in self.rows.filled.items())
            found.append(f"Cells filled in by interpolation: {plain(cells)}.")
        return "".join(f" {sentence}" for sentence in found)

    def _worst(self) -> None:
        """Show what was seen in the worst row against what was expected, and what would do."""
        worst = int(self.scores.argmax())
        window = self.rows[max(0, worst - self.detector.config.window + 1) : worst + 1]
        one, change = self.detector.evaluate_one(window), self.detector.smallest_change(window)
        frame = pd.DataFrame(
            {"share": one.blame, "seen": one.seen, "expected": one.reconstruction}
        )
        frame = frame.sort_values("share", ascending=False).head(_SENSORS)
        frame["share"] = frame["share"].map(wording.percent)
        frame[["seen", "expected"]] = frame[["seen", "expected"]].map("{:.4g}".format)
        what = "more than one sensor is off"
        if change is not None:
            what = f"it would be normal with {change.column} at {change.needed:.4g}"
        at = f"row {worst}" if self.rows.time is None else str(self.rows.time[worst])
        display.table(
            frame.rename_axis("sensor").reset_index(),
            f"The worst row ({at}), in the sensors' own units: {what}.",
        )

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
        found = events(self.detector, self.rows, AlarmRule(hold_off=_NEAR), self.scores)
        return remembered(found, workspace.report(self.name) / self._events_file)

    @property
    def _events_file(self) -> str:
        return f"{self.name}_events.csv"

    @cached_property
    def _faults(self) -> list[tuple[int, int]]:
        return [] if self.rows.labels is None else stretches(self.rows.labels)

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
        splits, test = self.rows.splits, self._test
        groups = {"training": splits == "train", "held out": splits == "calibration"}
        if self.rows.labels is None:
            groups["test"] = test
        else:
            groups |= {"test, normal": test & ~self.rows.labels, "test, NG": self.rows.labels}
        return [self._error_row(name, rows) for name, rows in groups.items() if rows.any()]

    def _error_row(self, name: str, rows: NDArray[np.bool_]) -> dict[str, Any]:
        middle, high, largest = np.quantile(self.scores[rows], (0.5, 0.99, 1)).tolist()
        return {
            "rows": name,
            "n": int(rows.sum()),
            "median": middle,
            "99 %": high,
            "largest": largest,
            "flagged": float(self.flags[rows].mean()),
        }

    def _event_table(self) -> pd.DataFrame:
        worst = sorted(self._events, key=lambda event: -event.score)[: self.shown]
        return pd.DataFrame([self._event_row(event) for event in worst])

    def _event_row(self, event: Event) -> dict[str, Any]:
        stop = len(self.rows) if event.end is None else event.end + 1
        row = {
            "from": event.start_time or event.start,
            "to": "goes on" if event.end is None else event.end_time or event.end,
            "rows": stop - event.start,
            "highest score": f"{event.score:.3g}",
            "blamed": f"{event.sensor} {100 * event.share:.0f} %",
            "state": event.state,
        }
        if any(each.note for each in self._events):
            row["note"] = event.note
        if self.rows.labels is not None:
            faulty = self.rows.labels[event.start : stop].any()
            row["label"] = "fault" if faulty else "normal"
        return row


def _delay(delays: list[dict[str, Any]]) -> str:
    """Time to detection in words."""
    found = [d for d in delays if d["delay"] is not None]
    if not found:
        return ""
    words = f", at the median {np.median([d['delay'] for d in found]):.0f} rows after it began"
    if all(d["seconds"] is not None for d in found):
        words += f" ({np.median([d['seconds'] for d in found]):.0f} s)"
    return words


def rows_of(detector: "AutoEncoderDetector", **reading: Any) -> SensorTable:  # noqa: ANN401
    """The table that a detector was trained from, read and split as then.

    Args:
        detector: Fitted on a file.
        reading: Options of `load_rows` that are to differ.

    Raises:
        DataError: The file is no longer there.
    """
    source = workspace.resolve(detector.data["source"])
    if not source.exists():
        raise DataError(
            f"{source} must be the file the model was trained from; there is none, pass rows"
        )
    rows = load_rows(source, **detector.data.get("options", {}) | reading)
    if rows.columns == detector.columns:
        return rows
    return load_like(source, detector.data, detector.columns, **reading)
