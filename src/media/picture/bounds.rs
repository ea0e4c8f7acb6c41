//! What decoding may take, and what decoders say when it is too much or too broken.

use image::{ImageError, Limits};

use crate::media::error::MediaError;

/// The most pixels a picture may declare: 100 megapixels, looked at before anything is decoded.
pub const MAX_PIXELS: u64 = 100_000_000;

/// The most memory that decoding a picture may take, and the longest picture file that is read, in bytes.
pub const MAX_BYTES: u64 = 1 << 30;

/// The most memory that the metadata of a PNG may take once unpacked, in bytes.
pub(super) const MAX_METADATA: u64 = 64 << 20;

/// What decoders may take.
pub(super) fn limits(bytes: u64) -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(bytes);
    limits
}

/// Tells an error of the decoder as ours.
pub(super) fn trouble(error: ImageError) -> MediaError {
    match error {
        ImageError::IoError(error) => reading(error),
        ImageError::Limits(limit) => MediaError::Limit(limit.to_string()),
        ImageError::Unsupported(what) => MediaError::Unsupported(what.to_string()),
        other => MediaError::damaged(other.to_string()),
    }
}

/// Tells an error met while a decoder reads. Decoders wrap complaints of their own, and those carry no code of the system.
pub(super) fn reading(error: std::io::Error) -> MediaError {
    match error.raw_os_error() {
        Some(_) => MediaError::Unreadable(error),
        None if error.kind() == std::io::ErrorKind::UnexpectedEof => MediaError::reading(error),
        None => MediaError::damaged(error.to_string()),
    }
}
