"""Which columns are sensors; the others are named with the reason."""

from collections.abc import Mapping, Sequence

from workbench.errors import DataError

from .cells import Cells
from .columns import Column, FileSigns, is_counter, is_note, to_numbers
from .decimals import is_missing
from .recording import two_valued


def choose_sensors(
    cells: Mapping[str, Cells],
    wanted: Sequence[str] | None,
    label: Column | None,
    *,
    path: object,
    signs: FileSigns,
) -> tuple[list[Column], dict[str, str], list[str]]:
    """The sensors, the reason by column for those that are none, and what was assumed.

    Left out are columns without numbers or a name, those that count rows, and those of two
    values of which the rarer is in NG rows alone. Where nothing else is there they stay.

    Args:
        cells: Columns that are neither time nor label.
        wanted: The sensors that a person or a model names; then no other rule holds.
        label: Of the rows.
        path: For messages.
        signs: How the file writes numbers.

    Raises:
        DataError: No column of numbers, or one that was asked for is none.
    """
    left_out = {name: "as asked" for name in cells if wanted and name not in wanted}
    if not wanted:
        left_out |= {n: "an annotation" if n else "it has no name" for n in cells if is_note(n)}
    free = {name: cells[name] for name in wanted or cells if name not in left_out}
    numbers = to_numbers(free, path, signs)
    left_out |= {name: _no_numbers(c) for name, c in free.items() if name not in numbers}
    if wanted and len(numbers) < len(wanted):
        name = next(name for name in wanted if name not in numbers)
        raise DataError(f"{path}: column {name} must hold numbers; {_no_numbers(cells[name])}")
    if not numbers:
        raise DataError(f"{path} must have a column of numbers; it has {', '.join(cells)}")
    none = {} if wanted else _no_sensors(numbers, label)
    if len(none) == len(numbers):
        assumed = [f"{name} is taken for a sensor although {why}" for name, why in none.items()]
        return list(numbers.values()), left_out, assumed
    return [c for n, c in numbers.items() if n not in none], left_out | none, []


def _no_sensors(columns: Mapping[str, Column], label: Column | None) -> dict[str, str]:
    none = {n: "it counts rows" for n, c in columns.items() if is_counter(c.values, n)}
    if label is not None:
        why = "its rarer value is in NG rows alone, as in a verdict"
        none |= {n: why for n, c in columns.items() if _gives_away(c, label)}
    return none


def _gives_away(column: Column, label: Column) -> bool:
    known = ~column.bad & ~label.bad
    values, ng = column.values[known], label.values[known].astype(bool)
    if not ng.any() or ng.all() or not two_valued(values[:, None], (column.name,)):
        return False
    low, high = values == values.min(), values == values.max()
    return bool(ng[low if low.sum() < high.sum() else high].all())


def _no_numbers(cells: Cells) -> str:
    if cells.values.dtype.kind == "M":
        return "it holds dates"
    if cells.is_text() and not all(map(is_missing, cells.values)):
        return "it holds no numbers"
    return "it holds no value"
