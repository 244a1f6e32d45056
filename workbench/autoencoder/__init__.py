"""The row model: a small network that learns to copy normal rows through a narrow middle."""

from workbench.autoencoder.config import AutoEncoderConfig
from workbench.autoencoder.network import AutoEncoder

__all__ = ["AutoEncoder", "AutoEncoderConfig"]
