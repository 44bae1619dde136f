PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */\1|/' | awk -F'|' '{printf "make %-8s %s\n", $$1, $$2}'

.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "Python 3.11 to 3.13 is needed: make PYTHON=python3.12 ...")'
	@echo "installing requirements.lock into .venv (the first time takes minutes)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

course: .venv/.installed  ## run every notebook on this machine and write a report
	@$(BIN)/python -m socialai course -j 2

test: .venv/.installed  ## lint, unit tests, notebooks through nbval, figure check, results check
	@$(BIN)/python -m socialai.course.verify

update: .venv/.installed  ## maintainers: run again at defaults, write outputs, figures, results and README back
	@$(BIN)/python -m socialai course -j 2 --force --update

lab: .venv/.installed  ## open JupyterLab on the notebooks
	@$(BIN)/python -m socialai lab

lock:  ## maintainers: renew requirements.lock from pyproject.toml in a fresh environment
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check -e .[dev]
	# Not the parts that pip adds to torch on machines with a GPU, nor the name of torch's build for one without.
	build/lock/bin/python -m pip list --format=freeze --exclude-editable --exclude pip --exclude setuptools \
	  | grep -vE '^(nvidia|cuda|triton)' | sed -E 's/\+[a-z0-9.]+$$//' > requirements.lock
	rm -rf build/lock

.PHONY: help course test update lab lock
