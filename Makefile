# Weir from a checkout: `make` lists the targets. Everything it makes is in .venv and .weir.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV ?= .venv
# The first Python that is new enough; a pyenv shim of a version that isn't enabled doesn't answer.
PYTHON ?= $(shell for python in python3.11 python3.12 python3 python3.13; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && \
	command -v $$python && break; done)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CODE := features models detectors streams apps
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command 'make lock' --quiet
# What builds the editable install: pinned too, not fetched by pip behind our back.
BUILD := 'hatchling>=1.27,<2' 'editables>=0.5,<1'

help: ## List the targets
	@echo "Weir judges mail as it streams through Kafka. Start here:"
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | \
		sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'
	@echo
	@echo "PYTHON=$(or $(PYTHON),(none found: install Python 3.11 or newer))  VENV=$(VENV)"
	@echo "make run ARGS=--once ends by itself; STACK=local|compose chooses processes or containers."

run: install ## Kafka, Redis, a worker and example mail: watch verdicts come (ARGS=--once to end)
	@exec $(BIN)/weir up $(ARGS)

test: check ## All checks, then all tests, with a real Kafka and Redis (ARGS="-k NAME" for some)
	@$(BIN)/python -m pytest $(ARGS)

check: dev ## Lint, format, types, import direction, docstrings
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/interrogate --quiet $(CODE) || { $(BIN)/interrogate -vv $(CODE) | grep MISSED; exit 1; }

install: $(VENV)/.installed ## The environment as it runs: the pinned packages and `weir`

dev: $(VENV)/.installed-dev ## The environment to develop in: the same with test and training tools

$(VENV)/.python:
	@PYTHON="$(PYTHON)" VENV="$(VENV)" docker/local/make-environment
	@touch $@

$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/.python
	@echo "Installing what requirements.lock pins into $(VENV) (about 520 MB)"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@docker/local/install-openmp
	@echo "Installing what requirements-dev.lock pins into $(VENV) (about 850 MB more)"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

lock: ## Write both lock files anew from pyproject.toml (ARGS=--upgrade for newer versions)
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv"; exit 1; }
	@printf '%s\n' $(BUILD) | $(LOCK) $(ARGS) --output-file requirements.lock pyproject.toml -
	@printf '%s\n' $(BUILD) | $(LOCK) $(ARGS) --extra dev --constraint requirements.lock \
		--output-file requirements-dev.lock pyproject.toml -

clean: ## Remove the environment, the local stack's data and all caches
	@rm -rf $(VENV) .weir .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help run test check install dev lock clean
