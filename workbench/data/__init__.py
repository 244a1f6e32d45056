"""Part photos and sensor rows: what is read, how it is split, and samples to try it on."""

from workbench.lazy import lazily

__all__ = [  # noqa: F822 - imported on demand
    "BadFile",
    "BadRow",
    "ImageFolder",
    "SensorTable",
    "load_images",
    "load_rows",
    "make_samples",
    "read_image",
    "read_relabels",
    "relabels_path",
    "sample",
    "write_relabel",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        "decode": ["read_image"],
        "images": ["BadFile", "ImageFolder", "load_images"],
        "relabels": ["read_relabels", "relabels_path", "write_relabel"],
        "rows": ["BadRow", "SensorTable", "load_rows"],
        "samples": ["make_samples", "sample"],
    },
)
