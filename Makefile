# Every command of this project. `make help` lists them.
SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
BOOTSTRAP ?= python3
AWS ?= radosgw
JOBS ?= auto
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup run demo-real test test-soak test-real check fmt site bench bench-facts clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): requirements.lock pyproject.toml
	$(BOOTSTRAP) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	$(BOOTSTRAP) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

setup: $(STAMP) ## make the virtual environment from the lock file

run: $(STAMP) ## the whole story on an embedded Redis and a throw-away issuer
	@$(VENV)/bin/broker demo

demo-real: $(STAMP) ## one task end kills three kinds of credentials at real servers (AWS=localemu: another one)
	@$(PY) -m tests.real.fetch openbao $(AWS)
	@$(PY) -m tests.real.demo --aws $(AWS) $(ARGS)

test: $(STAMP) ## the tests that need nothing but this checkout, three at a time on two CPUs (ARGS="..." goes to pytest)
	$(PY) -m pytest -m "not real and not soak" --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS) tests

test-soak: $(STAMP) ## random histories and random deaths, for minutes
	$(PY) -m pytest -m soak tests

test-real: $(STAMP) ## the tests against real servers, fetched at pinned versions into .cache
	$(PY) -m tests.real.fetch
	$(PY) -m pytest -m "real and not soak" --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder -rfEs $(ARGS) tests/real

check: $(STAMP) ## what must hold before a commit: format, lint, types, import rules
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

fmt: $(STAMP) ## format, and mend what the linter can mend
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

site: $(STAMP) ## the documentation as a site, in .cache/site
	$(PY) -m tests.real.fetch mkdocs
	$(PY) -m tests.real.site

bench: $(STAMP) ## the broker beside its physical floor, interleaved, as ratios
	$(PY) -m tests.bench

bench-facts: $(STAMP) ## how soon a change reaches 100,000 live credentials, how many edits are taken, and what is left of issuing
	$(PY) -m tests.bench.redeciding $(ARGS)
	$(PY) -m tests.bench.editing

clean: ## remove what the other commands made
	rm -rf $(VENV) .cache .state .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
