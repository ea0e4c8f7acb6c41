//! What happens when a step does not run: `match`, `optional`, `on_open`, `fallback`; and whose times its files get.

use super::Checker;
use crate::pipeline::diagnostic::Diagnostic;
use crate::pipeline::plan::OnOpen;
use crate::pipeline::spec::StepSpec;
use crate::pipeline::suggest;

impl Checker<'_, '_, '_> {
    pub(super) fn policy(&mut self, step: &StepSpec<'_>) {
        let title = step.title();
        if let Some((span, _)) = step.matches.as_ref().filter(|_| self.is_batch(step)) {
            let message = format!("{title} runs once over the whole batch, so there is no file name to match");
            self.error(span.clone(), message, "put `match` into the steps that it reads".to_owned());
        }
        if let Some(span) = step.times.as_ref().filter(|_| self.is_batch(step)) {
            let message =
                format!("{title} runs once over the whole batch, so there is no one input whose time it could keep");
            self.error(span.clone(), message, "leave `times` out".to_owned());
        }
        if let Some(span) = step.times.as_ref().filter(|_| self.spec.generate.is_some() && !self.is_batch(step)) {
            let message = format!("{title} could keep the time of its item's file, and a generated item has none");
            self.error(span.clone(), message, "leave `times` out".to_owned());
        }
        if let Some(span) = step.times.as_ref().filter(|_| step.out.is_empty() && !step.out_broken) {
            let help = "leave `times` out, or name the files that it makes in `out`".to_owned();
            self.warning(span.clone(), format!("{title} has no output that could keep a time"), help);
        }
        if let Some((span, on_open)) = &step.on_open {
            if *on_open == OnOpen::Skip && !step.optional {
                let message = format!("{title} cannot be skipped: it is not optional");
                self.error(span.clone(), message, "add `optional = true`, or park it: on_open = \"park\"".to_owned());
            }
            if self.tool_of(step).is_none() && step.uses.is_some() && step.resources.is_none() {
                let help = "name it: tool = \"NAME\"; or leave `on_open` out".to_owned();
                self.warning(span.clone(), format!("{title} has no dependency whose breaker could open"), help);
            }
            if *on_open == OnOpen::Fallback && !step.out_broken {
                self.stand_ins(step, span);
            }
        }
        let falls_back = matches!(step.on_open, Some((_, OnOpen::Fallback)));
        if let (Some(key), false, false) = (&step.fallback_key, falls_back, step.optional || step.matches.is_some()) {
            let message = format!("the `fallback` of {title} is never used");
            self.error(key.clone(), message, "add on_open = \"fallback\", optional = true or a `match`".to_owned());
        }
        if step.out_broken {
            return;
        }
        for (name, (key, _)) in &step.fallback {
            if !step.out.contains_key(name) {
                let help = suggest::help(name, step.out.keys().map(String::as_str));
                self.error(key.clone(), format!("{title} has no output `{name}` to stand in for"), help);
            }
        }
    }

    /// Under `on_open = "fallback"` the item goes on as if the step had run, so each output needs a stand-in.
    fn stand_ins(&mut self, step: &StepSpec<'_>, span: &super::Span) {
        let missing: Vec<&String> = step.out.keys().filter(|name| !step.fallback.contains_key(*name)).collect();
        if step.out.is_empty() {
            let message = format!("{} has no output that a fallback could stand in for", step.title());
            self.error(span.clone(), message, "use on_open = \"park\", or \"skip\" with optional = true".to_owned());
        } else if !missing.is_empty() {
            let names: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
            let message = format!("{} has no stand-in for {}", step.title(), names.join(", "));
            let entries: Vec<String> = missing.iter().map(|name| format!("{name} = \"FILE\"")).collect();
            self.error(span.clone(), message, format!("add: fallback = {{ {} }}", entries.join(", ")));
        }
    }

    /// A step that must run, but reads one that may be skipped, is skipped along with it: few expect that.
    pub(super) fn skipped_along(&mut self) {
        for (index, step) in self.spec.steps.iter().enumerate() {
            if step.optional || self.is_batch(step) {
                continue;
            }
            let mut told = Vec::new();
            for (target, span) in &self.links[index].reads {
                let other = &self.spec.steps[*target];
                let covered = !other.out.is_empty() && other.out.keys().all(|name| other.fallback.contains_key(name));
                if other.optional && !covered && !told.contains(target) {
                    told.push(*target);
                    let message = format!("{} is skipped too when {} is", step.title(), other.title());
                    let wrong = Diagnostic::warning(message).at(span.clone()).label("this step is optional");
                    self.found.push(wrong.help("say so with `optional = true`, or give the other a `fallback`"));
                }
            }
        }
    }
}
