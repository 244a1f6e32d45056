"""The network in torch: from square photos to latents, on the CPU or a GPU."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from .backbones import load_backbone
from .config import CSFlowConfig
from .features import Backbone, FeaturePyramid, Standardise
from .flow import CrossScaleFlow, Pyramid
from .scores import Latents
from .tiles import Tiling


class CSFlowNetwork(nn.Module):
    """Backbone, standardisation and flow of one configuration.

    `features` and `latents` are separate so that training extracts features once; calling the
    network does both, of a tile at a time where photos are cut.

    Example:
        >>> network = CSFlowNetwork(CSFlowConfig(image_size=128, hidden=8), weights="random")
        >>> zs = network(np.zeros((2, 3, 128, 128), np.uint8))
        >>> [tuple(z.shape) for z in zs][:2]
        [(2, 40, 16, 16), (2, 112, 8, 8)]
    """

    name = "torch"

    def __init__(self, config: CSFlowConfig, weights: str | Path | None = None) -> None:
        super().__init__()
        backbone = load_backbone(config.backbone, config.block, weights)
        self.tiling = config.tiling
        self.ignore: NDArray[np.bool_] | None = None  # (H, W) of a photo: made black in training
        self.pyramid = FeaturePyramid(
            backbone, self.tiling.window, config.depth, config.downscale, config.finer
        )
        channels = self.pyramid.channels
        self.standardise = Standardise(channels)
        with torch.random.fork_rng(devices=[]):  # the same start each time
            torch.manual_seed(config.seed)
            self.flow = CrossScaleFlow(
                channels,
                kernels=config.kernels,
                hidden=config.hidden,
                scales=config.depth,
                clamp=config.clamp,
            )
        # NHWC is what CPU convolution kernels and tensor cores are fastest on
        self.to(memory_format=torch.channels_last)

    @property
    def backbone(self) -> Backbone:
        """The frozen network under the pyramid."""
        return self.pyramid.backbone

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.standardise.mean.device

    @torch.inference_mode()
    def features(self, squares: NDArray[np.uint8]) -> Pyramid:
        """Map uint8 RGB (B, 3, H, W) to raw features, K tensors (B, C, H/2^k, W/2^k)."""
        images = torch.from_numpy(squares).to(self.device, memory_format=torch.channels_last)
        return [x.contiguous() for x in self.pyramid(images)]

    @torch.inference_mode()
    def latents(self, features: Pyramid) -> Latents:
        """Map raw features to latents of the same shapes."""
        zs, _ = self.flow(self.standardise([x.to(self.device).float() for x in features]))
        return [z.float().cpu().numpy() for z in zs]

    def latents_of(
        self, features: Pyramid, batch: int, tiling: Tiling | None = None
    ) -> Iterator[Latents]:
        """Latents of whole photos, batch by batch, from features of all of their tiles."""
        tiling = tiling or self.tiling
        chunks = zip(*(x.split(batch * len(tiling.places)) for x in features), strict=True)
        return (tiling.join(self.latents(list(chunk))) for chunk in chunks)

    def forward(self, squares: NDArray[np.uint8]) -> Latents:
        """Map uint8 RGB (B, 3, H, W) to latents, K arrays (B, C, H/2^k, W/2^k)."""
        return self.latents(self.features(squares))

    def describe(self) -> str:
        """What computes, for reports and results."""
        return f"torch {torch.__version__}, float32, {self.device}"
