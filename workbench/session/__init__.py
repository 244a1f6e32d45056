"""An inspection run without widgets: an order, a position, verdicts, and the file they go to."""

from .inspection import InspectionSession
from .navigation import ORDERS, OUTCOMES, NothingPasses, Selection
from .results import COLUMNS, OWN_COLUMNS, Verdict

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
