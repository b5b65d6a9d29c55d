# Lakegate. `make` or `make help` explains the targets. Each sets up what it needs first.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
PY := $(VENV)/bin/python
LAKE := $(VENV)/bin/lake
ROWS ?= 1000000
SEED ?=
BREAKING := tests/e2e/test_nothing_fails_silently.py
PRIVILEGE := tests/iam/test_least_privilege.py
TOOLS := .venv-security
AUDIT ?= required
JOB ?= carts
BASE ?=
PIP := $(PY) -m pip --disable-pip-version-check install --quiet --require-hashes --no-build-isolation --no-warn-script-location

.PHONY: help setup setup-dev setup-security demo demo-all up down test faults check security security-checks security-proof docker-test docker-run lint types format template docs bench lock clean

help:  ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.lake-installed  ## Make .venv with everything the lake needs (once; other targets call it)

setup-dev: $(VENV)/.dev-installed  ## The same, and what tests and checks need

demo: setup  ## Run the main job on this machine: 3 x 1,000,000 records from files to gold (ROWS=... for fewer)
	@$(LAKE) demo activity --rows $(ROWS)

demo-all: setup  ## Run the five pipelines, one after the other, each checked row by row
	@$(LAKE) demo all

up: setup  ## Start the lake and leave it running
	@$(LAKE) up

down: setup  ## Stop the lake; its data stays in .lake/
	@$(LAKE) down

test: setup-dev  ## Run all tests (but the record of all calls, which is part of `make security`)
	@$(PY) -m pytest -n 2 --dist loadfile --ignore=$(BREAKING) --ignore=$(PRIVILEGE)
	@$(PY) -m pytest $(BREAKING)  # alone: it breaks a lake's parts one by one and waits for each to be noticed

faults: setup-dev  ## Faults, kills and races against the whole lake, with a report (more than an hour on 2 cores; SEED=n: one seed's schedules)
	@tally=$$(mktemp -d); export LAKE_FAULTS=full LAKE_FAULTS_TALLY="$$tally"; \
	if [ -n "$(SEED)" ]; then LAKE_FAULTS_SEED="$(SEED)" exec $(PY) -m pytest tests/faults/test_schedules_1.py; fi; \
	ended=0; $(PY) -m pytest tests/faults -n 2 --dist loadfile --no-loadscope-reorder || ended=$$?; \
	$(PY) -m tests.faults.report || ended=1; rm -r "$$tally"; exit $$ended

check: setup-dev  ## Lint, types, template: everything that needs no running lake
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -m mypy glue  # apart: a handler and a job script may have the same name
	@$(PY) -m deploy.check
	@$(PY) -m scripts.document_pipelines --check
	@$(PY) -m scripts.document_monitoring --check
	@$(PY) -m scripts.cost.page --check

security: security-checks security-proof  ## Template, policies, packages, containers, CI, each with its figure; then all calls against IAM
	@$(PY) -m pytest tests/iam

security-checks: setup-dev setup-security  ## Only the checks without a lake (AUDIT=optional: passes where no vulnerability service is reached)
	@$(PY) -m security --audit $(AUDIT)

security-proof: setup-dev setup-security  ## Plant a fault for each check and see it fail
	@$(PY) -m pytest security/tests

setup-security: $(TOOLS)/.installed

docker-test:  ## Test the Glue job in AWS's Glue 5.1 image (BASE=image for another; needs Docker or Podman)
	@engine=$$(docker/engine.sh); \
	$$engine build --file docker/Dockerfile --target test --tag lakegate-glue-test $(if $(BASE),--build-arg BASE=$(BASE)) .; \
	$$engine run --rm lakegate-glue-test

docker-run:  ## Run a pipeline's Glue job in that image beside the embedded AWS (JOB=pipeline)
	@engine=$$(docker/engine.sh); compose="$$engine compose --file docker/compose.yml"; export JOB=$(JOB) $(if $(BASE),BASE=$(BASE)); \
	ended=0; $$compose up --build --abort-on-container-exit --exit-code-from aws || ended=$$?; \
	$$compose down --volumes; exit $$ended

lint: setup-dev  ## Only ruff
	@$(PY) -m ruff check .

types: setup-dev  ## Only mypy
	@$(PY) -m mypy
	@$(PY) -m mypy glue

format: setup-dev  ## Format the code and sort its imports
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

template: setup  ## Build deploy/template.json anew from pipelines/, iam/, kms/ and config/
	@$(LAKE) template --write

docs: setup  ## Write the tables of docs/pipelines/ anew from the contracts
	@$(PY) -m scripts.document_pipelines
	@$(PY) -m scripts.document_monitoring
	@$(PY) -m scripts.cost.page

bench: setup-dev  ## Compare the lake with Spark, DuckDB and Polars on the same 3 x 1,000,000 records (about 5 minutes)
	@$(PY) -m bench --rows $(ROWS)

lock: $(VENV)/.venv-made  ## Pin the requirements anew after editing requirements/*.in
	@$(PY) -m pip --disable-pip-version-check install --quiet uv
	@for name in build lake dev security glue-image glue-stand-in; do $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header requirements/$$name.in -o requirements/$$name.txt; done
	@for name in requirements/layers/*.in; do $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --constraint requirements/lake.txt $$name -o $${name%.in}.txt; done

clean:  ## Stop the lake and remove .venv and .lake, data included
	@if [ -x $(LAKE) ]; then $(LAKE) down; fi
	@rm -rf $(VENV) $(TOOLS) .lake build

# --- how the environment is made ---

$(VENV)/.venv-made:
	@scripts/make_venv.sh $(VENV)
	@touch $@

$(VENV)/.lake-installed: requirements/build.txt requirements/lake.txt requirements/jars.txt | $(VENV)/.venv-made
	@echo "Setting up .venv (once, one to three minutes: Python packages, Spark, its jars) ..."
	@$(PIP) -r requirements/build.txt
	@$(PIP) -r requirements/lake.txt
	@printf '#!/bin/sh\nexec "%s/bin/python" "%s/cli/__main__.py" "$$@"\n' "$(CURDIR)/$(VENV)" "$(CURDIR)" > $(LAKE)
	@chmod +x $(LAKE)
	@$(PY) -m scripts.fetch_jars $(VENV)/jars
	@$(PY) -m localaws.train_archive > /dev/null
	@touch $@

$(VENV)/.dev-installed: requirements/dev.txt $(VENV)/.lake-installed
	@echo "Adding the tools for tests and checks to .venv ..."
	@$(PIP) -r requirements/dev.txt
	@touch $@

$(TOOLS)/.installed: requirements/security.txt
	@echo "Setting up $(TOOLS) for the security checks (once, about a minute) ..."
	@scripts/make_venv.sh $(TOOLS)
	@$(TOOLS)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --only-binary=:all: -r requirements/security.txt
	@touch $@
