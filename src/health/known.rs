//! What is known of each tool: how to ask for its version, how to install it, what its failures mean.

mod audio;
mod image;
mod models;
mod other;
mod rows;

use std::path::Path;
use std::time::Duration;

use crate::resilience::FaultClass;

pub use rows::EVERY_TOOL;

/// A tool that mediamill knows.
#[derive(Debug)]
pub struct KnownTool {
    /// As pipelines write it.
    pub name: &'static str,
    /// As its makers write it.
    pub title: &'static str,
    /// What it is used for.
    pub purpose: &'static str,
    /// The programs that are it: the first that is found counts.
    pub programs: &'static [&'static str],
    /// Programs that come with it, know the same option for the version and fail in the same way.
    pub siblings: &'static [&'static str],
    /// How its version is asked for.
    pub ask: Ask,
    /// The version in the answer: literal text in which `{version}` stands for it.
    pub pattern: &'static str,
    /// The longest a probe of it may take, and a canary.
    pub limit: Duration,
    /// How to install it.
    pub install: &'static str,
    /// What its failures mean; the first row that fits counts.
    pub rows: &'static [Row],
    /// Arguments of a run that goes well when the tool is well. It runs in a folder that holds nothing but
    /// [`CANARY_FILE`](super::canary::CANARY_FILE).
    pub canary: &'static [&'static str],
}

/// How the version of a tool is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Ask {
    /// By these arguments.
    Args(&'static [&'static str]),
    /// The program knows no such option: the Python interpreter that runs it is asked for the version of this
    /// distribution, and `--help` must work.
    Distribution(&'static str),
}

/// One row of a table of failures. The last line of the tool's output that fits a row decides.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Only with this exit code. 0 stands for success without the promised output.
    pub exit: Option<i32>,
    /// This text in the line, in any case; written here in lower case.
    pub text: &'static str,
    /// Then it is a fault of this class,
    pub class: FaultClass,
    /// with this cause.
    pub cause: &'static str,
    /// What to do about it.
    pub hint: Option<&'static str>,
}

/// A row that goes by what the tool says.
const fn says(text: &'static str, class: FaultClass, cause: &'static str) -> Row {
    Row { exit: None, text, class, cause, hint: None }
}

/// A row that goes by the exit code and by what the tool says.
const fn exits(exit: i32, text: &'static str, class: FaultClass, cause: &'static str) -> Row {
    Row { exit: Some(exit), text, class, cause, hint: None }
}

impl Row {
    const fn hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

/// All tools that mediamill knows, in the order of the health report.
pub fn all() -> impl Iterator<Item = &'static KnownTool> {
    [audio::TOOLS, models::TOOLS, image::TOOLS, other::TOOLS].into_iter().flatten()
}

/// What is known of `tool`: a name of the table, or a program of one of its tools, with or without a path.
#[must_use]
pub fn find(tool: &str) -> Option<&'static KnownTool> {
    let program = Path::new(tool).file_name().and_then(|name| name.to_str()).unwrap_or(tool);
    all().find(|known| known.name == tool).or_else(|| all().find(|known| known.runs(program))).or_else(|| {
        let underscored = program.replace('_', "-");
        all().find(|known| known.name == underscored)
    })
}

impl KnownTool {
    /// Whether `program` is this tool, or comes with it. Interpreters are not: `python3` is not essentia.
    #[must_use]
    pub fn runs(&self, program: &str) -> bool {
        !program.starts_with("python") && (self.programs.contains(&program) || self.siblings.contains(&program))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_can_fit_and_every_tool_is_complete() {
        for known in all() {
            assert!(!known.programs.is_empty() && !known.install.is_empty() && !known.purpose.is_empty());
            assert!(known.pattern.contains("{version}") && !known.canary.is_empty(), "{}", known.name);
            assert!(
                known.rows.iter().chain(EVERY_TOOL).all(|row| row.text == row.text.to_lowercase()),
                "{}",
                known.name
            );
            assert!(all().filter(|other| other.name == known.name).count() == 1, "{}", known.name);
        }
    }

    #[test]
    fn a_tool_is_found_by_its_name_by_its_programs_and_by_a_path() {
        let name = |tool| find(tool).map(|known| known.name);
        assert_eq!(name("ffmpeg"), Some("ffmpeg"));
        assert_eq!(name("/opt/bin/ffmpeg"), Some("ffmpeg"));
        assert_eq!(name("convert"), Some("imagemagick"));
        assert_eq!(name("mogrify"), Some("imagemagick"));
        assert_eq!(name("vips"), Some("libvips"));
        assert_eq!(name("basic_pitch"), Some("basic-pitch"));
        assert_eq!(name("essentia"), Some("essentia"));
        assert_eq!(name("python3"), None);
        assert_eq!(name("my-tool"), None);
    }
}
