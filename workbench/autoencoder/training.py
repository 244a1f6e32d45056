"""Fit the network to normal rows: choose its size, train it, and measure what it leaves."""

import time
import warnings
from collections.abc import Callable
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench import progress as progressing
from workbench.autoencoder import density, size
from workbench.autoencoder.config import AutoEncoderConfig
from workbench.autoencoder.network import AutoEncoder
from workbench.autoencoder.weights import Weights
from workbench.autoencoder.windows import NO_BREAKS, Windows

STOPPING = 0.1  # share of the rows that decides when to stop
DEAD = 1e-6  # standard deviations: an output that varies less does not follow its input
# A column that stood still in training has no spread to measure by: a thousandth of its
# value, or of 1 where it stood at 0, then counts as one standard deviation.
STILL = 1e-3

Array = NDArray[np.float64]
History = list[dict[str, Any]]


class Trained(NamedTuple):
    """A network with all that was measured on the way to it."""

    weights: Weights  # of the network, its scaler and the density of what it leaves
    history: History  # a dict an epoch; empty where no network gained anything
    drift: Array  # how far each column moved, raw units, shape (D,)
    size: dict[str, Any]  # what was chosen, the reason and the path of sizes


def learn(
    rows: Array,
    config: AutoEncoderConfig,
    progress: bool,
    breaks: NDArray[np.int64] = NO_BREAKS,
    chosen: dict[str, Any] | None = None,
) -> Trained:
    """Train on rows of shape (N, D) in raw units, oldest first, N >= 2, paused before `breaks`.

    The same rows and config give the same weights; the global random state is left alone. Of a
    size chosen before, see `Trained.size`, the network is only solved for.

    Raises:
        ValueError: The bottleneck is not narrower than the rows, the activation is not tanh, or
            the training diverged.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(50, 1)) * [1.0, 2.0, 3.0]
        >>> trained = learn(rows, AutoEncoderConfig(), progress=False)
        >>> trained.size["bottleneck"], trained.size["layers"]
        (1, [])
    """
    if config.activation != "tanh":
        raise ValueError(f"networks are trained with tanh, got activation {config.activation!r}")
    drift, copying = density.drifted(rows), config.score == "reconstruction"
    mean, scale, varies = units(rows, drift if config.drift and copying else 0.0)
    given, sensors = config.bottleneck, int(varies.sum())
    if given is not None and given >= max(2, sensors):
        raise ValueError(
            f"bottleneck must be narrower than the {sensors} columns that vary, got {given}: a "
            "network that can copy every row finds none unusual"
        )
    z = ((rows - mean) / scale)[:, varies]
    if chosen is None:
        of = _size(z, config)
        rest, history = _rest(z, of, config, progress)
    else:
        of = size.Size(**chosen)
        if not of.layers and not copying:
            of = of._replace(bottleneck=0)  # the components would not be used
        rest, history = _solved(z, of, config.seed), []
    weights = _weights(rest, varies) | {"mean": mean, "scale": scale, "modelled": varies}
    if not copying:
        windows = Windows(config.window if config.pooling == "means" else 1, 1, breaks)
        weights |= _spread_out(_density(z, rest, of, config.drift, windows), varies)
    about = {**of._asdict(), "layers": list(of.layers)}
    return Trained(weights, history, drift, about)


def units(rows: Array, drift: Array | float = 0.0) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Mean, scale and whether it varies of each column of raw rows (N, D), shapes (D,).

    Columns that stand still get a unit by their value; drift widens the scale.
    """
    still = rows.max(0) == rows.min(0)
    mean = np.where(still, rows[0], rows.mean(0))  # exact: a mean may be off by rounding
    unit = np.where(mean == 0, 1.0, np.abs(mean)) * STILL
    return mean, np.where(still, unit, np.hypot(rows.std(0), drift)), ~still


def _size(z: Array, config: AutoEncoderConfig) -> size.Size:
    if z.shape[1] == 0:
        return size.Size(1, (), "no column varies: no network", 1.0, 0.0, [])
    return size.choose(z, config.layers, config.seed, config.bottleneck)


def _rest(
    z: Array, chosen: size.Size, config: AutoEncoderConfig, progress: bool
) -> tuple[size.Rest, History]:
    """The network of the chosen size: solved for, then trained further where that gains."""
    if not chosen.layers:
        return _solved(z, chosen, config.seed), []
    end = len(z) - max(1, round(STOPPING * len(z)))  # later rows, which are no near-copies
    start = _solved(z[:end], chosen, config.seed)
    trained, history = _trained(start, z, end, config, progress)
    return trained or _solved(z, chosen, config.seed), history


def _solved(z: Array, chosen: size.Size, seed: int) -> size.Rest:
    if chosen.layers:
        return size.solve(z, chosen.bottleneck, tuple(chosen.layers), seed)
    axes = np.zeros((z.shape[1], 1))
    if chosen.bottleneck and z.size:
        axes = size.components(z)[1][:, : chosen.bottleneck]
    nothing = np.zeros((axes.shape[1], z.shape[1])), np.zeros(z.shape[1])
    return size.Rest(axes, [], nothing, 1.0)


def _weights(rest: size.Rest, varies: NDArray[np.bool_]) -> Weights:
    """The arrays of a network that is given all columns, also those that stand still."""
    code, columns = np.zeros((rest.axes.shape[1], varies.size)), varies.size
    code[:, varies] = rest.axes.T
    weights: Weights = {"encoder.0.weight": code, "encoder.0.bias": np.zeros(len(code)),
                        "linear_path": np.array(True)}  # fmt: skip
    last, bias = np.zeros((columns, len(rest.output[0]))), np.zeros(columns)
    last[varies], bias[varies] = rest.output[0].T, rest.output[1]
    for i, (weight, shift) in enumerate([*rest.hidden, (last.T, bias)]):
        weights |= {f"decoder.{2 * i}.weight": weight.T.copy(), f"decoder.{2 * i}.bias": shift}
    return weights


def _density(
    z: Array, rest: size.Rest, chosen: size.Size, drift: bool, windows: Windows
) -> density.Density:
    if not z.shape[1]:
        return density.Density(np.zeros(0), np.zeros((0, 0)), np.zeros((1, 0)))
    left = rest.left(z)
    middle = left.mean(0)
    # what is left of rows that were learned from is too little by `overfit`
    code = (left - middle) @ rest.axes @ rest.axes.T
    fresh = code + np.sqrt(rest.overfit) * (left - middle - code)
    whole = windows.filled(len(z)) == 1
    loose = chosen.loose
    if windows.window > 1 and whole.sum() >= size.LEAST:  # few of which are independent
        left, fresh = windows.mean(left)[whole], windows.mean(fresh)[whole]
        loose = density.USUAL
    return density.of(left, fresh, chosen.width, loose, drift=drift)


def _spread_out(found: density.Density, varies: NDArray[np.bool_]) -> Weights:
    """A density of the columns that vary as one of all; others are measured in their units."""
    at = np.flatnonzero(varies)
    matrix, middle = np.eye(varies.size), np.zeros(varies.size)
    matrix[np.ix_(at, at)], middle[at] = found.matrix, found.middle
    centres = np.zeros((len(found.centres), varies.size), found.centres.dtype)
    centres[:, at] = found.centres
    return {"density.middle": middle, "density.matrix": matrix, "density.centres": centres}


def _trained(
    rest: size.Rest, z: Array, end: int, config: AutoEncoderConfig, progress: bool
) -> tuple[size.Rest | None, History]:
    """Train the decoder on the rows before `end`; None if the others gain nothing."""
    left, off = rest.left(z), np.eye(z.shape[1]) - rest.axes @ rest.axes.T
    # each direction of the rest counts in units of what is left of it
    matrix = torch.from_numpy(off @ density.Spread(left).whitening(density.USUAL)[0])
    code, rows = torch.from_numpy(z @ rest.axes), torch.from_numpy(z)
    start = [*rest.hidden, rest.output]
    layers = [(torch.from_numpy(w.copy()), torch.from_numpy(b.copy())) for w, b in start]
    parameters = [x.requires_grad_() for pair in layers for x in pair]

    def loss(at: Tensor) -> Tensor:
        made = code[at]
        for weight, bias in layers[:-1]:
            made = torch.tanh(made @ weight + bias)
        weight, bias = layers[-1]
        return ((rows[at] - made @ weight - bias) @ matrix).square().sum(1).mean()

    train, stopping = torch.arange(len(z)).tensor_split([end])
    history, best = _descend(loss, parameters, train, stopping, config, progress)
    if best is None:
        return None, history
    found = [x.numpy() for x in best]
    *hidden, (weight, bias) = zip(found[::2], found[1::2], strict=True)
    last = min(history, key=lambda epoch: epoch["stopping_loss"])
    overfit = max(rest.overfit, last["stopping_loss"] / last["train_loss"])
    return size.Rest(rest.axes, hidden, (weight @ off, bias @ off), overfit), history


def _descend(
    loss: Callable[[Tensor], Tensor],
    parameters: list[Tensor],
    train: Tensor,
    stopping: Tensor,
    config: AutoEncoderConfig,
    progress: bool,
) -> tuple[History, list[Tensor] | None]:
    """Train by Adam; the losses of each epoch, and the best parameters if any epoch gained."""
    optimiser = torch.optim.Adam(parameters, lr=config.lr, fused=True)
    shuffling = torch.Generator().manual_seed(config.seed)
    with torch.no_grad():
        least = float(loss(stopping))
    history: History = []
    best, since = None, 0
    try:
        with progressing.bar(
            total=config.epochs, desc="train", unit="epoch", progress=progress
        ) as bar:
            while len(history) < config.epochs and since < config.patience:
                start, total = time.perf_counter(), 0.0
                for at in train[torch.randperm(len(train), generator=shuffling)].split(
                    config.batch
                ):
                    optimiser.zero_grad()
                    value = loss(at)
                    value.backward()
                    optimiser.step()
                    total += float(value.detach()) * len(at)
                with torch.no_grad():
                    other = float(loss(stopping))
                if not isfinite(other):
                    raise ValueError(f"training diverged with lr {config.lr}; choose a lower one")
                history.append({"epoch": len(history) + 1, "train_loss": total / len(train),
                                "stopping_loss": other,
                                "seconds": time.perf_counter() - start})  # fmt: skip
                since += 1
                if other < least:
                    least, since = other, 0
                    best = [x.detach().clone() for x in parameters]
                bar.set_postfix(loss=f"{least:.3g}", refresh=False)
                bar.update()
    except KeyboardInterrupt:
        if not history:
            raise
        warnings.warn(
            f"training was interrupted: the best weights of {len(history)} epochs are used, "
            "and the threshold is theirs",
            stacklevel=5,
        )
    return history, best


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
