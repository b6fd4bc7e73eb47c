# Every target sets up by itself what it needs; a second call starts at once.
PYTHON ?= python3
BIN := .venv/bin
NOTEBOOKS := $(wildcard notebooks/*.ipynb)
STRIP := $(BIN)/nbstripout --extra-keys "metadata.papermill cell.metadata.papermill metadata.widgets"

.PHONY: demo test test-browser test-all lab check example strip bench venv clean

demo: venv ## the main job on a demo library, headless
	$(BIN)/dedup-nb demo

test: venv ## every quick test
	$(BIN)/python -m pytest

test-browser: venv ## JupyterLab in real Chromium; fails where there is none
	$(BIN)/python -m pytest -m browser

test-all: venv ## everything, the exhaustive tests too
	$(BIN)/python -m pytest -m "slow or not slow"

lab: venv ## JupyterLab on the notebooks, filled in from params/demo.yaml (PROFILE=params/mine.yaml)
	$(BIN)/dedup-nb lab $(or $(PROFILE),params/demo.yaml)

check: venv ## ruff, types, layers, JavaScript, stripped notebooks, parameter files
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

strip: venv ## clear outputs before a commit; the pre-commit hook does the same
	$(STRIP) $(NOTEBOOKS)

bench: venv ## ratios to peers and floors
	for bench in benchmarks/bench_*.py; do $(BIN)/python $$bench || exit 1; done

venv: .venv/ready ## just the set-up

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	PIP_CONSTRAINT=constraints.txt $(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

clean: ## remove the environment; results in outputs/ stay
	rm -rf .venv
