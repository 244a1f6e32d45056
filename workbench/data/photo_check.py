"""The check-up of a photo folder: what it was taken for, what is odd, and what would change it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from workbench.errors import DataError
from workbench.language import said_again, translator

from .check import DataCheck
from .csv import csv_text
from .decode import read_image
from .folder import ImageFolder
from .label_table import read_table
from .photo_stats import PhotoStats, near_groups, photo_stats
from .walk import BadFile
from .words import amount

FEWEST, FEW = 10, 30
"""Good photos that a threshold needs, and from which on some are held out for it."""
_SHOWN = 8
_Group = Sequence[int]
"""Photos that show one part, by their positions."""


def photo_check(images: ImageFolder, *, pixels: bool = True) -> DataCheck:
    """What was understood of a loaded folder, and what a person should look at.

    With `pixels` every photo is decoded, to find near-copies, which may show one part.
    """
    summary = images.summary()
    near = _near_copies(images) if pixels and len(images) else []
    apart = [group for group in near if not _is_one_group(images, group)]
    odd = [*(f"{file.name} {file.reason}" for file in images.bad), *_copies(images)]
    odd += [*_near(images, apart), *_confounded(images)]
    odd += [*filter(None, [few_good(images)]), *_unmasked(images)]
    facts = summary | {"near_copies": [[images.names[i] for i in group] for group in near]}
    return DataCheck(
        str(images.root), "photos", tuple(_understood(images, summary)), images.assumed,
        tuple(_left_alone(images.left_alone)), tuple(odd), tuple(_options(images, bool(apart))),
        facts,
    )  # fmt: skip


def in_short(images: ImageFolder, t: Callable[..., str] | None = None) -> str:
    """Two sentences for a report: what the folder was taken for, and what is not used.

    Args:
        t: As from `language.translator`; None says it in English.

    Example:
        >>> in_short(ImageFolder(Path("lot"), ("a.png",), None, ("test",), ("",), (None,)))
        'Every picture of the folder is used.'
    """
    t = t or translator("en")
    taken = t("Read as {0}.", t(images.layout)) + " " if images.layout else ""
    each = filter(None, "; ".join(images.assumed).split("; "))
    assumed = "; ".join(said_again(one, t) for one in each)
    further = " " + t("Assumed: {0}.", assumed) if assumed else ""
    unused = [file.name for file in images.left_alone if file.reason not in _PLAIN]
    more = f" and {len(unused) - _SHOWN} more" if len(unused) > _SHOWN else ""
    left = t("Left alone: {0}.", ", ".join(unused[:_SHOWN]) + more)
    return f"{taken}{left if unused else t('Every picture of the folder is used.')}{further}"


def few_good(images: ImageFolder) -> str:
    """What is said of good photos too few for a verdict, or for a held-out threshold; or ""."""
    learned, good = len(images.train), len(images.train) + len(images.calibration)
    if images.labels is None or learned >= FEW:
        return ""
    if good < FEWEST:
        few = f"expect a first look, not verdicts; {FEWEST} at least, best 100"
        return f"{amount(good, 'good photo')} to train on: {few}"
    few = f"below {FEW} all good ones set the threshold, by cross-fitting; best 100"
    return f"{learned} good photos to train on: {few}"


def group_table(groups: Sequence[Sequence[str]]) -> str:
    """A CSV `file name,group` of photos that look like one part, for `groups=`.

    Example:
        >>> group_table([["OK/a.png", "OK/b.png"]]).splitlines()
        ['file name,group', 'OK/a.png,part-001', 'OK/b.png,part-001']
    """
    rows = [(name, f"part-{n:03d}") for n, group in enumerate(groups, 1) for name in group]
    return csv_text([("file name", "group"), *rows])


_PLAIN = ("no picture", "hidden")


def _understood(images: ImageFolder, summary: Mapping[str, Any]) -> Iterable[str]:
    note = f" ({images.note})" if images.note else ""
    counted = ", ".join(f"{n:,} {word}" for word, n in summary["labels"].items())
    yield f"images: {len(images):,}, of them {counted}{note}"
    if images.layout:
        yield f"layout: {images.layout}"
    if kinds := {kind: n for kind, n in summary["kinds"].items() if kind != "good"}:
        yield f"kinds of defect: {', '.join(f'{kind} {n:,}' for kind, n in kinds.items())}"
    yield f"split: {', '.join(f'{split} {n:,}' for split, n in summary['splits'].items())}"
    if sizes := summary["sizes"]:
        low, mid, high = (f"{w} x {h}" for w, h in sizes.values())
        yield f"pixels: {low}" if low == high else f"pixels: {low} to {high}, median {mid}"
        formats = ", ".join(f"{form} {n:,}" for form, n in summary["formats"].items())
        bits = ", ".join(f"{bits} bits {n:,}" for bits, n in summary["bits"].items())
        yield f"formats: {formats}; depth: {bits}"
    if images.has_masks:
        yield f"masks: {summary['masks']:,} of {len(images.ng):,} NG photos have one"
    if summary["groups"]:
        most = max(Counter(group for group in images.groups if group).values())
        yield f"parts: {summary['groups']:,} of up to {most} photos share a split each"
    if summary["relabelled"]:
        yield f"labels corrected by inspectors: {summary['relabelled']:,}"


def _left_alone(left: Sequence[BadFile]) -> Iterable[str]:
    """One line each, but plain other files and hidden ones by their number."""
    yield from (f"{file.name}: {file.reason}" for file in left if file.reason not in _PLAIN)
    for reason in _PLAIN:
        if names := [file.name for file in left if file.reason == reason]:
            ends = Counter(PurePosixPath(name).suffix or "no ending" for name in names)
            by_ending = ", ".join(f"{end} {n}" for end, n in ends.most_common(_SHOWN))
            yield f"{reason}: {amount(len(names), 'file')} ({by_ending}), such as {names[0]}"


def _copies(images: ImageFolder) -> Iterable[str]:
    at = {name: i for i, name in enumerate(images.names)}
    groups = [[at[name] for name in group if name in at] for group in images.copies]
    if groups:
        first = " = ".join(images.names[i] for i in groups[0])
        yield f"there more than once: {amount(len(groups), 'photo')}, such as {first}"
    if divided := sum(_divided(images, group) for group in groups):
        yield f"{divided:,} of them are trained with and tested on, which proves nothing"
    labels = images.labels if images.labels is not None else np.zeros(len(images), bool)
    for group in [g for g in groups if len({bool(labels[i]) for i in g}) > 1][:_SHOWN]:
        names = " = ".join(images.names[i] for i in group)
        yield f"{names}: one photo, called good and NG; settle which"


def _near_copies(images: ImageFolder) -> list[list[int]]:
    def stats(path: Path) -> PhotoStats | None:
        with suppress(DataError):
            return photo_stats(read_image(path, images.white))
        return None

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(stats, images.paths))
    rows = [i for i, seen in enumerate(found) if seen]
    seen = [s for s in found if s]
    if not seen:
        return []
    sizes = np.array([(s.height, s.width) for s in seen])
    groups = near_groups(np.stack([s.signature for s in seen]), sizes)
    return [[rows[i] for i in group] for group in groups]


def _near(images: ImageFolder, apart: Sequence[_Group]) -> Iterable[str]:
    if apart:
        divided = sum(_divided(images, group) for group in apart)
        yield (
            f"{sum(map(len, apart)):,} photos look like parts taken more than once (groups: "
            f"{len(apart):,}, largest: {max(map(len, apart))}), such as "
            f"{' and '.join(images.names[i] for i in apart[0][:2])}"
            + f"; groups both trained with and tested on: {divided:,}"
            * (divided > 0)
        )


def _divided(images: ImageFolder, group: _Group) -> bool:
    splits = {images.splits[i] for i in group}
    return "test" in splits and len(splits) > 1


def _is_one_group(images: ImageFolder, group: _Group) -> bool:
    parts = {images.groups[i] for i in group} if images.groups else {""}
    return len(parts) == 1 and parts != {""}


def _confounded(images: ImageFolder) -> Iterable[str]:
    """Format, depth or size that alone tells good from NG."""
    if images.labels is None or not images.headers:
        return
    marks = {"format": lambda seen: seen.format, "depth": lambda seen: seen.bits,
             "size": lambda seen: seen[:2]}  # fmt: skip
    for what, of in marks.items():
        pairs = list(zip(map(of, images.headers), images.labels, strict=True))
        good, bad = ({mark for mark, ng in pairs if bool(ng) is side} for side in (False, True))
        if good and bad and not good & bad and len(good | bad) < 5:
            yield f"good and NG photos differ in {what} throughout, which alone tells them apart"


def _unmasked(images: ImageFolder) -> Iterable[str]:
    pairs = zip(images.names, images.masks, strict=True) if images.has_masks else ()
    ng = set(images.ng.names)
    if without := [name for name, mask in pairs if name in ng and not mask]:
        yield f"no mask that can be used: {amount(len(without), 'NG photo')}, such as {without[0]}"


def _options(images: ImageFolder, apart: bool) -> Iterable[str]:
    unknown = [file.name.rstrip("/") for file in images.left_alone if "no word for" in file.reason]
    for name in unknown[:_SHOWN]:
        last = PurePosixPath(name).name
        yield f"--layout '{last}=OK' (or NG, or skip): what the folder {name}/ means"
    for file in images.left_alone if not any(images.groups) else ():
        path = images.root / file.name
        with suppress(DataError):
            if path.suffix.lower() == ".csv" and read_table(path, ("name", "group")):
                yield f"--groups {path}: the parts that this table names, each in one split"
    if apart:
        yield "--write-groups FILE: the parts that were found, as a file for --groups"
        yield "--groups FILE: each part in one split"
    elif not any(images.groups):
        yield "--groups FILE, folder, or a pattern such as '{part}_cam*': each part in one split"
    if images.corrected:
        yield "--no-relabels: labels as in the folder, without inspectors' corrections"
    if images.labels is not None:
        yield "--layout folders, flat, or FILE.csv: how labels are read"
