//! What is wrong with the parameters of steps on storage for every item, whatever the placeholders are filled with.

use std::time::Duration;

use serde_json::Value;

use super::get::GET;
use super::limits::{key_problem, link_life};
use super::put::PUT;
use super::sign::SIGN;
use crate::pipeline::builtins::{Asked, ParamProblem};
use crate::pipeline::template::Template;
use crate::resilience::quantity::{Period, duration};
use crate::steps::schema::has_placeholder;

/// What is wrong with asking the step `name` for this, given its parameters.
pub(in crate::steps) fn misfit(name: &str, with: &Value, asked: &Asked<'_>) -> Option<ParamProblem> {
    let (key, life) = match name {
        name if name == PUT.name => ("to", "sign"),
        name if name == GET.name => ("from", ""),
        name if name == SIGN.name => ("key", "expires"),
        _ => return None,
    };
    let text = |name: &str| with.get(name).and_then(Value::as_str);
    if name == PUT.name && asked.inputs > 1 && text("to").is_some_and(|to| !to.ends_with(['/', '}'])) {
        let message = format!("`to` is one key, and {} files are given", asked.inputs);
        return problem("to", message, "end it with a slash: each file is then put below it by its name");
    }
    // Without placeholders the step's own check has said the rest.
    if !has_placeholder(with) {
        return None;
    }
    if let Some(why) = text(key).and_then(|text| key_problem(text, name == PUT.name)) {
        return problem(key, why, "name it below the prefix of the storage: \"{item.stem}/song.mp3\"");
    }
    let lasts = match with.get(life)? {
        Value::String(text) if Template::parse(text).is_ok_and(|template| template.is_literal()) => {
            duration(text).ok()?
        }
        Value::Number(seconds) => Duration::try_from_secs_f64(seconds.as_f64()?).ok()?,
        _ => return None,
    };
    link_life(life, Period(lasts)).err().and_then(|why| problem(life, why, "say \"1h\" or more"))
}

fn problem(parameter: &str, message: String, help: &str) -> Option<ParamProblem> {
    Some(ParamProblem { path: vec![parameter.to_owned()], key: false, message, suggestion: Some(help.to_owned()) })
}
