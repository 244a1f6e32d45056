"""Part photos and sensor rows: what is read, how it is split, and samples to try it on."""

from .decode import read_image
from .images import BadFile, ImageFolder, load_images
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
    "sample",
]
