"""CS-Flow: a normalizing flow over image features, and the detector made of it.

Read in this order: `config`, `features`, `flow`, `scores`, `network`, `evaluation`, `scoring`,
`detector`.
`onnx/` and `original/` may be left out: no score depends on them.
"""

from workbench.lazy import lazily

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "backbones": ["NAMES", "block_channels", "default_block", "load_backbone"],
        "config": ["ENGINES", "PRECISIONS", "CSFlowConfig"],
        "detector": ["CSFlowDetector"],
        "evaluation": ["Evaluation"],
        "features": ["Backbone", "FeaturePyramid", "Standardise"],
        "flow": ["CrossScaleFlow", "nll"],
        "network": ["CSFlowNetwork"],
        "original.importer": ["SIMULATOR_THRESHOLDS", "import_original"],
        "original.reader": ["read_original"],
        "regions": ["Region"],
        "resume": ["Checkpoint"],
        "scores": ["cell_energy", "heat", "scale_shares", "score"],
        "weights": ["find_weights"],
    },
)
