"""EfficientNet feature pyramids, where their weights come from, and the feature cache."""

from .backbones import NAMES, Backbone, block_channels, default_block, load_backbone
from .pyramid import FeaturePyramid, Standardise, to_square
from .weights import find_weights

__all__ = [
    "NAMES",
    "Backbone",
    "FeaturePyramid",
    "Standardise",
    "block_channels",
    "default_block",
    "find_weights",
    "load_backbone",
    "to_square",
]
