# demo: a conversation without key or sound card. test: everything, hermetic.
.PHONY: demo test bench bench-count prove campaign soak replay fuzz test-interop test-sound measure-sound compare soak-sound deps lint check-targets format-check doc deny

# The sound card is built in where its library is; everything else works without.
ifeq ($(shell uname -s),Linux)
ifneq ($(shell pkg-config --exists alsa 2>/dev/null && echo yes),yes)
FEATURES := --no-default-features
WITHOUT := echo "no ALSA library here: building without the sound card (make deps installs it)";
endif
endif

DEPS := apt-get install -y pkg-config libasound2-dev

demo:
	@$(WITHOUT) cargo run --release $(FEATURES) -- demo

test:
	@$(WITHOUT) cargo test --workspace $(FEATURES)
	@cargo test --release --test realtime $(FEATURES)

# The real-time claim by strace, loom, sanitizers and Miri: docs/realtime.md. PARTS=loom is one of them.
prove:
	@FEATURES="$(FEATURES)" scripts/prove.sh $(PARTS)

# What everything takes, and how fast the virtual world runs; then instructions, against benches/baseline.json.
# BLESS=1 make bench-count writes that anew.
bench:
	@$(WITHOUT) cargo bench --bench cost $(FEATURES) -- $(ARGS)
	@$(MAKE) --no-print-directory bench-count

bench-count:
	@$(WITHOUT) cargo bench --quiet --bench cost $(FEATURES) -- --count

# Conversations of a virtual minute in any weather, as many as fit into SECS; SEEDS=10000 of each kind; one again.
CAMPAIGN := cargo test --release --test it $(FEATURES) -- --ignored --exact --nocapture
SEEDS ?= 10000

campaign: SECS ?= 300
campaign:
	@$(WITHOUT) CHINWAG_SECS=$(SECS) $(CAMPAIGN) world::campaign::a_campaign

soak:
	@$(WITHOUT) CHINWAG_SEEDS=$(SEEDS) $(CAMPAIGN) world::campaign::a_campaign

replay:
	@$(WITHOUT) CHINWAG_CONVERSATION=$(CONVERSATION) $(CAMPAIGN) world::campaign::one_conversation

test-interop:
	@tests/interop/silero.sh $(FEATURES)
	@tests/interop/run.sh $(FEATURES)

# Over a private PulseAudio; the sound card has to be built in.
test-sound:
	@if test -n "$(FEATURES)"; then echo "test-sound needs ALSA's library: make deps"; exit 1; fi
	@tests/sound/run.sh

# Latency, losses and cost over that PulseAudio: docs/measuring.md. Wants a quiet machine.
measure-sound:
	@tests/sound/release.sh tests/sound/measure.py $(ARGS)

# The Python client that chinwag replaces, beside it over the same PulseAudio: docs/measuring.md. Wants a quiet machine.
compare:
	@benches/compare/run $(ARGS)

# Each target for SECS seconds, from the corpus that `make test` runs too. Wants
# cargo-fuzz and a nightly toolchain; what it finds goes to fuzz/artifacts.
FUZZ_TARGETS := audio config downlink endpoint recorded simulator
fuzz: SECS ?= 60
fuzz:
	@set -e; for target in $(FUZZ_TARGETS); do echo "== $$target"; mkdir -p fuzz/corpus/$$target; \
	cargo +nightly fuzz run $$target fuzz/corpus/$$target tests/data/fuzz/$$target -- \
	-max_total_time=$(SECS) -max_len=20000 -timeout=10 -malloc_limit_mb=300 -print_final_stats=1; done

# A talk of so many minutes in real time over that PulseAudio, with troubles.
MINUTES ?= 20
soak-sound:
	@tests/sound/release.sh tests/sound/soak.py $(MINUTES)

deps:
	@echo "$(DEPS)"
	@if test "$$(id -u)" = 0; then $(DEPS); else sudo $(DEPS); fi

lint:
	@$(WITHOUT) cargo clippy --workspace --all-targets $(FEATURES) -- -D warnings

# For Linux on arm64, macOS and Windows: compiled, not linked, not run.
check-targets:
	@scripts/check-targets.sh

format-check:
	cargo fmt --all -- --check

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps $(FEATURES)

# Advisories need the network; the rest is decided by what is in this folder.
deny:
	cargo fetch --locked
	cargo deny --all-features --offline check licenses bans sources
	@if cargo deny fetch db >/dev/null 2>&1; then cargo deny --all-features check advisories; \
	else echo "advisories not checked: their database cannot be reached"; fi
