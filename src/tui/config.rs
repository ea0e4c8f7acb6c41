//! The configuration of the screen: one small TOML file, every key optional.
//!
//! What is wrong in it is told, all of it at once, and left at its default: a look that cannot be read stops no run.

mod read;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use ratatui::style::Style;

use super::keys::KeyChord;
use super::theme::Role;
use crate::resilience::safe_text::safe_line;

/// The variable that names another file.
pub const CONFIG_VARIABLE: &str = "MEDIAMILL_TUI_CONFIG";

/// No configuration is longer, in bytes.
const LONGEST: u64 = 1 << 20;

/// How the screen looks and answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The theme's name, one of [`Theme::NAMES`](super::theme::Theme::NAMES), where one is given.
    pub theme: Option<String>,
    /// Which set of signs.
    pub glyphs: GlyphChoice,
    /// Whether the mouse is taken from the terminal.
    pub mouse: bool,
    /// How the end of a run is told.
    pub notify: Notify,
    /// At most so many frames in a second: 1 to 60.
    pub frames_per_second: u32,
    /// How pictures are shown.
    pub images: Images,
    /// The keys of actions by the actions' names. An action that has none is unbound; one that is not here has those it
    /// always has.
    pub keys: IndexMap<String, Vec<KeyChord>>,
    /// Looks of single roles, over those of the theme.
    pub theme_colors: Vec<(Role, Style)>,
}

/// Which set of signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GlyphChoice {
    /// What the terminal and the locale can show.
    #[default]
    Auto,
    /// Unicode, whatever they say.
    Unicode,
    /// ASCII.
    Ascii,
}

/// How the end of a run is told to somebody who looks elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Notify {
    /// Not at all.
    #[default]
    Off,
    /// By the bell.
    Bell,
    /// By a notification of the desktop, from the terminal.
    Desktop,
}

/// How pictures are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Images {
    /// In half blocks, as every terminal can.
    #[default]
    Auto,
    /// Not at all.
    Off,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            theme: None,
            glyphs: GlyphChoice::Auto,
            mouse: false,
            notify: Notify::Off,
            frames_per_second: 15,
            images: Images::Auto,
            keys: IndexMap::new(),
            theme_colors: Vec::new(),
        }
    }
}

impl Config {
    /// The user's configuration, and what is wrong with it, a line for each finding. `actions` are the names that
    /// `[keys]` may use; `env` gives a variable of the environment.
    ///
    /// A file that is not there is none, unless [`CONFIG_VARIABLE`] names it.
    #[must_use]
    pub fn load(env: impl Fn(&str) -> Option<OsString>, actions: &[&str]) -> (Self, Vec<String>) {
        let Some((path, named)) = place(env) else { return Self::default().alone() };
        let name = path.to_string_lossy();
        match read_text(&path) {
            Ok(text) => Self::parse(&name, &text, actions),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !named => Self::default().alone(),
            Err(error) => (Self::default(), vec![format!("{}: {error}", safe_line(&name))]),
        }
    }

    /// The configuration in `text`, and what is wrong with it. `name` is its file's, for messages.
    #[must_use]
    pub fn parse(name: &str, text: &str, actions: &[&str]) -> (Self, Vec<String>) {
        read::read(name, text, actions)
    }

    const fn alone(self) -> (Self, Vec<String>) {
        (self, Vec::new())
    }
}

/// Where the configuration is, and whether the user named the place.
fn place(env: impl Fn(&str) -> Option<OsString>) -> Option<(PathBuf, bool)> {
    let path = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(named) = path(CONFIG_VARIABLE) {
        return Some((named, true));
    }
    // A relative one is to be ignored, says the XDG Base Directory Specification.
    let folder = path("XDG_CONFIG_HOME")
        .filter(|folder| folder.is_absolute())
        .or_else(|| path("HOME").map(|home| home.join(".config")))?;
    Some((folder.join("mediamill/tui.toml"), false))
}

fn read_text(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    // Nothing that could keep the screen waiting: a pipe, a device.
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(io::Error::other("it is longer than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))
}

#[cfg(test)]
mod tests;
