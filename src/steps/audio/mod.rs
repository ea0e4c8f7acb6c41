//! Built-in steps on sound.

pub mod analyze;
pub mod compare;
pub mod convert;
pub mod encoded;
pub(in crate::steps) mod fit;
pub mod loudness;
pub mod mix;
pub mod normalize;
pub mod probe;
pub mod slice;
pub mod spectrogram;
pub mod trim;
pub mod verify;
pub mod waveform;
