"""Progress bars: one switch for callers, and `$TQDM_DISABLE` for everything at once."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm


def bar(*arguments: Any, progress: bool, **options: Any) -> "tqdm":  # noqa: ANN401
    """`tqdm(...)`, silent where `progress` is False or `$TQDM_DISABLE` says so."""
    from tqdm.auto import tqdm  # brings asyncio, which a first verdict does not wait for

    # tqdm reads the variable itself on a terminal only, not where it becomes a widget
    silent = not progress or os.environ.get("TQDM_DISABLE", "") not in ("", "0")
    return tqdm(*arguments, **options, disable=silent)
