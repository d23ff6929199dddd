# bioner: `make demo` and `make test` do everything from nothing; `make help` lists the rest.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
CORES ?= all
SNAKEMAKE := $(BIN)/snakemake --workflow-profile workflow/profiles/local --cores $(CORES)
EXPERIMENTS ?= demo open
CORPORA ?= bc5cdr ncbi_disease jnlpba bc2gm linnaeus species800 bc5cdr_chem bc5cdr_disease anatem bionlp13ge
# as an absolute path where it is a folder: some runs have folders of their own. In the environment, since others can see command lines
ABSOLUTE_MIRROR := export BIONER_MIRROR="$$(realpath -e -- "$${BIONER_MIRROR:-}" 2>/dev/null || printf %s "$${BIONER_MIRROR:-}")"
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install install-dev demo open document corpora test test-slow bench lint types imports check audit clean

help: ## list these commands
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

install: $(VENV)/.run-installed ## make the environment (VENV=.venv) with what the workflow needs

install-dev: $(VENV)/.dev-installed ## the same, and what tests and checks need

$(VENV)/bin/python:
	@echo "==> making the environment $(VENV)"
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info[:2] <= (3, 13) or sys.exit("expected Python 3.11 to 3.13, found %s; run: make PYTHON=python3.12 ..." % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run-installed: requirements/run.txt requirements/demo.txt pyproject.toml | $(VENV)/bin/python
	@echo "==> installing the workflow's packages (about 1.5 GB, a few minutes)"
	$(BIN)/pip install --disable-pip-version-check -r requirements/run.txt | sed "/already satisfied/d"
	$(BIN)/pip install --disable-pip-version-check --no-deps -r requirements/demo.txt | sed "/already satisfied/d"
	$(BIN)/pip install --disable-pip-version-check --no-deps --quiet --editable .
	@touch $@

$(VENV)/.dev-installed: requirements/dev.txt requirements/slurm.txt requirements/s3.txt $(VENV)/.run-installed
	@echo "==> installing the packages of tests and checks"
	$(BIN)/pip install --disable-pip-version-check --quiet -r requirements/dev.txt
	@touch $@

demo: install ## Table 1 on the embedded synthetic corpora (6 to 8 minutes on 2 cores)
	@echo "==> running the workflow on the demo"
	$(SNAKEMAKE)
	@echo "==> done: results/demo/report/index.html and results/demo/tables/table1.md"

open: install ## the open corpora at their official splits; needs network or BIONER_MIRROR
	$(SNAKEMAKE) --config 'run=[open]'
	@echo "==> done: results/open/report/index.html and results/open/tables/table1.md"

document: install ## run EXPERIMENTS (demo and open, about an hour) from nothing and write their tables and minutes into README.md
	@$(ABSOLUTE_MIRROR); for experiment in $(EXPERIMENTS); do \
	  rm -rf build/document/$$experiment; start=$$SECONDS; \
	  $(SNAKEMAKE) --directory build/document/$$experiment --config "run=[$$experiment]"; \
	  $(BIN)/python -m bioner.commands.showcase --experiment $$experiment --results build/document/$$experiment/results --seconds $$((SECONDS - start)); \
	done

corpora: install ## read CORPORA (all at hand in the open) from nothing, with a quality report each, and write the table of docs/corpora.md
	rm -rf build/document/corpora
	$(ABSOLUTE_MIRROR); $(SNAKEMAKE) --directory build/document/corpora $(CORPORA:%=results/quality/%.html)
	$(BIN)/python -m bioner.commands.catalogue $(CORPORA:%=build/document/corpora/results/quality/%.json)

test: install-dev ## the default tests, on all cores (under 10 minutes on 2)
	@echo "==> running the tests"
	$(BIN)/python -m pytest -m "not slow and not slurm and not browser" -n auto --dist worksteal

test-slow: install-dev ## the slow tests, those with a browser or a cluster included
	$(BIN)/python -m pytest -m "slow or slurm or browser"

bench: install-dev ## the benchmarks, each against its peer; needs a quiet machine
	@for file in benchmarks/*.py; do echo "==> $$file"; $(BIN)/python $$file; done

lint: install-dev ## ruff and snakefmt
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/snakefmt --check Snakefile workflow

types: install-dev ## mypy, strict, of the package and the benchmarks
	$(BIN)/mypy && $(BIN)/mypy benchmarks

imports: install-dev ## the import contract
	$(BIN)/lint-imports

check: lint types imports test ## everything that CI checks, but the toy run

audit: ## known vulnerabilities of the pinned packages, by pip-audit in build/audit; fails where one cannot be looked up
	$(PYTHON) -m venv build/audit
	build/audit/bin/pip install --disable-pip-version-check --quiet pip-audit==2.10.1
	sed '/^-r/d' requirements/*.txt | sort -u > build/audit/pins.txt
	build/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement build/audit/pins.txt

clean: ## remove results and environment
	rm -rf results .snakemake $(VENV)
