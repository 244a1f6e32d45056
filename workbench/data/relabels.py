"""Labels that an inspector corrected, in a file beside the data: the photos stay as they are."""

import csv
import io
import os
from pathlib import Path

from workbench.errors import DataError

_COLUMNS = ["file name", "label"]


def relabels_path(root: Path | str) -> Path:
    """`data/NAME.relabels.csv` for the folder `data/NAME`."""
    root = Path(root)
    return root.with_name(f"{root.name}.relabels.csv")


def read_relabels(path: Path | str) -> dict[str, bool]:
    """Corrected labels by file name, True for NG; {} where there is no such file."""
    try:
        text = Path(path).read_text("utf-8-sig")
    except FileNotFoundError:
        return {}
    header, *rows = list(csv.reader(io.StringIO(text))) or [[]]
    if header != _COLUMNS or any(len(row) != 2 or row[1] not in ("OK", "NG") for row in rows):
        raise DataError(f"{path} must have the columns file name,label with OK or NG")
    return {name: label == "NG" for name, label in rows}


def write_relabel(path: Path | str, name: str, label: bool | None) -> None:
    """Correct one label, or with None take the correction back; in one step."""
    path, known = Path(path), read_relabels(path)
    known.pop(name, None)
    if label is not None:
        known[name] = label
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_COLUMNS, *((n, "NG" if ng else "OK") for n, ng in known.items())])
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(text.getvalue().encode())
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
