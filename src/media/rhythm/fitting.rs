//! Writes how clips repeat and where their strokes lie in the beat, for `benches/music/fit_rhythm.py`.

#![expect(clippy::unwrap_used, reason = "a tool for developers may panic")]

use std::fmt::Write as _;
use std::path::Path;

use super::flux::REGISTERS;
use super::repeats::{Repeats, repeats};
use super::{Rhythm, beats, metre, phase, tempo};
use crate::media::key::fitting::{clips, read};
use crate::media::spectrum::{Frames, Spectrum};

/// `MEDIAMILL_CLIPS=FOLDER cargo test --release --lib fitting -- --ignored` writes FOLDER/rhythms.jsonl: for each WAV the
/// tempi that are judged with what they are judged by, and the beats of the tempo found, before their phase is looked at,
/// with what lies between them.
#[test]
#[ignore = "needs rendered clips"]
fn rhythms_of_clips_are_written_for_the_fit() {
    let folder = std::env::var("MEDIAMILL_CLIPS").unwrap();
    let mut lines = String::new();
    for path in clips(Path::new(&folder)) {
        let (rate, sound) = read(&path);
        let frames = Frames::for_rate(rate);
        let (mut spectrum, mut rhythm) = (Spectrum::new(frames, 1), Rhythm::new(rate, frames));
        // Half a frame of silence at both ends: frame k is then centred at sample k * hop.
        let half = vec![0.0; frames.size / 2];
        for part in [half.as_slice(), &sound, &half] {
            spectrum.add(part, |power| rhythm.add(power));
        }
        let (novelty, a_second) = (rhythm.flux.finish(), rhythm.frames_per_s);
        let all = |values: &[f32]| repeats(values, tempo::longest(a_second), a_second).unwrap_or_default();
        let registers: Vec<Repeats> = (0..REGISTERS).map(|at| all(&novelty.register(at))).collect();
        let tempi: Vec<f64> = tempo::candidates(&all(&novelty.whole()), a_second);
        let levels: Vec<_> = tempi.iter().map(|period| metre::levels(&registers, *period)).collect();
        let bpm: Vec<f64> = tempi.iter().map(|period| 60.0 * a_second / period).collect();
        let Some(found) = tempo::decide(&novelty, a_second) else { continue };
        let strength = beats::strengths(&novelty, found.period);
        let beats = beats::placed(&beats::best_path(&strength, found.period), &strength);
        let places = phase::profiles(&novelty, &beats);
        let times: Vec<f64> = beats.iter().map(|at| at / a_second).collect();
        let name = path.file_stem().unwrap().to_string_lossy();
        writeln!(
            lines,
            r#"{{"name":"{name}","bpm":{bpm:.3?},"levels":{levels:.4?},"beats_s":{times:.4?},"places":{places:.4?}}}"#
        )
        .unwrap();
    }
    std::fs::write(Path::new(&folder).join("rhythms.jsonl"), lines).unwrap();
}
