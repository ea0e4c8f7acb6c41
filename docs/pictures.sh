#!/usr/bin/env bash
# Makes the pictures of the README: runs docs/scene.toml with its screen open, and drives it by keys. Needs Rust and ffmpeg.
#   docs/pictures.sh [FOLDER]      FOLDER is where the pictures go (docs)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p "${1:-docs}"
folder=$(realpath "${1:-docs}") root=$PWD
[ -n "${MEDIAMILL_BUILT:-}" ] || cargo build --release --locked --example picture --bin mediamill >&2
target=${CARGO_TARGET_DIR:-$PWD/target}/release
place=/tmp/music
mkdir "$place" # It is seen in the pictures; whoever has such a folder moves it away.
trap 'rm -rf -- "$place"' EXIT
mkdir -p "$place/songs" "$place/bin" "$place/config"

names=(
    "01 Overture" "02 Aria" "03 Gavotte" "04 Minuet" "05 Sarabande" "06 Gigue" "07 Bourrée" "08 Air" "09 Badinerie" "10 Largo"
    "11 Allegro" "12 Andante" "13 Presto" "14 Chaconne" "15 Passepied" "16 Rondeau" "17 Polonaise" "18 Courante" "19 Toccata"
    "20 Fuga" "21 Siciliano" "22 Hornpipe" "23 Musette" "24 Finale" "25 Encore" "26 Interview" "27 Applause" "28 Tuning"
)
sounds=(tests/fixtures/media/{music-1.flac,music-2.ogg,music-1.wav,speech-2.flac,music-2.mp3,speech-1.wav,music-1.m4a})
for place_of in "${!names[@]}"; do
    sound=${sounds[place_of % ${#sounds[@]}]}
    cp "$sound" "$place/songs/${names[place_of]}.${sound##*.}"
done
# Two that were cut off while they were copied, and one that is no sound at all.
truncate -s 20000 "$place/songs/04 Minuet.flac"
truncate -s 9000 "$place/songs/08 Air.flac"
echo "not a song" >"$place/songs/05 Sarabande.mp3"
# A separator that works for two songs and is down from then on.
cat >"$place/bin/demucs" <<'TOOL'
#!/bin/sh
[ "$1" = --help ] && { echo "usage: demucs, version 4.1.0"; exit 0; }
count=$(cat "$DEMUCS_COUNT" 2>/dev/null || echo 0)
echo $((count + 1)) >"$DEMUCS_COUNT"
echo "Separating track $3" >&2
[ "$count" -lt 3 ] || { sleep 1; echo "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.40 GiB" >&2; exit 1; }
for part in 10 25 50 75 100; do printf '%s%%|####      | %s.0/20.0 [00:01<00:03, 5.6seconds/s]\r' "$part" "$part" >&2; sleep 0.3; done
mkdir -p "$2/song" && cp "$3" "$2/song/vocals.wav"
TOOL
chmod +x "$place/bin/demucs"
cp docs/scene.toml "$place/lesson.toml"
cd "$place"
export PATH="$place/bin:$PATH" DEMUCS_COUNT="$place/count" XDG_CONFIG_HOME="$place/config" HOME="$place"

shoot() { "$target/examples/picture" "$@" -- "$target/mediamill" run lesson.toml songs -j 4; }
shoot 112x30 until:running until:OPEN wait:4 "shot:$folder/screen.svg" key:4 wait:1 "shot:$folder/breakers.svg" \
    key:2 wait:1 "shot:$folder/failures.svg" key:1 wait:0.5 key:j "key:<enter>" wait:1.5 "shot:$folder/item.svg" key:3 wait:1 \
    "shot:$folder/health.svg"

# Pictures of text from forty fonts, of which four have lost their outlines.
mkdir "$place/fonts"
fonts=("$root"/pipelines/ocr/fonts/*.ttf)
for number in {1..40}; do
    font=${fonts[number % ${#fonts[@]}]}
    copy=$place/fonts/$(basename "$font" .ttf)-$(printf %02d "$number").ttf
    if [ $((number % 10)) = 4 ]; then sed '0,/loca/s/loca/loc_/' "$font" >"$copy"; else cp "$font" "$copy"; fi
done
sed "s|\"pipelines/ocr/fonts\"|\"fonts\"|; s|pipelines/ocr/|$root/pipelines/ocr/|g; s|^count = .*|count = 20000|" \
    "$root/pipelines/ocr.toml" >"$place/ocr.toml"
"$target/examples/picture" 112x30 until:running key:6 until:denylisted wait:2 "shot:$folder/pools.svg" \
    -- "$target/mediamill" run ocr.toml -j 2

# Six tasks at once, three connections to the database, and a service that is not there.
cp "$root/docs/resources.toml" "$place/radio.toml"
"$target/examples/picture" 112x30 until:running wait:14 key:7 wait:1 "shot:$folder/resources.svg" \
    -- "$target/mediamill" run radio.toml songs -j 6
cd "$root"
