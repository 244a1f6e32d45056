"""Other detectors of unusual rows, all as one call: scores of test rows after normal ones.

PyOD lives in an environment of its own, see `environments`: it is a peer to compare with, not a
dependency.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

PACKAGES = ("pyod==3.6.7", "numba", "llvmlite")


def isolation_forest(train, test, seed):
    """scikit-learn's, with its defaults; shape (N,)."""
    from sklearn.ensemble import IsolationForest

    return -IsolationForest(random_state=seed).fit(train).score_samples(test)


def pca(train, test, components=2):
    """Norm of what the first principal components of standardised rows leave over."""
    mean, scale = train.mean(0), train.std(0)
    scale = np.where(scale > 0, scale, 1)
    axes = np.linalg.svd((train - mean) / scale, full_matrices=False)[2][:components]
    z = (test - mean) / scale
    return np.linalg.norm(z - z @ axes.T @ axes, axis=1)


class Peer(NamedTuple):
    """What a detector of PyOD's made of some jobs."""

    scores: list[np.ndarray]  # of the test rows of each job
    seconds: list[float]  # for each job, to learn and to score
    version: str


def mahalanobis(train, test):
    """Distance from the mean by the covariance of standardised rows, shrunk as Ledoit and Wolf."""
    from sklearn.covariance import LedoitWolf

    mean, scale = train.mean(0), train.std(0)
    scale = np.where(scale > 0, scale, 1)
    return LedoitWolf().fit((train - mean) / scale).mahalanobis((test - mean) / scale)


def neighbours(train, test, k=5):
    """Distance to the k-th nearest training row, standardised."""
    from sklearn.neighbors import NearestNeighbors

    mean, scale = train.mean(0), train.std(0)
    scale = np.where(scale > 0, scale, 1)
    tree = NearestNeighbors(n_neighbors=k).fit((train - mean) / scale)
    return tree.kneighbors((test - mean) / scale)[0][:, -1]


def pyod(jobs, model="AutoEncoder"):
    """Scores by a detector of PyOD's, defaults throughout, in a process of its own.

    Args:
        jobs: Of (train, test, seed) each.
        model: AutoEncoder or PCA.
    """
    from benchmarks.environments import python_with  # not there in PyOD's own environment

    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "jobs.npz", Path(folder) / "scores.npz"
        arrays = {
            f"{kind}{i}": x
            for i, job in enumerate(jobs)
            for kind, x in zip("ab", job[:2], strict=True)
        }
        np.savez(file, seeds=[seed for *_, seed in jobs], **arrays)
        python = python_with("pyod", *PACKAGES, alone=True)
        subprocess.run(
            [python, __file__, model, str(file), str(out)], check=True, stdout=subprocess.DEVNULL
        )
        found = np.load(out)
        scores = [found[f"s{i}"] for i in range(len(jobs))]
        return Peer(scores, found["seconds"].tolist(), str(found["version"]))


def _inside(model, file, out):
    """What runs in PyOD's environment."""
    import warnings

    import pyod
    from pyod.models.auto_encoder import AutoEncoder
    from pyod.models.pca import PCA

    warnings.simplefilter("ignore")
    jobs, scores, seconds = np.load(file), {}, []
    AutoEncoder(verbose=0).fit(np.random.default_rng(0).normal(size=(100, 3)))  # the first is slow
    for i, seed in enumerate(jobs["seeds"].tolist()):
        start = time.perf_counter()
        options = {"verbose": 0} if model == "AutoEncoder" else {}
        detector = {"AutoEncoder": AutoEncoder, "PCA": PCA}[model](random_state=seed, **options)
        detector.fit(jobs[f"a{i}"])
        scores[f"s{i}"] = detector.decision_function(jobs[f"b{i}"])
        seconds.append(time.perf_counter() - start)
    np.savez(out, version=pyod.__version__, seconds=seconds, **scores)


if __name__ == "__main__":
    _inside(*sys.argv[1:])
