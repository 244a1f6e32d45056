"""Packages whose names are imported when they are asked for: torch alone takes seconds."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazily(
    package: str, homes: Mapping[str, Sequence[str]], modules: Sequence[str] = ()
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """`__all__`, `__getattr__` and `__dir__` of a package.

    Args:
        package: Its `__name__`.
        homes: The public names in each of its modules.
        modules: Those that are public themselves.

    Example:
        >>> names, get, _ = lazily("json", {"decoder": ["JSONDecoder"]})
        >>> names, get("JSONDecoder").__module__
        (['JSONDecoder'], 'json.decoder')
    """
    home = {name: module for module, names in homes.items() for name in names}
    public = sorted([*home, *modules])

    def get(name: str) -> Any:  # noqa: ANN401
        if name not in public:
            raise AttributeError(f"{package} has no {name!r}; it has {', '.join(public)}")
        module = import_module(f"{package}.{home.get(name, name)}")
        return getattr(module, name) if name in home else module

    return public, get, lambda: public
