"""An inspection run without widgets: an order, a position, verdicts, and the file they go to."""

from .inspection import InspectionSession
from .results import COLUMNS, OWN_COLUMNS, Verdict
from .selection import ORDERS, OUTCOMES, NothingPasses, Selection

__all__ = [
    "COLUMNS",
    "ORDERS",
    "OUTCOMES",
    "OWN_COLUMNS",
    "InspectionSession",
    "NothingPasses",
    "Selection",
    "Verdict",
]
