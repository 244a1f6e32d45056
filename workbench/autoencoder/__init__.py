"""The row model: a small network that learns to copy normal rows through a narrow middle."""

from workbench.autoencoder.config import AutoEncoderConfig
from workbench.autoencoder.network import AutoEncoder
from workbench.autoencoder.original import from_weights, read_original

__all__ = ["AutoEncoder", "AutoEncoderConfig", "from_weights", "read_original"]
