//! `{resources.NAME.KEY}`: data of the pipeline, written in the place of its placeholders before anything else is looked at.

use std::collections::HashSet;

use indexmap::IndexMap;
use serde_json::Value;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::spec::{GenerateSection, MadeValue, ResourceSection, Spec, WithSpec, Written};
use super::suggest;
use super::template::{Field, Segment, Template, escaped};
use crate::resources::secret;
use crate::resources::settings::ResourceKind;

/// Fills every `{resources.NAME.KEY}` of `spec`. What is wrong with one goes to `found`, and leaves it as it is.
pub(super) fn fill(spec: &mut Spec<'_>, found: &mut Diagnostics) {
    let mut resources = std::mem::take(&mut spec.resources);
    let mut filling = Filling { resources: &resources, read: HashSet::new(), found };
    spec.output.iter_mut().for_each(|written| filling.text(written));
    spec.pools.values_mut().filter_map(|pool| pool.covers.as_mut()).for_each(|(_, written)| filling.text(written));
    spec.generate.iter_mut().flat_map(templates).for_each(|written| filling.text(written));
    for step in &mut spec.steps {
        step.run.iter_mut().flat_map(|(_, run)| run).for_each(|written| filling.text(written));
        step.input.iter_mut().chain(step.env.values_mut()).for_each(|written| filling.text(written));
        step.fallback.values_mut().for_each(|(_, written)| filling.text(written));
        for out in step.out.values_mut() {
            [Some(&mut out.from), out.to.as_mut()].into_iter().flatten().for_each(|written| filling.text(written));
        }
        step.with.iter_mut().for_each(|with| filling.with(with));
    }
    spec.hooks.iter_mut().filter_map(|hook| hook.with.as_mut()).for_each(|with| filling.with(with));
    let read = filling.read;
    resources.iter_mut().for_each(|(name, resource)| resource.is_read = read.contains(name));
    spec.resources = resources;
}

/// The templates of the values of generated items.
fn templates(section: &mut GenerateSection) -> impl Iterator<Item = &mut Written> {
    let own = section.specs.iter_mut().flat_map(|spec| spec.values.values_mut());
    section.values.values_mut().chain(own).filter_map(|value| match &mut value.made {
        Some(MadeValue::Template(written)) => Some(written),
        _ => None,
    })
}

struct Filling<'s, 'd> {
    resources: &'s IndexMap<String, ResourceSection<'s>>,
    /// The names of those that are read.
    read: HashSet<String>,
    found: &'d mut Diagnostics,
}

/// Why there is nothing to write in the place of a placeholder, and what would be right.
type Why = (String, Option<String>);

impl<'s> Filling<'s, '_> {
    /// A text that stays one.
    fn text(&mut self, written: &mut Written) {
        self.checked(written, false);
        if let Some(template) = self.filled(&written.template) {
            written.template = template;
        }
    }

    /// Parameters: a text that is one placeholder and nothing else takes the type of what it stands for.
    fn with(&mut self, with: &mut WithSpec<'_>) {
        for written in &mut with.texts {
            self.checked(written, true);
            if let Some(template) = self.filled(&written.template) {
                written.template = template;
            }
        }
        self.value(&mut with.value);
    }

    /// Tells what is wrong with the placeholders of `written`.
    fn checked(&mut self, written: &Written, takes_any: bool) {
        for (field, span) in written.template.fields() {
            let Field::Resource { name, path } = field else { continue };
            self.read.insert(name.clone());
            let is_whole = written.template.whole_field().is_some();
            let why = match self.data(name, path) {
                Ok(Value::Array(_) | Value::Object(_)) if !(takes_any && is_whole) => {
                    let message = format!("`{field}` is a list or a table, and here is room for a text");
                    (message, Some("name one of its parts".to_owned()))
                }
                Ok(Value::String(text)) if text.contains('\0') => {
                    (format!("`{field}` holds a NUL, which no argument or file name can"), None)
                }
                Ok(_) => continue,
                Err(why) => why,
            };
            self.found.push(Diagnostic::error(why.0).at(written.text.part(span)).maybe_help(why.1));
        }
    }

    /// What the placeholder stands for.
    fn data(&self, name: &str, path: &str) -> Result<&'s Value, Why> {
        let Some(resource) = self.resources.get(name) else {
            let fit = self.resources.iter().filter(|(_, other)| other.kind == Some(ResourceKind::Static));
            let help = suggest::help(name, fit.map(|(name, _)| name.as_str()))
                .unwrap_or_else(|| format!("add it: [resources.{name}] with kind = \"static\" and `data`"));
            return Err((format!("there is no resource `{name}`"), Some(help)));
        };
        match resource.kind {
            Some(ResourceKind::Static) | None => {}
            Some(kind) => {
                let message = format!("the resource `{name}` is of kind {}, and holds no data", kind.word());
                return Err((message, Some("placeholders read resources of kind static".to_owned())));
            }
        }
        let none = || (format!("the resource `{name}` has no data"), Some("give it: data = { ... }".to_owned()));
        let mut value = resource.settings.as_ref().and_then(|settings| settings.value.get("data")).ok_or_else(none)?;
        for part in path.split('.') {
            let next = match value {
                Value::Array(list) => part.parse::<usize>().ok().and_then(|place| list.get(place)),
                other => other.get(part),
            };
            value = next.ok_or_else(|| {
                let help = match value {
                    Value::Object(map) => suggest::help(part, map.keys().map(String::as_str)),
                    Value::Array(list) => Some(format!("it is a list of {}, counted from 0", list.len())),
                    _ => Some("what is above it is neither a table nor a list".to_owned()),
                };
                (format!("the data of the resource `{name}` has no `{part}`"), help)
            })?;
        }
        if let Some(variable) = secret::variable_in(value) {
            let message =
                format!("`{{resources.{name}.{path}}}` holds `${{{variable}}}`, which is known to its resource alone");
            let help = "what a variable holds is a secret; a tool reads its environment itself".to_owned();
            return Err((message, Some(help)));
        }
        Ok(value)
    }

    /// The text of the data, where it is one.
    fn text_of(&self, field: &Field) -> Option<String> {
        let Field::Resource { name, path } = field else { return None };
        match self.data(name, path).ok()? {
            Value::Array(_) | Value::Object(_) => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// The template with the data in it; nothing where it reads none.
    fn filled(&self, template: &Template) -> Option<Template> {
        if !template.fields().any(|(field, _)| matches!(field, Field::Resource { .. })) {
            return None;
        }
        let mut segments: Vec<Segment> = Vec::new();
        let mut source = String::new();
        for segment in &template.segments {
            let literal = match segment {
                Segment::Literal(text) => Some(text.clone()),
                Segment::Field(field, _) => self.text_of(field),
            };
            match (literal, segments.last_mut()) {
                (Some(text), Some(Segment::Literal(before))) => {
                    source.push_str(&escaped(&text));
                    before.push_str(&text);
                }
                (Some(text), _) => {
                    source.push_str(&escaped(&text));
                    segments.push(Segment::Literal(text));
                }
                (None, _) => {
                    if let Segment::Field(field, _) = segment {
                        source.push_str(&field.to_string());
                    }
                    segments.push(segment.clone());
                }
            }
        }
        Some(Template { source, segments })
    }

    /// Every text in `value`, which is read as a template again.
    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                let Ok(template) = Template::parse(text) else { return };
                match template.whole_field() {
                    Some(Field::Resource { name, path }) => {
                        if let Ok(data) = self.data(name, path) {
                            *value = as_written(data);
                        }
                    }
                    _ => {
                        if let Some(template) = self.filled(&template) {
                            *text = template.source;
                        }
                    }
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|value| self.value(value)),
            Value::Object(map) => map.values_mut().for_each(|value| self.value(value)),
            _ => {}
        }
    }
}

/// Data as parameters hold it: braces that are text are doubled.
fn as_written(data: &Value) -> Value {
    match data {
        Value::String(text) => escaped(text).into(),
        Value::Array(list) => list.iter().map(as_written).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), as_written(value))).collect(),
        other => other.clone(),
    }
}
