"""HTML and SVG from the macros in `templates/`, which escape whatever is put into them."""

from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
