"""A folder of part photos: names, labels, splits and masks, without the pixels.

The name, a posix path relative to the folder, is the identity of a picture everywhere: in the
saved split, in the result file, in the report.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import DataError

from .contents import Known, recognise
from .decode import WHITE, Header, image_size, read_image
from .masks import joined_mask
from .splits import SPLITS, Parts
from .walk import BadFile


@dataclass(frozen=True, eq=False)
class ImageFolder(Parts, Sequence[Path]):
    """What `load_images` found; a sequence of paths that can be cut like an array."""

    root: Path  # that names are relative to
    names: tuple[str, ...]  # posix paths: the identity in splits, result files and reports
    labels: NDArray[np.bool_] | None  # True for NG; None for an unlabelled folder
    splits: tuple[str, ...]  # "train", "calibration" or "test", one a picture
    kinds: tuple[str, ...]  # "good", a kind of defect, or ""
    masks: tuple[Path | None, ...]  # ground truth; further files of a picture in `more_masks`
    bad: tuple[BadFile, ...] = ()  # pictures and masks that cannot be used, and why
    note: str = ""  # what `sample.json` in the folder says of it
    has_masks: bool = False  # there is ground truth, so that a good picture has none marked
    corrected: tuple[str, ...] = ()  # names whose label is the relabel file's
    reading: Mapping[str, Any] = field(default_factory=dict)  # options that read it so again
    more_masks: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    layout: str = ""  # what the folder was taken for
    assumed: tuple[str, ...] = ()  # what was decided about it without proof
    left_alone: tuple[BadFile, ...] = ()  # files and folders that are not used, and why
    groups: tuple[str, ...] = ()  # the part that each picture shows, "" for one by itself
    headers: tuple[Header, ...] = ()  # one a picture; () for a folder made by hand
    details: tuple[Mapping[str, str], ...] = ()  # further columns of a table, as lot and camera
    copies: tuple[tuple[str, ...], ...] = ()  # groups of names with the same content
    white: int = WHITE  # the value that is white in 16-bit pictures
    known: Known | None = None  # photos of a training found again; see `with_split`

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice | ArrayLike) -> "ImageFolder": ...
    def __getitem__(self, index):
        """The path at a position, or the sub-folder at a slice, positions or a bool mask."""
        if isinstance(index, int | np.integer):
            return self.root / self.names[index]
        chosen = self._chosen(index).tolist()
        each = ("names", "splits", "kinds", "masks", "groups", "headers", "details")
        columns = {name: getattr(self, name) for name in each}
        pick = {name: tuple(v[i] for i in chosen) for name, v in columns.items() if v}
        labels = None if self.labels is None else self.labels[chosen]
        names = set(pick.get("names", ()))
        corrected = tuple(name for name in self.corrected if name in names)
        return replace(self, labels=labels, corrected=corrected, **pick)

    def __repr__(self) -> str:
        counts = ", ".join(f"{n} {name}" for name, n in self._counts().items() if n)
        note = f", {self.note}" if self.note else ""
        left = f", {len(self.left_alone)} left alone" if self.left_alone else ""
        return f"ImageFolder({str(self.root)!r}: {counts or 'empty'}{left}{note})"

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files, in the order of `names`."""
        return tuple(self.root / name for name in self.names)

    @property
    def folder_labels(self) -> NDArray[np.bool_] | None:
        """The labels as the folder has them, before the relabel file corrected any."""
        if self.labels is None:
            return None
        return self.labels ^ np.isin(self.names, self.corrected)

    def split(self) -> dict[str, str]:
        """Name to split, fit for JSON."""
        return dict(zip(self.names, self.splits, strict=True))

    def with_split(
        self, mapping: Mapping[str, str], contents: Mapping[str, Sequence[Any]] | None = None
    ) -> "ImageFolder":
        """The same folder, split as it was saved; pictures that are new since then are test.

        A picture is known again by its name, its name in other letters (OK/ or ok/, composed or
        not) and, where contents were saved, by what is in the file: renamed, moved and copied
        pictures keep their split. What is missing or has changed is in `known`.
        """
        unknown = set(mapping.values()) - set(SPLITS)
        if unknown:
            raise ValueError(f"a split must be one of {SPLITS}, got {sorted(unknown)}")
        known = recognise(self.root, self.names, mapping, contents or {})
        splits = tuple(known.splits.get(name, "test") for name in self.names)
        return replace(self, splits=splits, known=known)

    def relabelled(self, mapping: Mapping[str, bool]) -> "ImageFolder":
        """The same folder with other labels, True for NG; names that are not here are left aside.

        Splits stay, so that a training picture found to be NG is neither learned from nor
        tested on. Its kind is "relabelled"; an NG picture found to be OK loses its mask.
        """
        if self.labels is None or self.folder_labels is None:
            raise DataError(f"{self.root} must be labelled to be relabelled; it is a flat folder")
        pairs = zip(self.names, self.labels.tolist(), strict=True)
        now = np.array([mapping.get(name, ng) for name, ng in pairs], dtype=bool)
        kinds = np.where(now, "relabelled", "good")
        return replace(
            self,
            labels=now,
            corrected=tuple(np.array(self.names, object)[now != self.folder_labels].tolist()),
            kinds=tuple(np.where(now == self.labels, self.kinds, kinds).tolist()),
            masks=tuple(m if ng else None for m, ng in zip(self.masks, now, strict=True)),
        )

    def image(self, i: int) -> NDArray[np.uint8]:
        """Picture `i` as RGB, shape (H, W, 3)."""
        return read_image(self[i], self.white)

    def mask(self, i: int) -> NDArray[np.bool_] | None:
        """Defective pixels of picture `i`, shape (H, W), or None where nobody marked them.

        A good picture of a folder with ground truth has an empty mask.
        """
        path = self.masks[i]
        if path is not None:
            files = (path, *self.more_masks.get(self.names[i], ()))
            return joined_mask(files, image_size(self[i]))
        known_good = self.has_masks and self.labels is not None and not self.labels[i]
        return np.zeros(image_size(self[i]), dtype=bool) if known_good else None

    def with_fit_masks(self) -> "ImageFolder":
        """The same folder without masks that are unreadable, of another size, empty or full.

        Those are named in `bad`.
        """

        def fault(i: int) -> BadFile | None:
            if (path := self.masks[i]) is None:
                return None
            try:
                self.mask(i)
            except DataError as error:
                reason = str(error).removeprefix(str(path)).lstrip(": ")
                return BadFile(path.relative_to(self.root).as_posix(), reason)
            return None

        with ThreadPoolExecutor(4) as pool:
            faults = list(pool.map(fault, range(len(self))))
        masks = tuple(None if bad else m for m, bad in zip(self.masks, faults, strict=True))
        return replace(self, masks=masks, bad=(*self.bad, *filter(None, faults)))

    def fingerprint(self) -> str:
        """SHA-256 over names and file contents, the same on every system."""
        total = hashlib.sha256()
        for name in sorted(self.names):
            content = hashlib.sha256((self.root / name).read_bytes()).hexdigest()
            total.update(f"{name}\0{content}\n".encode())
        return total.hexdigest()

    def summary(self) -> dict[str, Any]:
        """Counts by label, kind, split and depth, sizes, masks, what is left out; for JSON."""
        return {
            "root": self.root.as_posix(),
            "images": len(self),
            "labels": self._counts(),
            "kinds": dict(sorted(Counter(kind for kind in self.kinds if kind).items())),
            "splits": {name: self.splits.count(name) for name in SPLITS},
            "sizes": _sizes(self.headers),
            "bits": dict(Counter(str(header.bits) for header in self.headers)),
            "formats": dict(Counter(header.format for header in self.headers)),
            "white": self.white,
            "masks": sum(mask is not None for mask in self.masks),
            "groups": len(set(self.groups) - {""}),
            "layout": self.layout,
            "assumed": list(self.assumed),
            "left_alone": [{"name": name, "reason": reason} for name, reason in self.left_alone],
            "copies": [list(group) for group in self.copies],
            "bad": [{"name": name, "reason": reason} for name, reason in self.bad],
            "relabelled": len(self.corrected),
            "note": self.note,
        }

    def _in(self, split: str) -> NDArray[np.bool_]:
        here = np.array([name == split for name in self.splits], dtype=bool)
        return here if split == "test" else here & self._labelled(ng=False)

    def _counts(self) -> dict[str, int]:
        if self.labels is None:
            return {"unlabelled": len(self)}
        ng = int(self.labels.sum())
        return {"OK": len(self) - ng, "NG": ng}


def _sizes(headers: Sequence[Header]) -> dict[str, list[int]]:
    """[width, height] in pixels: smallest, median and largest of each side by itself."""
    if not headers:
        return {}
    sizes = np.array([(header.width, header.height) for header in headers])
    rows = {"min": sizes.min(0), "median": np.median(sizes, 0), "max": sizes.max(0)}
    return {name: [int(side) for side in row] for name, row in rows.items()}
