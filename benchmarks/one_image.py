"""What keeping the detector warm is worth, as a ratio taken in one run.

    python benchmarks/one_image.py models/lens photo.png

The simulator that the workbench replaces built its networks anew for every image. Here the
same is done with `load` and `evaluate_one`, in turn with the warm `evaluate_one`.
"""

import statistics
import sys
import time

import workbench as wb

REPEATS = 7


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main(model, photo):
    warm = wb.load(model)
    warm.evaluate_one(photo)
    cold_times, warm_times = [], []
    for _ in range(REPEATS):
        cold_times.append(seconds(lambda: wb.load(model).evaluate_one(photo)))
        warm_times.append(seconds(lambda: warm.evaluate_one(photo)))
    cold_s, warm_s = statistics.median(cold_times), statistics.median(warm_times)
    print(
        f"loaded for each image {cold_s:.3f} s, kept warm {warm_s:.3f} s: {cold_s / warm_s:.1f} x"
    )
    for stage, value in warm.evaluate_one(photo).timing.items():
        print(f"  {stage:9} {1e3 * value:6.1f} ms")


if __name__ == "__main__":
    main(*sys.argv[1:3])
