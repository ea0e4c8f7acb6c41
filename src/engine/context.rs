//! What every part of a run shares: the plan, the batch, the store, and what was asked for.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use indexmap::IndexSet;
use serde_json::Value;

use super::assets::AssetPool;
use super::batch::Batch;
use super::generator::values_of;
use super::item::{Fields, Item, place_below};
use super::piece_view::PieceView;
use crate::pipeline::plan::{Action, OutputRule, Plan, Step};
use crate::pipeline::template::{Field, ItemField, PieceField, Segment, Template};
use crate::resilience::hash::hash_bytes;
use crate::resilience::kept_scores::KeptScores;
use crate::resilience::store::Store;
use crate::steps::register::find_resource;

/// How a run was asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Takes the place of the fixed part of the pipeline's output folder.
    pub output: Option<PathBuf>,
    /// Do everything again.
    pub fresh: bool,
    /// Run only what failed before.
    pub retry_failed: bool,
    /// With `retry_failed`: only what failed with this cause.
    pub cause: Option<String>,
    /// Only this step and what it reads.
    pub only: Option<String>,
    /// This step and what reads it again, whether or not something changed.
    pub from: Option<String>,
    /// Work on no more items than this.
    pub limit: Option<u32>,
    /// The first failure ends the run.
    pub fail_fast: bool,
    /// Leave out items whose outputs are all there, whoever made them.
    pub skip_existing: bool,
    /// Outputs may take the place of files that are not ours.
    pub overwrite: bool,
}

/// What is known of a step before the run.
#[derive(Debug, Clone, Default)]
pub struct Basis {
    /// A hash of its definition.
    pub definition: String,
    /// Its tool: the version, or a hash of the program.
    pub tool: Option<String>,
    /// The program's path, for an external tool.
    pub program: Option<PathBuf>,
    /// Whether the item's own file is among what it reads.
    pub reads_item: bool,
    /// The values of generated items that it reads.
    pub values: Vec<String>,
    /// Whether a piece's number is among what it reads.
    pub reads_index: bool,
    /// Why it cannot run here.
    pub unavailable: Option<String>,
    /// It is to be done again whether or not something changed.
    pub forced: bool,
    /// It is not asked for in this run.
    pub left_out: bool,
}

/// What every part of a run shares.
#[derive(Debug)]
pub struct Context {
    /// The pipeline.
    pub plan: Plan,
    /// The files.
    pub batch: Batch,
    /// The checkpoints.
    pub store: Store,
    /// What was asked for.
    pub options: Options,
    /// One for each step of the plan.
    pub bases: Vec<Basis>,
    /// One for each pool of the plan.
    pub pools: Vec<AssetPool>,
    /// The scores that earlier runs kept.
    pub kept: KeptScores,
}

impl Basis {
    /// That of a step, as far as its definition goes.
    #[must_use]
    pub fn of(step: &Step, is_generated: bool) -> Self {
        let definition = hash_bytes(step.definition.to_string().as_bytes());
        let reads_item = !is_generated && reads_item(step);
        Self { definition, reads_item, values: values(step), reads_index: reads_index(step), ..Self::default() }
    }
}

/// The values of the item that the step names, each once. Those in the names of its outputs count by where they go.
fn values(step: &Step) -> Vec<String> {
    let mut found = IndexSet::new();
    let templates = step.input.iter().chain(step.env.values()).chain(step.fallback.values());
    found.extend(templates.flat_map(values_of).cloned());
    match &step.action {
        Action::Run(argv) => found.extend(argv.iter().flat_map(values_of).cloned()),
        Action::Uses { with, .. } => texts(with, &mut |text| {
            found.extend(Template::parse(text).iter().flat_map(values_of).cloned());
        }),
    }
    found.into_iter().collect()
}

/// Every text in `value`.
fn texts(value: &Value, each: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => each(text),
        Value::Array(list) => list.iter().for_each(|value| texts(value, each)),
        Value::Object(map) => map.values().for_each(|value| texts(value, each)),
        _ => {}
    }
}

/// The number of a piece changes when another one comes before it: only where somebody looks at it does that matter.
fn reads_index(step: &Step) -> bool {
    let is_it = |field: &Field| matches!(field, Field::Piece(PieceField::Index));
    let names_it = |template: &Template| template.fields().any(|(field, _)| is_it(field));
    let rules = step.out.values().flat_map(|rule| [Some(&rule.from), rule.to.as_ref()]).flatten();
    let with = match &step.action {
        Action::Run(argv) => argv.iter().any(names_it),
        Action::Uses { with, .. } => with.to_string().contains("{piece.index}"),
    };
    with || step.input.iter().chain(step.env.values()).chain(rules).any(names_it)
}

/// A command that names the item's file reads it, and so does a step that names nothing at all.
fn reads_item(step: &Step) -> bool {
    let names_it = |template: &Template, also_in: bool| {
        template.segments.iter().any(|segment| match segment {
            Segment::Field(Field::Item(ItemField::Path), _) => true,
            Segment::Field(Field::In, _) => also_in,
            _ => false,
        })
    };
    if !step.input.is_empty() {
        return step.input.iter().any(|template| names_it(template, false));
    }
    if step.each.is_some() {
        let with = |with: &serde_json::Value| with.to_string().contains("{item.path}");
        return match &step.action {
            Action::Run(argv) => argv.iter().chain(step.env.values()).any(|template| names_it(template, false)),
            Action::Uses { with: parameters, .. } => with(parameters),
        };
    }
    match &step.action {
        Action::Run(argv) => {
            step.reads.is_empty() || argv.iter().chain(step.env.values()).any(|template| names_it(template, true))
        }
        Action::Uses { name, with } => {
            find_resource(name).is_none_or(|step| step.reads_file) || with.to_string().contains("{item.path}")
        }
    }
}

/// Marks what `--only` and `--from` name.
pub fn select(plan: &Plan, options: &Options, bases: &mut [Basis]) {
    let place = |id: &String| plan.steps.iter().position(|step| step.id == *id);
    if let Some(only) = options.only.as_ref().and_then(place) {
        let mut wanted = HashSet::from([only]);
        for (place, step) in plan.steps.iter().enumerate().rev() {
            if wanted.contains(&place) {
                wanted.extend(step.depends_on().chain(step.after.iter().copied()));
            }
        }
        for (place, basis) in bases.iter_mut().enumerate() {
            basis.left_out = !wanted.contains(&place);
        }
    }
    if let Some(from) = options.from.as_ref().and_then(place) {
        bases[from].forced = true;
        for (place, step) in plan.steps.iter().enumerate() {
            bases[place].forced |= step.depends_on().any(|before| bases[before].forced);
        }
    }
    if options.fresh {
        bases.iter_mut().for_each(|basis| basis.forced = true);
    }
}

/// Whether a run leaves out steps, so that items are not done when it is.
#[must_use]
pub fn asks_for_less(plan: &Plan, bases: &[Basis]) -> bool {
    plan.steps.iter().zip(bases).any(|(step, basis)| basis.left_out && !step.batch)
}

/// The part of the output folder's template before its first placeholder.
#[must_use]
pub fn fixed_output(output: &Template) -> PathBuf {
    let prefix = output.literal_prefix();
    let fixed = if output.is_literal() { prefix } else { prefix.rfind('/').map_or("", |end| &prefix[..=end]) };
    PathBuf::from(fixed)
}

impl Context {
    /// Whether this run leaves out steps, so that items are not done when it is.
    #[must_use]
    pub fn asks_for_less(&self) -> bool {
        asks_for_less(&self.plan, &self.bases)
    }

    /// The folder that all outputs of the batch are below. Absolute.
    #[must_use]
    pub fn output_root(&self) -> PathBuf {
        let fixed = fixed_output(&self.plan.output);
        super::batch::absolute(self.options.output.as_deref().unwrap_or(&fixed))
    }

    /// The folder of the item's outputs. Absolute.
    ///
    /// # Errors
    /// Why there can be none.
    pub fn output_folder(&self, item: &Item) -> Result<PathBuf, String> {
        let fields = Fields { item: Some(item), ..Fields::default() };
        let whole = PathBuf::from(self.plan.output.expand(&fields)?);
        let below = whole.strip_prefix(fixed_output(&self.plan.output)).unwrap_or(&whole);
        place_below(&self.output_root(), below)
    }

    /// Where the output that was found as `found` below the scratch goes. Absolute.
    ///
    /// # Errors
    /// Why it cannot go anywhere.
    pub fn target(
        &self,
        item: &Item,
        piece: Option<&PieceView>,
        rule: &OutputRule,
        found: &Path,
    ) -> Result<PathBuf, String> {
        let fields = Fields { item: Some(item), piece, ..Fields::default() };
        let relative = match &rule.to {
            Some(to) => PathBuf::from(to.expand(&fields)?),
            None => found.to_path_buf(),
        };
        place_below(&self.output_folder(item)?, &relative)
    }

    /// The target of an output, where it is known before the step has run: that of a piece where the piece is given.
    #[must_use]
    pub fn known_target(
        &self,
        item: &Item,
        piece: Option<&PieceView>,
        rule: &OutputRule,
    ) -> Option<Result<PathBuf, String>> {
        let fields = Fields { item: Some(item), piece, ..Fields::default() };
        let from = rule.from.expand(&fields).map(PathBuf::from);
        match from {
            Ok(from) if rule.to.is_some() || !is_glob(&rule.from) => Some(self.target(item, piece, rule, &from)),
            Ok(_) => None,
            Err(why) => Some(Err(why)),
        }
    }
}

/// Whether the pattern holds a star or a question mark of its own: those in a file's name do not count.
#[must_use]
pub fn is_glob(template: &Template) -> bool {
    template.segments.iter().any(|segment| matches!(segment, Segment::Literal(text) if text.contains(['*', '?'])))
}
