"""Choices that a `$WORKBENCH_*` variable may make; docs/environment.md lists them all."""

import os
from collections.abc import Sequence


def word(name: str, given: str, words: Sequence[str]) -> str:
    """The word that was given; instead of "auto" that of the variable, where it is set.

    The variable of "engine" is `$WORKBENCH_ENGINE`.

    Raises:
        ValueError: It is none of the words.

    Example:
        >>> word("engine", "torch", ["auto", "torch", "onnx"])
        'torch'
    """
    if given == "auto":
        name = f"$WORKBENCH_{name.upper()}"
        given = os.environ.get(name[1:]) or "auto"
    if given not in words:
        raise ValueError(f"{name} must be one of {', '.join(words)}, got {given!r}")
    return given


def number(name: str, default: float) -> float:
    """The number in the variable of this name, or the default where it is not set.

    Raises:
        ValueError: It is no number.
    """
    variable = f"WORKBENCH_{name}"
    given = os.environ.get(variable) or default
    try:
        return float(given)
    except ValueError:
        raise ValueError(f"${variable} must be a number, got {given!r}") from None
