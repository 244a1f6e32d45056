"""What a dataset was taken for, said before anything is learned from it."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class DataCheck:
    """Lines for people, and `facts` (fit for JSON) for programs.

    `kind` is "rows" or "photos". `understood` says what the data was taken for, `assumed` what
    was decided without proof, `left_alone` what is not used and why, `looks_wrong` what a
    person should look at, and `options` what to pass to change any of it.
    """

    source: str
    kind: str
    understood: tuple[str, ...]
    assumed: tuple[str, ...] = ()
    left_alone: tuple[str, ...] = ()
    looks_wrong: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """All of it, fit for JSON."""
        return asdict(self)

    def sections(self) -> list[tuple[str, tuple[str, ...]]]:
        """Title and lines of each section that has any, in reading order."""
        titled = {
            "understood": self.understood,
            "assumed": self.assumed,
            "left alone": self.left_alone,
            "looks wrong": self.looks_wrong,
            "options that change it": self.options,
        }
        return [(title, lines) for title, lines in titled.items() if lines]


def check(path: Path | str, **options: Any) -> DataCheck:  # noqa: ANN401
    """What is in a folder of photos or a file of sensor rows, and what is odd about it.

    Args:
        path: As for `load_images` or `load_rows`.
        options: As for these.

    Raises:
        DataError: As these do.
    """
    from .rows import is_rows, load_rows  # which brings pandas

    if is_rows(path):
        return row_check(load_rows(path, **options))
    from .images import load_images

    return photo_check(load_images(path, **options))


def row_check(table: Any) -> DataCheck:  # noqa: ANN401
    """The check of a loaded `SensorTable`."""
    summary = table.summary()
    labels = ", ".join(f"{n:,} {word}" for word, n in summary["labels"].items())
    understood = [f"{len(table):,} rows of {len(table.columns)} sensors: {labels}"]
    if summary["time"]:
        understood.append("time: {} to {}".format(*summary["time"]))
    for name, span in summary["ranges"].items():
        understood.append(f"{name}: {span['min']:.4g} to {span['max']:.4g}")
    odd = [f"{name} is constant" for name in summary["constant"]]
    odd += [f"{name} repeats {first}" for name, first in summary["duplicated"].items()]
    bad = [f"line {line}: {reason}" for line, reason in table.bad]
    return DataCheck(
        table.source, "rows", tuple(understood), (), tuple(bad), tuple(odd), (), summary
    )


def photo_check(images: Any) -> DataCheck:  # noqa: ANN401
    """The check of a loaded `ImageFolder`."""
    summary = images.summary()
    understood = tuple(f"{key}: {value}" for key, value in summary.items() if key != "bad")
    bad = tuple(str(entry) for entry in summary.get("bad", ()))
    return DataCheck(str(images.root), "photos", understood, (), bad, facts=summary)
