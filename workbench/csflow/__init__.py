"""CS-Flow: a normalizing flow over image features, and the detector made of it.

Read in this order: `config`, `features`, `flow`, `scores`, `network`, `evaluation`, `detector`.
`onnx/` and `original/` may be left out: no score depends on them.
"""

from workbench.lazy import lazily

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "backbone": ["NAMES", "Backbone", "block_channels", "default_block", "load_backbone"],
        "config": ["PRECISIONS", "SIMULATOR_THRESHOLDS", "CSFlowConfig"],
        "detector": ["CSFlowDetector"],
        "evaluation": ["Evaluation", "Region"],
        "flow": ["CrossScaleFlow", "nll"],
        "original.importer": ["import_original"],
        "original.reader": ["read_original"],
        "network": ["TorchEngine"],
        "pyramid": ["FeaturePyramid", "Standardise"],
        "resume": ["Checkpoint"],
        "scores": ["all_scores", "cell_energy", "heat", "scale_shares", "score"],
        "square": ["to_square"],
        "weights": ["find_weights"],
    },
)
