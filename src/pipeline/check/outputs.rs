//! Where outputs go: inside the item's folder, and no two to one place.

use std::collections::HashMap;

use super::Checker;
use crate::pipeline::diagnostic::Diagnostic;
use crate::pipeline::spec::{OutSpec, Span, StepSpec, Written};
use crate::pipeline::template::{Field, ItemField, Segment, Template};

impl Checker<'_, '_, '_> {
    pub(super) fn outputs(&mut self, step: &StepSpec<'_>) {
        for (name, out) in &step.out {
            self.file_name(&out.from, name);
            if let Some(to) = &out.to {
                self.file_name(to, name);
                if shape(&to.template).contains(['*', '?']) {
                    let help = "`from` finds the file; `to` says what it is called".to_owned();
                    self.error(to.text.span.clone(), "`to` must name one file, not a pattern", help);
                }
            }
        }
    }

    fn file_name(&mut self, written: &Written, name: &str) {
        let shape = shape(&written.template);
        let span = written.text.span.clone();
        let parts: Vec<&str> = shape.split('/').collect();
        let help = format!("write its name below the item's folder: {name} = \"{{item.stem}}.wav\"");
        let dir = format!("{}/", mark(&Field::Item(ItemField::Dir)));
        if shape.trim().is_empty() {
            self.error(span, format!("output `{name}` names no file"), help);
        } else if shape.starts_with('/') {
            self.leaves(span, name, "an absolute path leaves the item's folder");
        } else if parts.contains(&"..") {
            self.leaves(span, name, "`..` leaves the item's folder");
        } else if shape.starts_with(&dir) {
            let help = "put it into `[output]`: dir = \"out/{item.dir}/{item.stem}\"".to_owned();
            self.error(span, "`{item.dir}` is empty for a file that is named itself, and cannot come first", help);
        } else if parts.last().is_none_or(|last| last.is_empty() || *last == ".") {
            self.error(span, format!("output `{name}` names a folder, not a file"), help);
        } else if shape.contains("**") {
            let help = "name each folder on the way: `*/*/vocals.wav`".to_owned();
            self.error(span, "`**` is not understood", help);
        }
    }

    fn leaves(&mut self, span: Span, name: &str, label: &str) {
        let wrong = Diagnostic::error(format!("output `{name}` would leave the item's folder")).at(span).label(label);
        self.found.push(wrong.help("outputs go below `[output] dir`; set that to put them elsewhere"));
    }

    /// No two outputs of an item take one place, nor does one need another as a folder.
    pub(super) fn same_files(&mut self) {
        // By whether it is of the batch and by place: who has it.
        let mut taken: HashMap<(bool, String), String> = HashMap::new();
        let mut all: Vec<(bool, String, String, Span)> = Vec::new();
        for step in &self.spec.steps {
            let batch = self.is_batch(step);
            for (name, out) in &step.out {
                let written = out.to.as_ref().unwrap_or(&out.from);
                let place = place(&written.template);
                let owner = format!("`{name}` of {}", step.title());
                if let Some(other) = taken.get(&(batch, place.clone())) {
                    let message = format!("two outputs write the same file: {other}, and {owner}");
                    self.error(written.text.span.clone(), message, Some(another_name(out, name)));
                } else {
                    taken.insert((batch, place.clone()), owner.clone());
                    all.push((batch, place, owner, written.text.span.clone()));
                }
            }
        }
        for (batch, place, owner, span) in all {
            let folders = place.match_indices('/').map(|(at, _)| place[..at].to_owned());
            let file = folders.filter_map(|folder| taken.get(&(batch, folder))).next();
            if let Some(file) = file {
                let message = format!("{owner} needs as a folder what {file} makes as a file");
                self.error(span, message, "give one of them another name".to_owned());
            }
        }
        self.every_item_alike();
    }

    /// Where neither the folder nor the name holds anything of the item, all items write one file.
    fn every_item_alike(&mut self) {
        let Some(dir) = &self.spec.output else { return };
        if !dir.template.is_literal() {
            return;
        }
        for step in &self.spec.steps {
            if self.is_batch(step) {
                continue;
            }
            for (name, out) in &step.out {
                let written = out.to.as_ref().unwrap_or(&out.from);
                if written.template.is_literal() && !shape(&written.template).contains(['*', '?']) {
                    let message = format!("every item writes its output `{name}` to the same file");
                    let wrong = Diagnostic::warning(message).at(written.text.span.clone());
                    let wrong = wrong.label("the same for every item");
                    self.found.push(wrong.help("put `{item.stem}` into it, or into `[output] dir`"));
                }
            }
        }
    }
}

fn another_name(out: &OutSpec, name: &str) -> String {
    if out.to.is_none() && shape(&out.from.template).contains(['*', '?']) {
        let from = &out.from.template.source;
        format!("give it a place of its own: {name} = {{ from = \"{from}\", to = \"{name}.wav\" }}")
    } else {
        "give one of them another name".to_owned()
    }
}

/// The text of a template with its placeholders marked so that no text can be taken for one: `NUL` is in no name.
fn shape(template: &Template) -> String {
    let part = |segment: &Segment| match segment {
        Segment::Literal(text) => text.clone(),
        Segment::Field(field, _) => mark(field),
    };
    template.segments.iter().map(part).collect()
}

fn mark(field: &Field) -> String {
    format!("\0{field}\0")
}

/// The place that a name means, however it is written: `./a//b` is `a/b`.
fn place(template: &Template) -> String {
    let shape = shape(template);
    let parts: Vec<&str> = shape.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    parts.join("/")
}
