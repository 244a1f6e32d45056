"""Reports: one HTML page a dataset, made by running a notebook, and a page that lists them.

`run` executes a template in a kernel of its own. The template, which also works by hand in
JupyterLab, gathers its numbers in an `ImageReport` or a `SensorReport`, shows them with
`figure` and `text`, and leaves them in `metrics.json` with `record`.
"""

from workbench.lazy import lazily

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "comparison": ["ComparisonReport"],
        "display": ["figure", "record", "text"],
        "execution": ["execute", "parsed"],
        "images": ["ImageReport"],
        "index": ["build_index"],
        "pdf": ["print_pdf"],
        "runner": ["run", "run_all", "watch"],
        "runs": ["ReportRun"],
        "sensors": ["SensorReport"],
    },
)
