# `make setup` builds a virtual environment in .venv; the other targets call it first when it is needed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PEERS := $(VENV)/.peers

.PHONY: help setup demo test lint format docs bench wheel-test clean

help:
	@echo "make setup       install into $(VENV)"
	@echo "make demo        index a few real videos and photographs, and search them"
	@echo "make test        run the tests"
	@echo "make lint        check style, types, docstrings and the direction of imports"
	@echo "make format      put the code into the project's style"
	@echo "make docs        write docs/cli.md anew from the help texts, and build the site in site/"
	@echo "make bench       run the short benchmarks"
	@echo "make wheel-test  build the wheel and use it in an empty environment"
	@echo "make clean       delete the demonstration and the caches of the tools"

setup: $(INSTALLED)

# Runs again when pyproject.toml changes. PYTHON chooses the interpreter of a new environment.
$(INSTALLED): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

# What the benchmarks compare with; hnswlib is compiled from its source.
$(PEERS): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	touch $@

demo: $(INSTALLED)
	$(BIN)/python -m cli.demo

# Files keep the order of tests/conftest.py, long ones first; pytest-xdist would begin with the files that have most tests.
# A worker that crashes is not replaced: pytest-xdist 3.8 may then wait for ever, with the reason untold.
test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/interrogate --quiet indexes jepa_retrieval cli benchmarks
	if command -v npx >/dev/null; then npx --yes --package typescript@7 tsc --project tsconfig.json; else \
		echo "Node.js is not installed: the types of the page are not checked"; fi

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(INSTALLED)
	$(BIN)/python -m cli.reference docs/cli.md
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Leaves out what cannot be measured here, and says so; benchmarks/ holds more, one script per question.
bench: $(PEERS)
	$(BIN)/python -m benchmarks.speed.short

wheel-test: $(INSTALLED)
	$(BIN)/python .ci/wheel.py

clean:
	rm -rf demo build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
