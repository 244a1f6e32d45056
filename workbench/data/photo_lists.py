"""Every photo below a folder or an address, for scoring, whatever labels there are."""

from collections.abc import Sequence
from pathlib import Path

from workbench.errors import DataError

from .layouts import made_from, places_of
from .masks import beside, in_mask_folder, masks_beside
from .opening import SUFFIXES, is_remote
from .walk import BadFile, ending, read_files, unread

Labels = dict[str, bool | None]
"""True for NG, False for good, and None where the folders do not say; by name."""


def read_photos(root: Path | str) -> tuple[Labels, list[BadFile]]:
    """The photos of a folder with their labels, and what is left alone; masks are no photos.

    Below an address masks go by name alone.
    """
    if is_remote(root):
        return _remote(str(root))
    files = read_files(Path(root))
    others = [name for name in files.pictures if not in_mask_folder(name)]
    labels, left = _photos(files.pictures, masks_beside(files.root, others))
    return labels, [*left, *files.left, *unread(files.others)]


def _remote(url: str) -> tuple[Labels, list[BadFile]]:
    import fsspec

    try:
        system, root = fsspec.core.url_to_fs(url)
        below = sorted(path.removeprefix(root).lstrip("/") for path in system.find(root))
    except (ImportError, OSError, ValueError) as error:
        raise DataError(f"{url} must be an address that can be listed: {error}") from error
    pictures = [name for name in below if ending(name) in SUFFIXES]
    labels, left = _photos(pictures, beside(pictures))
    return labels, [*left, *unread(name for name in below if ending(name) not in SUFFIXES)]


def _photos(
    pictures: Sequence[str], masks_of: dict[str, list[str]]
) -> tuple[Labels, list[BadFile]]:
    masks = {mask for masks in masks_of.values() for mask in masks}
    masks |= set(filter(in_mask_folder, pictures))
    made = made_from([name for name in pictures if name not in masks])
    photos = sorted(set(pictures) - masks - set(made))
    known = {p.name: p.ngs == {True} for p in places_of(photos, {})[0] if len(p.ngs) == 1}
    left = [BadFile(name, "a mask") for name in sorted(masks)]
    return {n: known.get(n) for n in photos}, [*left, *map(BadFile, made, made.values())]
