"""Progress bars: one switch for callers, and `$TQDM_DISABLE` for everything at once."""

import os
from typing import Any

from tqdm.auto import tqdm


def bar(*arguments: Any, progress: bool, **options: Any) -> tqdm:  # noqa: ANN401
    """`tqdm(...)`, silent where `progress` is False or `$TQDM_DISABLE` says so."""
    # tqdm reads the variable itself on a terminal only, not where it becomes a widget
    silent = not progress or os.environ.get("TQDM_DISABLE", "") not in ("", "0")
    return tqdm(*arguments, **options, disable=silent)
