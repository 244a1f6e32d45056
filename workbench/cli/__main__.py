"""`python -m workbench.cli`."""

from . import main

main()
