"""A training that was cut off, and goes on."""

import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from workbench import workspace
from workbench.errors import ArtifactError

SHARE = 0.05  # of the time that writing may take


@dataclass
class Checkpoint:
    """A file that training writes now and then, and goes on from.

    It appears whole or not at all, so a process may be killed while it is written. Reading it
    runs no code from it.

    Args:
        path: The file; its folder is made.
        every: Seconds between two writings, at least; more where writing takes long.
        resume: Go on from the file if it is there. Without it the training starts again.

    Example:
        >>> Checkpoint("models/.cache/checkpoints/lens.pt", resume=True).every
        60.0
    """

    path: Path | str
    every: float = 60.0
    resume: bool = False
    _last: float = field(init=False, repr=False)
    _cost: float = field(default=0.0, init=False, repr=False)

    def __post_init__(self) -> None:
        """Start the clock."""
        self._last = time.monotonic()

    def read(self, identity: dict[str, Any]) -> dict[str, Any] | None:
        """The state that was written last, or None if there is none or none is wanted.

        Args:
            identity: What must be the same for going on to make sense.

        Raises:
            ArtifactError: The file is damaged, or is of another training.
        """
        path = Path(self.path)
        if not self.resume or not path.exists():
            return None
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
            saved, state = content["identity"], content["state"]
        except Exception as error:  # damaged archives raise nearly anything
            raise ArtifactError(
                f"{path} must be a checkpoint, got a damaged file "
                f"({type(error).__name__}); delete it and train from the start"
            ) from error
        if changed := [name for name in identity if saved.get(name) != identity[name]]:
            raise ArtifactError(
                f"{path} is of another training (other {', '.join(changed)}); resume with what "
                "it was started with, or train without resuming"
            )
        return state

    def due(self) -> bool:
        """Whether it is time to write."""
        return time.monotonic() - self._last >= max(self.every, self._cost / SHARE)

    def write(self, identity: dict[str, Any], state: dict[str, Any]) -> None:
        """Replace the file as a whole; a failure is a warning, and training goes on."""
        start = time.monotonic()
        path = Path(self.path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with workspace.written(path) as file:
                torch.save({"identity": identity, "state": state}, file)
        except (OSError, RuntimeError) as error:  # torch's own for a full disk
            warnings.warn(f"no checkpoint in {path}, training goes on: {error}", stacklevel=2)
        self._last = time.monotonic()
        self._cost = self._last - start

    def clear(self) -> None:
        """Delete the file, once the detector is saved."""
        Path(self.path).unlink(missing_ok=True)
