#!/usr/bin/env bash
# Measures the built-in steps on sound beside the programs that are used for the same today, and prints it as Markdown
# (progress goes to standard error).
#   benches/sound.sh [quick|full] [PART...]
# PART: decode (each format, beside ffmpeg on one thread), loudness (beside ffmpeg and loudgain), picture (beside sox),
#       analyze (beside librosa and essentia), resample (beside ffmpeg's soxr), flac (beside flac -5),
#       memory (an hour of WAV through every step), jobs (two tasks at once beside one).
# Every figure is user and system time of all processes on one core, the best of three (quick: of one). Needs Rust, Python 3,
# ffmpeg and sox; loudgain, flac and a Python with librosa and essentia (RIVALS=/path/to/python) where they are there.
# MEDIAMILL=PROGRAM measures that one in place of building it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -z "${MEDIAMILL:-}" ]; then
    cargo build --release --locked >&2
    MEDIAMILL=${CARGO_TARGET_DIR:-$PWD/target}/release/mediamill
fi
export MEDIAMILL
exec python3 benches/sound.py "$@"
