"""Keys and dragging, where anywidget is installed; every view is complete without it."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import traitlets
from ipywidgets import DOMWidget

try:
    import anywidget
except ImportError:  # the buttons and sliders do all that the keys do
    anywidget = None

SCRIPT = Path(__file__).with_name("gestures.js")


def hands(
    on_message: Callable[[dict], None],
    label: str,
    pictures: dict[str, str] | None = None,
    *,
    keys: bool = True,
) -> DOMWidget | None:
    """An invisible widget that reports what keyboard and pointer do within its view.

    Args:
        on_message: Called with {"key": name}, {"pan": [x, y]}, {"zoom": factor, "at": [x, y]},
            {"line": x} or {"bar": x}; fractions of the picture, units of the chart.
        label: What a screen reader calls the view.
        pictures: Words for the images of these CSS classes.
        keys: Whether the keys are the view's.

    Returns:
        The widget, to be placed inside the view, or None without anywidget.
    """
    if anywidget is None:
        return None
    widget = _hands_class()(label=label, pictures=pictures or {}, listens=keys)

    def answer(sender: object, message: dict, _: object) -> None:  # noqa: ARG001
        try:
            on_message(message)
        finally:
            widget.send("done")  # only then the next one is sent

    widget.on_msg(answer)
    widget.layout.display = "none"
    return widget


@cache
def _hands_class() -> type:
    class Hands(anywidget.AnyWidget):
        _esm = SCRIPT.read_text("utf-8")
        label = traitlets.Unicode("").tag(sync=True)
        pictures = traitlets.Dict({}).tag(sync=True)
        listens = traitlets.Bool(True).tag(sync=True)

    return Hands
