# Each target does its own set-up: a machine needs python3 (with venv and pip), git and make, nothing more.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
CODE := src tests benchmarks docs conformance fuzz
STAMP_RUN := $(VENV)/.run
STAMP_DEV := $(VENV)/.dev

.PHONY: run test test-slow check format bench docs pictures lock clean

run: $(STAMP_RUN)
	$(BIN)/countermark run

test: $(STAMP_DEV) browser
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not weights"

test-slow: $(STAMP_DEV) browser
	$(BIN)/python -m pytest -n 2 -m slow

check: $(STAMP_DEV)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/countermark battery check

format: $(STAMP_DEV)
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

# Ratios against a baseline measured in the same run, and the statistics tables in short; half an hour in all.
bench: $(STAMP_DEV)
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/world.py
	$(BIN)/python benchmarks/verify.py
	$(BIN)/python benchmarks/report.py
	$(BIN)/python benchmarks/refusal_agreement.py
	$(BIN)/python benchmarks/facts_agreement.py
	$(BIN)/python benchmarks/leaks.py --each 2000
	$(BIN)/python benchmarks/planted_coverage.py --seeds 20
	$(BIN)/python benchmarks/statistics_speed.py
	$(BIN)/python benchmarks/calls.py
	$(BIN)/python benchmarks/coverage.py --quick
	$(BIN)/python benchmarks/coverage_judged.py --quick

# Coverage-guided, in an environment of its own: FUZZ_SECONDS (600) shared among the readers of strangers' bytes.
VENV_FUZZ := .venv-fuzz
.PHONY: fuzz
fuzz: $(VENV_FUZZ)/.fuzz
	$(VENV_FUZZ)/bin/python fuzz/run.py

$(VENV_FUZZ)/.fuzz: requirements/run.txt fuzz/requirements.txt pyproject.toml
	@echo "countermark: setting up for fuzzing (first time only)"
	$(PYTHON) -m venv $(VENV_FUZZ)
	$(VENV_FUZZ)/bin/python -m pip --disable-pip-version-check -q install --require-hashes --no-deps -r requirements/run.txt
	$(VENV_FUZZ)/bin/python -m pip --disable-pip-version-check -q install --require-hashes --no-deps --only-binary :all: -r fuzz/requirements.txt
	$(VENV_FUZZ)/bin/python -m pip --disable-pip-version-check -q install --no-deps --no-build-isolation -e .
	@touch $@

# Open weights, hashed, loaded and audited on this machine's CPU, in an environment of its own: about 1.5 GB. The lock names
# torch's CPU build for Python 3.11 on Linux, which pip must be able to reach; `make run` and `make test` never need it.
VENV_WEIGHTS := .venv-weights
.PHONY: test-weights lock-weights
test-weights: $(VENV_WEIGHTS)/.weights
	$(VENV_WEIGHTS)/bin/python -m pytest -m weights tests/weights

$(VENV_WEIGHTS)/.weights: requirements/weights.txt pyproject.toml
	@echo "countermark: setting up for weights (first time only)"
	$(PYTHON) -m venv $(VENV_WEIGHTS)
	$(VENV_WEIGHTS)/bin/python -m pip --disable-pip-version-check -q install --require-hashes --no-deps -r requirements/weights.txt
	$(VENV_WEIGHTS)/bin/python -m pip --disable-pip-version-check -q install --no-deps --no-build-isolation -e .
	@touch $@

# Apart from `make lock`, since uv has to find torch's CPU build: it is told where pip was told to look.
lock-weights: $(STAMP_DEV)
	UV_FIND_LINKS="$$($(BIN)/python -m pip config get global.find-links)" $(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml requirements/weights.in --extra weights --group build -c requirements/dev.txt -o requirements/weights.txt

# Tables in docs/ are printed by the tool and compared, never typed.
docs: $(STAMP_DEV)
	$(BIN)/python docs/build.py

# The README's pictures: a real run, photographed.
pictures: $(STAMP_DEV) browser
	$(BIN)/python docs/pictures.py

lock: $(STAMP_DEV)
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml -o requirements/core.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml --extra run --group build -c requirements/core.txt -o requirements/run.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml --extra run --extra inspect --group build --group dev -c requirements/run.txt -o requirements/dev.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 fuzz/requirements.in -c requirements/dev.txt -o fuzz/requirements.txt

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(STAMP_RUN): requirements/run.txt pyproject.toml | $(VENV)/bin/python
	@echo "countermark: setting up (first time only)"
	$(PIP) install --require-hashes --no-deps -r requirements/run.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(STAMP_DEV): requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	@echo "countermark: setting up for development (first time only)"
	$(PIP) install --require-hashes --no-deps -r requirements/dev.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $(STAMP_RUN) $@

# Headless Chromium for the page's tests, where this machine may install it; without it those tests skip and say so.
.PHONY: browser
browser:
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium chromium-driver fonts-noto-cjk) >/dev/null 2>&1; } || \
	  echo "countermark: no Chromium here and no right to install it: the page's browser tests will skip"

clean:
	rm -rf $(VENV) $(VENV_FUZZ) $(VENV_WEIGHTS) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
