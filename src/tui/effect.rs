//! What an update asks of the world: the screen itself touches nothing.

use std::path::PathBuf;

use super::action::Place;
use crate::events::{Command, ItemIndex};
use crate::resilience::checkpoint::Checkpoint;

/// Something to be done outside of the model.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Ask this of the run.
    Send(Command),
    /// Ask the person first: something would be lost.
    Confirm(Question),
    /// Show a screen.
    Go(Place),
    /// Show an item.
    Show(ItemIndex),
    /// Put a text into the clipboard; the second says what it is.
    Copy(String, &'static str),
    /// A word to the person, for some seconds.
    Say(String),
    /// Read something; a [`Loaded`] comes back to all screens.
    Load(Load),
    /// Turn the mouse on or off.
    Mouse(bool),
    /// Draw everything anew.
    Repaint,
    /// To the shell.
    Suspend,
    /// Go to another moment of a run that is over: to this event.
    Seek(u64),
    /// Leave the screen.
    Leave(Leave),
}

/// How the screen is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// The run is over, or is not ours.
    Over,
    /// The run goes on without a screen.
    Detach,
    /// The screen failed: a panic.
    Failed,
}

/// A question before something is lost.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// What is asked.
    pub text: String,
    /// The answers: a key, what it does in words, and what it does.
    pub answers: Vec<(char, String, Vec<Effect>)>,
}

/// Something to read, on another thread.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Load {
    /// What a log holds from a byte on; from its last bytes where it is far longer.
    Log {
        /// The file.
        path: PathBuf,
        /// How far it is known.
        from: u64,
    },
    /// An item's checkpoint.
    Checkpoint {
        /// The item.
        item: ItemIndex,
        /// The file.
        path: PathBuf,
    },
    /// A picture, scaled for so many columns and rows.
    Picture {
        /// The file.
        path: PathBuf,
        /// Columns and rows.
        size: (u16, u16),
    },
}

/// Something that was read.
#[derive(Clone)]
pub enum Loaded {
    /// More of a log.
    Log {
        /// The file.
        path: PathBuf,
        /// Where `text` begins. Greater than was asked for where something was left out.
        from: u64,
        /// Where it ends.
        to: u64,
        /// The text: whatever is not UTF-8 replaced, nothing else done to it.
        text: String,
    },
    /// A checkpoint.
    Checkpoint {
        /// The item.
        item: ItemIndex,
        /// What it holds, or why it cannot be read.
        checkpoint: Result<Box<Checkpoint>, String>,
    },
    /// A picture, ready to be drawn.
    Picture {
        /// The file.
        path: PathBuf,
        /// The picture, or why there is none.
        picture: Result<std::sync::Arc<ratatui_image::protocol::Protocol>, String>,
    },
    /// The file cannot be read.
    Nothing {
        /// What was asked for.
        load: Load,
        /// Why there is none.
        why: String,
    },
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Log { path, from, to, .. } => write!(f, "Log({} {from}..{to})", path.display()),
            Self::Checkpoint { item, .. } => write!(f, "Checkpoint({item})"),
            Self::Picture { path, .. } => write!(f, "Picture({})", path.display()),
            Self::Nothing { why, .. } => write!(f, "Nothing({why})"),
        }
    }
}
