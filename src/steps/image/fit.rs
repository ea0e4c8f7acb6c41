//! What the steps on pictures cannot do for any file: known from parameters and the names of outputs alone.

use serde_json::Value;

use super::coded::EXTENSIONS;
use crate::pipeline::builtins::{Asked, ParamProblem};

/// What is wrong with asking the step `name` for this, given its parameters. What placeholders will fill is not judged.
pub(in crate::steps) fn misfit(name: &str, with: &Value, asked: &Asked<'_>) -> Option<ParamProblem> {
    if !["image.convert", "image.crop", "image.orient"].contains(&name) {
        return None;
    }
    if asked.inputs > 1 {
        let message = format!("`{name}` reads one file, and {} are given", asked.inputs);
        return problem(None, message, "name the one file in `in`");
    }
    let (_, file) = asked.outputs.iter().find(|(output, _)| *output == "picture")?;
    let last = file.rsplit('/').next().unwrap_or(file);
    if last.ends_with('}') {
        return None;
    }
    let extension = last.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    let given = |parameter: &str, value: Value| with.get(parameter) == Some(&value);
    match extension.as_str() {
        "avif" | "avifs" => problem(
            None,
            format!("`{file}` is to be AVIF, which is not written here"),
            "write WebP, or run ffmpeg or avifenc over a PNG in a step of its own",
        ),
        "jpg" | "jpeg" | "webp" | "gif" | "bmp" if given("depth", Value::from(16)) => {
            problem(Some("depth"), format!("`depth` is 16, and {extension} holds 8 bits"), "write .png or .tif")
        }
        "png" | "tif" | "tiff" | "gif" | "bmp" | "webp" if given("progressive", Value::from(true)) => {
            problem(Some("progressive"), format!("{extension} is never progressive"), "write .jpg, or leave it out")
        }
        "jpg" | "jpeg" if given("lossless", Value::from(true)) => {
            problem(Some("lossless"), "JPEG is never without loss".into(), "write .webp, .png or .tif")
        }
        "jpg" | "jpeg" | "png" | "webp" | "tif" | "tiff" | "gif" | "bmp" => None,
        _ => problem(
            None,
            format!("cannot tell from its name what `{file}` is to be"),
            &format!("give the output `picture` a name that ends in {EXTENSIONS}"),
        ),
    }
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

    fn told(with: Value, file: &str) -> Option<String> {
        misfit("image.convert", &with, &Asked { inputs: 1, outputs: vec![("picture", file)] })
            .map(|problem| problem.message)
    }

    #[test]
    fn what_no_file_can_become_is_told_before_the_run() {
        assert_eq!(told(json!({}), "{item.stem}.webp"), None);
        assert_eq!(told(json!({"depth": 16}), "{item.stem}.png"), None);
        assert_eq!(told(json!({}), "{item.name}"), None);
        assert!(told(json!({}), "{item.stem}.avif").unwrap().contains("AVIF"));
        assert!(told(json!({}), "{item.stem}.heic").unwrap().contains("cannot tell"));
        assert!(told(json!({"depth": 16}), "{item.stem}.JPG").unwrap().contains("8 bits"));
        assert!(told(json!({"lossless": true}), "{item.stem}.jpg").unwrap().contains("without loss"));
        assert!(told(json!({"progressive": true}), "{item.stem}.png").unwrap().contains("progressive"));
    }
}
