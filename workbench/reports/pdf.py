"""A report on paper: the HTML page printed by a Chromium that is here."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .runs import PAGE, PDF, ReportRun

BROWSERS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge",
)  # fmt: skip
POLICY = 'http-equiv="Content-Security-Policy" content="default-src'
SECONDS = 120  # to print a page


def print_pdf(run: ReportRun) -> Path:
    """Print the page of a run to `report.pdf` beside it.

    `$WORKBENCH_CHROMIUM` names the browser where it is not found by itself.

    The browser resolves no address, and prints only pages that carry the
    policy of `html.page`: what they show comes from data that nobody vouches for.

    Raises:
        RuntimeError: There is no Chromium, it printed nothing, or the page has no policy.
    """
    browser = find_browser()
    page, target = run.folder / PAGE, run.folder / PDF
    if POLICY not in page.read_text("utf-8")[:2000]:
        raise RuntimeError(f"{run.name}: its page carries no policy; make it again, then print it")
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, "--headless", "--disable-gpu", "--no-first-run"]
        command += ["--no-pdf-header-footer", f"--user-data-dir={profile}"]
        command += ["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"]
        # Chromium's sandbox refuses root, as in containers
        command += ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
        command += [f"--print-to-pdf={target}", page.resolve().as_uri()]
        done = subprocess.run(command, capture_output=True, timeout=SECONDS)
    if done.returncode or not target.exists():
        raise RuntimeError(f"{Path(browser).name} printed no PDF of {run.name}")
    return target


def find_browser() -> str:
    """Path of a Chromium or a browser made of it."""
    named = os.environ.get("WORKBENCH_CHROMIUM")
    found = next(
        (path for name in (named, *BROWSERS) if name and (path := shutil.which(name))), ""
    )
    if not found:
        raise RuntimeError(
            "a PDF needs Chromium or Chrome, and none was found; install one, or print the page "
            "from any browser"
        )
    return found
