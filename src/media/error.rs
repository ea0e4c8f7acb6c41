//! What can be wrong with a sound or a picture.

use std::io;

/// Why a sound or a picture could not be read or written. The messages are fragments and name no file: the caller does.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The operating system would not let us read it.
    #[error("cannot read it: {0}")]
    Unreadable(#[source] io::Error),
    /// The operating system would not let us write the result.
    #[error("cannot write it: {0}")]
    Unwritable(#[source] io::Error),
    /// It is no sound that we can read; the text says what it is instead, as far as that is known.
    #[error("not a sound that mediamill can read: {0}")]
    NotSound(String),
    /// It is no picture that we can read; the text says what it is instead, as far as that is known.
    #[error("not a picture that mediamill can read: {0}")]
    NotPicture(String),
    /// It is sound or a picture, and coded in a way that we do not decode; the text names it.
    #[error("mediamill does not decode this kind of file: {0}")]
    Unsupported(String),
    /// It has so many frames or pages, one picture is to be made of it, and nobody said which.
    #[error("it has {0} frames, and one picture is to be made of it; `frame = 1` takes the first")]
    Frames(u32),
    /// It is of a format that we read, and it is broken.
    #[error("{}", damage(message, *at))]
    Damaged {
        /// What is broken.
        message: String,
        /// Where, in seconds from the start of a sound. `None` for pictures and headers.
        at: Option<f64>,
    },
    /// It is larger than what we agree to load.
    #[error("over a limit: {0}")]
    Limit(String),
    /// A program that codes for us did not do it.
    #[error("{program} {trouble}{}", quoted(said))]
    Tool {
        /// Which program.
        program: &'static str,
        /// How it failed.
        trouble: ToolTrouble,
        /// The last that it wrote to standard error.
        said: String,
    },
}

/// How a program failed.
#[derive(Debug, thiserror::Error)]
pub enum ToolTrouble {
    /// It is not there, or cannot be started.
    #[error("cannot be started: {0}")]
    NotStarted(#[source] io::Error),
    /// It ended with this code.
    #[error("ended with exit code {0}")]
    Code(i32),
    /// A signal ended it.
    #[error("was ended by signal {0}")]
    Signal(i32),
}

/// The last line of what a program said.
fn quoted(said: &str) -> String {
    said.lines().rfind(|line| !line.trim().is_empty()).map_or_else(String::new, |line| format!(": {}", line.trim()))
}

fn damage(message: &str, at: Option<f64>) -> String {
    match at {
        Some(seconds) => format!("damaged at {seconds:.2} s: {message}"),
        None => format!("damaged: {message}"),
    }
}

impl MediaError {
    /// Damage whose place is not known.
    pub fn damaged(message: impl Into<String>) -> Self {
        Self::Damaged { message: message.into(), at: None }
    }

    /// An error met while reading: a file that ends too soon is damaged, everything else is the machine's.
    #[must_use]
    pub fn reading(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::damaged("the file ends too soon"),
            // Decoders wrap their own complaints in io errors; those carry no errno.
            io::ErrorKind::InvalidData | io::ErrorKind::Other if error.raw_os_error().is_none() => {
                Self::damaged(error.to_string())
            }
            _ => Self::Unreadable(error),
        }
    }
}
