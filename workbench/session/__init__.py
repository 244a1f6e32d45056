"""An inspection run without widgets: an order, a position, verdicts, and the file they go to."""

from workbench.session.choice import ORDERS, OUTCOMES, Choice
from workbench.session.inspection import InspectionSession
from workbench.session.results import COLUMNS, OWN_COLUMNS, Verdict

__all__ = [
    "COLUMNS",
    "ORDERS",
    "OUTCOMES",
    "OWN_COLUMNS",
    "Choice",
    "InspectionSession",
    "Verdict",
]
