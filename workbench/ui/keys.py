"""What keys do; a person's own choice is kept in `reports/keys.json`."""

import json
from collections.abc import Callable
from pathlib import Path

from workbench import workspace

from .markup import render

ACTIONS = {  # action: its key, and what it does
    "next": ("ArrowRight", "next part"),
    "previous": ("ArrowLeft", "previous part"),
    "next_missed": ("m", "next missed defect"),
    "previous_missed": ("M", "previous missed defect"),
    "first": ("Home", "first part"),
    "last": ("End", "last part"),
    "play": (" ", "play and pause"),
    "ok": ("o", "the part is OK"),
    "ng": ("n", "the part is NG"),
    "undo": ("u", "take back"),
    "bare": ("h", "hold: photo without heat"),
    "full": ("f", "full screen"),
    "help": ("?", "these keys"),
    "back": ("Escape", "whole photo, close what is open"),
}
_SHOWN = {"ArrowRight": "→", "ArrowLeft": "←", " ": "␣", "Escape": "Esc"}


def keys() -> dict[str, str]:
    """Keys by action: as chosen by a person, else as above."""
    try:
        chosen = json.loads(_path().read_text("utf-8"))
        chosen = {a: k for a, k in chosen.items() if a in ACTIONS and isinstance(k, str)}
    except (OSError, ValueError, AttributeError):
        chosen = {}
    return {action: key for action, (key, _) in ACTIONS.items()} | chosen


def change_key(action: str, key: str) -> dict[str, str]:
    """Give an action another key, for all pages of this workspace; returns all keys by action."""
    present = keys()
    if action not in present or not key:
        raise ValueError(f"an action of {', '.join(present)} and a key are needed")
    taken = next((a for a, k in present.items() if k == key and a != action), None)
    if taken:
        raise ValueError(f"the key {key!r} is that of {taken!r}; choose another")
    present[action] = key
    _path().parent.mkdir(parents=True, exist_ok=True)
    workspace.write(_path(), json.dumps(present, indent=1, ensure_ascii=False))
    return present


def shown(key: str) -> str:
    """A key as it is written on a button."""
    return _SHOWN.get(key, key)


def key_table(t: Callable[..., str]) -> str:
    """All keys with what they do."""
    present = keys()
    rows = [(shown(present[action]), t(said)) for action, (_, said) in ACTIONS.items()]
    return render("part.keys", rows=rows)


def _path() -> Path:
    return workspace.report("keys.json")
