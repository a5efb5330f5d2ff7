# Two commands: `make demo` shows it, `make test` proves it. Both install what is missing.

export CARGO_TERM_COLOR ?= auto
LAB_IMAGES := $(or $(LUSTORES_LAB_DIR),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lustores-provision/lab)/stack-images.tar
PROVISION := target/release/lustores-provision

.PHONY: demo test bench deps build images clean-lab

## Two bare VMs become two running LUStores servers.
demo: deps images
	cargo build --release --locked
	$(PROVISION) lab up 2 --disk images=$(LAB_IMAGES)
	$(PROVISION) apply inventory/lab.yml --yes --vault-password-file inventory/example-vault-password
	@echo
	@echo "two servers are up: https://127.0.0.1:8444/ and https://127.0.0.1:8445/ (self-signed)"
	@echo "run the same apply again: nothing changes; \`$(PROVISION) lab down\` ends the machines"

## Formatting, lints, and all tests: unit, integration (real sshd), end to end (real VMs).
test: deps
	tests/run

## Writes docs/performance.md.
bench: deps
	tests/bench/run

deps:
	@tests/deps

images: deps
	tests/lab/stack-images.py $(LAB_IMAGES)

build:
	cargo build --locked
