"""What the reports and their parts share: sections that are said of a dict of numbers."""

from typing import Any

from . import display, wording


class Report:
    """Sections over `metrics`, which all their numbers come from."""

    name: str  # under which the report is left
    metrics: dict[str, Any]  # every number of it, fit for JSON

    def say(self, section: str, *given: Any) -> None:  # noqa: ANN401
        """Show a section's text and tables."""
        display.text(wording.say(section, self.metrics, *given))

    def draw(self, drawn: Any, section: str, *given: Any) -> None:  # noqa: ANN401
        """Show a figure with its caption."""
        display.figure(drawn, wording.say(section, self.metrics, *given))

    def origins(self) -> None:
        """Show, folded, how the report was made."""
        self.say("origins", wording.origins(self.metrics))
