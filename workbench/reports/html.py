"""HTML by construction: templates that escape, an allow-list for what is foreign, and a policy.

Three things stand between data and the reader's browser. Values go through Jinja2 with
autoescape. What notebooks show as HTML or Markdown goes through an allow-list of tags and
attributes, which knows no script and no address to load from. And every page carries a
Content-Security-Policy that runs our own script by its hash and lets nothing be fetched.
"""

import gzip
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape
from nbformat import NotebookNode

from workbench import language
from workbench.language import t

from . import display, wording
from .wording import TEMPLATES

HIDDEN = {"parameters", "injected-parameters", "notebook-only"}
"""Tags of cells that the page of a report leaves out."""

PLAIN_FILE = 1 << 20  # bytes from which on a file is packed before it is put into a page
PICTURES = ("image/png", "image/jpeg")
_TAGS = {
    *("p", "br", "hr", "b", "strong", "i", "em", "code", "pre", "blockquote", "sub", "sup", "del"),
    *("ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6", "a", "img", "span", "div", "small"),
    *("table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "details", "summary"),
}
_ATTRIBUTES = {"class", "title", "alt", "colspan", "rowspan"}


class File(NamedTuple):
    """A file that travels inside a page."""

    name: str
    kind: str  # its media type
    content: str  # base64

    @classmethod
    def read(cls, path: Path) -> "File":
        """The file as it is, or packed by gzip where it is large."""
        content, kind = path.read_bytes(), {".csv": "text/csv"}.get(path.suffix, "text/plain")
        if len(content) < PLAIN_FILE:
            return cls(path.name, kind, b64encode(content).decode())
        packed = gzip.compress(content, mtime=0)
        return cls(f"{path.name}.gz", "application/gzip", b64encode(packed).decode())


def to_html(
    notebook: NotebookNode,
    status: dict[str, Any],
    metrics: dict[str, Any],
    files: Iterable[Path] = (),
) -> str:
    """An executed report notebook as one page, without its code."""
    cells = [cell for cell in notebook.cells if not HIDDEN & set(cell.metadata.get("tags", ()))]
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = "\n\n".join(map(_said, cell.source.split("\n\n")))
    return page(
        "report", report=status, cells=cells, sections=_sections(cells), m=metrics,
        record=display.RECORD, files=[File.read(path) for path in files],
    )  # fmt: skip


def page(name: str, **values: Any) -> str:  # noqa: ANN401
    """A whole page from `NAME.html.j2`, with `style.css`, `NAME.css` and `NAME.js`."""
    style = _source("style.css") + _source(f"{name}.css")
    script = _source(f"{name}.js")
    policy = "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            f"style-src {_hashed(style)}",
            f"script-src {_hashed(script)}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    template = environment().get_template(f"{name}.html.j2")
    sources = {"policy": policy, "style": Markup(style), "script": Markup(script)}
    return template.render(**sources, lang=language.current(), **values)


def part(macro: str, *values: Any) -> str:  # noqa: ANN401
    """A piece of a page, by a macro of `parts.html.j2`."""
    return str(getattr(environment().get_template("parts.html.j2").module, macro)(*values))


@cache
def environment() -> Environment:
    """Where the templates are, with autoescape and the filters that they use."""
    found = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    found.filters |= {
        "ansi": _ansi,
        "base64": lambda content: b64encode(content).decode(),
        "claim": wording.claim,
        "clean": clean,
        "markdown": _markdown,
        "num": wording.number,
        "pct": wording.percent,
        "picture": lambda data: next((kind for kind in PICTURES if kind in data), ""),
    }
    found.globals["t"] = t
    return found


def clean(foreign: str) -> Markup:
    """HTML with nothing left in it that runs or loads; what is not allowed is shown as text.

    Example:
        >>> clean("<b onclick='x()'>1</b><script>2</script>")
        Markup('<b>1</b>&lt;script&gt;2&lt;/script&gt;')
    """
    import bleach

    return Markup(bleach.clean(foreign, _TAGS, _allowed, {"http", "https", "mailto", "data"}))


def _allowed(tag: str, name: str, value: str) -> bool:
    if tag == "img" and name == "src":
        return value.startswith(("data:image/png;base64,", "data:image/jpeg;base64,"))
    if tag == "a" and name == "href":
        return not value.lstrip().lower().startswith("data:")
    return name in _ATTRIBUTES


def _markdown(source: str) -> Markup:
    # takes a second to import, which the kernels of the reports need not spend
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    renderer = IPythonRenderer(escape=False, exclude_anchor_links=True)
    made = MarkdownWithMath(renderer=renderer).render(source)
    wide = re.sub(r"<table>(.*?)</table>", r'<div class="table"><table>\1</table></div>', made,
                  flags=re.DOTALL)  # fmt: skip
    return clean(re.sub(r"<td>(?=-?\d|-<)", '<td class="num">', wide))


def _ansi(text: str) -> Markup:
    from nbconvert.filters import strip_ansi

    return escape(strip_ansi(text))


def _source(name: str) -> str:
    path = TEMPLATES / name
    return path.read_text("utf-8") if path.exists() else ""


def _hashed(source: str) -> str:
    return f"'sha256-{b64encode(sha256(source.encode()).digest()).decode()}'"


def _said(block: str) -> str:
    """A heading or a paragraph in the reader's language."""
    marks, words = re.match(r"(#* ?)(.*)", block, re.DOTALL).groups()
    words = " ".join(words.split())
    spoken = t(words)
    return block if spoken == words else marks + spoken


def _sections(cells: Sequence[NotebookNode]) -> dict[int, tuple[str, str]]:
    """Anchor and title by position, of the cells that begin with a heading."""
    titles = {
        at: cell.source.splitlines()[0].removeprefix("## ")
        for at, cell in enumerate(cells)
        if cell.cell_type == "markdown" and cell.source.startswith("## ")
    }
    return {at: (f"section-{n}", titles[at]) for n, at in enumerate(titles, start=1)}
