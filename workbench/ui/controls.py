"""Controls with names: what a view is worked with, by pointer or by keyboard."""

from collections.abc import Iterable

import ipywidgets as widgets

from .view import styled


def button(text: str, symbol: str, name: str, *, style: str = "", tip: str = "") -> widgets.Button:
    """A button with a text, a symbol and a CSS class."""
    return styled(
        widgets.Button(
            description=text, icon=symbol, button_style=style, tooltip=tip or None,
            layout={"width": "auto"},
        ),
        name,
    )  # fmt: skip


def toggle(text: str, symbol: str, name: str) -> widgets.ToggleButton:
    """A button that stays down."""
    layout = {"width": "auto"}
    return styled(widgets.ToggleButton(description=text, icon=symbol, layout=layout), name)


def dropdown(text: str, options: Iterable[tuple[str, object]], name: str) -> widgets.Dropdown:
    """A labelled list of words and what they stand for; the first is chosen."""
    return styled(_wide(widgets.Dropdown(options=list(options), description=text), 225), name)


def slider(
    text: str, value: float, low: float, high: float, name: str, *, step: float = 0.05
) -> widgets.FloatSlider:
    """A labelled slider that acts while it is moved."""
    made = widgets.FloatSlider(
        value, min=low, max=high, step=step, description=text, readout_format=".2f"
    )
    return styled(_wide(made, 230), name)


def number(
    text: str, value: float, low: float, high: float, name: str, *, tip: str = ""
) -> widgets.BoundedFloatText:
    """A labelled field for a number, heard of when it is complete."""
    made = widgets.BoundedFloatText(
        value, min=low, max=high, step=0.1, description=text, tooltip=tip or None
    )
    return styled(_wide(made, 210), name)


def row(*parts: widgets.Widget) -> widgets.HBox:
    """Controls side by side, wrapping where the page is narrow."""
    return styled(widgets.HBox(parts), "wb-controls")


def _wide(widget: widgets.DOMWidget, pixels: int) -> widgets.DOMWidget:
    widget.layout.width = f"{pixels}px"
    widget.style.description_width = "initial"
    return widget
