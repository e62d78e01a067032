# Everything from a fresh checkout: `make demo` and `make test` need only Python 3.11 or newer and make.
# Written for GNU make 3.81 and a POSIX shell, which is what macOS has.

SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/dev.txt
PINS := $(VENV)/.pins
READY := $(VENV)/.ready
LOCK_VENV := .venv-lock
# Hundreds of processes that the tests start would each compile all sources again.
unexport PYTHONDONTWRITEBYTECODE
# Most tests wait for a disk, a lock or a child more than they compute; each worker has a PostgreSQL of its own.
WORKERS ?= 4

# A name on PATH proves nothing (version managers leave shims that fail), so each candidate is run.
PYTHON ?=
CANDIDATES := $(if $(PYTHON),$(PYTHON),python3.13 python3.12 python3.11 python3)
USABLE := import ensurepip, sqlite3, sys, venv; sys.exit(sys.version_info < (3, 11) or sqlite3.sqlite_version_info < (3, 35))
PIP := -m pip --quiet --quiet --disable-pip-version-check --no-input

# One line for what is being done; what the command itself printed only matters when it fails.
define quietly
@printf '%s\n' '$(1)'; output=$$($(2) 2>&1) || { printf '%s\n' "$$output"; printf '%s\n' 'failed: $(1)'; exit 1; }
endef

define environment
@python=; \
for candidate in $(CANDIDATES); do \
  if "$$candidate" -c '$(USABLE)' >/dev/null 2>&1; then python=$$candidate; break; fi; \
done; \
if test -z "$$python"; then \
  echo 'No usable Python among: $(CANDIDATES).' >&2; \
  echo 'Needed: Python 3.11 or newer with venv and SQLite 3.35 or newer (on Debian and Ubuntu also the package python3-venv).' >&2; \
  echo 'Name one yourself: make PYTHON=/path/to/python3' >&2; \
  exit 1; \
fi; \
echo "environment $(1) ($$("$$python" --version 2>&1))"; \
"$$python" -m venv --clear $(1)
endef

.PHONY: help demo test check proof mutants bench bench-bulk bench-history bench-scale diagrams test-pooler test-older lock format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## run the main job for real, on SQLite or on DATABASE_URL, against a local provider
	@$(BIN)/inbox-lifecycle demo

# Where nothing is compiled yet, one process does it before four of them would do it at once.
test: check ## run every check, then every test, on SQLite and on a real PostgreSQL
	@echo 'tests'
	@test -d tests/support/__pycache__ || $(BIN)/python -m pytest --quiet --collect-only >/dev/null || true
	@$(BIN)/python -m pytest --quiet --numprocesses $(WORKERS) --dist loadscope --no-loadscope-reorder

check: $(READY) ## lint, format, types, floors, and diagrams compared with the rules
	$(call quietly,lint,$(BIN)/ruff check --output-format concise .)
	$(call quietly,format,$(BIN)/ruff format --check .)
	$(call quietly,types,$(BIN)/mypy)
	$(call quietly,floors,$(BIN)/lint-imports)
	$(call quietly,diagrams,$(BIN)/python -m inbox_lifecycle.diagram --check diagrams)

# Two at a time: most of them keep several threads or processes busy themselves.
PROOF_WORKERS ?= 2
proof: $(READY) ## run the long proofs (schedules, races, crashes) and print what they counted; half an hour on two cores
	@$(BIN)/python -m pytest --quiet --full -m 'not pooler' --numprocesses $(PROOF_WORKERS) --dist worksteal tests/proof

# Changes the sources in a copy under build/; MUTANTS takes the options that `python -m tests.mutation --help` tells.
mutants: $(READY) ## change the code in small ways, see whether tests notice, and write docs/mutants.md (an hour on two cores)
	@$(BIN)/python -m tests.mutation $(MUTANTS)

# BENCH takes the options that `python -m benchmarks --help` tells.
bench: $(READY) ## measure side by side with the bare drivers and other libraries, against the goals (under ten minutes)
	@$(BIN)/python -m benchmarks $(BENCH)

bench-bulk: $(READY) ## retry a thousand stuck inboxes through everything that goes wrong, and print the figures (a minute)
	@$(BIN)/python -m benchmarks.bulk

bench-history: $(READY) ## seal, sign and verify a million events on both databases, and print the figures (some minutes)
	@$(BIN)/python -m benchmarks.history

# SCALE takes the options that `python -m benchmarks.scale --help` tells. Twenty GB of disk in all, or --folder elsewhere.
bench-scale: $(READY) ## compare ten million events with ten thousand on PostgreSQL, and print the figures (half an hour)
	@$(BIN)/python -m benchmarks.scale $(SCALE)

diagrams: $(READY) ## draw diagrams/ again from the rules
	@$(BIN)/python -m inbox_lifecycle.diagram diagrams

# Debian puts the program in /usr/sbin, which is not on everyone's PATH.
test-pooler: $(READY) ## run the tests that need PgBouncer
	@PATH="$$PATH:/usr/sbin:/usr/local/sbin"; export PATH; \
	command -v pgbouncer >/dev/null 2>&1 || { \
	  echo 'PgBouncer is not on PATH. Install it: "apt-get install pgbouncer" on Debian and Ubuntu, "brew install pgbouncer" on macOS.' >&2; \
	  exit 1; }; \
	$(BIN)/python -m pytest --quiet -m pooler

# Keeps the pins that still fit; `make lock LOCK_FLAGS=--upgrade` moves them all.
LOCK_FLAGS ?=
test-older: $(READY) ## run the tests of everything that meets PostgreSQL on version 16, which comes beside 18
	@PGSERVER_POSTGRES_VERSION=16 $(BIN)/python -m pytest --quiet --numprocesses $(WORKERS) --dist loadscope \
	  tests/contract tests/faults tests/guards tests/races tests/property

lock: $(LOCK_VENV)/bin/uv ## pin again what pyproject.toml asks for, for every platform
	@echo 'pinning $(LOCK)'
	@$(LOCK_VENV)/bin/uv pip compile pyproject.toml --all-extras --group dev \
	  --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command 'make lock' --quiet $(LOCK_FLAGS) --output-file $(LOCK)

format: $(READY) ## format the code and mend what the linter can mend
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

clean: ## remove the environments, the caches and what a build left
	@rm -rf $(VENV) $(LOCK_VENV) dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find src tests migrations -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# Made from nothing whenever the pins change: a package that left the pins must not linger.
$(PINS): $(LOCK)
	$(call environment,$(VENV))
	@echo 'packages $(LOCK)'
	@$(BIN)/python $(PIP) install --require-hashes -r $(LOCK)
	@touch $@

$(READY): $(PINS) pyproject.toml
	@echo 'package inbox-lifecycle'
	@$(BIN)/python $(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

# Stands on its own, so that pins which no longer install can still be made again.
$(LOCK_VENV)/bin/uv:
	$(call environment,$(LOCK_VENV))
	@$(LOCK_VENV)/bin/python $(PIP) install uv
