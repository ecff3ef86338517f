# BillingOS: everything here needs make and Python 3.11, 3.12 or 3.13, nothing else.
# The first that really runs: a version manager may leave a name on the path behind which there is nothing.
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3; do \
	$$name -c pass 2>/dev/null && command -v $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed-$(firstword $(shell cksum requirements.lock | tr -d ' '))
# For what reads the settings, which ask for these, and connects nowhere.
IDLE_SETTINGS := SECRET_KEY=lint STRIPE_SECRET_KEY=sk_test_lint DATABASE_URL=postgresql://lint@127.0.0.1/lint \
	REDIS_URL=redis://127.0.0.1:1/0

.DEFAULT_GOAL := help
.PHONY: help setup run reset test test-long screenshots lint bench bench-webhooks

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## Make .venv and install the locked packages

run: $(STAMP) ## Start everything and show where to go; Ctrl-C stops it
	@$(BIN)/python -m billingos.embedded run

reset: $(STAMP) ## Delete the state of make run: database, simulator, demo
	@$(BIN)/python -m billingos.embedded reset

test: $(STAMP) ## Run the tests
	$(BIN)/python -m pytest -n 2 -m "not long" $(ARGS)

test-long: $(STAMP) ## Run storms and properties at full size
	$(BIN)/python -m pytest -n 2 -m long --ignore tests/e2e $(ARGS) || test $$? -eq 5
	$(BIN)/python -m pytest -m long tests/e2e $(ARGS) || test $$? -eq 5

screenshots: $(STAMP) ## Take a picture of every page into .billingos/screenshots; ARGS="customers" for some
	$(IDLE_SETTINGS) $(BIN)/python -m tests.e2e.screenshots $(ARGS)

lint: $(STAMP) ## Check style, types and imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(IDLE_SETTINGS) $(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP) ## Run all benchmarks
	$(BIN)/python -m benchmarks $(ARGS)

bench-webhooks: $(STAMP) ## Measure intake, draining and lag of Stripe's events
	$(BIN)/python -m benchmarks webhooks $(ARGS)

# One file a lock: when the lock changes, so does the name, and the packages are installed again.
$(STAMP): requirements.lock
	@test -n "$(PYTHON)" || { echo "Python was not found. Install Python 3.11, 3.12 or 3.13, or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
		echo "$(PYTHON) is `$(PYTHON) --version 2>&1`, but BillingOS needs Python 3.11, 3.12 or 3.13. Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) can't make virtual environments: its venv module is missing. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked packages into $(VENV): about half a minute, plus the download"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@rm -f $(VENV)/installed-*
	@touch $@
