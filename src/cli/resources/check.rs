//! `mediamill resources --check`: connects to each resource of a pipeline now, and tells how well it is.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::shown;
use crate::cli::failure::{Failure, code};
use crate::cli::output;
use crate::pipeline::plan::Plan;
use crate::resilience::safe_text::safe_line;
use crate::resources::secret::Secrets;
use crate::resources::settings::{ResourceSpec, register};
use crate::resources::{Health, HealthReport, Manager, PoolSettings};

/// A resource, and what a look at it found.
struct Looked<'a> {
    spec: &'a ResourceSpec,
    required: bool,
    report: HealthReport,
}

/// Looks at all at the same time. `${NAME}` comes from the environment.
///
/// # Errors
/// That the system gives nothing to wait with.
pub(super) fn run(plan: &Plan, as_json: bool) -> Result<ExitCode, Failure> {
    let cannot = |error| Failure::new(code::FAILED, format!("cannot wait for answers: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
    let secrets = Secrets::default();
    let looked = runtime.block_on(look(plan, &|name| std::env::var(name).ok(), &secrets));
    // A look that still blocks a thread is not waited for.
    runtime.shutdown_background();
    output::print(&if as_json { json(plan, &looked, &secrets) } else { text(plan, &looked, &secrets) });
    let is_missing = |one: &Looked<'_>| one.required && !is_usable(one.report.health);
    Ok(ExitCode::from(if looked.iter().any(is_missing) { code::DEPENDENCY } else { code::DONE }))
}

async fn look<'a>(plan: &'a Plan, variable: &dyn Fn(&str) -> Option<String>, secrets: &Secrets) -> Vec<Looked<'a>> {
    let manager = Manager::new();
    let mut looked: Vec<Looked<'a>> = Vec::with_capacity(plan.resources.len());
    for spec in &plan.resources {
        let report = match register(&manager, spec, variable, secrets) {
            Ok(()) => HealthReport::default(),
            Err(error) => {
                let (details, hint) = (error.fault.message, error.fault.hint);
                HealthReport { health: Health::Unhealthy, details, hint, version: None }
            }
        };
        looked.push(Looked { spec, required: plan.requires(&spec.name), report });
    }
    output::hide_in_panics(secrets);
    for (name, report) in manager.check_all().await {
        if let Some(one) = looked.iter_mut().find(|one| one.spec.name == name) {
            one.report = report;
        }
    }
    manager.close().await;
    looked
}

const fn is_usable(health: Health) -> bool {
    matches!(health, Health::Healthy | Health::Degraded)
}

const fn mark(health: Health) -> char {
    match health {
        Health::Healthy => '✓',
        Health::Degraded => '▲',
        Health::Unknown => '·',
        Health::Unhealthy => '✗',
    }
}

fn seconds(span: Duration) -> String {
    format!("{} s", span.as_secs_f64())
}

fn text(plan: &Plan, looked: &[Looked<'_>], secrets: &Secrets) -> String {
    let clean = |text: &str| safe_line(&secrets.redact(text)).into_owned();
    let mut told = String::new();
    for Looked { spec, required, report } in looked {
        let optional = if *required { "" } else { ", not required" };
        let settings = shown::settings(&spec.settings);
        let settings: Vec<String> = settings.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let PoolSettings { min_size, max_size, acquire_timeout, max_idle_time, .. } = spec.pool;
        let pool = format!(
            "{min_size} to {max_size}, acquire_timeout {}, max_idle_time {}",
            seconds(acquire_timeout),
            seconds(max_idle_time)
        );
        // Writing to a String cannot fail.
        let _ = writeln!(told, "{} {} ({}{optional})", mark(report.health), clean(&spec.name), spec.kind.word());
        for (label, value) in [
            ("Health", Some(report.health.word())),
            ("Version", report.version.as_deref()),
            ("Details", Some(report.details.as_str())),
            ("Hint", report.hint.as_deref()),
            ("Settings", Some(settings.join(", ").as_str())),
            ("Pool", Some(pool.as_str())),
        ] {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                let _ = writeln!(told, "  {label}: {}", clean(value));
            }
        }
        told.push('\n');
    }
    let well = looked.iter().filter(|one| is_usable(one.report.health)).count();
    let _ = writeln!(told, "{}: {well} of {} resources can be used", clean(&plan.name), looked.len());
    told
}

fn json(plan: &Plan, looked: &[Looked<'_>], secrets: &Secrets) -> String {
    let clean = |text: &str| secrets.redact(text).into_owned();
    let one = |Looked { spec, required, report }: &Looked<'_>| {
        let pool = &spec.pool;
        let settings: Map<String, Value> = shown::settings(&spec.settings)
            .into_iter()
            .map(|(name, value)| (name.into(), clean(&value).into()))
            .collect();
        json!({
            "name": spec.name, "kind": spec.kind.word(), "required": required, "health": report.health,
            "version": report.version.as_deref().map(clean), "details": clean(&report.details),
            "hint": report.hint.as_deref().map(clean), "settings": settings,
            "pool": {
                "min_size": pool.min_size, "max_size": pool.max_size,
                "acquire_timeout_seconds": pool.acquire_timeout.as_secs_f64(),
                "max_idle_seconds": pool.max_idle_time.as_secs_f64(),
                "max_lifetime_seconds": pool.max_lifetime.as_secs_f64(),
                "validation_interval_seconds": pool.validation_interval.as_secs_f64(),
                "leak_threshold_seconds": pool.leak_threshold.map(|span| span.as_secs_f64()),
            },
        })
    };
    let all: Vec<Value> = looked.iter().map(one).collect();
    format!("{:#}\n", json!({ "version": 1, "pipeline": plan.name, "checked": all }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]

    use super::*;
    use crate::resources::settings::ResourceKind;

    const SECRET: &str = "s3cr3t-of-the-test";

    /// A pipeline of one step that works with these.
    fn plan(resources: &[(&str, Value)]) -> Plan {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/library-check.toml");
        let mut plan = crate::cli::state::plan(&file).unwrap().plan;
        let spec = |(name, settings): &(&str, Value)| ResourceSpec {
            name: (*name).to_owned(),
            kind: ResourceKind::Static,
            pool: ResourceKind::Static.pool(),
            settings: settings.clone(),
        };
        plan.resources = resources.iter().map(spec).collect();
        plan.steps[0].resources = resources.iter().map(|(name, _)| (*name).to_owned()).collect();
        plan.steps[0].optional = false;
        plan
    }

    fn looked(plan: &Plan) -> (Vec<Looked<'_>>, Secrets) {
        let secrets = Secrets::default();
        let variable = |name: &str| (name == "WORD").then(|| SECRET.to_owned());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        (runtime.block_on(look(plan, &variable, &secrets)), secrets)
    }

    #[test]
    fn each_is_told_with_its_health_its_settings_and_its_pool_and_no_secret_is() {
        let good = json!({ "data": { "word": "${WORD}" } });
        // Whatever somebody writes where it is shown.
        let unset =
            json!({ "url": format!("http://me:{SECRET}@host/x?key={SECRET}"), "data": { "word": "${NOBODY_SET_IT}" } });
        let wrong = json!({ "path": "${WORD}", "dat": "${WORD}" });
        let plan = plan(&[("good", good), ("unset", unset), ("wrong", wrong)]);
        let (found, secrets) = looked(&plan);
        let health: Vec<Health> = found.iter().map(|one| one.report.health).collect();
        assert_eq!(health, [Health::Healthy, Health::Unhealthy, Health::Unhealthy]);
        let (told, as_json) = (text(&plan, &found, &secrets), json(&plan, &found, &secrets));
        assert!(
            told.starts_with("✓ good (static)\n  Health: healthy\n  Details: data of the pipeline\n  Pool: 0 to 1024"),
            "{told}"
        );
        assert!(told.contains("✗ unset (static)\n") && told.contains("NOBODY_SET_IT"), "{told}");
        assert!(told.contains("  Hint: set it before the run: export NOBODY_SET_IT=...\n"), "{told}");
        assert!(told.contains("  Settings: url = http://host/x\n"), "{told}");
        assert!(told.ends_with(": 1 of 3 resources can be used\n"), "{told}");
        assert!(!told.contains(SECRET) && !as_json.contains(SECRET), "{told}{as_json}");
        let json: Value = serde_json::from_str(&as_json).unwrap();
        assert_eq!((&json["version"], &json["checked"][1]["health"]), (&1.into(), &"unhealthy".into()));
        assert_eq!(json["checked"][0]["pool"]["acquire_timeout_seconds"], 30.0);
    }

    #[test]
    fn one_that_only_optional_steps_work_with_is_not_required() {
        let mut plan = plan(&[("words", json!({ "data": {} }))]);
        assert!(plan.requires("words"));
        plan.steps[0].optional = true;
        assert!(!plan.requires("words"));
        plan.tools.entry("words".into()).or_default().required = Some(true);
        assert!(plan.requires("words"));
    }
}
