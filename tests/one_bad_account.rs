//! Each fault is charged to one account only: broken files never open the breaker of a healthy tool, and a dead tool
//! costs a handful of calls and fails no item.
//!
//! `MEDIAMILL_BROKEN=1000` is the number of broken files in the long form (150 without it).

mod support;

use std::ffi::OsStr;
use std::time::Duration;

use mediamill::events::EventKind;
use mediamill::resilience::FaultClass;
use mediamill::resilience::breaker::BreakerState;
use mediamill::resilience::checkpoint::{ItemState, StepOutcome};
use support::{Bench, fixture, installed, skip};

const FFMPEG: &str = r#"
name = "broken"
[output]
dir = "out/{item.stem}"
[[step]]
id = "convert"
run = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", "{in}", "-t", "0.05", "{out}"]
out = { sound = "made.wav" }
"#;

#[test]
fn a_thousand_broken_files_do_not_open_the_breaker_of_a_healthy_ffmpeg() {
    if !installed("ffmpeg") {
        return skip("ffmpeg is not installed");
    }
    let bench = Bench::new(FFMPEG);
    let broken: usize = std::env::var("MEDIAMILL_BROKEN").ok().and_then(|text| text.parse().ok()).unwrap_or(150);
    let sound = std::fs::read(fixture("music-2.mp3")).unwrap_or_default();
    let mut chance = support::Chance(7);
    for n in 0..broken {
        // Broken in many ways: no sound at all, nothing, a header and no more, noise.
        let content = match n % 4 {
            0 => format!("this is no sound {n}").into_bytes(),
            1 => Vec::new(),
            2 => [b"RIFF\x10\0\0\0WAVEfmt ".as_slice(), &[0xff; 40]].concat(),
            _ => (0..2000).map(|_| chance.below(256) as u8).collect(),
        };
        bench.input(format!("{n:04}.mp3"), content);
    }
    // Good ones among them, the first of them late: nothing has proved the tool by then.
    for n in [40, 41, 90, broken - 1] {
        bench.input(format!("{n:04}-good.mp3"), &sound);
    }
    let ended = bench.run().end();
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    let journal = bench.journal();
    assert!(journal.breaker_changes().is_empty(), "{:?}", journal.breaker_changes());
    let counts = journal.counts().unwrap_or_default();
    assert_eq!((counts.done, counts.failed, counts.parked), (4, broken as u32, 0), "{counts:?}");
    for (name, (state, fault)) in journal.finished() {
        let good = name.to_string_lossy().contains("good");
        assert_eq!(state, if good { ItemState::Done } else { ItemState::Failed });
        assert_eq!(fault.map(|fault| fault.class), (!good).then_some(FaultClass::Input), "{}", name.display());
    }
    let retried = journal.kinds().any(|kind| matches!(kind, EventKind::RetryScheduled { .. }));
    assert!(!retried, "a broken file was tried again");
    let canaries = journal.kinds().filter(|kind| matches!(kind, EventKind::CanaryAnswered { .. })).count();
    assert!(canaries <= 2, "{canaries} canaries");

    // What failed through its own fault is not tried again, and is still told.
    let ended = bench.run().end();
    assert_eq!(ended.code(), Some(1));
    assert!(bench.journal().begun().is_empty());
    bench.assert_clean();
}

/// A tool with a switch: while `BENCH/dead` is there it notes the call and fails.
const SWITCHED: &str = r#"
name = "dead"
give_up_after = 2
[output]
dir = "out/{item.stem}"
[retry]
max_retries = 3
base_delay = "5ms"
[breakers.engine]
failure_threshold = 4
recovery_timeout = "200ms"
success_threshold = 2
[tools.engine]
canary = ["/bin/sh", "-c", "! [ -e BENCH/dead ]"]
[[step]]
id = "before"
uses = "file.hash"
[[step]]
id = "work"
tool = "engine"
run = ["/bin/sh", "-c", "if [ -e BENCH/dead ]; then echo call >> BENCH/calls; echo I am ill >&2; exit 1; fi; cp \"$1\" \"$2\"", "sh", "{in}", "{out}"]
out = { text = "made.txt" }
[[step]]
id = "after"
uses = "file.copy"
in = "{work.text}"
out = { copy = "copy.txt" }
"#;

fn calls(bench: &Bench) -> usize {
    std::fs::read_to_string(bench.path("calls")).unwrap_or_default().lines().count()
}

#[test]
fn a_dead_tool_costs_its_threshold_and_its_probes_for_any_batch_and_fails_nothing() {
    for (items, jobs) in [(20, 1), (400, 8)] {
        let bench = Bench::new(SWITCHED);
        bench.inputs(items);
        std::fs::write(bench.path("dead"), "").unwrap_or_default();
        let ended = bench.run().jobs(jobs).end();
        assert_eq!(ended.code(), Some(5), "{ended:?}");
        let journal = bench.journal();
        let counts = journal.counts().unwrap_or_default();
        assert_eq!((counts.parked, counts.failed), (items as u32, 0), "{counts:?}");
        let probes = journal
            .breaker_changes()
            .into_iter()
            .filter(|kind| matches!(kind, EventKind::BreakerChanged { state: BreakerState::HalfOpen, .. }));
        let probes = probes.count();
        assert_eq!(probes, 2, "it gives up after two recoveries");
        assert!(calls(&bench) <= 4 + probes, "{} calls of a dead tool for {items} items", calls(&bench));
        for (_, (state, fault)) in journal.finished() {
            let fault = fault.unwrap_or_else(|| panic!("parked without a word"));
            assert_eq!((state, fault.class), (ItemState::Parked, FaultClass::Dependency));
            assert!(fault.message.contains("OPEN"), "{fault:?}");
        }
        // What does not need the tool was done all the same, and is kept.
        assert_eq!(journal.done().len(), items);
        assert!(bench.checkpoints().values().all(|checkpoint| checkpoint.completed_steps == ["before"]));

        // Still dead: as cheap again.
        std::fs::remove_file(bench.path("calls")).unwrap_or_default();
        bench.run().jobs(jobs).expect(5);
        assert!(calls(&bench) <= 6, "{} calls in the second run", calls(&bench));

        // Healed: all of it is taken up, and what was done before is not done again.
        std::fs::remove_file(bench.path("dead")).unwrap_or_default();
        bench.run().jobs(jobs).expect(0);
        let journal = bench.journal();
        assert_eq!(journal.counts().map(|counts| counts.done), Some(items as u32));
        assert!(journal.begun().iter().all(|(_, step)| step != "before"), "a step that was done ran again");
        assert_eq!(bench.outputs().len(), 2 * items);
        bench.assert_clean();
    }
}

#[test]
fn a_tool_that_heals_during_the_run_is_found_by_a_probe_and_everything_is_done() {
    let bench = Bench::new(&SWITCHED.replace("give_up_after = 2", "give_up_after = 100"));
    bench.inputs(50);
    std::fs::write(bench.path("dead"), "").unwrap_or_default();
    let live = bench.run().start();
    support::until("its breaker is open", support::PATIENCE, || {
        !bench.journals().is_empty() && !bench.journal().breaker_changes().is_empty()
    });
    std::fs::remove_file(bench.path("dead")).unwrap_or_default();
    let ended = live.end_within(Duration::from_secs(20));
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    assert_eq!(bench.outputs().len(), 100);
    let journal = bench.journal();
    let last = journal.breaker_changes().pop().cloned();
    assert!(matches!(last, Some(EventKind::BreakerChanged { state: BreakerState::Closed, .. })), "{last:?}");
}

#[test]
fn a_dead_tool_without_a_canary_fails_only_the_items_it_was_tried_with() {
    // Nothing tells whose fault an unknown failure is: it is retried, and the breaker opens all the same.
    let text = SWITCHED.replace("[tools.engine]\ncanary = [\"/bin/sh\", \"-c\", \"! [ -e BENCH/dead ]\"]\n", "");
    let bench = Bench::new(&text);
    bench.inputs(200);
    std::fs::write(bench.path("dead"), "").unwrap_or_default();
    let ended = bench.run().end();
    let counts = bench.journal().counts().unwrap_or_default();
    assert!(matches!(ended.code(), Some(1 | 5)), "{ended:?}");
    assert!(counts.failed <= 2, "{counts:?}");
    assert!(counts.parked >= 198, "{counts:?}");
    assert!(calls(&bench) <= 6, "{} calls", calls(&bench));
    std::fs::remove_file(bench.path("dead")).unwrap_or_default();
    bench.run().args(["--retry-failed"]).end();
    bench.run().expect(0);
    assert_eq!(bench.outputs().len(), 400);
}

#[test]
fn other_work_goes_on_beside_a_dead_tool() {
    let bench = Bench::new(
        r#"
name = "beside"
give_up_after = 1
[output]
dir = "out/{item.stem}"
[retry]
base_delay = "5ms"
[breakers.ill]
failure_threshold = 2
recovery_timeout = "100ms"
[[step]]
id = "well"
tool = "well"
run = ["TOOL", "copy", "{in}", "{out}"]
out = { text = "well.txt" }
[[step]]
id = "ill"
tool = "ill"
run = ["/bin/sh", "-c", "exit 127"]
out = { text = "ill.txt" }
"#,
    );
    bench.inputs(60);
    let ended = bench.run().end();
    assert_eq!(ended.code(), Some(5), "{ended:?}");
    let journal = bench.journal();
    assert_eq!(journal.counts().map(|counts| (counts.parked, counts.failed)), Some((60, 0)));
    assert_eq!(bench.outputs().len(), 60);
    let opened = journal.breaker_changes();
    let only_ill =
        opened.iter().all(|kind| matches!(kind, EventKind::BreakerChanged { dependency, .. } if dependency == "ill"));
    assert!(only_ill && !opened.is_empty(), "{opened:?}");
}

#[test]
fn an_optional_step_without_its_tool_is_skipped_and_the_item_is_done() {
    let text = r#"
name = "optional"
[output]
dir = "out/{item.stem}"
[health]
demucs-of-nobody = { required = false }
[[step]]
id = "stems"
run = ["demucs-of-nobody", "{in}", "-o", "{scratch}"]
out = { vocals = "*/vocals.wav" }
optional = true
[[step]]
id = "mix"
uses = "file.copy"
in = "{stems.vocals}"
out = { copy = "mix.wav" }
[[step]]
id = "digest"
uses = "file.hash"
"#;
    let bench = Bench::new(text);
    bench.inputs(12);
    bench.run().expect(0);
    let journal = bench.journal();
    assert_eq!(journal.counts().map(|counts| counts.done), Some(12));
    let skipped = journal.kinds().filter(|kind| matches!(kind, EventKind::TaskSkipped { .. })).count();
    assert_eq!(skipped, 24, "the step, and the one that reads it");
    let told = journal.kinds().any(|kind| {
        matches!(kind, EventKind::DependencyChecked { name, available: false, required: false, .. } if name == "demucs-of-nobody")
    });
    assert!(told, "nobody is told that it is missing");
    for checkpoint in bench.checkpoints().values() {
        assert_eq!(checkpoint.steps["stems"].outcome, StepOutcome::Skipped);
        assert_eq!(checkpoint.completed_steps, ["digest"]);
        assert_eq!(checkpoint.state, ItemState::Done);
    }
    // All is done, as far as it can be: nothing begins again, as long as the tool is not there.
    bench.run().expect(0);
    assert_eq!(bench.journal().counts().map(|counts| counts.up_to_date), Some(12));

    // A required one is refused before anything runs.
    bench.pipeline(&text.replace("optional = true\n", "").replace("required = false", "required = true"));
    let ended = bench.run().end();
    assert_eq!(ended.code(), Some(3), "{ended:?}");
    assert!(ended.stderr.contains("demucs-of-nobody"), "{}", ended.stderr);

    // It is installed: what was left out is done now, and nothing else.
    let folder = bench.path("bin");
    std::fs::create_dir(&folder).unwrap_or_default();
    let script = "#!/bin/sh\nmkdir \"$3/x\"; cp BENCH/speech.wav \"$3/x/vocals.wav\"\n";
    let script = script.replace("BENCH", &bench.path("").to_string_lossy());
    std::fs::copy(fixture("speech-1.wav"), bench.path("speech.wav")).unwrap_or_default();
    std::fs::write(folder.join("demucs-of-nobody"), script).unwrap_or_default();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.join("demucs-of-nobody"), executable).unwrap_or_default();
    bench.pipeline(text);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&path))).unwrap_or_default();
    bench.run().env("PATH", path).expect(0);
    let journal = bench.journal();
    assert_eq!(journal.counts().map(|counts| counts.done), Some(12), "{:?}", journal.faults());
    assert!(journal.begun().iter().all(|(_, step)| step != "digest"));
    assert_eq!(bench.outputs().len(), 24);
    assert!(bench.outputs().keys().all(|path| path.extension() == Some(OsStr::new("wav"))));
}
