# novate: everything runs in .venv, made here with Python's own venv and pip. `make help` lists the targets.
# Another interpreter: make PYTHON=/path/to/python3.12 …

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-long bench lint format clean

candidates := python3.13 python3.12 python3.11 python3 python
is_new_enough := import sys; sys.exit(sys.version_info < (3, 11))
# The first that runs: a name on the PATH may be a shim of a version manager with nothing behind it.
PYTHON ?= $(shell for p in $(candidates); do \
    if $$p -c '$(is_new_enough)' >/dev/null 2>&1; then command -v $$p; break; fi; done)

venv := .venv
python := $(venv)/bin/python
pip := $(python) -m pip --disable-pip-version-check --quiet install --constraint constraints.txt
recipe := pyproject.toml constraints.txt
side_by_side := --numprocesses auto --maxprocesses 4 --dist load

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(venv)/.run  ## a day in the life of a clearing house, on your terminal
	@$(venv)/bin/novate demo

test: lint  ## style, types, import rules, and the tests
	@$(python) -m pytest $(side_by_side) -m 'not long'

test-long: $(venv)/.dev  ## the tests that take longer
	@$(python) -m pytest $(side_by_side) -m long --hypothesis-profile search --durations 15 || [ $$? -eq 5 ]  # 5: no test is marked long

bench: $(venv)/.run  ## the figures of the README
	@$(python) -m bench

lint: $(venv)/.dev  ## style, types and import rules alone
	@$(venv)/bin/ruff check
	@$(venv)/bin/ruff format --check
	@$(venv)/bin/pyright --pythonpath $(python)
	@$(venv)/bin/lint-imports --no-logo

format: $(venv)/.dev  ## mend what can be mended by itself
	@$(venv)/bin/ruff check --fix-only
	@$(venv)/bin/ruff format

clean:  ## remove the environment and everything made
	@rm -rf $(venv) build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find src tests bench examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# --- the environment ------------------------------------------------------------------------------------------------
# .venv/.run stands for the runtime, .venv/.dev for the runtime and the tools of the tests. A changed recipe installs anew.

$(python):
	@if [ -z "$(PYTHON)" ]; then \
	    echo "novate: needs Python 3.11 or newer; none of these runs: $(candidates)."; \
	    echo "        Install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; fi >&2
	@if ! "$(PYTHON)" -c '$(is_new_enough)'; then \
	    echo "novate: PYTHON=$(PYTHON) does not run, or is older than Python 3.11."; exit 1; fi >&2
	@echo "novate: making $(venv) with $$("$(PYTHON)" --version)"
	@if ! "$(PYTHON)" -m venv --clear $(venv); then \
	    rm -rf $(venv); \
	    v=$$("$(PYTHON)" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	    echo "novate: '$(PYTHON) -m venv' failed: this Python lacks its venv or ensurepip module."; \
	    echo "        Debian, Ubuntu: sudo apt install python$$v-venv    (or python3-venv)"; \
	    echo "        elsewhere: your system's package with Python's venv and pip, or a Python from python.org."; exit 1; fi >&2

$(venv)/.run: $(recipe) | $(python)
	@echo "novate: installing (about a minute the first time)"
	@$(pip) hatchling editables
	@$(pip) --no-build-isolation --editable .
	@touch $@

$(venv)/.dev: $(recipe) | $(python)
	@echo "novate: installing, with the tools of the tests (about a minute the first time)"
	@$(pip) hatchling editables
	@$(pip) --no-build-isolation --editable '.[dev]'
	@touch $@ $(venv)/.run
