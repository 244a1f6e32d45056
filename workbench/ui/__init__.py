"""Widgets over an `InspectionSession`; nothing is loaded from the network."""

from workbench.lazy import lazily

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "app_page": ["AppPage"],
        "audit": ["AuditView"],
        "check": ["CheckView"],
        "compare": ["Compare"],
        "histogram": ["HistogramExplorer"],
        "overview": ["Overview"],
        "sensors": ["SensorExplorer"],
        "simulator": ["Simulator"],
        "start_page": ["StartPage", "open_page"],
    },
)
