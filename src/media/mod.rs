//! Sound and pictures, and nothing else: this room knows no pipeline, no item and no fault class of a tool.

pub mod analyze;
pub mod channels;
pub mod compare;
pub mod convert;
pub mod decode;
pub mod encode;
pub mod error;
pub mod features;
pub mod key;
pub mod level;
pub mod limiter;
pub mod lockstep;
pub mod loudness;
pub mod mix;
pub mod mp4;
pub mod mpeg;
pub mod normalize;
pub mod ogg;
pub mod opening;
pub mod picture;
mod picture_file;
pub mod picture_walk;
pub mod plot;
pub mod resample;
pub mod resize;
pub mod rhythm;
pub mod segment;
pub mod signal;
pub mod sniff;
pub mod source;
pub mod spectrogram;
pub mod spectrum;
pub mod waveform;

pub use decode::{SoundInfo, SoundReader};
pub use error::MediaError;
pub use source::Source;
