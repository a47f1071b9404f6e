# shardway: `make demo` to see it, `make test` to prove it.

CARGO ?= cargo
VENV := target/drivers-python
NODE := target/drivers-node

# The checks of `make test` go one after another: they share target/.
.NOTPARALLEL:
.PHONY: help demo test format lints tests docs bench optimized tools drivers

help: ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: tools ## Install what is missing, build, start three shards with replicas, load data and wait
	$(CARGO) build --release --locked
	exec target/release/shardway demo $(DEMO_FLAGS)

test: tools drivers format lints tests docs ## Install what is missing and run every check and test

format: ## Is everything formatted?
	$(CARGO) fmt --check

lints: tools ## Clippy, every warning an error
	$(CARGO) clippy --locked --all-targets -- -D warnings

tests: tools drivers ## Every test: pure, simulated, and with real PostgreSQL servers
	TMPDIR=$$(.ci/scratch) SHARDWAY_PYTHON=$(CURDIR)/$(VENV)/bin/python SHARDWAY_NODE_PATH=$(CURDIR)/$(NODE)/node_modules \
		$(CARGO) test --locked --no-fail-fast

docs: tools ## The documentation of the code, every warning an error
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps

bench: tools ## Compare with direct PostgreSQL, a bare forwarder and PgBouncer
	$(CARGO) build --release --locked --bins --example forwarder
	benches/compare.py $(BENCH_FLAGS)

optimized: tools ## Build target/optimized/shardway for production, laid out by what a training run has seen
	benches/optimize

tools: ## Install PostgreSQL, libclang, which reads the parser's headers, and Chromium
	@.ci/install

drivers: tools ## Install the client drivers that tests use, under target/
	@.ci/drivers $(VENV) $(NODE)
