"""Row problems that come with scikit-learn, one class normal: our row model against PyOD's.

    python -m benchmarks.row_sets [--seeds 5] [--no-pyod]

Half of the normal rows, drawn by the seed, are learned from; the other half and all the other
rows are told apart. Both networks run with their defaults.
"""

import argparse

import numpy as np
from sklearn import datasets

import workbench as wb
from benchmarks import peers
from benchmarks.records import leave, spread

SETS = {  # the class that is normal
    "breast-cancer": (datasets.load_breast_cancer, 1),
    "wine": (datasets.load_wine, 1),
    "digits": (datasets.load_digits, 0),
}


def problem(name, seed):
    """Normal training rows, test rows, and which of these are not normal."""
    load, normal = SETS[name]
    values, kinds = load(return_X_y=True)
    own = np.random.default_rng(seed).permutation(np.flatnonzero(kinds == normal))
    train, rest = own[: len(own) // 2], own[len(own) // 2 :]
    test = np.concatenate([rest, np.flatnonzero(kinds != normal)])
    return values[train], values[test], kinds[test] != normal


def ours(train, test, **changes):
    """Scores of our row model with its defaults but for `changes`; shape (N,)."""
    detector = wb.AutoEncoderDetector(wb.AutoEncoderConfig(**changes))
    return detector.fit(train, progress=False).score(test)


def main():
    """Run everything and leave the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--no-pyod", action="store_true")
    options = parser.parse_args()
    seeds = range(options.seeds)
    jobs = {(name, seed): problem(name, seed) for name in SETS for seed in seeds}
    found = {
        "row model (the default)": {},
        "row model, score=reconstruction": {},
        "isolation forest": {},
        "PCA reconstruction": {},
        "distance from the mean": {},
    }
    for key, (train, test, labels) in jobs.items():
        scores = (
            ours(train, test, seed=key[1]),
            ours(train, test, seed=key[1], score="reconstruction"),
            peers.isolation_forest(train, test, key[1]),
            peers.pca(train, test, max(1, train.shape[1] // 4)),
            peers.pca(train, test, 0),
        )
        for method, values in zip(found, scores, strict=True):
            found[method][key] = wb.metrics.auroc(values, labels)
    if not options.no_pyod:
        scores, _, version = peers.pyod([(a, b, seed) for (_, seed), (a, b, _) in jobs.items()])
        found[f"AutoEncoder of PyOD {version}"] = {
            key: wb.metrics.auroc(values, jobs[key][2])
            for key, values in zip(jobs, scores, strict=True)
        }
    rows = [
        {"method": method}
        | {name: spread([values[name, seed] for seed in seeds]) for name in SETS}
        for method, values in found.items()
    ]
    notes = [
        f"AUROC, seeds 0 to {options.seeds - 1}, mean ± standard deviation over seeds.",
        "On these sets the distance from the mean, without any network, is as good as the best: "
        "what is unusual lies along the very directions that a bottleneck learns to copy. So a "
        "score must look at the code too; the length of the copying error alone does not. Our "
        "model holds 15 % of the rows out for its threshold, the others learn from all.",
    ]
    leave("row_sets", "Row problems of scikit-learn, one class normal", rows, notes)


if __name__ == "__main__":
    main()
