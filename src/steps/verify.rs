//! Whether an output holds what the step promised, before it is committed.

use std::path::Path;

use crate::media::sniff::{Kind, kind_of_name};
use crate::media::{MediaError, SoundReader, decode, picture};
use crate::pipeline::plan::{DecodeCheck, Verify};
use crate::resilience::Fault;

/// Holds the output `path` against `verify`.
///
/// Sound and pictures are known by their extension; a file whose extension is none that our decoders read is not decoded.
///
/// # Errors
/// A fault with the cause `output-empty`, `output-small` or `output-undecodable`, told as the input's: whether the tool is
/// to blame is found out by its canary, elsewhere. Errors of the disk are told as such.
pub fn verify_output(path: &Path, verify: &Verify) -> Result<(), Fault> {
    let name = path.display();
    let about = std::fs::metadata(path).map_err(|error| Fault::from_io(&format!("cannot read {name}"), &error))?;
    let size = about.len();
    if about.is_file() {
        if verify.nonempty && size == 0 {
            return Err(Fault::input("output-empty", format!("{name} is empty")));
        }
        if size < verify.min_bytes {
            let least = verify.min_bytes;
            return Err(Fault::input("output-small", format!("{name} has {size} bytes, at least {least} were wanted")));
        }
    }
    // An empty file that is allowed has nothing to decode.
    if size == 0 || !about.is_file() {
        return Ok(());
    }
    decodes(path, verify.decode).or_else(|error| match &error {
        // Speex in an .ogg file, say: nothing is wrong with it.
        MediaError::Unsupported(_) => Ok(()),
        MediaError::Unreadable(error) => Err(Fault::from_io(&format!("cannot read {name}"), error)),
        _ => Err(Fault::input("output-undecodable", format!("{name}: {error}"))),
    })
}

fn decodes(path: &Path, check: DecodeCheck) -> Result<(), MediaError> {
    match (kind_of_name(path), check) {
        (_, DecodeCheck::Off) => Ok(()),
        (Kind::Sound(_), DecodeCheck::Open) => SoundReader::open(path).map(drop),
        (Kind::Sound(_), DecodeCheck::Full) => decode::verify(path).map(drop),
        (Kind::Picture(_), DecodeCheck::Open) => picture::probe(path).map(drop),
        (Kind::Picture(_), DecodeCheck::Full) => picture::verify(path).map(drop),
        (Kind::Foreign(_) | Kind::Other(_) | Kind::Unknown, _) => Ok(()),
    }
}
