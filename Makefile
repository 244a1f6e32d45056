# make demo: first report from a bare clone    make test: everything CI runs    make lab: JupyterLab
# TORCH=cpu takes PyTorch's own CPU wheels instead of the package index's CUDA build.
PYTHON ?= python3
TORCH ?=
VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt \
	$(if $(TORCH),--torch-backend $(TORCH))

.PHONY: demo test lab lint format notebooks clean

demo: $(VENV)/.user
	$(BIN)/workbench demo

test: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pytest

lab: $(VENV)/.user
	$(BIN)/jupyter lab notebooks

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(BIN)/uv:
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; v >= (3, 11) or sys.exit(f"Python 3.11 or newer needed, {v[0]}.{v[1]} found; run: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet "uv>=0.9"

$(VENV)/.user: $(BIN)/uv pyproject.toml constraints.txt
	$(INSTALL) --editable .
	touch $@

$(VENV)/.test: $(BIN)/uv pyproject.toml constraints.txt
	$(INSTALL) --editable '.[test,backbones]'
	touch $@ $(VENV)/.user

clean:
	rm -rf $(VENV)
