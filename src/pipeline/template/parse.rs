//! From text to segments.

use std::ops::Range;

use super::{FaultField, Field, ItemField, PieceField, RunField, Segment, TemplateError, is_name};
use crate::pipeline::suggest;

const AS_TEXT: &str = "for a brace that is meant as text, write it twice: `{{` or `}}`";

/// The segments of `source`.
pub(super) fn segments(source: &str) -> Result<Vec<Segment>, TemplateError> {
    let mut segments = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(found) = source[at..].find(['{', '}']) {
        let brace = at + found;
        literal.push_str(&source[at..brace]);
        let rest = &source[brace..];
        if rest.starts_with("{{") || rest.starts_with("}}") {
            literal.push_str(&rest[..1]);
            at = brace + 2;
            continue;
        }
        if rest.starts_with('}') {
            return Err(error(brace..brace + 1, "this brace closes nothing", Some(AS_TEXT.to_owned())));
        }
        let Some(end) =
            rest[1..].find(['{', '}']).map(|end| brace + 1 + end).filter(|end| source[*end..].starts_with('}'))
        else {
            return Err(unclosed(source, brace));
        };
        if !literal.is_empty() {
            segments.push(Segment::Literal(std::mem::take(&mut literal)));
        }
        let span = brace..end + 1;
        segments.push(Segment::Field(field(&source[brace + 1..end], &span)?, span));
        at = end + 1;
    }
    literal.push_str(&source[at..]);
    if !literal.is_empty() || segments.is_empty() {
        segments.push(Segment::Literal(literal));
    }
    Ok(segments)
}

fn unclosed(source: &str, brace: usize) -> TemplateError {
    // The name that was begun is what the reader looks for, not the rest of the line.
    let rest = &source[brace + 1..];
    let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c))).unwrap_or(rest.len());
    let name = rest[..length].trim_end_matches('.');
    let help = if name.is_empty() { AS_TEXT.to_owned() } else { format!("close it: `{{{name}}}`; {AS_TEXT}") };
    error(brace..brace + 1 + length, "this placeholder is not closed", Some(help))
}

fn field(name: &str, span: &Range<usize>) -> Result<Field, TemplateError> {
    let trimmed = name.trim();
    if trimmed.is_empty() {
        let help = format!("the file that the step reads is `{{in}}`, the file it makes `{{out}}`; {AS_TEXT}");
        return Err(error(span.clone(), "this placeholder is empty", Some(help)));
    }
    if trimmed != name {
        return Err(error(span.clone(), "a placeholder holds no spaces", Some(format!("write `{{{trimmed}}}`"))));
    }
    if let Some((file, filter)) = name.split_once('|').filter(|(file, _)| file.split('.').all(is_name)) {
        return filtered(file, filter, span);
    }
    match name.split_once('.') {
        None => bare(name, span),
        Some(("item", field)) => item(field, span),
        Some(("piece", name)) if name.split('.').all(is_name) => Ok(Field::Piece(PieceField::from_name(name))),
        Some(("piece", name)) => {
            let message = format!("{} cannot be the name of a value", shown(name));
            Err(error(span.clone(), message, Some("write `{piece.NAME}`".to_owned())))
        }
        Some(("pools", pool)) if is_name(pool) => Ok(Field::Pool(pool.to_owned())),
        Some(("pools", pool)) => {
            let message = format!("{} cannot be the name of a pool", shown(pool));
            Err(error(span.clone(), message, Some("write `{pools.NAME}`".to_owned())))
        }
        Some(("resources", rest)) => of_resource(rest, span),
        Some(("fault", name)) => one_of("a fault", name, FaultField::ALL, span).map(Field::Fault),
        Some(("run", name)) => one_of("a run", name, RunField::ALL, span).map(Field::Run),
        Some((word @ ("in" | "scratch"), _)) => {
            let help = match word {
                "in" => "`{in}` is the path of the file; parts of the item's name are `{item.stem}`, `{item.ext}`, ...",
                _ => "below the scratch folder, write `{scratch}/NAME`",
            };
            Err(error(span.clone(), format!("`{{{word}}}` has no parts"), Some(help.to_owned())))
        }
        Some(("out", output)) if is_name(output) => Ok(Field::Out(Some(output.to_owned()))),
        Some(("out", output)) => {
            let message = format!("{} cannot be the name of an output", shown(output));
            Err(error(span.clone(), message, Some("write `{out.NAME}`, with a name from `out`".to_owned())))
        }
        Some((step, rest)) => of_step(step, rest, span),
    }
}

/// `{STEP.NAME|content}`.
fn filtered(file: &str, filter: &str, span: &Range<usize>) -> Result<Field, TemplateError> {
    if filter != "content" {
        let message = format!("{} is not understood after `|`", shown(filter));
        let help = format!("the text in a file is `{{{file}|content}}`");
        return Err(error(span.clone(), message, Some(help)));
    }
    match field(file, span)? {
        Field::Step { step, name } => Ok(Field::Content { step, name }),
        other => {
            let message = format!("the content of `{other}` cannot be had");
            let help = "`|content` is for a file that a step made: `{STEP.NAME|content}`".to_owned();
            Err(error(span.clone(), message, Some(help)))
        }
    }
}

fn bare(name: &str, span: &Range<usize>) -> Result<Field, TemplateError> {
    match name {
        "in" => Ok(Field::In),
        "piece" => Ok(Field::Piece(PieceField::Path)),
        "scratch" => Ok(Field::Scratch),
        "out" => Ok(Field::Out(None)),
        "item" => {
            let help = format!("say which part: `{{item.path}}` (or {})", list("item", &ItemField::NAMES[1..]));
            Err(error(span.clone(), "`{item}` alone says too little", Some(help)))
        }
        "fault" | "run" => {
            let names: Vec<&str> = match name {
                "fault" => FaultField::ALL.map(|(name, _)| name).to_vec(),
                _ => RunField::ALL.map(|(name, _)| name).to_vec(),
            };
            let help = format!("say which part: {}", list(name, &names));
            Err(error(span.clone(), format!("`{{{name}}}` alone says too little"), Some(help)))
        }
        _ if ItemField::from_name(name).is_some() => {
            let message = format!("`{{{name}}}` is not a placeholder");
            Err(error(span.clone(), message, Some(format!("write `{{item.{name}}}`"))))
        }
        _ if is_name(name) => {
            let message = format!("`{{{name}}}` is not a placeholder");
            let help = match suggest::closest(name, ["in", "out", "scratch"]) {
                Some(near) => format!("did you mean `{{{near}}}`?"),
                None => format!("for what the step `{name}` makes, write `{{{name}.NAME}}`; {AS_TEXT}"),
            };
            Err(error(span.clone(), message, Some(help)))
        }
        _ => Err(error(span.clone(), format!("{} is not a placeholder", shown(name)), Some(AS_TEXT.to_owned()))),
    }
}

/// What any item has, or a value of a generated one: which there are, the whole pipeline tells.
fn item(name: &str, span: &Range<usize>) -> Result<Field, TemplateError> {
    match ItemField::from_name(name) {
        Some(field) => Ok(Field::Item(field)),
        None if is_name(name) => Ok(Field::ItemValue(name.to_owned())),
        None => {
            let message = format!("{} cannot be the name of a value", shown(name));
            Err(error(span.clone(), message, Some("write `{item.NAME}`".to_owned())))
        }
    }
}

/// `{resources.NAME.KEY}`.
fn of_resource(rest: &str, span: &Range<usize>) -> Result<Field, TemplateError> {
    if !rest.split('.').all(is_name) {
        let message = format!("{} cannot be the name of a value", shown(rest));
        return Err(error(span.clone(), message, Some("write `{resources.NAME.KEY}`".to_owned())));
    }
    match rest.split_once('.') {
        Some((name, path)) => Ok(Field::Resource { name: name.to_owned(), path: path.to_owned() }),
        None => {
            let help = format!("say which part of its data: `{{resources.{rest}.KEY}}`");
            Err(error(span.clone(), format!("`{{resources.{rest}}}` alone says too little"), Some(help)))
        }
    }
}

fn of_step(step: &str, name: &str, span: &Range<usize>) -> Result<Field, TemplateError> {
    if !is_name(step) {
        let message = format!("{} cannot be the name of a step", shown(step));
        return Err(error(span.clone(), message, Some(AS_TEXT.to_owned())));
    }
    if !name.split('.').all(is_name) {
        let message = format!("{} cannot be the name of an output or a value", shown(name));
        return Err(error(span.clone(), message, Some(format!("write `{{{step}.NAME}}`"))));
    }
    Ok(Field::Step { step: step.to_owned(), name: name.to_owned() })
}

/// One of the few things that hooks can name of `what`.
fn one_of<T, const N: usize>(
    what: &str,
    name: &str,
    all: [(&'static str, T); N],
    span: &Range<usize>,
) -> Result<T, TemplateError> {
    let help = suggest::help(name, all.each_ref().map(|(name, _)| *name));
    let found = all.into_iter().find(|(known, _)| *known == name).map(|(_, field)| field);
    found.ok_or_else(|| error(span.clone(), format!("{what} has no {}", shown(name)), help))
}

fn list(of: &str, names: &[&str]) -> String {
    names.iter().map(|name| format!("`{{{of}.{name}}}`")).collect::<Vec<_>>().join(", ")
}

fn shown(text: &str) -> String {
    format!("`{}`", text.escape_debug())
}

fn error(span: Range<usize>, message: impl Into<String>, help: Option<String>) -> TemplateError {
    TemplateError { span, message: message.into(), help }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use crate::pipeline::template::Template;

    #[test]
    fn each_mistake_is_told_with_its_place_and_what_would_be_right() {
        let table = [
            ("a{in", "{in", "this placeholder is not closed", "close it: `{in}`"),
            ("{in{out}", "{in", "this placeholder is not closed", "close it: `{in}`"),
            ("a}b", "}", "this brace closes nothing", "write it twice"),
            ("a{}b", "{}", "this placeholder is empty", "`{in}`"),
            ("{ in }", "{ in }", "a placeholder holds no spaces", "write `{in}`"),
            ("{item}", "{item}", "`{item}` alone says too little", "`{item.path}`"),
            ("{item.a.b}", "{item.a.b}", "`a.b` cannot be the name of a value", "write `{item.NAME}`"),
            ("{stem}.wav", "{stem}", "`{stem}` is not a placeholder", "write `{item.stem}`"),
            ("{scrach}", "{scrach}", "`{scrach}` is not a placeholder", "did you mean `{scratch}`?"),
            ("{prepare}", "{prepare}", "`{prepare}` is not a placeholder", "write `{prepare.NAME}`"),
            ("{print $1}", "{print $1}", "`print $1` is not a placeholder", "write it twice"),
            ("{in.stem}", "{in.stem}", "`{in}` has no parts", "`{item.stem}`"),
            ("{out.}", "{out.}", "`` cannot be the name of an output", "`{out.NAME}`"),
            ("{a.text|contents}", "{a.text|contents}", "`contents` is not understood after `|`", "`{a.text|content}`"),
            ("{item.stem|content}", "{item.stem|content}", "the content of `{item.stem}` cannot be had", "STEP.NAME"),
            ("{piece.a b}", "{piece.a b}", "`a b` cannot be the name of a value", "`{piece.NAME}`"),
            ("{run}", "{run}", "`{run}` alone says too little", "`{run.id}`"),
            ("{run.secnds}", "{run.secnds}", "a run has no `secnds`", "did you mean `seconds`?"),
            ("{fault.reason}", "{fault.reason}", "a fault has no `reason`", "there are `class`, `cause`"),
            ("{pools.a.b}", "{pools.a.b}", "`a.b` cannot be the name of a pool", "`{pools.NAME}`"),
            ("{resources.a}", "{resources.a}", "`{resources.a}` alone says too little", "`{resources.a.KEY}`"),
            (
                "{resources.a b.c}",
                "{resources.a b.c}",
                "`a b.c` cannot be the name of a value",
                "`{resources.NAME.KEY}`",
            ),
            ("{a b.c}", "{a b.c}", "`a b` cannot be the name of a step", "write it twice"),
            ("{a.b..c}", "{a.b..c}", "`b..c` cannot be the name of an output or a value", "`{a.NAME}`"),
        ];
        for (source, place, message, help) in table {
            let error = Template::parse(source).unwrap_err();
            assert_eq!((&source[error.span.clone()], error.message.as_str()), (place, message), "{source}");
            assert!(error.help.as_deref().unwrap_or_default().contains(help), "{source}: {:?}", error.help);
        }
    }
}
