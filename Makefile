# Needs make, a POSIX shell and Python 3.11 or newer; uses uv where it is installed.
#   make PYTHON=/path/to/python3.12 ...    the Python that .venv is made from
#   make test ARGS="-k refresh"            ARGS goes to the command that the target runs
#   make install NATIVE=1                  builds Argon2 for this processor too; needs a C compiler

.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
ARGS ?=
# Twice as many as there are processors: some tests wait for what they have killed, while others compute.
WORKERS ?= $$((2 * $$(getconf _NPROCESSORS_ONLN)))
PYTHON ?=
NATIVE ?=
export PYTHON
# Where a machine sets it, every process would compile every module anew: seconds at each start.
unexport PYTHONDONTWRITEBYTECODE

# Given on the command line WORKERS is exported, and Gatepost has a setting of that name.
PYTEST = env -u WORKERS $(1)/python -m pytest -n $(WORKERS) --maxprocesses 8 --maxschedchunk 4

RUN_ENVIRONMENT := @sh scripts/environment.sh run
DEV_ENVIRONMENT := @sh scripts/environment.sh dev

.PHONY: help install run serve test test-quick test-lowest test-beside check format migration docs lock bench bench-check
.PHONY: lint formatting types contracts architecture

##@ Use it

install: ## make .venv, with the gatepost command in it (NATIVE=1: and Argon2 built for this processor)
	$(RUN_ENVIRONMENT)
	@if [ -n "$(NATIVE)" ]; then sh scripts/native.sh; fi

run: ## set up what is missing and serve on http://127.0.0.1:8000, reloading on change
	$(RUN_ENVIRONMENT)
	@$(BIN)/gatepost dev $(ARGS)

serve: ## serve from the environment alone, as in production
	$(RUN_ENVIRONMENT)
	@$(BIN)/gatepost serve $(ARGS)

##@ Work on it

test: ## run every test on every database (ARGS="-k refresh --database sqlite")
	$(DEV_ENVIRONMENT)
	@$(call PYTEST,$(BIN)) $(ARGS)

test-quick: ## run a sample in two minutes: no slow tests or faults, most others on one database
	$(DEV_ENVIRONMENT)
	@$(call PYTEST,$(BIN)) --sample $(ARGS)

test-lowest: ## run the tests on SQLite with the lowest supported version of each library
	@sh scripts/environment.sh lowest
	@$(call PYTEST,.venv-lowest/bin) --database sqlite $(ARGS)

test-beside: ## run the tests that have fastapi-users, SQLModel and passlib beside Gatepost
	@sh scripts/environment.sh beside
	@.venv-beside/bin/python -m pytest -W "ignore:'crypt' is deprecated" tests/beside $(ARGS)

check: ## lint, formatting, types, import contracts, architecture tests
	$(DEV_ENVIRONMENT)
	@$(MAKE) --keep-going lint formatting types contracts architecture

# The parts of `make check`, each of which runs whatever the others find.
lint: ; $(BIN)/ruff check .
formatting: ; $(BIN)/ruff format --check .
types: ; $(BIN)/mypy
contracts: ; $(BIN)/lint-imports
architecture: ; $(BIN)/python -m pytest -q tests/architecture

format: ## mend what ruff can mend, and format
	$(DEV_ENVIRONMENT)
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .

migration: ## write a migration from the models (NAME="add a column")
	$(DEV_ENVIRONMENT)
	@test -n "$(NAME)" || { echo 'Say what it does: make migration NAME="add a column"' >&2; exit 2; }
	@$(BIN)/alembic revision --autogenerate -m "$(NAME)"
	@$(BIN)/ruff check --quiet --fix --exit-zero --select I src/gatepost/migrations/versions
	@$(BIN)/ruff format --quiet src/gatepost/migrations/versions

docs: ## write what is generated of docs/, and .env.example
	$(DEV_ENVIRONMENT)
	@$(BIN)/python -m gatepost.documentation

lock: ## write the lock files from pyproject.toml (ARGS=--upgrade for the newest of everything)
	@sh scripts/lock.sh $(ARGS)

bench: ## measure it beside its peers, in about a quarter of an hour (ARGS=--quick for a look)
	$(DEV_ENVIRONMENT)
	@$(BIN)/python -m bench $(ARGS)

bench-check: ## measure it beside a bare FastAPI route; fails on a promise missed by over a tenth
	$(DEV_ENVIRONMENT)
	@$(BIN)/python -m bench --check $(ARGS)

help: ## show this
	@awk -v terminal="$$(test -t 1 && echo yes)" -f scripts/help.awk $(firstword $(MAKEFILE_LIST))
