"""Fit the network to normal rows, and know when to stop."""

import time
import warnings
from copy import deepcopy
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench import progress as progressing
from workbench.autoencoder.config import AutoEncoderConfig
from workbench.autoencoder.network import AutoEncoder

STOPPING = 0.1  # share of the rows that decides when to stop
ATTEMPTS = 3  # seeds to try when the network ignores its input
ADDED = 1 / 3  # shrinking adds about this share at most to the squared error of the training rows
DEAD = 1e-6  # standard deviations: an output that varies less does not follow its input

# A column that stood still in training has no spread to measure by: a thousandth of its
# value, or of 1 where it stood at 0, then counts as one standard deviation.
STILL = 1e-3

History = list[dict[str, Any]]


class Trained(NamedTuple):
    """A network with all that was measured on the way to it."""

    network: AutoEncoder
    history: History  # a dict an epoch
    dead: bool  # whether the output does not depend on the input
    drift: NDArray[np.float64]  # how far each column moved, raw units, shape (D,)


def learn(rows: NDArray[np.float64], config: AutoEncoderConfig, progress: bool) -> Trained:
    """Train on rows of shape (N, D) in raw units, oldest first, N >= 2.

    The same rows and config give the same weights; the global random state is left alone.
    A network that answers all rows alike is trained again from another seed.

    Returns:
        The network with its best weights, shrunk; `history` holds the mean squared errors before
        that, in squared standard deviations, of the rows trained on and of those that decide
        when to stop.

    Raises:
        ValueError: The bottleneck is not narrower than the rows, or the training diverged.

    Example:
        >>> rows = np.arange(40.0).reshape(20, 2)
        >>> trained = learn(rows, AutoEncoderConfig(epochs=2), progress=False)
        >>> len(trained.history), trained.network.bottleneck, trained.drift.tolist()
        (2, 1, [40.0, 40.0])
    """
    drift = drifted(rows)
    for seed in range(config.seed, config.seed + ATTEMPTS):
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would reach the GPU's
            network = _untrained(rows, config)
            measure(network, rows, drift if config.drift else 0.0)
            z = torch.from_numpy((rows - network.mean.numpy()) / network.scale.numpy())
            history = _train(network, z, config, progress)
        network.eval()
        _shrink(network, z, config.shrinkage)
        if not dead(network, z):
            return Trained(network, history, False, drift)
    warnings.warn(
        f"the autoencoder's output does not depend on its input after {ATTEMPTS} attempts, so "
        "rows are scored by their distance from the mean; try wider layers or a lower lr",
        stacklevel=3,
    )
    return Trained(network, history, True, drift)


def measure(
    network: AutoEncoder, rows: NDArray[np.float64], drift: NDArray[np.float64] | float = 0.0
) -> None:
    """Set mean and scale by training rows of shape (N, D), oldest first, in raw units.

    Args:
        network: Its `mean`, `scale` and `modelled` are set.
        rows: Columns that stand still get a unit by their value and are not modelled.
        drift: By which the scale is widened, see `drifted`.
    """
    still = rows.max(0) == rows.min(0)
    mean = np.where(still, rows[0], rows.mean(0))  # exact: a mean may be off by rounding
    unit = np.where(mean == 0, 1.0, np.abs(mean)) * STILL
    network.mean.copy_(torch.from_numpy(mean))
    scale = np.where(still, unit, np.hypot(rows.std(0), drift))
    network.scale.copy_(torch.from_numpy(scale))
    # one column alone can only be copied, which would make every value look normal
    network.modelled.copy_(torch.from_numpy(~still & ((~still).sum() > 1)))


def drifted(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each column of (N, D) moved from the first row to the last, shape (D,).

    Twice the distance between the means of both halves, which is the whole way of a steady
    drift; 0 within three times what chance gives. Temperatures creep on after training, and a
    scale that knows only the training rows would take that for a fault.

    Example:
        >>> drifted(np.arange(1000.0)[:, None]).tolist()
        [1000.0]
    """
    if len(rows) < 2:
        return np.zeros(rows.shape[1])
    first, second = np.array_split(rows, 2)
    by_chance = 2 * rows.std(0) / len(rows) ** 0.5
    moved = np.abs(first.mean(0) - second.mean(0))
    return np.where(moved > 3 * by_chance, 2 * moved, 0.0)


def _untrained(rows: NDArray[np.float64], config: AutoEncoderConfig) -> AutoEncoder:
    varying = int((rows.max(0) > rows.min(0)).sum())
    bottleneck = config.bottleneck or max(1, varying // 4)
    if bottleneck >= max(2, varying):
        raise ValueError(
            f"bottleneck must be narrower than the {varying} columns that vary, got "
            f"{bottleneck}: a network that can copy every row finds none unusual"
        )
    return AutoEncoder(rows.shape[1], config.layers, bottleneck, activation=config.activation)


def _train(network: AutoEncoder, z: Tensor, config: AutoEncoderConfig, progress: bool) -> History:
    stopping, train = _shared_out(z)
    optimiser = torch.optim.Adam(network.parameters(), lr=config.lr, fused=True)
    history, best, weights = [], None, None
    try:
        with progressing.bar(
            total=config.epochs, desc="train", unit="epoch", progress=progress
        ) as bar:
            while not _finished(history, best, config):
                losses = _epoch(network, optimiser, train, stopping, config)
                history.append({"epoch": len(history) + 1, **losses})
                if best is None or history[-1]["stopping_loss"] < best["stopping_loss"]:
                    best, weights = history[-1], deepcopy(network.state_dict())
                bar.set_postfix(loss=f"{best['stopping_loss']:.3g}", refresh=False)
                bar.update()
    except KeyboardInterrupt:
        if best is None:
            raise
        warnings.warn(
            f"training was interrupted: the best weights of {len(history)} epochs are used, "
            "and the threshold is theirs",
            stacklevel=4,
        )
    network.load_state_dict(weights)
    return history


def _shrink(network: AutoEncoder, z: Tensor, most: float) -> None:
    """Shrink by `most`, or by less where that would drown what the network cannot copy."""
    with torch.no_grad():
        copy = network(z)
        left, copied = (z - copy).square().sum(), copy.square().sum()
    network.shrink(min(most, float((ADDED * left / copied).sqrt())) if copied > 0 else 0.0)


def _shared_out(z: Tensor) -> tuple[Tensor, Tensor]:
    order = torch.randperm(len(z))
    return z[order].tensor_split([max(1, round(STOPPING * len(z)))])


def _finished(history: History, best: dict[str, Any] | None, config: AutoEncoderConfig) -> bool:
    if best is None:
        return False
    if not isfinite(history[-1]["train_loss"]):
        raise ValueError(f"training diverged with lr {config.lr}; choose a lower one")
    return len(history) in (config.epochs, best["epoch"] + config.patience)


def _epoch(
    network: AutoEncoder,
    optimiser: torch.optim.Optimizer,
    train: Tensor,
    stopping: Tensor,
    config: AutoEncoderConfig,
) -> dict[str, Any]:
    start, losses = time.perf_counter(), []
    network.train()
    for z in train[torch.randperm(len(train))].split(config.batch):
        loss = _loss(network, z)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.detach() * len(z))
    network.eval()
    with torch.no_grad():
        stopping_loss = _loss(network, stopping)
    return {
        "train_loss": float(sum(losses) / len(train)),
        "stopping_loss": float(stopping_loss),
        "seconds": time.perf_counter() - start,
    }


def _loss(network: AutoEncoder, z: Tensor) -> Tensor:
    return (network(z) - z).square().mean()


def dead(network: AutoEncoder, z: Tensor) -> bool:
    """Whether what the network answers to standardised rows (N, D) does not depend on them.

    Then no unit of a layer ever opens for them, and every score is a distance from one point.

    Example:
        >>> network = AutoEncoder(2, (4,), 1)
        >>> _ = torch.nn.init.zeros_(network.decoder[0].weight)
        >>> dead(network, torch.eye(2))
        True
    """
    with torch.no_grad():
        spread = network(z).std(0)
    return bool(network.modelled.any() and spread.max() < DEAD)
