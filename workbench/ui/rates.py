"""What a threshold costs, as HTML tables."""

from collections.abc import Callable
from math import isnan

from workbench import metrics

from .markup import render
from .part_html import Words, rate_with_interval
from .view import both_rates, rate_cell, table


def count_table(counts: metrics.Confusion, labelled: bool, t: Words) -> str:
    """The confusion table, or for unlabelled parts what is called what."""
    if not labelled:
        return table({t("called NG"): f"{counts.fp:,}", t("called OK"): f"{counts.tn:,}"})
    return render("tables.confusion", counts=counts, t=t)


def rate_table(
    counts: metrics.Confusion, auroc: float | None, value: Callable[[str], float], t: Words
) -> str:
    """Rates with intervals, and what they come to on the line by the fields' values."""
    if auroc is None:
        return table({t("Share called NG"): rate_cell(counts.fp, counts.n, t)})
    given = {name: value(name) for name in ("prevalence", "miss_cost", "overkill_cost")}
    escaped = metrics.escape(counts.miss_rate, given["prevalence"])
    cost = metrics.expected_cost(counts, **given)
    return table(
        {
            **{t(word): rate_with_interval(*of, t) for word, *of in both_rates(counts)},
            t("Escapes per million made"): _number(escaped, ",.0f"),
            t("Cost per 1000 parts"): _number(1000 * cost, ",.4g"),
            "AUROC": _number(auroc, ".3f"),
        }
    )


def review_table(rates: metrics.ReviewRates, t: Words) -> str:
    """What becomes of the parts where a person looks again between two thresholds."""
    shares = {
        t("Missed without a look"): rates.miss_rate,
        t("Thrown away without a look"): rates.overkill_rate,
        t("Looked at again"): rates.review_rate,
    }
    return table({name: _number(100 * share, ".1f") + " %" for name, share in shares.items()})


def _number(value: float, form: str) -> str:
    return "-" if isnan(value) else f"{value:{form}}"
