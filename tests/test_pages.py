"""Pages against hostile words: nothing runs, nothing is fetched, and the words are readable."""

import re
from html import unescape
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from PIL import Image

from workbench import reports, workspace
from workbench.data.encode import jpeg
from workbench.reports import display, gallery, runs, wording
from workbench.reports.html import clean, part, to_html

from .payloads import PAYLOADS

PHOTO = jpeg(Image.new("RGB", (8, 8)))
STATUS = {"date": "2026-11-28T10:00:00", "seconds": 1.0, "status": "failed", "kind": "csflow"}


class Evaluation(SimpleNamespace):
    """As of a detector, without one."""

    def overlay(self):
        return Image.new("RGB", (8, 8))


def shown(call, *arguments):
    """The output that a notebook keeps of a display function."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(display, "display", lambda data, **more: found.append((data, more)))
        call(*arguments)
    data, more = found[0]
    return nbformat.v4.new_output("display_data", data, metadata=more.get("metadata", {}))


def outputs(words):
    """Every way for words from the data into a page, and HTML and Markdown of others."""
    card = gallery.Card(
        Evaluation(verdict="NG", score=1.0, regions=[], shares=[], heat_range=(0.0, 1.0),
                   image=np.zeros((8, 8, 3), np.uint8)),
        words, "NG", words, None, [(PHOTO, words)],
    )  # fmt: skip
    change = {"name": words, "label": words, "a": words, "b": words}
    table = wording.say("changes", {}, {"a": words, "b": words}, [change], 1)
    yield shown(display.text, table)
    agreed = {"first": words, "second": words, "n": 3, "share": 0.5, "kappa": 0.5,
              "interval": [0.1, 0.9], "only_first": 1, "only_second": 0,
              "disagreed": [{"file name": words, "first": words, "second": words}]}  # fmt: skip
    yield shown(display.text, wording.say("agreement", {"agreement": agreed}))
    yield shown(display.text, f"The note is **{wording.plain(words)}** in {wording.code(words)}.")
    yield shown(display.html, gallery.cards_html([card], words), words)
    yield shown(display.html, part("pairs", [(PHOTO, words, PHOTO, words, words)], words), words)
    yield shown(display.html, part("sheet", [(PHOTO, words, words, "1")], words, words), words)
    picture = {"image/png": "iVBORw0KGgo=", "text/plain": words}
    caption = {"image/png": {"alt": words, "caption": words}}
    yield nbformat.v4.new_output("display_data", picture, metadata=caption)
    for kind in ("text/html", "text/markdown", "text/plain"):
        yield nbformat.v4.new_output("display_data", {kind: words})
    yield nbformat.v4.new_output("stream", text=words)
    yield nbformat.v4.new_output("error", ename=words, evalue=words, traceback=[words])


def hostile_page(payloads, folder):
    """A report with the payloads wherever words go."""
    (folder / "a<img src=x onerror=alert(1)>.csv").write_text("a,b\n")
    cells = [
        nbformat.v4.new_code_cell(words, outputs=list(outputs(words)), execution_count=1)
        for words in payloads
    ]
    cells += [nbformat.v4.new_markdown_cell(f"## {words}\n\n{words}") for words in payloads]
    words = "".join(payloads)
    claim = {"name": "miss", "limit": 0.1, "found": 1, "n": 9, "met": False, "needed": None}
    metrics = {
        "kind": "csflow", "labelled": False, "n": 3, "flagged": 1, "threshold": 1.0,
        "judgement": {"met": False, "claims": [claim | {"interval": [0.1, 0.2]}]},
    }  # fmt: skip
    status = STATUS | {"name": words, "note": words, "error": words, "template": words}
    notebook = nbformat.v4.new_notebook(cells=cells)
    return to_html(notebook, status, metrics, sorted(folder.glob("*.csv")))


def hostile_index(payloads, home):
    """An index with the payloads in names, notes and errors."""
    for i, words in enumerate(payloads):
        with runs.staged(f"{i} " + re.sub(r"[/\x00\n]", "", words)[:80]) as part:
            status = STATUS | {"note": words, "error": words, "kind": words, "date": words}
            runs.write_json(part / "status.json", status)
            (part / runs.PAGE).write_text("x")
    return reports.build_index()


def visit(browser, path):
    """Open a page and poke at everything; what was asked for, shown, or complained of."""
    page, asked, trouble = browser.new_page(), [], []
    page.on("request", lambda request: asked.append(request))
    page.on("dialog", lambda dialog: (trouble.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.goto(path.as_uri())
    page.evaluate(
        """() => {
          for (const element of document.querySelectorAll("body *")) {
            for (const kind of ["mouseover", "pointerenter", "focus", "toggle", "error", "load"])
              element.dispatchEvent(new Event(kind));
            if (/^(https?|file):/.test(element.href))  // where a reader may go
              element.addEventListener("click", (event) => event.preventDefault());
            if (!element.matches("a[download]")) element.click?.();
          }
        }"""
    )
    page.wait_for_timeout(300)
    title = page.title()
    page.close()
    own = ("data:", path.as_uri())
    asked = [request for request in asked if not request.url.startswith(own)]
    return asked, trouble, title


@pytest.mark.browser
def test_sixty_payloads_run_nothing_and_load_nothing(browser, tmp_path, monkeypatch):
    assert len(set(PAYLOADS)) >= 60
    path = tmp_path / "report.html"
    path.write_text(hostile_page(PAYLOADS, tmp_path), "utf-8")
    assert visit(browser, path)[:2] == ([], [])
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    asked, trouble, title = visit(browser, hostile_index(PAYLOADS, tmp_path / "home"))
    assert (asked, trouble, title) == ([], [], "Inspection reports")


@pytest.mark.browser
def test_the_policy_holds_even_where_escaping_fails(browser, tmp_path):
    page, path = hostile_page(["harmless"], tmp_path), tmp_path / "report.html"
    blocked = ("Refused", "Loading", "Executing", "Applying")
    for words in PAYLOADS[:20]:
        path.write_text(page.replace("</main>", f"{words}</main>"), "utf-8")
        asked, trouble, _ = visit(browser, path)
        assert not [line for line in trouble if not line.startswith(blocked)]
        assert {request.failure for request in asked} <= {"csp"}


def test_every_page_carries_the_policy(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    for page in (hostile_page(["x"], tmp_path), reports.build_index().read_text("utf-8")):
        policy = unescape(
            re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)', page)[1]
        )
        parts = dict(part.split(" ", 1) for part in policy.split("; "))
        assert parts["default-src"] == "'none'" and parts["img-src"] == "data:"
        assert re.fullmatch(r"'sha256-[\w+/=]{44}'", parts["script-src"])
        assert page.count("<script") == 1 and page.index("Policy") < page.index("<style")


@pytest.mark.parametrize("words", ["<i>\\`*_[x](y)</i>", "부품 & Co. $1 $2", "a  b"])
def test_words_from_the_data_are_read_as_they_are(words, tmp_path):
    cell = nbformat.v4.new_code_cell(outputs=[shown(display.text, wording.plain(words))])
    page = to_html(nbformat.v4.new_notebook(cells=[cell]), STATUS | {"name": "x"}, {})
    assert f"<p>{' '.join(words.split())}</p>" in unescape(page)


def test_what_is_harmless_stays():
    picture = "<img alt='a' src='data:image/png;base64,AA=='>"
    kept = clean(f"<table><tr><td class='num' colspan='2'>{picture}</td></tr></table>")
    assert 'colspan="2"' in kept and "data:image/png" in kept and "<td" in kept


def test_a_page_of_two_runs_in_one_instant_and_after_a_kill(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    status = {"status": "ok", "seconds": 1, "error": "", "date": "", "kind": ""}
    for n in (1, 2, 3):
        with runs.staged("lens") as part:
            runs.write_json(part / "status.json", status)
            (part / runs.PAGE).write_text(f"run {n}")
    assert len(runs.history("lens")) == 3
    home = workspace.report("lens")
    # as a kill leaves it between placing the run and pointing at it
    (home / "latest").unlink()
    (home / "latest").symlink_to(runs.history("lens")[0].folder)
    (home / runs.PAGE).unlink()
    reports.build_index()
    assert (home / "latest").resolve() == runs.newest("lens").folder
    assert (home / runs.PAGE).read_text() == "run 3"
