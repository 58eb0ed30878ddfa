# make demo   sets up, then shows a report on made-up logs
# make test   sets up, then runs the tests (some of them: make test ARGS="-k stitch")
# make check  lint, types, import contract, tests
# make corpus scores the formats against real lines, where ../shared/corpus lies beside the checkout
# make bench  the speed table; writes GBs under .bench/ (quick: make bench ARGS=--small)
# make evaluate-paper-day  what the models say of 20 simulated days, against the truth (fewer: ARGS="--seeds 3")
# make evaluate  detectors and other rules on 20 simulated campuses; writes docs/evaluation.md (ARGS="--seeds 100-109")
# make clean  removes the environment and everything else that make made
#
# Needs python3.11 or later, git and make, nothing else. To choose an interpreter: make PYTHON=/path/to/python test

.POSIX:

VENV = .venv
READY = $(VENV)/.ready
PIP = $(VENV)/bin/python -m pip --disable-pip-version-check --quiet

help:
	@sed -n '1,8s/^# //p' Makefile

demo: $(READY)
	@$(VENV)/bin/mailripple demo $(ARGS)

test: $(READY)
	@$(VENV)/bin/python -m pytest $(ARGS)

check: lint types contract test

lint: $(READY)
	@$(VENV)/bin/ruff check .

types: $(READY)
	@$(VENV)/bin/mypy

contract: $(READY)
	@$(VENV)/bin/lint-imports

corpus: $(READY)
	@$(VENV)/bin/python tests/corpus.py $(ARGS)

bench: $(READY)
	@$(VENV)/bin/python benchmarks/bench.py $(ARGS)
	@$(VENV)/bin/python benchmarks/formats.py

evaluate-paper-day: $(READY)
	@$(VENV)/bin/python benchmarks/paper_day.py $(ARGS)

evaluate: $(READY)
	@$(VENV)/bin/python benchmarks/evaluate.py $(ARGS)

setup: $(READY)

# The environment is built anew whenever the locked packages or the project's own settings change, so that it holds
# exactly what they say. The last line is what makes it count as ready: an interrupted set-up starts over.
$(READY): requirements-dev.lock pyproject.toml
	@set -eu; python=''; seen=''; \
	for p in $${PYTHON:-python3.13 python3.12 python3.11 python3}; do \
		v=$$("$$p" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || continue; \
		if "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then python=$$p; break; fi; \
		seen="$$seen $$p is $$v;"; \
	done; \
	if [ -z "$$python" ]; then \
		echo "make: Python 3.11 or later is needed;$${seen:- none was found;}" \
			"install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; \
	fi; \
	if ! "$$python" -c 'import venv, ensurepip' 2>/dev/null; then \
		v=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		echo "make: $$python cannot make virtual environments: its venv module is not installed;" \
			"on Debian and Ubuntu run: apt-get install python$$v-venv" >&2; exit 1; \
	fi; \
	echo "setting up $(VENV) with $$("$$python" -V) (once)"; \
	rm -rf $(VENV); \
	"$$python" -m venv $(VENV)
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $(READY)

clean:
	rm -rf $(VENV) .bench .benchmarks .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist build
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help demo test check lint types contract bench evaluate evaluate-paper-day setup clean
