"""Unusual rows in tables that nobody tuned: our row model against simple and learned peers.

    python -m benchmarks.tables ../shared/data/tables [--seeds 1] [--no-pyod]

Half of the normal rows of each table, drawn by the seed and at most 2,000, are learned from; the
others and all unusual ones are told apart. Beside the tables there are coupled sensors, the case
that the model exists for: some causes drive more sensors, and one sensor of a broken row is off.
All methods run with their defaults. PyOD installs itself into an environment of its own.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np

import workbench as wb
from benchmarks import peers
from benchmarks.records import leave, spread

MOST = 2000  # rows to learn from
SETTINGS = {  # sensors, causes, noise of the sensors in parts of what the causes do, curved
    "6 sensors, 2 causes": (6, 2, (0.05, 0.05), False),
    "12 sensors, 3 causes": (12, 3, (0.05, 0.05), False),
    "20 sensors, 4 causes": (20, 4, (0.1, 0.1), False),
    "8 sensors, 2 causes, copied to 1 to 30 %": (8, 2, (0.01, 0.3), False),
    "30 sensors, 6 causes": (30, 6, (0.05, 0.05), False),
    "8 sensors, 2 causes, curved": (8, 2, (0.05, 0.05), True),
}
OFF = 2.0  # standard deviations of the sensor by which it is off


def table(path, seed):
    """Normal training rows, test rows, and which of these are unusual."""
    with np.load(path) as file:
        values, odd = file["X"].astype(float), file["y"].astype(bool)
    own = np.random.default_rng(seed).permutation(np.flatnonzero(~odd))
    n = min(MOST, len(own) // 2)
    test = np.concatenate([own[n:], np.flatnonzero(odd)])
    return values[own[:n]], values[test], odd[test]


def coupled(setting, seed, n=MOST):
    """Rows to learn from, as many fresh ones of which the second half is broken, and by whom."""
    sensors, causes, (least, most), curved = setting
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(causes, sensors))
    noise = np.geomspace(least, most, sensors)
    bend = random.normal(size=(causes, sensors)) * curved

    def rows():
        cause = random.normal(size=(n, causes))
        driven = cause @ mixing + np.sin(1.5 * cause) @ bend
        driven /= np.sqrt((mixing**2 + 0.5 * bend**2).sum(0))
        return driven + noise * random.normal(size=driven.shape)

    train, test = rows(), rows()
    at, broken = np.arange(n // 2, n), random.integers(sensors, size=n - n // 2)
    test[at, broken] += OFF * train.std(0)[broken] * random.choice([-1, 1], size=len(at))
    return train, test, np.arange(n) >= n // 2, broken


def ours(train, test, seed):
    """Scores, threshold and seconds of our row model with its defaults, and the model."""
    start = time.perf_counter()
    detector = wb.AutoEncoderDetector(wb.AutoEncoderConfig(seed=seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        detector.fit(train, progress=False)
    scores = detector.score(test)
    return scores, time.perf_counter() - start, detector


def simple(train, test, seed):
    """Scores of the peers that need no environment of their own."""
    return {
        "Mahalanobis (Ledoit-Wolf)": peers.mahalanobis(train, test),
        "5 nearest neighbours": peers.neighbours(train, test),
        "isolation forest": peers.isolation_forest(train, test, seed),
    }


def main():
    """Run everything and leave the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", help="of .npz files with X and y")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--no-pyod", action="store_true")
    parser.add_argument("--name", default="tables", help="of the result files")
    options = parser.parse_args()
    jobs = {}
    for seed in range(options.seeds):
        for name, setting in SETTINGS.items():
            jobs[name, seed] = coupled(setting, seed)
        for path in sorted(Path(options.folder).glob("*.npz")) if options.folder else ():
            jobs[path.stem, seed] = table(path, seed)
    found, seconds, verdicts = {}, {}, []
    warm = coupled(SETTINGS["8 sensors, 2 causes, curved"], 0, 200)  # torch's first use is slow
    ours(*warm[:2], 0)
    for (name, seed), (train, test, odd, *broken) in jobs.items():
        scores, taken, detector = ours(train, test, seed)
        if broken:
            flags, blame = scores >= detector.threshold, detector.blame(test[odd])
            verdicts.append((name, (~flags[odd]).mean(), flags[~odd].mean(),
                             (blame.argmax(1) == broken[0]).mean()))  # fmt: skip
        every = {"row model (ours)": scores} | simple(train, test, seed)
        for method, values in every.items():
            found.setdefault(method, {})[name, seed] = wb.metrics.auroc(values, odd)
        seconds[name, seed] = [taken]
    if not options.no_pyod:
        asked = [(train, test, seed) for (_, seed), (train, test, *_) in jobs.items()]
        for model in ("AutoEncoder", "PCA"):
            peer = peers.pyod(asked, model)
            for key, scores, taken in zip(jobs, peer.scores, peer.seconds, strict=True):
                method = f"{model} of PyOD {peer.version}"
                ranks = np.nan_to_num(scores, posinf=np.finfo(float).max)  # as its PCA gives
                found.setdefault(method, {})[key] = wb.metrics.auroc(ranks, jobs[key][2])
                seconds[key].append(taken)
    _report(options, found, seconds, verdicts)


def _report(options, found, seconds, verdicts):
    names = list(dict.fromkeys(name for name, _ in seconds))
    seeds = range(options.seeds)
    rows = [
        {"table": name}
        | {m: spread([values[name, s] for s in seeds]) for m, values in found.items()}
        | {"seconds (ours, AutoEncoder)": ", ".join(
            f"{np.mean([seconds[name, s][i] for s in seeds]):.2f}"
            for i in range(min(2, len(seconds[name, 0]))))}
        for name in names
    ]  # fmt: skip
    tables = [name for name in names if name not in SETTINGS]
    for title, some in (
        ("mean of all tables", tables),
        ("mean of the tables looked at (1st, 3rd, ...)", tables[::2]),
        ("mean of the others (2nd, 4th, ...)", tables[1::2]),
    ):
        if some:
            means = {
                m: f"{np.mean([v[name, s] for name in some for s in seeds]):.3f}"
                for m, v in found.items()
            }
            rows.append({"table": title} | means | {"seconds (ours, AutoEncoder)": ""})
    notes = [
        f"AUROC, seeds 0 to {options.seeds - 1}. Nothing was chosen by labels of the test rows of "
        "a table: choices between ways to score were made by the likelihood of rows held back "
        "from training, and while they were made only every other table, in the order of names, "
        "was looked at.",
        *(
            f"{name}: {missed:.1%} of the broken rows missed, {overkill:.1%} of fresh normal rows "
            f"called NG at the default threshold; the broken sensor is the most blamed in "
            f"{right:.1%}."
            for name, missed, overkill, right in verdicts
        ),
    ]
    every = {method: {f"{n} {s}": x for (n, s), x in v.items()} for method, v in found.items()}
    leave(options.name, "Unusual rows of tables, and coupled sensors", rows, notes, every=every)


if __name__ == "__main__":
    main()
