"""Fit a flow to features of good parts."""

import time
import warnings
from collections.abc import Iterator
from copy import deepcopy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from workbench.csflow import CrossScaleFlow, CSFlowConfig, nll
from workbench.progress import bar as progress_bar

if TYPE_CHECKING:
    from tqdm import tqdm

Pyramid = list[Tensor]


def train_flow(
    flow: CrossScaleFlow,
    standardise: nn.Module,
    features: Pyramid,
    held_out: Pyramid,
    config: CSFlowConfig,
    *,
    progress: bool = True,
) -> list[dict[str, float]]:
    """Minimise the negative log-likelihood of the features, in place.

    The learning rate warms up and falls over the whole run (one-cycle, Smith & Topin 2019,
    https://arxiv.org/abs/1708.07120) unless the configuration says "constant". The weights of
    the last epoch stay: choosing an epoch by the held-out images would make the threshold,
    which comes from them, too kind. After Ctrl-C those of the epoch with the least training
    loss stay, with a warning.

    Args:
        flow: The flow to train.
        standardise: Fitted, applied to every batch.
        features: K tensors (N, C, H/2^k, W/2^k) of OK images.
        held_out: The same of OK images that are only watched.
        config: Learning rate, epochs and the rest.
        progress: Show a progress bar.

    Returns:
        One dict an epoch: epoch, train_nll, held_out_nll (nats per dimension), seconds.

    Raises:
        KeyboardInterrupt: Stopped before the first epoch was over: nothing is usable yet.
    """
    run = _Run(flow, standardise, features, config)
    history, best = [], (float("inf"), None)
    bar = progress_bar(total=config.epochs * run.batches, desc="train", progress=progress)
    try:
        for epoch in range(config.epochs):
            start = time.perf_counter()
            train = run.epoch(bar)
            watched = mean_nll(flow, standardise, held_out, config.batch)
            history.append(
                {
                    "epoch": epoch + 1,
                    "train_nll": train,
                    "held_out_nll": watched,
                    "seconds": time.perf_counter() - start,
                }
            )
            bar.set_postfix(epoch=epoch + 1, nll=f"{train:.3f}", held_out=f"{watched:.3f}")
            if train < best[0]:
                best = (train, deepcopy(flow.state_dict()))
    except KeyboardInterrupt:
        if not history:
            raise
        flow.load_state_dict(best[1])
        warnings.warn(
            f"training stopped after {len(history)} of {config.epochs} epochs; "
            "the best weights so far are kept",
            stacklevel=2,
        )
    finally:
        bar.close()
        flow.eval()
    return history


@torch.inference_mode()
def mean_nll(flow: CrossScaleFlow, standardise: nn.Module, features: Pyramid, batch: int) -> float:
    """Mean negative log-likelihood per dimension, in nats; NaN for no images."""
    count = len(features[0])
    total = 0.0
    for rows in torch.arange(count).split(batch):
        total += nll(*flow(standardise(_take(features, rows, flow)))).sum().item()
    return total / count if count else float("nan")


class _Run:
    """Optimiser, schedule and order of one training."""

    def __init__(
        self, flow: CrossScaleFlow, standardise: nn.Module, features: Pyramid, c: CSFlowConfig
    ) -> None:
        self.flow, self.standardise, self.features, self.config = flow, standardise, features, c
        self.batches = -(-len(features[0]) // c.batch)
        self.rng = torch.Generator().manual_seed(c.seed)
        self.optimiser = torch.optim.Adam(
            flow.parameters(), lr=c.lr, eps=c.adam_eps, weight_decay=c.weight_decay, fused=True
        )
        self.schedule = (
            torch.optim.lr_scheduler.OneCycleLR(
                self.optimiser, c.lr, total_steps=c.epochs * self.batches
            )
            if c.schedule == "one-cycle"
            else None
        )

    def epoch(self, bar: "tqdm") -> float:
        """Go once through all images; return their mean loss, weighted by batch size."""
        self.flow.train()
        total = 0.0
        for rows in self._order():
            loss = nll(*self.flow(self.standardise(_take(self.features, rows, self.flow)))).mean()
            self.optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.flow.parameters(), self.config.grad_norm)
            self.optimiser.step()
            if self.schedule:
                self.schedule.step()
            total += loss.item() * len(rows)
            bar.update()
        self.flow.eval()
        return total / len(self.features[0])

    def _order(self) -> Iterator[Tensor]:
        return iter(
            torch.randperm(len(self.features[0]), generator=self.rng).split(self.config.batch)
        )


def _take(features: Pyramid, rows: Tensor, flow: CrossScaleFlow) -> Pyramid:
    device = next(flow.parameters()).device
    return [x[rows].to(device) for x in features]
