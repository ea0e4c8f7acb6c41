//! What the steps on text cannot do for any item: known from parameters and the names of outputs alone.

use std::path::Path;

use serde_json::Value;

use super::render::RENDER;
use super::{NAMED, redraw::REDRAW};
use crate::pipeline::builtins::{Asked, ParamProblem};
use crate::steps::schema::has_placeholder;

/// The parameters that are texts: a placeholder in them is as good as any.
const TEXTS: [&str; 4] = ["text", "font", "fallback", "background"];

/// What is wrong with asking the step `name` for this. What placeholders will fill is not judged.
pub(in crate::steps) fn misfit(name: &str, asked: &Asked<'_>) -> Option<ParamProblem> {
    if ![RENDER.name, REDRAW.name].contains(&name) {
        return None;
    }
    let (_, file) = asked.outputs.iter().find(|(output, _)| *output == "picture")?;
    let last = file.rsplit('/').next().unwrap_or(file);
    let is_png = last.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("png"));
    let message = format!("`{name}` writes PNG, and `{file}` is no name for one");
    (!is_png && !last.ends_with('}')).then(|| ParamProblem {
        path: Vec::new(),
        key: false,
        message,
        suggestion: Some(NAMED.to_owned()),
    })
}

/// The parameters of `text.render` that can be judged before any placeholder is filled.
pub(in crate::steps) fn known(with: &Value) -> Value {
    let Some(parameters) = with.as_object() else { return with.clone() };
    let is_known = |name: &str, value: &Value| TEXTS.contains(&name) || !has_placeholder(value);
    let known = parameters.iter().filter(|(name, value)| is_known(name, value));
    known.map(|(name, value)| (name.clone(), value.clone())).collect::<serde_json::Map<_, _>>().into()
}

/// Fonts and backgrounds that the step `name` would look for in vain, as things are.
pub(in crate::steps) fn doubts(name: &str, with: &Value) -> Vec<ParamProblem> {
    if name != RENDER.name {
        return Vec::new();
    }
    let mut told = Vec::new();
    let mut look = |path: Vec<String>, value: &Value| {
        let file = value.as_str().filter(|file| !file.is_empty() && !file.contains('{'));
        if let Some(file) = file.filter(|file| !Path::new(file).is_file()) {
            let message = format!("there is no file `{file}`");
            let help = "paths are taken from the folder that mediamill is started in".to_owned();
            told.push(ParamProblem { path, key: false, message, suggestion: Some(help) });
        }
    };
    for name in ["font", "background"] {
        look(vec![name.to_owned()], &with[name]);
    }
    for (place, file) in with["fallback"].as_array().into_iter().flatten().enumerate() {
        look(vec!["fallback".to_owned(), place.to_string()], file);
    }
    told
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use serde_json::json;

    use super::*;
    use crate::pipeline::load::parse;
    use crate::steps::catalog::Catalog;

    #[test]
    fn a_picture_that_would_be_no_png_is_told_before_the_run() {
        let told = |name: &str, file: &str| misfit(name, &Asked { inputs: 1, outputs: vec![("picture", file)] });
        for step in ["text.render", "text.redraw"] {
            assert_eq!(told(step, "pictures/{item.stem}.PNG"), None);
            assert_eq!(told(step, "{item.file}"), None);
            assert!(told(step, "{item.stem}.jpg").unwrap().message.contains("writes PNG"));
            assert!(told(step, "a.b/{item.stem}-x").is_some());
        }
    }

    #[test]
    fn a_font_that_is_not_there_is_told_where_its_path_is_known() {
        let told = |with: Value| doubts("text.render", &with).into_iter().map(|told| told.path.join(".")).collect();
        let (here, gone) = ("pipelines/ocr/fonts/NotoSans-Regular.ttf", "no/such.ttf");
        let none: Vec<String> = told(json!({ "font": here, "background": "", "fallback": [here, "{pools.fonts}"] }));
        assert_eq!(none, Vec::<String>::new());
        let all: Vec<String> = told(json!({ "font": gone, "background": gone, "fallback": [here, gone] }));
        assert_eq!(all, ["font", "background", "fallback.1"]);
    }

    #[test]
    fn values_that_a_parameter_cannot_take_are_told_before_the_run() {
        let text = "[generate]\ncount = 3\n[generate.values]\nink = { one_of = [\"navy\", \"blurple\"] }\n\
                    size = { from = 1, to = 24 }\nturn = { from = 0.0, to = 400.5 }\nnoise = \"much\"\n\
                    quality = { from = 30, to = 80 }\nword = { one_of = [\"a\", \"b\"] }\n\
                    [[step]]\nid = \"draw\"\nuses = \"text.render\"\nout = { picture = \"{item.stem}.png\" }\n\
                    [step.with]\ntext = \"{item.word}\"\nfont = \"pipelines/ocr/fonts/NotoSans-Regular.ttf\"\n\
                    color = \"{item.ink}\"\nsize = \"{item.size}\"\nrotation = \"{item.turn}\"\nnoise = \"{item.noise}\"\n\
                    jpeg_quality = \"{item.quality}\"\n";
        let (_, found) = parse("x.toml", text, &Catalog::registered());
        let mut told: Vec<&str> = found.iter().map(|told| &text[told.span.clone().unwrap()]).collect();
        told.sort_unstable();
        assert_eq!(told, ["ink", "noise", "size", "turn"], "{}", found.to_text(false));
        let ink = found.iter().find(|told| told.message.contains("`ink`")).unwrap();
        assert!(ink.message.contains("\"blurple\" is no colour"), "{}", ink.message);

        // What stands beside placeholders is judged, too.
        let text = text.replace("color = \"{item.ink}\"", "color = \"blurple\"");
        let (_, found) = parse("x.toml", &text, &Catalog::registered());
        assert!(found.iter().any(|told| told.message.contains("\"blurple\" is no colour")), "{}", found.to_text(false));
    }
}
