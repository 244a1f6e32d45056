"""An executed report notebook as one HTML file: nothing from outside, no code, no dead link."""

import gzip
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nbformat import NotebookNode

from workbench import language

from . import display, wording
from .html import page

HIDDEN = {"parameters", "injected-parameters", "notebook-only"}
"""Tags of cells that the page leaves out."""

PLAIN_FILE = 1 << 20  # bytes from which on a file is packed before it is put into a page


class File(NamedTuple):
    """A file that travels inside a page."""

    name: str
    kind: str  # its media type
    content: str  # base64

    @classmethod
    def read(cls, path: Path) -> "File":
        """The file as it is, or packed by gzip where it is large."""
        content, kind = path.read_bytes(), {".csv": "text/csv"}.get(path.suffix, "text/plain")
        if len(content) < PLAIN_FILE:
            return cls(path.name, kind, b64encode(content).decode())
        packed = gzip.compress(content, mtime=0)
        return cls(f"{path.name}.gz", "application/gzip", b64encode(packed).decode())


def to_html(
    notebook: NotebookNode,
    status: dict[str, Any],
    metrics: dict[str, Any],
    files: Iterable[Path] = (),
) -> str:
    """An executed report notebook as one page, without its code."""
    cells = [cell for cell in notebook.cells if not HIDDEN & set(cell.metadata.get("tags", ()))]
    translate = language.translator()
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = "\n\n".join(
                _said(block, translate) for block in cell.source.split("\n\n")
            )
    return page(
        "report",
        report=status,
        cells=cells,
        sections=_sections(cells),
        tiles=wording.tiles(metrics) if "labelled" in metrics else [],
        judgement=wording.judgement(metrics),
        record=display.RECORD,
        files=[File.read(path) for path in files],
    )


def _said(block: str, translate: Callable[..., str]) -> str:
    """A heading or a paragraph in the reader's language."""
    marks, words = re.match(r"(#* ?)(.*)", block, re.DOTALL).groups()
    words = " ".join(words.split())
    spoken = translate(words)
    return block if spoken == words else marks + spoken


def _sections(cells: Sequence[NotebookNode]) -> dict[int, tuple[str, str]]:
    """Anchor and title by position, of the cells that begin with a heading."""
    titles = {
        at: cell.source.splitlines()[0].removeprefix("## ")
        for at, cell in enumerate(cells)
        if cell.cell_type == "markdown" and cell.source.startswith("## ")
    }
    return {at: (f"section-{n}", titles[at]) for n, at in enumerate(titles, start=1)}
