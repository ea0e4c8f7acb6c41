//! `mediamill steps --resource KIND`: what a pipeline can say of a resource.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::described;
use super::parameters::{Parameter, parameters};
use crate::cli::failure::Failure;
use crate::pipeline::suggest;
use crate::resources::PoolSettings;
use crate::resources::settings::ResourceKind;
use crate::steps::register::RESOURCE_STEPS;

/// What the resource of the example is called.
pub(super) const fn name(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Database => "catalogue",
        ResourceKind::Filesystem => "archive",
        ResourceKind::Http => "service",
        ResourceKind::Llm => "model",
        ResourceKind::Storage => "bucket",
        ResourceKind::Static => "licence",
    }
}

/// A resource that the check of a pipeline finds good.
pub(super) fn example(kind: ResourceKind) -> String {
    let settings = match kind {
        ResourceKind::Database => "backend = \"postgresql\"\nurl = \"${CATALOGUE_URL}\"\n",
        ResourceKind::Filesystem => "base_path = \"archive\"\n",
        ResourceKind::Http => {
            "base_url = \"https://service.example.org/v1\"\nauth = { kind = \"bearer\", token = \"${SERVICE_TOKEN}\" }\n"
        }
        ResourceKind::Llm => "provider = \"ollama\"\nmodel = \"llama3.2\"\n",
        ResourceKind::Storage => {
            "provider = \"s3\"\nbucket = \"songs\"\naccess_key = \"AKIAEXAMPLE\"\nsecret_key = \"${S3_SECRET}\"\n"
        }
        ResourceKind::Static => "data = { seats = 3 }\npool = { max_size = 3 }\n",
    };
    format!("[resources.{}]\nkind = \"{}\"\n{settings}", name(kind), kind.word())
}

/// All there is to know of the kind called `word`.
///
/// # Errors
/// There is no such kind.
pub(super) fn told(word: &str, json: bool) -> Result<String, Failure> {
    let Some(kind) = ResourceKind::ALL.into_iter().find(|kind| kind.word() == word) else {
        let failure = Failure::usage(format!("there is no kind of resource '{word}'"));
        return Err(match suggest::help(word, ResourceKind::ALL.iter().map(|kind| kind.word())) {
            Some(help) => failure.hint(help),
            None => failure,
        });
    };
    Ok(if json { format!("{:#}\n", as_json(kind)) } else { reference(kind) })
}

fn steps(kind: ResourceKind) -> Vec<&'static str> {
    RESOURCE_STEPS.iter().filter(|step| step.kind == kind).map(|step| step.step.name).collect()
}

fn reference(kind: ResourceKind) -> String {
    let mut told = format!("{}: a kind of resource ([resources.NAME])\n", kind.word());
    let steps = steps(kind);
    if !steps.is_empty() {
        let _ = writeln!(told, "\nSteps that work with it\n  {}", steps.join(", "));
    }
    described(&mut told, "Settings", &parameters(&kind.schema()));
    told.push_str("\nHow many connections it has (pool)\n");
    for (key, default, meaning) in pool(kind.pool()) {
        let _ = writeln!(told, "  {key}: {meaning} (default {default})");
    }
    told.push_str("  profile: \"high\" for much work at once (5 to 20 connections, a wait of 10 s at most), or\n");
    told.push_str("      \"low\" (1 to 5, kept idle for 600 s); what else is said goes before it\n");
    told.push_str("\nExample\n\n");
    for line in example(kind).lines() {
        let _ = writeln!(told, "  {line}");
    }
    told.push_str(&variables(kind));
    told
}

/// What `${NAME}` is, and where it is no secret.
fn variables(kind: ResourceKind) -> String {
    let mut told =
        "\n${NAME} stands for a variable of the environment. It is a secret, and shown and written nowhere".to_owned();
    told.push_str(match kind.plain() {
        [] => ".\n",
        _ => ", but in addresses and names:\n",
    });
    if !kind.plain().is_empty() {
        let _ = writeln!(told, "  {}", kind.plain().join(", "));
    }
    if !kind.plain_headers().is_empty() {
        let _ = writeln!(told, "  headers: {}", kind.plain_headers().join(", "));
    }
    if !kind.addresses().is_empty() {
        let _ = writeln!(told, "  {}: as far as it fills scheme, host or port alone", kind.addresses().join(", "));
    }
    told
}

/// The keys of `pool`, each with its default and its meaning.
fn pool(default: PoolSettings) -> [(&'static str, String, &'static str); 7] {
    let seconds = |time: std::time::Duration| format!("\"{}s\"", time.as_secs());
    [
        ("min_size", default.min_size.to_string(), "connections that are kept ready"),
        ("max_size", default.max_size.to_string(), "the most there are at once"),
        (
            "max_idle_time",
            seconds(default.max_idle_time),
            "one that lies idle for longer is closed; also `idle_timeout`",
        ),
        ("acquire_timeout", seconds(default.acquire_timeout), "the longest wait for one; 0 is not at all"),
        (
            "validation_interval",
            seconds(default.validation_interval),
            "one that was not looked at for so long is, before it is used again",
        ),
        ("max_lifetime", seconds(default.max_lifetime), "one that is older is closed when it comes back"),
        ("leak_threshold", "none".to_owned(), "one that is held for longer is told of, once"),
    ]
}

fn as_json(kind: ResourceKind) -> Value {
    json!({
        "kind": kind.word(), "steps": steps(kind),
        "settings": parameters(&kind.schema()).iter().map(Parameter::as_json).collect::<Value>(),
        "pool": pool(kind.pool()).iter()
            .map(|(key, default, meaning)| json!({ "name": key, "default": default, "doc": meaning })).collect::<Value>(),
        "example": example(kind), "schema": kind.schema().as_value(),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use super::*;
    use crate::pipeline::load::parse;
    use crate::steps::catalog::Catalog;

    #[test]
    fn the_example_of_every_kind_is_a_good_resource() {
        for kind in ResourceKind::ALL {
            let step = format!("[[step]]\nid = \"a\"\nrun = [\"true\"]\nresources = [\"{}\"]\n", name(kind));
            let (plan, found) = parse("example.toml", &(example(kind) + &step), &Catalog::registered());
            assert!(found.is_empty(), "{}", found.to_text(false));
            assert_eq!(plan.unwrap().resources[0].kind, kind);
        }
    }

    #[test]
    fn every_setting_of_every_kind_is_told_with_what_it_means() {
        for kind in ResourceKind::ALL {
            let told = told(kind.word(), false).unwrap();
            for setting in parameters(&kind.schema()) {
                assert!(told.contains(&format!("  {}: ", setting.name)) && !setting.doc.is_empty(), "{told}");
            }
        }
        assert!(told("databse", false).is_err());
    }
}
