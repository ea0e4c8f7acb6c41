//! Font files, opened.

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use skrifa::Font;

use super::error::TextError;
use crate::media::error::MediaError;

/// The largest font file that is read, in bytes: the collections of Chinese, Japanese and Korean have 20 to 120 MB.
pub const MAX_FONT_BYTES: u64 = 192 << 20;

/// Reads the font number `index` of the file at `path`, and gives its bytes, too.
pub(super) fn read_font(path: &Path, index: u32) -> Result<(Font, Arc<Vec<u8>>), TextError> {
    let unreadable = |error: std::io::Error| match error.kind() {
        // A font that is gone, is a folder or is locked away is a bad font; the machine's troubles are not.
        std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::IsADirectory => {
            TextError::font(path, format!("cannot be read: {error}"))
        }
        _ => TextError::Media(MediaError::Unreadable(error)),
    };
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    if length > MAX_FONT_BYTES {
        let most = MAX_FONT_BYTES >> 20;
        return Err(TextError::font(path, format!("it has {} MiB (at most {most} are taken)", length >> 20)));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(MAX_FONT_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
    let bytes = Arc::new(bytes);
    let shared: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::clone(&bytes) as _;
    let opened = guarded(path, || Font::new(shared, index))?;
    let font = opened.ok_or_else(|| TextError::font(path, not_a_font(&bytes, index)))?;
    Ok((font, bytes))
}

/// Does `work` on the font at `path`. A panic in there is the font's: nothing but a broken one brings it about.
pub(super) fn guarded<T>(path: &Path, work: impl FnOnce() -> T) -> Result<T, TextError> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|_| TextError::font(path, "it is broken: reading it came to no good end"))
}

fn not_a_font(bytes: &[u8], index: u32) -> String {
    match bytes.get(..4) {
        None => "it is empty".to_owned(),
        Some(b"wOFF" | b"wOF2") => "it is a web font (WOFF), which is not read: unpack it to TTF or OTF".to_owned(),
        Some(b"ttcf") => format!("it is a broken collection, or has no font number {index}"),
        Some(b"\0\x01\0\0" | b"OTTO" | b"true") if index > 0 => {
            format!("it holds one font, and number {index} is asked for")
        }
        Some(b"\0\x01\0\0" | b"OTTO" | b"true") => "it is a broken font".to_owned(),
        Some(_) => "it is no font (TTF, OTF or TTC)".to_owned(),
    }
}
