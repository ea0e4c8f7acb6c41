//! What can go wrong when text is drawn, and which of the files is to blame.

use std::path::PathBuf;

use crate::media::error::MediaError;

/// Why a picture of a text could not be made. The messages are fragments.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The font at this path cannot be used; the text says why.
    #[error("{}: {why}", .path.display())]
    Font {
        /// Which font.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The background at this path cannot be used.
    #[error("{}: {why}", .path.display())]
    Background {
        /// Which background.
        path: PathBuf,
        /// What is wrong with it.
        why: MediaError,
    },
    /// The font is well, and it has no glyph for these characters of the text.
    #[error("{} has no glyph for {}", .path.display(), shown(.characters))]
    Missing {
        /// The font that was asked first.
        path: PathBuf,
        /// The characters, each once, in the order of the text.
        characters: String,
    },
    /// The text or a parameter cannot be drawn like this, whatever the font.
    #[error("{0}")]
    Text(String),
    /// The font or the background is not the one that a label was made with.
    #[error("{}: this is not the file that the picture was made with (its content is another)", .path.display())]
    Changed {
        /// Which file.
        path: PathBuf,
    },
    /// A file could not be read because of the machine, or the result could not be written.
    #[error(transparent)]
    Media(#[from] MediaError),
}

impl TextError {
    /// An error of the font at `path`.
    pub fn font(path: impl Into<PathBuf>, why: impl Into<String>) -> Self {
        Self::Font { path: path.into(), why: why.into() }
    }
}

/// Characters as a reader can name them: the first eight, with their code points.
#[must_use]
pub fn shown(characters: &str) -> String {
    const MOST: usize = 8;
    let mut list: Vec<String> =
        characters.chars().take(MOST).map(|c| format!("{c:?} (U+{:04X})", u32::from(c))).collect();
    match characters.chars().count().saturating_sub(MOST) {
        0 => {}
        more => list.push(format!("{more} more")),
    }
    list.join(", ")
}
