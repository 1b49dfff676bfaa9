# make demo | test | lint | bench: each sets up .venv first, if it is not there yet.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin

# Without a GPU this torch is asked for first; where pip finds its CPU build it is 0.2 GB in place of
# 3 GB. PyTorch's own CPU index may be given: make TORCH_INDEX=<its address>.
CPU_TORCH := torch==2.13.0
TORCH_INDEX ?=
HAS_GPU := command -v nvidia-smi >/dev/null

.PHONY: demo test lint bench install clean
demo: install
	$(BIN)/molgen demo md
	$(BIN)/molgen demo docking

test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

lint: install
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

bench: install
	$(BIN)/molgen bench md
	$(BIN)/molgen bench graphs
	$(BIN)/molgen bench dock

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "molgen needs Python 3.11 or newer: make PYTHON=/path/to/python"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -c 'import torch' 2>/dev/null || $(HAS_GPU) \
		|| $(BIN)/pip install --quiet $(CPU_TORCH) $(TORCH_INDEX:%=--extra-index-url %)
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache
