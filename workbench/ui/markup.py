"""HTML and SVG from the macros in `templates/`, which escape what they get; tables of rates."""

from collections.abc import Callable
from functools import cache
from itertools import count
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import metrics
from workbench.language import t
from workbench.metrics.wording import origin

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

FOLDER = Path(__file__).with_name("templates")
_numbers = count()


def render(place: str, /, **values: Any) -> "Markup":  # noqa: ANN401
    """What the macro at "FILE.MACRO" makes of its values; not escaped again in another macro.

    Example:
        >>> str(render("tables.rows", rows={"a<b": 1}))
        '<table class="wb-table"><tr><th scope="row">a&lt;b</th><td>1</td></tr></table>'
    """
    file, name = place.split(".")
    return getattr(_environment().get_template(f"{file}.html.j2").module, name)(**values)


def unique(name: str) -> str:
    """An id of its own: a pattern of the same name in a hidden tab would not be drawn."""
    return f"{name}-{next(_numbers)}"


def table(rows: dict[str, str]) -> str:
    """Two columns of HTML; values that a macro rendered are kept, all else is escaped."""
    return render("tables.rows", rows=rows)


def caption(text: str) -> str:
    """A line in small letters."""
    return render("tables.caption", said=text)


def rate_cell(count: int, n: int) -> str:
    """A rate with its counts.

    Example:
        >>> rate_cell(2, 31), rate_cell(0, 0)
        ('2 of 31 = 6.5 %', '-')
    """
    return f"{t('{0} of {1}', count, n)} = {100 * metrics.rate(count, n):.1f} %" if n else "-"


def both_rates(m: metrics.Metrics | metrics.Confusion) -> tuple[tuple[str, int, int], ...]:
    """Both rates as word, count and number of parts."""
    return ("Miss rate 미검율", m.fn, m.n_ng), ("Overkill rate 과검율", m.fp, m.n_ok)


def interval_cell(count: int, n: int) -> str:
    """The 95 % interval of a rate, in per cent."""
    low, high = metrics.wilson(count, n)
    return t("{0} to {1} %", f"{100 * low:.1f}", f"{100 * high:.1f}")


def described(threshold: metrics.Threshold) -> str:
    """A threshold with its origin."""
    return f"{threshold:.4g}: {origin(threshold, t)}"


def count_table(counts: metrics.Confusion, labelled: bool) -> str:
    """The confusion table, or for unlabelled parts what is called what."""
    if not labelled:
        return table({t("called NG"): f"{counts.fp:,}", t("called OK"): f"{counts.tn:,}"})
    return render("tables.counts", counts=counts)


def rate_table(
    counts: metrics.Confusion, auroc: float | None, value: Callable[[str], float]
) -> str:
    """Rates with intervals, and what they come to on the line by the fields' values."""
    if auroc is None:
        return table({t("Share called NG"): rate_cell(counts.fp, counts.n)})
    given = {name: value(name) for name in ("prevalence", "miss_cost", "overkill_cost")}
    rates = {
        t(word): render(
            "tables.rate", cell=rate_cell(*of), interval=interval_cell(*of) if of[1] else ""
        )
        for word, *of in both_rates(counts)
    }
    escaped = metrics.escape(counts.miss_rate, given["prevalence"])
    cost = metrics.expected_cost(counts, **given)
    return table(
        rates
        | {
            t("Escapes per million made"): _number(escaped, ",.0f"),
            t("Cost per 1000 parts"): _number(1000 * cost, ",.4g"),
            "AUROC": _number(auroc, ".3f"),
        }
    )


def review_table(rates: metrics.ReviewRates) -> str:
    """What becomes of the parts where a person looks again between two thresholds."""
    shares = {
        t("Missed without a look"): rates.miss_rate,
        t("Thrown away without a look"): rates.overkill_rate,
        t("Looked at again"): rates.review_rate,
    }
    return table({name: _number(100 * share, ".1f") + " %" for name, share in shares.items()})


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.globals["t"] = t
    return made


def _number(value: float, form: str) -> str:
    return "-" if isnan(value) else f"{value:{form}}"
