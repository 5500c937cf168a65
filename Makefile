.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: .venv/ready ## The project's own virtual environment, from the lock file
.venv/ready: pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: help setup

demo: setup ## From nothing to a study in the browser
	$(BIN)/python examples/demo/run.py

serve: setup ## Migrate and serve
	$(BIN)/alike db upgrade
	$(BIN)/alike serve

check: setup ## Style, types, imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check browser ## Every check and every test
	$(BIN)/python -m pytest

browser: setup ## A Chromium for the journeys, where the system has none
	@command -v chromium || command -v chromium-browser || command -v google-chrome || $(BIN)/playwright install chromium

.PHONY: demo serve check test browser
