//! A pipeline as written: every key of the file with its place, each value of the right type, nothing resolved yet.

mod generate;
mod hooks;
mod pools;
mod read;
mod resources;
mod sections;
mod step;
mod with;
mod written;

use std::ops::Range;
use std::time::Duration;

use indexmap::IndexMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(super) use self::sections::is_pipeline_name;
pub(super) use self::written::{Text, Written};
use super::diagnostic::Diagnostics;
use super::generate::LineOrder;
use super::hooks::HookOn;
use super::plan::{DecodeCheck, Durability, OnOpen, ToolSpec};
use super::pools::PoolKind;
use crate::resilience::score::Scoring;
use crate::resources::PoolSettings;
use crate::resources::settings::ResourceKind;

/// A place in the file: bytes.
pub(super) type Span = Range<usize>;

/// A pipeline as written.
#[derive(Debug, Default)]
pub(super) struct Spec<'a> {
    pub(super) name: Option<Text>,
    pub(super) description: Option<Text>,
    pub(super) give_up_after: Option<u32>,
    pub(super) durability: Option<Durability>,
    /// The key `input`, if it is there.
    pub(super) input_key: Option<Span>,
    pub(super) paths: Vec<Text>,
    pub(super) matches: Vec<Text>,
    pub(super) recursive: Option<bool>,
    pub(super) generate: Option<GenerateSection>,
    pub(super) output: Option<Written>,
    /// `[health]` and `[tools]`, one entry for each name.
    pub(super) tools: IndexMap<String, ToolSection>,
    /// `[pools]`, by name.
    pub(super) pools: IndexMap<String, PoolSection>,
    /// `[resources]`, by name.
    pub(super) resources: IndexMap<String, ResourceSection<'a>>,
    /// `[[hooks.on_done]]` and `[[hooks.on_fail]]`.
    pub(super) hooks: Vec<HookSpec<'a>>,
    pub(super) retry: RetrySection,
    pub(super) breakers: IndexMap<String, BreakerSection>,
    pub(super) steps: Vec<StepSpec<'a>>,
}

/// `[generate]`.
#[derive(Debug, Default)]
pub(super) struct GenerateSection {
    pub(super) count: Option<u32>,
    pub(super) seed: Option<u64>,
    /// The values of every item, by name.
    pub(super) values: IndexMap<String, ValueSection>,
    pub(super) specs: Vec<ItemSpecSection>,
    /// Whether `specs` could not be read, so that their absence is told already.
    pub(super) specs_broken: bool,
}

/// One `[[generate.specs]]`.
#[derive(Debug)]
pub(super) struct ItemSpecSection {
    pub(super) name: Option<Text>,
    /// Its share, as a whole number.
    pub(super) weight: Option<u64>,
    pub(super) values: IndexMap<String, ValueSection>,
}

/// One value of a generated item.
#[derive(Debug)]
pub(super) struct ValueSection {
    /// Its name.
    pub(super) key: Span,
    /// How it is made; nothing where that could not be read.
    pub(super) made: Option<MadeValue>,
}

/// How a value is made, as written.
#[derive(Debug)]
pub(super) enum MadeValue {
    Fixed(serde_json::Value),
    Whole { from: i64, to: i64 },
    Number { from: f64, to: f64 },
    OneOf(Vec<serde_json::Value>),
    Lines { path: Text, order: LineOrder },
    Words { path: Text, from: u32, to: u32 },
    Template(Written),
}

/// What `[health]` and `[tools]` say of one tool.
#[derive(Debug, Default)]
pub(super) struct ToolSection {
    /// Where it is named, once for each section that names it.
    pub(super) keys: Vec<Span>,
    /// The pools that its failures are blamed on.
    pub(super) blamed: Vec<Text>,
    pub(super) tool: ToolSpec,
}

/// A `[pools.NAME]` table.
#[derive(Debug, Default)]
pub(super) struct PoolSection {
    pub(super) key: Span,
    pub(super) kind: Option<PoolKind>,
    pub(super) dirs: Vec<Text>,
    /// `dir_weights`: in place of `dirs`.
    pub(super) weights: Vec<(Text, f64)>,
    pub(super) matches: Vec<Text>,
    /// The key `covers`, and the text.
    pub(super) covers: Option<(Span, Written)>,
    pub(super) scoring: Scoring,
    pub(super) probation: Option<u32>,
    pub(super) persist: bool,
    pub(super) decay: Option<Duration>,
}

/// A `[resources.NAME]` table.
#[derive(Debug)]
pub(super) struct ResourceSection<'a> {
    pub(super) key: Span,
    pub(super) kind: Option<ResourceKind>,
    pub(super) pool: PoolSettings,
    /// A placeholder reads it.
    pub(super) is_read: bool,
    /// The settings of its kind; nothing where it is no table.
    pub(super) settings: Option<WithSpec<'a>>,
}

/// One `[[hooks.on_done]]` or `[[hooks.on_fail]]`.
#[derive(Debug)]
pub(super) struct HookSpec<'a> {
    pub(super) on: HookOn,
    pub(super) uses: Option<Text>,
    /// The key `resources`, and the names.
    pub(super) resources: Option<(Span, Vec<Text>)>,
    pub(super) with: Option<WithSpec<'a>>,
}

/// A `retry` table: what it does not say comes from elsewhere.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct RetrySection {
    pub(super) max_retries: Option<u32>,
    pub(super) base_delay: Option<Duration>,
    pub(super) max_delay: Option<Duration>,
    pub(super) exponential_base: Option<f64>,
    pub(super) jitter: Option<f64>,
}

/// A `[breakers.NAME]` table: what it does not say comes from the dependency's own defaults.
#[derive(Debug, Default)]
pub(super) struct BreakerSection {
    pub(super) key: Span,
    pub(super) failure_threshold: Option<u32>,
    pub(super) recovery_timeout: Option<Duration>,
    pub(super) success_threshold: Option<u32>,
}

/// One `[[step]]`.
#[derive(Debug, Default)]
pub(super) struct StepSpec<'a> {
    /// Its `[[step]]`.
    pub(super) header: Span,
    pub(super) id: Option<Text>,
    /// The key `run`, and what it holds.
    pub(super) run: Option<(Span, Vec<Written>)>,
    pub(super) uses: Option<Text>,
    pub(super) with: Option<WithSpec<'a>>,
    /// The output whose pieces it runs for: `each`.
    pub(super) each: Option<Text>,
    pub(super) input: Vec<Written>,
    /// The key `match`, and the patterns.
    pub(super) matches: Option<(Span, Vec<Text>)>,
    pub(super) out: IndexMap<String, OutSpec>,
    /// Whether an entry of `out` could not be read, so that its absence is told already.
    pub(super) out_broken: bool,
    pub(super) after: Vec<Text>,
    pub(super) timeout: Option<Duration>,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) grace: Option<Duration>,
    pub(super) retry: RetrySection,
    pub(super) optional: bool,
    pub(super) on_open: Option<(Span, OnOpen)>,
    /// The key `fallback`, if it is there.
    pub(super) fallback_key: Option<Span>,
    /// By the name of the output: that name's place, and the stand-in.
    pub(super) fallback: IndexMap<String, (Span, Written)>,
    pub(super) verify_nonempty: Option<bool>,
    pub(super) verify_decode: Option<DecodeCheck>,
    pub(super) verify_min_bytes: Option<u64>,
    pub(super) env: IndexMap<String, Written>,
    pub(super) memory: Option<u64>,
    pub(super) max_output: Option<u64>,
    pub(super) sandbox: Option<bool>,
    /// Where `times = "input"` stands, if it is there.
    pub(super) times: Option<Span>,
    pub(super) tool: Option<Text>,
    /// The key `resources`, and the names.
    pub(super) resources: Option<(Span, Vec<Text>)>,
}

/// The parameters of a built-in step, or the settings of a resource.
#[derive(Debug)]
pub(super) struct WithSpec<'a> {
    /// The key `with`, or the resource's name.
    pub(super) key: Span,
    /// The parameters as JSON, keys in the order of the file.
    pub(super) value: serde_json::Value,
    /// Every text among them that can hold placeholders.
    pub(super) texts: Vec<Written>,
    /// The parameters with their places.
    tree: &'a Spanned<DeValue<'a>>,
}

/// One entry of `out`.
#[derive(Debug)]
pub(super) struct OutSpec {
    /// Its name.
    pub(super) key: Span,
    pub(super) from: Written,
    pub(super) to: Option<Written>,
}

impl StepSpec<'_> {
    /// Where to point when the step as a whole is meant.
    pub(super) fn place(&self) -> Span {
        self.id.as_ref().map_or_else(|| self.header.clone(), |id| id.span.clone())
    }

    /// What to call it in a message.
    pub(super) fn title(&self) -> String {
        self.id.as_ref().map_or_else(|| "this step".to_owned(), |id| format!("step `{}`", id.text))
    }
}

/// Reads the tables of a file. What is wrong goes to `found`; what is right is in the spec all the same.
pub(super) fn read<'a>(text: &'a str, root: &'a DeTable<'a>, found: &mut Diagnostics) -> Spec<'a> {
    let mut spec = Spec::default();
    read::Reader { text, found }.pipeline(root, &mut spec);
    spec
}
