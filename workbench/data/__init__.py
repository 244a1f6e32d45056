"""Part photos and sensor rows: what is read, how it is split, and samples to try it on."""

from .decode import read_image
from .images import BadFile, ImageFolder, load_images
from .relabels import read_relabels, relabels_path, write_relabel
from .rows import BadRow, SensorTable, load_rows
from .samples import make_samples, sample

__all__ = [
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
