//! What a broken sound or picture is charged to.

use std::path::Path;

use crate::health::classify::{ExitKind, ToolEnd, classify};
use crate::media::MediaError;
use crate::media::error::ToolTrouble;
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
        MediaError::Frames(_) => "frames",
        MediaError::Damaged { .. } => "decode",
        MediaError::Limit(_) => "limit",
        MediaError::Tool { program, trouble: ToolTrouble::Code(_), said } if will_not_open(said).is_some() => {
            let why = will_not_open(said).unwrap_or_default();
            return Fault::input("limit", format!("{name}: {program} cannot code this: {why}"));
        }
        MediaError::Tool { program, trouble, said } => return tool_fault(program, trouble, said),
    };
    let fault = Fault::input(cause, format!("{name}: {error}"));
    match error {
        MediaError::Unsupported(_) => {
            fault.with_hint("a step before this one that runs ffmpeg may turn it into WAV or PNG")
        }
        _ => fault,
    }
}

/// The first line of what ffmpeg said, where that is of an encoder that it does not have or that refuses such sound: trying
/// again would end alike.
fn will_not_open(said: &str) -> Option<&str> {
    const REFUSALS: [&str; 6] = [
        "opening encoder",
        "Error initializing output stream",
        "Unknown encoder",
        "not supported",
        "Unsupported channel layout",
        "Unable to parse option",
    ];
    let refused = REFUSALS.iter().any(|refusal| said.contains(refusal));
    said.lines().map(str::trim).find(|line| !line.is_empty()).filter(|_| refused)
}

/// Whose fault it is that a program, which was given whole and clean samples, did not code them.
fn tool_fault(program: &str, trouble: &ToolTrouble, said: &str) -> Fault {
    let exit = match trouble {
        ToolTrouble::NotStarted(error) => {
            ExitKind::StartFailed { errno: error.raw_os_error(), message: error.to_string() }
        }
        ToolTrouble::Code(code) => ExitKind::Code(*code),
        ToolTrouble::Signal(signal) => ExitKind::Signal(*signal),
    };
    let end = ToolEnd { exit, stderr_tail: said.to_owned(), stdout_tail: String::new(), disk_full: false };
    classify(program, None, &end).decide(None)
}
