//! Resources: do their settings fit, is there such a resource, and is it of the kind that the step works with?

use indexmap::IndexSet;

use super::Checker;
use crate::pipeline::diagnostic::Diagnostic;
use crate::pipeline::spec::{ResourceSection, Span, StepSpec, Text, WithSpec};
use crate::pipeline::suggest;
use crate::resources::settings::{ResourceKind, ResourceSpec};

impl<'s> Checker<'s, '_, '_> {
    /// What the resources themselves say, and who uses them.
    pub(super) fn resources(&mut self) {
        let spec = self.spec;
        let used = self.used_resources();
        for (name, resource) in &spec.resources {
            self.settings(resource);
            if !used.contains(name.as_str()) && !resource.is_read {
                let help = match resource.kind {
                    Some(ResourceKind::Static) => format!("a placeholder reads it: {{resources.{name}.KEY}}"),
                    _ => format!("a step names it: resources = [\"{name}\"]"),
                };
                self.warning(resource.key.clone(), format!("no step and no hook uses the resource `{name}`"), help);
            }
            let namesake = spec.steps.iter().find(|step| self.tool_of(step).as_deref() == Some(name.as_str()));
            if let Some(step) = namesake {
                let message = format!("the resource `{name}` is called as the tool of {}", step.title());
                let wrong = Diagnostic::error(message).at(resource.key.clone());
                self.found.push(wrong.help("give it another name: the health and the breaker of both go by it"));
            }
        }
    }

    fn settings(&mut self, resource: &ResourceSection<'_>) {
        let (Some(kind), Some(settings)) = (resource.kind, &resource.settings) else { return };
        for problem in self.builtins.check_resource(kind, &settings.value) {
            let common = match problem.path.as_slice() {
                [key] if problem.key => suggest::closest(key, ["kind", "pool"]),
                _ => None,
            };
            let help = common.map(|near| format!("did you mean `{near}`?")).or(problem.suggestion);
            let span = settings.place(&problem.path, problem.key);
            let wrong = Diagnostic::error(problem.message).at(span).maybe_help(help);
            self.found.push(wrong.note(format!("`mediamill steps --resource {}` describes the settings", kind.word())));
        }
    }

    /// The resources that a step names: all are there, and one is what it works with.
    pub(super) fn step_resources(&mut self, step: &StepSpec<'_>) {
        let names = step.resources.as_ref().map_or(&[][..], |(_, names)| names);
        for name in names {
            self.is_resource(name);
        }
        if let Some((key, _)) = step.resources.as_ref().filter(|_| self.is_batch(step)) {
            let message = format!("{} runs once over the whole batch, and works with no resource", step.title());
            self.error(key.clone(), message, "take `resources` out".to_owned());
        }
        let Some(uses) = step.uses.as_ref().filter(|_| step.run.is_none()) else { return };
        if let Some(kind) = self.builtins.resource_kind(&uses.text) {
            self.works_with(uses, kind, step.resources.as_ref());
            self.clash(uses, kind, step.resources.as_ref(), step.with.as_ref());
        }
    }

    /// What the resource that `uses` works with cannot do for it.
    pub(super) fn clash(
        &mut self,
        uses: &Text,
        kind: ResourceKind,
        named: Option<&(Span, Vec<Text>)>,
        with: Option<&WithSpec<'_>>,
    ) {
        let names = named.map_or(&[][..], |(_, names)| names);
        let of_kind = |name: &Text| self.spec.resources.get(&name.text).filter(|resource| resource.kind == Some(kind));
        let Some(settings) = names.iter().find_map(of_kind).and_then(|resource| resource.settings.as_ref()) else {
            return;
        };
        let none = serde_json::Value::Object(serde_json::Map::new());
        let parameters = with.map_or(&none, |with| &with.value);
        // What is wrong with either of them is told by itself.
        let is_good = self.builtins.check_resource(kind, &settings.value).is_empty()
            && self.builtins.check(&uses.text, parameters).is_empty();
        if let Some(problem) = is_good.then(|| self.builtins.clash(&uses.text, parameters, &settings.value)).flatten() {
            let span = match with {
                Some(with) if !problem.path.is_empty() => with.place(&problem.path, problem.key),
                _ => uses.span.clone(),
            };
            self.error(span, problem.message, problem.suggestion);
        }
    }

    pub(super) fn is_resource(&mut self, name: &Text) {
        if !self.spec.resources.contains_key(&name.text) {
            let help = suggest::help(&name.text, self.spec.resources.keys().map(String::as_str))
                .unwrap_or_else(|| format!("add it: [resources.{}] with a `kind`", name.text.escape_debug()));
            self.error(name.span.clone(), format!("there is no resource `{}`", name.text.escape_debug()), help);
        }
    }

    /// `uses` works with one resource of `kind`, and so one of those named must be it.
    pub(super) fn works_with(&mut self, uses: &Text, kind: ResourceKind, named: Option<&(Span, Vec<Text>)>) {
        let word = kind.word();
        let (span, names) = named.map_or((&uses.span, &[][..]), |(key, names)| (key, names));
        let resources = &self.spec.resources;
        // One that is not there, or whose kind cannot be read, may be the one that was meant.
        let is_told = |name: &Text| resources.get(&name.text).is_none_or(|resource| resource.kind.is_none());
        let is_fit = |name: &&Text| resources.get(&name.text).is_some_and(|resource| resource.kind == Some(kind));
        let fit: IndexSet<&str> = names.iter().filter(is_fit).map(|name| name.text.as_str()).collect();
        if fit.len() == 1 || names.iter().any(is_told) {
            return;
        }
        if fit.len() > 1 {
            let listed: Vec<String> = fit.iter().map(|name| format!("`{name}`")).collect();
            let message = format!(
                "`{}` works with one resource of kind {word}, and here are {}",
                uses.text,
                listed.join(" and ")
            );
            self.error(span.clone(), message, format!("leave one of them out: resources = [\"{}\"]", fit[0]));
            return;
        }
        let there: Vec<&str> =
            resources.iter().filter(|(_, other)| other.kind == Some(kind)).map(|(name, _)| name.as_str()).collect();
        let help = match there.as_slice() {
            [] => format!("add one, and name it here: [resources.NAME] with kind = \"{word}\""),
            [one] => format!("add: resources = [\"{one}\"]"),
            several => format!(
                "add one of them: {}",
                several.iter().map(|name| format!("resources = [\"{name}\"]")).collect::<Vec<_>>().join(", ")
            ),
        };
        let message = match names {
            [] => format!("`{}` works with a resource of kind {word}, and none is named", uses.text),
            _ => format!("`{}` works with a resource of kind {word}, and none of those named is one", uses.text),
        };
        self.error(span.clone(), message, help);
    }

    /// The resources that steps and hooks name.
    fn used_resources(&self) -> IndexSet<&'s str> {
        let of_steps = self.spec.steps.iter().filter_map(|step| step.resources.as_ref());
        let of_hooks = self.spec.hooks.iter().filter_map(|hook| hook.resources.as_ref());
        of_steps.chain(of_hooks).flat_map(|(_, names)| names).map(|name| name.text.as_str()).collect()
    }

    /// The resources of the plan: those that steps and hooks name.
    pub(super) fn planned_resources(&self) -> Vec<ResourceSpec> {
        let used = self.used_resources();
        let one = |(name, resource): (&String, &ResourceSection<'_>)| {
            let settings = resource.settings.as_ref()?.value.clone();
            Some(ResourceSpec { name: name.clone(), kind: resource.kind?, pool: resource.pool, settings })
        };
        self.spec.resources.iter().filter(|(name, _)| used.contains(name.as_str())).filter_map(one).collect()
    }
}
