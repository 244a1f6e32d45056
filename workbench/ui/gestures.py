"""Keys and dragging, where anywidget is installed; every view is complete without it."""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import traitlets
from ipywidgets import DOMWidget

try:
    import anywidget
except ImportError:  # the buttons and sliders do all that the keys do
    anywidget = None

SCRIPT = Path(__file__).with_name("gestures.js")


def gestures(
    on_message: Callable[[dict], None],
    label: str,
    pictures: dict[str, str] | None = None,
    *,
    keys: Mapping[str, str] | None = None,
    on_ping: Callable[[], None] = lambda: None,
    lost: Sequence[str] = (),
) -> DOMWidget | None:
    """An invisible widget that reports what keyboard and pointer do within its view.

    Args:
        on_message: Called with {"action": name of a key's action}, {"pan": [x, y]},
            {"zoom": factor, "at": [x, y]}, {"box": [x, y, x, y], "done": 1},
            {"corner": [x, y], "done": 1}, {"close": 1, "done": 1},
            {"line": x, "which": i}, {"bar": x}, {"open": name of what was clicked},
            {"narrow": 1} or {"size": pixels of the pictures}; fractions of the picture, units of
            the chart.
        label: What a screen reader calls the view.
        pictures: Words for the images of these CSS classes.
        keys: Actions by key; "full" and "bare" are done by the browser.
        on_ping: Called twice a second while the page is open.
        lost: What a page says that gets no answer any more, and the button that reloads it; then
            the same where a part is shown. The browser puts in {time} and {place}, its number.
    """
    if anywidget is None:
        return None
    widget = _gestures_class()(
        label=label, pictures=pictures or {}, actions=dict(keys or {}), kernel=_kernel_id(),
        lost=list(lost),
    )  # fmt: skip

    def answer(sender: object, message: dict, _: object) -> None:  # noqa: ARG001
        if "ping" in message:
            widget.send({"pong": 1})
            on_ping()
            return
        try:
            on_message(message)
        finally:
            widget.send({"done": 1})  # only then the next one is sent

    widget.on_msg(answer)
    widget.layout.display = "none"
    return widget


def _kernel_id() -> str:
    if "ipykernel.kernelapp" not in sys.modules:  # no kernel: a test, or a script
        return ""
    from ipykernel.connect import get_connection_file

    try:
        return Path(get_connection_file()).stem.removeprefix("kernel-")
    except RuntimeError:
        return ""


@cache
def _gestures_class() -> type:
    class Gestures(anywidget.AnyWidget):
        _esm = SCRIPT.read_text("utf-8")
        label = traitlets.Unicode("").tag(sync=True)
        pictures = traitlets.Dict({}).tag(sync=True)
        actions = traitlets.Dict({}).tag(sync=True)
        kernel = traitlets.Unicode("").tag(sync=True)
        lost = traitlets.List([]).tag(sync=True)

    return Gestures
