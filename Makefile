# Everything a contributor or a new user runs. It needs Python 3.11+, git and make.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
LINT := .venv-datacontract
LINT_LOCK := tests/datacontract/requirements.lock
OLIST_DIR ?=

.PHONY: install demo test stack secrets test-stack check format bench bench-stack docs schema lock clean

install: $(STAMP)  ## install Lagoa and its tools into .venv, as the lock says

$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv
	awk '/^uv==/ {p = 1} p {print; if (!/\\$$/) exit}' requirements.lock > .venv/uv.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r .venv/uv.txt
	$(BIN)/uv pip install -q --python $(BIN)/python --compile-bytecode -c requirements.lock hatchling editables
	$(BIN)/uv pip install -q --python $(BIN)/python --compile-bytecode --no-build-isolation -c requirements.lock -e '.[dev]'
	$(BIN)/python -m compileall -q lagoa flows
	touch $(STAMP)

demo: install  ## the main job: nine files in, checked tables on main (OLIST_DIR=folder of the real files, else generated)
	$(BIN)/python -m flows.demo $(OLIST_DIR)

$(LINT)/.installed: $(LINT_LOCK) | $(STAMP)  # apart: its dependencies and Lagoa's do not go together
	$(BIN)/uv venv -q --clear --python $(BIN)/python $(LINT)
	$(BIN)/uv pip install -q --python $(LINT)/bin/python --compile-bytecode --require-hashes -r $(LINT_LOCK)
	touch $@

$(LINT)/.linted: $(LINT)/.installed tests/datacontract/lint.py $(wildcard iceberg/*/*.yaml)
	$(LINT)/bin/python tests/datacontract/lint.py iceberg
	touch $@

test: install $(LINT)/.installed  ## all tests; the first time, PyIceberg's own catalog tests are fetched, pinned by hash
	$(BIN)/python tests/contract/pyiceberg_tests/fetch.py
	$(BIN)/python -m pytest -n 2 --dist loadfile

.venv/.stack: $(STAMP)
	$(BIN)/uv pip install -q --python $(BIN)/python --compile-bytecode --no-build-isolation -c requirements.lock -e '.[dev,stack]'
	touch $@

stack: .venv/.stack  ## the real servers, fetched or built the first time, started and well; needs Maven, Go and PostgreSQL
	$(BIN)/lagoa stack up

secrets:  ## what the containers of docker-compose.yml sign in with, at random, into .secrets; what is there stays
	$(PYTHON) infra/draw_secrets.py .secrets/credentials.json

test-stack: .venv/.stack  ## the tests that need the real servers, on a stack of their own
	tests/stack/run

check: .venv/.stack $(LINT)/.linted  ## lint, types, structure, and the contracts by the datacontract CLI
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile infra/*/Dockerfile

format: install  ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install  ## measure every figure that needs no servers and write docs/benchmarks.md
	$(BIN)/python -m benchmarks

bench-stack: .venv/.stack  ## measure the stack's figures, on servers of its own, and write their section of that page
	$(BIN)/python -m benchmarks.stack

docs: install  ## the documentation, as pages in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

SCHEMA := lagoa/contracts/properties.schema.json
schema: install  ## the JSON schema of contracts' lagoa.* properties again, after they or the formats of files changed
	$(BIN)/python -c "import json; from lagoa.contracts.properties import properties_schema as schema; \
	from lagoa.formats import FORMATS; print(json.dumps(schema(FORMATS), indent=2))" > $(SCHEMA).new
	mv $(SCHEMA).new $(SCHEMA)

lock:  ## make the locks anew: requirements.lock from pyproject.toml, and that of the contracts' linter
	$(BIN)/uv pip compile --universal --generate-hashes --python-version 3.11 pyproject.toml --all-extras -q -o requirements.lock
	$(BIN)/uv pip compile --universal --generate-hashes --python-version 3.11 tests/datacontract/requirements.in -q -o $(LINT_LOCK)

clean:  ## remove what was made, but no data
	rm -rf .venv $(LINT) site build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
