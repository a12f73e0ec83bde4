# `make run` and `make test` need Debian 12 with Python 3.11, git, make, and root or sudo. No more.
SHELL := /bin/bash
ARGS ?=
.DEFAULT_GOAL := help
.PHONY: help run test test-all test-model check format bench

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

run: ## Open the console, after preparing whatever is missing (ARGS="…" goes to mai)
	@.ci/setup run
	@.venv/bin/python -m mai.sandbox.bootstrap image || echo "Mai opens all the same; trials are refused until an engine answers."
	@exec .venv/bin/mai $(ARGS)

test: ## Run every check and every test (ARGS="…" goes to pytest)
	@.ci/run $(ARGS)

test-all: ## Run every check and every test, those that take many minutes too
	@.ci/run -m "(long or not long) and not model" $(ARGS)

test-model: ## Run the tests that need a real model (MODEL_CACHE_DIR=… where its file lies)
	@.ci/setup dev
	@.venv/bin/python -m mai.sandbox.bootstrap image
	@.venv/bin/python -m pytest -n0 -m model $(ARGS)

check: ## Run the checks without the tests: format, lint, types, layers
	@.ci/run --no-tests

format: ## Bring the code into shape
	@.ci/setup dev
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

bench: ## Measure what docs/benchmarks.md claims
	@.ci/setup dev
	@.venv/bin/python -m mai.sandbox.bootstrap image
	@for file in $(filter-out bench/solve.py,$(wildcard bench/*.py)); do echo "== $$file"; .venv/bin/python "$$file" || exit; done
