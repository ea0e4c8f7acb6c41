//! Is there such a built-in step, does it take these parameters, does it make these outputs?

use super::Checker;
use crate::pipeline::builtins::{Asked, ParamProblem};
use crate::pipeline::diagnostic::Diagnostic;
use crate::pipeline::spec::{StepSpec, Text, WithSpec};
use crate::pipeline::suggest;
use crate::pipeline::template::{Field, ItemField, Segment};

impl Checker<'_, '_, '_> {
    pub(super) fn action(&mut self, step: &StepSpec<'_>) {
        if step.run.is_some() {
            self.could_be_options(step);
        } else if let Some(uses) = &step.uses {
            if self.is_known(&uses.text) {
                self.parameters(uses, step.with.as_ref());
                self.values_as_parameters(step, uses);
                self.outputs_of_builtin(step, uses);
            } else {
                self.unknown_builtin(uses);
            }
            if let Some((_, first)) = step.env.first() {
                let help = "a built-in step starts no program; its parameters stand in `with`".to_owned();
                self.warning(first.text.span.clone(), "`env` has no effect on a built-in step", help);
            }
        }
    }

    /// What is wrong with, and doubtful about, the parameters of a step or a hook.
    pub(super) fn parameters(&mut self, uses: &Text, with: Option<&WithSpec<'_>>) {
        let none = serde_json::Value::Object(serde_json::Map::new());
        let value = with.map_or(&none, |with| &with.value);
        let place = |problem: &ParamProblem| {
            with.map_or_else(|| uses.span.clone(), |with| with.place(&problem.path, problem.key))
        };
        for problem in self.builtins.check(&uses.text, value) {
            let wrong = Diagnostic::error(&problem.message).at(place(&problem)).maybe_help(problem.suggestion);
            self.found.push(wrong.note(format!("`mediamill steps {}` describes its parameters", uses.text)));
        }
        for doubt in self.builtins.doubts(&uses.text, value) {
            self.warning(place(&doubt), doubt.message, doubt.suggestion);
        }
    }

    /// There is no step called `uses`.
    pub(super) fn unknown_builtin(&mut self, uses: &Text) {
        let names = self.builtins.names();
        let message = format!("there is no built-in step `{}`", uses.text);
        let help = suggest::closest(&uses.text, names.iter().map(String::as_str));
        let help = help.map_or_else(
            || "`mediamill steps` lists them; a program of your own is started with `run`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        self.error(uses.span.clone(), message, help);
    }

    fn outputs_of_builtin(&mut self, step: &StepSpec<'_>, uses: &Text) {
        let known = self.builtins.outputs(&uses.text);
        if let Some(known) = &known {
            for (name, out) in step.out.iter().filter(|(name, _)| known.iter().all(|(known, _)| known != *name)) {
                let help = suggest::help(name, known.iter().map(|(known, _)| known.as_str()));
                self.error(out.key.clone(), format!("`{}` makes no output `{name}`", uses.text), help);
            }
        }
        if step.out_broken {
            return;
        }
        let outputs = step.out.iter().map(|(name, out)| (name.as_str(), out.from.template.source.as_str())).collect();
        // Where nothing is said it reads the item, if it reads files at all.
        let unsaid = usize::from(self.builtins.reads_file(&uses.text));
        let asked = Asked { inputs: step.input.len().max(unsaid), outputs };
        let with = step.with.as_ref().map_or(&serde_json::Value::Null, |with| &with.value);
        if let Some(problem) = self.builtins.misfit(&uses.text, with, &asked).filter(|_| !step.out_broken) {
            let span = match &step.with {
                Some(with) if !problem.path.is_empty() => with.place(&problem.path, problem.key),
                _ => uses.span.clone(),
            };
            self.error(span, problem.message, problem.suggestion);
        }
        for (name, _) in known.iter().flatten().filter(|(name, required)| *required && !step.out.contains_key(name)) {
            let message = format!("`{}` needs a place for its output `{name}`", uses.text);
            let help = format!("add it: out = {{ {name} = \"{{item.stem}}.EXTENSION\" }}");
            self.error(uses.span.clone(), message, help);
        }
        let one_of = self.builtins.one_of(&uses.text);
        if !one_of.is_empty() && one_of.iter().all(|name| !step.out.contains_key(name)) {
            let message = format!("`{}` needs a place for one of its outputs: {}", uses.text, one_of.join(", "));
            let help = one_of.first().map(|name| format!("add it: out = {{ {name} = \"{{item.stem}}.{name}\" }}"));
            self.error(uses.span.clone(), message, help);
        }
    }

    /// A file may be called `-rf`. Paths are absolute, so only bare names can be taken for options.
    fn could_be_options(&mut self, step: &StepSpec<'_>) {
        for argument in step.run.iter().flat_map(|(_, run)| run).skip(1) {
            let Some(Segment::Field(field, span)) = argument.template.segments.first() else { continue };
            let is_made = self.spec.generate.is_some();
            let could_be = match field {
                Field::Item(ItemField::Name | ItemField::Stem | ItemField::Ext | ItemField::Dir) => !is_made,
                Field::ItemValue(name) => self.could_begin_with_dash(name),
                _ => false,
            };
            if could_be && is_made {
                let message = format!("an argument that begins with `{field}` can be read as an option");
                let wrong = Diagnostic::warning(message).at(argument.text.part(span));
                let wrong = wrong.label("some text begins with `-`");
                self.found.push(wrong.help(format!("put text before it: `--text={field}`, `label:{field}`")));
            } else if could_be {
                let message = format!("an argument that begins with `{field}` can be read as an option");
                let wrong = Diagnostic::warning(message).at(argument.text.part(span));
                let wrong = wrong.label("some file is called `-f`");
                self.found.push(wrong.help(format!(
                    "put text before it: `./{field}`, `--name={field}`; the file itself is `{{in}}`, which is always absolute"
                )));
            }
        }
    }
}
