"""Environments of their own for peers, which see the packages of this one, torch above all.

They lie below `~/.cache/workbench-benchmarks`, or `$WORKBENCH_PEER_HOME`, and are built on first
use from the package index.
"""

import os
import subprocess
import sysconfig
import venv
from pathlib import Path

HOME = Path(os.environ.get("WORKBENCH_PEER_HOME", "~/.cache/workbench-benchmarks")).expanduser()


def python_with(name, *packages, alone=False):
    """The interpreter of the environment `name` with these packages, made where it is not so.

    `alone` installs no dependencies of theirs.
    """
    folder = HOME / name
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists() or ready.read_text("utf-8") != "\n".join(packages):
        venv.create(folder, with_pip=True, clear=True)
        site = next(folder.glob("lib/python*/site-packages"))
        (site / "outer.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
        options = ["--quiet", *(["--no-deps"] if alone else [])]
        subprocess.run([python, "-m", "pip", "install", *options, *packages], check=True)
        ready.write_text("\n".join(packages), "utf-8")
    return python
