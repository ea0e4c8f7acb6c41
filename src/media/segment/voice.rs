//! Where somebody speaks.
//!
//! Made for recordings of speech that are to be cut: readings, interviews, lectures, calls, with silence or steady noise
//! (fans, hiss, hum) between, down to about 10 dB below the voice. What changes as fast as a voice and has its pitch, music
//! above all, is taken for a voice; so is a voice in the background. Noise without pitch is not, however it changes.

use super::listen::MOMENTS;
use super::track::Track;

/// A moment that stands out of the noise by this many decibels begins a stretch of speech.
const BEGIN_DB: f32 = 3.2;

/// A stretch goes on through moments that stand out by this many.
const GO_ON_DB: f32 = 1.3;

/// A moment as periodic as this is voiced.
const VOICED: f32 = 0.5;

/// A stretch has at least this many voiced moments in a row, or it belongs to one nearby, or is none.
const VOICED_RUN: usize = 4;

/// Moments without a voice that do not end a word.
const WITHIN_WORD: usize = 30;

/// How far a stretch without voiced moments may be from one with them: the breath of a word's first or last sounds.
const NEAR: usize = 25;

/// Moments before and after a stretch that are in it still: words begin and end below the noise.
const BEFORE: usize = 1;
const AFTER: usize = 2;

/// A run of moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The first moment.
    pub start: usize,
    /// The moment after the last.
    pub end: usize,
}

impl Run {
    /// Moments in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end == self.start
    }
}

/// The runs of moments in which somebody speaks, in order and apart. Pauses of up to 0.3 s are in them.
#[must_use]
pub fn speech(track: &Track) -> Vec<Run> {
    let stretches = voiced_or_near(track, stretches(track));
    let last = track.moments();
    let widened = stretches
        .into_iter()
        .map(|run| Run { start: run.start.saturating_sub(BEFORE), end: (run.end + AFTER).min(last) });
    joined(widened, WITHIN_WORD)
}

/// The part of the stretch from `start` to `end`, in seconds, that lies in one of `runs`, 0 to 1.
#[must_use]
pub fn share(runs: &[Run], start: f64, end: f64) -> f64 {
    let (start, end) = (start * MOMENTS as f64, end * MOMENTS as f64);
    let from = runs.partition_point(|run| run.end as f64 <= start);
    let within = runs[from..].iter().take_while(|run| (run.start as f64) < end);
    let held: f64 = within.map(|run| (run.end as f64).min(end) - (run.start as f64).max(start)).sum();
    if end > start { held / (end - start) } else { 0.0 }
}

/// The runs of moments whose peak is at least `below_dbfs`, with silences of less than `least` moments in them.
#[must_use]
pub fn sounding(track: &Track, below_dbfs: f32, least: usize) -> Vec<Run> {
    let loud = (0..track.moments()).filter(|at| track.peak_dbfs(*at) >= below_dbfs);
    joined(loud.map(|at| Run { start: at, end: at + 1 }), least.saturating_sub(1))
}

/// Runs that are no more than `gap` moments apart are one.
fn joined(runs: impl Iterator<Item = Run>, gap: usize) -> Vec<Run> {
    let mut found: Vec<Run> = Vec::new();
    for run in runs {
        match found.last_mut() {
            Some(last) if run.start <= last.end + gap => last.end = last.end.max(run.end),
            _ => found.push(run),
        }
    }
    found
}

/// What stands out of the noise, with two thresholds.
fn stretches(track: &Track) -> Vec<Run> {
    let (mut found, mut open, mut begun) = (Vec::new(), None, false);
    for at in 0..=track.moments() {
        let score = if at < track.moments() { track.score(at) } else { 0.0 };
        if score >= GO_ON_DB {
            open.get_or_insert(at);
            begun |= score >= BEGIN_DB;
        } else if let Some(start) = open.take() {
            if begun {
                found.push(Run { start, end: at });
            }
            begun = false;
        }
    }
    found
}

/// Those that have a pitch, and those next to them.
fn voiced_or_near(track: &Track, stretches: Vec<Run>) -> Vec<Run> {
    let voiced: Vec<bool> = stretches.iter().map(|run| has_voice(track, *run)).collect();
    let near = |a: usize, b: usize| stretches[b].start - stretches[a].end <= NEAR;
    let mut keep = voiced;
    // Outwards from the voiced ones, in both directions.
    for at in 1..keep.len() {
        keep[at] |= keep[at - 1] && near(at - 1, at);
    }
    for at in (1..keep.len()).rev() {
        keep[at - 1] |= keep[at] && near(at - 1, at);
    }
    stretches.into_iter().zip(keep).filter_map(|(run, keep)| keep.then_some(run)).collect()
}

fn has_voice(track: &Track, run: Run) -> bool {
    let mut row = 0;
    (run.start..run.end).any(|at| {
        row = if track.voicing(at) >= VOICED && track.score(at) >= BEGIN_DB { row + 1 } else { 0 };
        row >= VOICED_RUN
    })
}
