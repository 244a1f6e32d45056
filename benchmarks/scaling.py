"""How does the cost grow with size, batch, images, blocks and width; how near is the limit?

The limit is this machine's own rate of multiplying large matrices of float32, measured in the
same run; operations are counted by torch's own counter, a multiply and an add as two. In the
table of stages the flow of the graph is what the whole takes longer than a graph of the
backbone alone.
"""

import itertools
import statistics
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import measure, models
from workbench import CSFlowConfig, bulk
from workbench.csflow.onnx.engines import probes
from workbench.csflow.onnx.export import build, export
from workbench.csflow.onnx.runtime import OnnxEngine
from workbench.csflow.training import train_flow

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
            config = CSFlowConfig.preset("lite", **{"image_size": 256, field: value})
            shown = value if isinstance(value, int) else len(value)
            tables[title].append({field: shown, **cost(config, parts, limit)})
    config = CSFlowConfig.preset("lite", image_size=256)
    tables["batch"] = [{"batch": n, **cost(config, parts, limit, n)} for n in (1, 4, 16)]
    tables["number of images"] = images(config, parts, (64, 256, 1024))
    tables["stages, lite at 256 px"] = stages(config, parts, limit)
    tables["stages, the simulator's setting at 512 px"] = stages(models.simulator(), parts, limit)
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
    operations = counted(lambda: by_torch.network(squares))
    works = {
        "torch": lambda: by_torch.engine(squares),
        "scored": lambda: graph.engine(squares),
    }
    times = {k: statistics.median(v) for k, v in measure.in_turn(works, RUNS).items()}
    return {
        "GFLOP an image": round(operations / batch / 1e9, 2),
        "torch ms an image": round(1e3 * times["torch"] / batch, 1),
        f"{graph.engine.name} ms an image": round(1e3 * times["scored"] / batch, 1),
        "torch, of the limit": f"{operations / times['torch'] / limit:.0%}",
        f"{graph.engine.name}, of the limit": f"{operations / times['scored'] / limit:.0%}",
    }


def images(config, parts, counts):
    """Seconds to score so many photos from their files, and to train one epoch on so many."""
    detector = models.as_engine(models.detector(config, parts.paths), "auto")
    network = detector.network
    size = config.image_size
    few = [x.clone() for x in network.features(np.resize(probes(size), (4, 3, size, size)))]
    rows = []
    for count in counts:
        features = [x.repeat(count // len(x), 1, 1, 1) for x in few]
        paths = list(itertools.islice(itertools.cycle(parts.paths), count))
        once = replace(config, epochs=1)
        works = {
            "score": lambda paths=paths: list(bulk.stream(detector, paths)),
            "epoch": partial(
                train_flow, network.flow, network.standardise, features, few, once, progress=False
            ),
        }
        times = {k: statistics.median(v) for k, v in measure.in_turn(works, 3, 1).items()}
        row = {"images": count}
        for name, seconds in times.items():
            row |= {
                f"{name} s": round(seconds, 2),
                f"{name}, ms an image": round(1e3 * seconds / count, 1),
            }
        rows.append(row)
    return rows


def stages(config, parts, limit):
    """Where one image spends its time in the network, and how near to the limit."""
    network = models.detector(config, parts.paths).network
    image = probes(config.image_size)[:1]
    features = network.features(image)
    by_torch = {
        "backbone": lambda: network.features(image),
        "flow": lambda: network.latents(features),
    }
    names = [f"x{k}" for k in range(config.scales)]
    both = torch.from_numpy(probes(config.image_size))
    front = OnnxEngine(build(network.pyramid, both, names))
    whole = OnnxEngine(export(network))
    works = by_torch | {"front": lambda: front(image), "whole": lambda: whole(image)}
    times = {k: statistics.median(v) for k, v in measure.in_turn(works, RUNS).items()}
    onnx = {"backbone": times["front"], "flow": times["whole"] - times["front"]}
    return [
        {
            "stage": name,
            "GFLOP": round((operations := counted(work)) / 1e9, 2),
            "torch ms": round(1e3 * times[name], 1),
            "onnx ms": round(1e3 * onnx[name], 1),
            "torch, of the limit": f"{operations / times[name] / limit:.0%}",
            "onnx, of the limit": f"{operations / onnx[name] / limit:.0%}",
        }
        for name, work in by_torch.items()
    ]


def counted(work):
    """Floating-point operations of torch in a piece of work."""
    counter = FlopCounterMode(display=False)
    with counter:
        work()
    return counter.get_total_flops()


if __name__ == "__main__":
    main()
