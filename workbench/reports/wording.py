"""What reports say: the macros of `templates/*.md.j2` in the reader's language, as Markdown.

Everything is said of the dict that becomes `metrics.json`, so no sentence can say another number
than the file. Words from the data come out so that they are read as they are: the environment
escapes every value that is no text of the template's own.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from math import isnan
from pathlib import Path
from statistics import median
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from workbench import artifacts, language, workspace
from workbench.language import t
from workbench.metrics.wording import AIMED

TEMPLATES = Path(__file__).parent / "templates"
Numbers = Mapping[str, Any]

_AIMED = re.compile(r"([\d.e+-]+, )?" + re.sub(r"\\{\d\\}", "(.+?)", re.escape(AIMED)))
_SPECIAL = re.compile(r"[\\`*_\[\]<>&$|~!#]")


def say(section: str, *given: Any, **more: Any) -> str:  # noqa: ANN401
    """A section in Markdown, by the macro of that name.

    Example:
        >>> say("left_out", {"kind": "csflow", "bad": []})
        'Every file could be read; none was left out.'
    """
    said = str(sections(language.current())[section](*given, **more))
    return re.sub(r"\n{3,}", "\n\n", said).strip()


def claim(row: Numbers) -> str:
    """One claim in a sentence: what was asked, what was found, what more would take.

    Example:
        >>> claim({"name": "miss", "limit": 0.01, "found": 0, "n": 50, "met": False,
        ...        "interval": (0.0, 0.071), "needed": 368})
        'At most 1.0 % missed: not proven by 0 of 50, the true rate may be 7.1 %; 318 NG parts \
more would do.'
    """
    return say("claim", row)


def percent(share: float | None) -> str:
    """A share as per cent, "-" where it is not defined."""
    return "-" if share is None or isnan(share) else f"{100 * share:.1f} %"


def number(value: float | None, digits: int = 3) -> str:
    """A number with this many decimal places, "-" where it is not defined."""
    return "-" if value is None or isnan(value) else f"{value:.{digits}f}"


def plain(text: str) -> str:
    """Words from the data inside Markdown: they are read as they are.

    Example:
        >>> plain("a*b <c>")
        'a&#42;b &#60;c&#62;'
    """
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", " ".join(str(text).split()))


def code(text: str) -> Markup:
    """The same in the type of names: of files and folders."""
    return Markup(f"<code>{plain(text)}</code>")


def origins(m: Numbers) -> list[tuple[str, str]]:
    """How the report was made: data, split, model, threshold, versions."""
    saved = manifest(m["name"])
    data, config = saved["data"], saved["config"]
    split = data.get("counts", {}) | {"test": m["n"]}
    rows = {
        "data": data.get("root") or data.get("source") or "a list in memory",
        "note on the data": data.get("note", ""),
        "fingerprint of the training data": f"sha256 {data.get('fingerprint', '-')}",
        "split": ", ".join(f"{t(key)} {n:,}" for key, n in split.items()),
        "model": t(
            "{0} ({1}), saved {2}", f"models/{m['name']}", saved["kind"], saved["saved"][:16]
        ),
        "weights": f"sha256 {saved['weights_sha256']}",
        "backbone": saved.get("backbone", {}).get("name", ""),
        "threshold": f"{m['threshold']:.6g}, {m['threshold_source']}",
        "seed": config["seed"],
        "configuration": _listed(config),
        "versions in training": _listed(saved["versions"]),
        "versions in this report": _listed(m["versions"]),
    }
    return [(key, value) for key, value in rows.items() if value != ""]


def manifest(name: str) -> dict[str, Any]:
    """What `models/NAME` says of itself."""
    return artifacts.read_manifest(workspace.model(name))


def _listed(items: Numbers) -> str:
    return ", ".join(f"{key} {value}" for key, value in items.items())


@cache
def sections(spoken: str) -> dict[str, Callable[..., Markup]]:
    """The macros of `templates/*.md.j2` in this language, with the filters that they use."""
    translate = language.translator(spoken)

    def fill(text: str, *values: Any) -> Markup:  # noqa: ANN401
        return Markup(translate(text, *map(_shown, values)))

    def word(text: str) -> Markup:
        counted = re.fullmatch(r"(\d+) of n", str(text))
        return fill("{0} of n", counted[1]) if counted else _shown(translate(str(text)))

    def plural(n: float, noun: str) -> Markup:
        count = f"{round(n):,}"
        one = spoken == "en" and n == 1
        return Markup(f"{count} {noun}") if one else fill(f"{{0}} {noun}s", count)

    def origin(text: str) -> Markup:
        if found := _AIMED.fullmatch(str(text)):
            value, *aimed, source = found.groups("")
            return Markup(value) + fill(AIMED, *aimed, word(source))
        found = re.fullmatch(r"([\d.e+-]+, )?(\w+)( \(.*\))? of (\d+) scores, (.+)", str(text))
        if not found:
            return word(text)
        value, policy, params, n, source = found.groups("")
        how = f"{word(policy)}{params}"
        return Markup(value) + fill("{0} of {1} scores, {2}", how, n, word(source))

    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, finalize=_shown,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.globals["t"] = fill
    made.filters |= {
        "code": code,
        "g": lambda value, digits=4: "-" if value is None else f"{value:.{digits}g}",
        "median": lambda values: median(list(values)),
        "n": lambda value: f"{round(value):,}",
        "num": number,
        "origin": origin,
        "pct": percent,
        "plural": plural,
        "signed": lambda x, digits=2: "-" if x is None else f"{x:+.{digits}f}",
        "word": word,
    }
    modules = [made.get_template(file.name).module for file in TEMPLATES.glob("*.md.j2")]
    return {name: macro for module in modules for name, macro in vars(module).items()}


def _shown(value: Any) -> Any:  # noqa: ANN401
    """A value as a template puts it out: a text that is not its own is escaped."""
    return Markup(plain(value)) if type(value) is str else value
