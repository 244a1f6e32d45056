"""How well `lite` tells NG from OK, with the threshold it sets itself, over splits by part.

    python benchmarks/quality.py data/lens /data/boards /data/tiles=/data/tiles/groups.csv

A folder may name which photos show one part, as `load_images(groups=...)` takes it: then no part
is in two splits. Every split draws anew and trains anew, with defaults: the detector decides on
size, epochs and threshold from its good parts alone. Two yardsticks see the same features and
train nothing: a Gaussian per scale (of PaDiM, but for all places) and the nearest neighbour among
cells of good parts (of PatchCore). Each run is written to benchmarks/results/quality.json when it
is done, and the table of benchmarks/quality.md is made from all that is there.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

import workbench as wb
from workbench.csflow.feature_cache import extract
from workbench.csflow.heatmap import enlarge
from workbench.csflow.scores import at_finest

HERE = Path(__file__).parent
RESULTS, TABLE = HERE / "results" / "quality.json", HERE / "quality.md"
BANK = 4000  # cells of good parts a scale, for the nearest neighbour
SIDE = 128  # pixels that maps and masks are compared at


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", help="FOLDER or FOLDER=GROUPS")
    parser.add_argument("--splits", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--name", help="of the row; by default the folder's")
    parser.add_argument("--test", type=Path, help="file with names of the test photos to take")
    parser.add_argument("--no-yardsticks", action="store_true")
    arguments = parser.parse_args()
    for folder in arguments.folders:
        folder, _, groups = folder.partition("=")
        for seed in arguments.splits:
            keep(measure(folder, groups or None, seed, arguments))
    write_table()


def measure(folder, groups, seed, arguments):
    """Train and test on one split; what came out."""
    parts = wb.load_images(folder, seed=seed, groups=groups)  # leaves empty masks out
    test = parts.test
    if arguments.test:
        wanted = set(arguments.test.read_text().split())
        test = test[[name in wanted for name in test.names]]
    detector = wb.CSFlowDetector(wb.CSFlowConfig.preset("lite", seed=seed))
    wall, cpu = time.perf_counter(), time.process_time()
    detector.fit(parts, progress=False)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    scores, maps = detector.score_and_cells(test)
    rates = wb.metrics.evaluate(scores, test.labels, detector.threshold)
    times = [detector.evaluate_one(path).timing["total"] for path in test.paths[:20]]
    result = {
        "dataset": arguments.name or Path(folder).name, "split": seed,
        "by": "part" if groups else "photo", "size": detector.config.size,
        "epochs": detector.config.epochs,
        "auroc": float(wb.metrics.auroc(scores, test.labels)),
        "aupro": aupro(test, maps), "kinds": by_kind(test, scores, maps),
        "miss_rate": rates.miss_rate, "overkill_rate": rates.overkill_rate,
        "threshold": detector.threshold.to_json(),
        "counts": [len(parts.train), len(parts.calibration), *np.bincount(test.labels).tolist()],
        "minutes": wall / 60, "cpu_minutes": cpu / 60, "ms": 1000 * float(np.median(times)),
        "yardsticks": {} if arguments.no_yardsticks else yardsticks(detector, parts, test),
    }  # fmt: skip
    shown = ("dataset", "split", "auroc", "aupro", "miss_rate", "overkill_rate", "cpu_minutes")
    print({key: result[key] for key in shown}, result["yardsticks"], flush=True)
    return result


def yardsticks(detector, parts, test):
    """AUROC of two scores that need no training: hottest hundredth of all scales' cells."""
    network, config = detector.build_network(), detector.config
    _, good = extract(parts.train, network, config, "", False, True)
    _, calm = extract(parts.calibration, network, config, "", False, True)
    _, seen = extract(test, network, config, "", False, True)
    found = {"gaussian": [], "nearest": []}
    rng = np.random.default_rng(0)
    for x, rest, y in zip(good, calm, seen, strict=True):
        cells = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
        chosen = rng.choice(len(cells), min(len(cells), 20_000), replace=False)
        sample = cells[torch.from_numpy(chosen)].float()
        mean, cov = sample.mean(0), torch.cov(sample.T)
        factor = torch.linalg.cholesky(cov + 0.01 * cov.diagonal().mean() * torch.eye(len(cov)))
        bank = sample[:BANK]
        for name, distance in (
            ("gaussian", lambda c: mahalanobis(c, mean, factor)),  # noqa: B023
            ("nearest", lambda c: torch.cdist(c, bank).amin(1)),  # noqa: B023
        ):
            calibration, tested = energies(rest, distance), energies(y, distance)
            found[name].append((tested - calibration.mean()) / calibration.std())
    return {
        name: float(wb.metrics.auroc(hottest(maps), test.labels)) for name, maps in found.items()
    }


def mahalanobis(cells, mean, factor):
    return torch.linalg.solve_triangular(factor, (cells - mean).T, upper=False).square().sum(0)


def energies(x, distance):
    """A map (N, h, w) of distances."""
    maps = [distance(one.float().flatten(1).T).view(one.shape[1:]) for one in x]
    return torch.stack(maps).numpy()


def hottest(maps, share=0.01):
    joined = np.mean(at_finest(maps), axis=0).reshape(len(maps[0]), -1)
    count = max(1, round(share * joined.shape[1]))
    return np.partition(joined, -count)[:, -count:].mean(1)


def aupro(test, maps):
    """Over the photos whose ground truth is known, each at 128 pixels a side."""
    masks = [test.mask(i) for i in range(len(test))]
    known = [i for i, mask in enumerate(masks) if mask is not None]
    if not any(masks[i].any() for i in known):
        return float("nan")
    small = [enlarge(masks[i].astype(np.float32), SIDE, SIDE) > 0.5 for i in known]
    return float(wb.metrics.aupro([enlarge(maps[i], SIDE, SIDE) for i in known], small))


def by_kind(test, scores, maps):
    """AUROC and AUPRO of each kind of defect against all good parts."""
    found = {}
    kinds = np.array(test.kinds)
    for kind in sorted(set(kinds[test.labels])):
        chosen = ~test.labels | (kinds == kind)
        some = test[chosen]
        found[kind] = [
            float(wb.metrics.auroc(scores[chosen], some.labels)), aupro(some, maps[chosen]),
        ]  # fmt: skip
    return found


def keep(result):
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    names = ("dataset", "split", "by")
    kept = [old for old in kept if any(old[n] != result[n] for n in names)] + [result]
    kept.sort(key=lambda r: (r["dataset"], r["by"], r["split"]))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


def write_table():
    """Mean and standard deviation over the splits of everything measured so far."""
    kept = json.loads(RESULTS.read_text())
    columns = ("set", "split by", "splits", "train / calibration / OK / NG", "pixels", "AUROC",
               "AUPRO", "missed", "overkill", "at most", "kept", "minutes", "ms a photo",
               "Gaussian", "nearest")  # fmt: skip
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for key in dict.fromkeys((r["dataset"], r["by"]) for r in kept):
        runs = [r for r in kept if (r["dataset"], r["by"]) == key]
        counts = " / ".join(f"{n:.0f}" for n in np.mean([r["counts"] for r in runs], 0))
        promise = sum(r["overkill_rate"] <= r["threshold"]["params"]["most"] for r in runs)
        cells = [
            *key, str(len(runs)), counts, " x ".join(map(str, runs[0]["size"])),
            *(spread([r[name] for r in runs])
              for name in ("auroc", "aupro", "miss_rate", "overkill_rate")),
            f"{np.mean([r['threshold']['params']['most'] for r in runs]):.3f}",
            f"{promise} of {len(runs)}",
            f"{np.median([r['cpu_minutes'] for r in runs]):.1f}",
            f"{min(r['ms'] for r in runs):.0f}",  # other programs only ever add
            *(spread([r["yardsticks"].get(name, np.nan) for r in runs])
              for name in ("gaussian", "nearest")),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    text = TABLE.read_text().split("<!-- table -->")
    text[1] = "\n".join(["\n", *lines, "\n"])
    TABLE.write_text("<!-- table -->".join(text))


def spread(values):
    if np.isnan(values).all():
        return "-"
    known = int(np.isfinite(values).sum())
    return f"{np.nanmean(values):.3f}" + f" ± {np.nanstd(values):.3f}" * (known > 1)


if __name__ == "__main__":
    main()
