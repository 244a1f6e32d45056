# make demo: first report from a bare clone    make lab: JupyterLab
# make quick: what is fast, after each change   make test: everything CI runs
# make faults: the attacks of tests/faults in full, about a quarter of an hour
# TORCH=cpu takes PyTorch's own CPU wheels instead of the package index's CUDA build.
PYTHON ?= python3
TORCH ?=
VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt \
	$(if $(TORCH),--torch-backend $(TORCH))
# the tests and every example in a docstring, a process for each core with one thread
PYTEST = OMP_NUM_THREADS=1 $(BIN)/pytest tests workbench --doctest-modules --numprocesses auto --dist loadfile
# nbval executes the notebooks in a workspace of its own, never on the user's data and models
NBVAL = TQDM_DISABLE=1 WORKBENCH_PRECISION=float32 WORKBENCH_HOME="$$home" $(BIN)/pytest notebooks -c tests/nbval.ini \
	--nbval-lax --nbval-current-env --nbval-cell-timeout 900 --nbval-kernel-startup-timeout 120

.PHONY: demo quick test faults lint lab format notebooks constraints clean

demo: $(VENV)/.user
	$(BIN)/workbench demo

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

quick: lint
	$(PYTEST) -m "not slow and not browser"

faults: $(VENV)/.test
	WORKBENCH_FAULTS=full OMP_NUM_THREADS=1 $(BIN)/pytest tests/faults

test: lint
	$(BIN)/python -m tests.browser.chromium
	$(PYTEST) -m "not browser" --cov --cov-report=term:skip-covered
	$(BIN)/pytest tests -m browser --reruns 1 -rR
	home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && $(NBVAL)

lab: $(VENV)/.user
	$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks/00_guide.ipynb $(if $(filter 0,$(shell id -u)),--allow-root)

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# the stored outputs are the references that nbval checks
notebooks: $(VENV)/.test
	$(BIN)/python -m tests.refresh_notebooks
	$(BIN)/ruff format notebooks

constraints: $(BIN)/uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras \
		--no-annotate --no-header pyproject.toml --output-file constraints.txt

$(BIN)/uv:
	$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"Python 3.11 or newer is needed, {v[0]}.{v[1]} found; run make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet uv

$(VENV)/.user: $(BIN)/uv pyproject.toml constraints.txt
	$(INSTALL) --editable .
	touch $@

$(VENV)/.test: $(BIN)/uv pyproject.toml constraints.txt
	$(INSTALL) --editable '.[test,serve,backbones]'
	touch $@ $(VENV)/.user

clean:
	rm -rf $(VENV)
