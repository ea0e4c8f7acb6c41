//! Built-in steps on sound.

pub mod analyze;
pub mod convert;
pub mod encoded;
pub mod probe;
pub mod slice;
pub mod spectrogram;
pub mod trim;
pub mod waveform;
