"""How well `lite` tells NG from OK, with the threshold it sets itself, over splits by part.

    python benchmarks/quality.py data/lens /data/boards /data/tiles=/data/tiles/groups.csv

A folder may name which photos show one part, as `load_images(groups=...)` takes it: then no part
is in two splits. Every split draws anew and trains anew, with defaults: the detector decides on
size, epochs and threshold from its good parts alone; `--good 10` draws ten of them, as if there
were no more. Two yardsticks see the same features and train nothing: a Gaussian per scale (of
PaDiM, but for all places) and the nearest neighbour among cells of good parts (of PatchCore). Each
run is written to benchmarks/results/quality.json when it is done, and the tables of
benchmarks/quality.md are made from all that is there.
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
    parser.add_argument("--good", type=int, default=0, help="photos to train on; all by default")
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
    detector.fit(drawn(parts.train, arguments.good, seed) or parts, progress=False)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    scores, maps = detector.score_and_cells(test)
    rates = wb.metrics.evaluate(scores, test.labels, detector.threshold)
    times = [detector.evaluate_one(path).timing["total"] for path in test.paths[:20]]
    result = {
        "dataset": arguments.name or Path(folder).name, "split": seed,
        "good": arguments.good, "by": "part" if groups else "photo", "size": detector.config.size,
        "epochs": detector.config.epochs,
        "auroc": float(wb.metrics.auroc(scores, test.labels)),
        "aupro": aupro(test, maps), "kinds": by_kind(test, scores, maps),
        "miss_rate": rates.miss_rate, "overkill_rate": rates.overkill_rate,
        "threshold": detector.threshold.to_json(),
        "counts": [*detector.data["counts"].values(), *np.bincount(test.labels).tolist()],
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


def drawn(good, count, seed):
    """So many of the good photos, at random; none for all of them."""
    rng = np.random.default_rng(seed)
    return good[np.sort(rng.choice(len(good), count, replace=False))] if count else None


def keep(result):
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    names = ("dataset", "by", "good", "split")
    kept = [old for old in kept if any(old[n] != result[n] for n in names)] + [result]
    kept.sort(key=lambda r: [r[n] for n in names])
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


def write_table():
    """Mean and standard deviation over the splits of everything measured so far."""
    kept = json.loads(RESULTS.read_text())
    every = [r for r in kept if not r["good"]]
    text = TABLE.read_text().split("<!-- table -->")
    text[1] = table(every, ("dataset", "by"), {
        "set": lambda runs: runs[0]["dataset"],
        "split by": lambda runs: runs[0]["by"],
        "splits": lambda runs: str(len(runs)),
        "train / calibration / OK / NG": counts,
        "pixels": lambda runs: " x ".join(map(str, runs[0]["size"])),
        **RATES,
        "minutes": minutes,
        "ms a photo": lambda runs: f"{min(r['ms'] for r in runs):.0f}",  # other programs only add
        "Gaussian": lambda runs: spread([r["yardsticks"].get("gaussian", np.nan) for r in runs]),
        "nearest": lambda runs: spread([r["yardsticks"].get("nearest", np.nan) for r in runs]),
    })  # fmt: skip
    measured = {r["dataset"] for r in kept if r["good"]}
    few = [r for r in kept if r["by"] == "photo" and r["dataset"] in measured]
    few.sort(key=lambda r: (r["dataset"], r["good"] or sum(r["counts"][:2])))
    text[3] = table(few, ("dataset", "good"), {
        "set": lambda runs: runs[0]["dataset"],
        "good photos": lambda runs: f"{np.mean([sum(r['counts'][:2]) for r in runs]):.0f}",
        "draws": lambda runs: str(len(runs)),
        **RATES,
        "minutes": minutes,
    })  # fmt: skip
    TABLE.write_text("<!-- table -->".join(text))


def table(kept, keys, columns):
    """A line for the runs that are alike in `keys`, a column for each function of them."""
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for key in dict.fromkeys(tuple(r[k] for k in keys) for r in kept):
        runs = [r for r in kept if tuple(r[k] for k in keys) == key]
        lines.append(f"| {' | '.join(cell(runs) for cell in columns.values())} |")
    return "\n".join(["\n", *lines, "\n"])


def rate(name):
    return lambda runs: spread([r[name] for r in runs])


def counts(runs):
    return " / ".join(f"{n:.0f}" for n in np.mean([r["counts"] for r in runs], 0))


def said(runs):
    """What the thresholds said would be thrown away at most."""
    return [r["threshold"]["params"]["most"] for r in runs]


def promise(runs):
    held = sum(r["overkill_rate"] <= most for r, most in zip(runs, said(runs), strict=True))
    return f"{held} of {len(runs)}"


def minutes(runs):
    """Of the faster ones: other programs, and processors without AMX, only ever add."""
    return f"{np.quantile([r['cpu_minutes'] for r in runs], 0.25):.1f}"


def spread(values):
    if np.isnan(values).all():
        return "-"
    known = int(np.isfinite(values).sum())
    return f"{np.nanmean(values):.3f}" + f" ± {np.nanstd(values):.3f}" * (known > 1)


RATES = {
    "AUROC": rate("auroc"),
    "AUPRO": rate("aupro"),
    "missed": rate("miss_rate"),
    "overkill": rate("overkill_rate"),
    "at most": lambda runs: f"{np.mean(said(runs)):.3f}",
    "kept": promise,
}

if __name__ == "__main__":
    main()
