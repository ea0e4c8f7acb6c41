//! What is wrong with the parameters of steps on storage for every item, whatever the placeholders are filled with.

use serde::Deserialize;
use serde_json::Value;

use super::put::PUT;
use super::sign::SIGN;
use crate::pipeline::builtins::{Asked, ParamProblem};
use crate::resources::storage::{LinkMethod, Settings};
use crate::steps::schema::has_placeholder;

/// What is wrong with asking the step `name` for this, given its parameters.
pub(in crate::steps) fn misfit(name: &str, with: &Value, asked: &Asked<'_>) -> Option<ParamProblem> {
    let to = with.get("to").and_then(Value::as_str);
    if name == PUT.name && asked.inputs > 1 && to.is_some_and(|to| !to.ends_with(['/', '}'])) {
        let message = format!("`to` is one key, and {} files are given", asked.inputs);
        return problem("to", message, "end it with a slash: each file is then put below it by its name");
    }
    None
}

/// What the storage with these settings cannot do for the step `name`.
pub(in crate::steps) fn clash(name: &str, with: &Value, settings: &Value) -> Option<ParamProblem> {
    let (key, method) = match name {
        name if name == PUT.name => ("sign", LinkMethod::Get),
        name if name == SIGN.name => {
            let method = with.get("method").map_or(Ok(LinkMethod::Get), LinkMethod::deserialize);
            ("", method.ok()?)
        }
        _ => return None,
    };
    if !key.is_empty() && with.get(key).is_none_or(has_placeholder) {
        return None;
    }
    let (message, help) = Settings::deserialize(settings).ok()?.cannot_sign(method)?;
    problem(key, message.to_owned(), help)
}

fn problem(parameter: &str, message: String, help: &str) -> Option<ParamProblem> {
    let path = if parameter.is_empty() { Vec::new() } else { vec![parameter.to_owned()] };
    Some(ParamProblem { path, key: false, message, suggestion: Some(help.to_owned()) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_link_that_nobody_can_sign_is_told_before_the_run() {
        let told =
            |name: &str, with: Value, settings: Value| clash(name, &with, &settings).map(|told| told.path.join("."));
        let local = || json!({ "provider": "local", "folder": "a" });
        let public = || json!({ "provider": "local", "folder": "a", "public_url": "https://cdn.example.org" });
        let azure = |key: &str| json!({ "provider": "azure", "account": "a", "bucket": "b", key: "${KEY}" });
        let (put, sign) = ("storage.put", "storage.sign");
        assert_eq!(told(put, json!({ "to": "a", "sign": "1h" }), local()).as_deref(), Some("sign"));
        assert_eq!(told(put, json!({ "to": "a" }), local()), None);
        assert_eq!(told(put, json!({ "to": "a", "sign": "1h" }), public()), None);
        assert_eq!(told(put, json!({ "to": "a", "sign": "{a.b}" }), local()), None);
        assert_eq!(told(sign, json!({ "key": "a" }), local()).as_deref(), Some(""));
        assert_eq!(told(sign, json!({ "key": "a" }), public()), None);
        assert_eq!(told(sign, json!({ "key": "a", "method": "put" }), public()).as_deref(), Some(""));
        assert_eq!(told(sign, json!({ "key": "a", "method": "{a.b}" }), public()), None);
        assert_eq!(told(sign, json!({ "key": "a" }), azure("sas")).as_deref(), Some(""));
        assert_eq!(told(sign, json!({ "key": "a" }), azure("account_key")), None);
        assert_eq!(told(put, json!({ "to": "a", "sign": 3600 }), azure("sas")).as_deref(), Some("sign"));
        assert_eq!(told("storage.get", json!({ "from": "a" }), local()), None);
        assert_eq!(told(sign, json!({ "key": "a" }), json!({ "provider": "${P}", "folder": "a" })), None);
    }
}
