//! The dependencies of the steps, and what the pipeline says of dependencies.

use std::path::Path;

use super::Checker;
use crate::pipeline::spec::{Span, StepSpec, ToolSection};
use crate::pipeline::suggest;

impl Checker<'_, '_, '_> {
    /// What is said of a tool that no step uses is most likely a slip of the pen.
    pub(super) fn tools(&mut self) {
        // Where a step's action could not be read, its tool is not known either.
        if self.spec.steps.iter().any(|step| step.run.is_none() && step.uses.is_none()) {
            return;
        }
        let mut used: Vec<String> = self.spec.steps.iter().filter_map(|step| self.tool_of(step)).collect();
        // Those that nothing uses are told of themselves.
        used.extend(self.spec.resources.keys().cloned());
        for (name, section) in &self.spec.tools {
            self.of_resource(name, section);
            // `required = true` is a wish of its own: a script may need what no step names.
            if !used.contains(name) && section.tool.required != Some(true) {
                for key in &section.keys {
                    self.unused(name, key, &used);
                }
            }
        }
        for (name, section) in &self.spec.breakers {
            if !used.contains(name) {
                self.unused(name, &section.key, &used);
            }
        }
    }

    /// Of a resource there is only to say whether it is required.
    fn of_resource(&mut self, name: &str, section: &ToolSection) {
        let tool = &section.tool;
        let said = [
            ("probe", tool.probe.is_some()),
            ("version", tool.version.is_some()),
            ("least", tool.least.is_some()),
            ("hint", tool.hint.is_some()),
            ("canary", tool.canary.is_some()),
            ("faults", !tool.faults.is_empty()),
        ];
        if let (true, Some(key)) = (self.spec.resources.contains_key(name), section.keys.last()) {
            for (word, _) in said.into_iter().filter(|(_, is_said)| *is_said) {
                let message = format!("`{word}` is for tools, and `{name}` is a resource");
                let help = "of a resource, `[health]` says whether it is required: { required = false }";
                self.error(key.clone(), message, help.to_owned());
            }
        }
    }

    fn unused(&mut self, name: &str, key: &Span, used: &[String]) {
        let help = suggest::closest(name, used.iter().map(String::as_str)).map_or_else(
            || format!("a step names it by its program, or with tool = \"{name}\""),
            |near| format!("did you mean `{near}`?"),
        );
        self.warning(key.clone(), format!("no step uses `{name}`"), help);
    }

    /// The dependency of `step`: what it says, or else the program it runs, or that it needs for one of its outputs.
    pub(super) fn tool_of(&self, step: &StepSpec<'_>) -> Option<String> {
        if let Some(tool) = &step.tool {
            return Some(tool.text.clone());
        }
        let Some((_, run)) = step.run.as_ref() else {
            let uses = step.uses.as_ref()?;
            return step.out.keys().find_map(|output| self.builtins.tool(&uses.text, output));
        };
        let program = &run.first()?.template;
        if !program.is_literal() {
            return None;
        }
        let name = Path::new(program.literal_prefix()).file_name()?;
        Some(name.to_string_lossy().into_owned())
    }
}
