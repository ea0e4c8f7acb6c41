//! The way in: from the text of a pipeline file to a plan.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;
use toml::de::DeTable;

use super::builtins::Builtins;
use super::check;
use super::constants;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::plan::Plan;
use super::spec;

/// No pipeline is longer; a file that is, is something else (`/dev/zero`, a song).
const LONGEST: u64 = 4 << 20;

/// A pipeline file that can run.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What to run.
    pub plan: Plan,
    /// What its author may want to know: no errors among them.
    pub warnings: Diagnostics,
}

/// Why a pipeline file cannot run.
#[derive(Debug, Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("cannot read the pipeline {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something is wrong with it.
    #[error("the pipeline {} has errors", .0.file())]
    Invalid(Diagnostics),
}

/// Reads and checks the pipeline file at `path`.
///
/// # Errors
/// It cannot be read, or has errors: all of them.
pub fn load(path: &Path, builtins: &dyn Builtins) -> Result<Loaded, LoadError> {
    let name = path.to_string_lossy();
    let bytes = read(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let mut found = Diagnostics::new(name.as_ref(), text);
        let wrong = Diagnostic::error("the file is not UTF-8 text").at(at..at + 1);
        found.push(wrong.help("save it as UTF-8; for a file name that is not, use a glob"));
        LoadError::Invalid(found)
    })?;
    match parse(&name, &text, builtins) {
        (Some(plan), warnings) => Ok(Loaded { plan, warnings }),
        (None, found) => Err(LoadError::Invalid(found)),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(io::Error::other("it is longer than 4 MiB: no pipeline is"));
    }
    Ok(bytes)
}

/// Checks the `text` of a pipeline; `name` is its file's, for messages. There is a plan when nothing is an error.
#[must_use]
pub fn parse(name: &str, text: &str, builtins: &dyn Builtins) -> (Option<Plan>, Diagnostics) {
    let mut found = Diagnostics::new(name, text);
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        found.push(syntax(text, error));
    }
    // After a slip in brackets or quotes, keys stand in tables where nobody wrote them: what else would be found wrong
    // is not. A key that is there twice has no such effect.
    if errors.iter().any(|error| error.message() != "duplicate key") {
        return (None, found);
    }
    let mut spec = spec::read(text, root.get_ref(), &mut found);
    constants::fill(&mut spec, &mut found);
    let plan = check::check(&spec, &check::name_of_file(name), builtins, &mut found);
    (plan, found)
}

/// A slip of syntax in the words of the parser, and where the cure is plain, that too.
fn syntax(text: &str, error: &toml::de::Error) -> Diagnostic {
    let mut wrong = Diagnostic::error(error.message());
    wrong.span = error.span();
    let word = error.span().and_then(|span| text.get(span)).unwrap_or_default();
    if error.message().starts_with("string values must be quoted") && !word.is_empty() {
        "text stands in quotes".clone_into(&mut wrong.message);
        return wrong.help(format!("write {}", toml::Value::from(word)));
    }
    if error.message() == "duplicate key" {
        wrong.message = format!("the key `{word}` is here for the second time");
    }
    wrong
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use super::*;
    use crate::pipeline::tests::{Few, LESSON};

    fn load_bytes(bytes: &[u8]) -> Result<Loaded, LoadError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("songs.toml");
        std::fs::write(&path, bytes).unwrap();
        load(&path, &Few)
    }

    #[test]
    fn a_good_file_is_loaded_and_named_after_itself_where_it_says_no_name() {
        assert_eq!(load_bytes(LESSON.as_bytes()).unwrap().plan.name, "lesson");
        let text = LESSON.replace("name = \"lesson\"", "");
        assert_eq!(load_bytes(text.as_bytes()).unwrap().plan.name, "songs");
    }

    #[test]
    fn a_file_that_is_not_utf_8_says_where() {
        let Err(LoadError::Invalid(found)) = load_bytes(b"name = \"x\"\ndescription = \"caf\xe9\"\n") else {
            panic!("it must not load")
        };
        let text = found.to_text(false);
        assert!(text.contains("songs.toml:2:19") && text.contains("not UTF-8"), "{text}");
    }

    #[test]
    fn what_is_no_pipeline_at_all_is_refused_without_reading_it_all() {
        for (path, why) in [("/nowhere/x.toml", "No such file"), ("/dev/zero", "longer than 4 MiB"), ("/", "directory")]
        {
            let error = load(Path::new(path), &Few).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
