"""Features and flow as one callable, from uint8 images to latents.

One face, two implementations: `TorchEngine`, which is trained and runs on any device, and
`OnnxEngine`, the graph built from it, which a CPU runs several times faster. `Engines` chooses.
"""

from workbench.lazy import lazily

__all__ = ["ENGINES", "Engines", "OnnxEngine", "TorchEngine"]  # noqa: F822 - imported on demand

__getattr__, __dir__ = lazily(
    __name__,
    {
        "choice": ["ENGINES", "Engines"],
        "runtime": ["OnnxEngine"],
        "pytorch": ["TorchEngine"],
    },
)
