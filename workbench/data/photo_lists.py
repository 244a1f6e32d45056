"""Every photo below a folder or an address, for scoring, whatever labels there are."""

from pathlib import Path

from workbench.errors import DataError

from .layouts import made_from, places_of
from .masks import beside, in_mask_folder, masks_beside
from .opening import SUFFIXES, is_remote
from .walk import BadFile, Files, ending, read_files, unread

Labels = dict[str, bool | None]
"""True for NG, False for good, and None where the folders do not say; by name."""


def read_photos(root: Path | str) -> tuple[Labels, list[BadFile]]:
    """The photos of a folder with their labels, and what is left alone; masks are no photos.

    Below an address masks go by name alone.
    """
    files = _listed(str(root)) if is_remote(root) else read_files(Path(root))
    photos = [name for name in files.pictures if not in_mask_folder(name)]
    beside_of = beside(photos) if is_remote(root) else masks_beside(files.root, photos)
    masks = set(files.pictures) - set(photos) | {m for of in beside_of.values() for m in of}
    made = made_from([name for name in photos if name not in masks])
    photos = sorted(set(photos) - masks - set(made))
    known = {p.name: p.ngs == {True} for p in places_of(photos, {})[0] if len(p.ngs) == 1}
    left = [
        *(BadFile(name, "a mask") for name in sorted(masks)),
        *map(BadFile, made, made.values()),
    ]
    return {n: known.get(n) for n in photos}, [*left, *files.left, *unread(files.others)]


def _listed(url: str) -> Files:
    import fsspec

    try:
        system, root = fsspec.core.url_to_fs(url)
        below = sorted(path.removeprefix(root).lstrip("/") for path in system.find(root))
    except (ImportError, OSError, ValueError) as error:
        raise DataError(f"{url} must be an address that can be listed: {error}") from error
    pictures = [name for name in below if ending(name) in SUFFIXES]
    return Files(Path(), pictures, [name for name in below if ending(name) not in SUFFIXES])
