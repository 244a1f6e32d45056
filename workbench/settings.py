"""Choices that a `$WORKBENCH_*` variable may make; docs/environment.md lists them all."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from math import isfinite
from multiprocessing import get_context
from numbers import Integral, Real
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints


def word(name: str, given: str, words: Sequence[str]) -> str:
    """The word that was given; instead of "auto" that of the variable, where it is set.

    The variable of "engine" is `$WORKBENCH_ENGINE`.
    """
    if given == "auto":
        name = f"$WORKBENCH_{name.upper()}"
        given = os.environ.get(name[1:]) or "auto"
    if given not in words:
        raise ValueError(f"{name} must be one of {', '.join(words)}, got {given!r}")
    return given


def number(name: str, default: float) -> float:
    """The number that `WORKBENCH_` and the name stand for, or the default where it is not set."""
    variable = f"WORKBENCH_{name}"
    given = os.environ.get(variable) or default
    try:
        return float(given)
    except ValueError:
        raise ValueError(f"${variable} must be a number, got {given!r}") from None


def threads(processes: int) -> str:
    """`$OMP_NUM_THREADS` for each of these processes: its share of the cores, or less as set.

    Each would inherit that variable, and processes that all have all cores are slower than one.
    """
    share, given = (os.cpu_count() or 1) // processes, os.environ.get("OMP_NUM_THREADS", "")
    return str(max(1, min(share, int(given)) if given.isdigit() else share))


def pool(processes: int, **variables: str) -> ProcessPoolExecutor:
    """Processes that share the cores, started with these environment variables."""
    theirs = {"OMP_NUM_THREADS": threads(processes)} | variables
    return ProcessPoolExecutor(processes, get_context("spawn"), _take_up, (theirs,))


def require_types(config: Any) -> None:  # noqa: ANN401
    """Refuse a field of a configuration that is not of its annotated type, as files may hold.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Config:
        ...     epochs: int | None = None
        >>> require_types(Config(3))
        >>> require_types(Config("3"))
        Traceback (most recent call last):
        TypeError: epochs must be int | None, got '3'
    """
    hints = get_type_hints(type(config))
    for field in fields(config):
        if not _fits(value := getattr(config, field.name), hints[field.name]):
            raise TypeError(f"{field.name} must be {hints[field.name]}, got {value!r:.80}")


def _take_up(variables: Mapping[str, str]) -> None:
    os.environ |= variables


def _fits(value: Any, hint: Any) -> bool:  # noqa: ANN401
    if get_origin(hint) in (Union, UnionType):
        return any(_fits(value, one) for one in get_args(hint))
    if get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(_fits(x, get_args(hint)[0]) for x in value)
    if hint is float:
        return isinstance(value, Real) and isfinite(value)
    if hint is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    return isinstance(value, hint)
