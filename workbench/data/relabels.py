"""The relabel file: what somebody found a label to be, beside the data and never in it.

`<folder>.relabels.csv` lies next to the folder it speaks of, UTF-8, one row an image:
`file name,label` with "OK" or "NG". The photos stay where they are.
"""

import csv
from pathlib import Path

from workbench import workspace
from workbench.errors import DataError

from .csv import csv_bytes, read_table

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
    """Name to True for NG, in the order of the file; {} where there is none.

    Raises:
        DataError: The file has other columns, or a label that is neither OK nor NG.
    """
    path = Path(path)
    try:
        header, *rows = list(read_table(path)[0]) or [list(COLUMNS)]
    except FileNotFoundError:
        return {}
    except csv.Error as error:
        raise DataError(f"{path} must be a CSV; {error}") from error
    if tuple(header) != COLUMNS:
        raise DataError(f"{path} must have the columns {','.join(COLUMNS)}, got {header}")
    for row in rows:
        if len(row) != 2 or row[1].strip().upper() not in _WORDS:
            raise DataError(f"{path} must hold a name and OK or NG in each row, got {row}")
    return {name: _WORDS[word.strip().upper()] for name, word in rows}


def write_relabel(path: Path | str, name: str, label: bool | None) -> dict[str, bool]:
    """Set the label of one image, or take its relabel back with None.

    The file is replaced as a whole; without any relabel left it is removed.

    Args:
        path: As from `relabels_path`.
        name: The image, a posix path relative to the folder.
        label: True for NG, False for OK, None to take it back.

    Returns:
        All relabels, as `read_relabels` gives them.

    Raises:
        DataError: The file that is there is no relabel file.
    """
    path, relabels = Path(path), read_relabels(path)
    relabels.pop(name, None)
    if label is not None:
        relabels[name] = bool(label)
    if not relabels:
        path.unlink(missing_ok=True)
        return relabels
    rows = [(name, "NG" if ng else "OK") for name, ng in relabels.items()]
    with workspace.written(path) as file:
        file.write(csv_bytes([COLUMNS, *rows]))
    return relabels
