//! What a broken sound or picture is charged to.

use std::path::Path;

use crate::media::MediaError;
use crate::resilience::Fault;

/// The fault that an error met with the file `path` stands for: the input's, or that of the machine it was read or
/// written on.
#[must_use]
pub fn media_fault(path: &Path, error: &MediaError) -> Fault {
    let name = path.display();
    let cause = match error {
        MediaError::Unreadable(error) => return Fault::from_io(&format!("cannot read {name}"), error),
        MediaError::Unwritable(error) => return Fault::from_io(&format!("cannot write what is made of {name}"), error),
        MediaError::NotSound(_) => "not-sound",
        MediaError::NotPicture(_) => "not-picture",
        MediaError::Unsupported(_) => "unsupported",
        MediaError::Damaged { .. } => "decode",
        MediaError::Limit(_) => "limit",
    };
    let fault = Fault::input(cause, format!("{name}: {error}"));
    match error {
        MediaError::Unsupported(_) => {
            fault.with_hint("a step before this one that runs ffmpeg may turn it into WAV or PNG")
        }
        _ => fault,
    }
}
