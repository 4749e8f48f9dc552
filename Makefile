# Everything a contributor or a new user runs. It needs Python 3.11+, git and make.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
LINT := .venv-datacontract
LINT_LOCK := tests/datacontract/requirements.lock
OLIST_DIR ?=
unexport PYTHONDONTWRITEBYTECODE # else each process compiles what was changed, and each run of pytest all tests

.PHONY: help system install demo test test-slow test-wheel test-stack test-compose test-nightly \
	nightly-files nightly-random nightly-wheel nightly-engines nightly-stack stack secrets check format bench bench-stack docs \
	schema lock clean

help:  ## print what make can do
	@awk -F ':.*  ## ' '/^[a-z-]+:.*  ## / {printf "make %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

system:  ## install the missing packages of infra/debian.txt, as root or with sudo
	infra/install_debian.sh

install: $(STAMP)  ## install Lagoa and its tools into .venv, at the versions in the lock

$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv
	awk '/^uv==/ {p = 1} p {print; if (!/\\$$/) exit}' requirements.lock > .venv/uv.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r .venv/uv.txt
	$(BIN)/uv pip install -q --python $(BIN)/python --compile-bytecode -c requirements.lock hatchling editables
	$(BIN)/uv pip install -q --python $(BIN)/python --compile-bytecode --no-build-isolation -c requirements.lock -e '.[dev,ml,sources]'
	$(BIN)/python -m compileall -q lagoa flows
	touch $(STAMP)

demo: install  ## the main job: load nine files, publish checked tables (OLIST_DIR=folder of the real files, else generated)
	$(BIN)/python -m flows.demo $(OLIST_DIR)

$(LINT)/.installed: $(LINT_LOCK) | $(STAMP)  # its own environment, as its dependencies conflict with Lagoa's
	$(BIN)/uv venv -q --clear --python $(BIN)/python $(LINT)
	$(BIN)/uv pip install -q --python $(LINT)/bin/python --compile-bytecode --require-hashes -r $(LINT_LOCK)
	touch $@

$(LINT)/.linted: $(LINT)/.installed tests/datacontract/lint.py $(wildcard iceberg/*/*.yaml)
	$(LINT)/bin/python tests/datacontract/lint.py iceberg
	touch $@

# Tests commit to SQLite about 200,000 times, and each commit waits for the disk: where there is room, their files are in memory.
MEMORY := $(shell grep -qs ' /dev/shm .*noexec' /proc/mounts || \
	df --output=avail /dev/shm 2> /dev/null | awk 'NR == 2 && $$1 > 3000000 {print "/dev/shm"}')
test test-slow: export PYTEST_DEBUG_TEMPROOT := $(MEMORY)

test: install $(LINT)/.installed  ## the tests without servers, but the slow ones
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: install  ## the slow ones: random sequences, kills, docs/model (`make system`), earlier lakes, PyIceberg's own tests (downloaded)
	$(BIN)/python tests/contract/pyiceberg_tests/fetch.py
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'slow and not nightly'

.venv/.stack: $(STAMP)
	$(BIN)/uv pip install -q --python $(BIN)/python --compile-bytecode --no-build-isolation -c requirements.lock -e '.[dev,ml,mlflow,sources,stack,trino]'
	touch $@

.venv/.spark: .venv/.stack
	$(BIN)/uv pip install -q --python $(BIN)/python -c requirements.lock 'pyspark[connect]' # has no wheel, and is built by itself
	touch $@

test-wheel: install  ## test the wheel in a clean environment: the README's tour, size, licenses
	$(BIN)/python -m pytest -p no:xdist tests/wheel

stack: .venv/.spark  ## start the real servers, downloaded or built the first time; needs Go and `make system`
	$(BIN)/lagoa stack up

secrets:  ## generate the secrets of docker-compose.yml into .secrets; existing ones are kept
	$(PYTHON) infra/draw_secrets.py .secrets/credentials.json

test-stack: .venv/.spark  ## the tests that need the real servers, on their own stack, and models on Spark
	$(BIN)/python -m pytest -p no:xdist tests/engines
	tests/stack/run

test-compose: .venv/.stack  ## build and run docker-compose.yml on Docker, or on an engine started for it as root
	tests/compose/run

FUZZ_TESTS := tests/integration/ingest/bad_files/test_fuzz.py tests/integration/ingest/test_every_entrance.py

NIGHTLY := nightly-files nightly-random nightly-wheel nightly-engines nightly-stack

test-nightly: .venv/.spark  ## the long tests, all of them though some fail: what follows, and test-compose; hours on two idle cores
	$(MAKE) -j1 -k $(NIGHTLY) test-compose

nightly-files: .venv/.spark  ## of these: random files and values, FUZZ=200 times as many as usual
	FUZZ=$(or $(FUZZ),200) $(BIN)/python -m pytest -n 2 -m 'not nightly' $(FUZZ_TESTS)

nightly-random: .venv/.spark  ## of these: random sequences, FUZZ=20 times as many; kills at random moments; long histories
	FUZZ=$(or $(FUZZ),20) $(BIN)/python -m pytest -n 2 --timeout 0 -m 'hypothesis or nightly' $(FUZZ_TESTS:%=--ignore %)

nightly-wheel: .venv/.spark  ## of these: each extra installed alone, at the versions in the lock
	$(BIN)/python -m pytest -p no:xdist -m nightly tests/wheel

nightly-engines: .venv/.spark  ## of these: checks on a Spark of their own
	$(BIN)/python -m pytest -p no:xdist -m nightly tests/engines

nightly-stack: .venv/.spark  ## of these: the long ones on the real servers, FUZZ=10 times as many rounds
	FUZZ=$(or $(FUZZ),10) tests/stack/run -m nightly

check: .venv/.stack $(LINT)/.linted  ## lint, types, structure, and the contracts with the datacontract CLI
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry . > .venv/deptry.log 2>&1 || { cat .venv/deptry.log; false; } # hides its list of extras that are not installed
	$(BIN)/hadolint Dockerfile infra/*/Dockerfile

format: install  ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install  ## measure every figure that needs no servers and write docs/benchmarks.md
	$(BIN)/python -m benchmarks

bench-stack: .venv/.spark  ## measure the stack's figures, on its own servers, and write their section of that page
	$(BIN)/python -m benchmarks.stack

docs: install  ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

SCHEMA := lagoa/contracts/properties.schema.json
schema: install  ## write the JSON schema of the contracts' lagoa.* properties, after they or the file formats changed
	$(BIN)/python -c "import json; from lagoa.contracts.properties import properties_schema as schema; \
	from lagoa.formats import FORMATS; print(json.dumps(schema(FORMATS), indent=2))" > $(SCHEMA).new
	mv $(SCHEMA).new $(SCHEMA)

lock:  ## update the locks: requirements.lock from pyproject.toml, and that of the contracts' linter
	$(BIN)/uv pip compile --universal --generate-hashes --python-version 3.11 pyproject.toml --all-extras -q -o requirements.lock
	$(BIN)/uv pip compile --universal --generate-hashes --python-version 3.11 tests/datacontract/requirements.in -q -o $(LINT_LOCK)

clean:  ## remove everything that was built, but no data
	rm -rf .venv $(LINT) site build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
