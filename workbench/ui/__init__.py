"""Widgets over an `InspectionSession`; nothing is loaded from the network.

`language` is "en" or "ko", by default that of `$WORKBENCH_LANG`. With `operator` a threshold is to
be seen only: nothing can be chosen or saved.
"""

from workbench.lazy import lazily

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "app_page": ["AppPage"],
        "audit": ["AuditView"],
        "check": ["CheckView"],
        "compare": ["Compare"],
        "events": ["EventList"],
        "histogram": ["HistogramExplorer"],
        "overview": ["Overview"],
        "sensors": ["SensorExplorer"],
        "simulator": ["Simulator"],
        "start_page": ["StartPage", "open_page"],
    },
)
