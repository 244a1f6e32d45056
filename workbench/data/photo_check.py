"""The check-up of a photo folder: what it was taken for, what is odd, and what would change it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from workbench.errors import DataError

from .check import DataCheck
from .decode import read_image
from .folder import ImageFolder
from .label_table import read_table
from .photo_stats import PhotoStats, near_groups, photo_stats
from .walk import BadFile

FEW = 20  # good photos below which a detector knows too little of what varies
_SHOWN = 8


def photo_check(images: ImageFolder, *, pixels: bool = True) -> DataCheck:
    """What was understood of a loaded folder, and what a person should look at.

    Args:
        images: As from `load_images`.
        pixels: Decode every photo, to find near-copies: photos that may show one part.
    """
    summary = images.summary()
    near = _near_copies(images) if pixels and len(images) else []
    odd = [*_bad(images.bad), *_copies(images), *_near(images, near), *_depth(images)]
    odd += [*_confounded(images), *_few(images), *_unmarked(images)]
    return DataCheck(
        str(images.root),
        "photos",
        tuple(_understood(images, summary)),
        images.assumed,
        tuple(_left_alone(images.left_alone)),
        tuple(odd),
        tuple(_options(images, near)),
        summary | {"near_copies": [[images.names[i] for i in group] for group in near]},
    )


def in_short(images: ImageFolder) -> str:
    """Two sentences for a report: what the folder was taken for, and what is not used.

    Example:
        >>> in_short(ImageFolder(Path("lot"), ("a.png",), None, ("test",), ("",), (None,)))
        'Every picture of the folder is used.'
    """
    taken = f"Read as {images.layout}. " if images.layout else ""
    further = f" Assumed: {'; '.join(images.assumed)}." if images.assumed else ""
    unused = [file for file in images.left_alone if file.reason not in ("hidden", "no picture")]
    if not unused:
        return f"{taken}Every picture of the folder is used.{further}"
    names = ", ".join(file.name for file in unused[:_SHOWN])
    more = f" and {len(unused) - _SHOWN} more" if len(unused) > _SHOWN else ""
    return f"{taken}Left alone: {names}{more}.{further}"


def group_table(groups: Sequence[Sequence[str]]) -> str:
    """A CSV `file name,group` of photos that look like one part, for `groups=`.

    Example:
        >>> group_table([["OK/a.png", "OK/b.png"]]).splitlines()
        ['file name,group', '"OK/a.png",part-001', '"OK/b.png",part-001']
    """
    rows = [(name, f"part-{n:03d}") for n, group in enumerate(groups, 1) for name in group]
    return "file name,group\n" + "".join(f'"{name}",{part}\n' for name, part in rows)


def _understood(images: ImageFolder, summary: Mapping[str, Any]) -> Iterable[str]:
    counts = ", ".join(f"{n:,} {label}" for label, n in summary["labels"].items())
    yield f"images: {len(images):,}, of them {counts}" + (
        f" ({images.note})" if images.note else ""
    )
    if images.layout:
        yield f"layout: {images.layout}"
    kinds = {kind: n for kind, n in summary["kinds"].items() if kind != "good"}
    if kinds:
        yield "kinds of defect: " + ", ".join(f"{kind} {n:,}" for kind, n in kinds.items())
    yield "split: " + ", ".join(f"{split} {n:,}" for split, n in summary["splits"].items())
    if sizes := summary["sizes"]:
        low, mid, high = (f"{w} x {h}" for w, h in sizes.values())
        yield f"pixels: {low}" if low == high else f"pixels: {low} to {high}, median {mid}"
        formats = ", ".join(f"{form} {n:,}" for form, n in summary["formats"].items())
        bits = ", ".join(f"{_bits(b)} {n:,}" for b, n in summary["bits"].items())
        yield f"formats: {formats}; depth: {bits}"
    if images.has_masks:
        yield f"masks: {summary['masks']:,} of {len(images.ng):,} NG photos have one"
    if summary["groups"]:
        sizes = Counter(group for group in images.groups if group)
        yield f"parts: {len(sizes):,} of up to {max(sizes.values())} photos share a split each"
    if summary["relabelled"]:
        yield f"labels corrected by inspectors: {summary['relabelled']:,}"


def _bits(bits: str) -> str:
    return "16 bits in colour" if bits == "48" else f"{bits} bits"


def _left_alone(left: Sequence[BadFile]) -> Iterable[str]:
    """One line each, but plain other files and hidden ones by their number."""
    plain = [file for file in left if file.reason in ("hidden", "no picture")]
    for file in left:
        if file not in plain:
            yield f"{file.name}: {file.reason}"
    for reason, said in (("no picture", "no pictures"), ("hidden", "hidden")):
        names = [file.name for file in plain if file.reason == reason]
        if names:
            ends = Counter(PurePosixPath(name).suffix or "no ending" for name in names)
            by_ending = ", ".join(f"{end} {n}" for end, n in ends.most_common(_SHOWN))
            yield f"{len(names):,} files that are {said} ({by_ending}), such as {names[0]}"


def _bad(bad: Sequence[BadFile]) -> Iterable[str]:
    return (f"{file.name} {file.reason}" for file in bad)


def _copies(images: ImageFolder) -> Iterable[str]:
    at = {name: i for i, name in enumerate(images.names)}
    groups = [[at[name] for name in group if name in at] for group in images.copies]
    if groups:
        first = " = ".join(images.names[i] for i in groups[0])
        yield f"{len(groups):,} photos are there more than once, such as {first}"
    divided = [g for g in groups if len({images.splits[i] for i in g} - {"calibration"}) > 1]
    if divided:
        yield f"{len(divided):,} of them are trained with and tested on, which proves nothing"
    if images.labels is not None:
        both = [g for g in groups if len({bool(images.labels[i]) for i in g}) > 1]
        for group in both[:_SHOWN]:
            names = " = ".join(images.names[i] for i in group)
            yield f"{names}: one photo, called good and NG; settle which"


def _near_copies(images: ImageFolder) -> list[list[int]]:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda path: _stats(path, images.white), images.paths))
    rows = [i for i, stats in enumerate(found) if stats]
    stats = [found[i] for i in rows]
    if len(rows) < 3:  # what all share cannot be told from what two share
        return []
    signatures = np.stack([s.signature for s in stats if s])
    sizes = np.array([(s.height, s.width) for s in stats if s])
    return [[rows[i] for i in group] for group in near_groups(signatures, sizes)]


def _stats(path: Path, white: int) -> PhotoStats | None:
    try:
        return photo_stats(read_image(path, white))
    except DataError:
        return None


def _near(images: ImageFolder, near: Sequence[Sequence[int]]) -> Iterable[str]:
    apart = [g for g in near if not _one_group(images, g)]
    if not apart:
        return
    photos, most = sum(map(len, apart)), max(map(len, apart))
    divided = sum(_divided(images, group) for group in apart)
    yield (
        f"{photos:,} photos look like {len(apart):,} parts taken up to {most} times, such as "
        f"{' and '.join(images.names[i] for i in apart[0][:2])}; {divided:,} of these parts are "
        "trained with and tested on"
    )


def _divided(images: ImageFolder, group: Sequence[int]) -> bool:
    splits = {images.splits[i] for i in group}
    return "test" in splits and len(splits) > 1


def _one_group(images: ImageFolder, group: Sequence[int]) -> bool:
    parts = {images.groups[i] for i in group} if images.groups else {""}
    return len(parts) == 1 and parts != {""}


def _depth(images: ImageFolder) -> Iterable[str]:
    deep = [n for n, h in zip(images.names, images.headers, strict=False) if h.bits == 48]
    if deep:
        yield (
            f"{len(deep):,} photos have 16 bits in colour, of which the upper 8 are read, such as "
            f"{deep[0]}; where the camera fills fewer bits, save them as 8 bits"
        )


def _confounded(images: ImageFolder) -> Iterable[str]:
    """Format, depth or size that alone tells good from NG."""
    if images.labels is None or not images.headers or not 0 < images.labels.sum() < len(images):
        return
    for what, of in (
        ("format", lambda h: h.format),
        ("depth", lambda h: h.bits),
        ("size", lambda h: (h.width, h.height)),
    ):
        values: dict[bool, set] = defaultdict(set)
        for header, ng in zip(images.headers, images.labels, strict=True):
            values[bool(ng)].add(of(header))
        if not values[True] & values[False] and len(values[True] | values[False]) < 5:
            yield f"good and NG photos differ in {what} throughout, which alone tells them apart"


def _few(images: ImageFolder) -> Iterable[str]:
    if images.labels is not None and len(images.train) < FEW:
        yield f"{len(images.train)} good photos to learn from are few; below {FEW}, expect little"


def _unmarked(images: ImageFolder) -> Iterable[str]:
    if images.has_masks:
        without = [n for n, mask in zip(images.ng.names, images.ng.masks, strict=True) if not mask]
        if without:
            yield f"{len(without):,} NG photos have no mask that can be used, such as {without[0]}"


def _group_files(images: ImageFolder) -> Iterable[str]:
    """Tables of parts in the folder that are not in use."""
    for file in images.left_alone:
        path = images.root / file.name
        if path.suffix.lower() == ".csv" and not any(images.groups):
            with suppress(DataError):
                if read_table(path, ("name", "group")):
                    yield str(path)


def _options(images: ImageFolder, near: Sequence[Sequence[int]]) -> Iterable[str]:
    unknown = [file.name.rstrip("/") for file in images.left_alone if "no word for" in file.reason]
    for name in unknown[:_SHOWN]:
        last = PurePosixPath(name).name
        yield f"--layout '{last}=OK' (or NG, or skip): what the folder {name}/ means"
    for name in _group_files(images):
        yield f"--groups {name}: the parts that this table names, each in one split"
    if any(not _one_group(images, group) for group in near):
        yield "--write-groups FILE: the parts that were found, as a file for --groups"
        yield "--groups FILE: each part in one split"
    elif not any(images.groups):
        yield "--groups FILE, folder, or a pattern such as '{part}_cam*': each part in one split"
    if images.corrected:
        yield "--no-relabels: labels as in the folder, without inspectors' corrections"
    if images.labels is not None:
        yield "--layout folders, flat, or FILE.csv: how labels are read"
