"""How does the cost grow with image size, batch, blocks and hidden width; how near is the limit?

The limit is this machine's own rate of multiplying large matrices, measured in the same run;
operations are counted by torch's own counter, a multiply and an add as two.
"""

import statistics

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import measure, models
from workbench import CSFlowConfig
from workbench.engine.choice import probes

RUNS = 10


def main():
    where = measure.machine()
    parts = models.photos(8, size=512)
    limit = rate()
    where["matrix multiply, GFLOP/s"] = round(limit / 1e9, 1)
    axes = {
        "image size": ("image_size", (128, 256, 384, 512)),
        "hidden width": ("hidden", (16, 64, 256, 512)),
        "coupling blocks": ("kernels", ((3,), (3, 3), (3,) * 4, (3,) * 8)),
    }
    tables = {}
    for title, (field, values) in axes.items():
        tables[title] = []
        for value in values:
            config = CSFlowConfig.preset("lite", **{field: value})
            shown = value if isinstance(value, int) else len(value)
            tables[title].append({field: shown, **cost(config, parts, limit)})
    config = CSFlowConfig.preset("lite")
    tables["batch"] = [{"batch": n, **cost(config, parts, limit, n)} for n in (1, 4, 16)]
    measure.report("scaling", __doc__.partition("\n")[0], tables, where)


def rate(size=2048):
    """Floating-point operations a second in a large matrix product."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    a = torch.rand(size, size, device=device)
    seconds = measure.in_turn({"product": lambda: (a @ a)[0, 0].item()}, RUNS)["product"]
    return 2 * size**3 / statistics.median(seconds)


def cost(config, parts, limit, batch=1):
    """Milliseconds an image of both engines, and their share of the limit."""
    by_torch = models.detector(config, parts.paths)
    graph = models.as_engine(by_torch, "auto")
    squares = np.repeat(probes(config.image_size)[:1], batch, axis=0)
    counter = FlopCounterMode(display=False)
    with counter:
        by_torch.network(squares)
    operations = counter.get_total_flops()
    works = {
        "torch": lambda: by_torch.engine(squares),
        "scored": lambda: graph.engine(squares),
    }
    times = {k: statistics.median(v) for k, v in measure.in_turn(works, RUNS).items()}
    return {
        "GFLOP an image": round(operations / batch / 1e9, 2),
        "torch ms an image": round(1e3 * times["torch"] / batch, 1),
        f"{graph.engine.kind} ms an image": round(1e3 * times["scored"] / batch, 1),
        "torch, of the limit": f"{operations / times['torch'] / limit:.0%}",
        f"{graph.engine.kind}, of the limit": f"{operations / times['scored'] / limit:.0%}",
    }


if __name__ == "__main__":
    main()
