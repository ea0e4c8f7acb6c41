//! Clips of bounded length out of runs of speech or sound: cut in the longest pauses, and nothing of the runs is lost.

use super::Span;
use super::listen::MOMENTS;
use super::track::Track;
use super::voice::Run;

/// What clips are to be like. Lengths are in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clips {
    /// No clip is shorter.
    pub least: f64,
    /// No clip is longer.
    pub most: f64,
    /// A pause of this length may as well be cut as kept: shorter ones are kept, longer ones cut, where there is a choice.
    pub pause: f64,
    /// How much of the pause stays before and after, where it is long enough for both sides.
    pub pad: f64,
}

/// What it costs to leave a clip too short, in seconds of silence kept: more than anything else.
const SHORT: f64 = 1e6;

/// What it costs to cut where nobody pauses, and what each decibel costs by which it is louder there than at the quietest
/// place of the sound.
const NO_PAUSE: f64 = 10.0;
const LOUD: f64 = 1.0;

/// A place within a run may be cut if nothing around it, as far as this, is quieter.
const AROUND: usize = 15;

/// Moments over which the level at a place is averaged: a sound of speech is no shorter.
const SMOOTH: usize = 5;

/// A part of a run that is not cut.
#[derive(Debug, Clone, Copy)]
struct Atom {
    start: usize,
    end: usize,
    /// What it costs to cut before it, and what not to.
    cut: f64,
    bridge: f64,
    /// How far a clip that begins or ends with it may reach into the silence: the half of what lies between, or all of it
    /// at the ends of the sound.
    before: usize,
    after: usize,
}

/// The clips that hold all of `runs`, in order and apart: each in bounds, cut at pauses wherever the bounds allow it and
/// else at the quietest place. A run too short to be a clip is joined with its neighbours or widened into the silence around
/// it; only what is short on all counts, such as one word that is all there is of a sound, is left out.
///
/// The sum of three costs is the least there is: silence kept within clips, cuts in short pauses or in none, and widening.
#[must_use]
pub fn clips(track: &Track, runs: &[Run], how: &Clips) -> Vec<Span> {
    let moments = |seconds: f64| (seconds * MOMENTS as f64).round() as usize;
    let (least, pad) = (moments(how.least), moments(how.pad));
    // One moment less: the ends of moments are rounded to whole frames, and must not pass the bound by that.
    let most = if how.most.is_finite() { moments(how.most).saturating_sub(1) } else { usize::MAX };
    let atoms = atoms(track, runs, how, least, most);
    // best[n]: the least cost of the first n atoms, and where the last clip of them begins.
    let mut best = vec![(f64::INFINITY, 0_usize); atoms.len() + 1];
    best[0].0 = 0.0;
    for last in 0..atoms.len() {
        let mut kept = 0.0;
        for first in (0..=last).rev() {
            let clip = reach(&atoms[first], &atoms[last], least, most, pad);
            if atoms[last].end - atoms[first].start > most {
                break;
            }
            let length = clip.len();
            let widened = length.saturating_sub(padded(&atoms[first], &atoms[last], pad, most).len());
            let cost = best[first].0
                + if first > 0 { atoms[first].cut } else { 0.0 }
                + kept
                + widened as f64 / MOMENTS as f64
                + if length < least { SHORT + (least - length) as f64 } else { 0.0 };
            if cost < best[last + 1].0 {
                best[last + 1] = (cost, first);
            }
            kept += atoms[first].bridge;
            // Without an upper bound there is nothing to be had from joining more than it takes to be long enough.
            if most == usize::MAX && length >= least {
                break;
            }
        }
    }
    let (mut found, mut end) = (Vec::new(), atoms.len());
    while end > 0 {
        let first = best[end].1;
        let clip = reach(&atoms[first], &atoms[end - 1], least, most, pad);
        if clip.len() >= least {
            found.push(Span { start: track.frame(clip.start), end: track.frame(clip.end) });
        }
        end = first;
    }
    found.reverse();
    found
}

/// The clip of these atoms with its padding.
fn padded(first: &Atom, last: &Atom, pad: usize, most: usize) -> Run {
    let spare = most.saturating_sub(last.end - first.start);
    let before = pad.min(first.before).min(spare / 2);
    let after = pad.min(last.after).min(spare - before);
    Run { start: first.start - before, end: last.end + after }
}

/// The clip of these atoms, widened into the silence around until it is long enough, if there is so much.
fn reach(first: &Atom, last: &Atom, least: usize, most: usize, pad: usize) -> Run {
    let clip = padded(first, last, pad, most);
    let lacks = least.saturating_sub(clip.len());
    let room = (first.before - (first.start - clip.start), last.after - (clip.end - last.end));
    // Half on each side, and more where the other side has not so much.
    let before = room.0.min((lacks / 2).max(lacks.saturating_sub(room.1)));
    let after = room.1.min(lacks - before);
    Run { start: clip.start - before, end: clip.end + after }
}

fn atoms(track: &Track, runs: &[Run], how: &Clips, least: usize, most: usize) -> Vec<Atom> {
    let mut atoms: Vec<Atom> = Vec::new();
    for (at, run) in runs.iter().enumerate() {
        let before = at.checked_sub(1).map_or(run.start, |at| (run.start - runs[at].end) / 2);
        let after = match runs.get(at + 1) {
            Some(next) => next.start - run.end - (next.start - run.end) / 2,
            None => track.moments() - run.end,
        };
        let pause = at.checked_sub(1).map_or(0.0, |at| (run.start - runs[at].end) as f64 / MOMENTS as f64);
        let cut = how.pause * how.pause / pause.max(0.01);
        let mut atom = Atom { start: run.start, end: run.end, cut, bridge: pause, before, after: 0 };
        // Also a run that just fits is cut where a short neighbour needs a part of it.
        let long = run.len().saturating_add(2 * least) > most;
        // So close that there is a choice between several for every clip.
        let apart = (most / 4).clamp(1, MOMENTS as usize);
        for (place, cost) in if long { quiet_places(track, *run, apart) } else { Vec::new() } {
            atoms.push(Atom { end: place, ..atom });
            atom = Atom { start: place, end: run.end, cut: cost, bridge: 0.0, before: 0, after: 0 };
        }
        atoms.push(Atom { after, ..atom });
    }
    atoms
}

/// The places within a run at which it may be cut, and what that costs: wherever it is quieter than around, and at the
/// quietest place of every stretch of `apart` moments, so that no two are as far as twice that from each other.
fn quiet_places(track: &Track, run: Run, apart: usize) -> Vec<(usize, f64)> {
    let half = SMOOTH / 2;
    let level = |at: usize| {
        let (start, end) = (at.saturating_sub(half).max(run.start), (at + half + 1).min(run.end));
        (start..end).map(|at| track.power_dbfs(at)).sum::<f32>() / (end - start).max(1) as f32
    };
    let levels: Vec<f32> = (run.start..run.end).map(level).collect();
    let quietest = levels.iter().copied().fold(f32::INFINITY, f32::min);
    let mut places: Vec<usize> = Vec::new();
    for at in 1..levels.len() {
        let (start, end) = (at.saturating_sub(AROUND), (at + AROUND + 1).min(levels.len()));
        if levels[start..at].iter().all(|level| *level > levels[at]) && levels[at..end].iter().all(|l| *l >= levels[at])
        {
            let equal = levels[at..].iter().take_while(|level| **level == levels[at]).count();
            places.push(at + equal / 2);
        }
    }
    for start in (0..levels.len()).step_by(apart) {
        let end = (start + apart).min(levels.len());
        let quiet = (start.max(1)..end).min_by(|a, b| levels[*a].total_cmp(&levels[*b]));
        places.extend(quiet);
    }
    places.sort_unstable();
    places.dedup();
    let cost = |at: usize| NO_PAUSE + LOUD * f64::from(levels[at] - quietest);
    places.into_iter().map(|at| (run.start + at, cost(at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::segment::track::Tracker;

    const SPEECH: Clips = Clips { least: 3.0, most: 30.0, pause: 0.5, pad: 0.1 };

    /// A sound of 100 Hz whose moments have these levels.
    fn track(levels: &[(f32, usize)]) -> Track {
        let mut tracker = Tracker::new(100, 1, false);
        levels.iter().for_each(|(level, moments)| tracker.add(&vec![*level; *moments]));
        tracker.finish()
    }

    fn planned(seconds: usize, runs: &[(usize, usize)]) -> Vec<(u64, u64)> {
        let runs: Vec<Run> = runs.iter().map(|(start, end)| Run { start: *start, end: *end }).collect();
        let track = track(&[(0.1, seconds * 100)]);
        clips(&track, &runs, &SPEECH).into_iter().map(|clip| (clip.start, clip.end)).collect()
    }

    #[test]
    fn long_pauses_are_cut_and_short_ones_kept() {
        let runs = [(100, 600), (630, 1000), (1300, 1900)];
        assert_eq!(planned(30, &runs), [(90, 1010), (1290, 1910)]);
    }

    #[test]
    fn a_short_run_is_joined_or_widened_into_the_silence_around_it() {
        assert_eq!(planned(30, &[(100, 200), (230, 600)]), [(90, 610)], "joined");
        assert_eq!(planned(30, &[(1000, 1100)]), [(900, 1200)], "widened");
        assert_eq!(planned(30, &[(0, 100)]), [(0, 300)], "at the start");
        assert_eq!(planned(30, &[(2900, 3000)]), [(2700, 3000)], "at the end");
        assert_eq!(planned(2, &[(50, 150)]), [], "there are no three seconds");
    }

    #[test]
    fn a_long_run_is_cut_where_it_is_quietest() {
        let track = track(&[(0.5, 2500), (0.1, 20), (0.5, 2500), (0.01, 10), (0.5, 1500)]);
        let found = clips(&track, &[Run { start: 0, end: track.moments() }], &SPEECH);
        let cuts: Vec<u64> = found.iter().map(|clip| clip.end).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(cuts[0].abs_diff(2510) <= 2 && cuts[1].abs_diff(5025) <= 2, "{cuts:?}");
        assert!(found.windows(2).all(|pair| pair[0].end == pair[1].start), "nothing is lost: {found:?}");
    }

    #[test]
    fn a_short_run_before_a_long_one_costs_nothing_of_either() {
        // The long one cannot take the short one in, and the pause is too short to widen into.
        let found = planned(60, &[(0, 100), (110, 3100), (3110, 3200)]);
        assert!(found.iter().all(|(start, end)| (300..=3000).contains(&(end - start))), "{found:?}");
        let held = |at: u64| found.iter().any(|(start, end)| (*start..*end).contains(&at));
        assert!((0..100).chain(110..3100).chain(3110..3200).all(held), "{found:?}");
    }

    #[test]
    fn whatever_the_sound_clips_keep_their_bounds_and_hold_all_of_it() {
        let mut seed = 7_u64;
        let mut chance = move |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % below
        };
        for round in 0..200 {
            // A steady tone has no quiet place at all; others have levels at random.
            let levels: Vec<(f32, usize)> = (0..1 + chance(6))
                .map(|_| (if round % 2 == 0 { 0.1 } else { 0.001 * (1 + chance(500)) as f32 }, 1 + chance(400)))
                .collect();
            let track = track(&levels);
            let mut runs: Vec<Run> = Vec::new();
            let mut at = chance(50);
            while at < track.moments() {
                let end = (at + 1 + chance(900)).min(track.moments());
                runs.push(Run { start: at, end });
                at = end + 1 + chance(120);
            }
            let most = 0.1 + chance(400) as f64 / 100.0;
            let least = if round % 3 == 0 { most / 2.0 } else { 0.0 };
            let how = Clips { least, most, pause: 0.5 * chance(2) as f64, pad: chance(30) as f64 / 100.0 };
            let found = clips(&track, &runs, &how);
            for clip in &found {
                let seconds = clip.frames() as f64 / 100.0;
                assert!(seconds <= most + 1e-9 && seconds >= least - 0.0051, "{how:?}: {clip:?}");
            }
            assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start), "{how:?}: {found:?}");
            let held = |at: u64| found.iter().any(|clip| (clip.start..clip.end).contains(&at));
            if least == 0.0 {
                let lost = runs.iter().flat_map(|run| run.start..run.end).find(|at| !held(track.frame(*at)));
                assert_eq!(lost, None, "{how:?}, {runs:?}: {found:?}");
            }
        }
    }

    #[test]
    fn nothing_gives_nothing() {
        assert_eq!(planned(30, &[]), []);
    }
}
