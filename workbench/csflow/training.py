"""Fit a flow to features of good parts."""

import hashlib
import time
import warnings
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from workbench import settings
from workbench.errors import DataError
from workbench.progress import bar as progress_bar

from .alone import ALONE, Alone
from .config import CSFlowConfig
from .flow import CrossScaleFlow, Pyramid, nll
from .limits import PRECISIONS
from .resume import Checkpoint

if TYPE_CHECKING:
    from tqdm import tqdm


@dataclass(frozen=True)
class Trained:
    """How a training went."""

    history: list[dict[str, float]]  # epoch, seconds, train_nll, calibration_nll: nats a dimension
    epoch: int  # whose weights were kept, from 1
    interrupted: bool  # whether Ctrl-C ended it
    arithmetic: str  # device and precision of its convolutions, as "cpu, bfloat16"


def train_flow(
    flow: CrossScaleFlow,
    standardise: nn.Module,
    features: Pyramid,
    calibration: Pyramid,
    config: CSFlowConfig,
    *,
    copies: Sequence[Tensor] = (),
    title: str = "train",
    progress: bool = True,
    checkpoint: Checkpoint | None = None,
    ranks: Alone = ALONE,
) -> Trained:
    """Minimise the negative log-likelihood of the features, in place.

    The learning rate warms up and falls over the whole run (one-cycle, Smith & Topin 2019,
    https://arxiv.org/abs/1708.07120) unless the configuration says "constant".

    With a patience, training stops when the calibration images have not become more likely for
    that many epochs, and the weights of the epoch where they were most likely are kept; without
    one, those of the last. After Ctrl-C those of the most likely epoch are kept in either case,
    with a warning. A one-cycle schedule gains most in its last, slow epochs, and the calibration
    likelihood jumps while the rate is high: a patience of 10 ends what really stopped learning.

    Args:
        flow: The flow to train.
        standardise: Fitted, applied to every batch.
        features: K tensors (N, C, H/2^k, W/2^k) of OK images.
        calibration: The same of OK images that are only watched.
        config: Learning rate, epochs and the rest.
        copies: Features of altered copies, as many of each image in turn; now and then one of
            them is taken for it.
        title: What the progress bar says.
        progress: Show one.
        checkpoint: Where to go on from, and to write to between epochs; of the first rank.
        ranks: Those that train it together.

    Raises:
        KeyboardInterrupt: Stopped before the first epoch was over: nothing is usable yet.
        ValueError: The likelihood is no longer a number, or `$WORKBENCH_PRECISION` is none.
        ArtifactError: The checkpoint is damaged, or is of another training.
        DataError: The ranks read different images, or a batch has not one for each.
    """
    checkpoint = None if ranks.rank else checkpoint
    counts = [len(features[0]), len(calibration[0])]
    if counts != ranks.first(counts) or ranks.size > config.batch:
        raise DataError(
            f"all ranks need the same images and one of each batch of {config.batch}, got "
            f"{counts[0]} images and {ranks.size} ranks"
        )
    run = _Run(flow, standardise, features, config, copies, ranks)
    identity = _identity(config, [*features, *copies, *calibration]) if checkpoint else {}
    if state := ranks.first(checkpoint.read(identity) if checkpoint else None):
        run.load(state)
    interrupted = False
    bar = progress_bar(
        total=config.epochs * run.batches,
        initial=len(run.history) * run.batches,
        desc=title,
        progress=progress,
    )
    try:
        while not ranks.first(run.finished()):
            run.epoch(calibration, bar)
            if checkpoint and (run.finished() or checkpoint.due()):
                checkpoint.write(identity, run.state())
    except KeyboardInterrupt:
        if not run.history:
            raise
        interrupted = True
        warnings.warn(
            f"training stopped after {len(run.history)} of {config.epochs} epochs; "
            "the best weights so far are kept",
            stacklevel=2,
        )
    finally:
        bar.close()
        flow.eval()
    epoch = run.keep_best() if interrupted or config.patience else len(run.history)
    arithmetic = f"{run.device.type}, {run.precision}"
    return Trained(run.history, epoch, interrupted, arithmetic)


class _Run:
    """Optimiser, schedule, order and results of one training; all that a checkpoint holds."""

    def __init__(
        self, flow: CrossScaleFlow, standardise: nn.Module, features: Pyramid, c: CSFlowConfig,
        copies: Sequence[Tensor] = (), ranks: Alone = ALONE,
    ) -> None:  # fmt: skip
        self.flow, self.standardise, self.features, self.config = flow, standardise, features, c
        self.copies, self.ranks, self.parallel = copies, ranks, ranks.parallel(flow)
        self.device = next(flow.parameters()).device
        self.precision = _precision(c.precision, self.device)
        self.batches = -(-len(features[0]) // c.batch)
        self.rng = torch.Generator().manual_seed(c.seed)
        self.optimiser = torch.optim.Adam(
            flow.parameters(), lr=c.lr, eps=c.adam_eps, weight_decay=c.weight_decay, fused=True
        )
        steps, cycle = int(c.epochs) * self.batches, torch.optim.lr_scheduler.OneCycleLR
        one_cycle = c.schedule == "one-cycle"
        self.schedule = cycle(self.optimiser, c.lr, total_steps=steps) if one_cycle else None
        self.history: list[dict[str, float]] = []
        self.best_epoch = 0
        self.best_weights: dict[str, Tensor] = {}

    def finished(self) -> bool:
        """Whether all epochs are done, or the patience is at its end."""
        done, patience = len(self.history), self.config.patience
        return done >= int(self.config.epochs) or bool(
            patience and done - self.best_epoch >= patience
        )

    def epoch(self, calibration: Pyramid, bar: "tqdm") -> None:
        """Go once through all images, look at the calibration ones, remember the best weights."""
        start = time.perf_counter()
        train = self._pass(bar)
        watched = self.watch(calibration)
        if not isfinite(train):
            raise ValueError(f"training diverged with lr {self.config.lr}; choose a lower one")
        number = len(self.history) + 1
        best = self.history[self.best_epoch - 1]["calibration_nll"] if self.best_epoch else None
        if best is None or watched < best:
            self.best_epoch, self.best_weights = number, deepcopy(self.flow.state_dict())
        seconds = time.perf_counter() - start
        self.history.append(
            {"epoch": number, "train_nll": train, "calibration_nll": watched, "seconds": seconds}
        )
        bar.set_postfix(epoch=number, nll=f"{train:.3f}", calibration=f"{watched:.3f}")

    @torch.inference_mode()
    def watch(self, calibration: Pyramid) -> float:
        """Mean negative log-likelihood per dimension, in nats; NaN for no images."""
        count, total = len(calibration[0]), 0.0
        # nothing is kept for a backward pass, so there is room for more at once
        for rows in self.ranks.share(torch.arange(count)).split(4 * self.config.batch):
            inputs = self._inputs([x[rows] for x in calibration])
            total += self._nll(self.flow, inputs).sum().item()
        return self.ranks.sum(total) / count if count else float("nan")

    def keep_best(self) -> int:
        """Take back the weights under which the calibration images were most likely."""
        self.flow.load_state_dict(self.best_weights)
        return self.best_epoch

    def state(self) -> dict[str, Any]:
        """All that the next epoch depends on."""
        return {
            "flow": self.flow.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict() if self.schedule else None,
            "rng": self.rng.get_state(),
            "history": self.history,
            "best_epoch": self.best_epoch,
            "best_weights": self.best_weights,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Undo `state`."""
        self.flow.load_state_dict(state["flow"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.schedule:
            self.schedule.load_state_dict(state["schedule"])
        self.rng.set_state(state["rng"])
        self.history = state["history"]
        self.best_epoch, self.best_weights = state["best_epoch"], state["best_weights"]

    def _pass(self, bar: "tqdm") -> float:
        """Train on every image once; return their mean loss, weighted by batch size."""
        self.flow.train()
        total = 0.0
        for rows in self._order():
            inputs = self._blurred(self._inputs(self._drawn(rows)), len(rows))
            loss = self.ranks.mean(self._nll(self.parallel, inputs), len(rows))
            self.optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.flow.parameters(), self.config.grad_norm)
            self.optimiser.step()
            if self.schedule:
                self.schedule.step()
            total += loss.item() * len(rows)
            bar.update()
        self.flow.eval()
        return self.ranks.sum(total) / self.ranks.size / len(self.features[0])

    def _drawn(self, rows: Tensor) -> Pyramid:
        """Features of this rank's share of images, of some of them those of the altered copy."""
        mine = self.ranks.share(rows)
        chosen = [x[mine] for x in self.features]
        if not self.copies:
            return chosen
        draws = torch.rand(len(rows), generator=self.rng)
        swap = (self.ranks.share(draws) < self.config.altered).view(-1, 1, 1, 1)
        pairs = zip(chosen, self.copies, strict=True)
        if (each := len(self.copies[0]) // len(self.features[0])) > 1:
            drawn = torch.randint(each, (len(rows),), generator=self.rng)
            mine = mine * each + self.ranks.share(drawn)
        return [torch.where(swap, copy[mine], x) for x, copy in pairs]

    def _inputs(self, chosen: Pyramid) -> Pyramid:
        layout = torch.channels_last  # of the flow's weights
        xs = (x.to(self.device, torch.float32) for x in chosen)
        return self.standardise([x.to(memory_format=layout) for x in xs])

    def _nll(self, flow: nn.Module, xs: Pyramid) -> Tensor:
        # bfloat16 has the range of float32: no scaling of the loss
        mixed = self.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=mixed):
            return nll(*flow(xs))

    def _blurred(self, xs: Pyramid, count: int) -> Pyramid:
        """Add fresh noise, drawn for all `count` of the batch, so that no image is seen twice."""
        if not self.config.noise:
            return xs
        shapes = ((count, *x.shape[1:]) for x in xs)
        drawn = (self.ranks.share(torch.randn(shape, generator=self.rng)) for shape in shapes)
        draws = (draw.to(x) for draw, x in zip(drawn, xs, strict=True))
        return [x + self.config.noise * draw for x, draw in zip(xs, draws, strict=True)]

    def _order(self) -> Iterator[Tensor]:
        order = torch.randperm(len(self.features[0]), generator=self.rng)
        return iter(order.split(self.config.batch))


def _precision(wanted: str, device: torch.device) -> str:
    """What convolutions are computed in."""
    wanted = settings.word("precision", wanted, PRECISIONS)
    if wanted == "auto":
        return "bfloat16" if _multiplies_bfloat16(device) else "float32"
    return wanted


def _multiplies_bfloat16(device: torch.device) -> bool:
    """Whether it has units for such matrices; elsewhere they are slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    known: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # newer torches have it
    return device.type == "cpu" and bool(known.get("amx_bf16"))


def _identity(config: CSFlowConfig, tables: Pyramid) -> dict[str, Any]:
    """What a checkpoint must be of to go on with."""
    digest = hashlib.sha256()
    for table in tables:
        for rows in table.split(256):
            digest.update(rows.numpy())
    return {"config": config.to_dict(), "images": digest.hexdigest()}
