"""An executed report notebook as one HTML file: nothing from outside, no scripts, no code."""

from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from . import display, wording

TEMPLATES = Path(__file__).parent / "templates"
HIDDEN = ("parameters", "injected-parameters", "notebook-only")
"""Tags of cells that the page leaves out."""


def to_html(notebook: NotebookNode, status: dict[str, Any], metrics: dict[str, Any]) -> str:
    """The page.

    Args:
        notebook: The executed notebook.
        status: As in `status.json`.
        metrics: As in `metrics.json`; empty after a failure.
    """
    # imported here, as it takes seconds that the kernels of the reports need not spend
    from nbconvert.exporters import HTMLExporter
    from nbconvert.preprocessors import TagRemovePreprocessor

    exporter = HTMLExporter(
        template_name="report",
        extra_template_basedirs=[str(TEMPLATES)],
        exclude_anchor_links=True,
    )
    exporter.register_preprocessor(TagRemovePreprocessor(remove_cell_tags=HIDDEN), enabled=True)
    report = {
        **status,
        "tiles": wording.tiles(metrics) if "labelled" in metrics else [],
        "record": display.RECORD,
    }
    page, _ = exporter.from_notebook_node(notebook, resources={"report": report})
    return page
