# make demo   set up, then learn, rank and ask, on simulated galaxies (or DATA=folder)
# make test   set up, then the tests
# make benchmarks   the longer of benchmarks/, at small sizes: do they run?
# make lint   formatting, likely bugs, who may import whom, types, prose
# make docs   the documentation, in docs/_build
# make test-oldest   the tests that cross other libraries, on the oldest versions supported

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
OLDEST := .venv-oldest
DATA ?=
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: demo test benchmarks lint format docs test-oldest clean

# One stamp per environment: installed again only when what is to be installed has changed.
$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@

$(OLDEST)/.installed: pyproject.toml .ci/oldest.txt
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check \
		-e ".[fetch,fits,parquet,plot,simulate,test]" --constraint .ci/oldest.txt
	touch $@

demo: $(VENV)/.installed
	$(BIN)/python -m skgalaxy demo $(if $(DATA),--data "$(DATA)")

# two processes, each with whole files: what a file has built, the next test of it uses
TEST := -m pytest --numprocesses 2 --dist loadfile

test: $(VENV)/.installed
	$(BIN)/python $(TEST)

benchmarks: $(VENV)/.installed
	$(BIN)/python -m pytest -m slow tests/test_benchmarks.py

lint: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/pyright
	$(BIN)/python .ci/types_of_docs.py
	$(BIN)/python .ci/types_complete.py
	$(BIN)/python .ci/prose.py

format: $(VENV)/.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.installed
	rm -rf docs/generated
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build

test-oldest: $(OLDEST)/.installed
	$(OLDEST)/bin/python $(TEST) -o filterwarnings=default tests

clean:
	rm -rf $(VENV) $(OLDEST) demo docs/_build docs/generated
