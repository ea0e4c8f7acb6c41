//! Where a sound is to be cut: at its silences, at pauses of speech, into windows, at beats.

pub mod beats;
mod floor;
mod listen;
pub mod plan;
pub mod silence;
pub mod slice;
pub mod track;
pub mod trim;
pub mod voice;

pub use silence::{Sounding, Trim};

/// A stretch of a sound, in frames (samples of one channel).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Its first frame.
    pub start: u64,
    /// The frame after its last.
    pub end: u64,
}

impl Span {
    /// Frames in it.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}
