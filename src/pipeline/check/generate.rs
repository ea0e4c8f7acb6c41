//! `[generate]`: can its items be made, and do steps ask of them only what they have?

use std::collections::HashSet;
use std::path::PathBuf;

use indexmap::IndexMap;

use super::Checker;
use crate::pipeline::diagnostic::Diagnostic;
use crate::pipeline::generate::{FACTS, Generate, ItemSpec, LineOrder, Recipe};
use crate::pipeline::spec::{GenerateSection, MadeValue, Span, Spec, StepSpec, ValueSection};
use crate::pipeline::suggest;
use crate::pipeline::template::{Field, ItemField, is_name};

/// What a generated item is called by, as written after `item.`.
const NAMES: [&str; 2] = ["name", "stem"];

impl<'s> Checker<'s, '_, '_> {
    /// The section by itself, before any step is looked at.
    pub(super) fn generate(&mut self) {
        let spec: &'s Spec<'_> = self.spec;
        let Some(section) = &spec.generate else { return };
        if let Some(input) = &spec.input_key {
            let wrong = Diagnostic::error(
                "a pipeline makes its items with `[generate]` or finds them with `[input]`, not both",
            );
            self.found.push(wrong.at(input.clone()).help("take one of the two out"));
        }
        let tables = std::iter::once(&section.values).chain(section.specs.iter().map(|spec| &spec.values));
        for (name, value) in tables.flatten() {
            self.value_name(name, value);
        }
        self.spec_names(section);
        for spec in kinds(section) {
            let kind = spec.map_or(&[][..], |place| std::slice::from_ref(&section.specs[place]));
            let own = kind.first().map(|spec| &spec.values);
            let all = merged(section, own);
            for (name, value) in &all {
                // What is common to all kinds is told once; what needs a value of one kind, with each kind that lacks it.
                let title = kind.first().and_then(|spec| spec.name.as_ref()).map(|name| name.text.as_str());
                self.value_template(section, &all, name, value, title);
            }
            self.circles(&all);
        }
    }

    fn value_name(&mut self, name: &str, value: &ValueSection) {
        if !is_name(name) {
            let help = "letters, digits, `-` and `_`, beginning with a letter or digit".to_owned();
            self.error(value.key.clone(), format!("`{name}` cannot be the name of a value"), help);
        } else if FACTS.contains(&name) || ItemField::from_name(name).is_some() {
            let message = format!("`{name}` is taken: every item has a `{{item.{name}}}`");
            self.error(value.key.clone(), message, "give the value another name".to_owned());
        }
    }

    fn spec_names(&mut self, section: &GenerateSection) {
        let mut seen = HashSet::new();
        for name in section.specs.iter().filter_map(|spec| spec.name.as_ref()) {
            if !is_name(&name.text) {
                let help = "letters, digits, `-` and `_`, beginning with a letter or digit".to_owned();
                self.error(name.span.clone(), format!("`{}` cannot be the name of a spec", name.text), help);
            } else if !seen.insert(name.text.as_str()) {
                self.error(
                    name.span.clone(),
                    format!("two specs are called `{}`", name.text),
                    "give this one another name".to_owned(),
                );
            }
        }
    }

    /// The placeholders of a value that is a template.
    fn value_template(
        &mut self,
        section: &GenerateSection,
        all: &IndexMap<&str, &ValueSection>,
        name: &str,
        value: &ValueSection,
        kind: Option<&str>,
    ) {
        let Some(MadeValue::Template(written)) = &value.made else { return };
        for (field, span) in written.template.fields() {
            let span = written.text.part(span);
            match field {
                Field::ItemValue(other) if other == "spec" && section.specs.is_empty() => self.no_specs(section, span),
                Field::ItemValue(other) if FACTS.contains(&other.as_str()) => {}
                Field::ItemValue(other) if all.contains_key(other.as_str()) => {
                    self.used.insert(other.clone());
                }
                Field::ItemValue(other) => match kind.filter(|_| self.is_value(section, other)) {
                    Some(kind) => self.lacks(section, other, kind, span),
                    None => self.unknown_value(section, other, span),
                },
                Field::Resource { .. } => {}
                Field::Item(field) if NAMES.contains(&field.name()) => {}
                Field::Item(field) => self.no_file(*field, span),
                _ => {
                    let message = format!("`{field}` makes no sense in the value `{name}`");
                    let help = "a value is made of text and `{item.*}`: no step has run when it is made".to_owned();
                    self.error(span, message, help);
                }
            }
        }
    }

    /// Values that need each other.
    fn circles(&mut self, all: &IndexMap<&str, &ValueSection>) {
        let needs = |name: &str| -> Vec<String> {
            let Some(MadeValue::Template(written)) = all.get(name).and_then(|value| value.made.as_ref()) else {
                return Vec::new();
            };
            let value = |(field, _): (&Field, _)| match field {
                Field::ItemValue(name) => Some(name.clone()),
                _ => None,
            };
            written.template.fields().filter_map(value).collect()
        };
        for (name, value) in all {
            let mut reached = HashSet::new();
            let mut open = needs(name);
            while let Some(next) = open.pop() {
                if reached.insert(next.clone()) {
                    open.extend(needs(&next));
                }
            }
            if reached.contains(*name) {
                self.error(
                    value.key.clone(),
                    format!("the value `{name}` needs itself"),
                    "take one of them out of the circle".to_owned(),
                );
                return;
            }
        }
    }

    fn is_value(&self, section: &GenerateSection, name: &str) -> bool {
        section.values.contains_key(name) || section.specs.iter().any(|spec| spec.values.contains_key(name))
    }

    /// `{item.NAME}` of a step or of the output folder, where NAME is nothing that every item has.
    pub(super) fn item_value(&mut self, name: &str, span: Span) {
        let spec: &'s Spec<'_> = self.spec;
        let Some(section) = &spec.generate else {
            let help = if FACTS.contains(&name) {
                "only the items of `[generate]` have one".to_owned()
            } else {
                match suggest::closest(name, ItemField::NAMES) {
                    Some(near) => format!("did you mean `{{item.{near}}}`?"),
                    None => format!("there are {}", placeholders(ItemField::NAMES)),
                }
            };
            return self.error(span, format!("an item has no `{name}`"), help);
        };
        self.used.insert(name.to_owned());
        if name == "spec" && section.specs.is_empty() {
            return self.no_specs(section, span);
        }
        if FACTS.contains(&name) || section.values.contains_key(name) {
            return;
        }
        if !self.is_value(section, name) {
            return self.unknown_value(section, name, span);
        }
        let without = section.specs.iter().filter(|spec| !spec.values.contains_key(name));
        let without: Vec<&str> = without.filter_map(|spec| Some(spec.name.as_ref()?.text.as_str())).collect();
        if let Some(kind) = without.first() {
            self.lacks(section, name, kind, span);
        }
    }

    fn lacks(&mut self, section: &GenerateSection, name: &str, kind: &str, span: Span) {
        let has = section.specs.iter().filter(|spec| spec.values.contains_key(name));
        let has: Vec<String> = has.filter_map(|spec| Some(format!("`{}`", spec.name.as_ref()?.text))).collect();
        let message = format!("items of the spec `{kind}` have no `{name}`");
        let wrong = Diagnostic::error(message).at(span);
        let wrong = wrong.note(format!("it is a value of {} only", has.join(", ")));
        self.found
            .push(wrong.help(format!("give `{kind}` one too, or all items in `[generate.values]`: {name} = ...")));
    }

    fn no_specs(&mut self, section: &GenerateSection, span: Span) {
        if !section.specs_broken {
            let help = "divide the items with `[[generate.specs]]`, or leave this out".to_owned();
            self.error(span, "the items of this pipeline have no `spec`: none is written", help);
        }
    }

    fn unknown_value(&mut self, section: &GenerateSection, name: &str, span: Span) {
        let own = section.specs.iter().flat_map(|spec| spec.values.keys());
        let values = section.values.keys().chain(own).map(String::as_str);
        let names: Vec<&str> = values.chain(FACTS).chain(NAMES).collect();
        let help = match suggest::closest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{{item.{near}}}`?"),
            None => format!("there are {}", placeholders(names)),
        };
        self.error(span, format!("a generated item has no `{name}`"), help);
    }

    /// Whether the field is of the item's file, and there is none; it is told then.
    pub(super) fn is_of_no_file(&mut self, field: ItemField, span: &Span) -> bool {
        let is_so = self.spec.generate.is_some() && !NAMES.contains(&field.name());
        if is_so {
            self.no_file(field, span.clone());
        }
        is_so
    }

    fn no_file(&mut self, field: ItemField, span: Span) {
        let message = format!("a generated item has no `{}`: there is no file", field.name());
        let help = "it is called `{item.stem}`, and has `{item.index}` and its values".to_owned();
        self.error(span, message, help);
    }

    /// Steps that would read the item's file.
    pub(super) fn reads_no_file(&mut self, step: &StepSpec<'_>) {
        if self.spec.generate.is_none() {
            return;
        }
        if let Some((span, _)) = step.matches.as_ref().filter(|_| !self.is_batch(step)) {
            let message = format!("{} is for files of some names, and a generated item has no file", step.title());
            self.error(span.clone(), message, "leave `match` out".to_owned());
        }
        if step.each.is_some() || !step.input.is_empty() {
            return;
        }
        if let Some(uses) = step.uses.as_ref().filter(|_| step.run.is_none()) {
            if self.is_known(&uses.text) && self.builtins.reads_file(&uses.text) {
                let message = format!("`{}` reads a file, and a generated item has none", uses.text);
                let help = self.some_output(step);
                self.error(uses.span.clone(), message, help);
            }
            return;
        }
        let written = step.run.iter().flat_map(|(_, run)| run).chain(step.env.values());
        if let Some((place, _)) = step.run.as_ref().filter(|_| written.clone().all(|text| text.template.is_literal())) {
            let message = format!("{} does the same for every item", step.title());
            let wrong = Diagnostic::warning(message).at(place.clone()).label("nothing here is of the item");
            self.found.push(wrong.help("let it name a value of the item: `{item.NAME}`"));
        }
    }

    /// `{in}` of a step that says nothing of what it reads.
    pub(super) fn is_no_input(&mut self, step: &StepSpec<'_>, span: &Span) -> bool {
        let is_so = self.spec.generate.is_some() && step.input.is_empty() && step.each.is_none();
        if is_so {
            let help = self.some_output(step);
            self.error(span.clone(), "`{in}` is the item's file, and a generated item has none", help);
        }
        is_so
    }

    /// What a step could read: what another one makes.
    fn some_output(&self, step: &StepSpec<'_>) -> String {
        let others = self.spec.steps.iter().filter(|other| other.id != step.id && !self.is_batch(other));
        let output = others.filter_map(|other| Some((other.id.as_ref()?, other.out.keys().next()?))).next();
        match output {
            Some((id, name)) => format!("say what it reads: in = \"{{{}.{name}}}\"", id.text),
            None => "say what it reads, such as a file that another step makes: in = \"{STEP.NAME}\"".to_owned(),
        }
    }

    /// A value that nothing reads is most likely a slip of the pen.
    pub(super) fn unused_values(&mut self) {
        let spec: &'s Spec<'_> = self.spec;
        let Some(section) = spec.generate.as_ref().filter(|_| !self.found.has_errors()) else { return };
        let mut told = HashSet::new();
        for (name, value) in section.values.iter().chain(section.specs.iter().flat_map(|spec| &spec.values)) {
            if !self.used.contains(name) && told.insert(name) {
                let help = suggest::closest(name, self.used.iter().map(String::as_str)).map_or_else(
                    || format!("a step reads it as `{{item.{name}}}`"),
                    |near| format!("did you mean `{near}`?"),
                );
                self.warning(value.key.clone(), format!("nothing reads the value `{name}`"), help);
            }
        }
    }

    /// Whether a text that begins with the value `name` can begin with a dash: it comes from a file.
    pub(super) fn could_begin_with_dash(&self, name: &str) -> bool {
        let Some(section) = &self.spec.generate else { return false };
        let made =
            section.values.get(name).into_iter().chain(section.specs.iter().filter_map(|spec| spec.values.get(name)));
        made.filter_map(|value| value.made.as_ref()).any(|made| match made {
            MadeValue::Lines { .. } | MadeValue::Words { .. } => true,
            MadeValue::Template(written) => written.template.literal_prefix().is_empty(),
            _ => false,
        })
    }

    /// The section of a pipeline without errors.
    pub(super) fn generated(&self) -> Option<Generate> {
        let section = self.spec.generate.as_ref()?;
        let mut specs: Vec<ItemSpec> = kinds(section)
            .map(|place| {
                let own = place.map(|place| &section.specs[place]);
                let all = merged(section, own.map(|spec| &spec.values));
                let is_own = |name: &str| own.is_some_and(|spec| spec.values.contains_key(name));
                let recipe = |(name, value): (&str, &ValueSection)| {
                    Some((name.to_owned(), recipe(value.made.as_ref()?, is_own(name))))
                };
                ItemSpec {
                    name: own.and_then(|spec| spec.name.as_ref()).map_or_else(String::new, |name| name.text.clone()),
                    weight: own.and_then(|spec| spec.weight).unwrap_or(1),
                    values: all.into_iter().filter_map(recipe).collect(),
                }
            })
            .collect();
        specs.sort_by(|one, other| one.name.cmp(&other.name));
        Some(Generate { count: section.count?, seed: section.seed, specs })
    }
}

/// The place of each spec; one that is none where no spec is written.
pub(super) fn kinds(section: &GenerateSection) -> impl Iterator<Item = Option<usize>> + use<> {
    let count = section.specs.len();
    (0..count.max(1)).map(move |place| (place < count).then_some(place))
}

/// The values that items of a kind have: its own take the place of common ones.
pub(super) fn merged<'a>(
    section: &'a GenerateSection,
    own: Option<&'a IndexMap<String, ValueSection>>,
) -> IndexMap<&'a str, &'a ValueSection> {
    let all = section.values.iter().chain(own.into_iter().flatten());
    all.map(|(name, value)| (name.as_str(), value)).collect()
}

fn recipe(made: &MadeValue, is_own: bool) -> Recipe {
    match made {
        MadeValue::Fixed(value) => Recipe::Fixed(value.clone()),
        MadeValue::Whole { from, to } => Recipe::Whole { from: *from, to: *to },
        MadeValue::Number { from, to } => Recipe::Number { from: *from, to: *to },
        MadeValue::OneOf(values) => Recipe::OneOf(values.clone()),
        MadeValue::Lines { path, order } => {
            let order = if *order == LineOrder::Cycle && is_own { LineOrder::CycleOfSpec } else { *order };
            Recipe::Lines { path: PathBuf::from(&path.text), order }
        }
        MadeValue::Words { path, from, to } => Recipe::Words { path: PathBuf::from(&path.text), from: *from, to: *to },
        MadeValue::Template(written) => Recipe::Template(written.template.clone()),
    }
}

fn placeholders<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{{item.{name}}}`")).collect::<Vec<_>>().join(", ")
}
