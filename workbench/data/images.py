"""A folder of part photos: names, labels, splits and masks, without the pixels.

The name, a posix path relative to the folder, is the identity of a picture everywhere: in the
saved split, in the result file, in the report.
"""

import hashlib
import json
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import DataError
from workbench.progress import bar

from .decode import image_size, read_image, read_mask
from .layouts import Entry, read_layout
from .relabels import read_relabels, relabels_path
from .splits import SPLITS, by_hash

MARKER = "sample.json"
"""A file of this name in a folder says in its "note" that the data was generated."""


class BadFile(NamedTuple):
    """A file that was left out: its name in the folder, and why."""

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class ImageFolder(Sequence[Path]):
    """What `load_images` found; a sequence of paths that can be cut like an array.

    `labels` is True for NG and None for an unlabelled folder. `splits` and `kinds` hold one
    word per picture, `masks` the ground-truth file or None. `bad` names what was left out,
    `corrected` the pictures whose label is not the folder's but the relabel file's. `reading`
    holds the options of `load_images` that read the folder the same way again.
    """

    root: Path
    names: tuple[str, ...]
    labels: NDArray[np.bool_] | None
    splits: tuple[str, ...]
    kinds: tuple[str, ...]
    masks: tuple[Path | None, ...]
    bad: tuple[BadFile, ...] = ()
    note: str = ""
    has_masks: bool = False
    corrected: tuple[str, ...] = ()
    reading: Mapping[str, Any] = field(default_factory=dict)

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
        chosen = np.arange(len(self))[_positions(index)].tolist()
        pick = {
            name: tuple(getattr(self, name)[i] for i in chosen)
            for name in ("names", "splits", "kinds", "masks")
        }
        labels = None if self.labels is None else self.labels[chosen]
        corrected = tuple(name for name in self.corrected if name in set(pick["names"]))
        return replace(self, labels=labels, corrected=corrected, **pick)

    def __repr__(self) -> str:
        counts = ", ".join(f"{n} {name}" for name, n in self._counts().items() if n)
        note = f", {self.note}" if self.note else ""
        return f"ImageFolder({str(self.root)!r}: {counts or 'empty'}{note})"

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

    @property
    def ok(self) -> "ImageFolder":
        """The pictures labelled OK; none of an unlabelled folder."""
        return self[self._is_ok()]

    @property
    def ng(self) -> "ImageFolder":
        """The pictures labelled NG; none of an unlabelled folder."""
        return self[np.zeros(len(self), bool) if self.labels is None else self.labels]

    @property
    def train(self) -> "ImageFolder":
        """The OK pictures to learn from."""
        return self[self._in("train") & self._is_ok()]

    @property
    def calibration(self) -> "ImageFolder":
        """The OK pictures held out for the threshold."""
        return self[self._in("calibration") & self._is_ok()]

    @property
    def test(self) -> "ImageFolder":
        """The pictures for the final numbers: the remaining OK and all NG."""
        return self[self._in("test")]

    def split(self) -> dict[str, str]:
        """Name to split, fit for JSON."""
        return dict(zip(self.names, self.splits, strict=True))

    def with_split(self, mapping: Mapping[str, str]) -> "ImageFolder":
        """The same folder, split as it was saved; pictures that are new since then are test.

        Raises:
            ValueError: The mapping holds a word that is no split.
        """
        unknown = set(mapping.values()) - set(SPLITS)
        if unknown:
            raise ValueError(f"a split must be one of {SPLITS}, got {sorted(unknown)}")
        return replace(self, splits=tuple(mapping.get(name, "test") for name in self.names))

    def relabelled(self, mapping: Mapping[str, bool]) -> "ImageFolder":
        """The same folder with other labels, True for NG; names that are not here are left aside.

        Splits stay, so that a training picture found to be NG is neither learned from nor
        tested on. Its kind is "relabelled"; an NG picture found to be OK loses its mask.

        Raises:
            DataError: The folder is unlabelled.
        """
        if self.labels is None:
            raise DataError(f"{self.root} must be labelled to be relabelled; it is a flat folder")
        was = self.labels.tolist()
        now = [bool(mapping.get(name, ng)) for name, ng in zip(self.names, was, strict=True)]
        words = {(False, True): "relabelled", (True, False): "good"}
        changes = zip(was, now, strict=True)
        folder = self.folder_labels.tolist()
        apart = zip(self.names, folder, now, strict=True)
        return replace(
            self,
            labels=np.array(now, dtype=bool),
            corrected=tuple(name for name, before, ng in apart if before != ng),
            kinds=tuple(words.get(c, k) for c, k in zip(changes, self.kinds, strict=True)),
            masks=tuple(m if ng else None for m, ng in zip(self.masks, now, strict=True)),
        )

    def image(self, i: int) -> NDArray[np.uint8]:
        """Picture `i` as RGB, shape (H, W, 3)."""
        return read_image(self[i])

    def mask(self, i: int) -> NDArray[np.bool_] | None:
        """Defective pixels of picture `i`, shape (H, W), or None where nobody marked them.

        A good picture of a folder with ground truth has an empty mask.

        Raises:
            DataError: The mask is unreadable or not as large as its picture.
        """
        path = self.masks[i]
        if path is not None:
            return _fitting_mask(path, image_size(self[i]))
        known_good = self.has_masks and self.labels is not None and not self.labels[i]
        return np.zeros(image_size(self[i]), dtype=bool) if known_good else None

    def fingerprint(self) -> str:
        """SHA-256 over names and file contents, the same on every system."""
        total = hashlib.sha256()
        for name in sorted(self.names):
            content = hashlib.sha256((self.root / name).read_bytes()).hexdigest()
            total.update(f"{name}\0{content}\n".encode())
        return total.hexdigest()

    def summary(self) -> dict:
        """Counts by label, kind and split, sizes, masks and bad files; fit for JSON."""
        return {
            "root": self.root.as_posix(),
            "images": len(self),
            "labels": self._counts(),
            "kinds": dict(sorted(Counter(kind for kind in self.kinds if kind).items())),
            "splits": {name: self.splits.count(name) for name in SPLITS},
            "sizes": _sizes(self.paths),
            "masks": sum(mask is not None for mask in self.masks),
            "bad": [{"name": name, "reason": reason} for name, reason in self.bad],
            "relabelled": len(self.corrected),
            "note": self.note,
        }

    def _is_ok(self) -> NDArray[np.bool_]:
        return np.zeros(len(self), bool) if self.labels is None else ~self.labels

    def _in(self, split: str) -> NDArray[np.bool_]:
        return np.array([name == split for name in self.splits], dtype=bool)

    def _counts(self) -> dict[str, int]:
        if self.labels is None:
            return {"unlabelled": len(self)}
        ng = int(self.labels.sum())
        return {"OK": len(self) - ng, "NG": ng}


def load_images(
    root: Path | str,
    *,
    seed: int = 0,
    calibration: float = 0.15,
    test: float = 0.15,
    relabels: bool = True,
    check: bool = True,
    progress: bool = False,
) -> ImageFolder:
    """The pictures of a folder, labelled and split by where they lie.

    Accepted are `OK/` and `NG/` (any case, either may be missing; ground truth in `masks/`),
    MVTec AD (`train/good/`, `test/<kind>/`, `ground_truth/<kind>/`) and a flat folder, which
    is unlabelled and all test. Training and calibration hold OK pictures only.

    Args:
        root: The folder.
        seed: Another seed, another split.
        calibration: Share of the OK pictures held out for thresholds; of `train/good/` in
            an MVTec folder.
        test: Share of the OK pictures held out for the final numbers; an MVTec folder brings
            its own.
        relabels: Correct labels by `<folder>.relabels.csv`, which inspectors write; see
            `workbench.data.relabels`. Splits are drawn by the folder's own labels.
        check: Decode every file once, to find truncated ones; else open headers only.
        progress: Show a bar meanwhile.

    Returns:
        The folder without the files that cannot be read: those are named in one warning and
        listed in `.bad`.

    Raises:
        DataError: No such folder, no picture in a known layout, none that can be read, or a
            relabel file that is damaged.
        ValueError: A share is out of range.
    """
    root = Path(root)
    entries, has_masks = read_layout(root)
    checked = _check(entries, check, progress)
    bad = tuple(BadFile(path.relative_to(root).as_posix(), why) for path, why in checked.items())
    good = [_without_bad_mask(entry, checked) for entry in entries if entry.path not in checked]
    if not good:
        raise DataError(
            f"{root} must hold readable pictures; all {len(bad)} are bad: {_list(bad)}"
        )
    if bad:
        warnings.warn(f"{root}: left out {len(bad)} bad files: {_list(bad)}", stacklevel=2)
    folder = _folder(root, good, seed, calibration, test, bad=bad, has_masks=has_masks)
    if not relabels:
        return replace(folder, reading={"relabels": False})
    found = read_relabels(relabels_path(root))
    return folder.relabelled(found) if found and folder.labels is not None else folder


def _folder(
    root: Path, entries: list[Entry], seed: int, calibration: float, test: float, **more
) -> ImageFolder:
    names = [entry.path.relative_to(root).as_posix() for entry in entries]
    own_test = any(entry.ng is False and entry.split == "test" for entry in entries)
    drawn = [name for name, entry in zip(names, entries, strict=True) if not entry.split]
    split = dict(
        zip(
            drawn,
            by_hash(drawn, seed=seed, calibration=calibration, test=0.0 if own_test else test),
            strict=True,
        )
    )
    flat = entries[0].ng is None
    return ImageFolder(
        root=root,
        names=tuple(names),
        labels=None if flat else np.array([entry.ng for entry in entries], dtype=bool),
        splits=tuple(split.get(n, e.split) for n, e in zip(names, entries, strict=True)),
        kinds=tuple(entry.kind for entry in entries),
        masks=tuple(entry.mask for entry in entries),
        note=_note(root),
        **more,
    )


def _check(entries: list[Entry], decode: bool, progress: bool) -> dict[Path, str]:
    """What is wrong with which file; PIL decodes without the interpreter lock."""
    look = _damage if decode else _damage_in_header
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        looks = pool.map(look, entries)
        found = bar(looks, desc="check", total=len(entries), unit="img", progress=progress)
        return {path: why for result in found for path, why in result}


def _damage(entry: Entry) -> list[tuple[Path, str]]:
    try:
        size = read_image(entry.path).shape[:2]
    except DataError as error:
        return [(entry.path, _without_path(error, entry.path))]
    try:
        if entry.mask is not None:
            _fitting_mask(entry.mask, size)
    except DataError as error:
        return [(entry.mask, _without_path(error, entry.mask))]
    return []


def _damage_in_header(entry: Entry) -> list[tuple[Path, str]]:
    try:
        image_size(entry.path)
    except DataError as error:
        return [(entry.path, _without_path(error, entry.path))]
    return []


def _without_bad_mask(entry: Entry, bad: Mapping[Path, str]) -> Entry:
    return entry._replace(mask=None) if entry.mask in bad else entry


def _fitting_mask(path: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    mask = read_mask(path)
    if mask.shape != tuple(size):
        raise DataError(
            f"{path} must be as large as its picture, {size[1]} x {size[0]} pixels, "
            f"got {mask.shape[1]} x {mask.shape[0]}"
        )
    return mask


def _without_path(error: DataError, path: Path) -> str:
    return str(error).removeprefix(str(path)).lstrip(": ")


def _list(bad: Iterable[BadFile], most: int = 10) -> str:
    bad = list(bad)
    shown = "; ".join(f"{name} ({reason})" for name, reason in bad[:most])
    return shown + (f"; and {len(bad) - most} more, see .bad" if len(bad) > most else "")


def _note(root: Path) -> str:
    marker = root / MARKER
    try:
        return str(json.loads(marker.read_text("utf-8")).get("note", ""))
    except (OSError, ValueError, AttributeError):
        return ""  # absent, or a file of the user's that happens to have this name


def _positions(index: slice | ArrayLike) -> slice | NDArray:
    if isinstance(index, slice):
        return index
    index = np.asarray(index)
    return index.astype(np.intp) if index.size == 0 and index.dtype != bool else index


def _sizes(paths: Sequence[Path]) -> dict[str, list[int]]:
    """[width, height] in pixels: smallest, median and largest of each side by itself."""
    if not paths:
        return {}
    sizes = np.array([image_size(path)[::-1] for path in paths])
    rows = {"min": sizes.min(0), "median": np.median(sizes, 0), "max": sizes.max(0)}
    return {name: [int(side) for side in row] for name, row in rows.items()}
