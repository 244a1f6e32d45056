"""Which file is what in a folder of pictures, by the words of its path.

A picture is good or NG if exactly one of the two is said by the folders it lies in; where
nothing is said, or both, it is left alone and named. No function here decodes a photo; of two
pictures of one stem it looks which is the mask.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from workbench.errors import DataError

from .masks import beside, in_mask_folder, masks_beside, pair, read_mask
from .opening import SUFFIXES
from .walk import EXPECTED, BadFile, Files, ending, listed, unread
from .words import (
    DERIVED,
    PLAIN,
    SPLIT_WORDS,
    amount,
    folded,
    may_be_kind,
    phrase,
    tokens,
    word,
)

_SIMULATOR = {"lens", "flex", "smt", "module"}
_VISA = ["data", "images"]
Words = Mapping[str, bool | None]
"""A user's own words, folded: NG or not, None to skip."""


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
    table: str = ""  # the file that says it


class _Place(NamedTuple):
    """What the folders of a picture say."""

    name: str
    folders: tuple[str, ...]
    split: str
    split_at: int
    ngs: frozenset[bool]
    label_at: int
    kind: str

    @property
    def defect(self) -> str:
        """What is said beside NG, or its sub-folder."""
        if self.ngs == {False}:
            return "good"
        under = [f for f in self.folders[self.label_at + 1 :] if phrase(f) not in PLAIN]
        return self.kind or (under[0] if under else "")


def read_folders(files: Files, words: Words) -> Layout | None:
    """The layout that the names of folders tell; None where they say nothing."""
    masks = [name for name in files.pictures if in_mask_folder(name)]
    inside = set(masks)
    places, mvtec = places_of((n for n in files.pictures if n not in inside), words)
    labelled = [place for place in places if len(place.ngs) == 1]
    if not labelled:
        return None
    _refuse_whole(files, labelled)
    names = [place.name for place in labelled]
    beside_of, made = masks_beside(files.root, names), made_from(names)
    taken = {mask for others in beside_of.values() for mask in others} | set(made)
    photos = sorted(place for place in labelled if place.name not in taken)
    name = "OK and NG folders"
    if mvtec:
        loco = any(place.split == "calibration" for place in photos)
        name = "MVTec LOCO (train, validation, test)" if loco else "MVTec AD (train, test)"
    layout = Layout(name, [], bool(masks or beside_of), list(_assumed(photos, mvtec)))
    ng = {place.name: place.ngs == {True} for place in photos}
    loose = {p.name for p in photos if ng[p.name] and not p.defect and p.split_at < 0}
    given, left = pair(masks, ng, loose)
    layout.left_alone = [*_without_label(places, words), *left, *map(BadFile, made, made.values())]
    for place, kind in zip(photos, _kinds(photos), strict=True):
        own = (*beside_of.get(place.name, ()), *given.get(place.name, ()))
        if ng[place.name]:
            layout.entries.append(Entry(place.name, True, kind, "test", own))
        else:
            layout.left_alone += [BadFile(mask, "a mask of a good photo") for mask in own]
            layout.entries.append(Entry(place.name, False, kind, place.split))
    return layout


def read_beside(files: Files) -> Layout | None:
    """Photos with a mask beside each and no word for good or NG: a mask that is empty says good.

    KolektorSDD (`kos01/Part5.jpg`, `kos01/Part5_label.bmp`) and KolektorSDD2
    (`train/10301.png`, `train/10301_GT.png`); None where it is none of these.
    """
    of = beside(files.pictures)
    taken = {mask for masks in of.values() for mask in masks}
    photos = [name for name in files.pictures if name not in taken]
    if not of or len(of) < len(photos):
        return None
    entries, assumed = [], ["a photo is NG if the mask beside it marks anything"]
    for name in photos:
        try:
            ng = any(read_mask(files.root / mask).any() for mask in of[name])
        except DataError as error:
            files.left.append(BadFile(name, f"its mask cannot be read: {error}"))
            continue
        folders = PurePosixPath(name).parts[:-1]
        split = next((s for part in folders if (s := SPLIT_WORDS.get(phrase(part)))), "")
        group = folders[-1] if folders and not split else ""
        kind, split = ("defect", "test") if ng else ("good", split)
        entries.append(Entry(name, ng, kind, split, tuple(of[name]) if ng else (), group))
    if any(entry.group for entry in entries):
        assumed += ["photos of one folder show one part, so they share a split"]
    return Layout("a mask beside each photo", entries, True, assumed)


def read_flat(files: Files, *, below: bool = False) -> Layout | None:
    """Pictures side by side, unlabelled; those of sub-folders too where `below`."""
    chosen = [name for name in files.pictures if below or "/" not in name]
    left = [] if below else [name for name in files.pictures if "/" in name]
    reason = 'below a flat folder; layout="flat" takes it in, unlabelled'
    entries = [Entry(name, None, "", "test") for name in chosen]
    return Layout("pictures side by side, unlabelled", entries,
                  left_alone=_by_folder(left, chosen, reason)) if chosen else None  # fmt: skip


def nothing_found(files: Files) -> DataError:
    """The error for a folder in which nothing was understood."""
    tops = sorted({PurePosixPath(name).parts[0] for name in files.pictures if "/" in name})
    folders = [f"{top}/" for top in tops]
    found = [*folders[:8], *["..."] * (len(folders) > 8), f"{len(files.others)} other files"]
    if not (tops or files.others or files.left or files.pictures):
        return DataError(f"{files.root} must hold {EXPECTED}; it is empty")
    left = [*files.left, *(file for file in unread(files.others) if file.reason != "no picture")]
    named = f" and left alone {listed(left, 5)}" if left else ""
    hint = f"; pictures end in {' '.join(sorted(SUFFIXES))}"
    if tops:
        hint = (
            f'; say what the folders mean by layout="{tops[0]}=OK" (or NG, or skip), or read all '
            'unlabelled by layout="flat"'
        )
    return DataError(f"{files.root} must hold {EXPECTED}; found {', '.join(found)}{named}{hint}")


def places_of(names: Iterable[str], words: Words) -> tuple[list[_Place], bool]:
    """What the folders of each picture say, and whether they are those of MVTec AD."""
    by_folder: dict[str, _Place] = {}
    places = []
    for name in names:
        folder = name.rpartition("/")[0]
        if folder not in by_folder:
            by_folder[folder] = _place(name, words)
        places.append(by_folder[folder]._replace(name=name))
    mvtec = any(place.split == "train" and place.ngs == {False} for place in places)
    return [_kind_under_test(p, words) for p in places] if mvtec else places, mvtec


def _place(name: str, words: Words) -> _Place:
    folders = tuple(name.split("/")[:-1])
    place = _Place(name, folders, "", -1, frozenset(), -1, "")
    for at, folder in enumerate(folders):
        if not place.split and (split := SPLIT_WORDS.get(phrase(folder))):
            place = place._replace(split=split, split_at=at)
        said = word(folder, words)
        if said.ng is not None:
            place = place if place.ngs else place._replace(label_at=at, kind=said.kind)
            place = place._replace(ngs=place.ngs | {said.ng})
        elif folded(folder) in words or phrase(folder) in DERIVED:  # to be skipped
            return place._replace(ngs=frozenset(), label_at=-1, kind="")
        elif place.ngs:  # NG/OK_after_rework
            hints = (word(token, words).ng for token in tokens(folder))
            place = place._replace(ngs=place.ngs | {ng for ng in hints if ng is not None})
    return place


def _kind_under_test(place: _Place, words: Words) -> _Place:
    """MVTec AD: a folder under test/ names the kind of defect, unless it says that it is good."""
    under = place.folders[place.split_at + 1 :]
    if place.split != "test" or not under or len(place.ngs) > 1 or place.ngs == {False}:
        return place
    kind = under[0]
    if word(kind, words).ng is None and (folded(kind) in words or not may_be_kind(kind)):
        return place
    return place._replace(ngs=frozenset({True}), label_at=place.split_at + 1, kind=kind)


def made_from(names: Sequence[str]) -> dict[str, str]:
    """Pictures beside a photo that a program made from it, and why they are left alone."""
    return {
        made: f"made from {photo}, by its name"
        for photo, others in beside(names, DERIVED).items()
        for made in others
    }


def refuse_several(at: Path, root: Path, objects: Collection[str]) -> None:
    """Refuse several products at once, on which training means nothing."""
    if len(objects) > 1:
        shown = ", ".join(sorted(objects)[:8])
        raise DataError(
            f"{at} must hold one data set, got {len(objects)}: {shown}; choose one, such as "
            f"{root / min(objects)}"
        )


def _refuse_whole(files: Files, places: Sequence[_Place]) -> None:
    """MVTec AD, BTAD, VisA or the simulator as a whole."""
    tops = {place.folders[0] for place in places if place.split_at > 0}
    visa = {p.folders[0] for p in places if [f.casefold() for f in p.folders[1:3]] == _VISA}
    known = {p.folders[0] for p in places if p.folders[0].casefold() in _SIMULATOR}
    for several in (tops, visa, known):
        refuse_several(files.root, files.root, several)


def _without_label(places: Sequence[_Place], words: Words) -> list[BadFile]:
    used = [place.name for place in places if len(place.ngs) == 1]
    both = [place.name for place in places if len(place.ngs) > 1]
    none = sorted(place.name for place in places if not place.ngs)
    asked = [n for n in none if any(folded(p) in words for p in PurePosixPath(n).parts[:-1])]
    loose = [name for name in none if "/" not in name]
    rest = [name for name in none if name not in {*asked, *loose}]
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
        else BadFile(
            f"{name}/", f"{amount(count, 'picture')}: {reason.format(PurePosixPath(name).name)}"
        )
        for name, count in sorted(counts.items())
    ]


def _kinds(places: Sequence[_Place]) -> list[str]:
    """The kind of defect by the folders, else by the letters before the first "_".

    The latter only if they sort all loose NG files of the folder into groups of two or more.
    """
    kinds = [place.defect for place in places]
    stems = [PurePosixPath(place.name).name for place in places]
    loose = [re.match(r"([^\W\d_]+)_", s) for s, k in zip(stems, kinds, strict=True) if not k]
    groups = Counter(match and match[1].lower() for match in loose)
    grouped = len(groups) >= 2 and None not in groups and min(groups.values()) >= 2
    rest = iter(match[1].lower() if grouped and match else "defect" for match in loose)
    return [kind or next(rest) for kind in kinds]


def _assumed(photos: Sequence[_Place], mvtec: bool) -> Iterable[str]:
    said = {(p.folders[p.label_at], p.ngs == {True}) for p in photos if p.label_at >= 0}
    good, bad = (sorted(f for f, ng in said if ng is which) for which in (False, True))
    sides = [f"{', '.join(good)} say good"] * bool(good) + [f"{', '.join(bad)} say NG"] * bool(bad)
    yield "; ".join(sides)
    if mvtec and (guessed := [f for f in bad if word(f).ng is None]):
        yield f"folders under test/ name kinds of defect: {', '.join(guessed)}"
    if any(place.split == "train" and place.ngs == {True} for place in photos):
        yield "NG photos under train/ are tested on: none is learned from"
    lots = {place.folders[0] for place in photos if place.label_at > 0 and place.split_at < 0}
    if len(lots) > 1:
        yield f"{len(lots)} lots are one data set: {', '.join(sorted(lots)[:8])}"
