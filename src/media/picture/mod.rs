//! Pictures: what a file holds, its pixels, and pictures that are written.

pub mod decode;
pub mod encode;
mod file;
mod light;
mod lossy_webp;
pub mod reduced;
pub mod resample;
pub mod resize;
pub mod shape;
pub mod walk;

pub use decode::{MAX_BYTES, MAX_PIXELS, Picture, PictureInfo, load, probe, verify};
pub use encode::{Coding, write};
pub(in crate::media) use file::write_picture;
