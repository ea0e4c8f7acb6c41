//! Pictures: what a file holds, its pixels, and pictures that are written.

mod bounds;
mod coding;
mod colours;
pub mod crop;
pub mod decode;
pub mod details;
pub mod encode;
mod file;
mod formats;
mod frames;
mod info;
mod jpeg;
mod light;
mod lossy_webp;
mod overlay;
mod pages;
pub mod pixels;
pub mod reduced;
pub mod resample;
pub mod resize;
mod riff;
pub mod shape;
mod tiff;
mod upright;
pub mod walk;

pub use decode::{
    MAX_BYTES, MAX_PIXELS, Picture, PictureInfo, check_structure, load, load_frame, probe, probe_metadata, still,
    verify,
};
pub use details::{Details, details};
pub use encode::{Coding, JpegCoding, PngLevel, Subsampling, TiffCompression, WebPCoding, fitting, write, write_on};
pub(in crate::media) use file::write_picture;
pub use frames::MAX_FRAME_PIXELS;
