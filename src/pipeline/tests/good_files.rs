//! What a good file comes to.

use std::time::Duration;

use super::{LESSON, check, findings, good};
use crate::pipeline::plan::{Action, DecodeCheck, Durability, OnOpen, Plan};
use crate::resilience::FaultClass;
use crate::resilience::breaker::BreakerSettings;

fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.id.as_str()).collect()
}

#[test]
fn the_example_of_the_design_is_valid() {
    let (plan, found) = good(LESSON);
    assert!(found.iter().all(|warning| warning.message.starts_with("no step uses")), "{}", found.to_text(false));
    assert_eq!((plan.name.as_str(), ids(&plan)), ("lesson", vec!["prepare", "stems", "analyze"]));
    assert_eq!(plan.input.matches, ["*.wav", "*.flac", "*.mp3"]);
    assert!(plan.input.recursive);
    assert_eq!(plan.output.source, "out/{item.stem}");
    assert_eq!(plan.tools["ffmpeg"].required, Some(true));
    let stems = &plan.steps[1];
    assert_eq!((stems.tool.as_deref(), stems.reads.as_slice()), (Some("demucs"), &[0][..]));
    assert_eq!((stems.timeout, stems.optional, stems.on_open), (Some(Duration::from_secs(3600)), true, OnOpen::Park));
    let demucs =
        BreakerSettings { failure_threshold: 3, recovery_timeout: Duration::from_secs(120), success_threshold: 1 };
    assert_eq!(plan.breakers["demucs"], demucs);
    assert_eq!(plan.steps[2].reads, [0]);
}

#[test]
fn silence_means_the_defaults() {
    let (plan, found) = good("[[step]]\nid = \"copy\"\nrun = [\"/usr/bin/cp\", \"{in}\", \"x\"]\n");
    assert!(found.is_empty(), "{}", found.to_text(false));
    assert_eq!((plan.name.as_str(), plan.give_up_after, plan.durability), ("songs", 3, Durability::Process));
    assert_eq!(plan.output, crate::pipeline::template::Template::parse("out/{item.stem}").unwrap());
    let step = &plan.steps[0];
    assert_eq!((step.tool.as_deref(), step.timeout, step.idle_timeout), (Some("cp"), None, None));
    assert_eq!((step.grace, step.max_output, step.memory), (Duration::from_secs(5), 1 << 30, None));
    assert_eq!(step.retry, crate::resilience::retry::RetryPolicy::default());
    assert_eq!(step.verify, crate::pipeline::plan::Verify::default());
    assert!(step.sandbox && !step.optional && !step.batch && step.input.is_empty());
    assert_eq!(step.on_open, OnOpen::Park);
}

#[test]
fn every_key_is_understood() {
    let (plan, found) = good(include_str!("every_key.toml"));
    assert!(found.is_empty(), "{}", found.to_text(false));
    assert_eq!((plan.durability, plan.give_up_after, plan.input.recursive), (Durability::Power, 5, false));
    let sox = &plan.tools["sox"];
    assert_eq!(sox.least.as_deref(), Some("14.4"));
    assert_eq!(sox.canary.as_deref(), Some(&["sox".to_owned(), "--version".to_owned()][..]));
    assert_eq!((sox.faults[0].exit, sox.faults[0].class), (Some(2), FaultClass::Input));
    let step = &plan.steps[0];
    assert_eq!((step.retry.max_retries, step.retry.base_delay), (1, Duration::from_millis(500)));
    assert_eq!((step.memory, step.max_output, step.sandbox), (Some(512 << 20), 2_000_000_000, false));
    assert_eq!(step.verify.decode, DecodeCheck::Full);
    assert_eq!((step.on_open, step.fallback["wav"].source.as_str()), (OnOpen::Fallback, "{in}"));
    assert_eq!(step.out["wav"].to.as_ref().unwrap().source, "clean.wav");
    assert_eq!((step.idle_timeout, step.grace), (Some(Duration::from_secs(90)), Duration::from_secs(10)));
    assert_eq!(step.matches.to_string(), "*.wav, take-*");
    assert!(step.matches.takes("A.WAV".as_ref()) && !step.matches.takes("a.mp3".as_ref()));
    assert_eq!(plan.steps[1].after, [0]);
    assert!(plan.steps[1].matches.is_empty());
    assert_eq!(plan.breakers["sox"].success_threshold, 2);
    assert_eq!(plan.breakers["sox"].failure_threshold, 9);
}

#[test]
fn a_tool_that_is_slow_to_heal_has_its_own_breaker_even_where_the_file_says_little() {
    let step = "[[step]]\nid = \"s\"\nrun = [\"basic-pitch\", \"{in}\"]\n";
    assert_eq!(good(step).0.breakers["basic-pitch"].failure_threshold, 3);
    let text = format!("[breakers.basic-pitch]\nsuccess_threshold = 4\n{step}");
    let settings = good(&text).0.breakers["basic-pitch"];
    assert_eq!((settings.failure_threshold, settings.success_threshold), (3, 4));
}

#[test]
fn steps_come_after_what_they_wait_for_and_else_in_the_order_of_the_file() {
    let text = r#"
[[step]]
id = "last"
run = ["cp", "{first.wav}", "x"]
after = ["second"]
[[step]]
id = "first"
run = ["cp", "{in}", "{out}"]
out = { wav = "a.wav" }
[[step]]
id = "second"
run = ["cp", "{in}", "y"]
"#;
    let (plan, _) = good(text);
    assert_eq!(ids(&plan), ["first", "second", "last"]);
    assert_eq!((plan.steps[2].reads.as_slice(), plan.steps[2].after.as_slice()), (&[0][..], &[1][..]));
}

#[test]
fn collect_runs_over_the_batch_and_its_columns_count_as_reads() {
    let text = r#"
[[step]]
id = "probe"
uses = "audio.analyze"
[[step]]
id = "table"
uses = "collect"
with = { columns = { file = "{item.name}", seconds = "{probe.duration}" } }
out = { csv = "table.csv" }
"#;
    let (plan, found) = good(text);
    assert!(found.is_empty(), "{}", found.to_text(false));
    assert!(plan.steps[1].batch);
    assert_eq!(plan.steps[1].reads, [0]);
    assert!(findings(&text.replace("probe.duration", "probe.duraton"))[0].0.contains("no value `duraton`"));
}

#[test]
fn the_definition_is_the_same_however_the_file_is_laid_out() {
    let one = "[[step]]\nid = \"a\"\nuses = \"audio.convert\"\nwith = { channels = 1, sample_rate = 2 }\n\
               out = { wav = \"a\", peaks = \"b\" }\n";
    let other = "[[step]]\nout.peaks = \"b\"\nout.wav = { from = 'a' }\ntimeout = 3\nretry = { jitter = 0 }\n\
                 with.sample_rate = 0x2\nwith.channels = 1\nuses = \"audio.convert\"\nid = \"other\"\n";
    let definition = |text| good(text).0.steps[0].definition.to_string();
    assert_eq!(definition(one), definition(other));
    let expected = "{\"action\":{\"uses\":\"audio.convert\",\"version\":7,\"with\":{\"channels\":1,\"sample_rate\":2}},\
                    \"env\":{},\"fallback\":{},\"in\":[],\"out\":{\"peaks\":{\"from\":\"b\",\"to\":null},\
                    \"wav\":{\"from\":\"a\",\"to\":null}},\
                    \"verify\":{\"decodes\":\"open\",\"min_bytes\":0,\"nonempty\":true}}";
    assert_eq!(definition(one), expected);
}

#[test]
fn what_makes_another_result_makes_another_definition() {
    let base = "[[step]]\nid = \"a\"\nrun = [\"cp\", \"{in}\", \"{out}\"]\nout = { f = \"a\" }\n";
    let definition = |text: &str| good(text).0.steps[0].definition.clone();
    for change in [
        "env = { A = \"1\" }",
        "verify = { decodes = true }",
        "in = \"{item.path}\"",
        "optional = true\nfallback = { f = \"x\" }",
    ] {
        assert_ne!(definition(base), definition(&format!("{base}{change}\n")), "{change}");
    }
    for policy in [
        "timeout = 9",
        "grace = 1",
        "optional = true",
        "memory = \"1GiB\"",
        "sandbox = false",
        "tool = \"x\"",
        "match = [\"*.wav\"]",
    ] {
        assert_eq!(definition(base), definition(&format!("{base}{policy}\n")), "{policy}");
    }
}

#[test]
fn parameters_reach_the_step_as_written() {
    let text = "[[step]]\nid = \"a\"\nuses = \"audio.convert\"\nout.wav = \"a\"\n[step.with]\nrate = [1, -2.5, true, \"{item.stem}\"]\n";
    let Action::Uses { with, .. } = good(text).0.steps[0].action.clone() else { panic!("it is a built-in") };
    assert_eq!(with, serde_json::json!({ "rate": [1, -2.5, true, "{item.stem}"] }));
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_do_no_harm() {
    let (_, found) = check(&format!("\u{feff}{}", LESSON.replace('\n', "\r\n")));
    assert!(!found.has_errors(), "{}", found.to_text(false));
}
