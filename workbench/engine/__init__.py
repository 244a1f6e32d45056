"""Features and flow as one callable, from uint8 images to latents."""

from .pytorch import TorchEngine

__all__ = ["TorchEngine"]
