"""EfficientNet feature pyramids, where their weights come from, and the feature cache."""

from workbench.lazy import lazily

__all__ = [  # noqa: F822 - imported on demand
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

__getattr__, __dir__ = lazily(
    __name__,
    {
        "backbones": ["NAMES", "Backbone", "block_channels", "default_block", "load_backbone"],
        "pyramid": ["FeaturePyramid", "Standardise"],
        "square": ["to_square"],
        "weights": ["find_weights"],
    },
)
