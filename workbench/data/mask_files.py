"""Which file is the mask of which photo, by folders, names and endings; no photo is decoded."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

from .label_words import MASKS, SPLIT_WORDS, folded, phrase
from .masks import is_mask
from .walk import BadFile

ENDINGS = ("_mask", "-mask", " mask", "_gt", "_label", "_seg")


def mask_folder(name: str) -> int | None:
    """Where in a path the folder of masks is; None where there is none.

    Example:
        >>> mask_folder("lot 1/ground_truth/hole/000.png"), mask_folder("NG/000.png")
        (1, None)
    """
    return _mask_folder(name.rpartition("/")[0])


@lru_cache(maxsize=4096)
def _mask_folder(folder: str) -> int | None:
    return next((i for i, part in enumerate(folder.split("/")) if phrase(part) in MASKS), None)


def masks_by_ending(names: Sequence[str]) -> dict[str, str]:
    """Photo to the mask beside it that has its stem and an ending such as "_mask"."""
    stems = {_stem(name): name for name in names}
    found = {}
    for stem, name in stems.items():
        for ending in ENDINGS:
            photo = stems.get(stem.removesuffix(ending)) if stem.endswith(ending) else None
            if photo and photo != name:
                found[photo] = name
    return found


def masks_beside(root: Path, names: Sequence[str]) -> dict[str, list[str]]:
    """Photo to the masks in its own folder: by their ending, or one stem and two colours."""
    of: dict[str, list[str]] = defaultdict(list)
    for photo, mask in masks_by_ending(names).items():
        of[photo].append(mask)
    taken = {mask for masks in of.values() for mask in masks}
    stems: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if name not in taken:
            stems[_stem(name)].append(name)
    for twins in stems.values():
        masks = [name for name in twins if is_mask(root / name)] if len(twins) == 2 else []
        if len(masks) == 1:
            (photo,) = set(twins) - set(masks)
            of[photo] += masks
    return of


def pair(
    masks: Sequence[str], photos: Mapping[str, bool], loose: set[str]
) -> tuple[dict[str, list[str]], list[BadFile]]:
    """The masks of each photo, and the masks that belong to none.

    A mask belongs to the photo of its own kind and stem (`ground_truth/hole/000_mask.png` to
    `test/hole/000.png`), or lies in a folder of the photo's stem (MVTec LOCO).

    Args:
        masks: Names below a folder of masks.
        photos: Name to True for NG.
        loose: NG photos in no folder of a kind: a mask may name one by its stem alone.
    """
    index: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in photos if masks else ():
        path = _key(name)
        for start in range(len(path)):
            index[path[start:]].append(name)
    given: dict[str, list[str]] = defaultdict(list)
    left = []
    for name in masks:
        owners = _owners(name, index, photos, loose)
        if len(owners) == 1:
            given[owners[0]].append(name)
        else:
            why = "more than one photo could be its own" if owners else "no photo belongs to it"
            left.append(BadFile(name, f"a mask, but {why}"))
    return given, left


def _owners(
    mask: str,
    index: Mapping[tuple[str, ...], list[str]],
    photos: Mapping[str, bool],
    loose: set[str],
) -> list[str]:
    """Photos that a mask may belong to, NG before good."""
    parts = PurePosixPath(mask).parts
    at = mask_folder(mask) or 0
    prefix = tuple(map(folded, parts[:at]))

    def fitting(key: tuple[str, ...]) -> list[str]:
        found = [n for n in index.get(key, ()) if _key(n)[:at] == prefix]
        return [name for name in found if photos[name]] or found

    key = _key(str(PurePosixPath(*parts[at + 1 :])))
    plain = key
    for ending in ENDINGS:
        plain = (*plain[:-1], plain[-1].removesuffix(ending))
    for attempt in (key, plain, key[:-1]):
        if attempt and (found := fitting(attempt)):
            return found
    return [name for name in fitting(plain[-1:]) if name in loose]


def in_no_split(name: str) -> bool:
    """Whether a photo lies under no train/ or test/, where stems occur once per kind."""
    return not any(phrase(part) in SPLIT_WORDS for part in PurePosixPath(name).parts[:-1])


def _stem(name: str) -> str:
    folder, slash, file = name.rpartition("/")
    return folded(f"{folder}{slash}{file.rpartition('.')[0] or file}")


def _key(name: str) -> tuple[str, ...]:
    """Folders and stem as they are compared."""
    return tuple(_stem(name).split("/"))
