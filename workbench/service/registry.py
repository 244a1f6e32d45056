"""Which models there are; each is loaded once, by the first who asks for it."""

import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock, Semaphore
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench import artifacts, workspace
from workbench.errors import ArtifactError, DataError

from .problems import NotFound

if TYPE_CHECKING:
    from workbench.autoencoder import AutoEncoderDetector
    from workbench.csflow import CSFlowDetector

LOG = logging.getLogger("workbench.service")
ALIASES = {"module": "SMT"}  # what the simulator's page calls it
PHOTOS, ROWS = "csflow", "autoencoder"
TURNS = Semaphore(os.cpu_count() or 1)  # taken to score: more at a time only get in the way


@dataclass(frozen=True)
class Model:
    """A saved detector in memory."""

    name: str  # of its folder below `models/`
    detector: "CSFlowDetector | AutoEncoderDetector"  # what scores
    manifest: Mapping[str, Any]  # what its `detector.json` says

    @property
    def kind(self) -> str:
        """`csflow` (photos) or `autoencoder` (sensor rows)."""
        return self.manifest["kind"]


class Registry:
    """The models of the workspace, by name. Names from requests are looked up, never joined."""

    def __init__(self) -> None:
        self._models: dict[str, Model] = {}
        self._lock = Lock()

    def names(self) -> list[str]:
        """Folders below `models/` that hold a detector."""
        found = (workspace.root() / "models").glob(f"*/{artifacts.MANIFEST}")
        return sorted(path.parent.name for path in found if not path.parent.name.startswith("."))

    def get(self, name: str, kind: str = "") -> Model:
        """The model of this name and kind; NotFound where none can be loaded."""
        found = name if name in self._models else self._listed(name)
        if found not in self._models:  # who asks for another does not wait
            with self._lock:
                if found not in self._models:
                    self._models[found] = _loaded(found)
        model = self._models[found]
        if kind and model.kind != kind:
            raise NotFound(f"model {found} is of kind {model.kind}, this path needs {kind}")
        return model

    def __contains__(self, name: str) -> bool:
        """Whether the model of this name is loaded."""
        return name in self._models

    def _listed(self, name: str) -> str:
        by_name = {found.lower(): found for found in self.names()}
        found = by_name.get(ALIASES.get(name, name).lower())
        if found is None:
            known = ", ".join(by_name.values()) or "none; train one"
            raise NotFound(f"no model {name!r}; there are: {known}")
        return found

    def manifest(self, name: str) -> Mapping[str, Any]:
        """What a model says of itself, without loading it; NotFound where it is damaged."""
        try:
            return artifacts.read_manifest(workspace.model(name))
        except ArtifactError as error:
            raise NotFound(str(error)) from error

    def load_all(self) -> None:
        """Load every model and let it judge once; one that cannot says so when it is asked."""
        for name in self.names():
            LOG.info(json.dumps({"loading": name}))
            with suppress(Exception):
                model = self.get(name)
                if model.kind == PHOTOS:
                    model.detector.evaluate_one(np.zeros((64, 64, 3), np.uint8))

    def chosen(self, kind: str, name: str = "") -> str:
        """This name, or else that of the only model of its kind; NotFound where none is."""
        names = [name] if name else [name for name in self.names() if self._kind(name) == kind]
        if len(names) != 1:
            raise NotFound(
                f"name the model (?model=NAME): there are {', '.join(names) or 'none'} of {kind}"
            )
        return names[0]

    def _kind(self, name: str) -> str:
        if loaded := self._models.get(name):
            return loaded.kind
        try:
            return self.manifest(name)["kind"]
        except NotFound:
            return ""


def _loaded(name: str) -> Model:
    try:
        folder = workspace.model(name)
        return Model(name, artifacts.load(folder), artifacts.read_manifest(folder))
    except (ArtifactError, DataError, OSError) as error:
        raise NotFound(f"model {name} cannot be loaded: {error}") from error
