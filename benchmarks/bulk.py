"""How many images a second, from files on disk, against one after the other; in what memory?

The plain loop reads an image, then scores it, then reads the next. A stream decodes in threads
while the network computes. Photos are JPEGs of 1024 pixels a side, as cameras on a line give.
"""

import itertools
import resource
import statistics
import time

from benchmarks import measure, models
from workbench import CSFlowConfig, bulk
from workbench.csflow.batches import to_square
from workbench.data import read_image

COUNT = 64


def main():
    where = measure.machine()
    parts = models.photos(COUNT, size=1024)
    paths = parts.paths[:COUNT]
    torch_ = models.detector(CSFlowConfig.preset("lite", image_size=256), paths)
    graph = models.as_engine(torch_, "auto")
    works = {
        "torch, one after the other": lambda: plain(torch_, paths),
        "torch, stream": lambda: list(bulk.stream(torch_, paths)),
        f"{graph.engine.name}, one after the other": lambda: plain(graph, paths),
        f"{graph.engine.name}, stream": lambda: list(bulk.stream(graph, paths)),
    }
    times = measure.in_turn(works, runs=10, warm_up=1)
    rows = measure.versus(times, "torch, one after the other")
    for row, seconds in zip(rows, times.values(), strict=True):
        row["images a second"] = round(COUNT / statistics.median(seconds), 1)
    tables = {f"{COUNT} photos": rows, "memory of a long stream": memory(graph, paths)}
    measure.report("bulk", __doc__.partition("\n")[0], tables, where)


def plain(detector, paths):
    for path in paths:
        square = to_square(read_image(path), detector.config.size)
        detector.score_latents(detector.look(square))


def memory(detector, paths):
    """Peak resident memory after so many images: it must not grow."""
    rows, start = [], time.perf_counter()
    endless = itertools.cycle(paths)
    for done, _ in enumerate(itertools.islice(bulk.stream(detector, endless), 1024), start=1):
        if done in (64, 256, 1024):
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            rate = round(done / (time.perf_counter() - start), 1)
            rows.append({"images": done, "peak MB": peak, "images a second": rate})
    return rows


if __name__ == "__main__":
    main()
