"""Two more columns of a score file, where photos of one part are judged together."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench import metrics
from workbench.data.groups import read_groups
from workbench.errors import DataError

PART_COLUMNS = ("part", "part prediction")


def rule_of(data: Mapping[str, Any]) -> str:
    """How photos make a part's verdict, or "" where each is a part of its own."""
    grouped = data.get("reading", {}).get("groups") is not None
    return str(data.get("join", "any")) if grouped else ""


def parts_of(data: Mapping[str, Any], root: Path | str, names: Sequence[str]) -> dict[str, str]:
    """The part of each photo, by its name; where the training's rule fits none, itself."""
    groups: Sequence[str] = ("",) * len(names)
    try:
        groups = read_groups(data["reading"]["groups"], Path(root), names) if names else ()
    except (DataError, ValueError) as error:
        warnings.warn(f"each photo is judged as a part of its own: {error}", stacklevel=3)
    return {name: group or name for name, group in zip(names, groups, strict=True)}


def with_parts(rows: Iterable[Sequence[str]], threshold: float, rule: str) -> list[list[str]]:
    """Rows with the verdict on the part of each; photos without a score have no say."""
    found = [[*row[:5], row[5] if len(row) > 5 else row[0]] for row in rows]
    scored = [row for row in found if row[3]]
    joined = metrics.join_photos(
        [float(row[3]) for row in scored], [row[5] for row in scored], rule=rule
    )
    verdicts = ["NG" if score >= threshold else "OK" for score in joined.scores]
    of = dict(zip(joined.names, verdicts, strict=True))
    return [[*row, of.get(row[5], "")] for row in found]
