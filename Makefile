# One place for every command, for us and for CI. `make` alone lists them.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
READY := $(VENV)/.ready
TCCLI := $(VENV)-tccli
TCCLI_READY := $(TCCLI)/.ready

# Byte code is kept: Airflow starts many processes that would compile everything again.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONWARNINGS ?= ignore::SyntaxWarning

.DEFAULT_GOAL := help
.PHONY: help setup demo up test incidents walks check check-rest pythons test-opencv4 lint format docs bench lock clean

help:  ## list the commands
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY)  ## make the virtual environment (other commands do it by themselves)

$(READY): requirements-dev.txt pyproject.toml services/comparemaskface/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14) and "maskmatch needs Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/python")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements-dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . -e services/comparemaskface
	@# What lies beside the two packages (devstack, demo, benchmarks, tests) is found from any folder.
	@pwd > `$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'`/maskmatch-checkout.pth
	@touch $(READY)

demo: setup  ## run the nightly Dag on real pictures with embedded parts, show the tables
	@$(BIN)/python -m demo.run

up: setup  ## start the same with the Airflow page; Ctrl-C stops it
	@$(BIN)/python -m demo.up

# Two workers; tests/conftest.py shares the tests out.
PYTEST := $(BIN)/python -m pytest -n 2
test: setup $(TCCLI_READY)  ## run all tests
	$(PYTEST)

INCIDENTS = $(shell sed -n '/^\#\# Incidents/,$$p' docs/operations.md | grep -o 'tests/[a-z_/]*\.py' | sort -u)
incidents: setup  ## run the tests that docs/operations.md names: each incident caused and cured
	$(PYTEST) $(INCIDENTS)

walks: setup  ## longer walks of the simulated engine, some minutes
	$(BIN)/python -m tests.engine.simulation --schedules 1000
	$(BIN)/python -m tests.engine.planted
	$(BIN)/python -m tests.engine.slow_mutations

# Side by side, as few programs that import only what their own tests need. The longest come first, and one
# more than there are cores, since some wait for a while.
FAST := $(BIN)/python -m pytest -n 0 -m "not server and not slow and not real_endpoint"
SHARES := faces engine stores
faces := tests/demo tests/comparemaskface/vision
engine := tests/core tests/engine tests/tencent
stores := tests/permits tests/storage
check: setup  ## check all that needs no server: lint, and the tests that start none
	@$(MAKE) --no-print-directory --jobs --output-sync=target check-faces check-rest $(SHARES:%=check-%) lint

$(SHARES:%=check-%): check-%: setup
	$(FAST) $($*)

check-rest: setup
	$(FAST) tests $(foreach share,$(SHARES),$($(share):%=--ignore=%))

pythons: setup  ## the same and the demo with each Python that is at hand, each in an environment of its own
	@for version in 3.11 3.12 3.13; do \
		python=`PATH="$$(printf '%s:' $$HOME/.pyenv/versions/*/bin)$$PATH" \
			$(BIN)/uv python find --system --no-python-downloads $$version 2>/dev/null` \
			|| { echo "Python $$version is not on this machine: skipped"; continue; }; \
		echo "Python $$version: $$python"; \
		$(MAKE) PYTHON=$$python VENV=.venv-$$version check demo || exit 1; \
	done

# The vendor's command line client has an environment of its own: it is no dependency of anything else.
$(TCCLI_READY): requirements-tccli.txt | $(READY)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(TCCLI)
	$(BIN)/uv pip install --quiet --python $(TCCLI)/bin/python --require-hashes --no-deps \
		--build-constraints requirements-dev.txt -r requirements-tccli.txt
	@touch $(TCCLI_READY)

# OpenCV 4 lies before OpenCV 5 on the path of a second environment; everything else is that of the first.
test-opencv4: setup  ## run the tests of the face model with OpenCV 4 as well
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)-opencv4
	$(BIN)/uv pip install --quiet --python $(VENV)-opencv4/bin/python --no-deps opencv-python-headless==4.14.0.94
	@$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
		> `$(VENV)-opencv4/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'`/first.pth
	$(VENV)-opencv4/bin/python -c 'import cv2, sys; sys.exit(not cv2.__version__.startswith("4."))'
	$(VENV)-opencv4/bin/python -m pytest tests/comparemaskface/vision

lint: setup  ## check format, style, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/lint-imports --config services/comparemaskface/pyproject.toml
	$(BIN)/deptry plugins dags
	$(BIN)/deptry devstack demo benchmarks tests --ignore DEP002,DEP004
	cd services/comparemaskface && $(CURDIR)/$(BIN)/deptry src

format: setup  ## mend format and what ruff can mend by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: setup  ## make the generated documents anew
	$(BIN)/python -m maskmatch.storage.data_dictionary > docs/tables.md
	$(BIN)/python -m maskmatch.storage.ddl > docs/ddl.md
	$(BIN)/python -m maskmatch.settings.dictionary > docs/settings.md
	$(BIN)/python -m maskmatch.storage.manifests.row_schema > docs/manifest-row.schema.json

bench: setup  ## run all benchmarks; each ends with one JSON line (NAME=quota_use: that one; BENCH=--quick: short ones)
	@programs=`grep -ls '^if __name__ ==' benchmarks/*/$(or $(NAME),*).py`; \
	if [ -z "$$programs" ]; then \
		echo "no benchmark is called $(NAME); the names are" `grep -l '^if __name__ ==' benchmarks/*/*.py | xargs -n 1 basename -s .py` >&2; \
		exit 1; \
	fi; \
	for program in $$programs; do $(BIN)/python -m `echo $${program%.py} | tr / .` $(BENCH) || exit 1; done

# Three locks, each for all Pythons: what production runs, what the local service runs, and both with the tools.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
lock: $(READY)  ## pin requirements anew from the ranges of both pyproject.toml
	echo setuptools | $(COMPILE) pyproject.toml - --extra airflow --extra celery --extra cluster -o requirements.txt
	echo setuptools | $(COMPILE) services/comparemaskface/pyproject.toml - -c requirements-dev.txt -o requirements-service.txt
	$(COMPILE) pyproject.toml services/comparemaskface/pyproject.toml --all-extras --group dev --group bench \
		-c requirements.txt -c requirements-service.txt -o requirements-dev.txt
	echo tencentcloud-sdk-python | $(COMPILE) requirements-tccli.in --excludes - -c requirements-dev.txt -o requirements-tccli.txt

clean:  ## remove what the demo and the tests left
	rm -rf .state .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
