"""Every kind of file that we write: a writer to be attacked, and what must hold afterwards.

A writer says aloud, outside of the disk that is attacked, what it was promised to be kept. After
the attack all of that must be there, and the same writer must be able to go on.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import numpy as np

from tests.doubles import DarkSpotDetector, write_parts
from workbench import artifacts
from workbench.autoencoder import events
from workbench.bulk import files as bulk
from workbench.cache import Cache
from workbench.csflow.resume import Checkpoint
from workbench.data import load_images, read_relabels, write_relabels
from workbench.metrics import Threshold
from workbench.session import InspectionSession
from workbench.session.threshold_history import append_change, read_history

Say = Callable[[str], None]
STEPS = 12  # changes of one run
SCORES = range(10, 10 + 10 * STEPS, 10)


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    `write(folder, who, say)` makes `STEPS` changes more than there are, saying each that is done;
    `lost(folder, said)` names what was said and is not there. `shared`: whether two may write.
    """

    name: str
    prepare: Callable[[Path], None]
    write: Callable[[Path, str, Say], None]
    lost: Callable[[Path, list[str]], list[str]]
    shared: bool = True


def nothing(folder: Path) -> None:
    """Such a file needs nothing before."""


def photos(folder: Path) -> None:
    """Photos whose scores are known."""
    write_parts(folder / "부품", ok=SCORES, ng=SCORES)


def session(folder: Path) -> InspectionSession:
    return InspectionSession(
        DarkSpotDetector(65.0), load_images(folder / "부품"), "name", results=folder / "r.csv"
    )


def write_results(folder: Path, who: str, say: Say) -> None:
    """Judge what is not judged, relabel some, move the threshold now and then."""
    opened = session(folder)
    for position in range(len(opened)):
        opened.go(position)
        if opened.name not in opened.verdicts["file name"].to_numpy():
            say(f"{opened.name} {opened.judge().score}")
        if position % 5 == 0:
            say(f"{opened.relabel('NG' if position % 2 else 'OK').name} relabelled")
        if position % 7 == 6:
            opened.detector.threshold = 65.0 + position
            opened.rates()
    opened.close()


def rows_of(folder: Path, pattern: str) -> Iterator[list[str]]:
    for path in sorted(folder.glob(pattern)):
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = list(csv.reader(file)) or [[]]
            if len({len(row) for row in rows} | {len(header)}) > 1 or header in rows:
                raise AssertionError(f"{path.name} is torn: {rows}")
            yield from rows


def lost_results(folder: Path, said: list[str]) -> list[str]:
    found = list(rows_of(folder, "r*.csv"))
    there = {f"{row[0]} {float(row[3])}" for row in found}
    there |= {f"{row[0]} relabelled" for row in found if row[4]}
    opened = session(folder)  # it can be opened, and goes on with what is there
    names = set(opened.verdicts["file name"])
    opened.close()
    return [line for line in said if line not in there or line.split()[0] not in names]


class Bulk:
    """As a CS-Flow detector to `bulk`: the darkest pixel of the photo is the score."""

    config = SimpleNamespace(size=(32, 32), together=2, white=0, to_dict=dict)
    kind, threshold, data = "csflow", 65.0, MappingProxyType({})

    def prepare(self):
        return self.look

    def look(self, squares):
        return np.asarray(squares).reshape(len(squares), -1)

    def score_latents(self, zs):
        return 255.0 - zs.min(axis=1)

    def state(self):
        return {"config": {}, "backbone": {"name": "none", "sha256": "0"}}, {"w": np.zeros(1)}


def write_scores(folder: Path, who: str, say: Say) -> None:
    before = {row[0] for row in rows_of(folder, "s.csv")}
    run = bulk.score_folder(Bulk(), folder / "부품", folder / "s.csv")
    say(f"{run.before} of {len(before)} before")
    for row in rows_of(folder, "s.csv"):
        say(f"{row[0]} {row[3]}")


def lost_scores(folder: Path, said: list[str]) -> list[str]:
    rows = list(rows_of(folder, "s.csv"))
    there = {f"{row[0]} {row[3]}" for row in rows}
    if len(there) != len(rows):
        return ["rows stand there twice"]
    wrong = [row[0] for row in rows if (row[2] == "NG") != (float(row[3]) >= 65.0)]
    return wrong + [line for line in said if line not in there and "before" not in line]


def write_labels(folder: Path, who: str, say: Say) -> None:
    known = len(read_relabels(folder / "x.relabels.csv"))
    for number in range(known, known + STEPS):
        write_relabels(folder / "x.relabels.csv", {f"{who} {number}.png": number % 2 == 0})
        say(f"{who} {number}.png {number % 2 == 0}")


def lost_relabels(folder: Path, said: list[str]) -> list[str]:
    found = read_relabels(folder / "x.relabels.csv")
    return [line for line in said if line not in {f"{a} {b}" for a, b in found.items()}]


def write_events(folder: Path, who: str, say: Say) -> None:
    known = len(events.load(folder / "e.csv"))
    for number in range(known, known + STEPS):
        event = events.Event(
            start=number, end=None, worst=number, score=1.5, sensor="온도", share=1.0, note=who
        )
        with events.changing(folder / "e.csv") as found:
            found.append(event)
        say(f"{who} {number}")


def lost_events(folder: Path, said: list[str]) -> list[str]:
    found = {f"{event.note} {event.start}" for event in events.load(folder / "e.csv")}
    return [line for line in said if line not in found]


def write_history(folder: Path, who: str, say: Say) -> None:
    known = len(read_history(folder / "t.jsonl"))
    for number in range(known, known + STEPS):
        append_change(folder / "t.jsonl", Threshold(number), f"{who} 더 엄격", former=Threshold(0))
        say(f"{who} {number}")


def lost_history(folder: Path, said: list[str]) -> list[str]:
    found = read_history(folder / "t.jsonl")
    there = {f"{change.why.split()[0]} {int(change.threshold)}" for change in found}
    return [line for line in said if line not in there]


@cache
def rows_detector():
    """A row model, trained once."""
    from workbench.autoencoder import AutoEncoderConfig, AutoEncoderDetector

    rows = np.random.default_rng(0).normal(size=(200, 3))
    return AutoEncoderDetector(AutoEncoderConfig(epochs=2)).fit(rows)


def trained(folder: Path) -> None:
    artifacts.save(rows_detector(), folder / "model")


def write_model(folder: Path, who: str, say: Say) -> None:
    detector = artifacts.load(folder / "model")
    for _ in range(1, STEPS):
        detector.threshold = float(detector.threshold) + 1
        artifacts.save(detector, folder / "model")
        say(str(float(detector.threshold)))


def lost_model(folder: Path, said: list[str]) -> list[str]:
    found = float(artifacts.load(folder / "model").threshold)
    return [] if not said or found >= float(said[-1]) else [f"{found} is older than {said[-1]}"]


def write_checkpoint(folder: Path, who: str, say: Say) -> None:
    import torch

    checkpoint = Checkpoint(folder / "c.pt", resume=True)
    known = (checkpoint.read({}) or {}).get("number", 0)
    for number in range(known + 1, known + STEPS):
        checkpoint.write({}, {"number": number, "weights": torch.full((20_000,), float(number))})
        # else the disk was full: a warning
        if (checkpoint.read({}) or {}).get("number") == number:
            say(str(number))


def lost_checkpoint(folder: Path, said: list[str]) -> list[str]:
    state = Checkpoint(folder / "c.pt", resume=True).read({}) or {"number": 0}
    whole = not state["number"] or bool((state["weights"] == state["number"]).all())
    newest = not said or state["number"] >= int(said[-1])
    return [] if whole and newest else [f"{state['number']} instead of {said[-1:]}"]


def write_cache(folder: Path, who: str, say: Say) -> None:
    store = Cache(folder / "cache", 10_000_000)
    for number in range(STEPS):
        if store.write(f"{number:04x}", bytes([number]) * 3000):
            say(f"{number:04x}")


def lost_cache(folder: Path, said: list[str]) -> list[str]:
    """An entry may go at any time; what is read must be right."""
    store = Cache(folder / "cache", 10_000_000)
    found = {number: store.read(f"{number:04x}") for number in range(STEPS)}
    return [f"{n:04x}" for n, x in found.items() if x not in (None, bytes([n]) * 3000)]


KINDS = {
    kind.name: kind
    for kind in (
        Kind("result CSV", photos, write_results, lost_results, shared=False),
        Kind("score CSV", photos, write_scores, lost_scores, shared=False),
        Kind("relabels", nothing, write_labels, lost_relabels),
        Kind("events", nothing, write_events, lost_events),
        Kind("threshold history", nothing, write_history, lost_history),
        Kind("saved detector", trained, write_model, lost_model),
        Kind("checkpoint", nothing, write_checkpoint, lost_checkpoint),
        Kind("cache entry", nothing, write_cache, lost_cache),
    )
}
