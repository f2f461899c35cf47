# Everything here installs what it needs into .venv first; nothing else has to be typed.
PYTHON ?= python3
BIN := .venv/bin
# One process a core, one thread each: the tests are many and small.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto

.PHONY: demo test test-ci test-slow test-conformance test-timm timm-environment coverage
.PHONY: mutants fuzz check docs format lock clean

demo: .venv/installed-demo
	$(BIN)/g2d demo

test: .venv/installed-dev
	$(PYTEST) -m "not slow and not conformance"

# Besides them a third of the slow ones, another one every day, and those that are in every shard:
# what `.ci/run` does. `make test-ci SHARD=2/3` runs that of another day.
SHARD ?= $(shell date +%j)/3
test-ci: .venv/installed-dev
	$(PYTEST) -m "not conformance" --shard $(SHARD)

test-slow: .venv/installed-dev
	$(PYTEST) -m slow

# What the fast tests and a fixed twelfth of the slow ones run of every package, into
# benchmarks/results/coverage.json.
coverage: .venv/installed-dev
	rm -rf build/coverage && mkdir -p build/coverage
	OMP_NUM_THREADS=1 $(BIN)/python -m coverage run -m pytest -q -n auto -m "not conformance" --shard 7/12
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python benchmarks/coverage_by_package.py

# Faults put into a copy of the package, one after the other: every one must fail a test.
mutants: .venv/installed-dev
	PYTHONPATH=tests $(BIN)/python -m mutants.run

# timm needs a torchvision of the same build as torch, which the lock file does not promise. What is
# installed there once serves every checkout, hence the PYTHONPATH.
TIMM := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/g2d/timm-venv
timm-environment: $(TIMM)/installed

test-timm: timm-environment
	PYTHONPATH=src G2D_TIMM=needed OMP_NUM_THREADS=1 $(TIMM)/bin/python -m pytest -q tests/models/encoders/test_timm_model.py

$(TIMM)/installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(TIMM)
	grep -E '^(hypothesis|huggingface-hub|lightning-fabric|numpy|pytest|timm)==' requirements.lock \
		> $(TIMM)/constraints.txt
	$(TIMM)/bin/python -m pip install --quiet --disable-pip-version-check -c $(TIMM)/constraints.txt \
		torch==2.14.1 torchvision==0.29.1 pytest hypothesis -e ".[train,tables,vision]"
	touch $@

test-conformance: .venv/installed-dev
	$(PYTEST) -m conformance

# Minutes; EXAMPLES=100000 takes hours.
EXAMPLES ?= 200
fuzz: .venv/installed-dev
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m campaigns.fuzz --examples $(EXAMPLES)

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Every link is checked, and a warning is an error.
docs: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -q -E -a -n -W --keep-going docs build/docs
	@echo "open build/docs/index.html"

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "g2d needs Python 3.11 or newer, this is %d.%d; try: make PYTHON=python3.12 ..." % sys.version_info[:2])'
	$(PYTHON) -m venv .venv

# The versions of requirements.lock, whichever build of torch the machine offers.
.venv/installed-demo: pyproject.toml requirements.lock .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e ".[demo]"
	touch $@

.venv/installed-dev: pyproject.toml requirements.lock .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e ".[dev]"
	touch $@ .venv/installed-demo

lock:
	uv pip compile pyproject.toml --all-extras --python-version 3.11 --no-header --no-annotate \
		--no-emit-package g2d -o requirements.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
