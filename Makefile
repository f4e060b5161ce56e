# `make` lists the targets. CI runs `make ci` and nothing else.

SHELL  := /bin/bash
PYTHON ?= python3
VENV   := .venv
STAMP  := $(VENV)/stamp
# Terraform and its provider for AWS come from none of the registries that are used here: the SES API is
# tested with them where both are installed. A mirror of providers, as `terraform init` has it:
TERRAFORM_PLUGINS ?= $(patsubst %/registry.terraform.io/hashicorp/aws,%,$(firstword $(wildcard \
    $(addsuffix /registry.terraform.io/hashicorp/aws,$(HOME)/.terraform.d/plugins /usr/share/terraform/plugins \
        /usr/local/share/terraform/plugins /opt/*))))
# The clients, beside boto3, that the SES API is tested with. Leave one out by naming the others.
SDKS   ?= js go $(and $(TERRAFORM_PLUGINS),$(shell command -v terraform >/dev/null && echo terraform))
SDK_JS := target/sdks/js/stamp
SDK_GO := target/sdks/tell-go
# The browser that the console is tested in; empty leaves it out.
BROWSER ?= chromium
AXE     := target/browser/node_modules/axe-core/axe.min.js

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help build check test lint toolchain deploy-check licenses deny fmt docs docs-tables docs-pictures demo bench fuzz fuzz-smoke differential differential-neon soak planted planted-reader mutants load image pin-images release-image auditable clean-venv ci room

help: ## list the targets
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } \
	    /^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

##@ Daily work

build: ## build release binaries in target/release
	cargo build --release --locked

check: ## format, clippy and the fast tests (library, documentation); before every commit
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	POSTMETER_SEEDS=$${POSTMETER_SEEDS:-200} cargo test --locked --lib
	cargo test --locked --test it -- docs::

fmt: ## format the code
	cargo fmt

demo: ## run the demo: simulated sending, live metrics, no AWS account
	cargo run --release --locked -- demo

##@ Tests

# With POSTMETER_MINISTACK the test binary `it` also runs the tests against the emulator; without it
# they print that they are skipped. libtest reports times only where nightly's options are allowed. The
# runner allows them for the test binaries alone, so nothing is compiled differently. Many tests wait
# for timeouts, so twice as many run at once as there are cores.
TEST_RUNNER := target."cfg(all())".runner = ["env", "RUSTC_BOOTSTRAP=1"]
test: $(STAMP) $(and $(BROWSER),$(AXE)) $(patsubst js,$(SDK_JS),$(patsubst go,$(SDK_GO),$(filter js go,$(SDKS)))) ## run every test, those against the AWS emulator and with the AWS SDKs and a browser too; print the ten slowest
	@mkdir -p target; set -o pipefail; \
	POSTMETER_AXE="$(and $(BROWSER),$(CURDIR)/$(AXE))" \
	POSTMETER_MINISTACK="$(CURDIR)/$(VENV)/bin/ministack" POSTMETER_SDKS="$(SDKS)" POSTMETER_TERRAFORM_PLUGINS="$(TERRAFORM_PLUGINS)" \
	    POSTMETER_HOSTILE_CASES=$${POSTMETER_HOSTILE_CASES:-10000} \
	    RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$((2 * $$(getconf _NPROCESSORS_ONLN)))} \
	    cargo test --locked --lib --bins --tests --config '$(TEST_RUNNER)' -- -Z unstable-options --report-time \
	    | tee target/test.log; code=$$?; \
	echo "the ten slowest tests, in seconds:"; \
	sed -n 's/^test \(.*\) \.\.\. .* <\([0-9.]*\)s>$$/\2 \1/p' target/test.log | sort -rn | head; \
	exit $$code

lint: toolchain deploy-check licenses ## format, clippy, Dockerfile, deploy/, licenses
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings

# How much room there is, before it is used.
room:
	@df -h . /tmp

# What is compiled once needs no room on the disk for the next time.
ci: export CARGO_INCREMENTAL = 0
ci: room lint test docs fuzz-smoke ## everything that CI runs

# Instead of a rust-toolchain.toml, which would make rustup fetch the channel it names.
toolchain:
	@want=$$(sed -n 's/^rust-version = "\([0-9.]*\)".*/\1/p' Cargo.toml); \
	have=$$(rustc --version | cut -d ' ' -f 2 | cut -d - -f 1); \
	[ "$$(printf '%s\n%s\n' "$$want" "$$have" | sort -V | head -n 1)" = "$$want" ] \
	    || { echo "rustc $$have is older than rust-version $$want in Cargo.toml" >&2; exit 1; }

deploy-check: $(STAMP) ## check the Dockerfile (hadolint) and deploy/ (check_deploy.py)
	$(VENV)/bin/hadolint deploy/Dockerfile
	$(VENV)/bin/python tests/python/check_deploy.py
	@$(VENV)/bin/python tests/python/check_deploy.py --self-test | tail -n 1; exit $${PIPESTATUS[0]}

# cargo-deny takes minutes to compile on CI's two cores, and advisories come from a Git repository
# (https://github.com/rustsec/advisory-db). So lint compares `cargo metadata` with the same deny.toml in
# a second and offline; `make deny` is the whole check, before a release and once a week.
licenses: $(STAMP) ## check licenses, bans and sources by deny.toml, offline
	$(VENV)/bin/python tests/python/check_licenses.py

deny: ## check advisories too, by cargo-deny (minutes; needs github.com)
	[ -x target/tools/bin/cargo-deny ] || cargo install cargo-deny --version 0.20.2 --locked --root target/tools
	target/tools/bin/cargo-deny --locked check advisories licenses bans sources

##@ Documentation

# Without mdbook's server, which compiles in half the time.
MDBOOK_VERSION := 0.5.4
docs: ## build the book of docs/ in target/book (the first time installs mdbook: minutes)
	@[ "$$(target/tools/bin/mdbook --version 2>/dev/null)" = "mdbook v$(MDBOOK_VERSION)" ] \
	    || cargo install mdbook --version $(MDBOOK_VERSION) --locked --no-default-features --features search --root target/tools
	rm -rf target/book && target/tools/bin/mdbook build docs
	$(PYTHON) tests/python/book_links.py . target/book

docs-tables: ## write the generated tables of docs/reference, and config/postmeter.toml
	POSTMETER_WRITE_DOCS=1 cargo test --locked --test it -- docs::tables::

docs-pictures: $(AXE) ## take the pictures of the console in docs/pictures, with a browser
	POSTMETER_WRITE_PICTURES=1 POSTMETER_AXE="$(CURDIR)/$(AXE)" cargo test --locked --test it -- browser::pictures::

##@ Benchmarks and load

bench: ## run the benchmarks
	cargo bench --locked --bench pipeline

# The harness waits until the daemon listens; the others end with the target.
load: build ## 20 s of verified load on this machine: recorder, daemon and harness
	@trap 'kill $$(jobs -p)' EXIT; \
	target/release/postmeter-load record --listen 127.0.0.1:8130 >/dev/null & \
	AWS_ENDPOINT_URL_CLOUDWATCH=http://127.0.0.1:8130 AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x \
	    POSTMETER__DEFINITIONS=config/definitions.json target/release/postmeter serve 2>target/load.log & \
	target/release/postmeter-load firehose-http http://127.0.0.1:8127/firehose --gzip --duration 20s \
	    --admin http://127.0.0.1:9127 --verify http://127.0.0.1:8130

##@ Long tests

# The first seeds are those of every test run: a soak goes on behind them.
SOAK_SECONDS ?= 600
soak: ## run simulated histories for SOAK_SECONDS (600), and the engine on real threads for a tenth of that
	POSTMETER_SOAK_SECONDS=$(SOAK_SECONDS) POSTMETER_FIRST_SEED=$${POSTMETER_FIRST_SEED:-2000} \
	    cargo test --release --locked --lib simulation::histories -- --nocapture
	POSTMETER_THREADS_SECONDS=$$(($(SOAK_SECONDS) / 30)) cargo test --release --locked --lib simulation::threads

# Each patch is a bug. The copy shares all that was built but our own code. cargo tells that from the
# copy's by time alone, so ours is touched in the end.
planted: planted-reader ## find each planted bug of tests/planted: in the reader by documents, in the engine within 1,500 simulated histories (half an hour)
	@trap 'touch src/lib.rs' EXIT; for bug in tests/planted/*.patch; do \
	    rm -rf target/planted && mkdir -p target/planted/tests && cp -r Cargo.toml Cargo.lock benches config src target/planted && \
	    cp -r tests/it target/planted/tests && \
	    patch --quiet --strip=1 --directory=target/planted <$$bug || exit 1; \
	    cargo test --manifest-path target/planted/Cargo.toml --target-dir target --locked --lib --no-run 2>target/planted.log \
	        || { cat target/planted.log >&2; exit 1; }; \
	    if found=$$(POSTMETER_SEEDS=1500 cargo test --manifest-path target/planted/Cargo.toml --target-dir target --locked --lib simulation::histories 2>&1); then \
	        echo "not found: $$bug" >&2; exit 1; \
	    fi; \
	    echo "$$(basename $$bug .patch): $$(grep -m 1 '^seed ' <<<"$$found")"; \
	done

# In a copy of the fuzz targets, optimized a little: built quickly, and fast enough.
planted-reader: ## find each planted bug of tests/planted/reader within 100,000 documents (minutes)
	@trap 'touch src/lib.rs' EXIT; copy=target/planted-reader/tests/fuzz; \
	for bug in tests/planted/reader/*.patch; do \
	    rm -rf target/planted-reader && mkdir -p $$copy && cp -r src target/planted-reader && \
	    cp -r $(FUZZ_DIR)/Cargo.toml $(FUZZ_DIR)/Cargo.lock $(FUZZ_DIR)/targets $$copy && \
	    patch --quiet --strip=1 --directory=target/planted-reader <$$bug || exit 1; \
	    RUSTFLAGS="--cfg fuzzing" cargo build --manifest-path $$copy/Cargo.toml --target-dir $(FUZZ_DIR)/target/differential \
	        --locked --bin differential 2>target/planted.log || { cat target/planted.log >&2; exit 1; }; \
	    if found=$$(DOCUMENTS=100000 $(FUZZ_DIR)/target/differential/debug/differential 2>&1); then \
	        echo "not found: $$bug" >&2; missed=1; \
	    else \
	        echo "$$(basename $$bug .patch): $$(head -n 1 <<<"$$found" | cut -c 1-60)"; \
	    fi; \
	done; exit $${missed:-0}

# Of what counts, acknowledges and publishes; a mutant that survives the simulation too is looked at.
MUTANTS ?= src/ack/** src/aggregate/** src/sink/*.rs
mutants: ## list mutations of MUTANTS that no library test finds (hours; installs cargo-mutants)
	[ -x target/tools/bin/cargo-mutants ] || cargo install cargo-mutants --version 27.1.0 --locked --root target/tools
	POSTMETER_SEEDS=200 PATH="$(CURDIR)/target/tools/bin:$$PATH" cargo mutants --output target $(foreach file,$(MUTANTS),--file '$(file)') -- --locked --lib

# libFuzzer's instrumentation by rustc's stable options: no nightly and no cargo-fuzz is needed, but
# a C++ compiler. A find is kept in tests/fuzz/artifacts, the inputs that led on in tests/fuzz/corpus.
FUZZ_SECONDS ?= 300
FUZZ_TARGETS ?= event delivery definitions journal sns
FUZZ_DIR := tests/fuzz
FUZZ_FLAGS := --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares
FUZZ_RUN := -max_len=16384 -rss_limit_mb=1024 -timeout=10 -print_final_stats=1
fuzz: ## run the fuzz targets FUZZ_TARGETS, FUZZ_SECONDS each (300)
	@command -v "$${CXX:-c++}" >/dev/null || { echo "libFuzzer needs a C++ compiler: install one, or name it in CXX" >&2; exit 1; }
	@cd $(FUZZ_DIR) && host=$$(rustc -vV | sed -n 's/^host: //p') && \
	RUSTFLAGS="$(FUZZ_FLAGS)" cargo build --release --locked $(FUZZ_TARGETS:%=--bin %) --target-dir target --target $$host && \
	for target in $(FUZZ_TARGETS); do \
	    mkdir -p corpus/$$target artifacts && echo "fuzzing $$target for $(FUZZ_SECONDS) s" && \
	    target/$$host/release/$$target $(FUZZ_RUN) -max_total_time=$(FUZZ_SECONDS) \
	        -artifact_prefix=artifacts/$$target- corpus/$$target seeds/$$target \
	        > artifacts/$$target.log 2>&1 || { tail -n 40 artifacts/$$target.log >&2; exit 1; }; \
	    sed -n 's/^stat::number_of_executed_units: */  executions: /p; s/^stat::peak_rss_mb: */  peak MB: /p' artifacts/$$target.log; \
	done

DOCUMENTS ?= 10000000
differential: ## read DOCUMENTS (10,000,000) made-up documents at every SIMD level and by the reference (ten minutes)
	cd $(FUZZ_DIR) && RUSTFLAGS="--cfg fuzzing" cargo build --release --locked --bin differential --target-dir target/differential
	DOCUMENTS=$(DOCUMENTS) $(FUZZ_DIR)/target/differential/release/differential

# Needs Debian's packages qemu-user and g++-aarch64-linux-gnu, and Rust's standard library for ARM:
# rustup target add aarch64-unknown-linux-gnu.
ARM := aarch64-unknown-linux-gnu
differential-neon: ## the same by ARM's instructions, emulated (DOCUMENTS=100000: a minute)
	cd $(FUZZ_DIR) && CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
	    CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc CXX_aarch64_unknown_linux_gnu=aarch64-linux-gnu-g++ \
	    RUSTFLAGS="--cfg fuzzing" cargo build --release --locked --bin differential --target $(ARM) --target-dir target/differential
	DOCUMENTS=$(DOCUMENTS) qemu-aarch64 -L /usr/aarch64-linux-gnu $(FUZZ_DIR)/target/differential/$(ARM)/release/differential

fuzz-smoke: ## run the fuzz targets for 10 s each, as a part of CI
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=10

##@ Images and releases

image: ## build the container image `postmeter` (needs docker)
	docker build -f deploy/Dockerfile -t postmeter --build-arg POSTMETER_COMMIT="$$(git rev-parse --short HEAD)" .

# Digests come from the registries, so they are looked up where those can be reached.
pin-images: $(STAMP) ## pin the base images of the Dockerfile by digest (needs docker buildx and the registries)
	$(VENV)/bin/python tests/python/pin_images.py deploy/Dockerfile

# --sbom and --provenance attach attestations to the image, beside the list inside the program.
PLATFORMS ?= linux/amd64,linux/arm64
release-image: $(STAMP) ## build the image for PLATFORMS and push it as IMAGE (needs docker buildx and pinned base images)
	@[ -n "$(IMAGE)" ] || { echo "IMAGE is not set: make release-image IMAGE=registry/postmeter:1.2.3" >&2; exit 1; }
	POSTMETER_RELEASE=1 $(VENV)/bin/python tests/python/check_deploy.py
	docker buildx build --platform $(PLATFORMS) -f deploy/Dockerfile -t "$(IMAGE)" \
	    --build-arg POSTMETER_COMMIT="$$(git rev-parse --short HEAD)" --sbom=true --provenance=mode=max --push .

# What the Dockerfile does, on this machine: proves that the list can be read back.
CARGO_AUDITABLE_VERSION := $(shell sed -n 's/^ARG CARGO_AUDITABLE_VERSION=//p' deploy/Dockerfile)
auditable: $(STAMP) ## build a binary that lists its dependencies, and compare the list with Cargo.lock
	[ -x target/tools/bin/cargo-auditable ] || cargo install cargo-auditable --version =$(CARGO_AUDITABLE_VERSION) --locked --root target/tools
	PATH="$(CURDIR)/target/tools/bin:$$PATH" cargo auditable build --locked --bin postmeter
	$(VENV)/bin/python tests/python/check_auditable.py target/debug/postmeter

##@ Cleaning

clean-venv: ## remove the Python venv
	rm -rf $(VENV)

# Made again when its requirements change. What went wrong is said in one line.
$(STAMP): tests/python/requirements.txt
	@rm -rf $(VENV)
	@said=$$({ $(PYTHON) -c 'import sys, venv, ensurepip; assert sys.version_info >= (3, 11)' \
	    && $(PYTHON) -m venv $(VENV) \
	    && $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $<; } 2>&1) \
	    || { rm -rf $(VENV); echo "cannot make $(VENV), which needs $(PYTHON) >= 3.11 with venv and pip: $${said##*$$'\n'}" >&2; exit 1; }
	@touch $@

# From npm, as the lock file pins it.
$(SDK_JS): tests/sdks/js/package.json tests/sdks/js/package-lock.json
	@rm -rf $(@D) && mkdir -p $(@D) && cp $^ $(@D)
	@said=$$({ node -e 'if (parseInt(process.versions.node) < 20) { console.error("node is " + process.version); process.exit(1) }' \
	    && npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel=error; } 2>&1) \
	    || { rm -rf $(@D); echo "cannot install the AWS SDK for JavaScript, which needs node >= 20 with npm (make test SDKS=go leaves it out): $$(head -n 4 <<<"$$said" | tr '\n' ' ')" >&2; exit 1; }
	@touch $@

# The browser and its driver from Debian, which only root can install; the rules of accessibility from
# npm, as the lock file pins them.
BROWSER_PACKAGES := chromium chromium-driver
$(AXE): tests/browser/package.json tests/browser/package-lock.json
	@rm -rf target/browser && mkdir -p target/browser && cp $^ target/browser; export DEBIAN_FRONTEND=noninteractive; \
	said=$$({ command -v chromium && command -v chromedriver \
	        || { [ "$$(id -u)" = 0 ] || { echo "only root can install them"; false; } && apt-get update -qq && apt-get install -qq --no-install-recommends $(BROWSER_PACKAGES) && apt-get clean; }; } 2>&1) \
	    || { rm -rf target/browser; echo "cannot install a browser: install Debian's packages $(BROWSER_PACKAGES), or leave it out by make test BROWSER=: $${said##*$$'\n'}" >&2; exit 1; }
	@said=$$(npm ci --prefix target/browser --ignore-scripts --no-audit --no-fund --loglevel=error 2>&1) \
	    || { rm -rf target/browser; echo "cannot install axe-core, which needs npm (make test BROWSER= leaves the browser out): $$(head -n 4 <<<"$$said" | tr '\n' ' ')" >&2; exit 1; }
	@touch $@

# From Debian's packages, which only root can install. Go's own modules are not used. Go works in target/,
# as /tmp may be small, and takes the standard library as it was packaged: 70 MB instead of 200.
GO_PACKAGES := golang-go golang-github-aws-aws-sdk-go-v2-dev
GO_SOURCES  := /usr/share/gocode
GO_WORK     := target/sdks/go-work
$(SDK_GO): tests/sdks/go/tell.go
	@mkdir -p $(@D); export DEBIAN_FRONTEND=noninteractive; \
	said=$$({ { command -v go >/dev/null && [ -d $(GO_SOURCES)/src/github.com/aws/aws-sdk-go-v2/service/sesv2 ]; } \
	        || { [ "$$(id -u)" = 0 ] || { echo "only root can install them"; false; } && apt-get update -qq && apt-get install -qq --no-install-recommends $(GO_PACKAGES) && apt-get clean; }; } 2>&1) \
	    || { echo "cannot install the AWS SDK for Go: install Debian's packages $(GO_PACKAGES), or leave it out by make test SDKS=js: $${said##*$$'\n'}" >&2; exit 1; }
	@rm -rf $(GO_WORK) && mkdir -p $(GO_WORK)
	GO111MODULE=off GOPATH=$(GO_SOURCES) GOTMPDIR="$(CURDIR)/$(GO_WORK)" GOCACHE="$(CURDIR)/$(GO_WORK)" GOFLAGS= go build -o $@ ./tests/sdks/go
	@rm -rf $(GO_WORK)
