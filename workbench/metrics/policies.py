"""Where to cut: each policy turns scores into a threshold and the rates expected there.

A part is NG if its score is at least the threshold. Between two neighbouring scores every
threshold gives the same verdicts on these data; a policy says which one it takes.
"""

from collections.abc import Callable
from fractions import Fraction
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from workbench.metrics.counts import SortedScores
from workbench.metrics.inputs import as_scores
from workbench.metrics.intervals import wilson
from workbench.metrics.rates import expected_cost
from workbench.metrics.thresholds import BY_HAND, CALIBRATION, Threshold

FEWEST = 4  # scores that a tail is fitted to
MOST_IN_TAIL = 40  # beyond, what lies in the tail is no tail


class Choice(NamedTuple):
    """A threshold with the policy's parameters and what it promises of the next part."""

    value: float
    params: dict[str, Any]
    promised: dict[str, Any] = {}  # never changed


class Policy(NamedTuple):
    """What chooses, the classes it needs, and the words for its data where none are given."""

    choose: Callable[..., Choice]
    needs: tuple[str, ...]
    source: str


def threshold(
    scores: ArrayLike = (),
    labels: ArrayLike | None = None,
    *,
    policy: str = "percentile",
    source: str | None = None,
    **params: Any,  # noqa: ANN401
) -> Threshold:
    """Choose a threshold by a policy.

    ============  ==============================  ================================================
    policy        parameters                      the threshold
    ============  ==============================  ================================================
    percentile    q=99                            lowest that calls at most (100 - q) % of OK NG
    conformal     alpha=0.01                      lowest that promises at most alpha overkill
    tail          aim=0.01, most=0.03, sure=0.95  aims at a share of overkill, and is so sure that
                  independent=None                it is at most `most`, by a fitted tail; of scores
                                                  that follow each other fewer are independent
    normal        aim=0.05, most=0.2, sure=0.95   the same, of scores whose logarithms are normal
    zero_miss                                     highest that misses no NG
    max_miss      miss                            highest that misses at most this share of NG
    max_overkill  overkill                        lowest with at most this share of OK called NG
    cost          prevalence, miss_cost=1,        cheapest per part made
                  overkill_cost=1
    f1                                            highest F1
    manual        value                           that value
    ============  ==============================  ================================================

    percentile, conformal, tail, normal and max_overkill need OK scores only, of calibration
    parts. The others but manual need labels. Ties in cost or F1 go to the fewest misses.

    tail takes the excess of the highest quarter over the rest as exponential. So it can tell a
    share of 1 % from 24 parts, which have no order statistic there, and how sure that is: a sum of
    excesses is gamma distributed. On normal, Gumbel, exponential, log-normal and t-distributed
    scores, 10 to 200 of them, overkill was at most 1.3 % on average, and beyond 3 % in at most 7
    of 100 draws.

    normal draws a line through the log scores on normal probability paper, without the highest
    tenth, so that an odd part among few does not hide defects: a limit of prediction for the next
    part, raised where need be to one of tolerance. Of skewed log scores it throws away up to twice
    the aim.

    `Threshold.expected` holds `miss_rate`, `overkill_rate` and `miss_interval`,
    `overkill_interval` (95 %, Wilson) as seen on these data; what they cannot tell is absent.
    Where the policy promises something of the next part drawn alike, for any distribution of
    scores, `overkill_bound` or `miss_bound` says what: its expected rate is at most that.
    `cost` adds `cost` per part, `f1` adds `f1`.

    Args:
        labels: True for NG; None means that all are OK.

    Raises:
        ValueError: Unknown policy, no scores to choose from, too few for what is asked, a
            parameter out of range.
        TypeError: A parameter that the policy does not have, or one that it lacks.

    References:
        conformal: Vovk, Gammerman and Shafer 2005, Algorithmic learning in a random world;
        Bates et al. 2023, Testing for outliers with conformal p-values. cost: Provost and
        Fawcett 2001, Robust classification for imprecise environments. f1: van Rijsbergen
        1979, Information retrieval. tail: Weissman 1978, Estimation of parameters and large
        quantiles based on the k largest observations. normal: Blom 1958, Statistical estimates
        and transformed beta-variables; Hahn and Meeker 1991, Statistical intervals, chapter 4.

    Example:
        >>> limit = threshold([0.1, 0.2, 0.3, 0.4], q=75)
        >>> [score >= limit for score in (0.1, 0.2, 0.3, 0.4)]
        [False, False, False, True]
        >>> limit.expected["overkill_rate"]
        0.25
    """
    if policy not in POLICIES:
        raise ValueError(f"policy must be one of {', '.join(POLICIES)}, got {policy!r}")
    chosen_by = POLICIES[policy]
    if labels is None:
        sample = SortedScores(np.sort(as_scores(scores)), np.empty(0))
    else:
        sample = SortedScores.of(scores, labels)
    for name, found in (("OK", sample.ok), ("NG", sample.ng)):
        if name in chosen_by.needs and not found.size:
            lacking = "labels with " * (name == "NG" and labels is None)
            raise ValueError(f"{policy} needs {lacking}at least one {name} score, got none")
    choice = chosen_by.choose(sample, **params)
    used = chosen_by.needs or ("OK", "NG")
    n = sample.ok.size * ("OK" in used) + sample.ng.size * ("NG" in used)
    expected = expected_rates(sample, choice.value) | choice.promised
    return Threshold(choice.value, policy, choice.params, source or chosen_by.source, n, expected)


def expected_rates(sample: SortedScores, value: float) -> dict[str, Any]:
    """Rates with intervals seen on these data at a threshold; without those of a missing class."""
    counts, found = sample.confusion(value), {}
    if sample.ng.size:
        found["miss_rate"] = counts.miss_rate
        found["miss_interval"] = list(wilson(counts.fn, counts.n_ng))  # as JSON gives it back
    if sample.ok.size:
        found["overkill_rate"] = counts.overkill_rate
        found["overkill_interval"] = list(wilson(counts.fp, counts.n_ok))
    return found


def share_of(n: int, share: float, name: str) -> int:
    """How many of n a share allows."""
    if not 0 <= share <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {share}")
    # the fraction that was meant: in floats 0.1 % of 1000, or a third of 3, can fall short of 1
    return int(n * Fraction(float(share)).limit_denominator(10**9))


def _percentile(sample: SortedScores, *, q: float = 99) -> Choice:
    if not 0 <= q <= 100:
        raise ValueError(f"q must be in [0, 100], got {q}")
    allowed = share_of(sample.ok.size, (100 - q) / 100, "q / 100")
    return _overkill_at_most(sample, allowed, {"q": q})


def _conformal(sample: SortedScores, *, alpha: float = 0.01) -> Choice:
    n = sample.ok.size
    # the next OK part ranks anywhere among n + 1 with equal chance
    allowed = share_of(n + 1, alpha, "alpha") - 1
    if allowed < 0:
        needed = f"{ceil(1 / alpha - 1e-9) - 1}" if alpha else "infinitely many"
        raise ValueError(
            f"alpha={alpha} needs {needed} OK scores, got {n}; calibrate on more or raise it"
        )
    return _overkill_at_most(sample, allowed, {"alpha": alpha})


def _tail(
    sample: SortedScores,
    *,
    aim: float = 0.01,
    most: float = 0.03,
    sure: float = 0.95,
    independent: float | None = None,
) -> Choice:
    from scipy.stats import chi2  # a second, and only a fresh threshold needs it

    _require_shares(aim, most, sure, "tail")
    n = sample.ok.size
    if n < FEWEST:
        raise ValueError(f"tail needs at least {FEWEST} OK scores, got {n}; calibrate on more")
    worth = min(max(independent or n, FEWEST), n)
    count = int(np.clip(round(worth / 4), FEWEST - 1, MOST_IN_TAIL))
    above = max(round(n * min(count / worth, 0.5)), 1)  # of neighbours that are alike, several
    start = sample.ok[n - above - 1]
    mean = float((sample.ok[n - above :] - start).mean())
    # 2 sum / scale is chi-squared: what the scale is at most, so surely
    largest = mean * 2 * count / chi2.ppf(1 - sure, 2 * count)
    beyond = above / n
    aimed = mean * np.log(max(beyond / aim, 1))
    bounded = largest * np.log(max(beyond / most, 1))
    # a score on the threshold is NG: just beyond the largest of parts that are all alike
    value = max(start + max(aimed, bounded), np.nextafter(start, np.inf))
    params = {"aim": aim, "most": most, "sure": sure}
    return Choice(float(value), params | ({"independent": worth} if independent else {}))


def _normal(
    sample: SortedScores, *, aim: float = 0.05, most: float = 0.2, sure: float = 0.95
) -> Choice:
    from scipy.stats import nct, norm, t  # a second, as above

    _require_shares(aim, most, sure, "normal")
    n = sample.ok.size
    if n < FEWEST or sample.ok[0] <= 0:
        raise ValueError(
            f"normal needs at least {FEWEST} OK scores above 0, got {n} from {sample.ok[0]:.4g} on"
        )
    kept = n - ceil(n / 10)
    paper = norm.ppf((np.arange(1, n + 1) - 0.375) / (n + 0.25))
    spread, middle = np.polyfit(paper[:kept], np.log(sample.ok[:kept]), 1)
    aimed = np.sqrt(1 + 1 / n) * t.ppf(1 - aim, kept - 1)
    bounded = nct.ppf(sure, kept - 1, norm.isf(most) * np.sqrt(kept)) / np.sqrt(kept)
    value = np.exp(middle + max(aimed, bounded) * spread)
    # a score on the threshold is NG: just beyond the largest of parts that are all alike
    value = max(float(value), float(np.nextafter(sample.ok[0], np.inf)))
    return Choice(value, {"aim": aim, "most": most, "sure": sure})


def _require_shares(aim: float, most: float, sure: float, policy: str) -> None:
    if not 0 < aim <= most < 1 or not 0.5 <= sure < 1:
        raise ValueError(
            f"{policy} needs 0 < aim <= most < 1 and 0.5 <= sure < 1, got {aim}, {most}, {sure}"
        )


def _max_overkill(sample: SortedScores, *, overkill: float) -> Choice:
    allowed = share_of(sample.ok.size, overkill, "overkill")
    return _overkill_at_most(sample, allowed, {"overkill": overkill})


def _zero_miss(sample: SortedScores) -> Choice:
    return Choice(float(sample.ng[0]), {}, {"miss_bound": 1 / (sample.ng.size + 1)})


def _max_miss(sample: SortedScores, *, miss: float) -> Choice:
    allowed = share_of(sample.ng.size, miss, "miss")
    bound = {"miss_bound": min(1.0, (allowed + 1) / (sample.ng.size + 1))}
    ng = sample.ng
    value = np.nextafter(ng[-1], np.inf) if allowed >= ng.size else ng[allowed]
    return Choice(float(value), {"miss": miss}, bound)


def _cost(
    sample: SortedScores,
    *,
    prevalence: float,
    miss_cost: float = 1.0,
    overkill_cost: float = 1.0,
) -> Choice:
    params = {"prevalence": prevalence, "miss_cost": miss_cost, "overkill_cost": overkill_cost}
    highest = max(sample.ok[-1], sample.ng[-1])
    tried = np.append(sample.thresholds()[::-1], np.nextafter(highest, np.inf))
    costs = expected_cost(sample.confusion(tried), **params)
    best = int(costs.argmin())  # the first of equals: the lowest threshold, the fewest misses
    return Choice(float(tried[best]), params, {"cost": float(costs[best])})


def _f1(sample: SortedScores) -> Choice:
    tried = sample.thresholds()[::-1]
    f1 = sample.confusion(tried).f1
    best = int(f1.argmax())  # as above
    return Choice(float(tried[best]), {}, {"f1": float(f1[best])})


def _manual(sample: SortedScores, *, value: float) -> Choice:  # noqa: ARG001
    return Choice(value, {})


_LABELLED = "labelled parts"
POLICIES = {
    "percentile": Policy(_percentile, ("OK",), CALIBRATION),
    "conformal": Policy(_conformal, ("OK",), CALIBRATION),
    "tail": Policy(_tail, ("OK",), CALIBRATION),
    "normal": Policy(_normal, ("OK",), CALIBRATION),
    "zero_miss": Policy(_zero_miss, ("NG",), "labelled NG"),
    "max_miss": Policy(_max_miss, ("NG",), "labelled NG"),
    "max_overkill": Policy(_max_overkill, ("OK",), CALIBRATION),
    "cost": Policy(_cost, ("OK", "NG"), _LABELLED),
    "f1": Policy(_f1, ("OK", "NG"), _LABELLED),
    "manual": Policy(_manual, (), BY_HAND),
}


def _overkill_at_most(sample: SortedScores, allowed: int, params: dict[str, Any]) -> Choice:
    ok, bound = sample.ok, min(1.0, (allowed + 1) / (sample.ok.size + 1))
    value = ok[0] if allowed >= ok.size else np.nextafter(ok[-1 - allowed], np.inf)
    return Choice(float(value), params, {"overkill_bound": bound})
