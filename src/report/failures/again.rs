//! The command that tries failed files again.

use std::path::Path;

use serde::Deserialize;

use crate::resilience::safe_text::shell_word;
use crate::resources::secret::REDACTED;

/// A command that is longer than this does nobody a favour.
const LONGEST: usize = 1000;

/// What the run's `run.json` says of how it was started. A person may have changed it, or it may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Again {
    pipeline_file: Option<String>,
    arguments: Vec<String>,
}

impl Again {
    pub(super) fn read(run_folder: &Path) -> Self {
        let text = std::fs::read(run_folder.join("run.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// The command, as it can be typed; with `cause`, for the failed files of that cause.
    pub(super) fn command(&self, cause: Option<&str>) -> String {
        let mut added = Vec::new();
        if let Some(cause) = cause {
            added.extend(["--retry-failed".to_owned(), "--cause".to_owned(), cause.to_owned()]);
        }
        let whole = line(&self.same_again(&added));
        if !whole.is_empty() && whole.len() <= LONGEST && is_known(&whole) {
            return whole;
        }
        // The inputs do not fit, or hold a secret; without them the command would mean another batch.
        let note = if whole.is_empty() { Vec::new() } else { vec!["[the same inputs and options]".to_owned()] };
        let pipeline = self
            .pipeline_file
            .as_deref()
            .filter(|file| is_known(file))
            .map_or_else(|| "PIPELINE".to_owned(), shell_word);
        let words = ["mediamill".to_owned(), "run".to_owned(), pipeline].into_iter().chain(note);
        words.chain(added.iter().map(shell_word)).collect::<Vec<_>>().join(" ")
    }

    /// The run's own arguments with `added`, less those that say which files are tried again. None where they are not
    /// known.
    fn same_again(&self, added: &[String]) -> Vec<String> {
        if self.arguments.first().is_none_or(|first| first != "run") {
            return Vec::new();
        }
        let mut kept = vec!["mediamill".to_owned()];
        let mut words = self.arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--fresh" | "--retry-failed" => {}
                "--cause" => drop(words.next()),
                word if word.starts_with("--cause=") => {}
                // What follows are inputs: options stand before.
                "--" => {
                    kept.extend_from_slice(added);
                    kept.push(word.clone());
                    kept.extend(words.cloned());
                    return kept;
                }
                word => kept.push(word.to_owned()),
            }
        }
        kept.extend_from_slice(added);
        kept
    }
}

/// Whether nothing was taken out of the text because it is a secret: nobody knows what a command with a gap would do.
fn is_known(text: &str) -> bool {
    !text.contains(REDACTED)
}

fn line(words: &[String]) -> String {
    words.iter().map(shell_word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(arguments: &[&str]) -> String {
        let arguments = arguments.iter().map(|&word| word.to_owned()).collect();
        Again { pipeline_file: Some("my songs.toml".to_owned()), arguments }.command(Some("decode"))
    }

    #[test]
    fn the_same_command_is_given_for_the_files_of_one_cause() {
        assert_eq!(
            command(&["run", "lesson.toml", "a b", "it's", "--fresh", "--cause", "x", "--retry-failed", "-j", "2"]),
            r"mediamill run lesson.toml 'a b' 'it'\''s' -j 2 --retry-failed --cause decode"
        );
    }

    #[test]
    fn what_the_arguments_hold_does_not_steer_the_terminal_of_who_reads_them() {
        assert_eq!(
            command(&["run", "lesson.toml", "a\u{1b}[2J"]),
            r"mediamill run lesson.toml $'a\x1b[2J' --retry-failed --cause decode"
        );
    }

    #[test]
    fn an_input_that_looks_like_an_option_stays_an_input() {
        assert_eq!(
            command(&["run", "lesson.toml", "--", "--fresh"]),
            "mediamill run lesson.toml --retry-failed --cause decode -- --fresh"
        );
    }

    #[test]
    fn where_the_arguments_are_not_known_the_pipeline_is_named() {
        assert_eq!(command(&[]), "mediamill run 'my songs.toml' --retry-failed --cause decode");
        assert_eq!(Again::default().command(None), "mediamill run PIPELINE");
    }

    #[test]
    fn a_batch_that_is_too_long_to_type_is_not_left_out_in_silence() {
        let many: Vec<String> = (0..500).map(|n| format!("song{n}.wav")).collect();
        let mut words = vec!["run", "lesson.toml"];
        words.extend(many.iter().map(String::as_str));
        assert_eq!(
            command(&words),
            "mediamill run 'my songs.toml' [the same inputs and options] --retry-failed --cause decode"
        );
    }

    #[test]
    fn a_command_with_a_gap_where_a_secret_was_is_not_told() {
        let gap = format!("/songs/{REDACTED}/1");
        assert_eq!(
            command(&["run", "lesson.toml", &gap]),
            "mediamill run 'my songs.toml' [the same inputs and options] --retry-failed --cause decode"
        );
        let file = Some(format!("{gap}/lesson.toml"));
        let again = Again { pipeline_file: file, arguments: vec!["run".into(), gap] };
        assert_eq!(again.command(None), "mediamill run PIPELINE [the same inputs and options]");
    }
}
