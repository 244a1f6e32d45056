"""`torchrun --nproc-per-node 2 -m workbench.csflow.train LINE3`: `workbench train` by ranks."""

import runpy
import sys

if __name__ == "__main__":
    sys.argv.insert(1, "train")
    runpy.run_module("workbench.cli", run_name="__main__")  # an entry stands above all layers
