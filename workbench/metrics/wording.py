"""How a threshold was chosen, in words."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from workbench.language import translator

if TYPE_CHECKING:
    from .thresholds import Threshold

AIMED = "{0} % overkill aimed at, {1} % sure of at most {2} %, by {3} scores, {4}"


def origin(threshold: "Threshold", t: Callable[..., str] | None = None) -> str:
    """How and from what a threshold was chosen.

    Args:
        threshold: By any policy.
        t: As from `language.translator`; None says it in English.

    Example:
        >>> from workbench.metrics import Threshold
        >>> origin(Threshold(2.5, "percentile", {"q": 90}, "calibration OK", 3))
        'percentile (q=90) of 3 scores, calibration OK'
        >>> origin(Threshold(2.5), translator("ko"))
        '직접 지정'
    """
    t = t or translator("en")
    params, source = threshold.params, t(threshold.source)
    if threshold.policy == "manual":
        return source
    wanted = (params.get(name) for name in ("aim", "sure", "most"))
    shares = [share for share in wanted if isinstance(share, float)]  # a file may hold anything
    if len(shares) == 3:
        return t(AIMED, *(f"{100 * share:.3g}" for share in shares), threshold.n, source)
    given = ", ".join(f"{key}={value}" for key, value in params.items())
    how = t(threshold.policy) + f" ({given})" * bool(given)
    return t("{0} of {1} scores, {2}", how, threshold.n, source)
