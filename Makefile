# make demo   sets up, trains on the digits and shows the scores
# make test   sets up, then lint, types, tests
# make colabs executes the notebooks and saves them with their outputs
# make docs   builds the documentation in build/docs
# make dist   builds wheel and sdist in dist, and installs and tries both
PYTHON ?= python3
VENV ?= .venv
RUNS ?= runs
# Owner and name on GitHub: the badges of the notebooks, links of the pages.
REPOSITORY ?= OWNER/jaxhash
BIN := $(VENV)/bin
# Tests compile for longer than they run: little optimisation, by those flags
# that this jaxlib knows. `make test-slow` compiles as users do.
QUICK := --xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false
known = $(foreach flag,$(1),$(shell JAX_PLATFORMS=cpu XLA_FLAGS=$(flag) \
  $(BIN)/python -c 'import jax; jax.devices()' 2>/dev/null && echo $(flag)))
VERSION := $(shell $(PYTHON) -c 'import sys; print(sys.version.split()[0])')

.PHONY: demo demo-seeds test test-slow lint colabs docs dist setup clean

demo: setup
	$(BIN)/python -m experiments.train \
	  --config=experiments/configs/adalabelhash.py:digits \
	  --workdir=$(RUNS)/digits

demo-seeds: setup
	$(BIN)/python -m experiments.benchmark \
	  --config=experiments/configs/benchmark.py:digits \
	  --workdir=$(RUNS)/digits-seeds

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint
	XLA_FLAGS="$(call known,$(QUICK))" $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

test-slow: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

colabs: setup
	$(BIN)/python -m colabs.build --repository=$(REPOSITORY)

docs: setup
	REPOSITORY=$(REPOSITORY) $(BIN)/python -m sphinx -W --keep-going --nitpicky \
	  --jobs 2 docs build/docs

setup: $(VENV)/.done-$(VERSION)

# Another Python makes another environment.
$(VENV)/.done-$(VERSION): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"jaxhash needs Python 3.11 or later; $(PYTHON) is {sys.version.split()[0]}: name another by make PYTHON=...")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[colabs,data,docs,plots,search,test]'
	touch $@

dist: setup
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python tests/check_dist.py dist $(PYTHON)

clean:
	rm -rf $(VENV) $(RUNS) build dist
