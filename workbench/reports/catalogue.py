"""Which reports there are to make: those of `reports/datasets.yml`, else one for each model."""

from typing import Any, NamedTuple

from workbench import workspace
from workbench.errors import DataError

FILE = "datasets.yml"
_KEYS = {"template", "parameters", "timeout"}


class Listing(NamedTuple):
    """One report: its name, which is its model's, and how it differs from the usual one."""

    name: str
    template: str | None = None
    parameters: dict[str, Any] = {}  # never changed
    timeout: int | None = None

    def changed(self, given: "Listing") -> "Listing":
        """The same; what is given for all reports goes before its own settings."""
        parameters = self.parameters | given.parameters
        return Listing(
            self.name, given.template or self.template, parameters, given.timeout or self.timeout
        )


def listed() -> list[Listing]:
    """What `workbench report --all` makes.

    `reports/datasets.yml` maps names to nothing, or to any of `template`, `parameters` and
    `timeout`. A name that is no model's needs a template.

    Example:
        A `reports/datasets.yml` of two models and a comparison of them:

            lens:
            SMT:
              parameters: {shown: 12}
            comparison:
              template: 92_report_comparison
              parameters: {names: [lens, SMT]}
    """
    path = workspace.root() / "reports" / FILE
    if not path.exists():
        models = workspace.root().glob("models/[!.]*/detector.json")  # no dot: not in place yet
        return [Listing(model) for model in sorted(path.parent.name for path in models)]
    import yaml

    try:
        content = yaml.safe_load(path.read_text("utf-8")) or {}
    except yaml.YAMLError as error:
        raise DataError(f"reports/{FILE} must be YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise DataError(f"reports/{FILE} must map names to settings, got {content!r}")
    return [_report(str(name), settings or {}) for name, settings in content.items()]


def _report(name: str, settings: dict[str, Any]) -> Listing:
    known = ", ".join(sorted(_KEYS))
    if not isinstance(settings, dict) or set(settings) - _KEYS:
        raise DataError(f"reports/{FILE}: {name} must hold any of {known}, got {settings!r}")
    if not isinstance(settings.get("parameters", {}), dict):
        raise DataError(f"reports/{FILE}: parameters of {name} must be a mapping")
    try:
        return Listing(workspace.plain(name), **settings)
    except ValueError as error:
        raise DataError(f"reports/{FILE}: {error}") from None
