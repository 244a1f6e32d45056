"""Run all benchmarks that need no data of yours, or those named.

    python -m benchmarks [single_image bulk ...]

Each runs in a process of its own, so that none inherits another's threads and memory.
"""

import subprocess
import sys

SCRIPTS = (
    "single_image", "bulk", "startup", "training", "presets", "scaling", "localisation",
    "row_sets", "rows", "loading", "photo_folders", "simulator_step", "reports", "service",
    "cluster",
)  # fmt: skip


def main(names):
    unknown = set(names) - set(SCRIPTS)
    if unknown:
        sys.exit(f"a benchmark must be one of {', '.join(SCRIPTS)}, got {', '.join(unknown)}")
    failed = [
        name
        for name in names or SCRIPTS
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"]).returncode
    ]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
