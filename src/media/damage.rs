//! Where a sound is broken, and how much of it is lost.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A place at which something of the file could not be decoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Damage {
    /// Where it begins, in seconds of the sound as it was when it was whole.
    pub at_s: f64,
    /// How much sound is lost there, in seconds; null where it is not known, or where nothing is: only the check failed.
    pub lost_s: Option<f64>,
    /// What is wrong there.
    pub what: String,
}

/// The most places that are kept: what has more is broken everywhere.
const MOST: usize = 1000;

/// The damage of one sound, as it is found.
#[derive(Debug, Default)]
pub(super) struct Damages {
    places: Vec<Damage>,
    /// Frames known to be lost.
    pub(super) frames: u64,
}

impl Damages {
    pub(super) fn list(&self) -> &[Damage] {
        &self.places
    }

    /// So many frames at `at` seconds cannot be decoded. What follows on another place without sound between is one with it.
    pub(super) fn add(&mut self, at: f64, frames: u64, rate: f64, what: &str) {
        self.frames += frames;
        let lost = frames as f64 / rate;
        if let Some(last) = self.places.last_mut()
            && (at - last.at_s - last.lost_s.unwrap_or(0.0)).abs() < 0.5 / rate
        {
            if frames > 0 {
                last.lost_s = Some(last.lost_s.unwrap_or(0.0) + lost);
            }
            return;
        }
        self.push(Damage { at_s: at, lost_s: (frames > 0).then_some(lost), what: what.to_owned() });
    }

    /// Nothing can be read from `at` seconds on.
    pub(super) fn add_end(&mut self, at: f64, what: &str) {
        self.push(Damage { at_s: at, lost_s: None, what: what.to_owned() });
    }

    pub(super) fn push(&mut self, damage: Damage) {
        if self.places.len() < MOST {
            self.places.push(damage);
        }
    }
}
