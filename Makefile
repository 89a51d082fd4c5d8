# Everything a developer types. `make` alone lists it.

.DEFAULT_GOAL := help
.PHONY: help setup run test check guards bench sql openapi compliance catalogue lock clean
ARGS =
# Side by side, a file each; every worker has databases of its own.
JOBS = 2

help: ## List what can be made (this)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## Make .venv from the locks; the others do it by themselves
	@scripts/setup

run: setup ## Run the reference backend on http://localhost:8000
	@cd backend && exec ../.venv/bin/python -m app.main

test: setup ## Run all tests; ARGS="-k totp" goes to pytest
	@scripts/test-packages
	@.venv/bin/python -m pytest tests -n $(JOBS) --dist loadscope --no-loadscope-reorder $(ARGS)

check: setup ## Check format, lint, types and floors
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	PYTHONPATH=src:backend .venv/bin/lint-imports

guards: setup ## Take each guard away in a copy, and see its test fail; ONLY=name for one
	@scripts/test-packages
	@.venv/bin/python -m guards $(ONLY)

bench: setup ## Measure what a check costs, beside bare servers; ONLY=P1 for one figure
	@PYTHONPATH=.:backend .venv/bin/python -m benchmarks $(ONLY)

soak: setup ## Storms, some 20 minutes: many clients while workers, databases and lines fail, and keys change; STORM=name SEED=n for one
	@scripts/test-packages
	@$(if $(STORM),:,TWOFOLD_TEST_THROWAWAY=1 TWOFOLD_TEST_LONG=1 TWOFOLD_MODEL_EXAMPLES=200 .venv/bin/python -m pytest -q tests/model tests/http/test_killed.py tests/rotation)
	@TWOFOLD_TEST_THROWAWAY=1 PYTHONPATH=.:backend .venv/bin/python -m soak $(if $(STORM),--storm $(STORM)) $(if $(SEED),--seed $(SEED))

screenshots: setup ## Write pictures of every page in every state into build/screenshots, and one sheet; CHOSEN=1 those of the documents, too
	@scripts/test-packages
	@.venv/bin/python scripts/write-screenshots $(if $(CHOSEN),--chosen)

sql: setup ## Write the SQL files of the hand-run migration from the backend's revision
	@.venv/bin/python scripts/write-sql

openapi: setup ## Write docs/openapi.json from the backend
	@.venv/bin/python scripts/write-openapi

compliance: setup ## Write docs/compliance.md from the clauses in compliance/ and the numbers in policy.py
	@.venv/bin/python scripts/write-compliance

catalogue: setup ## Bring the pages' catalogues (locale/*.po) up to date with what the pages say
	@.venv/bin/python scripts/write-catalogue

lock: setup ## Move every dependency to its newest release, in all lock files
	@scripts/lock

clean: ## Remove .venv and what the tools left behind; never what a backend stored
	rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
