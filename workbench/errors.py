"""The errors of our own; `ValueError` and `TypeError` do for arguments.

Wording: what must be, what we got, what to do.
"""

from collections.abc import Mapping


class DataError(ValueError):
    """Files that should be images or sensor rows are not, or none are left to use."""


class AmbiguousError(DataError):
    """A file may be read in two ways; under the options `ways` the rest of it can be shown."""

    def __init__(self, message: str, ways: Mapping[str, object]) -> None:
        super().__init__(message)
        self.ways = dict(ways)


class ArtifactError(ValueError):
    """A saved detector or checkpoint is missing, damaged or of a foreign kind."""


class NotFittedError(ValueError, AttributeError):
    """A detector was asked to score before `fit` or `load`."""
