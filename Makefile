# Everything a developer or CI does, one target each. Needs only Python 3.11 or newer and this file:
# the first target you call makes .venv and installs what is pinned in constraints.txt; later calls find it ready.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(firstword $(foreach p,python3.11 python3 python,$(shell command -v $(p) 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
EXTRAS := s3,torch,jpeg,pandas,polars,keyring,formats,ray,examples,dev

# uv reads its own names for a private package index; follow pip's when only that is set.
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
# albumentations asks the network for a newer version of itself at import; examples and tests must not.
export NO_ALBUMENTATIONS_UPDATE := 1

SOURCE_DIRS := src tql storage loader
# The development install is a tree of links to single files, so it is renewed when a file appears or goes, not when one changes.
SOURCE_LIST := $(shell find $(SOURCE_DIRS) -type f -not -name '*.pyc' 2>/dev/null | LC_ALL=C sort | cksum | cut -d' ' -f1)
DEPS := $(VENV)/.stamp-deps
LINKS := $(VENV)/.stamp-links-$(SOURCE_LIST)

# Two processes: one S3 server and one set of caches each, so more of them would cost memory before they save time.
PYTEST_ARGS ?= -n 2
PLAYBOOK_ARGS ?=
# Those that generate their texts are left out: what chance runs may not be run tomorrow.
COVERAGE_TESTS := tests/tql tests/engine $(addprefix --ignore=,tests/tql/test_grammar_agreement.py \
  tests/tql/test_fuzz.py tests/tql/test_parser_properties.py tests/engine/test_fuzz.py)
BENCH ?= labels
BENCH_ARGS ?=

.PHONY: help setup sync playbook test quick coverage lint format types contracts docs package check bench clean

help: ## Show the targets
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

setup: $(LINKS) ## Make .venv and install everything (the other targets do it by themselves)

$(UV):
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Lakebed needs Python 3.11 or newer; found: $$("$(PYTHON)" --version 2>&1). Set PYTHON=/path/to/python3.11"; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv

$(DEPS): pyproject.toml constraints.txt | $(UV)
	$(UV) pip install --python $(BIN)/python --constraint constraints.txt --editable '.[$(EXTRAS)]'
	@touch $@

$(LINKS): $(DEPS)
	rm -rf build/__editable__.* $(VENV)/.stamp-links-*
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --reinstall-package lakebed --editable .
	@touch $@

sync: ## Renew the development install by hand (after adding or moving a source file)
	rm -f $(VENV)/.stamp-links-*
	@$(MAKE) --no-print-directory setup

playbook: $(LINKS) ## Raw COCO photos to a trained step, with lineage (PLAYBOOK_ARGS="--coco DIR --model resnet50 ...")
	$(BIN)/python examples/playbook.py $(PLAYBOOK_ARGS)

test: $(LINKS) ## All tests (PYTEST_ARGS="tests/tql -k union" for some)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

quick: $(LINKS) ## The tests that take less than ten seconds each
	$(BIN)/python -m pytest -m "not slow" $(PYTEST_ARGS)

coverage: $(LINKS) ## The query language by branches: every one is run by a test that says what comes out
	rm -f .coverage .coverage.*
	HYPOTHESIS_PROFILE=quick $(BIN)/coverage run -m pytest -n 0 -q $(COVERAGE_TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --include='tql/*' --fail-under=100

lint: $(LINKS) ## Formatting and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: $(LINKS) ## Format and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(LINKS) ## mypy --strict on the package, the tests, the examples and the benchmarks
	$(BIN)/mypy -p lakebed
	$(BIN)/mypy tests examples bench

contracts: $(LINKS) ## Which part may import which
	$(BIN)/lint-imports --no-logo

docs: $(LINKS) ## Run every code block of README, ARCHITECTURE and docs/
	$(BIN)/python -m pytest tests/docs

package: $(LINKS) ## The packaging guards alone: sdist -> wheel -> clean environment, imports, layout
	$(BIN)/python -m pytest tests/packaging

check: lint types contracts test ## What CI runs

bench: $(LINKS) ## A benchmark of bench/README.md (BENCH=labels BENCH_ARGS="--rows 1000000")
	PYTHONPATH=. $(BIN)/python bench/$(BENCH).py $(BENCH_ARGS)

clean: ## Remove what was built, keep .venv
	rm -rf build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage* $(VENV)/.stamp-links-*
