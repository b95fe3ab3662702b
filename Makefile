# Every target installs what it needs first (scripts/setup), so each works on a fresh machine.
.DEFAULT_GOAL := help
.PHONY: help setup build demo test check conformance compatibility torture bench flamegraph pgo bench-criterion bench-fleet bench-relevance deploy-check docs docs-test clean-demo
SHELL := /bin/bash

TOOLS := . target/tools/env &&

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install everything that building and testing need
	@scripts/setup test

build: ## build mcpd, mcp-gateway and mcpctl with optimisations into target/release
	@scripts/setup build
	@$(TOOLS) cargo build --locked --release -p control-plane -p gateway -p mcpctl --bins

demo: ## the whole system on this machine, with a demo Slack; leaves it running
	@scripts/demo

test: ## formatting, lints, import rules and all tests
	@scripts/test

check: ## formatting, lints and import rules only
	@scripts/test --checks

conformance: ## the official MCP conformance suite against the gateway; ARGS chooses, see tests/conformance
	@scripts/conformance $(ARGS)

compatibility: ## real clients of every revision through the gateway to real servers (ARGS=--write)
	@scripts/compatibility $(ARGS)

torture: ## break real gateways in every way and prove that the audit log lost nothing (ARGS chooses, see tests/torture)
	@scripts/torture $(ARGS)

bench: ## the gateway beside nginx, Envoy and nothing, in interleaved rounds (ARGS chooses, see bench/README.md)
	@scripts/bench $(ARGS)

flamegraph: ## where the processor time of a call goes, as a picture (ARGS chooses, see bench/README.md)
	@scripts/flamegraph $(ARGS)

pgo: ## the gateway optimised by what it does under load, as it is delivered for Linux, into target/pgo/release
	@scripts/pgo

bench-criterion: ## measure the parts of the hot path, in one process (see bench/README.md)
	@scripts/setup build
	@$(TOOLS) cargo bench --locked -p bench

bench-fleet: ## 1,000 simulated gateways against a real mcpd and PostgreSQL (ARGS chooses, see bench/README.md)
	@scripts/setup test
	@$(TOOLS) cargo build --locked --release -p control-plane --bin mcpd
	@$(TOOLS) cargo run --locked --release -p bench --example fleet -- $(ARGS)

bench-relevance: ## quality and speed of relevance filtering on labelled sets (DATA=folder, see bench/README.md)
	@scripts/bench-relevance $(DATA)

deploy-check: ## validate images, compose files, chart, units, packages and installer (ARGS=--setup installs the tools)
	@scripts/deploy-check $(ARGS)

docs: ## the documentation as a book in target/docs (ARGS=--check looks at it in Chromium)
	@scripts/docs $(ARGS)

docs-test: ## run every block of the documentation, and say what is done with each
	@scripts/docs --test

clean-demo: ## stop the demo and remove its state
	@scripts/demo --clean
