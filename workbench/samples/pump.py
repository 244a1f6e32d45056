"""A pump as sensor rows: one load drives all channels, faults break the pattern."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.data.rows import NOTE

ROWS = 6000
FAULTS = ("bearing wear", "cavitation", "blockage", "sensor drift")
CHANNELS = ("temperature", "vibration", "pressure", "current", "flow")
_LENGTH = 150  # rows of one fault, at one row every 10 seconds


def csv_text(recipe: dict) -> str:
    """The file: a comment that says how it was made, time, five channels, label."""
    rng = np.random.default_rng([recipe["seed"], 0x70756D70])
    table, label = simulate(rng)
    time = pd.date_range("2024-03-04 06:00", periods=ROWS, freq="10s")
    table.insert(0, "time", time.strftime("%Y-%m-%d %H:%M:%S"))
    table["label"] = label.astype(int)
    body = table.to_csv(index=False, float_format="%.4f", lineterminator="\n")
    return f"# {NOTE}\n# {json.dumps(recipe)}\n{body}"


def recipe_of(path: Path) -> dict | None:
    """How a generated file was made, None for any other file."""
    with path.open(encoding="utf-8", errors="replace") as file:
        first, second = file.readline(), file.readline()
    if first.strip() != f"# {NOTE}":
        return None
    try:
        return json.loads(second.removeprefix("# "))
    except ValueError:
        return None


def simulate(rng: np.random.Generator) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Channels (degrees C, mm/s, bar, A, m3/h) of `ROWS` rows, and where a fault was active."""
    load = _load(rng)
    ambient = 21 + 2.5 * np.sin(np.linspace(-1.2, 7.5, ROWS)) + _drifting(rng, 0.4, 600)
    pump = {
        "vibration": 1.1 + 1.5 * load**2 + _noise(rng, 0.06),
        "pressure": 2.2 + 2.6 * load - 0.4 * load**2 + _noise(rng, 0.035),
        "current": 5.0 + 8.5 * load + _noise(rng, 0.12),
        "flow": 14 + 31 * load + _noise(rng, 0.45),
    }
    heat = _lagged(3.1 * (pump["current"] - 5), 90)
    pump["temperature"] = 18 + ambient * 0.9 + heat * 0.8 + _noise(rng, 0.25)
    label = np.zeros(ROWS, dtype=bool)
    for number, start in enumerate(_starts(rng)):
        rows = slice(start, start + _LENGTH)
        _break(pump, FAULTS[number % len(FAULTS)], rows, rng)
        label[rows] = True
    return pd.DataFrame({name: pump[name] for name in CHANNELS}), label


def _break(pump: dict[str, NDArray], fault: str, rows: slice, rng: np.random.Generator) -> None:
    """Change the channels in place while the fault lasts."""
    onset = np.clip(np.linspace(0, 4, _LENGTH), 0, 1)  # grows, then stays
    if fault == "bearing wear":
        pump["vibration"][rows] += onset * rng.uniform(0.5, 1.0)
        pump["temperature"][rows] += onset * rng.uniform(3, 6)
    elif fault == "cavitation":
        bubbles = _noise(rng, 1.0, _LENGTH)
        pump["pressure"][rows] += onset * (0.30 * bubbles - 0.15)
        pump["flow"][rows] += onset * (2.5 * _noise(rng, 1.0, _LENGTH) + 1.5 * bubbles)
        pump["vibration"][rows] += onset * np.abs(_noise(rng, 0.3, _LENGTH))
    elif fault == "blockage":  # as little flow as at low load, at the current of a high one
        pump["flow"][rows] *= 1 - onset * rng.uniform(0.2, 0.32)
        pump["pressure"][rows] += onset * rng.uniform(0.1, 0.25)
    else:  # the pressure gauge; what it shows is still in its usual range
        pump["pressure"][rows] -= onset * rng.uniform(0.2, 0.4)


def _starts(rng: np.random.Generator) -> NDArray[np.int64]:
    """Where the eight faults begin: all in the second half, none touching another."""
    slots = np.linspace(ROWS // 2 + 60, ROWS, 2 * len(FAULTS), endpoint=False).astype(int)
    room = slots[1] - slots[0] - _LENGTH
    return slots + rng.integers(0, room - 20, len(slots))


def _load(rng: np.random.Generator) -> NDArray[np.float64]:
    """Operating point between 0.25 and 1: held for a while, then another, and wandering."""
    changes = np.cumsum(rng.integers(120, 420, ROWS // 120))
    regime = np.searchsorted(changes, np.arange(ROWS), side="right")
    levels = rng.choice([0.35, 0.55, 0.75, 0.9], len(changes) + 1) + rng.normal(
        0, 0.03, len(changes) + 1
    )
    return np.clip(_lagged(levels[regime], 12) + _drifting(rng, 0.025, 40), 0.25, 1.0)


def _lagged(signal: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """First-order lag with a time constant in rows."""
    return pd.Series(signal).ewm(alpha=1 / rows, adjust=False).mean().to_numpy().copy()


def _drifting(rng: np.random.Generator, size: float, rows: int) -> NDArray[np.float64]:
    slow = _lagged(rng.standard_normal(ROWS), rows)
    return size * slow / slow.std()


def _noise(rng: np.random.Generator, size: float, rows: int = ROWS) -> NDArray[np.float64]:
    return size * rng.standard_normal(rows)
