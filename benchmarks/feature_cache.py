"""What extracting features once is worth, as a ratio taken in one run.

    python benchmarks/feature_cache.py data/lens

Measures, on the training photos of a folder, the extraction of all features and one epoch of
the flow on extracted features. Extracting in every epoch would cost their sum each time.
"""

import sys
import time

import workbench as wb


def main(folder):
    parts = wb.load_images(folder)
    detector = wb.CSFlowDetector(wb.CSFlowConfig.preset("lite", epochs=3))
    start = time.perf_counter()
    detector.fit(parts, progress=False)
    total = time.perf_counter() - start
    training = sum(row["seconds"] for row in detector.history)
    extraction, epoch = total - training, training / len(detector.history)
    epochs = wb.CSFlowConfig.preset("lite").epochs
    once, each = extraction + epochs * epoch, epochs * (extraction + epoch)
    print(f"extraction {extraction:.1f} s, one epoch {epoch:.1f} s ({len(parts.train)} photos)")
    print(f"{epochs} epochs: once {once:.0f} s, in every epoch {each:.0f} s: {each / once:.1f} x")


if __name__ == "__main__":
    main(sys.argv[1])
