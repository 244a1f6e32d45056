"""Which file is what in a folder of pictures, by the words of its path or by a table beside it.

A picture is good or NG if exactly one of the two is said by the folders it lies in; where
nothing is said, or both, it is left alone and named. No function here decodes a photo; of two
pictures of one stem it looks which is the mask.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from workbench.errors import DataError

from .decode import SUFFIXES
from .label_words import SPLIT_WORDS, folded, phrase, says_nothing, tokens, word
from .mask_files import in_no_split, mask_folder, masks_beside, masks_by_ending, pair
from .masks import read_mask
from .photo_files import EXPECTED, Files, ending, read_files, unread
from .walk import BadFile

_SIMULATOR = {"lens", "flex", "smt", "module"}


class Entry(NamedTuple):
    """One picture; `split` is "" where it is still to be drawn, `group` the part it shows."""

    name: str
    ng: bool | None
    kind: str
    split: str
    masks: tuple[str, ...] = ()
    group: str = ""
    details: Mapping[str, str] = {}


@dataclass
class Layout:
    """What a folder holds: entries sorted by name, how they were understood, what was not used."""

    name: str
    entries: list[Entry]
    has_masks: bool = False
    assumed: list[str] = field(default_factory=list)
    left_alone: list[BadFile] = field(default_factory=list)


class _Place(NamedTuple):
    """What the folders of a picture say."""

    name: str
    folders: tuple[str, ...]
    split: str
    split_at: int
    ngs: frozenset[bool]
    label_at: int
    kind: str


Words = Mapping[str, bool | None]


def read_folders(files: Files, words: Words) -> Layout | None:
    """The layout that the names of folders tell; None where they say nothing.

    Args:
        files: As from `read_files`.
        words: The user's own words, as from `own_words`.

    Raises:
        DataError: The folder holds several data sets.
    """
    masks = [name for name in files.pictures if mask_folder(name) is not None]
    inside = set(masks)
    places = _places((name for name in files.pictures if name not in inside), words)
    mvtec = _is_mvtec(places)
    places = [_kind_under_test(place, words) for place in places] if mvtec else places
    labelled = [place for place in places if len(place.ngs) == 1]
    if not labelled:
        return None
    _refuse_several(files, labelled)
    beside = masks_beside(files.root, [place.name for place in labelled])
    taken = {mask for names in beside.values() for mask in names}
    photos = [place for place in labelled if place.name not in taken]
    layout = Layout(_named(photos, mvtec), [], has_masks=bool(masks or beside))
    layout.left_alone += _without_label(places, words)
    _fill(layout, photos, masks, beside)
    _say(layout, photos, mvtec)
    return layout


def read_beside(files: Files) -> Layout | None:
    """Photos with a mask beside each and no word for good or NG: a mask that is empty says good.

    KolektorSDD (`kos01/Part5.jpg`, `kos01/Part5_label.bmp`) and KolektorSDD2
    (`train/10301.png`, `train/10301_GT.png`); None where it is none of these.
    """
    of = masks_by_ending(files.pictures)
    taken = set(of.values())
    photos = [name for name in files.pictures if name not in taken]
    if not of or len(of) < len(photos):
        return None
    entries, assumed = [], ["a photo is NG if the mask beside it marks anything"]
    for name in photos:
        try:
            ng = bool(read_mask(files.root / of[name]).any())
        except DataError as error:
            files.left.append(BadFile(name, f"its mask cannot be read: {error}"))
            continue
        folders = PurePosixPath(name).parts[:-1]
        split = next((s for part in folders if (s := SPLIT_WORDS.get(phrase(part)))), "")
        group = folders[-1] if folders and not split else ""
        masks = (of[name],) if ng else ()
        entries.append(
            Entry(name, ng, "defect" if ng else "good", "test" if ng else split, masks, group)
        )
    if any(entry.group for entry in entries):
        assumed.append("photos of one folder show one part, so they share a split")
    return Layout("a mask beside each photo", entries, True, assumed)


def read_flat(files: Files, *, below: bool = False) -> Layout | None:
    """Pictures side by side, unlabelled; those of sub-folders too where `below`."""
    chosen = [name for name in files.pictures if below or "/" not in name]
    if not chosen:
        return None
    inside = set(chosen)
    left = [name for name in files.pictures if name not in inside]
    reason = 'below a flat folder; layout="flat" takes it in, unlabelled'
    return Layout(
        "pictures side by side, unlabelled",
        [Entry(name, None, "", "test") for name in chosen],
        left_alone=_by_folder(left, inside, reason),
    )


def read_photos(root: Path) -> tuple[dict[str, bool | None], list[BadFile]]:
    """Every photo below a folder by name, for scoring, and what is left alone.

    The label is True for NG, False for good, and None where the folders do not say; masks are no
    photos.

    Raises:
        DataError: There is no such folder, or it cannot be read.
    """
    files = read_files(root)
    masks = {name for name in files.pictures if mask_folder(name) is not None}
    beside = masks_beside(root, [name for name in files.pictures if name not in masks])
    masks |= {mask for names in beside.values() for mask in names}
    photos = sorted(set(files.pictures) - masks)
    known = _labels(_places(photos, {}))
    left = [BadFile(name, "a mask") for name in sorted(masks)] + files.left + unread(files.others)
    return {name: known.get(name) for name in photos}, left


def read_remote(url: str) -> tuple[dict[str, bool | None], list[BadFile]]:
    """The same below an address that fsspec reads, as s3://bucket/line3; a mask counts as a photo.

    Raises:
        DataError: The address cannot be listed, or its kind needs a package that is missing.
    """
    import fsspec

    try:
        system, root = fsspec.core.url_to_fs(url)
        below = sorted(path.removeprefix(root).lstrip("/") for path in system.find(root))
    except (ImportError, OSError, ValueError) as error:
        raise DataError(f"{url} must be an address that can be listed: {error}") from error
    photos = [name for name in below if ending(name) in SUFFIXES]
    known = _labels(_places(photos, {}))
    left = unread(name for name in below if ending(name) not in SUFFIXES)
    return {name: known.get(name) for name in photos}, left


def nothing_found(files: Files) -> DataError:
    """The error for a folder in which nothing was understood."""
    tops = sorted({PurePosixPath(name).parts[0] for name in files.pictures if "/" in name})
    folders = [f"{top}/" for top in tops]
    found = [*folders[:8], *(["..."] if len(folders) > 8 else []), f"{len(files.others)} others"]
    named = f" and left alone {_listed(files.left)}" if files.left else ""
    hint = (
        f'; say what the folders mean by layout="{tops[0]}=OK" (or NG, or skip), or read all '
        'unlabelled by layout="flat"'
        if tops
        else f"; pictures end in {' '.join(sorted(SUFFIXES))}"
    )
    return DataError(f"{files.root} must hold {EXPECTED}; found {', '.join(found)}{named}{hint}")


def _places(names: Iterable[str], words: Words) -> list[_Place]:
    """What the folders of each picture say; looked up once a folder."""
    by_folder: dict[str, _Place] = {}
    places = []
    for name in names:
        folder = name.rpartition("/")[0]
        if folder not in by_folder:
            by_folder[folder] = _place(name, words)
        places.append(by_folder[folder]._replace(name=name))
    return places


def _place(name: str, words: Words) -> _Place:
    folders = tuple(name.split("/")[:-1])
    split, split_at, label_at, ngs, kind = "", -1, -1, set(), ""
    for at, folder in enumerate(folders):
        if not split and (found := SPLIT_WORDS.get(phrase(folder))):
            split, split_at = found, at
        said = word(folder, words)
        if folded(folder) in words and said.ng is None:  # to be skipped
            return _Place(name, folders, split, split_at, frozenset(), -1, "")
        if said.ng is not None:
            ngs.add(said.ng)
            label_at, kind = (at, said.kind) if label_at < 0 else (label_at, kind)
    return _Place(name, folders, split, split_at, frozenset(ngs), label_at, kind)


def _is_mvtec(places: Sequence[_Place]) -> bool:
    return any(place.split == "train" and place.ngs == {False} for place in places)


def _labels(places: Sequence[_Place]) -> dict[str, bool]:
    mvtec = _is_mvtec(places)
    places = [_kind_under_test(place, {}) for place in places] if mvtec else places
    return {place.name: place.ngs == {True} for place in places if len(place.ngs) == 1}


def _kind_under_test(place: _Place, words: Words) -> _Place:
    """MVTec AD: a folder under test/ names the kind of defect, unless it says that it is good."""
    under = place.folders[place.split_at + 1 :]
    if place.split != "test" or not under or len(place.ngs) > 1 or place.ngs == {False}:
        return place
    kind = under[0]
    if folded(kind) in words and words[folded(kind)] is None:
        return place
    if word(kind, words).ng is None and (says_nothing(kind) or _says_good_too(kind)):
        return place
    return place._replace(ngs=frozenset({True}), label_at=place.split_at + 1, kind=kind)


def _says_good_too(name: str) -> bool:
    """Whether a word for good is in it, though the whole is not understood."""
    return any(word(token).ng is False for token in tokens(name))


def _refuse_several(files: Files, places: Sequence[_Place]) -> None:
    """MVTec AD, BTAD, VisA or the simulator as a whole: training on all at once means nothing."""
    tops = {place.folders[0] for place in places if place.split_at > 0}
    visa = {p.folders[0] for p in places if [f.casefold() for f in p.folders[1:3]] == _VISA}
    known = {p.folders[0] for p in places if p.folders[0].casefold() in _SIMULATOR}
    for several in (tops, visa, known):
        if len(several) > 1:
            shown = ", ".join(sorted(several)[:8])
            raise DataError(
                f"{files.root} must hold one data set, it holds {len(several)}: {shown}; "
                f"choose one, such as {files.root / min(several)}"
            )


_VISA = ["data", "images"]


def _named(places: Sequence[_Place], mvtec: bool) -> str:
    if mvtec:
        loco = any(place.split == "calibration" for place in places)
        return "MVTec LOCO (train, validation, test)" if loco else "MVTec AD (train, test)"
    return "OK and NG folders"


def _without_label(places: Sequence[_Place], words: Words) -> list[BadFile]:
    used = {place.name for place in places if len(place.ngs) == 1}
    both = [place.name for place in places if len(place.ngs) > 1]
    none = [place.name for place in places if not place.ngs]
    asked = [n for n in none if any(folded(p) in words for p in PurePosixPath(n).parts[:-1])]
    loose = [name for name in none if "/" not in name]
    rest = sorted(set(none) - set(asked) - set(loose))
    return [
        *_by_folder(both, used, "its folders say both good and NG"),
        *_by_folder(asked, used, "skipped, as asked for"),
        *[BadFile(name, "lies beside the folders of good and NG, not in one") for name in loose],
        *_by_folder(rest, used, 'no word for good or NG; say it by layout="{0}=OK" or "{0}=NG"'),
    ]


def _by_folder(names: Iterable[str], used: Iterable[str], reason: str) -> list[BadFile]:
    """One line a folder that holds nothing else: the highest such."""
    folders = {name.rpartition("/")[0] for name in used}
    shared = {str(p) for f in folders for p in (PurePosixPath(f), *PurePosixPath(f).parents)}
    counts: Counter[str] = Counter()
    for name in names:
        above = [str(p) for p in PurePosixPath(name).parents if str(p) not in shared]
        counts[above[-1] if above else name] += 1
    return [
        BadFile(name, reason.format(PurePosixPath(name).parent.name))
        if ending(name) in SUFFIXES
        else BadFile(f"{name}/", f"{count} pictures: {reason.format(PurePosixPath(name).name)}")
        for name, count in sorted(counts.items())
    ]


def _fill(
    layout: Layout,
    photos: Sequence[_Place],
    masks: Sequence[str],
    beside: Mapping[str, Sequence[str]],
) -> None:
    """Entries with kinds and masks; the masks of good photos are not used."""
    kinds = dict(zip([place.name for place in photos], _kinds(photos), strict=True))
    labels = {place.name: place.ngs == {True} for place in photos}
    loose = {p.name for p in photos if labels[p.name] and not _kind(p) and in_no_split(p.name)}
    given, left = pair(masks, labels, loose)
    layout.left_alone += left
    for place in sorted(photos):
        ng = labels[place.name]
        own = (*beside.get(place.name, ()), *given.get(place.name, ()))
        if not ng:
            layout.left_alone += [BadFile(name, "a mask of a good photo") for name in own]
        split = "test" if ng else place.split
        layout.entries.append(Entry(place.name, ng, kinds[place.name], split, own if ng else ()))


def _kinds(places: Sequence[_Place]) -> list[str]:
    """What is said beside NG, its sub-folder, or the letters before the first "_".

    The latter only if they sort all loose NG files of the folder into groups of two or more.
    """
    kinds = [_kind(place) for place in places]
    stems = [PurePosixPath(place.name).name for place in places]
    loose = [re.match(r"([^\W\d_]+)_", s) for s, k in zip(stems, kinds, strict=True) if not k]
    groups = Counter(match and match[1].lower() for match in loose)
    grouped = len(groups) >= 2 and None not in groups and min(groups.values()) >= 2
    rest = iter(match[1].lower() if grouped and match else "defect" for match in loose)
    return [kind or next(rest) for kind in kinds]


def _kind(place: _Place) -> str:
    if place.ngs == {False}:
        return "good"
    under = [f for f in place.folders[place.label_at + 1 :] if phrase(f) not in _PLAIN]
    return place.kind or (under[0] if under else "")


_PLAIN = {"imgs", "images", "img", "image", "photos", "data"}


def _say(layout: Layout, photos: Sequence[_Place], mvtec: bool) -> None:
    said = {
        (place.folders[place.label_at], place.ngs == {True})
        for place in photos
        if place.label_at >= 0
    }
    good, bad = (sorted(f for f, ng in said if ng is which) for which in (False, True))
    words = [f"{', '.join(good)} say good"] if good else []
    words += [f"{', '.join(bad)} say NG"] if bad else []
    layout.assumed.append("; ".join(words))
    if mvtec and (guessed := [f for f in bad if word(f).ng is None]):
        layout.assumed.append(f"folders under test/ name kinds of defect: {', '.join(guessed)}")
    if any(place.split == "train" and place.ngs == {True} for place in photos):
        layout.assumed.append("NG photos under train/ are tested on: none is learned from")
    lots = {place.folders[0] for place in photos if place.label_at > 0 and place.split_at < 0}
    if len(lots) > 1:
        layout.assumed.append(f"{len(lots)} lots are one data set: {', '.join(sorted(lots)[:8])}")


def _listed(bad: Sequence[BadFile], most: int = 5) -> str:
    shown = "; ".join(f"{name} ({reason})" for name, reason in bad[:most])
    return shown + (f"; and {len(bad) - most} more" if len(bad) > most else "")
