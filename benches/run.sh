#!/usr/bin/env bash
# Measures what the README claims, and prints it as Markdown (progress goes to standard error).
#   benches/run.sh [quick|full] [PART...]
# PART: items (cost of an item beside xargs, GNU parallel, make, ninja where they are there, and a bare spawn loop),
#       noop (100,000 items done before), builtin (a step that does nothing), list (1,000,000 items), crash,
#       screen (a batch with the screen open; the frames of the screen are `cargo bench --bench screen`), start.
# quick does a tenth of it. Needs Rust and Python 3; MEDIAMILL=PROGRAM measures that one in place of building it.
# The work is done below $TMPDIR (default /tmp): let that be a real disk, and the machine be quiet.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
if [ -z "${MEDIAMILL:-}" ]; then
    cargo build --release --locked >&2
    MEDIAMILL=$target/release/mediamill
fi
[ -x "$target/release/examples/floor" ] || cargo build --release --locked --example floor >&2
export MEDIAMILL FLOOR=$target/release/examples/floor
exec python3 benches/measure.py "$@"
