"""Fit the network to normal rows, and know when to stop."""

import time
import warnings
from copy import deepcopy
from math import isfinite
from typing import Any

import torch
from torch import Tensor

from workbench.autoencoder.config import AutoEncoderConfig
from workbench.autoencoder.network import AutoEncoder
from workbench.progress import bar as progress_bar

STOPPING = 0.1  # share of the rows that decides when to stop
ATTEMPTS = 3  # seeds to try when the network ignores its input
ADDED = 1 / 3  # shrinking adds about this share at most to the squared error of the training rows
DEAD = 1e-6  # standard deviations: an output that varies less does not follow its input

History = list[dict[str, Any]]


def learn(rows: Tensor, config: AutoEncoderConfig, progress: bool) -> tuple[AutoEncoder, History]:
    """Train on float64 rows of shape (N, D) in raw units, oldest first, N >= 2.

    The same rows and config give the same weights; the global random state is left alone.
    A network that answers all rows alike is trained anew from another seed.

    Returns:
        The network with its best weights, shrunk, and a dict per epoch: the mean squared errors
        before that, in squared standard deviations, of the rows trained on and of those that
        decide when to stop.

    Raises:
        ValueError: The bottleneck is not narrower than the rows, or the training diverged.

    Example:
        >>> rows = torch.arange(40, dtype=torch.float64).reshape(20, 2)
        >>> network, history = learn(rows, AutoEncoderConfig(epochs=2), progress=False)
        >>> len(history), network.bottleneck
        (2, 1)
    """
    for seed in range(config.seed, config.seed + ATTEMPTS):
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would reach the GPU's
            network = _untrained(rows, config)
            history = _train(network, network.standardise(rows), config, progress)
        network.eval()
        _shrink(network, rows, config.shrinkage)
        if not dead(network, rows):
            return network, history
    warnings.warn(
        f"the autoencoder's output does not depend on its input after {ATTEMPTS} attempts, so "
        "rows are scored by their distance from the mean; try wider layers or a lower lr",
        stacklevel=3,
    )
    return network, history


def _untrained(rows: Tensor, config: AutoEncoderConfig) -> AutoEncoder:
    varying = int((rows.amax(0) > rows.amin(0)).sum())
    bottleneck = config.bottleneck or max(1, varying // 4)
    if bottleneck >= max(2, varying):
        raise ValueError(
            f"bottleneck must be narrower than the {varying} columns that vary, got "
            f"{bottleneck}: a network that can copy every row finds none unusual"
        )
    network = AutoEncoder(
        rows.shape[1],
        config.layers,
        bottleneck,
        activation=config.activation,
        dropout=config.dropout,
    )
    network.measure(rows, robust=config.robust, drift=config.drift)
    return network


def _train(network: AutoEncoder, z: Tensor, config: AutoEncoderConfig, progress: bool) -> History:
    stopping, train = _shared_out(z)
    optimiser = torch.optim.Adam(network.parameters(), lr=config.lr, fused=True)
    history, best, weights = [], None, None
    try:
        with progress_bar(
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


def _shrink(network: AutoEncoder, rows: Tensor, most: float) -> None:
    """Shrink by `most`, or by less where that would drown what the network cannot copy."""
    with torch.no_grad():
        z = network.standardise(rows)
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
        loss = _loss(network, z, config.denoising)
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


def _loss(network: AutoEncoder, z: Tensor, noise: float = 0.0) -> Tensor:
    seen = z + noise * torch.randn(z.shape, dtype=z.dtype) if noise else z
    return (network(seen) - z).square().mean()


def dead(network: AutoEncoder, rows: Tensor) -> bool:
    """Whether what the network answers to raw rows (N, D) does not depend on them.

    Then no unit of a layer ever opens for them, and every score is a distance from one point.

    Example:
        >>> network = AutoEncoder(2, (4,), 1)
        >>> _ = torch.nn.init.zeros_(network.decoder[0].weight)
        >>> dead(network, torch.eye(2, dtype=torch.float64))
        True
    """
    with torch.no_grad():
        spread = network(network.standardise(rows)).std(0)
    return bool(network.modelled.any() and spread.max() < DEAD)
