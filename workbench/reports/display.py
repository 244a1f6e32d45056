"""What a report notebook shows, and the numbers that it leaves.

Pictures carry caption and description in their metadata, from where the HTML page takes them;
a notebook shows the caption as a line of its own.
"""

import json
import os
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.display import display

from workbench import workspace
from workbench.data.encode import jpeg

from . import wording

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL import Image

RECORD = "application/vnd.workbench.record+json"
FOLDER = "WORKBENCH_REPORT"
"""Environment variable with the folder that a running report is written to."""

METRICS, THUMBNAIL = "metrics.json", "thumbnail.jpg"
_THUMBNAIL_SIDE = 240  # pixels


class Report:
    """Sections that are said of `metrics`, which all their numbers come from."""

    name: str  # under which the report is left
    metrics: dict[str, Any]  # every number of it, fit for JSON

    def say(self, section: str, *given: Any) -> None:  # noqa: ANN401
        """Show a section's text and tables."""
        text(wording.say(section, self.metrics, *given))

    def draw(self, drawn: "Figure | Axes", section: str, *given: Any) -> None:  # noqa: ANN401
        """Show a figure with its caption."""
        figure(drawn, wording.say(section, self.metrics, *given))

    def origins(self) -> None:
        """Show, folded, how the report was made."""
        self.say("origins", wording.origins(self.metrics))


def folder(name: str) -> Path:
    """Where a report leaves its files: what the runner says, else `reports/NAME`."""
    path = Path(os.environ.get(FOLDER) or workspace.report(name))
    path.mkdir(parents=True, exist_ok=True)
    return path


def figure(drawn: "Figure | Axes", caption: str) -> None:
    """Show a figure with a caption that names its numbers."""
    from workbench import plots  # brings matplotlib, which an index does without

    picture, said = drawn.figure, unescape(caption)
    words = {"alt": getattr(picture, "alt", "") or said, "caption": said}
    data = {"image/png": plots.png(picture), "text/plain": f"<Figure: {words['alt']}>"}
    display(data, raw=True, metadata={"image/png": words})
    # JupyterLab shows no captions; the HTML page leaves this second output out
    display({"text/markdown": f"*{caption}*"}, raw=True, metadata={"caption": True})


def text(markdown: str) -> None:
    """Show sentences; their numbers come from the metrics that `record` leaves.

    Words that come from the data stand in it through `wording.plain`.
    """
    display({"text/markdown": markdown, "text/plain": unescape(markdown)}, raw=True)


def html(content: str, words: str) -> None:
    """Show HTML, with words for where only text is shown."""
    display({"text/html": content, "text/plain": words}, raw=True)


def record(metrics: dict[str, Any], thumbnail: "Image.Image | None" = None) -> None:
    """Leave the numbers in `metrics.json` and in the notebook, as its last act.

    Args:
        metrics: JSON-able, with at least "name" and "n"; None for what is not defined.
        thumbnail: A picture for the list of reports.

    Raises:
        ValueError: A number is NaN or infinite.
    """
    content = json.dumps(metrics, indent=2, ensure_ascii=False, allow_nan=False)
    target = folder(metrics["name"])
    workspace.write(target / METRICS, f"{content}\n")
    if thumbnail is not None:
        workspace.write(target / THUMBNAIL, jpeg(thumbnail, _THUMBNAIL_SIDE))
    display({RECORD: metrics, "text/plain": _one_line(metrics)}, raw=True)


def _one_line(metrics: dict[str, Any]) -> str:
    keys = ("n", "auroc", "miss_rate", "overkill_rate", "threshold")
    shown = {key: metrics[key] for key in keys if metrics.get(key) is not None}
    return ", ".join(f"{key}={value:.4g}" for key, value in shown.items())
