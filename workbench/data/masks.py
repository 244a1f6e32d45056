"""Ground truth: which file is the mask of which photo, and which pixels it marks."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from workbench.errors import DataError

from .opening import opened
from .walk import BadFile
from .words import MASK_LABELS, MASKS, folded, phrase, tokens, word

_SAID = [*MASKS, "label"]  # in the name of a mask beside its photo

_FULL = 0.95  # share of the pixels from which on a mask marks no place


def read_mask(source: Path | str) -> NDArray[np.bool_]:
    """The marked pixels of a ground-truth file, shape (H, W): all that is not black.

    Colours count, not their numbers in a palette. Where a file is transparent in places, the
    opaque pixels are marked. In a JPEG, whose black is not quite 0, from 128 on.
    """
    with opened(source, decodes=True) as image:
        return _marked(image)


def joined_mask(paths: Sequence[Path], size: tuple[int, int]) -> NDArray[np.bool_]:
    """All masks of one picture as one, shape (H, W)."""
    marked = np.zeros(size, dtype=bool)
    for path in paths:
        mask = read_mask(path)
        if mask.shape != tuple(size):
            raise DataError(
                f"{path} must be as large as its picture, {size[1]} x {size[0]} pixels, "
                f"got {mask.shape[1]} x {mask.shape[0]}"
            )
        marked |= mask
    if not marked.any():
        raise DataError(f"{paths[0]} must mark the defect, but it is empty")
    rim = np.concatenate([marked[0], marked[-1], marked[:, 0], marked[:, -1]])
    if marked.mean() >= _FULL or (marked.mean() > 0.5 and rim.all()):
        raise DataError(
            f"{paths[0]} must mark the defect, but it marks {marked.mean():.0%} of the picture; "
            "white is what is marked: is it inverted?"
        )
    return marked


@lru_cache(maxsize=4096)
def mask_folder(folder: str) -> int | None:
    """Where in the path of a folder the folder of masks is; None where there is none.

    Example:
        >>> mask_folder("lot 1/ground_truth/hole"), mask_folder("NG/label"), mask_folder("label")
        (1, 1, None)
    """
    parts = folder.split("/")
    for i, part in enumerate(parts):
        below_ng = any(word(above).ng for above in parts[:i])
        if phrase(part) in MASKS or (tokens(part) or [""])[-1] in MASKS:
            return i
        if below_ng and phrase(part) in MASK_LABELS:
            return i
    return None


def in_mask_folder(name: str) -> bool:
    """Whether a file lies below a folder of masks."""
    return mask_folder(name.rpartition("/")[0]) is not None


def beside(names: Sequence[str], words: Iterable[str] = _SAID) -> dict[str, list[str]]:
    """Photo to the pictures beside it that have its stem and one of some words, as "_mask".

    Example:
        >>> beside(["NG/1.png", "NG/1_mask.png", "NG/mask_1.png", "NG/mask_2.png"])
        {'NG/1.png': ['NG/1_mask.png', 'NG/mask_1.png']}
    """
    stems = {_stem(name): name for name in names}
    found: dict[str, list[str]] = defaultdict(list)
    pattern = _affix(tuple(words))
    for stem, name in stems.items():
        folder, slash, file = stem.rpartition("/")
        plain = _without(file, pattern)
        if plain != file and (photo := stems.get(f"{folder}{slash}{plain}")):
            found[photo].append(name)
    return dict(found)


def masks_beside(root: Path, names: Sequence[str]) -> dict[str, list[str]]:
    """Photo to the masks in its own folder: by a word, or one stem and two colours."""
    of = beside(names)
    taken = {mask for masks in of.values() for mask in masks}
    stems: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if name not in taken:
            stems[_stem(name)].append(name)
    for twins in stems.values():
        masks = [name for name in twins if _is_mask(root / name)] if len(twins) == 2 else []
        if len(masks) == 1:
            (photo,) = set(twins) - set(masks)
            of[photo] = [*of.get(photo, ()), *masks]
    return of


def pair(
    masks: Sequence[str], photos: Mapping[str, bool], loose: set[str]
) -> tuple[dict[str, list[str]], list[BadFile]]:
    """The masks of each photo, and the masks that belong to none.

    A mask belongs to the photo of its own kind and stem (`ground_truth/hole/000_mask.png` to
    `test/hole/000.png`), or lies in a folder of the photo's stem (MVTec LOCO). `photos` are True
    for NG; a mask may name a `loose` one, in no folder of a kind, by its stem alone.
    """
    index: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in photos if masks else ():
        path = _key(name)
        for start in range(len(path)):
            index[path[start:]].append(name)

    def owners(mask: str) -> list[str]:
        """Photos that a mask may belong to, NG before good."""
        parts = PurePosixPath(mask).parts
        at = mask_folder(mask.rpartition("/")[0]) or 0
        prefix = tuple(map(folded, parts[:at]))

        def fitting(key: tuple[str, ...]) -> list[str]:
            found = [name for name in index.get(key, ()) if _key(name)[:at] == prefix]
            return [name for name in found if photos[name]] or found

        key = _key("/".join(parts[at + 1 :]))
        last = _without(key[-1], _affix(tuple(_SAID)))
        for attempt in (key, (*key[:-1], last), key[:-1]):
            if attempt and (found := fitting(attempt)):
                return found
        return [name for name in fitting((last,)) if name in loose]

    given: dict[str, list[str]] = defaultdict(list)
    left = []
    for mask in masks:
        found = owners(mask)
        if len(found) == 1:
            given[found[0]].append(mask)
        else:
            why = "more than one photo could be its own" if found else "no photo belongs to it"
            left.append(BadFile(mask, f"a mask, but {why}"))
    return given, left


@lru_cache
def _affix(words: tuple[str, ...]) -> re.Pattern[str]:
    said = "|".join(word.replace(" ", "[_ -]?") for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?:(?:{said})[_ -]+)?(.+?)(?:[_ -]+(?:{said})\d*)?")


def _without(stem: str, affix: re.Pattern[str]) -> str:
    """A stem without such a word before or behind it."""
    found = affix.fullmatch(stem)
    return found[1] if found else stem


def _is_mask(path: Path) -> bool:
    """Whether a picture has two colours at most, as a mask has, and no photo."""
    try:
        with opened(path, decodes=True) as image:
            photo = image.format in ("JPEG", "MPO")
            return not photo and image.convert("RGBA").getcolors(2) is not None
    except DataError:
        return False


def _marked(image: Image.Image) -> NDArray[np.bool_]:
    least = 128 if image.format in ("JPEG", "MPO") else 1
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode in {"P", "PA", "LA", "La", "RGBA", "RGBa"}:
        pixels = np.asarray(image.convert("RGBA"))
        colour, opaque = pixels[..., :3].max(axis=2) >= least, pixels[..., 3] >= 128
        if opaque.all() or not opaque.any():
            return colour
        painted = colour & opaque
        return painted if painted.any() else opaque
    if image.mode in {"RGB", "CMYK", "YCbCr", "LAB", "HSV"}:
        return np.asarray(image.convert("RGB")).max(axis=2) >= least
    values = np.asarray(image)
    return values if values.dtype == bool else values.astype(float) >= least


def _stem(name: str) -> str:
    folder, slash, file = name.rpartition("/")
    return folded(f"{folder}{slash}{file.rpartition('.')[0] or file}")


def _key(name: str) -> tuple[str, ...]:
    """Folders and stem as they are compared."""
    return tuple(_stem(name).split("/"))
