#!/usr/bin/env bash
# Draws pictures of text from a pool of which one font in ten is broken, beside a Pillow script that draws the same pictures
# with as many processes, and prints what came of it as Markdown (progress goes to standard error).
#   benches/ocr.sh [quick|full]
# full: 30,000 pictures, once by two workers, then by 1 and by 8, whose bytes must be the same; Pillow draws 3,000 of them.
# quick: 2,000.
# Needs Rust and a Python 3 with Pillow and numpy (RIVALS=/path/to/python). MEDIAMILL=PROGRAM measures that one in place of
# building it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -z "${MEDIAMILL:-}" ]; then
    cargo build --release --locked >&2
    MEDIAMILL=${CARGO_TARGET_DIR:-$PWD/target}/release/mediamill
fi
export MEDIAMILL
exec "${RIVALS:-python3}" benches/ocr.py "$@"
