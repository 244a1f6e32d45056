"""The three errors of our own; `ValueError` and `TypeError` do for arguments.

Wording: what must be, what we got, what to do.
"""


class DataError(ValueError):
    """Files that should be images or sensor rows are not, or none are left to use."""


class ArtifactError(ValueError):
    """A saved detector or checkpoint is missing, damaged or of a foreign kind."""


class NotFittedError(ValueError, AttributeError):
    """A detector was asked to score before `fit` or `load`."""
