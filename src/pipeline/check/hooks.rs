//! Hooks: a step that works with a resource, its parameters, and what it can be told of.

use super::Checker;
use super::refs::Found;
use crate::pipeline::builtins::Asked;
use crate::pipeline::hooks::{Hook, HookOn};
use crate::pipeline::spec::{HookSpec, Span, Text};
use crate::pipeline::suggest;
use crate::pipeline::template::Field;

impl HookOn {
    /// Whether it is for each item, rather than for the batch.
    const fn is_of_item(self) -> bool {
        matches!(self, Self::ItemDone | Self::ItemFailed)
    }
}

impl Checker<'_, '_, '_> {
    pub(super) fn hooks(&mut self) {
        for hook in &self.spec.hooks {
            if let Some(uses) = &hook.uses {
                self.hook_action(hook, uses);
            }
            for written in hook.with.iter().flat_map(|with| &with.texts) {
                for (field, span) in written.template.fields() {
                    self.hook_field(hook, field, written.text.part(span));
                }
            }
        }
    }

    fn hook_action(&mut self, hook: &HookSpec<'_>, uses: &Text) {
        if !self.is_known(&uses.text) {
            return self.unknown_builtin(uses);
        }
        let Some(kind) = self.builtins.resource_kind(&uses.text) else {
            let message = format!("`{}` works with no resource, and hooks are for steps that do", uses.text);
            let names = self.builtins.names();
            let fit: Vec<String> = names
                .iter()
                .filter(|name| self.builtins.resource_kind(name).is_some() && self.makes_nothing(name))
                .map(|name| format!("`{name}`"))
                .collect();
            return self.error(uses.span.clone(), message, format!("there are {}", fit.join(", ")));
        };
        if !self.makes_nothing(&uses.text) {
            let message = format!("`{}` reads or makes a file, and a hook does neither", uses.text);
            return self.error(uses.span.clone(), message, "make it a step: [[step]]".to_owned());
        }
        self.parameters(uses, hook.with.as_ref());
        let with = hook.with.as_ref().map_or(&serde_json::Value::Null, |with| &with.value);
        if let Some(problem) = self.builtins.misfit(&uses.text, with, &Asked { inputs: 0, outputs: Vec::new() }) {
            let span =
                hook.with.as_ref().map_or_else(|| uses.span.clone(), |with| with.place(&problem.path, problem.key));
            self.error(span, problem.message, problem.suggestion);
        }
        if let Some((key, names)) = &hook.resources {
            for name in names {
                self.is_resource(name);
            }
            if names.len() > 1 {
                let message = "a hook works with one resource".to_owned();
                return self.error(key.clone(), message, "leave the others out".to_owned());
            }
        }
        self.works_with(uses, kind, hook.resources.as_ref());
        self.clash(uses, kind, hook.resources.as_ref(), hook.with.as_ref());
    }

    /// Whether `name` needs neither a file to read nor a place for one.
    fn makes_nothing(&self, name: &str) -> bool {
        let outputs = self.builtins.outputs(name).unwrap_or_default();
        let must = outputs.iter().any(|(_, required)| *required) || !self.builtins.one_of(name).is_empty();
        !must && !self.builtins.reads_file(name)
    }

    fn hook_field(&mut self, hook: &HookSpec<'_>, field: &Field, span: Span) {
        let of_item = hook.on.is_of_item();
        match field {
            // What is wrong with data was told when it was filled in.
            Field::Run(_) | Field::Resource { .. } => {}
            Field::Fault(_) if hook.on == HookOn::ItemFailed => {}
            Field::Fault(_) => {
                let message = format!("`{field}` makes no sense in this hook: it is called for no failure of an item");
                self.error(span, message, "write it into a hook of failed items: [[hooks.on_fail]]".to_owned());
            }
            Field::Item(_) | Field::ItemValue(_) | Field::Step { .. } | Field::Content { .. } if !of_item => {
                let message = format!("`{field}` makes no sense in a hook of the batch, which has no single item");
                let help =
                    "it knows the run: `{run.id}`, `{run.done}`, `{run.failed}`; or say for = \"item\"".to_owned();
                self.error(span, message, help);
            }
            Field::Item(field) => {
                self.is_of_no_file(*field, &span);
            }
            Field::ItemValue(name) => self.item_value(name, span),
            Field::Step { step, name } => {
                self.hook_reads(step, name, &span);
            }
            Field::Content { step, name } => {
                if matches!(self.hook_reads(step, name, &span), Some(Found::Value)) {
                    let message = format!("`{step}.{name}` is a value, not a file with a content");
                    self.error(span, message, Some(format!("write `{{{step}.{name}}}`")));
                }
            }
            Field::In | Field::Scratch | Field::Out(_) | Field::Piece(_) | Field::Pool(_) => {
                let message = format!("`{field}` makes no sense in a hook");
                let help =
                    "a hook knows `{item.*}`, what steps made (`{STEP.NAME}`), `{run.*}` and `{fault.*}`".to_owned();
                self.error(span, message, help);
            }
        }
    }

    /// `{STEP.NAME}` in a hook of an item.
    fn hook_reads(&mut self, step: &str, name: &str, span: &Span) -> Option<Found> {
        let Some(&target) = self.ids.get(step) else {
            let help = suggest::help(step, self.step_ids());
            self.error(span.clone(), format!("there is no step `{step}`"), help);
            return None;
        };
        let maker = &self.spec.steps[target];
        let why = if self.is_batch(maker) {
            "runs once, when all items are done, and this hook is called for each item"
        } else if maker.each.is_some() || self.is_many(target, name) {
            "makes several for each item, and here is room for one"
        } else {
            return self.made_by(target, name, span);
        };
        self.error(span.clone(), format!("{} {why}", maker.title()), None);
        None
    }

    /// The hooks of the plan.
    pub(super) fn planned_hooks(&self) -> Vec<Hook> {
        let one = |hook: &HookSpec<'_>| {
            let resource = hook.resources.as_ref()?.1.first()?.text.clone();
            let with = hook.with.as_ref().map_or_else(|| serde_json::json!({}), |with| with.value.clone());
            Some(Hook { on: hook.on, uses: hook.uses.as_ref()?.text.clone(), resource, with })
        };
        self.spec.hooks.iter().filter_map(one).collect()
    }
}
