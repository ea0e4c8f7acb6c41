//! Writes what clips hold, for `benches/music/fit_key.py` to fit the weights to.

#![expect(clippy::unwrap_used, reason = "a tool for developers may panic")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::KeyFinder;
use super::decide::{Holdings, holdings, tuning};

/// What is left of a clip that is cut, and the parts at which the cuts begin.
const LEFT: f64 = 0.6;
const EARLIEST: f64 = 0.05;
const LATEST: f64 = 0.35;
const CUTS: usize = 2;

/// `MEDIAMILL_CLIPS=FOLDER cargo test --release --lib fitting -- --ignored` writes FOLDER/holdings.jsonl: a row for each WAV
/// of `make_clips.py`, and rows for excerpts of it.
#[test]
#[ignore = "needs rendered clips"]
fn holdings_of_clips_are_written_for_the_fit() {
    let folder = std::env::var("MEDIAMILL_CLIPS").unwrap();
    let mut lines = String::new();
    for (number, path) in clips(Path::new(&folder)).iter().enumerate() {
        let (rate, sound) = read(path);
        let whole = (0, sound.len());
        let cuts = (0..CUTS).map(|cut| {
            // Multiples of the golden section lie evenly, and look as if drawn by chance.
            let place = ((number * CUTS + cut) as f64 * 0.618_034).fract();
            let from = ((EARLIEST + (LATEST - EARLIEST) * place) * sound.len() as f64) as usize;
            (from, from + (LEFT * sound.len() as f64) as usize)
        });
        for (from, to) in std::iter::once(whole).chain(cuts) {
            if let Some(held) = held(rate, &sound[from..to]) {
                let name = path.file_stem().unwrap().to_string_lossy();
                let cut = (from, to) != whole;
                writeln!(lines, r#"{{"name":"{name}","cut":{cut},"holdings":{held:.4?}}}"#).unwrap();
            }
        }
    }
    std::fs::write(Path::new(&folder).join("holdings.jsonl"), lines).unwrap();
}

fn held(rate: u32, sound: &[f32]) -> Option<Holdings> {
    let mut finder = KeyFinder::new(rate);
    finder.add(sound);
    finder.pitches.end();
    holdings(&finder.pitches, tuning(finder.pitches.histogram()))
}

/// The WAV files of a folder, sorted.
pub(in crate::media) fn clips(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|one| one.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|one| one == "wav"));
    paths.sort();
    paths
}

/// The rate of a 16-bit WAV file with the plain header, and the mean of its channels.
pub(in crate::media) fn read(path: &Path) -> (u32, Vec<f32>) {
    let bytes = std::fs::read(path).unwrap();
    let channels = usize::from(bytes[22]);
    let rate = u32::from_le_bytes(bytes[24..28].try_into().unwrap());
    let mean = |frame: &[u8]| {
        let sum: f32 = frame.chunks(2).map(|one| f32::from(i16::from_le_bytes([one[0], one[1]])) / 32768.0).sum();
        sum / channels as f32
    };
    (rate, bytes[44..].chunks_exact(2 * channels).map(mean).collect())
}
