"""EfficientNet feature pyramids, where their weights come from, and the feature cache."""

from .backbones import NAMES, Backbone, default_block, find_weights, load_backbone
from .pyramid import FeaturePyramid, Standardise, to_square

__all__ = [
    "NAMES",
    "Backbone",
    "FeaturePyramid",
    "Standardise",
    "default_block",
    "find_weights",
    "load_backbone",
    "to_square",
]
