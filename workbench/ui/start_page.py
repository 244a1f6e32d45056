"""All models of the workspace as cards, and the page that an address asks for."""

import json
import os
from pathlib import Path
from threading import RLock
from urllib.parse import parse_qs, urlencode

from workbench import artifacts, workspace
from workbench.data.opening import SUFFIXES
from workbench.errors import ArtifactError

from .app_page import AppPage
from .controls import html
from .markup import render
from .thumbs import small
from .view import View, rate_cell


def open_page(name: str = "", *, operator: bool = False) -> View:
    """The page of a model, of that which the address names as `?model=`, or of all of them."""
    asked = parse_qs(os.environ.get("QUERY_STRING", "")).get("model", [""])[0]
    name = name or (workspace.plain(asked) if asked else "")
    return AppPage(name, operator=operator) if name else StartPage()


class StartPage(View):
    """A card for each saved model: photo, rates, date, kind; a click opens it.

    Example:
        >>> StartPage().close()
    """

    def __init__(self) -> None:
        super().__init__("start", RLock())
        self.add_class("wb-app")
        self.add_class("wb-start-page")
        head, cards = html("wb-header"), html("wb-cards-box")
        folders = sorted((workspace.root() / "models").glob(f"*/{artifacts.MANIFEST}"))
        head.value = render(
            "part.head", title=self.t("Models"), note="", rates="", position=len(folders),
            name=workspace.root().as_posix(),
        )  # fmt: skip
        cards.value = render("gallery.cards", cards=[self._card(path.parent) for path in folders])
        self.fill(head, cards, gestures=self.listen("Models"))
        if not folders:
            self.say(self.t("no model yet: train one with workbench train NAME"))

    def _card(self, folder: Path) -> dict[str, str]:
        t, card = self.t, {"name": folder.name, "kind": "", "saved": "", "rates": "", "data": ""}
        card["link"] = "?" + urlencode({"model": folder.name})
        try:
            facts = artifacts.read_manifest(folder)
        except ArtifactError as error:
            return card | {"kind": str(error)}
        photos = facts["kind"] == "csflow"
        card["kind"] = t("photos") if photos else t("sensors")
        card["saved"] = facts.get("saved", "")[:10]
        card["rates"] = self._rates(folder.name)
        root = facts["data"].get("root")
        return card | {"data": _photo(workspace.resolve(root)) if root else ""}

    def _rates(self, name: str) -> str:
        try:
            path = workspace.report(name) / "latest" / "metrics.json"
            found = json.loads(path.read_text("utf-8"))
            missed, overkill = (found["fn"], found["n_ng"]), (found["fp"], found["n_ok"])
        except (OSError, ValueError, KeyError, TypeError):
            return self.t("no report yet")
        t = self.t
        return t("missed {0}, overkill {1}", rate_cell(*missed, t), rate_cell(*overkill, t))


def _photo(root: Path) -> str:
    """The first photo below a folder, small, as base64; "" if there is none."""
    found = (path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    return small(path, 320) if (path := next(found, None)) else ""
