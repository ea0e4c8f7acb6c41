//! What the steps on sound cannot do for any file: known from parameters, outputs and the number of inputs alone.

use serde_json::Value;

use crate::pipeline::builtins::{Asked, ParamProblem};

/// What is wrong with asking the step `name` for this, given its parameters. What placeholders will fill is not judged.
pub(in crate::steps) fn misfit(name: &str, with: &Value, asked: &Asked<'_>) -> Option<ParamProblem> {
    if !name.starts_with("audio.") {
        return None;
    }
    inputs(name, with, asked.inputs)
        .or_else(|| asked.outputs.iter().find_map(|(output, file)| coding(with, output, file)))
}

fn problem(parameter: Option<&str>, message: String, help: &str) -> Option<ParamProblem> {
    let path = parameter.into_iter().map(str::to_owned).collect();
    Some(ParamProblem { path, key: false, message, suggestion: Some(help.to_owned()) })
}

/// Whether it can read so many files.
fn inputs(name: &str, with: &Value, count: usize) -> Option<ParamProblem> {
    match name {
        "audio.mix" => {
            let gains = with.get("gains_db")?.as_array()?.len();
            let message = format!("`gains_db` has {gains} gains, and there are {count} inputs");
            if gains == count { None } else { problem(Some("gains_db"), message, "give one gain for each input") }
        }
        "audio.compare" if count != 2 => {
            let message = format!("`audio.compare` reads two files, and {count} is given");
            let message = if count > 1 { message.replace(" is given", " are given") } else { message };
            problem(None, message, "name both: in = [\"{item.path}\", \"{convert.wav}\"]")
        }
        "audio.compare" => None,
        "audio.slice" if with.get("by").is_some_and(|by| by == "beats") && with.get("beats").is_none() => {
            let help =
                "give the JSON file of audio.analyze as a second input: in = [\"{item.path}\", \"{analyze.json}\"]";
            let message = "by = \"beats\" needs the times of the beats, and none are given".to_owned();
            if count == 2 { None } else { problem(Some("by"), message, help) }
        }
        _ if count > 1 => {
            problem(None, format!("`{name}` reads one file, and {count} are given"), "name the one file in `in`")
        }
        _ => None,
    }
}

/// Whether the output can be coded as the parameters say; a clip is coded as the extension of its name says.
fn coding(with: &Value, output: &str, file: &str) -> Option<ParamProblem> {
    let extension =
        file.rsplit(['/', '}']).next()?.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let coded = if output == "clips" { extension.as_deref().unwrap_or_default() } else { output };
    if output == "clips" && !["wav", "flac"].contains(&coded) && !file.ends_with('}') {
        let message = format!("clips are written as wav or flac, and `{file}` is neither");
        return problem(None, message, "name them so: out = { clips = \"clips/*.wav\" }");
    }
    let number = |name: &str| with.get(name).and_then(Value::as_u64);
    if coded == "flac" && number("bits") == Some(32) {
        return problem(Some("bits"), "`bits` is 32, and FLAC holds 16 or 24".to_owned(), "say 24, or write `wav`");
    }
    let most = match (coded, number("channels")) {
        ("mp3", _) => 320,
        ("m4a" | "opus", Some(channels)) => 256 * channels,
        _ => return None,
    };
    let kbps = number("bitrate_kbps").filter(|kbps| *kbps > most)?;
    problem(Some("bitrate_kbps"), format!("`bitrate_kbps` is {kbps}, and `{coded}` has {most} at most"), "say less")
}
