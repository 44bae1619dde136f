PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */\1|/' | awk -F'|' '{printf "make %-8s %s\n", $$1, $$2}'

.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

course: .venv/.installed  ## run every notebook on this machine and write a report
	$(BIN)/socialai models prepare
	$(BIN)/socialai course -j 2

update: .venv/.installed  ## maintainers: run at defaults, write outputs, figures, results and README back
	$(BIN)/socialai course -j 2 --update

lab: .venv/.installed  ## open JupyterLab on the notebooks
	$(BIN)/socialai lab

test: .venv/.installed  ## lint, unit tests, notebooks through nbval, figure check, results check
	$(BIN)/python -m socialai.checks

lock:  ## renew requirements.lock from pyproject.toml in a fresh environment
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet torch==2.13.0 -e .[dev]
	build/lock/bin/pip list --format=freeze --exclude socialai --exclude pip --exclude setuptools > requirements.lock

.PHONY: help course update lab test lock
