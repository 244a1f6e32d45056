"""The relabel file: what somebody found a label to be, beside the data and never in it.

`<folder>.relabels.csv` lies next to the folder it speaks of, UTF-8, one row an image:
`file name,label` with "OK" or "NG". The photos stay where they are.
"""

from collections.abc import Mapping
from pathlib import Path

from .table_file import TableFile

COLUMNS = ("file name", "label")
_WORDS = {"OK": False, "NG": True}


def relabels_path(root: Path | str) -> Path:
    """Where the relabels of a folder of pictures are kept: beside it.

    Example:
        >>> relabels_path("data/lens").as_posix()
        'data/lens.relabels.csv'
    """
    root = Path(root)
    # a folder given as "." or "lens/.." has its name only once it is resolved
    root = root if root.name not in ("", "..") else root.resolve()
    return root.with_name(f"{root.name}.relabels.csv")


def read_relabels(path: Path | str) -> dict[str, bool]:
    """Name to True for NG, in the order of the file; {} where there is none."""
    return {name: _WORDS[word] for name, word in _table(path).read()}


def write_relabels(path: Path | str, labels: Mapping[str, bool | None]) -> dict[str, bool]:
    """Set labels, True for NG, or take relabels back with None; give back all there are.

    The file is replaced as a whole. Without any relabel left it stays, so that it can be told from
    one that was lost.
    """
    with _table(path).changing() as rows:
        relabels = {name: _WORDS[word] for name, word in rows}
        for name, label in labels.items():
            relabels.pop(name, None)
            if label is not None:
                relabels[name] = bool(label)
        rows[:] = [[name, "NG" if ng else "OK"] for name, ng in relabels.items()]
    return relabels


def _table(path: Path | str) -> TableFile[list[str]]:
    return TableFile(Path(path), COLUMNS, _row, strict=True)


def _row(cells: list[str]) -> list[str]:
    name, word = cells
    if (word := word.strip().upper()) not in _WORDS:
        raise ValueError("the label must be OK or NG")
    return [name, word]
