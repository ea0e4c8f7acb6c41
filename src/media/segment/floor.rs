//! How far a moment stands out of the noise around it.

use std::collections::VecDeque;

use super::listen::{BANDS, MOMENTS};

/// Moments on either side of one, whose noise counts for it.
const REACH: usize = MOMENTS as usize * 3 / 2;

/// Moments that share one measurement of the noise.
const SHARE: u64 = 25;

/// The part of the moments around that is taken for noise alone.
const QUIET: f32 = 0.15;

/// What steady noise has on average, over its quietest [`QUIET`]: measured on white noise, 1.9 in the narrowest band and 1.3
/// in the widest.
const BIAS: f32 = 1.6;

/// Power of a band that counts as nothing: 85 dB below full scale. No recording is that quiet, digital silence is.
const NOTHING: f32 = 3.2e-9;

/// The most that one band can speak for, in decibels.
const MOST_DB: f32 = 24.0;

/// Follows the noise in each band, with a look ahead of 1.5 s.
///
/// The noise of a band is the power that the quietest 15 % of the moments within 1.5 s do not pass, what is digital
/// silence left aside; so it follows noise that changes, in either direction, and needs no silence at the start.
#[derive(Default)]
pub(super) struct Floor {
    /// The moments around the next one, smoothed.
    around: VecDeque<[f32; BANDS]>,
    /// The two moments before.
    before: VecDeque<[f32; BANDS]>,
    /// The place of the next moment in `around`.
    next: usize,
    given: u64,
    noise: [f32; BANDS],
    sorted: Vec<f32>,
}

impl Floor {
    /// Takes in a moment; `each` is told by how many decibels a moment 1.5 s ago stands out, as a mean over the bands.
    pub(super) fn add(&mut self, bands: &[f32; BANDS], each: impl FnOnce(f32)) {
        self.before.push_back(*bands);
        if self.before.len() < 3 {
            return;
        }
        self.smoothed();
        if self.around.len() - self.next > REACH {
            each(self.give());
        }
    }

    /// Ends the stream: `each` is told of the rest.
    pub(super) fn finish(mut self, mut each: impl FnMut(f32)) {
        // The first and the last moment have one neighbour only, and stand for themselves.
        let Some(last) = self.before.back().copied() else { return };
        while self.before.len() < 3 {
            self.before.push_back(last);
        }
        self.around.push_back(last);
        while self.next < self.around.len() {
            each(self.give());
        }
    }

    fn smoothed(&mut self) {
        let mut mean = [0.0; BANDS];
        for moment in &self.before {
            mean.iter_mut().zip(moment).for_each(|(mean, power)| *mean += power / 3.0);
        }
        if self.around.is_empty() {
            self.around.push_back(self.before[0]);
        }
        self.around.push_back(mean);
        self.before.pop_front();
    }

    fn give(&mut self) -> f32 {
        if self.given.is_multiple_of(SHARE) {
            self.listen();
        }
        let moment = self.around[self.next];
        let decibels = |(power, noise): (&f32, &f32)| (10.0 * (power / noise).log10()).clamp(0.0, MOST_DB);
        let score = moment.iter().zip(&self.noise).map(decibels).sum::<f32>() / BANDS as f32;
        self.given += 1;
        if self.next == REACH {
            self.around.pop_front();
        } else {
            self.next += 1;
        }
        score
    }

    fn listen(&mut self) {
        for (band, noise) in self.noise.iter_mut().enumerate() {
            self.sorted.clear();
            self.sorted.extend(self.around.iter().map(|moment| moment[band]).filter(|power| *power > NOTHING));
            *noise = NOTHING;
            // Where next to everything is digital silence, what is not stands out.
            if self.sorted.len() * 10 > self.around.len() {
                let at = (self.sorted.len() as f32 * QUIET) as usize;
                let (_, quiet, _) = self.sorted.select_nth_unstable_by(at, f32::total_cmp);
                *noise = (*quiet * BIAS).max(NOTHING);
            }
        }
    }
}
