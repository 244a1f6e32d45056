"""Controls with names, each bound to what it does, by pointer or by keyboard."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import ipywidgets as widgets

ANSWER = 5.0  # seconds that a browser may take


class Controls:
    """Makes the controls of a view; their texts are English here and shown translated.

    What is set within `set_quietly` is no action of the user's.
    """

    t: Callable[..., str]
    guard: Callable[..., Callable]
    _quiet = False

    @contextmanager
    def set_quietly(self) -> Iterator[None]:
        """Values that are set within call no action."""
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
            description=f"{self.t(text)} {key}".strip(), icon=icon, button_style=style,
            tooltip=self.t(tip) if tip else None, layout={"width": "auto"},
        )  # fmt: skip
        made.on_click(self.guard(lambda _: action()))
        return styled(made, name)

    def toggle(
        self, text: str, icon: str, name: str, action: Callable[[bool], object], *, key: str = ""
    ) -> widgets.ToggleButton:
        """A button that stays down."""
        words = f"{self.t(text)} {key}".strip()
        made = widgets.ToggleButton(description=words, icon=icon, layout={"width": "auto"})
        return self.bind(made, name, action)

    def dropdown(
        self,
        text: str,
        options: Iterable[tuple[str, object]],
        name: str,
        action: Callable[[Any], object],
    ) -> widgets.Dropdown:
        """A labelled list of words and what they stand for; the first is chosen."""
        made = widgets.Dropdown(options=list(options), description=self.t(text))
        return self.bind(_wide(made, 225), name, action)

    def slider(
        self, text: str, value: float, low: float, high: float, name: str,
        action: Callable[[float], object], *, step: float = 0.05,
    ) -> widgets.FloatSlider:  # fmt: skip
        """A labelled slider that acts while it is moved."""
        made = widgets.FloatSlider(
            value, min=low, max=high, step=step, description=self.t(text), readout_format=".2f"
        )
        return self.bind(_wide(made, 230), name, action)

    def threshold_slider(
        self, value: float, low: float, high: float, steps: int, moved: Callable[[float], object]
    ) -> "Sent":
        """As wide as the view, without a readout: it would round; `moved` by hand."""
        made = widgets.FloatSlider(
            min(max(value, low), high), min=low, max=high, step=(high - low) / steps,
            description=self.t("Threshold"), readout=False, layout={"width": "100%"},
        )  # fmt: skip
        sent = Sent(made)
        self.bind(made, "wb-threshold", lambda at: None if sent.answered(at) else moved(at))
        return sent

    def number(
        self, text: str, value: float, low: float, high: float, name: str,
        action: Callable[[float], object],
    ) -> widgets.BoundedFloatText:  # fmt: skip
        """A labelled field for a number, heard of when it is complete."""
        made = widgets.BoundedFloatText(
            value, min=low, max=high, step=0.1, description=self.t(text)
        )
        return self.bind(_wide(made, 210), name, action)

    def field(
        self, text: str, name: str, action: Callable[[str], object], width: int = 240
    ) -> widgets.Text:
        """A labelled line of text, heard of when it is complete."""
        made = widgets.Text(description=self.t(text), continuous_update=False)
        return self.bind(_wide(made, width), name, action)

    def bind(
        self, control: widgets.DOMWidget, name: str, action: Callable[[Any], object]
    ) -> widgets.DOMWidget:
        """The control with a CSS class; the action is called with the value that a user sets."""

        def changed(change: dict) -> None:
            if not self._quiet:
                action(change["new"])

        control.observe(self.guard(changed), "value")
        return styled(control, name)


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


class Sent:
    """What a slider was set to; a browser rounds that to a step, and reports it back.

    Such an answer is no move of a hand, also if the slider has been set again meanwhile.

    Example:
        >>> slider = widgets.FloatSlider(2, min=0, max=10, step=0.1)
        >>> sent = Sent(slider)
        >>> sent.set(3.01)
        >>> [sent.answered(value) for value in (2.0, 3.0, 4.0, 3.0)]
        [True, True, False, False]
    """

    def __init__(self, slider: widgets.FloatSlider) -> None:
        self.slider, self._values = slider, [(monotonic(), float(slider.value))]

    def set(self, value: float) -> None:
        """Set the slider, within its ends."""
        value = min(max(value, self.slider.min), self.slider.max)
        if value != self.slider.value:
            self._values = [*self._recent(), (monotonic(), value)]
            self.slider.value = value

    def answered(self, value: float) -> bool:
        """Whether a value that came is such an answer; else a hand moved the slider."""
        known = any(abs(value - own) <= 0.501 * self.slider.step for _, own in self._recent())
        self._values = self._values if known else []
        return known

    def _recent(self) -> list[tuple[float, float]]:
        return [v for v in self._values[:-1] if monotonic() - v[0] < ANSWER] + self._values[-1:]


def visible(widget: widgets.DOMWidget, on: object) -> None:
    """Show or hide it; hidden, it takes no room."""
    widget.layout.display = None if on else "none"


def _wide(widget: widgets.DOMWidget, pixels: int) -> widgets.DOMWidget:
    widget.layout.width = f"{pixels}px"
    widget.style.description_width = "initial"
    return widget
