"""What does an image cost with each preset, arithmetic and batch, and which batch is best?

The batch is doubled until that gains less than a twentieth, or a GPU's memory is out, on a CPU
up to 8. "mixed" multiplies in bfloat16 (torch.autocast) and is measured for its cost alone:
detectors score in float32. On a CPU the graph of ONNX Runtime is there too, which is what scores
there.
"""

import statistics
from contextlib import nullcontext
from functools import partial

import numpy as np
import torch

from benchmarks import measure, models
from workbench import CSFlowConfig
from workbench.csflow.onnx.engines import probes

RUNS = 10
GAIN = 1.05  # of a doubled batch that is worth trying the next
MOST = 1 << 20 if torch.cuda.is_available() else 8  # a CPU's memory is the user's too


def main():
    where = measure.machine()
    parts = models.photos(4, size=768)
    tables = {}
    for preset in ("lite", "paper"):
        detector = models.detector(CSFlowConfig.preset(preset), parts.paths)
        size = "{} x {}".format(*detector.config.size)
        tables[f"{preset}, {detector.config.backbone} at {size} px, one look"] = rows(detector)
    measure.report("presets", __doc__.partition("\n")[0], tables, where)


def rows(detector):
    graph = models.as_engine(detector, "auto").engine
    mixed = partial(torch.autocast, detector.network.device.type, torch.bfloat16)
    kinds = {
        "torch, float32": (detector.network, nullcontext),
        "torch, mixed": (detector.network, mixed),
    }
    if graph.name != "torch":
        kinds[f"{graph.name}, float32"] = (graph, nullcontext)
    found = []
    for name, (engine, arithmetic) in kinds.items():
        found += [
            {"what": name, **row} for row in ladder(engine, arithmetic, detector.config.size)
        ]
    base = found[0]["ms an image"]
    return [
        row | {"x torch, float32, batch 1": round(base / row["ms an image"], 2)} for row in found
    ]


def ladder(engine, arithmetic, size):
    """The first batch and the best one."""
    tried, batch = [], 1
    while batch <= MOST and (len(tried) < 2 or _gained(*tried[-2:])):
        try:
            tried.append(cost(engine, arithmetic, size, batch))
        except torch.OutOfMemoryError:
            break
        batch *= 2
    best = min(tried, key=lambda row: row["ms an image"])
    return [tried[0]] + [best] * (best is not tried[0])


def _gained(before, after):
    return GAIN * after["ms an image"] < before["ms an image"]


def cost(engine, arithmetic, size, batch):
    squares = np.resize(probes(size), (batch, 3, *size))

    def work():
        with arithmetic():
            engine(squares)

    seconds = statistics.median(measure.in_turn({"": work}, RUNS)[""]) / batch
    return {
        "batch": batch,
        "ms an image": round(1e3 * seconds, 2),
        "images a second": round(1 / seconds, 1),
    }


if __name__ == "__main__":
    main()
