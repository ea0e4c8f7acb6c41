//! What a built-in step is: a name, a version, one struct of parameters, and a function.
//!
//! A new built-in step is one file in this room and one line in [`super::register`]. Its parameters are one struct
//! with doc comments; checks, `mediamill steps NAME` and the reference are made from it.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::media::Source;
use crate::media::source::Watch;
use crate::resilience::Fault;

/// The values that a step found out: what `{step.name}` reads, what lands in the checkpoint.
pub type Values = Map<String, Value>;

/// An output that a built-in step can make, if the pipeline names it in `out`.
#[derive(Debug, Clone, Copy)]
pub struct OutputDoc {
    /// The name to use in `out`.
    pub name: &'static str,
    /// What the file is.
    pub summary: &'static str,
    /// The step makes no sense without it: leaving it out of `out` is an error at check time.
    pub required: bool,
    /// One of those that are marked like this, at least, must be in `out`.
    pub one_of: bool,
    /// Its name stands for any: the parameters name the outputs, and [`Builtins::misfit`] tells which do not fit them.
    ///
    /// [`Builtins::misfit`]: crate::pipeline::builtins::Builtins::misfit
    pub any: bool,
    /// Any number of files: the step is given the pattern, and a step with `each` runs for every one.
    pub many: bool,
    /// The program that is needed to make it: its health and its breaker count for the step.
    pub tool: Option<&'static str>,
    /// What the step reports for each of the files, where they are many: under the value `pieces`, by the output's name
    /// and the file's name.
    pub piece_values: &'static [ValueDoc],
}

impl OutputDoc {
    /// One file that may be asked for.
    #[must_use]
    pub const fn new(name: &'static str, summary: &'static str) -> Self {
        Self { name, summary, required: false, one_of: false, any: false, many: false, tool: None, piece_values: &[] }
    }

    /// It, or another that is marked like this, must be asked for.
    #[must_use]
    pub const fn one_of(self) -> Self {
        Self { one_of: true, ..self }
    }

    /// It must be asked for.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Its name stands for any that the parameters give.
    #[must_use]
    pub const fn any(self) -> Self {
        Self { any: true, ..self }
    }

    /// It is any number of files.
    #[must_use]
    pub const fn many(self) -> Self {
        Self { many: true, ..self }
    }

    /// For each of its files, these values are reported.
    #[must_use]
    pub const fn with_piece_values(self, piece_values: &'static [ValueDoc]) -> Self {
        Self { piece_values, ..self }
    }

    /// The program `tool` is needed for it.
    #[must_use]
    pub const fn with_tool(self, tool: &'static str) -> Self {
        Self { tool: Some(tool), ..self }
    }
}

/// A value that a built-in step reports.
#[derive(Debug, Clone, Copy)]
pub struct ValueDoc {
    /// The name to use in a placeholder.
    pub name: &'static str,
    /// What it is, with its unit.
    pub summary: &'static str,
}

/// What a built-in step is given to work with.
#[derive(Clone)]
pub struct Job {
    /// The files to read, absolute.
    pub inputs: Vec<PathBuf>,
    /// Where to write each output that the pipeline asks for: absolute, in the attempt's scratch, parent made.
    pub outputs: IndexMap<String, PathBuf>,
    /// Is told how far the step is, in seconds of sound.
    pub watch: Option<Watch>,
}

impl Job {
    /// The one sound that most steps on sound read, watched.
    ///
    /// # Errors
    /// Those of [`Job::input`].
    pub fn source(&self) -> Result<Source, Fault> {
        Ok(Source { watch: self.watch.clone(), ..Source::new(self.input()?) })
    }

    /// The one file that most steps read.
    ///
    /// # Errors
    /// An input fault when the step was given none, or several.
    pub fn input(&self) -> Result<&Path, Fault> {
        match self.inputs.as_slice() {
            [one] => Ok(one),
            several => Err(Fault::input("inputs", format!("this step reads one file, {} were given", several.len()))),
        }
    }

    /// Where to write the output `name`, if the pipeline asks for it.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<&Path> {
        self.outputs.get(name).map(PathBuf::as_path)
    }
}

/// A built-in step.
pub struct Builtin {
    /// As written in `uses`.
    pub name: &'static str,
    /// Raised whenever the same input and parameters would give another output: a part of the fingerprint.
    pub version: u32,
    /// One line: what it does.
    pub summary: &'static str,
    /// The outputs it can make.
    pub outputs: &'static [OutputDoc],
    /// The values it reports.
    pub values: &'static [ValueDoc],
    /// The JSON schema of its parameters, made from the struct.
    pub schema: fn() -> Schema,
    /// Tells what is wrong with parameters, without running.
    pub check: fn(Value) -> Result<(), String>,
    /// Does it.
    pub run: fn(Value, &Job) -> Result<Values, Fault>,
}

/// The schema function of the parameters `P`, for [`Builtin::schema`].
#[must_use]
pub fn schema_of<P: JsonSchema>() -> Schema {
    schemars::schema_for!(P)
}

/// The check of the parameters `P`, for [`Builtin::check`].
///
/// # Errors
/// What serde has to say.
pub fn check_of<P: DeserializeOwned>(with: Value) -> Result<(), String> {
    serde_json::from_value::<P>(with).map(drop).map_err(|error| error.to_string())
}

/// Reads the parameters `P` at run time, when every placeholder has been filled.
///
/// # Errors
/// An input fault: a placeholder was filled with something that does not fit.
pub fn parameters<P: DeserializeOwned>(with: Value) -> Result<P, Fault> {
    serde_json::from_value(with).map_err(|error| Fault::input("parameters", format!("parameters do not fit: {error}")))
}
