//! Sound and pictures, and nothing else: this room knows no pipeline, no item and no fault class of a tool.

pub mod decode;
pub mod error;
pub mod level;
pub mod mp4;
pub mod ogg;
pub mod sniff;
pub mod spectrum;

pub use decode::{SoundInfo, SoundReader};
pub use error::MediaError;
