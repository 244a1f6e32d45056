"""The reference engine: plain PyTorch on the CPU or a GPU."""

import torch
from torch import Tensor, nn

from workbench.csflow import CrossScaleFlow, CSFlowConfig
from workbench.features import FeaturePyramid, Standardise, load_backbone

Pyramid = list[Tensor]


class TorchEngine(nn.Module):
    """Backbone, standardisation and flow of one configuration.

    `features` and `latents` are separate so that training extracts features once; calling the
    engine does both.

    Example:
        >>> engine = TorchEngine(CSFlowConfig(image_size=128, hidden=8), weights="random")
        >>> zs = engine(torch.zeros(2, 3, 128, 128, dtype=torch.uint8))
        >>> [tuple(z.shape) for z in zs][:2]
        [(2, 112, 8, 8), (2, 192, 4, 4)]
    """

    def __init__(self, config: CSFlowConfig, weights: str | None = None) -> None:
        super().__init__()
        backbone = load_backbone(config.backbone, config.block, weights)
        self.pyramid = FeaturePyramid(
            backbone, config.image_size, config.scales, config.downscale, config.finer
        )
        channels = [shape[0] for shape in self.pyramid.shapes]
        self.standardise = Standardise(channels)
        with torch.random.fork_rng(devices=[]):  # a start of its own, whatever ran before
            torch.manual_seed(config.seed)
            self.flow = CrossScaleFlow(
                channels,
                kernels=config.kernels,
                hidden=config.hidden,
                scales=config.scales,
                clamp=config.clamp,
            )
        # NHWC is what CPU convolution kernels and tensor cores are fastest on
        self.to(memory_format=torch.channels_last)

    @property
    def backbone(self) -> nn.Module:
        """The frozen network under the pyramid."""
        return self.pyramid.backbone

    @property
    def device(self) -> torch.device:
        """Where the engine computes."""
        return self.standardise.mean.device

    @torch.inference_mode()
    def features(self, images: Tensor) -> Pyramid:
        """Map uint8 RGB (B, 3, S, S) to raw features, K tensors (B, C, H/2^k, W/2^k)."""
        images = images.to(self.device, memory_format=torch.channels_last)
        return [x.contiguous() for x in self.pyramid(images)]

    @torch.inference_mode()
    def latents(self, features: Pyramid) -> Pyramid:
        """Map raw features to latents of the same shapes."""
        return self.flow(self.standardise(features))[0]

    def forward(self, images: Tensor) -> Pyramid:
        """Map uint8 RGB (B, 3, S, S) to latents."""
        return self.latents(self.features(images))

    def learned(self) -> dict[str, Tensor]:
        """What training changed, by name, on the CPU; the backbone is not part of it."""
        parts = {"standardise": self.standardise, "flow": self.flow}
        return {
            f"{part}.{name}": tensor.detach().cpu().contiguous()
            for part, module in parts.items()
            for name, tensor in module.state_dict().items()
        }

    def load_learned(self, tensors: dict[str, Tensor]) -> None:
        """Fill in what `learned` gave.

        Raises:
            RuntimeError: A tensor is missing, unknown or of another shape.
        """
        for part, module in (("standardise", self.standardise), ("flow", self.flow)):
            own = {n.removeprefix(f"{part}."): t for n, t in tensors.items() if n.startswith(part)}
            module.load_state_dict(own)
