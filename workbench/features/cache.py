"""Features of many images, extracted once: in memory, or in a mapped file when they are many."""

import tempfile
from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

IN_MEMORY = 1 << 30  # bytes; beyond it the system pages a temporary file instead


def allocate(count: int, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """Return one float32 tensor (count, *shape) per shape, for filling row by row.

    The temporary file behind large ones has no name and goes when the tensors go.

    Example:
        >>> [tuple(t.shape) for t in allocate(5, [(8, 4, 4), (8, 2, 2)])]
        [(5, 8, 4, 4), (5, 8, 2, 2)]
    """
    if 4 * count * sum(prod(shape) for shape in shapes) <= IN_MEMORY:
        return [torch.empty(count, *shape) for shape in shapes]
    return [_mapped(count, shape) for shape in shapes]


def _mapped(count: int, shape: tuple[int, ...]) -> Tensor:
    size = count * prod(shape)
    with tempfile.NamedTemporaryFile(prefix="workbench-features-") as file:
        flat = torch.from_file(file.name, shared=True, size=size, dtype=torch.float32)
    return flat.view(count, *shape)
