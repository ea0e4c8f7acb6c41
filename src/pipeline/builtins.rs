//! What checking a pipeline must know of the built-in steps. The room of steps stands above this one, so what it knows
//! comes in through a trait.

use serde_json::Value;

use crate::resources::settings::ResourceKind;

/// The built-in steps, as far as checking a pipeline needs to know them.
pub trait Builtins {
    /// Every name that `uses` can name.
    fn names(&self) -> Vec<String>;

    /// What is wrong with the parameters of the step `name`. Texts may hold placeholders that are filled at run time.
    fn check(&self, name: &str, with: &Value) -> Vec<ParamProblem>;

    /// The outputs that `name` can make, each with whether the step makes no sense without it. `None`: any.
    fn outputs(&self, name: &str) -> Option<Vec<(String, bool)>>;

    /// The outputs of `name` of which at least one must be asked for; empty where that does not matter.
    fn one_of(&self, name: &str) -> Vec<String>;

    /// The program that `name` needs to make its output `output`.
    fn tool(&self, name: &str, output: &str) -> Option<String>;

    /// The values that `name` reports. `None`: not known before it runs.
    fn values(&self, name: &str) -> Option<Vec<String>>;

    /// Whether the output of `name` is any number of files.
    fn is_many(&self, name: &str, output: &str) -> bool;

    /// The values that `name` reports for each piece of its output. `None`: not known before it runs.
    fn piece_values(&self, name: &str, output: &str) -> Option<Vec<String>>;

    /// What is wrong with asking this of `name`, given its parameters.
    fn misfit(&self, name: &str, with: &Value, asked: &Asked<'_>) -> Option<ParamProblem>;

    /// What is wrong with these parameters of `name` for the resource that it works with, whose settings are `settings`.
    fn clash(&self, _name: &str, _with: &Value, _settings: &Value) -> Option<ParamProblem> {
        None
    }

    /// What will most likely go wrong with these parameters of `name`, as things are on this machine.
    fn doubts(&self, _name: &str, _with: &Value) -> Vec<ParamProblem> {
        Vec::new()
    }

    /// The version of `name`: a part of its fingerprint.
    fn version(&self, name: &str) -> u32;

    /// Whether `name` reads a file: the item's, where the pipeline names no other.
    fn reads_file(&self, name: &str) -> bool;

    /// Whether `name` runs once over the whole batch.
    fn is_batch(&self, name: &str) -> bool;

    /// What the resource must be that `name` works with, where it works with one.
    fn resource_kind(&self, name: &str) -> Option<ResourceKind>;

    /// What is wrong with the settings of a resource. Texts may hold `${NAME}`, which is filled when the run begins.
    fn check_resource(&self, kind: ResourceKind, settings: &Value) -> Vec<ParamProblem>;
}

/// What a pipeline asks of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The number of files that it reads.
    pub inputs: usize,
    /// Its outputs, each with the name of its file as it is written, with its placeholders.
    pub outputs: Vec<(&'a str, &'a str)>,
}

/// What is wrong with a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamProblem {
    /// Where, below `with`: names of keys, and indexes of lists. Empty is `with` itself.
    pub path: Vec<String>,
    /// Whether the name of the last key is wrong, rather than what it holds.
    pub key: bool,
    /// What. A fragment, lower case.
    pub message: String,
    /// What would be right.
    pub suggestion: Option<String>,
}
