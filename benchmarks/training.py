"""How long is an epoch of `lite` over cached features, against the plain PyTorch loop?

The plain loop is what one writes first: the same flow in the default memory layout, `Adam`,
`zero_grad`, `backward`, clipped gradients, `step`, and the held-out images watched in the same
batches. All see the same batches from the same start, without the noise that `lite` adds to
them; the losses are in the table. `lite` multiplies in bfloat16 where the processor has units
for that, else in float32.
"""

import copy
import math
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from benchmarks import measure, models
from workbench import CSFlowConfig
from workbench.csflow import nll
from workbench.csflow.batches import to_square
from workbench.csflow.training import train_flow
from workbench.data import read_image

COUNT = 64


def main():
    where = measure.machine()
    config = CSFlowConfig.preset("lite", image_size=256, epochs=3, noise=0.0)
    parts = models.photos(COUNT, size=256)
    network = models.detector(config, parts.paths).network
    squares = [to_square(read_image(path), config.image_size) for path in parts.paths[:COUNT]]
    scales = zip(*(network.features(square) for square in squares), strict=True)
    features = [torch.cat(scale) for scale in scales]
    network.standardise.fit(features)
    losses, arithmetic = {}, {"plain loop": "cpu, float32"}

    def ours(name, config):
        flow = copy.deepcopy(network.flow)
        trained = train_flow(flow, network.standardise, features, features, config, progress=False)
        losses[name] = [row["train_nll"] for row in trained.history]
        arithmetic[name] = trained.arithmetic

    def plain():
        flow = copy.deepcopy(network.flow).to(memory_format=torch.contiguous_format)
        losses["plain loop"] = loop(flow, network.standardise, features, config)

    works = {
        "plain loop": plain,
        "lite": partial(ours, "lite", config),
        "lite, float32": partial(ours, "lite, float32", replace(config, precision="float32")),
    }
    times = measure.in_turn(works, runs=10, warm_up=1)
    each = {name: [s / config.epochs for s in seconds] for name, seconds in times.items()}
    rows = measure.versus(each, "plain loop")
    for row in rows:
        row["arithmetic"] = arithmetic[row["what"]]
        row["losses"] = ", ".join(f"{loss:.4f}" for loss in losses[row["what"]])
    notes = [
        f"{name}: losses differ by {apart(losses['plain loop'], found):.1e} at most, relative"
        for name, found in losses.items()
        if name != "plain loop"
    ]
    tables = {f"one epoch, {COUNT} images, batches of {config.batch}": rows}
    measure.report("training", __doc__.partition("\n")[0], tables, where, notes)


def apart(plain, ours):
    return max(abs(a - b) / abs(a) for a, b in zip(plain, ours, strict=True))


def loop(flow, standardise, features, config):
    features = standardise(features)
    optimiser = torch.optim.Adam(
        flow.parameters(), lr=config.lr, eps=config.adam_eps, weight_decay=config.weight_decay
    )
    count = len(features[0])
    steps = config.epochs * math.ceil(count / config.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.lr, total_steps=steps)
    rng, losses = torch.Generator().manual_seed(config.seed), []
    for _ in range(config.epochs):
        flow.train()
        total = 0.0
        for rows in torch.randperm(count, generator=rng).split(config.batch):
            loss = nll(*flow([x[rows] for x in features])).mean()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(flow.parameters(), config.grad_norm)
            optimiser.step()
            schedule.step()
            total += loss.item() * len(rows)
        losses.append(total / count)
        with torch.no_grad():  # the held-out images are watched here too
            for rows in torch.arange(count).split(config.batch):
                nll(*flow([x[rows] for x in features])).sum().item()
    return losses


if __name__ == "__main__":
    main()
