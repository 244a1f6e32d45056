"""Part photos and sensor rows: what is read and how it is split.

Whatever is missing, damaged or ambiguous raises `DataError` here, a wrong option `ValueError`.
"""

from workbench.lazy import lazily

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "check": ["DataCheck"],
        "decode": ["read_image"],
        "folder": ["ImageFolder"],
        "images": ["load_images"],
        "relabels": ["read_relabels", "relabels_path", "write_relabels"],
        "walk": ["BadFile"],
        "rows": ["load_rows"],
        "table": ["BadRow", "SensorTable"],
    },
)
