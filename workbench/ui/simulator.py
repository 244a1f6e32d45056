"""The simulator: one part at a time, photo beside overlay, verdict beside truth.

It holds no state but what it shows; order, verdicts and the result file are the session's.
Photos travel as JPEG of at most `SIDE` pixels, so that a step costs the scoring and little else.
"""

import base64
import io
from functools import partial
from html import escape
from time import perf_counter
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np
from PIL import Image

from workbench import workspace
from workbench.detectors.heatmap import blend, colourise
from workbench.session import InspectionSession, Verdict
from workbench.ui.style import icon
from workbench.ui.view import View, html, rate_cell, styled, table

if TYPE_CHECKING:
    from workbench.detectors.evaluation import Evaluation

SIDE = 640  # pixels
PLAY_MS = 500  # between two images


class Simulator(View):
    """Steps through a session with buttons, a slider or by itself.

    Args:
        session: The inspection to show; a former simulator of it, or of another session with
            the same result file, is closed.
        play_ms: Milliseconds between two images when playing, at least 300.

    Raises:
        ValueError: `play_ms` is too short to see a picture.

    Example:
        >>> simulator = Simulator(session)  # doctest: +SKIP
        >>> simulator.next.click()  # doctest: +SKIP
    """

    def __init__(self, session: InspectionSession, *, play_ms: int = PLAY_MS) -> None:
        if play_ms < 300:
            raise ValueError(f"play_ms must be at least 300, got {play_ms}")
        super().__init__(session.results or id(session), session.lock)
        self.session = session
        self._make_panels()
        self._make_controls(play_ms)
        self.fill(self._head, self._photos(), self._facts(), self._controls())
        self.guard(self._show)()

    def __repr__(self) -> str:
        return f"Simulator({self.session.parts.root.name}, {self._place()})"

    def _make_panels(self) -> None:
        layout = {"width": "100%", "height": "380px", "object_fit": "contain"}
        self.photo, self.overlay = (
            styled(widgets.Image(format="jpeg", layout=layout), "wb-image", name)
            for name in ("wb-photo", "wb-overlay")
        )
        self._head, self._verdict, self._part, self._totals = (
            html(name) for name in ("wb-header", "wb-word", "wb-part", "wb-totals")
        )

    def _make_controls(self, play_ms: int) -> None:
        last = len(self.session)
        self.previous = _button("Previous", "arrow-left", "wb-previous")
        self.next = _button("Next", "arrow-right", "wb-next", style="primary")
        self.reset = _button("Reset", "refresh", "wb-reset")
        self.reset.tooltip = "Start a new result file; the old one is kept"
        self.play = styled(
            widgets.Play(min=1, max=last, interval=play_ms, show_repeat=False), "wb-play"
        )
        self.jump = styled(
            widgets.IntSlider(
                self.session.position + 1, 1, last, description="Image", continuous_update=False
            ),
            "wb-jump",
        )
        self.play.value = self.jump.value
        self.jump.layout.flex = "1 1 260px"
        # between the two in the browser: the kernel hears of each step once, from the slider
        self._helpers.append(widgets.jslink((self.play, "value"), (self.jump, "value")))
        self.previous.on_click(self.guard(partial(self._step, -1)))
        self.next.on_click(self.guard(partial(self._step, 1)))
        self.reset.on_click(self.guard(self._reset))
        self.jump.observe(self.guard(self._go), "value")

    def _photos(self) -> widgets.Widget:
        captions = [html("wb-caption") for _ in range(3)]
        for caption, text in zip(captions, ("Photo", "Heat map overlay", "Heat"), strict=True):
            caption.value = text
        self._scale = html("wb-scale-box")
        parts = [*captions, self.photo, self.overlay, self._scale]
        return styled(widgets.Box(parts), "wb-photos")

    def _facts(self) -> widgets.Widget:
        return styled(widgets.Box([self._verdict, self._part, self._totals]), "wb-facts")

    def _controls(self) -> widgets.Widget:
        controls = [self.previous, self.next, self.play, self.jump, self.reset]
        return styled(widgets.HBox(controls), "wb-controls")

    def _step(self, by: int, _: object) -> None:
        self.jump.value += by  # which calls `_go`; the slider keeps it in the range

    def _go(self, change: dict) -> None:
        self.session.go(change["new"] - 1)
        self._show()

    def _reset(self, _: object) -> None:
        kept = self.session.reset()
        self.jump.value = 1
        self._show()
        if kept:
            self.say(f"started anew; the former results are kept in {kept.name}")

    def _show(self) -> None:
        started = perf_counter()
        try:
            evaluation = self.session.current  # before the name: scoring takes a moment
        except Exception:
            self._show_header()
            self._show_nothing()
            raise
        self._show_photos(evaluation)
        self._show_header()
        self._show_verdict(evaluation, self.session.verdict)
        self._show_totals(_times(evaluation, perf_counter() - started))
        self.say(self.session.note or self._where())

    def _show_header(self) -> None:
        parts = self.session.parts
        note = f'<span class="wb-note">{escape(parts.note)}</span>' if parts.note else ""
        self._head.value = (
            f'<div class="wb-head"><b>{escape(parts.root.name)}</b>{note}'
            f'<span class="wb-name">{escape(self.session.name)}</span>'
            f'<span class="wb-position">{self._place()}</span></div>'
        )

    def _show_nothing(self) -> None:
        """No photo or verdict of another part may stand beside this part's name."""
        self.photo.value = self.overlay.value = _encoded(Image.new("LA", (1, 1)), "PNG")
        self._verdict.value = '<div class="wb-verdict wb-none">not judged</div>'
        self._part.value = ""
        self._show_totals("-")

    def _show_photos(self, evaluation: "Evaluation") -> None:
        image, heat = _shrunk(evaluation)
        overlay = blend(image, heat, evaluation.heat_range)
        self.photo.value = _encoded(Image.fromarray(image), "JPEG")
        self.overlay.value = _encoded(overlay, "JPEG")
        if not self._scale.value:
            self._scale.value = _scale(evaluation.heat_range)

    def _show_verdict(self, evaluation: "Evaluation", verdict: Verdict) -> None:
        word = verdict.prediction
        self._verdict.value = (
            f'<div class="wb-verdict wb-{word.lower()}">{icon(word)}<span>{word}</span></div>'
        )
        outcome = verdict.outcome or "no label"
        self._part.value = table(
            {
                "True label": f"<b>{verdict.label or '-'}</b>",
                "Outcome": f'<span class="wb-outcome wb-{outcome.split()[0]}">{outcome}</span>',
                "Score / threshold": f"<b>{verdict.score:.4g}</b> / {evaluation.threshold:.4g}",
            }
        ) + _score_bar(verdict.score, float(evaluation.threshold), self._calm())

    def _show_totals(self, time: str) -> None:
        rates, judged = self.session.rates(), len(self.session.verdicts)
        self._totals.value = table(
            {
                "Judged": f"{judged} of {len(self.session)}",
                "Miss rate 미검율": rate_cell(rates.fn, rates.n_ng),
                "Overkill rate 과검율": rate_cell(rates.fp, rates.n_ok),
                "Time": time,
            }
        )

    def _place(self) -> str:
        return f"{self.session.position + 1} / {len(self.session)}"

    def _where(self) -> str:
        path = self.session.results
        return f"results in {workspace.portable(path)}" if path else "results are not written"

    def _calm(self) -> float:
        """The lowest score of a held-out good part: the left end of the score bar."""
        held_out = np.asarray(getattr(self.session.detector, "held_out", ()), float)
        return float(held_out.min()) if held_out.size else 0.0


def _button(text: str, symbol: str, name: str, style: str = "") -> widgets.Button:
    layout = {"width": "110px"}
    return styled(
        widgets.Button(description=text, icon=symbol, button_style=style, layout=layout), name
    )


def _shrunk(evaluation: "Evaluation") -> tuple[np.ndarray, np.ndarray]:
    """Photo and heat map of one size, no side longer than `SIDE`."""
    height, width = evaluation.heatmap.shape
    scale = min(1, SIDE / max(height, width))
    if scale == 1:
        return evaluation.image, evaluation.heatmap
    size = max(1, round(width * scale)), max(1, round(height * scale))
    photo = Image.fromarray(evaluation.image).resize(size, Image.Resampling.BOX)
    heat = Image.fromarray(evaluation.heatmap).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(photo), np.asarray(heat)


def _encoded(image: Image.Image, format: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, quality=88)
    return buffer.getvalue()


def _times(evaluation: "Evaluation", shown: float) -> str:
    stages = [f"{k} {1000 * v:.0f} ms" for k, v in evaluation.timing.items() if k != "total"]
    scored = evaluation.timing["total"]
    return (
        f'<span title="{", ".join(stages)}">scored {1000 * scored:.0f} ms, '
        f"shown {1000 * shown:.0f} ms</span>"
    )


def _scale(heat_range: tuple[float, float]) -> str:
    """The fixed colour scale of the heat maps, upright, with its ends as numbers."""
    low, high = heat_range
    ramp = colourise(np.linspace(high, low, 256, dtype=np.float32)[:, None], heat_range)
    png = base64.b64encode(_encoded(Image.fromarray(ramp), "PNG")).decode()
    return (
        f'<div class="wb-scale"><img src="data:image/png;base64,{png}" '
        'alt="colour scale of the heat map">'
        f"<div><span>{high:.3g}</span><span>same for<br>all parts</span>"
        f"<span>{low:.3g}</span></div></div>"
    )


def _score_bar(score: float, threshold: float, calm: float) -> str:
    """Where the score lies: OK left of the line in the middle, NG (hatched) right of it.

    The ends are equally far from the threshold; scores beyond are drawn at the end.
    """
    reach = max(threshold - calm, 1e-12)
    x = 150 + 140 * float(np.clip((score - threshold) / reach, -1, 1))
    return (
        f'<svg class="wb-chart wb-bar" viewBox="0 0 300 38" width="100%" height="38" role="img" '
        f'aria-label="score {score:.4g} against threshold {threshold:.4g}"><defs>'
        '<pattern id="wb-hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect width="6" height="6" fill="#C24E00" '
        'opacity=".25"/><path d="M0 0 V6" stroke="#C24E00" stroke-width="2"/></pattern></defs>'
        '<rect x="10" y="12" width="140" height="10" rx="3" fill="#0072B2" opacity=".35"/>'
        '<rect x="150" y="12" width="140" height="10" rx="3" fill="url(#wb-hatch)"/>'
        '<path class="wb-mark" d="M150 7 V27" stroke-width="2"/>'
        f'<path class="wb-fill" d="M{x:.1f} 14 l-6 -11 h12 z"/>'
        '<text x="10" y="36">OK</text><text x="150" y="37" text-anchor="middle">threshold</text>'
        '<text x="290" y="36" text-anchor="end">NG</text></svg>'
    )
