"""Detectors and photos to measure with: no quality is claimed for them, only their cost is real.

Networks with random weights give denormal numbers, which are slow; batch-norm statistics and
gains are therefore set from photos first.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch

from workbench import CSFlowConfig, CSFlowDetector
from workbench.csflow.auto import decide
from workbench.csflow.batches import to_square
from workbench.csflow.calibration import calibrate
from workbench.csflow.weights import find_weights
from workbench.data import load_images, read_image
from workbench.samples import make_samples


def photos(count=16, size=512):
    """Paths of generated lens photos; the folder lives as long as the process."""
    folder = Path(tempfile.mkdtemp(prefix="workbench-benchmark-")) / "lens"
    make_samples("lens", folder, ok=count, ng=max(2, count // 4), size=size)
    return load_images(folder, check=False)


def detector(config, paths, device=None, engine="torch"):
    """A detector of this configuration that scores: trained in name only."""
    config = decide(config, paths)
    weights = None if find_weights(config.backbone) else "random"
    made = CSFlowDetector(config, weights=weights, device=device, engine=engine)
    squares = np.concatenate([to_square(read_image(p), config.size) for p in paths[:4]])
    network = made.build_network()
    if weights == "random":
        _calibrate(network, squares)
    network.standardise.fit([x.cpu() for x in network.features(squares)])
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in network.flow.named_parameters():
            if name.endswith("gain"):
                parameter.copy_(0.1 + 0.1 * torch.rand(parameter.shape, generator=rng))
    calibrate(made, [network(squares)], np.arange(4))
    made.calibration = list(paths[:4])
    return made


def as_engine(detector, engine):
    """The same weights under another engine."""
    made = CSFlowDetector.from_state(*detector.state(), engine=engine)
    made.calibration = detector.calibration
    made.network.load_state_dict(detector.network.state_dict())
    made.prepare()
    return made


def simulator(size=512):
    """The simulator's own setting: EfficientNet-B5, one block, hidden 512."""
    return CSFlowConfig.preset("simulator", image_size=size)


def _calibrate(network, squares):
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.training, norm.momentum = True, None
    network.features(squares)
    for norm in norms:
        norm.training = False
