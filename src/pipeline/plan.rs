//! A pipeline that has been checked: what the engine runs.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;

use super::generate::Generate;
use super::hooks::Hook;
use super::names::NamePatterns;
use super::pools::Pool;
use super::template::Template;
use crate::resilience::FaultClass;
use crate::resilience::breaker::BreakerSettings;
use crate::resilience::retry::RetryPolicy;
use crate::resources::settings::ResourceSpec;

/// A checked pipeline.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name: also the name of its folder in the state folder.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The files of the batch.
    pub input: Input,
    /// The items of the batch, where they are no files.
    pub generate: Option<Generate>,
    /// Where the item's outputs go; relative to the folder mediamill is started in.
    pub output: Template,
    /// What is known of the dependencies beyond the built-in knowledge: `[health]` and `[tools]`, by name. Of a resource it
    /// says only whether it is required.
    pub tools: IndexMap<String, ToolSpec>,
    /// Breaker settings that differ from the defaults, by dependency.
    pub breakers: IndexMap<String, BreakerSettings>,
    /// How failed attempts are tried again, where a step says nothing of its own.
    pub retry: RetryPolicy,
    /// How many recoveries a run that has only parked tasks left waits for before it ends.
    pub give_up_after: u32,
    /// Whether a power cut may lose finished work.
    pub durability: Durability,
    /// The asset pools that steps draw from.
    pub pools: Vec<Pool>,
    /// The resources that steps and hooks work with.
    pub resources: Vec<ResourceSpec>,
    /// What is done when an item or the batch has come to its end.
    pub hooks: Vec<Hook>,
    /// The steps, each after all that it reads or waits for.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Whether a run refuses to start without this resource: where `[health]` says nothing, unless every step that holds a
    /// lease of it is optional. Hooks alone require none, as their failure changes nothing.
    #[must_use]
    pub fn requires(&self, resource: &str) -> bool {
        let said = self.tools.get(resource).and_then(|spec| spec.required);
        let holds = |step: &Step| !step.optional && step.resources.iter().any(|name| name == resource);
        said.unwrap_or_else(|| self.steps.iter().any(holds))
    }
}

/// The files of the batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    /// Files, folders and globs; the command line replaces them.
    pub paths: Vec<String>,
    /// Patterns of file names (`*.wav`) that are taken from folders; empty takes all.
    pub matches: Vec<String>,
    /// Whether folders are read to any depth.
    pub recursive: bool,
}

/// How hard finished work is held on to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Holds against SIGKILL at any instant.
    #[default]
    Process,
    /// Holds against a power cut too: writes are synced, in groups.
    Power,
}

/// What a pipeline says of one tool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToolSpec {
    /// Whether the run refuses to start without it. `None` is: unless every step that uses it is optional.
    pub required: Option<bool>,
    /// The command that tells its version, if not the one known for the tool.
    pub probe: Option<Vec<String>>,
    /// A pattern for the version in the probe's output: a literal text in which `{version}` stands for it.
    pub version: Option<String>,
    /// The least version that will do.
    pub least: Option<String>,
    /// How to install it.
    pub hint: Option<String>,
    /// A command that works when the tool is well: tells whether a failure is the tool's or the input's.
    pub canary: Option<Vec<String>>,
    /// What exit codes and messages of it mean, before the built-in table is asked.
    pub faults: Vec<FaultRule>,
}

/// One row of a tool's table of failures. All that is given must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRule {
    /// This exit code.
    pub exit: Option<i32>,
    /// This text anywhere in the last lines of standard error or output (any case).
    pub output: Option<String>,
    /// Then it is a fault of this class.
    pub class: FaultClass,
    /// The pool that is to blame, where the class is [`FaultClass::Asset`].
    pub pool: Option<String>,
    /// What to tell the reader, where the tool's own words do not.
    pub message: Option<String>,
}

/// One node of the pipeline.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its name.
    pub id: String,
    /// What it does.
    pub action: Action,
    /// The pieces it runs for, one by one: `each`.
    pub each: Option<Each>,
    /// The files it reads: `in`. Empty is the piece of a step with `each`, or the item itself (or, in a batch step,
    /// nothing).
    pub input: Vec<Template>,
    /// The items it is for, by the name of their file: it is left out for the others, and what reads it along with
    /// it, unless its `fallback` stands in.
    pub matches: NamePatterns,
    /// The files it makes, by name.
    pub out: IndexMap<String, OutputRule>,
    /// The places of the pools that an attempt is given one asset each of.
    pub pools: Vec<usize>,
    /// The program whose health and breaker count for it.
    pub tool: Option<String>,
    /// The resources that it holds a lease of while it runs, by name. Their health and their breakers count for it, too. A
    /// step that works with a resource works with the first that is of its kind.
    pub resources: Vec<String>,
    /// Indexes of the steps whose artifacts or values its placeholders read.
    pub reads: Vec<usize>,
    /// Indexes of the steps it waits for without reading them.
    pub after: Vec<usize>,
    /// The longest an attempt may take.
    pub timeout: Option<Duration>,
    /// The longest an attempt may go without output and without using the processor.
    pub idle_timeout: Option<Duration>,
    /// The time between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// What happens after a failed attempt.
    pub retry: RetryPolicy,
    /// Whether the item is still good without it.
    pub optional: bool,
    /// What becomes of the task while the breaker is open.
    pub on_open: OnOpen,
    /// What stands in for each output under [`OnOpen::Fallback`], or where an optional step's tool is missing.
    pub fallback: IndexMap<String, Template>,
    /// What its outputs must hold.
    pub verify: Verify,
    /// Variables added to the tool's environment.
    pub env: IndexMap<String, Template>,
    /// The most memory (address space) a tool or a built-in step may take, in bytes.
    pub memory: Option<u64>,
    /// The most output a tool may write to its standard streams, in bytes.
    pub max_output: u64,
    /// Whether the tool may write only to its scratch, caches and temporary folders (landlock).
    pub sandbox: bool,
    /// Whether its outputs get the modification time of the item's file.
    pub times_of_input: bool,
    /// Run once over the whole batch, when the items are done.
    pub batch: bool,
    /// What makes the step's result, in a canonical form: a part of the fingerprint. Policy (retry, timeouts, ...) is
    /// not in it, nor is the order of keys.
    pub definition: Value,
}

impl Step {
    /// The names of what its health and its breakers are of: its tool, then its resources.
    pub fn needs(&self) -> impl Iterator<Item = &String> {
        self.tool.iter().chain(&self.resources)
    }

    /// The steps whose results it depends on: those that it reads, and the one that makes its pieces.
    pub fn depends_on(&self) -> impl Iterator<Item = usize> {
        let made_by = self.each.as_ref().map(|each| each.step);
        made_by.into_iter().chain(self.reads.iter().copied())
    }
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// Runs a tool: the program, then its arguments.
    Run(Vec<Template>),
    /// A built-in step.
    Uses {
        /// Its name in the register.
        name: String,
        /// Its parameters. Texts may hold placeholders.
        with: Value,
    },
}

/// Where one output comes from and goes to.
#[derive(Debug, Clone)]
pub struct OutputRule {
    /// Below the attempt's scratch folder; may hold `*` and `?`, which must match one file, unless it is many.
    pub from: Template,
    /// Below the item's output folder. `None`: the same place as the file that was found.
    pub to: Option<Template>,
    /// It is any number of files, each a piece: every match of `from`.
    pub many: bool,
}

/// The pieces that a step runs for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Each {
    /// The place of the step that makes them.
    pub step: usize,
    /// Its output.
    pub output: String,
}

/// What becomes of a task while its dependency's breaker is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnOpen {
    /// It waits aside: holds no worker, loses no attempt.
    #[default]
    Park,
    /// Stand-ins take the place of its outputs.
    Fallback,
    /// It is left out; it runs when a later run finds the dependency well.
    Skip,
    /// The item fails.
    Fail,
}

/// What the outputs of a step must hold before they are committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verify {
    /// No output is empty.
    pub nonempty: bool,
    /// How far sound and pictures among the outputs are decoded.
    pub decode: DecodeCheck,
    /// The least number of bytes of each output.
    pub min_bytes: u64,
}

/// How far an output is decoded before it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DecodeCheck {
    /// Not at all (`decodes = false`).
    Off,
    /// Its headers, and the first block of sound (the default).
    #[default]
    Open,
    /// To the last sample and pixel (`decodes = true`).
    Full,
}

impl Default for Verify {
    fn default() -> Self {
        Self { nonempty: true, decode: DecodeCheck::Open, min_bytes: 0 }
    }
}

/// The breaker settings of `dependency` where the pipeline says nothing. Tools that load a model for a minute are given
/// up sooner, and left alone longer.
#[must_use]
pub fn default_breaker(dependency: &str) -> BreakerSettings {
    match dependency {
        "demucs" | "basic-pitch" => {
            BreakerSettings { failure_threshold: 3, recovery_timeout: Duration::from_secs(120), success_threshold: 1 }
        }
        _ => BreakerSettings::default(),
    }
}

impl Input {
    /// The paths as written, or `fallback` where none are.
    #[must_use]
    pub fn paths_or(&self, fallback: &[PathBuf]) -> Vec<PathBuf> {
        if fallback.is_empty() { self.paths.iter().map(PathBuf::from).collect() } else { fallback.to_vec() }
    }
}
