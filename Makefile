# Two commands: `make demo` shows it, `make test` proves it. Both install what is missing.

export CARGO_TERM_COLOR ?= auto
LAB_DIR := $(or $(LUSTORES_LAB_DIR),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lustores-provision/lab)
LAB_IMAGES := $(LAB_DIR)/stack-images.tar
PROVISION := target/release/lustores-provision

.PHONY: demo test test-quick test-vms bench deps images root

## Two bare VMs become two running LUStores servers.
demo: root deps images
	cargo build --release --locked
	$(PROVISION) lab up 2 --disk images=$(LAB_IMAGES)
	$(PROVISION) apply inventory/lab.yml --yes -e lab_dir=$(LAB_DIR) --vault-password-file inventory/example-vault-password
	@echo
	@echo "two servers are up: https://127.0.0.1:8444/ and https://127.0.0.1:8445/ (self-signed)"
	@echo "run the same apply again: nothing changes; \`$(PROVISION) lab down\` ends the machines"

## All that has to hold on every commit: formatting, lints, unit and integration tests (a real sshd, nft, the real agent), and on
## two VMs the end-to-end story: from bare to running servers, drift, a changed secret, a reboot.
test: root
	tests/deps tests
	tests/lab/stack-images.py $(LAB_IMAGES)
	LUSTORES_TEST_IMAGES=$(LAB_IMAGES) tests/run

## The same without the VMs.
test-quick: root
	tests/deps tests
	tests/run -E 'not binary(e2e)'

## The longer story on VMs: all of the above, and saved plans, the workflows of docs/ci.md, killed runs, lock-outs, rotated passwords, certificates, updates, a lost disk.
test-vms: root
	tests/deps tests
	tests/lab/stack-images.py $(LAB_IMAGES)
	LUSTORES_TEST_IMAGES=$(LAB_IMAGES) cargo nextest run --locked --workspace --features provision-agent/bin --test e2e --run-ignored only

## Writes docs/performance.md.
bench: root deps
	tests/bench/run

deps:
	@tests/deps

images: deps
	tests/lab/stack-images.py $(LAB_IMAGES)

root:
	@[ "$$(id -u)" = 0 ] || { echo "run this as root: it makes VMs, mounts and network namespaces of its own" >&2; exit 1; }
