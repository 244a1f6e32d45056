"""Progress bars: one switch for callers, and `$TQDM_DISABLE` for everything at once."""

from typing import Any

from tqdm.auto import tqdm


def bar(*arguments: Any, progress: bool, **options: Any) -> tqdm:  # noqa: ANN401
    """`tqdm(...)`, silent where `progress` is False or `$TQDM_DISABLE` says so.

    Example:
        >>> list(bar("ab", progress=False))
        ['a', 'b']
    """
    # an explicit disable=False would overrule the environment
    return tqdm(*arguments, **options, **({} if progress else {"disable": True}))
