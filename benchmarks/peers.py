"""Other detectors of unusual rows, all as one call: scores of test rows after normal ones.

PyOD lives in an environment of its own, see `environments`: it is a peer to compare with, not a
dependency.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

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


def pyod(jobs):
    """Scores by PyOD's AutoEncoder, defaults throughout, in a process of its own.

    Args:
        jobs: Of (train, test, seed) each.

    Returns:
        Scores of the test rows of each job, and PyOD's version.
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
        command = [python_with("pyod", *PACKAGES, alone=True), __file__, str(file), str(out)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        scores = np.load(out)
        return [scores[f"s{i}"] for i in range(len(jobs))], str(scores["version"])


def _inside(file, out):
    """What runs in PyOD's environment."""
    import warnings

    import pyod
    from pyod.models.auto_encoder import AutoEncoder

    warnings.simplefilter("ignore")
    jobs, scores = np.load(file), {}
    for i, seed in enumerate(jobs["seeds"].tolist()):
        model = AutoEncoder(random_state=seed, verbose=0)
        model.fit(jobs[f"a{i}"])
        scores[f"s{i}"] = model.decision_function(jobs[f"b{i}"])
    np.savez(out, version=pyod.__version__, **scores)


if __name__ == "__main__":
    _inside(*sys.argv[1:])
