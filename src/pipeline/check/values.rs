//! Do the values of generated items suit the parameters that they are for?

use std::ops::BitOr;

use serde_json::Value;

use super::Checker;
use super::generate::{kinds, merged};
use crate::pipeline::diagnostic::Diagnostic;
use crate::pipeline::spec::{MadeValue, Spec, StepSpec, Text, ValueSection};
use crate::pipeline::template::{Field, Template};

impl<'s> Checker<'s, '_, '_> {
    /// Tries what is known of each value before it is made in the place of the parameters that read it.
    pub(super) fn values_as_parameters(&mut self, step: &StepSpec<'_>, uses: &Text) {
        let spec: &'s Spec<'_> = self.spec;
        let (Some(section), Some(with)) = (&spec.generate, &step.with) else { return };
        // What is wrong whatever the value is told already.
        if self.is_batch(step) || !self.builtins.check(&uses.text, &with.value).is_empty() {
            return;
        }
        let mut tried: Vec<&ValueSection> = Vec::new();
        for kind in kinds(section) {
            for (name, value) in merged(section, kind.map(|place| &section.specs[place].values)) {
                if tried.iter().any(|other| std::ptr::eq(*other, value)) {
                    continue;
                }
                tried.push(value);
                let filled = value.made.iter().flat_map(extremes).filter_map(|made| filled(&with.value, name, made));
                let told = filled.into_iter().find_map(|with| {
                    let problem = self.builtins.check(&uses.text, &with).into_iter().next();
                    let wrong = problem.map(|problem| (true, problem));
                    wrong.or_else(|| Some((false, self.builtins.doubts(&uses.text, &with).into_iter().next()?)))
                });
                // A doubt about the other parameters is not about this value.
                let stands = |message: &str| {
                    self.builtins.doubts(&uses.text, &with.value).iter().any(|doubt| doubt.message == message)
                };
                let Some((is_error, problem)) = told.filter(|(error, told)| *error || !stands(&told.message)) else {
                    continue;
                };
                let message = format!("{} cannot take `{name}`: {}", step.title(), problem.message);
                let wrong = if is_error { Diagnostic::error(message) } else { Diagnostic::warning(message) };
                self.found.push(wrong.at(value.key.clone()).maybe_help(problem.suggestion));
            }
        }
    }
}

/// The values that are known, or the least and the largest.
fn extremes(made: &MadeValue) -> Vec<Value> {
    match made {
        MadeValue::Fixed(value) => vec![value.clone()],
        MadeValue::Whole { from, to } => vec![Value::from(*from), Value::from(*to)],
        MadeValue::Number { from, to } => vec![Value::from(*from), Value::from(*to)],
        MadeValue::OneOf(values) => values.clone(),
        MadeValue::Lines { .. } | MadeValue::Words { .. } | MadeValue::Template(_) => Vec::new(),
    }
}

/// The parameters with `value` in the place of every `{item.NAME}` that stands alone. Nothing where there is none.
fn filled(with: &Value, name: &str, value: Value) -> Option<Value> {
    fn fill(with: &mut Value, name: &str, value: &Value) -> bool {
        match with {
            Value::String(text) => {
                let template = Template::parse(text).ok();
                let field = template.as_ref().and_then(Template::whole_field);
                let is_it = matches!(field, Some(Field::ItemValue(other)) if other == name);
                if is_it {
                    *with = value.clone();
                }
                is_it
            }
            Value::Array(list) => list.iter_mut().map(|entry| fill(entry, name, value)).fold(false, BitOr::bitor),
            Value::Object(map) => map.values_mut().map(|entry| fill(entry, name, value)).fold(false, BitOr::bitor),
            _ => false,
        }
    }
    let mut with = with.clone();
    fill(&mut with, name, &value).then_some(with)
}
