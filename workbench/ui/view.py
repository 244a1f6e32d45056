"""What every view has: controls with names, a status line for news and errors, a real `close`."""

import base64
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import RLock, Thread
from typing import Any, ClassVar

import ipywidgets as widgets

from workbench import workspace
from workbench.language import said_again, t

from .gestures import gestures
from .markup import render

CSS = Path(__file__).with_name("style.css").read_text("utf-8")


class View(widgets.VBox):
    """A box of widgets with a status line below.

    Texts of controls are English here and shown translated. Front ends may run callbacks in a
    thread of their own and swallow their errors: each goes through `guard`, which takes the lock
    and tells the user. A second view with the same key closes the first, so that running a cell
    again leaves nothing behind.
    """

    open_views: ClassVar[dict[Hashable, "View"]] = {}
    _key: Hashable = None  # ipywidgets closes what fails half-built, too
    _lock: Any = nullcontext()
    _gestures: widgets.Widget | None = None
    _quiet = False
    narrow = False  # as on a telephone; see `fit`

    def __init__(self, key: Hashable, lock: RLock) -> None:
        super().__init__()
        self.add_class("wb-view")
        self._key, self._lock = (type(self), key), lock
        self._status = html("wb-status")
        if former := View.open_views.get(self._key):
            former.close()
        View.open_views[self._key] = self

    @property
    def message(self) -> str:
        """What the status line says, as HTML."""
        return self._status.value

    def say(self, text: str, *, error: bool = False, more: str = "") -> None:
        """Put a line under the controls, where screen readers hear it."""
        self._status.value = render("part.say", text=text, error=error, more=more)

    def hand_out(self, path: Path, data: bytes, kind: str) -> None:
        """Write a file and offer it for download, which a user of the web application needs."""
        path.parent.mkdir(parents=True, exist_ok=True)
        workspace.write(path, data)
        content = base64.b64encode(data).decode()
        link = render("part.download", name=path.name, kind=kind, data=content)
        self.say(t("exported to {0}", workspace.portable(path)), more=link)

    def fill(self, label: str, *parts: widgets.Widget, **listening: Any) -> None:  # noqa: ANN401
        """Set the content between the style sheet and the status line, in place of the former.

        A screen reader calls the view by its label; for what else there is, see `gestures`.
        """
        for former in set(self.children) - {self._status}:
            for widget in (*_inside(former), former):
                widget.close()
        style = html()
        style.value, style.layout.display = f"<style>{CSS}</style>", "none"
        self._gestures = gestures(self.on_message, t(label), **listening)
        self.children = (style, *parts, self._status, *filter(None, [self._gestures]))

    def on_message(self, message: dict) -> None:
        """What keyboard and pointer did: a click on "what which" calls `open_what(which)`."""
        if "narrow" in message:
            self.narrow = bool(message["narrow"])
            self.guard(self.fit)()
        what, _, which = message.get("open", "").partition(" ")
        if what:
            self.guard(getattr(self, f"open_{what}"))(which)

    def fit(self) -> None:
        """Draw again because the view has become narrow or wide."""

    @classmethod
    def opened(cls, key: Hashable) -> "View | None":
        """The open view of this class with that key, if there is one."""
        return View.open_views.get((cls, key))

    def guard(self, action: Callable[..., object], *, locked: bool = True) -> Callable[..., None]:
        """The action as a callback: locked, and with its error in the status line."""

        def callback(*arguments: Any) -> None:  # noqa: ANN401
            try:
                with self._lock if locked else nullcontext():
                    action(*arguments)
            except Exception as error:  # any of them: the user must see it
                self.say(f"{t(type(error).__name__)}: {said_again(str(error), t)}", error=True)

        return callback

    def background(self, action: Callable[[], object]) -> Thread:
        """Do it in a thread of its own; an error goes to the status line."""
        thread = Thread(target=self.guard(action, locked=False), daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        """Close all widgets inside too; ipywidgets leaves them, and they pile up."""
        if View.open_views.get(self._key) is self:
            del View.open_views[self._key]
        with self._lock:  # not while a thread is at its widgets
            for widget in _inside(self):
                widget.close()
            super().close()

    @contextmanager
    def set_quietly(self) -> Iterator[None]:
        """Values that are set within are no action of the user's."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def button(
        self, text: str, icon: str, name: str, action: Callable[[], object], *, key: str = "",
        style: str = "", tip: str = "",
    ) -> widgets.Button:  # fmt: skip
        """A button with text, key, symbol and CSS class."""
        made = widgets.Button(
            description=f"{t(text)} {key}".strip(), icon=icon, button_style=style,
            tooltip=t(tip) if tip else None, layout={"width": "auto"},
        )  # fmt: skip
        made.on_click(self.guard(lambda _: action()))
        return styled(made, name)

    def toggle(
        self, text: str, icon: str, name: str, action: Callable[[bool], object], *, key: str = ""
    ) -> widgets.ToggleButton:
        """A button that stays down."""
        made = self.control(widgets.ToggleButton(icon=icon), text, name, action)
        made.description = f"{made.description} {key}".strip()
        return made

    def dropdown(
        self, text: str, options: Iterable[tuple[str, object]], name: str,
        action: Callable[[Any], object] | None = None,
    ) -> widgets.Dropdown:  # fmt: skip
        """A labelled list of words and what they stand for; the first is chosen."""
        return self.control(widgets.Dropdown(options=list(options)), text, name, action, 225)

    def field(
        self, text: str, name: str, action: Callable[[str], object] | None = None, width: int = 240
    ) -> widgets.Text:
        """A labelled line of text, heard of when it is complete."""
        return self.control(widgets.Text(continuous_update=False), text, name, action, width)

    def control(
        self, made: widgets.DOMWidget, text: str, name: str,
        action: Callable[[Any], object] | None = None, width: int | str | None = "auto",
    ) -> widgets.DOMWidget:  # fmt: skip
        """A labelled control with a CSS class; the action gets the value that a user sets.

        The width is in pixels, or as CSS has it.
        """
        made.description = t(text)
        if isinstance(width, int):
            made.layout.width, made.style.description_width = f"{width}px", "initial"
        else:
            made.layout.width = width

        def changed(change: dict) -> None:
            if not self._quiet:
                action(change["new"])

        if action:
            made.observe(self.guard(changed), "value")
        return styled(made, name)


def identity(session: object) -> Hashable:
    """What the views of one session have in common: its result file, else itself."""
    return session.results or id(session)


def html(*classes: str) -> widgets.HTML:
    """An HTML widget with CSS classes, which are also the handles of the browser tests."""
    return styled(widgets.HTML(), *classes)


def picture(name: str) -> widgets.Image:
    """A place for a JPEG."""
    return styled(widgets.Image(format="jpeg"), "wb-image", name)


def row(*parts: widgets.Widget) -> widgets.HBox:
    """Controls side by side, wrapping where the page is narrow."""
    return styled(widgets.HBox(parts), "wb-controls")


def styled(widget: widgets.DOMWidget, *classes: str) -> widgets.DOMWidget:
    """The widget with CSS classes added."""
    for name in classes:
        widget.add_class(name)
    return widget


def visible(widget: widgets.DOMWidget, on: object) -> None:
    """Show or hide it; hidden, it takes no room."""
    widget.layout.display = None if on else "none"


def _inside(box: widgets.Widget) -> Sequence[widgets.Widget]:
    found = []
    for child in getattr(box, "children", ()):
        found += [*_inside(child), child]
    parts = [getattr(box, "layout", None), getattr(box, "style", None)]
    return found + [part for part in parts if isinstance(part, widgets.Widget)]
