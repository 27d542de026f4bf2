# `make help` lists the targets. Each sets up what it needs.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.SHELLFLAGS := -euc

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_FORCE_COLOR ?= $(if $(MAKE_TERMOUT),1,0)

S ?= cluster
LAB ?= demo
MINUTES ?= 30
# 0: any.
SEED ?= 0

.PHONY: help setup setup-python setup-engine setup-browser setup-promtool setup-haproxy lint test-unit test-playbooks test-browser molecule test demo demo-down drills soak compare bundle docs lock

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: setup-python setup-engine ## Python environment and container engine (done by every other target)

setup-python:
	@scripts/bootstrap python

setup-engine:
	@scripts/bootstrap engine

setup-browser:
	@scripts/bootstrap browser

setup-promtool:
	@scripts/bootstrap promtool

setup-haproxy:
	@scripts/bootstrap haproxy

lint: setup-python ## ansible-lint, yamllint, ruff, mypy, links of the handbook
	@scripts/run-checks lint

test-unit: setup-python setup-promtool setup-haproxy ## unit tests: no containers, seconds
	@scripts/run-checks unit

test-playbooks: setup-python ## playbooks with stand-ins for the roles that work: minutes
	@scripts/run-checks playbooks

test-browser: setup-python setup-browser ## the status page in Chromium: half a minute
	@scripts/run-checks browser

molecule: setup ## one molecule scenario in containers: make molecule S=cluster
	@scripts/run-checks molecule $(S)

test: setup setup-browser setup-promtool setup-haproxy ## everything, in two lanes: lint, tests and browser beside the scenario tiers, then cluster
	@scripts/run-checks all

demo: setup ## a cluster in containers on this machine, and a measured failover
	@langflow-ha demo

demo-down: setup ## remove the demo's cluster
	@langflow-ha lab down --name $(LAB)

drills: setup ## every drill against the running demo, with a report as HTML and Markdown
	@langflow-ha drill run --lab $(LAB) --profile full --repeat 0 --report .lab/$(LAB)/drills/report.md

soak: setup ## random drills against the running demo for MINUTES, in the order of SEED
	@langflow-ha drill soak --lab $(LAB) --minutes $(MINUTES) --seed $(SEED)

compare: setup ## the same faults against the plain recipe of tutorials
	@langflow-ha compare

bundle: setup ## build the artefacts that nodes install from
	@langflow-ha bundle build

docs: setup-python ## the handbook as a site, in .cache/handbook
	@scripts/run-checks docs

lock: setup-python ## lock requirements/*.in again
	@for set in controller bundle; do uv pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header requirements/$$set.in --output-file requirements/$$set.txt; done
