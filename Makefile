# Two commands matter: `make run` and `make test`. `make help` lists the rest.
#   PYTHON=...       the Python 3.11 to use
#   TORCH_INDEX=...  package index to take PyTorch from, instead of the default one

VENV := .venv
BIN := $(VENV)/bin
OUT ?= out
INPUTS := pyproject.toml constraints.txt scripts/setup scripts/install.py
export PYTHON TORCH_INDEX

.DEFAULT_GOAL := help
.PHONY: help run test lint setup setup-dev protos k8s clean

help: ## Lists what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup ## Sets up, starts the system, answers examples/dialogue.json into out/
	@$(BIN)/empatheia respond --dialogue examples/dialogue.json -o $(OUT)

test: setup-dev ## Sets up and passes every test
	@$(BIN)/pytest

lint: setup-dev ## Every check that is not a test
	@scripts/lint

setup: $(VENV)/.installed ## Makes .venv with the pinned dependencies

setup-dev: $(VENV)/.installed-dev ## The same, with what tests and lint need

$(VENV)/.installed: $(INPUTS)
	@scripts/setup
	@touch $@

$(VENV)/.installed-dev: $(INPUTS)
	@scripts/setup dev
	@touch $@ $(VENV)/.installed

protos: setup-dev ## Generates protos/gen from the contracts
	@scripts/protos

k8s: ## Prints the Kubernetes manifests
	@kubectl kustomize k8s/base

clean: ## Removes everything that was made, but not ~/.empatheia
	rm -rf $(VENV) node_modules $(OUT) dist
