//! What the steps on pictures cannot do for any file: known from parameters and the names of outputs alone.

use serde_json::Value;

use super::coded::EXTENSIONS;
use super::{compare, sizes};
use crate::media::sniff::{Kind, PictureFormat, kind_of_name};
use crate::pipeline::builtins::{Asked, ParamProblem};

/// The steps that write pictures in the format that the name of each output asks for.
const WRITERS: [&str; 4] = ["image.convert", "image.crop", "image.orient", "image.resize"];

/// What is wrong with asking the step `name` for this, given its parameters. What placeholders will fill is not judged.
pub(in crate::steps) fn misfit(name: &str, with: &Value, asked: &Asked<'_>) -> Option<ParamProblem> {
    if !name.starts_with("image.") {
        return None;
    }
    if name == compare::COMPARE.name {
        return compare::misfit(asked);
    }
    if asked.inputs > 1 {
        let message = format!("`{name}` reads one file, and {} are given", asked.inputs);
        return problem(None, message, "name the one file in `in`");
    }
    if !WRITERS.contains(&name) {
        return None;
    }
    let outputs = (name == "image.resize").then(|| sizes::misfit(with, asked)).flatten();
    outputs.or_else(|| written(with, asked))
}

/// A parameter, whether its value asks for something, the formats that have it, and what to say of the others.
type Ask = (&'static str, fn(&Value) -> bool, &'static [PictureFormat], &'static str);

/// Whether the outputs can be written, and some of them as the parameters say.
fn written(with: &Value, asked: &Asked<'_>) -> Option<ParamProblem> {
    let mut formats = Vec::new();
    for (output, file) in &asked.outputs {
        match format(output, file) {
            Ok(format) => formats.push(format),
            Err(problem) => return Some(problem),
        }
    }
    use PictureFormat::{Jpeg, Png, Tiff, WebP};
    let asks: [Ask; 5] = [
        ("depth", |value| value == 16, &[Png, Tiff], "holds 8 bits; write .png or .tif"),
        ("progressive", |value| value == true, &[Jpeg], "is never progressive; write .jpg"),
        ("subsampling", |value| value != "auto", &[Jpeg], "does not subsample its colours so; write .jpg"),
        ("lossless", |value| value == true, &[WebP], "has no such choice; write .webp"),
        ("compression", |value| value != "deflate", &[Tiff], "is not compressed so; write .tif"),
    ];
    // Of several outputs, one that takes it is enough; so is one whose format is not known yet.
    let (name, _, _, why) = asks.into_iter().find(|(name, is_asked, takers, _)| {
        with.get(name).is_some_and(is_asked)
            && formats.iter().all(|format| format.is_some_and(|format| !takers.contains(&format)))
    })?;
    let format = formats.into_iter().flatten().next()?.word();
    let (why, help) = why.split_once("; ")?;
    problem(
        Some(name),
        format!("`{name}` is {}, and {format} {why}", with.get(name)?),
        &format!("{help}, or leave it out"),
    )
}

/// The format that the name of an output asks for; `None` where a placeholder will tell.
fn format(output: &str, file: &str) -> Result<Option<PictureFormat>, ParamProblem> {
    let last = file.rsplit('/').next().unwrap_or(file);
    if last.ends_with('}') {
        return Ok(None);
    }
    if let Kind::Picture(format) = kind_of_name(last.as_ref()) {
        return Ok(Some(format));
    }
    let extension = last.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    let (message, suggestion) = match extension.as_str() {
        "avif" | "avifs" => (
            format!("`{file}` is to be AVIF, which is not written here"),
            "write WebP, or run ffmpeg or avifenc over a PNG in a step of its own".to_owned(),
        ),
        _ => (
            format!("cannot tell from its name what `{file}` is to be"),
            format!("give the output `{output}` a name that ends in {EXTENSIONS}"),
        ),
    };
    Err(ParamProblem { path: Vec::new(), key: false, message, suggestion: Some(suggestion) })
}

fn problem(parameter: Option<&str>, message: String, help: &str) -> Option<ParamProblem> {
    let path = parameter.into_iter().map(str::to_owned).collect();
    Some(ParamProblem { path, key: false, message, suggestion: Some(help.to_owned()) })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use serde_json::json;

    use super::*;

    fn asked(name: &str, with: Value, inputs: usize, files: &[(&'static str, &'static str)]) -> Option<String> {
        misfit(name, &with, &Asked { inputs, outputs: files.to_vec() }).map(|problem| problem.message)
    }

    fn told(with: Value, file: &'static str) -> Option<String> {
        asked("image.convert", with, 1, &[("picture", file)])
    }

    #[test]
    fn what_no_file_can_become_is_told_before_the_run() {
        assert_eq!(told(json!({}), "{item.stem}.webp"), None);
        assert_eq!(told(json!({"depth": 16}), "{item.stem}.png"), None);
        assert_eq!(told(json!({"depth": 16}), "{item.name}"), None);
        assert!(told(json!({}), "{item.stem}.avif").unwrap().contains("AVIF"));
        assert!(told(json!({}), "{item.stem}.heic").unwrap().contains("cannot tell"));
        assert!(told(json!({"depth": 16}), "{item.stem}.JPG").unwrap().contains("8 bits"));
        assert!(told(json!({"lossless": true}), "{item.stem}.jpg").unwrap().contains("no such choice"));
        assert!(told(json!({"subsampling": "444"}), "{item.stem}.webp").unwrap().contains("webp does not subsample"));
        assert!(told(json!({"progressive": true}), "{item.stem}.png").unwrap().contains("progressive"));
    }

    #[test]
    fn every_output_of_a_resize_is_judged_and_one_that_takes_a_parameter_is_enough() {
        let sizes = json!({"sizes": {"a": 1, "b": 2}, "lossless": true});
        assert_eq!(asked("image.resize", sizes.clone(), 1, &[("a", "a.jpg"), ("b", "b.webp")]), None);
        let told = |a, b| asked("image.resize", sizes.clone(), 1, &[("a", a), ("b", b)]).unwrap();
        assert!(told("a.jpg", "b.png").contains("jpeg has no such choice"));
        assert!(told("a.webp", "b.avif").contains("AVIF"));
    }

    #[test]
    fn the_number_of_inputs_is_judged_for_every_step_on_pictures() {
        for name in ["probe", "strip", "verify", "hash", "resize", "convert", "crop", "orient"] {
            let name = format!("image.{name}");
            let told = asked(&name, json!({}), 2, &[("picture", "a.jpg")]).unwrap();
            assert!(told.contains("reads one file, and 2 are given"), "{told}");
        }
        assert!(asked("image.compare", json!({}), 1, &[]).unwrap().contains("reads two files"));
    }
}
