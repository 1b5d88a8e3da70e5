# The verbs of this project. `make demo` and `make test` set up all they need first.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup knot chromium demo test run host lint types infra infra-snapshots infra-fresh package bench soak docs pins clean

# The Python that the platform runs (.python-version): the first of these that is 3.13.
PYTHON ?= $(shell for each in python3.13 python3 python; do \
  "$$each" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null && echo "$$each" && break; done)
BIN := .venv/bin
export PYTHONDONTWRITEBYTECODE := 1

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

setup: ## install what is needed, once (called by the others)
	$(if $(PYTHON),,$(error Holdfast needs Python 3.13 on the PATH (python3.13): install it and run this again))
	$(if $(shell command -v npm),,$(error Holdfast needs Node.js with npm on the PATH (for Azurite): install it and run this again))
	@$(MAKE) --silent --no-print-directory -j2 .venv/.ready node_modules/.ready

.venv/.ready: requirements-dev.txt
	@echo "Setting up Python packages (once, about half a minute) ..."
	@"$(PYTHON)" -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

node_modules/.ready: package-lock.json
	@echo "Setting up Azurite (once, about half a minute) ..."
	@npm ci --silent --no-audit --no-fund
	@touch $@

# Knot DNS, the real server that the DNS tests ask and update.
export PATH := $(PATH):/usr/sbin
knot:
	@command -v knotd >/dev/null || { echo "Setting up Knot DNS (once, Debian package knot) ..." \
	  && $(if $(filter 0,$(shell id -u)),,sudo) sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends knot' >/dev/null; } \
	  || { echo "Knot DNS is needed for DNS: install knotd (Debian package knot) and run this again."; exit 1; }

# A real Chromium, in which the console is tested: CHROMIUM, or the one on the PATH.
chromium:
	@command -v "$${CHROMIUM:-chromium}" >/dev/null || command -v google-chrome >/dev/null || { echo "Setting up Chromium (once, Debian package chromium) ..." \
	  && $(if $(filter 0,$(shell id -u)),,sudo) sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium' >/dev/null; } \
	  || { echo "Chromium is needed for the console's tests: install it (Debian package chromium) and run this again."; exit 1; }

demo: setup ## break a simulated tenant and watch Holdfast put it back
	@$(MAKE) --silent --no-print-directory knot 2>/dev/null || echo "Without it the demo leaves out its act on DNS."
	@$(BIN)/python -m devhost.demo

# The longest files first, so that no worker is left alone with one at the end.
TESTS ?= tests/lives tests/stack tests
test: setup knot chromium ## run the tests
	@$(BIN)/python -m pytest $(TESTS) --numprocesses=3 --dist=loadfile --no-loadscope-reorder --cov --cov-report=
	@$(BIN)/python -m coverage report --skip-covered
	@$(BIN)/python -m coverage report --include='domain/*' --fail-under=100 --format=total >/dev/null \
	  || { echo "domain/ must be covered to the last branch"; exit 1; }

run: setup ## the demo's stack, staying up, on http://127.0.0.1:7071
	@$(BIN)/python -m devhost.demo --stay

# Schedules that the environment does not set; everything else a real tenant needs comes from there (README).
HOLDFAST_FAST_SCHEDULE ?= 0 */5 * * * *
HOLDFAST_SLOW_SCHEDULE ?= 0 */15 * * * *
HOLDFAST_PSA_SCHEDULE ?= 0 */5 * * * *
HOLDFAST_ALERTS_SCHEDULE ?= 30 */5 * * * *
HOLDFAST_AUDIT_SCHEDULE ?= 45 */5 * * * *
host: export HOLDFAST_FAST_SCHEDULE := $(HOLDFAST_FAST_SCHEDULE)
host: export HOLDFAST_SLOW_SCHEDULE := $(HOLDFAST_SLOW_SCHEDULE)
host: export HOLDFAST_PSA_SCHEDULE := $(HOLDFAST_PSA_SCHEDULE)
host: export HOLDFAST_ALERTS_SCHEDULE := $(HOLDFAST_ALERTS_SCHEDULE)
host: export HOLDFAST_AUDIT_SCHEDULE := $(HOLDFAST_AUDIT_SCHEDULE)
host: setup ## Azurite (kept in .run/storage) and the dev host only; neighbours from the environment
	@mkdir -p .run && exec $(BIN)/python -m devhost --location .run/storage

lint: setup ## style and layers
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/lint-imports --no-cache

types: setup ## mypy, strict
	@$(BIN)/mypy

# In an environment of its own, because it pins what the product pins otherwise.
.checkov/.ready: infra/requirements-checkov.txt
	$(if $(PYTHON),,$(error Holdfast needs Python 3.13 on the PATH (python3.13): install it and run this again))
	@echo "Setting up checkov (once, about a minute) ..."
	@"$(PYTHON)" -m venv --clear .checkov
	@.checkov/bin/python -m pip install --quiet --disable-pip-version-check -r infra/requirements-checkov.txt
	@touch $@

# The compiler is BICEP, or the one on the PATH, or that of ../shared/tools; without one the rest is checked.
infra: setup .checkov/.ready ## compile and lint the Bicep files, compare what they would deploy, run checkov
	@$(BIN)/python -m infra.check
	@$(BIN)/python -m pytest -q tests/infra

infra-snapshots: setup ## write anew what the Bicep files would deploy: git diff shows what changed
	@$(BIN)/python -m infra.names
	@$(BIN)/python -m infra.check snapshots

infra-fresh: setup ## whether API versions are over two years old today
	@$(BIN)/python -m infra.check fresh

# Needs nothing but Python: a deployment does not test.
package: ## make what is deployed: build/package and build/holdfast.zip
	$(if $(PYTHON),,$(error Holdfast needs Python 3.13 on the PATH (python3.13): install it and run this again))
	@"$(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON))" -m infra.make_package

bench: setup ## measure the budgets
	@$(BIN)/python -m benchmarks

soak: setup ## soak the largest fleet that this machine carries, up to 10,000: SOAK_TENANTS sets another, SOAK its options
	@$(BIN)/python -m benchmarks.soak $(SOAK)

docs: setup chromium ## write the pages and pictures that are made from code
	@$(BIN)/python docs/make_controls.py
	@$(BIN)/python docs/make_life.py
	@$(BIN)/python -m benchmarks.bill --write
	@$(BIN)/python docs/make_pictures.py

pins: ## write the exact versions of all packages, with the hashes of those that are deployed (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command "make pins" --group app --output-file requirements.txt
	uv pip compile --quiet --universal --no-emit-index-url --no-emit-find-links --custom-compile-command "make pins" \
	  --group app --group dev --output-file requirements-dev.txt
	uv pip compile --quiet --universal --python-version 3.13 --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command "make pins" infra/requirements-checkov.in --output-file infra/requirements-checkov.txt
	uv pip compile --quiet --universal --python-version 3.13 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command "make pins" pyproject.toml infra/requirements-cli.in --output-file infra/requirements-cli.txt

clean: ## remove everything that set-up made
	@rm -rf .venv .checkov node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .run
