# Everything a developer needs; `make` alone says what there is.

PYTHON ?= python3
PYTEST ?=
BIN := .venv/bin
RUN_PYTEST := $(BIN)/python -m pytest
PACKAGES := consumer domain adapters deploy benchmarks tests

.DEFAULT_GOAL := help
.PHONY: help install system-deps demo test check lint documents image-test dashboard format unit trace simulate campaigns \
	fault soak bench bench-peers fuzz audit sbom model clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  PYTEST="-k word -x" adds arguments to test and unit; PYTHON=python3.12 names the interpreter for .venv'

install: .venv/installed ## Create .venv with the engine, the local platform and the tools (repeats nothing)

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is older than Python 3.11: name a newer one with make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 3; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[local,dev]'
	@touch $@

system-deps: ## Install what the tests want from the system (Debian and Ubuntu): kcat, PostgreSQL 15, Maven, Java 17, npm, promtool, buildah
	@missing=""; \
	command -v kcat >/dev/null || missing="$$missing kcat"; \
	test -x /usr/lib/postgresql/15/bin/postgres || missing="$$missing postgresql-15"; \
	command -v mvn >/dev/null || missing="$$missing maven"; \
	command -v java >/dev/null || missing="$$missing openjdk-17-jre-headless"; \
	command -v npm >/dev/null || missing="$$missing npm"; \
	command -v promtool >/dev/null || missing="$$missing prometheus"; \
	command -v curl >/dev/null || missing="$$missing curl"; \
	command -v buildah >/dev/null || missing="$$missing buildah"; \
	test -x /usr/sbin/debootstrap || missing="$$missing debootstrap"; \
	test -n "$$missing" || exit 0; \
	command -v apt-get >/dev/null || { echo "Please install by hand:$$missing"; exit 3; }; \
	as_root=""; test "$$(id -u)" = 0 || as_root=sudo; \
	$$as_root apt-get update -qq && $$as_root env DEBIAN_FRONTEND=noninteractive \
	  apt-get install -y -qq --no-install-recommends $$missing

demo: install ## Show the whole engine at work on a Kafka and a Postgres of its own
	@$(BIN)/python -m deploy.local.demo $(DEMO_ARGS)

test: install ## Run every test, two files at a time; nothing may be skipped, deselected or expected to fail
	@$(RUN_PYTEST) --complete --numprocesses 2 --dist loadfile --no-loadscope-reorder $(PYTEST)

check: lint unit ## Format, lint, types, import rules and unit tests

lint: install ## The same without the unit tests
	@$(BIN)/ruff format --check $(PACKAGES)
	@$(BIN)/ruff check $(PACKAGES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m deploy.documents --check

unit: install ## Run the tests that need no services and no network
	@$(RUN_PYTEST) tests/unit $(PYTEST)

documents: install ## Write schemas and reference pages anew, from the code
	@$(BIN)/python -m deploy.documents
	@$(BIN)/python -m tests.bad_input
	@$(BIN)/python -m tests.fault.document

image-test: install ## Build the container image and run it on a read-only tree, without a container engine
	@$(BIN)/python -m deploy.image

dashboard: install ## Play a deployment for three minutes, and draw what its dashboard shows into .local/dashboard.svg
	@mkdir -p .local
	@$(BIN)/python -m tests.monitoring .local/dashboard.svg

format: install ## Put the code in the common format
	@$(BIN)/ruff format $(PACKAGES)
	@$(BIN)/ruff check --fix $(PACKAGES)

trace: install ## Play a recorded activity trace against the plain rules
	@$(BIN)/python -m tests.trace

fault: install ## Hurt a deployment on three brokers for ten minutes, and judge what it did (FAULT_ARGS="--seed 7")
	@$(BIN)/python -m tests.fault.soak --minutes 10 $(FAULT_ARGS)

soak: install ## The same for an hour or longer: MINUTES=60
	@$(BIN)/python -m tests.fault.soak --minutes $(or $(MINUTES),60) $(FAULT_ARGS)

bench: install ## Measure ingest and ticks beside the script one would write instead: ROUNDS=5
	@$(BIN)/python -m benchmarks ingest --rounds $(or $(ROUNDS),5)
	@$(BIN)/python -m benchmarks ticks --rounds $(or $(ROUNDS),5)

bench-peers: install ## The same beside all peers, and the raw parts, into docs/PERFORMANCE.md with its charts (2 hours)
	@$(BIN)/python -m benchmarks ingest --peers --rounds $(or $(ROUNDS),5) --document docs/PERFORMANCE.md
	@$(BIN)/python -m benchmarks ticks --peers --rounds $(or $(ROUNDS),5) --document docs/PERFORMANCE.md
	@$(BIN)/python -m benchmarks floors --rounds $(or $(ROUNDS),5) --document docs/PERFORMANCE.md
	@$(BIN)/python -m benchmarks tutorial --rounds $(or $(ROUNDS),5) --document docs/PERFORMANCE.md
	@$(BIN)/python -m benchmarks latency --document docs/PERFORMANCE.md
	@$(BIN)/python -m benchmarks scale --rounds $(or $(ROUNDS),5) --document docs/PERFORMANCE.md
	@$(BIN)/python -m benchmarks sizes --document docs/PERFORMANCE.md
	@$(BIN)/python -m benchmarks capacity --rounds $(or $(ROUNDS),5) --document docs/SCALING.md
	@$(BIN)/python -m benchmarks shards --rounds $(or $(ROUNDS),5) --document docs/SCALING.md
	@$(BIN)/python -m benchmarks.charts

fuzz: install ## Feed the codec with made-up records: MINUTES=10
	@$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),10) --seed $(or $(SEED),1) --keep

audit: install ## Ask whether a pinned package is known to be vulnerable (exit 1: one is; 3: nobody could be asked)
	@$(BIN)/python -m deploy.supply_chain.audit

sbom: install ## Write the bill of materials of what is installed, as CycloneDX, into .local/sbom.json
	@mkdir -p .local
	@$(BIN)/python -m deploy.supply_chain.sbom .local/sbom.json

campaigns: install ## Kill, pause and storm whole deployments at full size (CAMPAIGNS="kills storm" names some)
	@$(BIN)/python -m tests.campaigns $(CAMPAIGNS)

simulate: install ## Play simulated histories of faults against the plain rules: HISTORIES=5000 FIRST=1
	@$(BIN)/python -m tests.simulation --histories $(or $(HISTORIES),1000) --first $(or $(FIRST),1)

model: install ## Explore the models of the protocol, and show what its wrong variants break
	@$(BIN)/python -m tests.model $(MODEL_ARGS)

clean: ## Remove what builds and runs leave behind (not .venv)
	@rm -rf .local dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find $(PACKAGES) -name __pycache__ -type d -prune -exec rm -rf {} +
