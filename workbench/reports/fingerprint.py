"""What a report depends on, as one hash: where that is the same, a new run would say the same."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench import language, workspace

from . import runs


def fingerprint(
    name: str, manifest: dict[str, Any], template: Path, parameters: dict[str, Any]
) -> str:
    """SHA-256 over the model, its data, the template, the parameters and the language.

    Data count by name, size and time of change, so that asking is cheap; a copied dataset is
    a changed one. A report without a model depends on the newest run of every other report.
    """
    total = hashlib.sha256(template.read_bytes())
    total.update(json.dumps([manifest, parameters], sort_keys=True).encode())
    if (spoken := language.current()) != "en":
        total.update(spoken.encode())
    listed = _files(manifest) if manifest else _reports(name)
    said = workspace.report(name) / f"{name}_events.csv"  # what was said of events of sensors
    for line in [*listed, *([_line(said.name, said.stat())] if said.is_file() else [])]:
        total.update(f"{line}\n".encode())
    return total.hexdigest()


def _files(manifest: dict[str, Any]) -> Iterator[str]:
    """Name, size and time of every file that a report on this model reads."""
    source = manifest["data"].get("root") or manifest["data"].get("source")
    if not source:
        return
    root = workspace.resolve(source)
    for path in (root, root.with_name(f"{root.name}.relabels.csv")):
        if path.is_file():
            yield _line(path.name, path.stat())
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            yield _line(path.relative_to(root).as_posix(), path.stat())


def _line(name: str, stat: os.stat_result) -> str:
    return f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}"


def _reports(own: str) -> Iterator[str]:
    for name in runs.names():
        run = runs.newest(name)
        if run and name != own and run.details.get("kind"):
            yield f"{name}\0{run.folder.name}\0{run.status}"
