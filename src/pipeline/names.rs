//! Patterns of file names: which files a step is for.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Patterns such as `*.wav`, in any case. None at all take every name.
#[derive(Debug, Clone, Default)]
pub struct NamePatterns {
    patterns: Vec<String>,
    set: GlobSet,
}

impl NamePatterns {
    /// Those as written.
    ///
    /// # Errors
    /// That one of them is no pattern.
    pub fn new(patterns: Vec<String>) -> Result<Self, globset::Error> {
        let mut set = GlobSetBuilder::new();
        for pattern in &patterns {
            set.add(GlobBuilder::new(pattern).case_insensitive(true).build()?);
        }
        Ok(Self { set: set.build()?, patterns })
    }

    /// Whether a file of this name is one of them.
    #[must_use]
    pub fn takes(&self, name: &OsStr) -> bool {
        self.patterns.is_empty() || self.set.is_match(Path::new(name))
    }

    /// As written.
    #[must_use]
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }

    /// Whether there are none, so that every name is taken.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }
}

/// As written, with commas between them: `*.wav, *.mp3`.
impl fmt::Display for NamePatterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.patterns.join(", "))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn names_are_taken_in_any_case_and_whatever_bytes_they_hold() {
        let sound = NamePatterns::new(vec!["*.wav".into(), "take-?.mp3".into()]).unwrap();
        for name in ["a.wav", "A.WAV", ".wav", "take-1.Mp3"] {
            assert!(sound.takes(OsStr::new(name)), "{name}");
        }
        assert!(sound.takes(OsStr::from_bytes(b"caf\xe9.wav")));
        for name in ["a.wave", "wav", "take-12.mp3", ""] {
            assert!(!sound.takes(OsStr::new(name)), "{name}");
        }
        assert_eq!(sound.to_string(), "*.wav, take-?.mp3");
    }

    #[test]
    fn no_pattern_takes_all() {
        assert!(NamePatterns::default().is_empty() && NamePatterns::default().takes(OsStr::new("anything")));
    }
}
