"""What a threshold costs, as HTML tables."""

from collections.abc import Callable
from html import escape
from math import isnan

from workbench import metrics

from .view import interval_cell, rate_cell, table

Words = Callable[..., str]


def count_table(counts: metrics.Confusion, labelled: bool, t: Words) -> str:
    """The confusion table, or for unlabelled parts what is called what."""
    ok, ng = t("called OK"), t("called NG")
    if not labelled:
        return table({ng: f"{counts.fp:,}", ok: f"{counts.tn:,}"})
    return (
        f'<table class="wb-table wb-confusion"><tr><td></td><th scope="col">{ok}</th>'
        f'<th scope="col">{ng}</th></tr>'
        f'<tr><th scope="row">{t("OK parts")}</th><td>{counts.tn:,}</td>'
        f"<td><b>{counts.fp:,}</b> {t('overkill')}</td></tr>"
        f'<tr><th scope="row">{t("NG parts")}</th><td><b>{counts.fn:,}</b> {t("missed")}</td>'
        f"<td>{counts.tp:,}</td></tr></table>"
    )


def rate_table(
    counts: metrics.Confusion, labelled: bool, value: Callable[[str], float], t: Words
) -> str:
    """Rates with intervals, and what they come to on the line.

    Args:
        counts: At the threshold.
        labelled: Whether they speak of OK and NG.
        value: Of the fields prevalence, miss_cost and overkill_cost.
        t: From English to the user's language.
    """
    if not labelled:
        return table({t("Share called NG"): rate_cell(counts.fp, counts.n, t)})
    rows = {
        t("Miss rate 미검율"): _with_interval(counts.fn, counts.n_ng, t),
        t("Overkill rate 과검율"): _with_interval(counts.fp, counts.n_ok, t),
    }
    given = {name: value(name) for name in ("prevalence", "miss_cost", "overkill_cost")}
    made = metrics.escape(counts.miss_rate, counts.overkill_rate, given["prevalence"])
    cost = metrics.expected_cost(counts, **given)
    rows[t("Escapes per million made")] = _number(made.per_million_made, ",.0f")
    rows[t("Cost per 1000 parts")] = _number(1000 * cost, ",.4g")
    return table(rows)


def _with_interval(count: int, n: int, t: Words) -> str:
    words = f"{t('95 % interval')} {interval_cell(metrics.wilson(count, n), t)}"
    return f"<b>{rate_cell(count, n, t)}</b><br><span class='wb-caption'>{words}</span>"


def _number(value: float, form: str) -> str:
    return "-" if isnan(value) else f"{value:{form}}"


def rate_pair(found: metrics.Comparison, names: tuple[str, str], t: Words) -> str:
    """Miss and overkill rates of two detectors, side by side."""
    rows = {
        t("Miss rate 미검율"): [(m.fn, m.n_ng) for m in (found.a, found.b)],
        t("Overkill rate 과검율"): [(m.fp, m.n_ok) for m in (found.a, found.b)],
    }
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    cells = "".join(
        f'<tr><th scope="row">{word}</th>'
        + "".join(f"<td>{rate_cell(*pair, t)}</td>" for pair in pairs)
        + "</tr>"
        for word, pairs in rows.items()
    )
    return f'<table class="wb-table"><tr><td></td>{head}</tr>{cells}</table>'
