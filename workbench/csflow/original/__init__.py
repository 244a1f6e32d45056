"""Checkpoints of the original CS-Flow and of the simulator; nothing in them is run."""

from workbench.lazy import lazily

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "importer": ["import_original"],
        "reader": ["read_original"],
    },
)
