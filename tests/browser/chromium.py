"""A Chromium for the browser tests: the one that is here, or one that we install.

    python -m tests.browser.chromium

As root on Debian through apt, else as Playwright's users do. Where neither works, the tests
that need it are skipped and say so (in CI they fail).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def find():
    """Path of a Chromium: $WORKBENCH_CHROMIUM, the system's, Playwright's own; or None."""
    candidates = [os.environ.get("WORKBENCH_CHROMIUM"), *map(shutil.which, NAMES), _playwrights()]
    return next((path for path in candidates if path and Path(path).is_file()), None)


def install():
    """Install one if there is none."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update", "-qq"], ["install", "-qq", "--yes", "chromium", "fonts-nanum"]):
            subprocess.run(["apt-get", *words], env=quiet, check=True, stdout=subprocess.DEVNULL)
    else:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


def _playwrights():
    try:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            return playwright.chromium.executable_path
    except Exception:  # not installed, or no driver for this system
        return None


if __name__ == "__main__":
    if not find():
        try:
            install()
        except (OSError, subprocess.CalledProcessError) as error:
            sys.stderr.write(f"no Chromium could be installed: {error}\n")
