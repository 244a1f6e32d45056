"""Widgets over an `InspectionSession`; nothing is loaded from the network.

They speak the language of `$WORKBENCH_LANG`, "en" or "ko". With `operator` a threshold is to
be seen only: nothing can be chosen or saved.
"""

from workbench.lazy import lazily

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "pages": ["AppPage", "StartPage", "open_page"],
        "audit": ["AuditView"],
        "check": ["CheckView"],
        "compare": ["Compare"],
        "events": ["EventList"],
        "histogram": ["HistogramExplorer"],
        "overview": ["Overview"],
        "sensors": ["SensorExplorer"],
        "simulator": ["Simulator"],
    },
)
