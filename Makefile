# Everything a person types. Each target that needs an environment makes it first, once.
PYTHON ?= python3
CORPUS ?= synthetic
SCALE ?= quick
SEEDS ?=
FER ?=

.PHONY: help set-up reports test gpu bench notebooks lock audit clean

help:         ## this list
	@sed -n 's/^\([a-z-]*\): *[a-z-]* *## /make \1\t/p' Makefile | expand -t 16

set-up:       ## .venv from requirements.lock (PYTHON=python3.12 to choose one)
	@tools/set_up.sh '$(PYTHON)'

reports: set-up  ## rebuild every table: CORPUS=synthetic|DIR|manifest.csv SCALE=quick|paper SEEDS=n
	@.venv/bin/emotiw tables --corpus '$(CORPUS)' --scale '$(SCALE)' $(if $(SEEDS),--seeds '$(SEEDS)')

test: set-up  ## package equals notebooks, notebooks clean, ruff, nbdev_test, pytest
	@.venv/bin/python tools/check.py

gpu: set-up   ## each paper-size training on this machine's GPU, in nine minutes: reports/gpu/; without one at tiny
	@.venv/bin/python tools/gpu.py

bench: set-up  ## this package and others on the same work: reports/bench/; FER=labels of tools/fer_labels.py
	@.venv/bin/python tools/bench.py $(if $(FER),--fer '$(FER)')

notebooks: set-up  ## run the notebooks again and keep their outputs
	@.venv/bin/python tools/execute.py nbs/*/*.ipynb

lock:         ## requirements.lock and environment.yml from pyproject.toml
	@tools/lock.sh '$(PYTHON)'

audit:        ## known vulnerabilities of the packages in requirements.lock; needs pypi.org
	@tools/audit.sh '$(PYTHON)'

clean:        ## remove what builds and tests leave behind; .venv, reports and EMOTIW_HOME stay
	@rm -rf build *.egg-info .pytest_cache _proc _docs
	@find emotiw nbs tests tools \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
