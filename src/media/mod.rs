//! Sound and pictures, and nothing else: this room knows no pipeline, no item and no fault class of a tool.

mod aac;
pub mod analyze;
pub mod convert;
pub mod damage;
pub mod decode;
pub mod encode;
pub mod error;
pub mod level;
mod long_wav;
pub mod mp4;
pub mod mpeg;
pub mod ogg;
pub mod opening;
pub mod opus;
pub mod picture;
mod picture_file;
pub mod picture_walk;
pub mod resample;
pub mod resize;
pub mod sniff;
pub mod source;
pub mod spectrogram;
pub mod spectrum;
pub mod tags;

pub use decode::{SoundInfo, SoundReader};
pub use error::MediaError;
pub use source::Source;
