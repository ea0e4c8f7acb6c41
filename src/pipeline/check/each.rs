//! Fan-out: outputs that are many files, and the steps that run for each of them.

use super::Checker;
use super::refs::Place;
use crate::pipeline::diagnostic::Diagnostic;
use crate::pipeline::spec::{OutSpec, Span, StepSpec, Text};
use crate::pipeline::suggest;
use crate::pipeline::template::{Field, PieceField, Segment, Template};

impl Checker<'_, '_, '_> {
    /// Finds whose pieces each step with `each` runs for.
    pub(super) fn fan_outs(&mut self) {
        let spec = self.spec;
        for (index, step) in spec.steps.iter().enumerate() {
            let Some(each) = &step.each else { continue };
            if let Some((target, output)) = self.fan_out(index, step, each) {
                self.links[index].after.push((target, each.span.clone()));
                self.links[index].each = Some((target, output));
            }
        }
    }

    fn fan_out(&mut self, index: usize, step: &StepSpec<'_>, each: &Text) -> Option<(usize, String)> {
        let span = each.span.clone();
        let Some((of, output)) = each.text.split_once('.') else {
            let message = format!("`each` names no output: `{}`", each.text.escape_debug());
            self.error(span, message, "name a step and its output: each = \"slice.clips\"".to_owned());
            return None;
        };
        let Some(&target) = self.ids.get(of) else {
            self.unknown_step(step, of, span);
            return None;
        };
        let maker = &self.spec.steps[target];
        if target == index {
            self.error(span, format!("{} cannot run for its own pieces", step.title()), None);
            return None;
        }
        if self.is_batch(maker) {
            let message = format!("{} runs once, when all items are done, and makes no pieces", maker.title());
            self.error(span, message, None);
            return None;
        }
        if maker.each.is_some() {
            let message = format!("{} runs for pieces itself: a piece cannot be cut into pieces", maker.title());
            let help = "let one step make all the pieces, or put the second cut into a pipeline of its own".to_owned();
            self.error(span, message, help);
            return None;
        }
        let Some(out) = maker.out.get(output) else {
            if !maker.out_broken {
                let help = suggest::help(output, maker.out.keys().map(String::as_str))
                    .unwrap_or_else(|| format!("name the files: out = {{ {output} = \"{output}/*.wav\" }}"));
                self.error(span, format!("{} makes no output `{output}`", maker.title()), help);
            }
            return None;
        };
        let one_file = match &maker.uses {
            Some(uses) if maker.run.is_none() => {
                self.is_known(&uses.text) && !self.builtins.is_many(&uses.text, output)
            }
            _ => !is_pattern(&out.from.template),
        };
        if one_file {
            let message = format!("`{output}` of {} is one file, and makes no pieces", maker.title());
            let help = if maker.run.is_some() {
                format!("where it is many, name them all: {output} = \"{output}/*.wav\"")
            } else {
                "`each` is for an output that is many files; `mediamill steps NAME` tells which are".to_owned()
            };
            self.error(span, message, help);
            return None;
        }
        Some((target, output.to_owned()))
    }

    /// Whether the output `name` of the step at `index` is any number of files.
    pub(super) fn is_many(&self, index: usize, name: &str) -> bool {
        let step = &self.spec.steps[index];
        let says_so = || match &step.uses {
            Some(uses) if step.run.is_none() => self.builtins.is_many(&uses.text, name),
            _ => false,
        };
        let is_it = |each: &(usize, String)| each.0 == index && each.1 == name;
        self.links.iter().filter_map(|links| links.each.as_ref()).any(is_it) || says_so()
    }

    /// Outputs that are many, and outputs of a step that runs for each piece.
    pub(super) fn pieces(&mut self, index: usize, step: &StepSpec<'_>) {
        for (name, out) in &step.out {
            if self.is_many(index, name) {
                self.many(step, name, out);
            } else if step.each.is_some() && !self.is_batch(step) {
                let written = out.to.as_ref().unwrap_or(&out.from);
                let brings_name = out.to.is_none() && is_pattern(&out.from.template);
                if !brings_name && !tells_pieces_apart(&written.template) {
                    let message = format!("every piece writes its output `{name}` to the same file");
                    let help = format!("put the piece's name into it: {name} = \"{{piece.stem}}.EXTENSION\"");
                    self.error(written.text.span.clone(), message, help);
                }
            }
        }
        if let (Some(_), Some(key)) = (&step.each, &step.fallback_key) {
            let message =
                format!("{} runs for each piece, and nothing stands in for what it makes of one", step.title());
            let help = "leave pieces out with `optional = true`, or let them wait: on_open = \"park\"".to_owned();
            self.error(key.clone(), message, help);
        }
    }

    fn many(&mut self, step: &StepSpec<'_>, name: &str, out: &OutSpec) {
        if step.each.is_some() {
            let message = format!("{} runs for each piece, and cannot make pieces of a piece", step.title());
            self.error(out.key.clone(), message, None);
        }
        if let Some(to) = &out.to {
            let message = format!("`{name}` is many files, and `to` names one");
            let help =
                format!("leave `to` out: the files keep their places, {name} = \"{}\"", out.from.template.source);
            self.error(to.text.span.clone(), message, help);
        }
        if step.fallback.contains_key(name) {
            let (key, _) = &step.fallback[name];
            self.error(key.clone(), format!("`{name}` is many files, and one file cannot stand in for them"), None);
        }
        if step.run.is_some() {
            return;
        }
        // The step itself puts names in the place of the star.
        let literal: String = literals(&out.from.template).collect();
        let in_name: usize = last_part(&out.from.template).matches('*').count();
        if literal.matches('*').count() != 1 || in_name != 1 || literal.contains('?') {
            let message = format!("`{name}` is many files: their name needs one `*` for what tells them apart");
            self.error(out.from.text.span.clone(), message, format!("{name} = \"{name}/*.wav\""));
        }
    }

    /// `{piece.NAME}`.
    pub(super) fn piece_field(
        &mut self,
        index: usize,
        step: &StepSpec<'_>,
        place: Place,
        field: &PieceField,
        span: Span,
    ) {
        let whole = Field::Piece(field.clone());
        let Some(each) = &step.each else {
            let message = format!("`{whole}` makes no sense in {}: it does not run for pieces", step.title());
            self.error(span, message, "name the output that it runs for: each = \"slice.clips\"".to_owned());
            return;
        };
        if matches!(place, Place::OutName) && matches!(field, PieceField::Path | PieceField::Value(_)) {
            let message = format!("`{whole}` cannot be part of an output's name");
            self.error(span, message, "use `{piece.name}`, `{piece.stem}` or `{piece.index}`".to_owned());
            return;
        }
        if place == Place::Fallback {
            // Told once, for the whole of it.
            return;
        }
        let (PieceField::Value(name), Some((target, output))) = (field, self.links[index].each.clone()) else { return };
        let maker = &self.spec.steps[target];
        let known = match &maker.uses {
            Some(uses) if maker.run.is_none() => self.builtins.piece_values(&uses.text, &output),
            _ => Some(Vec::new()),
        };
        let Some(known) = known else { return };
        let first = name.split('.').next().unwrap_or(name);
        if known.iter().any(|value| value == first) {
            return;
        }
        let names = known.iter().map(String::as_str).chain(PieceField::NAMES);
        let help = match suggest::closest(first, names.clone()) {
            Some(near) => format!("did you mean `{{piece.{near}}}`?"),
            None => {
                let all: Vec<String> = names.map(|name| format!("`{{piece.{name}}}`")).collect();
                format!("there are {}", all.join(", "))
            }
        };
        self.error(span, format!("a piece of `{}` has no `{first}`", each.text), help);
    }

    /// What a step makes of a single piece can only be read where that piece is: in the same `each`.
    pub(super) fn crosses_pieces(
        &mut self,
        (index, step): (usize, &StepSpec<'_>),
        (target, name): (usize, &str),
        span: &Span,
    ) {
        let other = &self.spec.steps[target];
        if self.is_many(target, name) {
            let id = other.id.as_ref().map_or("", |id| id.text.as_str());
            let message = format!("`{{{id}.{name}}}` is many files, and here is room for one");
            let help = format!("run the step for each of them: each = \"{id}.{name}\", and read `{{piece}}`");
            self.found.push(Diagnostic::error(message).at(span.clone()).help(help));
            return;
        }
        if other.each.is_none() {
            return;
        }
        let (own, others) = (&self.links[index].each, &self.links[target].each);
        if others.is_none() || own == others {
            return;
        }
        let each = other.each.as_ref().map_or("", |each| each.text.as_str());
        let message =
            format!("{} makes a result for each piece of `{each}`, and {} reads one", other.title(), step.title());
        let help = if self.is_batch(step) {
            format!("give it each = \"{each}\": one row for each piece")
        } else {
            format!("give it each = \"{each}\" too, or gather the pieces with `collect`")
        };
        self.found.push(Diagnostic::error(message).at(span.clone()).help(help));
    }
}

fn literals(template: &Template) -> impl Iterator<Item = &str> {
    template.segments.iter().filter_map(|segment| match segment {
        Segment::Literal(text) => Some(text.as_str()),
        Segment::Field(..) => None,
    })
}

/// The text of the file's name, after the last folder.
fn last_part(template: &Template) -> String {
    let whole: String = literals(template).collect();
    whole.rsplit('/').next().unwrap_or_default().to_owned()
}

fn is_pattern(template: &Template) -> bool {
    literals(template).any(|text| text.contains(['*', '?']))
}

/// A field of the piece that cannot be in a name is told of by itself.
fn tells_pieces_apart(template: &Template) -> bool {
    template.fields().any(|(field, _)| matches!(field, Field::Piece(_)))
}
