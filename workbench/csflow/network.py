"""The reference engine: plain PyTorch on the CPU or a GPU."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .backbone import load_backbone
from .config import CSFlowConfig
from .flow import CrossScaleFlow
from .pyramid import FeaturePyramid, Standardise

Pyramid = list[Tensor]


class TorchEngine(nn.Module):
    """Backbone, standardisation and flow of one configuration.

    `features` and `latents` are separate so that training extracts features once; calling the
    engine does both.

    Example:
        >>> engine = TorchEngine(CSFlowConfig(image_size=128, hidden=8), weights="random")
        >>> zs = engine(np.zeros((2, 3, 128, 128), np.uint8))
        >>> [tuple(z.shape) for z in zs][:2]
        [(2, 112, 8, 8), (2, 192, 4, 4)]
    """

    kind = "torch"

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
    def features(self, squares: NDArray[np.uint8]) -> Pyramid:
        """Map uint8 RGB (B, 3, S, S) to raw features, K tensors (B, C, H/2^k, W/2^k)."""
        images = torch.from_numpy(squares).to(self.device, memory_format=torch.channels_last)
        return [x.contiguous() for x in self.pyramid(images)]

    @torch.inference_mode()
    def latents(self, features: Pyramid) -> Pyramid:
        """Map raw features to latents of the same shapes."""
        return self.flow(self.standardise(features))[0]

    def latents_of(self, features: Pyramid, batch: int) -> list[list[NDArray[np.float32]]]:
        """Latents of many features (N, C, H, W), batch by batch, as NumPy arrays."""
        parts = zip(*(x.split(batch) for x in features), strict=True)
        return [self._fetched([x.to(self.device).float() for x in part]) for part in parts]

    def forward(self, squares: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Map uint8 RGB (B, 3, S, S) to latents, as every engine does."""
        return self._fetched(self.features(squares))

    def _fetched(self, features: Pyramid) -> list[NDArray[np.float32]]:
        return [z.float().cpu().numpy() for z in self.latents(features)]

    def describe(self) -> str:
        """What computes, for reports and results."""
        return f"torch {torch.__version__}, float32, {self.device}"

    def to_onnx(self) -> bytes:
        """The graph of `forward`, serialised, for any batch size."""
        from workbench.csflow.onnx.graph import build  # brings onnx

        size, scales = self.pyramid.image_size, self.pyramid.scales
        example = torch.zeros(2, 3, size, size, dtype=torch.uint8, device=self.device)
        return build(_Latents(self), example, [f"z{k}" for k in range(scales)])

    def learned(self) -> dict[str, NDArray]:
        """What training changed, by name; the backbone is not part of it."""
        parts = {"standardise": self.standardise, "flow": self.flow}
        return {
            f"{part}.{name}": tensor.detach().cpu().contiguous().numpy()
            for part, module in parts.items()
            for name, tensor in module.state_dict().items()
        }

    def load_learned(self, arrays: Mapping[str, NDArray]) -> None:
        """Fill in what `learned` gave.

        Raises:
            RuntimeError: A tensor is missing, unknown or of another shape.
        """
        for part, module in (("standardise", self.standardise), ("flow", self.flow)):
            module.load_state_dict(
                {
                    name.removeprefix(f"{part}."): torch.from_numpy(array)
                    for name, array in arrays.items()
                    if name.startswith(part)
                }
            )


class _Latents(nn.Module):
    """The engine as the exporter wants it: tensors in, tensors out, no inference mode."""

    def __init__(self, engine: TorchEngine) -> None:
        super().__init__()
        self.engine = engine

    def forward(self, images: Tensor) -> Pyramid:
        engine = self.engine
        return engine.flow(engine.standardise(engine.pyramid(images)))[0]
