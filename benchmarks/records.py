"""What every benchmark leaves: a table to read and the same numbers to compute with."""

import json
import os
import platform
from datetime import date
from pathlib import Path

from workbench import artifacts

RESULTS = Path(__file__).parent / "results"


def leave(name, title, rows, notes=(), **extra):
    """Print the table and write `results/NAME.md` and `.json`.

    Args:
        name: Of the files.
        title: First line, says what was done to what.
        rows: Dicts with the same keys; values are printed as they are.
        notes: Sentences below the table.
        **extra: Further numbers, for the JSON alone.
    """
    import torch

    machine = f"{os.cpu_count()} cores ({platform.machine()}), {torch.get_num_threads()} threads"
    versions = ", ".join(f"{k} {v}" for k, v in artifacts.versions().items())
    head = list(rows[0])
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(row[key]) for key in head) + " |" for row in rows]
    text = [f"# {title}", "", *lines, "", *(f"{note}\n" for note in notes)]
    text += [f"{date.today()}, {machine}; {versions}.", ""]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text("\n".join(text), "utf-8")
    facts = {"title": title, "rows": rows, "notes": notes, "machine": machine, **extra}
    (RESULTS / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    print("\n".join(text))


def spread(values):
    """Mean and standard deviation over seeds, as text."""
    import numpy as np

    mean, deviation = np.mean(values), np.std(values)
    return f"{mean:.3f}" if deviation < 5e-4 else f"{mean:.3f} ± {deviation:.3f}"
