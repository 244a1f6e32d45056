"""What commands share: paths as they are typed and shown."""

from pathlib import Path
from typing import Any

from workbench.errors import DataError


def opened(source: Path, seed: int, **photos: Any):  # noqa: ANN201, ANN401 - folder or table
    """The photos or rows at a path that was typed; further options are for photos."""
    from workbench.data import load_images, load_rows

    if not source.exists():
        raise DataError(f"{source} must be a folder of photos or a CSV file; nothing is there")
    if source.is_file():
        return load_rows(source, seed=seed)
    return load_images(source, seed=seed, progress=True, **photos)


def shown(path: Path) -> Path:
    """Relative to where we are if that is shorter to read."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
