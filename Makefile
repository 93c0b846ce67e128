# What Did the Model Learn?    `make` alone lists what can be made.

# PYTHON: what the environment is made with. Unless it is given: the environment's own, or the first that fits.
ifeq ($(origin PYTHON), undefined)
PYTHON := $(or $(shell \
	for python in .venv/bin/python python3 python3.14 python3.13 python3.12 python3.11 python; do \
		$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; \
	done),python3)
endif

# TORCH=cpu: PyTorch's own wheels without CUDA.
TORCH ?=
export TORCH

# PyTorch's threads wait for each other in a busy loop, which makes everything ten times as slow where other programs run;
# after 3000 turns they sleep instead. Sleeping at once (OMP_WAIT_POLICY=PASSIVE) costs half the speed of a free machine.
export GOMP_SPINCOUNT ?= 3000

VENV := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
NEED := @$(PYTHON) tools/install.py

.DEFAULT_GOAL := help
.PHONY: help install book check-book slides handout zip test chapters lint format lab bench clean clean-all

help:  ## list what can be made
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /|/' | awk -F'|' '{printf "  make %-10s %s\n", $$1, $$2}'
	@echo
	@echo "  TORCH=cpu           with any of them: PyTorch without CUDA, 2 GB on disk where Linux otherwise takes 7"
	@echo "  PYTHON=python3.12   likewise: the Python that the environment is made with"

install:  ## install at once whatever the others need
	$(NEED) book test lint browser

book:  ## execute the chapters, unless they have been, and build the book: _build/html/index.html
	$(NEED) book test
	@$(VENV)/python tools/build_book.py

check-book:  ## try the built book and the labs in a browser (needs Chromium or Chrome)
	$(NEED) book test browser
	@$(VENV)/python -m pytest -n 2 --dist worksteal tests_browser

slides: book  ## slides for each chapter, from the executed chapters: _build/slides/index.html
	@$(VENV)/python tools/make_slides.py

handout:  ## the learners' copy, exercises still to be written: _build/handout.zip
	$(NEED) book test
	@$(VENV)/python tools/make_handout.py

zip: book  ## build the book and pack it into one file, for a room without network
	@$(VENV)/python tools/zip_book.py

test: lint  ## lint, then all tests, then every chapter
	@OMP_NUM_THREADS=1 $(VENV)/python -m pytest -n 2 --dist loadfile
	@$(MAKE) --no-print-directory chapters

chapters:  ## execute every chapter as a test; the book is built from what they leave
	$(NEED) book test
	@$(VENV)/python tools/run_chapters.py --all

lint:  ## style, formatting, types, imports, workflows; notebooks without outputs
	$(NEED) book test lint
	@$(VENV)/python -m ruff check
	@$(VENV)/python -m ruff format --check
	@$(VENV)/python -m mypy
	@$(VENV)/lint-imports --no-cache
	@$(VENV)/python tools/check_notebooks.py notebooks tutorials
	@$(VENV)/python tools/check_forms.py

format:  ## put right what lint can put right
	$(NEED) book lint
	@$(VENV)/python -m ruff check --fix-only
	@$(VENV)/python -m ruff format
	@$(VENV)/python tools/check_notebooks.py --fix notebooks tutorials

bench:  ## our methods beside other libraries, half an hour; QUICK=1: does it run? ONLY=attacks: one of them
	$(NEED) book test
	@$(VENV)/python benchmarks/bench.py $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

lab:  ## open the chapters in JupyterLab
	$(NEED) book
	@$(VENV)/python -m jupyterlab notebooks --ServerApp.tornado_settings='{"websocket_max_message_size": 134217728}'

clean:  ## remove what was built
	rm -rf _build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find course_utils tests tools book benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

clean-all: clean  ## remove what was built, and the environment
	rm -rf .venv .venv-bench
