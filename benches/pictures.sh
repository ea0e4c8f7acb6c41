#!/usr/bin/env bash
# Measures the built-in steps on pictures beside the programs that are used for the same today, and prints it as Markdown
# (progress goes to standard error).
#   benches/pictures.sh [quick|full] [PART...]
# PART: jpeg (12 megapixels to 512 pixels, baseline, 4:4:4 and progressive), formats (PNG and WebP to a JPEG of 512 pixels),
#       sizes (three sizes from one decode beside one), memory (the most of any process), quality (how near the result
#       comes to the scene that the JPEG was made of; needs numpy).
# Every figure is user and system time of all processes on one core, the best of three (quick: of one), for one file of
# many in one run. Needs Rust, vips, ImageMagick and a Python 3 with Pillow (RIVALS=/path/to/python), which makes the
# pictures. MEDIAMILL=PROGRAM measures that one in place of building it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -z "${MEDIAMILL:-}" ]; then
    cargo build --release --locked >&2
    MEDIAMILL=${CARGO_TARGET_DIR:-$PWD/target}/release/mediamill
fi
export MEDIAMILL
# One core for everyone: vips starts a thread for each core it sees.
export VIPS_CONCURRENCY=1 OMP_NUM_THREADS=1 MAGICK_THREAD_LIMIT=1
exec "${RIVALS:-python3}" benches/pictures.py "$@"
