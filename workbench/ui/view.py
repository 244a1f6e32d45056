"""What every view has: the style, a status line for news and errors, and a real `close`."""

import base64
from collections.abc import Callable, Hashable, Sequence
from contextlib import nullcontext
from pathlib import Path
from threading import RLock, Thread
from typing import Any, ClassVar

import ipywidgets as widgets

from workbench import language, metrics, workspace

from .controls import Controls, html
from .gestures import gestures
from .markup import render

CSS = Path(__file__).with_name("style.css").read_text("utf-8")
_ENGLISH = language.translator("en")


class View(Controls, widgets.VBox):
    """A box of widgets with a status line below.

    Front ends may run callbacks in a thread of their own and swallow their errors: each goes
    through `guard`, which takes the lock and tells the user. A second view with the same key
    closes the first, so that running a cell again leaves nothing behind.
    """

    open_views: ClassVar[dict[Hashable, "View"]] = {}
    _key: Hashable = None  # ipywidgets closes what fails half-built, too
    _lock: Any = nullcontext()
    _gestures: widgets.Widget | None = None
    narrow = False  # as on a telephone; see `fit`

    def __init__(self, key: Hashable, lock: RLock, speech: str | None = None) -> None:
        self.t = language.translator(speech)
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
        link = render(
            "part.download", name=path.name, kind=kind, text=self.t("download"),
            data=base64.b64encode(data).decode(),
        )  # fmt: skip
        self.say(self.t("exported to {0}", workspace.portable(path)), more=link)

    def fill(self, *parts: widgets.Widget, gestures: widgets.Widget | None = None) -> None:
        """Set the content between the style sheet and the status line, in place of the former."""
        for former in set(self.children) - {self._status}:
            for widget in (*_inside(former), former):
                widget.close()
        style = html()
        style.value, style.layout.display = f"<style>{CSS}</style>", "none"
        self._gestures = gestures
        self.children = (style, *parts, self._status, *([gestures] if gestures else []))

    def listen(self, label: str, **more: Any) -> Any:  # noqa: ANN401
        """A widget for `fill` that hands keys and pointer to `on_message`; see `gestures`."""
        t = self.t
        lost = (
            t("connection lost at {0}; what was done until then is saved", "{time}"),
            t("Reload the page"),
            t("connection lost at {0}, saved up to part {1}", "{time}", "{place}"),
            t("Reload and go on at part {0}", "{place}"),
        )
        return gestures(self.on_message, t(label), lost=lost, **more)

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
                said = language.said_again(str(error), self.t)
                self.say(f"{self.t(type(error).__name__)}: {said}", error=True)

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


def identity(session: object) -> Hashable:
    """What the views of one session have in common: its result file, else itself."""
    return session.results or id(session)


def rate_cell(count: int, n: int, t: Callable[..., str] = _ENGLISH) -> str:
    """A rate with its counts.

    Example:
        >>> rate_cell(2, 31), rate_cell(0, 0)
        ('2 of 31 = 6.5 %', '-')
    """
    return f"{t('{0} of {1}', count, n)} = {100 * metrics.rate(count, n):.1f} %" if n else "-"


def both_rates(m: metrics.Metrics | metrics.Confusion) -> tuple[tuple[str, int, int], ...]:
    """Both rates as word, count and number of parts."""
    return ("Miss rate 미검율", m.fn, m.n_ng), ("Overkill rate 과검율", m.fp, m.n_ok)


def interval_cell(interval: tuple[float, float], t: Callable[..., str] = _ENGLISH) -> str:
    """A 95 % interval in per cent."""
    low, high = interval
    return "-" if low != low else t("{0} to {1} %", f"{100 * low:.1f}", f"{100 * high:.1f}")


def described(threshold: metrics.Threshold, t: Callable[..., str] = _ENGLISH) -> str:
    """A threshold with its origin."""
    source = t(threshold.source)
    if threshold.policy != "manual":
        how = (
            threshold.origin().partition(" of ")[0].replace(threshold.policy, t(threshold.policy))
        )
        source = t("{0} of {1} scores, {2}", how, threshold.n, source)
    return f"{threshold:.4g}: {source}"


def table(rows: dict[str, str]) -> str:
    """Two columns of HTML; values that a macro rendered are kept, all else is escaped."""
    return render("tables.rows", rows=rows)


def _inside(box: widgets.Widget) -> Sequence[widgets.Widget]:
    found = []
    for child in getattr(box, "children", ()):
        found += [*_inside(child), child]
    parts = [getattr(box, "layout", None), getattr(box, "style", None)]
    return found + [part for part in parts if isinstance(part, widgets.Widget)]
