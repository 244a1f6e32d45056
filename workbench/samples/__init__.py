"""Sample datasets for demo and tests: three products as photos, a pump as sensor rows.

Every picture is drawn from its own random numbers, made of seed, product and index: picture 7
is the same whether 10 or 1000 are made. A defective part is drawn twice, with and without its
defect; the ground truth is where the two exposures differ.
"""

import json
import zlib
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from workbench import workspace
from workbench.data.images import MARKER
from workbench.data.rows import NOTE
from workbench.errors import DataError

from . import flex, lens, pump, smt
from .photo import OVERSAMPLE, Defect, develop, expose, pick_camera

PRODUCTS: dict[str, ModuleType] = {"lens": lens, "flex": flex, "SMT": smt}
NAMES = (*PRODUCTS, "pump")
VERSION = 1

_VISIBLE = 7  # grey levels by which a pixel must change to count as defective
_SEVERITY = ((0.1, 0.3), (0.4, 0.7), (0.8, 1.0))  # subtle, plain, gross in turn


class Photo(NamedTuple):
    """A photo, the same photo of the part without its defect, and the defect's pixels."""

    image: NDArray[np.uint8]
    clean: NDArray[np.uint8]
    mask: NDArray[np.bool_]


def make_samples(
    name: str,
    folder: Path | str | None = None,
    *,
    ok: int = 160,
    ng: int = 60,
    seed: int = 0,
    size: int = 256,
) -> Path:
    """Write one sample dataset, or with "all" each of them, below or as `folder`.

    Photos go to `folder/OK` and `folder/NG` as JPEG, the ground truth to `folder/masks`; the
    pump becomes the file `folder` (with "all", `folder/pump.csv`). A dataset appears whole or
    not at all, and one that is there already with the same settings is left as it is.

    Args:
        name: "lens", "flex", "SMT", "pump" (in any case) or "all".
        folder: Where the dataset goes, by default `data/NAME` in the workspace; with "all",
            where the four of them go.
        ok: Number of good pictures; the pump has a fixed number of rows.
        ng: Number of defective pictures.
        seed: Another seed, other pictures of the same product.
        size: Side of the pictures in pixels, at least 64.

    Returns:
        `folder`.

    Raises:
        ValueError: No such sample, or a number out of range.
        DataError: Something else is at `folder` already.
    """
    name = {known.lower(): known for known in (*NAMES, "all")}.get(name.lower(), name)
    default = {"pump": "pump.csv", "all": ""}.get(name, name)
    folder = workspace.data(default) if folder is None else Path(folder)
    if name == "all":
        for each in NAMES:
            target = folder / ("pump.csv" if each == "pump" else each)
            make_samples(each, target, ok=ok, ng=ng, seed=seed, size=size)
        return folder
    _check(name, ok, ng, size)
    recipe = {"kind": name, "seed": seed, "version": VERSION, "note": NOTE}
    if name != "pump":
        recipe |= {"ok": ok, "ng": ng, "size": size}
    if not _is_made(folder, recipe):
        folder.parent.mkdir(parents=True, exist_ok=True)
        if name == "pump":
            workspace.write(folder, pump.csv_text(recipe))
        else:
            with workspace.staged(folder) as part:
                _write_photos(part, recipe)
    return folder


def photograph(
    name: str, index: int, *, ng: bool = False, seed: int = 0, size: int = 256
) -> Photo:
    """Picture `index` of a product; of defective ones the kinds and severities take turns.

    Example:
        >>> photo = photograph("flex", 0, ng=True, size=64)
        >>> photo.image.shape, bool(photo.mask.any())
        ((64, 64, 3), True)
    """
    draw = PRODUCTS[name].draw
    streams = np.random.SeedSequence([seed, zlib.crc32(name.encode()), int(ng), index]).spawn(4)
    camera = pick_camera(np.random.default_rng(streams[1]))
    damage = np.random.default_rng(streams[2])

    def shoot(defect: Defect | None = None) -> NDArray[np.float32]:
        part = draw(OVERSAMPLE * size, np.random.default_rng(streams[0]), defect)
        return expose(part, camera, size)

    clean = spoilt = shoot()
    mask = np.zeros((size, size), dtype=bool)
    while ng and mask.sum() < 12 * (size / 256) ** 2:  # a scratch may get lost in a glare
        severity = damage.uniform(*_SEVERITY[index // len(PRODUCTS[name].DEFECTS) % 3])
        spoilt = shoot(Defect(kind_of(name, index), severity, damage))
        mask = _difference(spoilt, clean)
    image = develop(spoilt, camera, np.random.default_rng(streams[3]))
    if ng:  # the same noise again
        clean = develop(clean, camera, np.random.default_rng(streams[3]))
    return Photo(image, clean if ng else image, mask)


def kind_of(name: str, index: int) -> str:
    """The kind of defect of NG picture `index`."""
    kinds = PRODUCTS[name].DEFECTS
    return kinds[index % len(kinds)]


def _difference(spoilt: NDArray[np.float32], clean: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Changed pixels, small gaps closed: a shifted chip is dark where it overlaps itself."""
    changed = np.abs(spoilt - clean).max(axis=2) > _VISIBLE
    closed = Image.fromarray(changed).convert("L")
    for step in (ImageFilter.MaxFilter(7), ImageFilter.MinFilter(5)):
        closed = closed.filter(step)
    return np.asarray(closed) > 0


def _check(name: str, ok: int, ng: int, size: int) -> None:
    if name not in NAMES:
        raise ValueError(f"a sample must be one of {', '.join(NAMES)} or all, got {name}")
    if ok < 0 or ng < 0 or ok + ng == 0:
        raise ValueError(f"a sample must have pictures, got ok={ok}, ng={ng}")
    if size < 64:
        raise ValueError(f"size must be at least 64 pixels, got {size}")


def _is_made(target: Path, recipe: dict) -> bool:
    """Whether there is nothing to do; what is there otherwise is an error, never overwritten."""
    if not target.exists():
        return False
    found: object = pump.recipe_of(target) if target.is_file() else None
    with suppress(OSError, ValueError):
        found = found or json.loads((target / MARKER).read_text("utf-8"))
    if not isinstance(found, dict) or found.get("note") != NOTE:
        raise DataError(f"{target} exists and is no generated sample; choose another folder")
    if found != recipe:
        raise DataError(
            f"{target} holds a sample made with other settings; remove it or choose another folder"
        )
    return True


def _write_photos(folder: Path, recipe: dict) -> None:
    name, seed, size = recipe["kind"], recipe["seed"], recipe["size"]
    for sub in ("OK", "NG", "masks"):
        (folder / sub).mkdir()
    for label, count in (("OK", recipe["ok"]), ("NG", recipe["ng"])):
        for index in range(count):
            photo = photograph(name, index, ng=label == "NG", seed=seed, size=size)
            stem = f"{name if label == 'OK' else kind_of(name, index)}_{index:03d}"
            Image.fromarray(photo.image).save(folder / label / f"{stem}.jpg", quality=92)
            if label == "NG":
                Image.fromarray(photo.mask).convert("L").save(folder / "masks" / f"{stem}.png")
    (folder / "README.md").write_text(_readme(recipe), "utf-8")
    (folder / MARKER).write_text(json.dumps(recipe, indent=2) + "\n", "utf-8")


def _readme(recipe: dict) -> str:
    return (
        f"# {recipe['kind']}: {NOTE}\n\n"
        f"{recipe['ok']} good and {recipe['ng']} defective parts, drawn by a program from seed "
        f"{recipe['seed']}. No photo shows a real part. `masks/` marks the pixels of each defect; "
        "the kind of defect begins the file name.\n"
    )
