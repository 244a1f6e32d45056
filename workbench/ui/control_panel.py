"""What the simulator is worked with: all its controls and their places, none of their effects."""

import ipywidgets as widgets

from workbench.session import ORDERS, InspectionSession

from .controls import button, dropdown, row, slider, toggle
from .keys import ACTIONS, key_table, keys, shown
from .pictures import DisplaySettings
from .view import View, html, styled

_ANY = {"label": "", "verdict": "", "outcome": ""}
FILTERS = {
    "all parts": _ANY,
    "labelled OK": _ANY | {"label": "OK"},
    "labelled NG": _ANY | {"label": "NG"},
    "called OK": _ANY | {"verdict": "OK"},
    "called NG": _ANY | {"verdict": "NG"},
    "missed": _ANY | {"outcome": "missed"},
    "overkill": _ANY | {"outcome": "overkill"},
    "correct": _ANY | {"outcome": "correct"},
}


class ControlPanel(View):
    """A view with the controls of a simulator; their keys are written on the buttons."""

    session: InspectionSession

    def make_controls(self) -> None:
        """Make them all."""
        self._make_steps()
        self._make_view_controls()
        self._make_record_controls()
        self._make_help()
        self.more.observe(self._open_more, "value")
        self.help.observe(self._open_help, "value")

    def control_rows(self) -> widgets.Widget:
        """Steps, views and, under "More", the rest."""
        steps = [self.previous, self.next, self.play, self.jump, self.ok, self.ng, self.undo]
        views = [self.filter, self.order, self.region, self.opacity, self.remark, self.more]
        rest = [self.scale, self.zoom, self.outline, self.export, self.reset, self.help]
        self._rest = row(*rest)
        self._rest.layout.display = "none"
        rows = [row(*steps), row(*views), self._rest, self._help]
        return styled(widgets.VBox(rows), "wb-panel")

    def _make_steps(self) -> None:
        t, key = self._t, {action: shown(key) for action, key in keys().items()}
        self.previous = button(f"{key['previous']} {t('Previous')}", "", "wb-previous")
        self.next = button(f"{t('Next')} {key['next']}", "", "wb-next", style="primary")
        self.play = toggle(f"{t('Play')} {key['play']}", "play", "wb-play")
        self.jump = styled(
            widgets.IntSlider(
                self.session.position + 1, 1, max(len(self.session), 1),
                description=t("Image"), continuous_update=False,
            ),
            "wb-jump",
        )  # fmt: skip
        self.jump.layout.flex = "1 1 200px"
        self.ok = button(f"{t('It is OK')} {key['ok']}", "check", "wb-ok-label")
        self.ng = button(f"{t('It is NG')} {key['ng']}", "times", "wb-ng-label")
        self.undo = button(f"{t('Undo')} {key['undo']}", "undo", "wb-undo")

    def _make_view_controls(self) -> None:
        t = self._t
        self.opacity = slider(t("Opacity"), DisplaySettings().opacity, 0, 1, "wb-opacity")
        kinds = [(t("the same for all parts"), True), (t("each part its own"), False)]
        self.scale = dropdown(t("Scale"), kinds, "wb-fixed")
        self.zoom = slider(t("Zoom"), 1, 1, 8, "wb-zoom", step=0.01)
        self.region = dropdown(t("Look at"), [(t("whole photo"), 0)], "wb-region")
        self.outline = toggle(t("Outline"), "pencil-square-o", "wb-outline")
        self.outline.value = True
        self.outline.layout.display = None if self.session.parts.has_masks else "none"
        self.more = toggle(t("More"), "ellipsis-h", "wb-more")

    def _make_record_controls(self) -> None:
        t = self._t
        self.filter = dropdown(t("Show"), [(t(n), n) for n in FILTERS], "wb-filter")
        self.order = dropdown(t("Order"), [(t(n), n) for n in ORDERS], "wb-order")
        self.order.value = self.session.selection.order
        self.remark = styled(
            widgets.Text(description=t("Note"), continuous_update=False), "wb-remark"
        )
        self.remark.style.description_width = "initial"
        self.remark.layout.flex = "1 1 160px"
        self.export = button(t("Export"), "download", "wb-export")
        tip = t("Start a new result file; the old one is kept")
        self.reset = button(t("Reset"), "refresh", "wb-reset", tip=tip)

    def _make_help(self) -> None:
        t = self._t
        self.help = toggle(f"{t('Keys')} {shown(keys()['help'])}", "keyboard-o", "wb-help")
        self.key_list = html("wb-key-table")
        self.action = dropdown(t("Change"), [(t(s), a) for a, (_, s) in ACTIONS.items()], "wb-act")
        self.key = styled(widgets.Text(description=t("Key"), continuous_update=False), "wb-key")
        self.key.layout.width = "150px"
        box = widgets.VBox([self.key_list, row(self.action, self.key)])
        self._help = styled(box, "wb-help-box")
        self._help.layout.display = "none"

    def _open_more(self, change: dict) -> None:
        self._rest.layout.display = None if change["new"] else "none"

    def _open_help(self, change: dict) -> None:
        self.key_list.value = key_table(self._t)
        self._help.layout.display = None if change["new"] else "none"
