"""Keys and dragging, where anywidget is installed; every view is complete without it.

A person's own choice of keys is kept in `reports/keys.json`.
"""

import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import traitlets
from ipywidgets import DOMWidget

from workbench import workspace
from workbench.language import t

from .markup import render

try:
    import anywidget
except ImportError:  # the buttons and sliders do all that the keys do
    anywidget = None

SCRIPT = Path(__file__).with_name("gestures.js")
ACTIONS = {  # action: its key, and what it does
    "next": ("ArrowRight", "next part"),
    "previous": ("ArrowLeft", "previous part"),
    "next_missed": ("m", "next missed defect"),
    "previous_missed": ("M", "previous missed defect"),
    "first": ("Home", "first part"),
    "last": ("End", "last part"),
    "play": (" ", "play and pause"),
    "ok": ("o", "the part is OK"),
    "ng": ("n", "the part is NG"),
    "undo": ("u", "take back"),
    "bare": ("h", "hold: photo without heat"),
    "full": ("f", "full screen"),
    "help": ("?", "these keys"),
    "back": ("Escape", "whole photo, close what is open"),
}
_SHOWN = {"ArrowRight": "→", "ArrowLeft": "←", " ": "␣", "Escape": "Esc"}


def gestures(
    on_message: Callable[[dict], None],
    label: str,
    pictures: dict[str, str] | None = None,
    *,
    keys: dict[str, str] | None = None,
    on_ping: Callable[[], None] = lambda: None,
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
    """
    if anywidget is None:
        return None
    lost = [  # where it gets no answer any more; the browser puts in time and number of the part
        t("connection lost at {0}; what was done until then is saved", "{time}"),
        t("Reload the page"),
        t("connection lost at {0}, saved up to part {1}", "{time}", "{place}"),
        t("Reload and go on at part {0}", "{place}"),
    ]
    widget = _gestures_class()(
        label=label, pictures=pictures or {}, actions=keys or {}, kernel=_kernel_id(), lost=lost
    )

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


def keys() -> dict[str, str]:
    """Keys by action: as chosen by a person, else as above."""
    try:
        chosen = json.loads(_path().read_text("utf-8"))
        chosen = {a: k for a, k in chosen.items() if a in ACTIONS and isinstance(k, str)}
    except (OSError, ValueError, AttributeError):
        chosen = {}
    return {action: key for action, (key, _) in ACTIONS.items()} | chosen


def change_key(action: str, key: str) -> dict[str, str]:
    """Give an action another key, for all pages of this workspace; returns all keys by action."""
    present = keys()
    if action not in present or not key:
        raise ValueError(f"an action of {', '.join(present)} and a key are needed")
    taken = next((a for a, k in present.items() if k == key and a != action), None)
    if taken:
        raise ValueError(f"the key {key!r} is that of {taken!r}; choose another")
    present[action] = key
    _path().parent.mkdir(parents=True, exist_ok=True)
    workspace.write(_path(), json.dumps(present, indent=1, ensure_ascii=False))
    return present


def shown(key: str) -> str:
    """A key as it is written on a button."""
    return _SHOWN.get(key, key)


def key_table() -> str:
    """All keys with what they do."""
    present = keys()
    rows = [(shown(present[action]), t(said)) for action, (_, said) in ACTIONS.items()]
    return render("part.keys", rows=rows)


def _path() -> Path:
    return workspace.report("keys.json")


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
