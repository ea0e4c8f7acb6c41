//! Clips of so many beats.

use super::Span;

/// The clips from every beat whose number is a multiple of `per_clip` to the next such beat, in frames at `rate` Hz; the last
/// one goes on to the end of the sound. `beats` are in seconds. What lies before the first beat is in no clip.
#[must_use]
pub fn at_beats(beats: &[f64], per_clip: usize, rate: u32) -> Vec<Span> {
    let mut beats: Vec<f64> = beats.iter().copied().filter(|beat| beat.is_finite() && *beat >= 0.0).collect();
    beats.sort_by(f64::total_cmp);
    let frame = |seconds: &f64| (seconds * f64::from(rate)).round() as u64;
    let mut starts: Vec<u64> = beats.iter().step_by(per_clip.max(1)).map(frame).collect();
    starts.dedup();
    let ends = starts.iter().skip(1).copied().chain([u64::MAX]);
    starts.iter().zip(ends).map(|(start, end)| Span { start: *start, end }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_has_so_many_beats_and_the_last_one_what_is_left() {
        let clips = at_beats(&[0.5, 1.0, 1.5, 2.0, 2.5], 2, 1000);
        let bounds: Vec<_> = clips.iter().map(|clip| (clip.start, clip.end)).collect();
        assert_eq!(bounds, [(500, 1500), (1500, 2500), (2500, u64::MAX)]);
        assert_eq!(at_beats(&[], 4, 1000), []);
    }
}
