//! Steps on text: pictures of it.

pub(super) mod fit;
pub mod redraw;
pub mod render;

use std::path::Path;

use serde_json::json;

use crate::media::text::{Drawn, TextError};
use crate::resilience::Fault;
use crate::steps::builtin::{Job, OutputDoc, ValueDoc, Values};
use crate::steps::common::{required, write_compact_json};
use crate::steps::media_fault::media_fault;

/// What both steps make.
const OUTPUTS: [OutputDoc; 2] = [
    OutputDoc::new("picture", "the picture, as PNG; RGBA where nothing is behind the text").required(),
    OutputDoc::new("label", "what it shows and where, and what it was made from: JSON, see docs/label.schema.json"),
];

/// What the name of a picture must be.
const NAMED: &str = "give the output `picture` a name that ends in .png; image.convert makes other formats of it";

/// What both steps report.
const VALUES: [ValueDoc; 7] = [
    ValueDoc { name: "text", summary: "the text as drawn" },
    ValueDoc { name: "width", summary: "pixels of the picture from left to right" },
    ValueDoc { name: "height", summary: "pixels of the picture from top to bottom" },
    ValueDoc { name: "lines", summary: "number of lines" },
    ValueDoc { name: "words", summary: "number of words: what white space separates" },
    ValueDoc { name: "glyphs", summary: "number of glyphs with a box: letters with their marks, ligatures" },
    ValueDoc { name: "family", summary: "family of the font, as it says itself" },
];

/// Whose fault it is that a text could not be drawn: the font's, the background's, that of the text, or the machine's.
fn text_fault(error: TextError) -> Fault {
    match &error {
        // Whoever tells a fault of an asset names its path.
        TextError::Font { path, why } => Fault::asset(path, "font", why),
        TextError::Background { path, why } => Fault::asset(path, "background", why.to_string()),
        TextError::Missing { path, .. } => Fault::unsuited(path, error.to_string())
            .with_hint("choose a font that has them, or say what is to become of them with `missing`"),
        TextError::Text(_) => Fault::input("text", error.to_string()),
        TextError::Changed { .. } => Fault::input("changed", error.to_string()),
        TextError::Media(error) => media_fault(Path::new("the picture"), error),
    }
}

/// Writes what was drawn.
fn deliver(job: &Job, drawn: &Drawn) -> Result<Values, Fault> {
    let to = required(job, "picture")?;
    if to.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("png")) {
        let has = match to.extension() {
            Some(extension) => format!("ends in .{}", extension.display()),
            None => "has no ending".to_owned(),
        };
        return Err(Fault::input("outputs", format!("the picture is a PNG, and its name {has}")).with_hint(NAMED));
    }
    drawn.canvas.write_png(to).map_err(|error| media_fault(to, &error))?;
    if let Some(to) = job.output("label") {
        write_compact_json(&drawn.label, to)?;
    }
    let label = &drawn.label;
    let words = || label.lines.iter().flat_map(|line| &line.words);
    let mut values = Values::new();
    values.insert("text".into(), json!(label.text));
    values.insert("width".into(), json!(label.width));
    values.insert("height".into(), json!(label.height));
    values.insert("lines".into(), json!(label.lines.len()));
    values.insert("words".into(), json!(words().count()));
    values.insert("glyphs".into(), json!(words().map(|word| word.glyphs.len()).sum::<usize>()));
    values.insert("family".into(), json!(label.fonts.first().map(|font| &font.family)));
    Ok(values)
}
