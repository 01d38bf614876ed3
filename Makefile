# Two commands do everything: `make up` (the platform on this machine) and `make test` (all tests). `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PY := .venv/bin/python
# Set in many images: Python would compile pulumi_aws anew at each start, which costs 10 s.
unexport PYTHONDONTWRITEBYTECODE
# What a virtual environment hangs on: the requirements, where it lies, and the Python that made it.
STAMP := .venv/.requirements-$(shell { cat requirements/dev.txt requirements/uv.txt pyproject.toml; echo $(CURDIR); $${PYTHON:-python3} --version; } 2>/dev/null | sha256sum | cut -c1-16)

.PHONY: help setup up down test every-test lint unit fuzz fuzz-wallet nightly docs hooks new-component new-service bench lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1\t/' | expand -t 18

$(STAMP):
	@bash scripts/setup-venv.sh
	@rm -f .venv/.requirements-* && touch $@

setup: $(STAMP) ## .venv with the locked dependencies, and the Pulumi CLI
	@$(PY) -m localcloud.engine ensure

up: setup ## the platform on this machine; prints its URLs (PORT=8090 for another port)
	@.venv/bin/matchday up $(if $(PORT),--port $(PORT)) $(ARGS)

down: ## stop everything that `up` started
	@if [ -x .venv/bin/matchday ] && .venv/bin/python -c '' 2>/dev/null; then .venv/bin/python -m cli down $(ARGS); \
	elif pkill -TERM -u "$$(id -u)" -f -- 'localcloud\.dataplane --state $(CURDIR)/\.matchday '; then \
	echo "there is no .venv here: asked the supervisor to stop everything; the data is kept"; \
	else echo "the platform is not running (and there is no .venv here; make up makes both)"; fi

lint: $(STAMP) ## ruff, mypy --strict, import contracts, dead code, queries in repositories
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/lint-imports && .venv/bin/vulture && $(PY) scripts/check_services.py

unit: $(STAMP) ## the quick tests, which need no engine, no platform, no server and no other program: a minute
	@.venv/bin/pytest -n 2 --dist loadgroup -m "not postgres and not engine and not e2e and not process and not slow and not nightly" $(ARGS)

# Beside each other: mypy has one processor for a minute. Three workers for two processors, as many tests wait for processes
# that they started.
test: setup ## everything that CI runs
	@$(MAKE) --no-print-directory -j 2 lint every-test

every-test: $(STAMP)
	@.venv/bin/pytest -n 3 --dist loadgroup --durations 15 --durations-min 5 $(ARGS)

fuzz: setup ## property tests with 40 times the examples (FUZZ=n); what fails is kept in tests/seeds, and fails in every later run
	@.venv/bin/pytest -n 2 --dist loadgroup -m "hypothesis and not engine and not e2e and not nightly" --fuzz $(or $(FUZZ),40) --timeout 0 $(ARGS)

fuzz-wallet: setup ## 1,000,000 drawn operations on the wallet, 8 connections at once (ARGS="--seed n --operations n"); a run that was ended goes on
	@$(PY) -m tests.services.wallet.fuzz $(ARGS)

nightly: setup ## the long forms: fuzz, chaos, corpora (hours; MATCHDAY_SEED=n repeats a run)
	@.venv/bin/pytest -n 2 --dist loadgroup -m nightly --timeout 0 $(ARGS)

docs: $(STAMP) ## the documentation site, in build/docs/site
	@$(PY) -m scripts.docs_site build/docs

hooks: $(STAMP) ## a git hook that runs `make lint` before each commit
	@.venv/bin/pre-commit install

new-component: $(STAMP) ## NAME=mail_queue ROOM=data: the skeleton of a component, with its test and runbook
	@$(PY) scripts/new_component.py $(NAME) $(ROOM)

new-service: $(STAMP) ## NAME=bonus [WORKER=yes]: the skeleton of a service, with its tests
	@$(PY) scripts/new_service.py $(NAME) $(if $(WORKER),--worker)

bench: setup ## figures, each beside a reference run of the same minute
	@$(PY) -m benchmarks $(ARGS)

UV_COMPILE := .venv/bin/uv pip compile --universal --generate-hashes --no-emit-index-url --python-version 3.11 --quiet
lock: ## write requirements/*.txt anew from pyproject.toml
	$(UV_COMPILE) requirements/uv.in -o requirements/uv.txt
	$(UV_COMPILE) pyproject.toml --extra infra --extra services --extra kyc --extra localcloud --extra dev -o requirements/dev.txt
	$(UV_COMPILE) pyproject.toml --extra infra -c requirements/dev.txt -o requirements/infra.txt
	$(UV_COMPILE) pyproject.toml --extra services -c requirements/dev.txt -o requirements/services.txt
	$(UV_COMPILE) pyproject.toml --extra services --extra kyc -c requirements/dev.txt -o requirements/kyc.txt

clean: ## forget .venv and caches (not the platform's data: `matchday reset` does that)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
