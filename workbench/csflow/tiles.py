"""What a network sees of a photo: all of it, moved a little each time, or tiles of a large one.

A network that samples every few pixels tells the same photo moved by less a bit differently. So a
photo may be looked at several times, and a cell's energy is the mean over the looks: what is odd
in one of them only counts for less, and what is a defect is odd in all.

Tiles overlap and lie on the grid of the coarsest cells, so that a cell is the same place in every
tile that shows it. Beside the border of a tile features are of what is not there; so every cell is
taken from the tile in which it lies farther inside.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .scores import Latents

OVERLAP = 64  # pixels that neighbours share, at least; and no less than a coarsest cell
LARGEST = 16384  # pixels a side of a photo that is cut
MOST_TILES = 2000  # that are learned from, about: of more, so many are drawn
TOGETHER = 4  # tiles that are computed at once: 63 of a photo would fill the memory
# pixels down and right, as taken in turn: a quarter of a finest cell, and half of it
MOVES = ((0, 0), (2, 2), (-2, -2), (4, 4), (-4, -4))
Place = tuple[int, int]  # top and left, in pixels


class Tiling(NamedTuple):
    """How photos of one size are cut, or moved.

    Attributes:
        size: Height and width of a photo, in whole coarsest cells, like those of a tile.
        window: Height and width of a tile.
        cell: Pixels a side of a coarsest cell.
        looks: How often a whole photo is seen; latents of the looks are joined as channels.

    Example:
        >>> tiling = Tiling.of((256, 576), 256, 32)
        >>> tiling.places
        [(0, 0), (0, 160), (0, 320)]
        >>> photo = np.arange(576.0) * np.ones((1, 1, 256, 1))
        >>> tiles = np.concatenate([tiling.cut(photo, place) for place in tiling.places])
        >>> cells = tiles.reshape(3, 1, 32, 8, 32, 8).mean((3, 5))
        >>> bool((tiling.join([cells])[0] == photo.reshape(1, 1, 32, 8, 72, 8).mean((3, 5))).all())
        True
    """

    size: tuple[int, int]
    window: tuple[int, int]
    cell: int
    looks: int = 1

    @classmethod
    def of(cls, size: tuple[int, int], tile: int, cell: int, looks: int = 1) -> "Tiling":
        """Tiles so many pixels a side, 0 for the whole photo; a photo may be less high or wide."""
        height, width = (min(side, tile or side) for side in size)
        return cls(size, (height, width), cell, looks)

    @property
    def places(self) -> list[Place]:
        """Where the tiles lie, row by row; of a photo that is seen whole (0, 0) and its moves."""
        if self.looks > 1:
            return [*MOVES[: self.looks]]
        tops, lefts = (_starts(*sides, self.cell) for sides in self._sides)
        return list(product(tops, lefts))

    def cut(self, pixels: NDArray, place: Place) -> NDArray:
        """The pixels (..., H, W) of a tile; what lies beyond the photo repeats its edge."""
        (top, left), (height, width) = place, self.window
        if self.looks > 1 and (beyond := max(abs(top), abs(left))):
            around = [(0, 0)] * (pixels.ndim - 2) + [(beyond, beyond)] * 2
            pixels, top, left = np.pad(pixels, around, "edge"), top + beyond, left + beyond
        return pixels[..., top : top + height, left : left + width]

    def tiles(
        self, photos: NDArray[np.uint8], ignore: NDArray[np.bool_] | None = None
    ) -> NDArray[np.uint8]:
        """All tiles (B * tiles, 3, h, w) of photos (B, 3, H, W), photo by photo.

        Args:
            ignore: Pixels (H, W) that are made black first, so that no cell can tell.
        """
        photos = photos if ignore is None else photos * ~ignore
        if len(self.places) == 1:
            return photos
        return np.stack([self.cut(photo, place) for photo in photos for place in self.places])

    def grid(self, z: NDArray) -> tuple[int, int]:
        """Rows and columns of cells of a photo, where a tile has those of z (B, C, h, w)."""
        height, width = (
            n * side // own for n, (side, own) in zip(z.shape[2:], self._sides, strict=True)
        )
        return height, width

    def join(self, zs: Latents) -> Latents:
        """Latents (B, C, h, w) of B photos from those of their tiles, (B * tiles, C, h', w').

        Those of several looks at a photo are (B, looks * C, h, w).
        """
        if self.window == self.size:
            return [z.reshape(-1, self.looks * z.shape[1], *z.shape[2:]) for z in zs]
        return [self._joined(z) for z in zs]

    @property
    def _sides(self) -> list[tuple[int, int]]:
        return list(zip(self.size, self.window, strict=True))

    def _joined(self, z: NDArray) -> NDArray:
        tiles, stride = len(self.places), self.window[0] // z.shape[2]
        whole = np.empty((len(z) // tiles, z.shape[1], *self.grid(z)), z.dtype)
        kept = product(*(_kept(*sides, self.cell, stride) for sides in self._sides))
        for i, ((to_rows, rows), (to_columns, columns)) in enumerate(kept):
            whole[:, :, to_rows, to_columns] = z[i::tiles, :, rows, columns]
        return whole


def tiles_each(photos: int, tiling: Tiling) -> tuple[int, int]:
    """How many tiles of each of so many photos are learned from, and how many there are."""
    every = len(tiling.places)
    return min(every, max(1, MOST_TILES // max(1, photos))), every


def require_cells(name: str, sides: Sequence[int], cell: int, of: str) -> None:
    """Refuse sides in pixels that are not whole cells; the message names the next that are.

    Raises:
        ValueError: There is such a side.
    """
    for side in sides:
        if side % cell or side < cell:
            below, above = side // cell * cell, (side // cell + 1) * cell
            others = " or ".join(str(other) for other in (below, above) if other > 0)
            raise ValueError(
                f"{name} must be a multiple of {cell} for {of}, got {side}; take {others}"
            )


def require_tiles(tile: int, size: Sequence[int], cell: int, most: int) -> None:
    """Refuse tiles, or photos to be cut, that are not whole coarsest cells.

    Raises:
        ValueError: They are not, or a tile is too small or too large.
    """
    least = _shared(cell) + cell
    if not least <= tile <= most:
        raise ValueError(
            f"tile must be {least} to {most} pixels, or 0 for whole photos, got {tile}"
        )
    require_cells("tile", [tile], cell, "whole cells")
    require_cells("image_size", size, cell, "tiles of whole cells")


def look(
    engine: Callable[[NDArray[np.uint8]], Latents],
    photos: NDArray[np.uint8],
    tiling: Tiling,
    ignore: NDArray[np.bool_] | None = None,
) -> Latents:
    """Latents of whole photos by an engine that sees a tile, or a look, at a time.

    Args:
        photos: RGB, shape (B, 3, H, W).
        ignore: As for `Tiling.tiles`.
    """
    tiles = tiling.tiles(photos, ignore)
    if len(tiles) == len(photos):
        return engine(tiles)
    some = max(TOGETHER, len(photos)) if tiling.window == tiling.size else TOGETHER
    found = [engine(tiles[i : i + some]) for i in range(0, len(tiles), some)]
    return tiling.join([np.concatenate(scale) for scale in zip(*found, strict=True)])


def _shared(cell: int) -> int:
    """Pixels that neighbouring tiles share at least."""
    return -(-OVERLAP // cell) * cell


def _starts(side: int, window: int, cell: int) -> list[int]:
    """Where tiles begin along a side: the fewest that overlap enough, evenly spread."""
    if window == side:
        return [0]
    shared = _shared(cell)
    gaps = -(-(side - shared) // (window - shared)) - 1
    return [i * (side - window) // gaps // cell * cell for i in range(gaps + 1)]


def _kept(side: int, window: int, cell: int, stride: int) -> list[tuple[slice, slice]]:
    """Which cells of a photo come from each tile along a side, and which of its own they are."""
    starts = _starts(side, window, cell)
    edges = [(a + window + b) // 2 // stride for a, b in pairwise(starts)]
    cells = zip(starts, pairwise([0, *edges, side // stride]), strict=True)
    own = ((start // stride, low, high) for start, (low, high) in cells)
    return [(slice(low, high), slice(low - at, high - at)) for at, low, high in own]
