# Two commands are enough: `make lab` to study, `make test` to check. `make help` lists the rest.
PYTHON ?= $(shell for p in python3.12 python3.11 python3 python; do \
  $$p -c 'import sys; sys.exit(not (3,11) <= sys.version_info[:2] <= (3,12))' 2>/dev/null && { echo $$p; break; }; done)
# cpu or gpu forces vLLM's build; auto looks for an NVIDIA GPU.
VARIANT ?= auto
PROFILE ?= ci
# Processes of the tests that need no engine: one for each core where they compute, one more where they wait for servers
# half of the time. More than eight load torch more often than they save time.
WORKERS ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
WAITING := $(shell expr $(WORKERS) + 1)
# Which mutants `make mutants` draws.
SEED ?= 1
# Even where bytecode is switched off (many container images): else each of a run's processes compiles all it imports anew.
export PYTHONDONTWRITEBYTECODE :=
PYTEST = $(BIN)/pytest --maxprocesses 8 --dist loadscope
BIN := .venv/bin
STAMP := .venv/.ok-$(VARIANT)
SETUP := scripts/setup_env.py $(filter-out %/peers.py,$(wildcard scripts/setup_steps/*.py))
# A moved or copied folder: the commands in .venv name the old place, so no stamp of it is true.
$(shell grep -qsF "$$(pwd -P)/.venv/bin/python" .venv/bin/workbook || rm -f .venv/.ok-* 2>/dev/null)

.PHONY: help setup lab notebooks test check test-unit test-integration test-slow test-cpu test-engine test-notebooks coverage bench lint format types mutants constraints clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

# A missing interpreter must be said here: with PYTHON empty, the shell would try to run the script itself.
$(STAMP): pyproject.toml constraints.txt $(SETUP)
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or 3.12 found ($$(python3 --version 2>&1 | tail -n 1)). Install one \
	(Debian, Ubuntu: apt-get install python3 python3-venv), or: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@command -v "$(PYTHON)" >/dev/null || { echo "PYTHON=$(PYTHON) cannot be run: no such command. \
	Name a Python 3.11 or 3.12: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@"$(PYTHON)" scripts/setup_env.py --variant $(VARIANT) --extras test,dev --stamp $@

# Two stamps: the set-up drops those that were there.
.venv/.ok-$(VARIANT)-bench: $(STAMP)
	@"$(PYTHON)" scripts/setup_env.py --variant $(VARIANT) --extras test,dev,bench --stamp $(STAMP) --stamp $@

setup: $(STAMP) ## set up .venv, nothing else

lab: $(STAMP) ## set up, then open JupyterLab on the index notebook
	@$(BIN)/workbook lab

notebooks: $(STAMP) ## set up, then execute every notebook (PROFILE=ci|laptop|gpu)
	@$(BIN)/workbook run --profile $(PROFILE)

# Every part runs, also after one that failed, and prints a summary of its own; the last line says which failed.
parts = failed=; for part in $(1); do \
	  echo "== make $$part"; $(MAKE) --no-print-directory $$part || failed="$$failed $$part"; done; \
	test -z "$$failed" || { echo "make $@: failed in$$failed" >&2; exit 1; }

test: $(STAMP) ## set up, then lint, types and every test that takes seconds
	@$(call parts,lint types test-unit test-integration test-engine)

check: $(STAMP) ## everything, slow tests and notebooks included; CI runs this
	@$(call parts,lint types test-cpu test-engine test-notebooks)

test-unit: $(STAMP) ## the tests of one part each: minutes
	@$(PYTEST) -n $(WORKERS) -m "not slow and not engine and not notebook" tests/unit tests/notebooks

test-integration: $(STAMP) ## parts together, with real Redis, processes and pages
	@$(PYTEST) -n $(WAITING) -m "not slow and not engine and not notebook" tests/integration

test-slow: $(STAMP) ## what takes a third of a second or more each, and the browser
	@$(PYTEST) -n $(WAITING) -m "slow and not engine and not notebook"

# In one run: what every process has to load and to collect, it does once.
test-cpu: $(STAMP) ## unit, integration and slow tests together
	@$(PYTEST) -n $(WAITING) -m "not engine and not notebook"

coverage: $(STAMP) ## the share of reference/ that the tests without engine and slow ones run; 85 % at least
	@$(PYTEST) -n $(WORKERS) -q -m "not slow and not engine and not notebook" \
	  --cov --cov-report=term --cov-report=html:runs/coverage --cov-fail-under=85

# One after the other: they share one engine and its cores, and notebooks measure.
test-engine: $(STAMP) ## the tests on the engine
	@$(BIN)/pytest -m "engine and not notebook"

test-notebooks: $(STAMP) ## every notebook through papermill in the ci profile
	@$(BIN)/pytest -m notebook

bench: .venv/.ok-$(VARIANT)-bench ## set up, peers too, then compare and report (BENCH=--all: every benchmark)
	@$(BIN)/python scripts/setup_peers.py
	@$(BIN)/python -m benchmarks $(BENCH)

lint: $(STAMP) ## ruff: style and format
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

format: $(STAMP) ## ruff: mend style and format
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

types: $(STAMP) ## mypy: reference, exercises, workbook
	@$(BIN)/mypy

# Slow: docs/tests.md has the last result and what it left out.
mutants: $(STAMP) ## mutation tests of sizing and grading (SEED=1)
	@for room in sizing grading; do $(BIN)/uv run --quiet --no-project --python $(BIN)/python --with cosmic-ray==8.7.0 \
	  python scripts/mutation_test.py $$room --seed $(SEED) || exit 1; done

constraints: ## resolve every extra anew into constraints.txt
	@test -x $(BIN)/uv || { $(PYTHON) -m venv .venv && $(BIN)/pip install --quiet uv; }
	@$(BIN)/python scripts/make_constraints.py $(BIN)/uv

clean: ## remove .venv and everything generated; the user's cache stays
	@test ! -x $(BIN)/workbook || $(BIN)/workbook stop || true
	rm -rf .venv .venv-peers runs build .coverage* setup.log *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
