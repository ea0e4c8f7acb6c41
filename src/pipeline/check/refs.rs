//! What placeholders and `after` name: is it there, and does it make sense in this place?

use super::Checker;
use crate::pipeline::diagnostic::Diagnostic;
use crate::pipeline::spec::{Span, StepSpec, Written};
use crate::pipeline::suggest;
use crate::pipeline::template::{Field, ItemField};

/// Where a placeholder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Run,
    Env,
    With,
    Input,
    Fallback,
    OutName,
    OutputDir,
}

impl Place {
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Run => "`run`",
            Self::Env => "`env`",
            Self::With => "`with`",
            Self::Input => "`in`",
            Self::Fallback => "`fallback`",
            Self::OutName => "`out`",
            Self::OutputDir => "`dir`",
        }
    }

    /// Whether it names a file rather than any text.
    const fn is_file(self) -> bool {
        matches!(self, Self::Input | Self::Fallback)
    }
}

/// What a step's `{STEP.NAME}` turned out to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found {
    File,
    Value,
}

impl Checker<'_, '_, '_> {
    pub(super) fn references(&mut self, index: usize, step: &StepSpec<'_>) {
        let places = [
            (Place::Run, step.run.iter().flat_map(|(_, run)| run).collect::<Vec<_>>()),
            (Place::Env, step.env.values().collect()),
            (Place::With, step.with.iter().flat_map(|with| &with.texts).collect()),
            (Place::Input, step.input.iter().collect()),
            (Place::Fallback, step.fallback.values().map(|(_, written)| written).collect()),
            (Place::OutName, step.out.values().flat_map(|out| [Some(&out.from), out.to.as_ref()]).flatten().collect()),
        ];
        for (place, texts) in places {
            for written in texts {
                self.fields(index, step, place, written);
            }
        }
        self.after(index, step);
    }

    fn fields(&mut self, index: usize, step: &StepSpec<'_>, place: Place, written: &Written) {
        let batch = self.is_batch(step);
        for (field, span) in written.template.fields() {
            let span = written.text.part(span);
            match field {
                Field::In if place == Place::Input => {
                    let help = "leave `in` out: a step reads the item unless it says otherwise".to_owned();
                    self.error(span, "`{in}` cannot say what `in` is", help);
                }
                Field::In if batch && step.input.is_empty() => {
                    let help = "a batch step has no item of its own: say what it reads with `in`".to_owned();
                    self.error(span, format!("{} reads no file that `{{in}}` could be", step.title()), help);
                }
                Field::In if !batch && self.is_no_input(step, &span) => {}
                Field::Item(field) if self.is_of_no_file(*field, &span) => {}
                Field::ItemValue(name) if !batch || place == Place::With => self.item_value(name, span),
                Field::Pool(name) => self.pool_field(step, place, name, span),
                Field::Fault(_) | Field::Run(_) => {
                    let help =
                        "hooks are told of runs and of failures: [[hooks.on_done]], [[hooks.on_fail]]".to_owned();
                    self.error(span, format!("`{field}` makes no sense in {}", place.title()), help);
                }
                Field::Piece(field) => self.piece_field(index, step, place, field, span),
                Field::In | Field::Scratch | Field::Out(_) | Field::Step { .. } | Field::Content { .. }
                    if place == Place::OutName =>
                {
                    self.only_item_fields(span, field, place);
                }
                Field::Content { step: other, name } if place == Place::With => {
                    if matches!(self.other_step(index, step, place, (other, name), span.clone()), Some(Found::Value)) {
                        let message = format!("`{other}.{name}` is a value, not a file with a content");
                        self.error(span, message, Some(format!("write `{{{other}.{name}}}`")));
                    }
                }
                Field::Content { step: other, name } => {
                    let message = format!("`{field}` makes no sense in {}", place.title());
                    let help = format!("the file is `{{{other}.{name}}}`; its content can only be read in `with`");
                    self.error(span, message, Some(help));
                }
                // What is wrong with data was told when it was filled in.
                Field::In | Field::Resource { .. } => {}
                Field::Scratch | Field::Out(_) if matches!(place, Place::Run | Place::Env) => {
                    self.own_output(step, field, span);
                }
                Field::Scratch | Field::Out(_) => {
                    let message = format!("`{field}` makes no sense in {}", place.title());
                    self.error(span, message, Some(senseless(place).to_owned()));
                }
                Field::Item(ItemField::Path) if place == Place::OutName => {
                    let help = "use `{item.name}` or `{item.stem}`".to_owned();
                    self.error(span, "the item's whole path cannot be part of an output's name", help);
                }
                Field::Item(_) | Field::ItemValue(_) if batch && place != Place::With => {
                    let message =
                        format!("`{field}` makes no sense in {}: {} has no single item", place.title(), step.title());
                    self.error(span, message, None);
                }
                Field::Item(_) | Field::ItemValue(_) => {}
                Field::Step { step: other, name } => {
                    self.other_step(index, step, place, (other, name), span);
                }
            }
        }
    }

    pub(super) fn only_item_fields(&mut self, span: Span, field: &Field, place: Place) {
        let message = format!("`{field}` makes no sense in {}", place.title());
        let help = "names of files are made of text and `{item.*}`, so that they are known before the run".to_owned();
        self.error(span, message, help);
    }

    /// `[output] dir` is the item's: nothing has run when it is made.
    pub(super) fn output_dir(&mut self) {
        let Some(dir) = &self.spec.output else { return };
        if dir.text.text.trim().is_empty() {
            let help = "the folder you are in is \".\"; the default is \"out/{item.stem}\"".to_owned();
            self.error(dir.text.span.clone(), "`dir` is empty", help);
        }
        for (field, span) in dir.template.fields() {
            let span = dir.text.part(span);
            match field {
                Field::Item(field) if self.is_of_no_file(*field, &span) => {}
                Field::ItemValue(name) => self.item_value(name, span),
                Field::Item(ItemField::Path) => {
                    let help =
                        "use `{item.stem}`, or `{item.dir}/{item.stem}` to keep the folders of the input".to_owned();
                    self.error(span, "the item's whole path cannot be part of `dir`", help);
                }
                Field::Item(_) | Field::Resource { .. } => {}
                _ => self.only_item_fields(span, field, Place::OutputDir),
            }
        }
    }

    /// `{out}` and `{out.NAME}` of the step itself.
    fn own_output(&mut self, step: &StepSpec<'_>, field: &Field, span: Span) {
        let Field::Out(name) = field else { return };
        if step.out_broken {
            return;
        }
        let names = || step.out.keys().map(String::as_str);
        match name {
            Some(name) if !step.out.contains_key(name) => {
                let help = suggest::help(name, names()).unwrap_or_else(|| add_output(name));
                self.error(span, format!("{} has no output `{name}`", step.title()), help);
            }
            None if step.out.is_empty() => {
                self.error(span, format!("{} has no output", step.title()), add_output("file"));
            }
            None if step.out.len() > 1 => {
                let names: Vec<String> = names().map(|name| format!("`{{out.{name}}}`")).collect();
                let help = format!("say which: {}", names.join(", "));
                self.error(span, format!("{} has several outputs, and `{{out}}` stands for one", step.title()), help);
            }
            _ => {}
        }
    }

    fn other_step(
        &mut self,
        index: usize,
        step: &StepSpec<'_>,
        place: Place,
        (other, name): (&str, &str),
        span: Span,
    ) -> Option<Found> {
        let Some(&target) = self.ids.get(other) else {
            self.unknown_step(step, other, span);
            return None;
        };
        if target == index {
            let help = format!("its own output, while it is made, is `{{out.{name}}}` in `run`");
            self.error(span, format!("{} cannot read what it makes itself", step.title()), help);
            return None;
        }
        let found = self.made_by(target, name, &span);
        self.crosses_batch(step, target, &span);
        self.crosses_pieces((index, step), (target, name), &span);
        if place.is_file() && matches!(found, Some(Found::Value)) {
            let message = format!("`{{{other}.{name}}}` is a value, and {} must be a file", place.title());
            self.error(span.clone(), message, None);
        }
        self.links[index].reads.push((target, span));
        found
    }

    /// What `name` is among the things that step `target` makes; a finding where it is none of them.
    pub(super) fn made_by(&mut self, target: usize, name: &str, span: &Span) -> Option<Found> {
        let maker = &self.spec.steps[target];
        if maker.out.contains_key(name) {
            return Some(Found::File);
        }
        let uses = maker.uses.as_ref().filter(|_| maker.run.is_none());
        let known_values = match uses {
            Some(uses) if !self.is_known(&uses.text) => return None,
            Some(uses) => self.builtins.values(&uses.text),
            None => Some(Vec::new()),
        };
        if maker.out_broken || (uses.is_none() && maker.run.is_none()) {
            return None;
        }
        // Dots reach into a value: what is below it is known when it has run.
        let first = name.split('.').next().unwrap_or(name);
        let Some(values) = known_values else { return Some(Found::Value) };
        if values.iter().any(|value| value == first) {
            return Some(Found::Value);
        }
        let could = uses.and_then(|uses| self.builtins.outputs(&uses.text)).unwrap_or_default();
        let id = maker.id.as_ref().map_or("", |id| id.text.as_str());
        if could.iter().any(|(output, _)| output == name) {
            let help = format!("add it to `out` of step `{id}`");
            self.error(span.clone(), format!("step `{id}` could make `{name}`, but is not asked to"), help);
            return None;
        }
        let names = maker.out.keys().chain(&values).map(String::as_str);
        let help = suggest::help(name, names).unwrap_or_else(|| format!("step `{id}` makes nothing: give it an `out`"));
        let message = if uses.is_some() {
            format!("step `{id}` makes no output and no value `{name}`")
        } else {
            format!("step `{id}` makes no output `{name}`")
        };
        self.error(span.clone(), message, help);
        None
    }

    fn after(&mut self, index: usize, step: &StepSpec<'_>) {
        for name in &step.after {
            match self.ids.get(name.text.as_str()) {
                None => self.unknown_step(step, &name.text, name.span.clone()),
                Some(&target) if target == index => {
                    self.error(name.span.clone(), format!("{} cannot wait for itself", step.title()), None);
                }
                Some(&target) => {
                    self.crosses_batch(step, target, &name.span);
                    self.links[index].after.push((target, name.span.clone()));
                }
            }
        }
    }

    pub(super) fn unknown_step(&mut self, step: &StepSpec<'_>, name: &str, span: Span) {
        let own = step.id.as_ref().map(|id| id.text.as_str());
        let help = suggest::help(name, self.step_ids().filter(|id| Some(*id) != own));
        self.error(span, format!("there is no step `{name}`"), help);
    }

    /// A step of one item cannot wait for a step that runs when all items are done.
    fn crosses_batch(&mut self, step: &StepSpec<'_>, target: usize, span: &Span) {
        let other = &self.spec.steps[target];
        if self.is_batch(other) && !self.is_batch(step) {
            let message = format!(
                "{} runs for each item, but {} runs once, when all items are done",
                step.title(),
                other.title()
            );
            self.found.push(Diagnostic::error(message).at(span.clone()).label("this would never come"));
        }
    }
}

fn add_output(name: &str) -> String {
    format!("name the file it makes: out = {{ {name} = \"{{item.stem}}.EXTENSION\" }}")
}

const fn senseless(place: Place) -> &'static str {
    match place {
        Place::Input => "`in` names what the step reads: the item, or what another step made",
        Place::With => "a built-in step knows where its outputs go: name them in `out`",
        _ => "a stand-in is a file that is there already",
    }
}
