# Every target sets up what it needs; later calls start immediately.
PYTHON ?= python3
BIN := .venv/bin
# A file stays in one process, so that its costly fixtures are made once.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
NOTEBOOKS := $(wildcard notebooks/*.ipynb)
STRIP := $(BIN)/nbstripout --extra-keys "metadata.papermill cell.metadata.papermill metadata.widgets"

.PHONY: demo test test-browser test-all lab check example strip bench venv clean

demo: venv ## run the main job on a demo library, headless
	$(BIN)/dedup-nb demo

test: venv ## run the quick tests, a file of them at a time on each core
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

test-browser: venv ## test in JupyterLab with Chromium; fails if Chromium is not installed
	$(BIN)/python -m pytest -m browser

test-all: venv ## run all tests, including the exhaustive ones
	$(BIN)/python -m pytest -m "slow or not slow"

lab: venv ## open JupyterLab with notebooks filled in from params/demo.yaml (or PROFILE=params/mine.yaml)
	$(BIN)/dedup-nb lab $(or $(PROFILE),params/demo.yaml)

check: venv ## check style, types, layers, JavaScript, stripped notebooks and profiles
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/oxlint --deny-warnings dedup_nb tests
	$(STRIP) --verify $(NOTEBOOKS)
	$(BIN)/python -m dedup_nb.session.parameters params/*.yaml
	$(BIN)/python -m dedup_nb.session.example --check params/example.yaml

example: venv ## name the choices of today in params/example.yaml
	$(BIN)/python -m dedup_nb.session.example params/example.yaml

strip: venv ## clear notebook outputs before a commit, as the pre-commit hook does
	$(STRIP) $(NOTEBOOKS)

bench: venv ## run the benchmarks that need nothing more; NAMES=, SIZES= and PHOTOGRAPHS= choose others
	$(BIN)/python benchmarks/bench.py $(NAMES) $(if $(SIZES),--sizes $(SIZES)) $(if $(PHOTOGRAPHS),--photographs "$(PHOTOGRAPHS)")

venv: .venv/ready ## create the environment only

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	PIP_CONSTRAINT=constraints.txt $(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

clean: ## remove the environment; results in outputs/ are kept
	rm -rf .venv
