//! Asset pools: one broken font costs a few attempts and no item, and a run draws the same however it goes.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

use mediamill::events::{EventKind, PoolView, RunState, ScoreChange, Standing};
use mediamill::resilience::FaultClass;
use mediamill::resilience::checkpoint::ItemState;
use support::{Bench, Journal, mediamill, until};

/// A tool that draws with a font: one that is broken, or that an item cannot be drawn with, makes it fail.
const DRAW: &str = r#"
read -r font < "$1"
read -r item < "$2"
if [ "$font" != good ] || [ "$item" = poison ]; then echo "cannot open font $1" >&2; exit 3; fi
cat "$1" "$2" > "$3"
echo "$1" >> "$3"
"#;

const PIPELINE: &str = r#"
name = "ocr"
[tools.sh]
faults = [{ exit = 3, output = "cannot open font", class = "asset", pool = "fonts" }]
[pools.fonts]
kind = "fonts"
dirs = ["BENCH/fonts"]
[[step]]
id = "draw"
run = ["sh", "BENCH/draw.sh", "{pools.fonts}", "{in}", "{out}"]
out = { text = "{item.stem}.drawn" }
"#;

fn bench(pipeline: &str, items: usize, fonts: usize, is_broken: impl Fn(usize) -> bool) -> Bench {
    let bench = Bench::new(pipeline);
    std::fs::write(bench.path("draw.sh"), DRAW).unwrap();
    std::fs::create_dir_all(bench.path("fonts/more")).unwrap();
    for font in 0..fonts {
        let content = if is_broken(font) { format!("broken\n{font}\n") } else { format!("good\n{font}\n") };
        let folder = if font % 2 == 0 { "fonts" } else { "fonts/more" };
        std::fs::write(bench.path(folder).join(format!("{font:02}.ttf")), content).unwrap();
    }
    bench.inputs(items);
    bench
}

/// Another state and output folder: nothing is known of what ran before.
fn anew(bench: &mut Bench, name: &str) {
    bench.state = bench.path(format!("state-{name}"));
    bench.out = bench.path(format!("out-{name}"));
}

/// The pool as the journal's events fold.
fn pool(journal: &Journal) -> PoolView {
    let mut state = RunState::default();
    journal.events.iter().for_each(|event| state.apply(event));
    state.pools()[0].clone()
}

#[test]
fn broken_fonts_are_used_a_few_times_and_every_item_is_drawn_the_same_however_many_run_at_once() {
    let mut bench = bench(PIPELINE, 120, 30, |font| font % 10 == 4);
    let mut seen = Vec::new();
    for jobs in [1, 8] {
        anew(&mut bench, &jobs.to_string());
        bench.run().jobs(jobs).expect(0);
        let journal = bench.journal();
        assert_eq!(journal.counts().unwrap().done, 120);
        let pool = pool(&journal);
        assert_eq!(pool.assets.len(), 30);
        for asset in pool.assets.iter() {
            // No update is lost, whoever ends when.
            assert_eq!(asset.draws, asset.successes + asset.failures, "{}", asset.path.display());
            if std::fs::read(&asset.path).unwrap().starts_with(b"broken") {
                assert!(asset.draws <= 6 + jobs, "{} draws of {}", asset.draws, asset.path.display());
                assert_eq!(asset.score, 100 - 10 * i32::try_from(asset.failures).unwrap());
            } else {
                assert_eq!((asset.failures, asset.score), (0, 100));
            }
        }
        let faults = journal.faults();
        assert!(!faults.is_empty());
        for fault in faults {
            let path = fault.asset.as_ref().unwrap().display().into_owned();
            assert!(fault.message.contains(&path) && fault.message.contains("cannot open font"), "{}", fault.message);
            assert_eq!(fault.class, FaultClass::Asset);
        }
        let mut logs = BTreeSet::new();
        for kind in journal.kinds() {
            if let EventKind::AttemptFailed { fault, log, .. } = kind {
                let log = log.as_ref().unwrap();
                let told = std::fs::read_to_string(journal.run.join(log)).unwrap();
                assert!(told.contains(&*fault.asset.as_ref().unwrap().display()), "{log}: {told}");
                assert!(logs.insert(log), "each attempt has a log of its own: {log}");
            }
        }
        bench.assert_clean();
        seen.push(bench.outputs());
    }
    assert_eq!(seen[0], seen[1]);

    // Killed in the middle, and gone on with.
    anew(&mut bench, "killed");
    let live = bench.run().jobs(3).start();
    let out = bench.out.clone();
    until("some are drawn", support::PATIENCE, || std::fs::read_dir(&out).is_ok_and(|found| found.count() >= 40));
    live.kill().mark.assert_gone(Duration::from_secs(20));
    bench.run().jobs(5).expect(0);
    assert_eq!(bench.outputs(), seen[0]);
}

#[test]
fn a_result_stands_when_fonts_come_and_go_and_is_made_anew_when_its_own_font_changed() {
    let bench = bench(PIPELINE, 12, 4, |_| false);
    bench.run().expect(0);
    let fonts = |bench: &Bench| -> BTreeMap<_, _> {
        let drawn = |(name, checkpoint): (std::ffi::OsString, mediamill::resilience::checkpoint::Checkpoint)| {
            (name, checkpoint.steps["draw"].draws["fonts"].path.as_path().to_path_buf())
        };
        bench.checkpoints().into_iter().map(drawn).collect()
    };
    let first = fonts(&bench);
    std::fs::write(bench.path("fonts/99.ttf"), "good\nnew\n").unwrap();
    bench.run().expect(0);
    assert!(bench.journal().begun().is_empty(), "a font more changes nothing that is done");

    let changed = first.values().next().unwrap();
    let later = std::time::SystemTime::now() + Duration::from_secs(60);
    for font in std::fs::read_dir(bench.path("fonts")).unwrap().map(|entry| entry.unwrap().path()) {
        std::fs::File::open(font).unwrap().set_modified(later).unwrap();
    }
    bench.run().expect(0);
    assert!(bench.journal().begun().is_empty(), "its times changed, and nothing else");
    std::fs::write(changed, "good\nchanged\n").unwrap();
    let (with_it, item) = (first.values().filter(|font| *font == changed).count(), first.keys().next().unwrap());
    let why = Command::new(mediamill())
        .args(["plan", "--why"])
        .arg(item)
        .arg("--state")
        .arg(&bench.state)
        .arg("-o")
        .arg(&bench.out)
        .arg(bench.path("pipeline.toml"))
        .arg(bench.path("in"))
        .output()
        .unwrap();
    let why = String::from_utf8(why.stdout).unwrap();
    assert!(why.contains("the asset it was made with was changed") && why.contains(changed.to_str().unwrap()), "{why}");
    bench.run().expect(0);
    assert_eq!(bench.journal().begun().len(), with_it);

    let second = fonts(&bench);
    std::fs::remove_file(second.values().next().unwrap()).unwrap();
    bench.run().expect(0);
    assert!(bench.journal().begun().is_empty(), "what was made with it is there");
}

#[test]
fn an_item_that_fails_with_every_font_is_told_and_costs_no_font() {
    // Before it each font has worked; after it each works again.
    let bench = bench(PIPELINE, 100, 6, |_| false);
    bench.input("049-bad.txt", "poison\n");
    let ended = bench.run().expect(1);
    let journal = bench.journal();
    let (state, fault) = journal.finished().remove(std::ffi::OsStr::new("049-bad.txt")).unwrap();
    let fault = fault.unwrap();
    assert_eq!((state, fault.class, fault.cause.as_str()), (ItemState::Failed, FaultClass::Input, "assets"));
    assert!(fault.message.contains("all 6 fonts of the pool 'fonts'"), "{}", fault.message);
    assert!(ended.stdout.contains("049-bad.txt") && ended.stdout.contains("cannot open font"), "{}", ended.stdout);
    assert!(pool(&journal).assets.iter().all(|font| font.score == 100 && font.standing == Standing::Available));
    let taken =
        journal.kinds().filter(|kind| matches!(kind, EventKind::AssetScored { change: ScoreChange::TakenBack, .. }));
    assert_eq!(taken.count(), 6);
    // It would only fail again.
    bench.run().expect(1);
    assert!(bench.journal().begun().is_empty());
}

#[test]
fn an_empty_font_pool_ends_the_run_before_it_begins_and_an_empty_image_pool_is_told() {
    let empty = Bench::new(PIPELINE);
    empty.inputs(2);
    std::fs::create_dir(empty.path("fonts")).unwrap();
    let ended = empty.run().expect(2);
    for part in ["'fonts' holds no font", "*.ttf, *.otf, *.ttc", empty.path("fonts").to_str().unwrap()] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }

    let images = Bench::new(
        r#"
name = "back"
[pools.backgrounds]
kind = "images"
dirs = ["BENCH/nowhere"]
[[step]]
id = "draw"
run = ["sh", "-c", "printf '[%s]' \"$1\" > \"$2\"", "sh", "{pools.backgrounds}", "{out}"]
out = { text = "{item.stem}.drawn" }
"#,
    );
    images.inputs(2);
    images.run().expect(0);
    assert!(images.outputs().values().all(|text| text == b"[]"), "{:?}", images.outputs());
    let journal = images.journal();
    let warnings = journal.warnings().join("\n");
    assert!(warnings.contains("nowhere") && warnings.contains("'backgrounds' is empty"), "{warnings}");
}

#[test]
fn folders_are_drawn_from_by_their_weights() {
    let bench = Bench::new(
        r#"
name = "back"
[pools.backgrounds]
kind = "files"
dir_weights = { "BENCH/good" = 7, "BENCH/rest" = 3, "BENCH/empty" = 5 }
[[step]]
id = "draw"
run = ["sh", "-c", ":", "{pools.backgrounds}"]
"#,
    );
    for (folder, count) in [("good", 2), ("rest", 30), ("empty", 0)] {
        std::fs::create_dir(bench.path(folder)).unwrap();
        (0..count).for_each(|n| std::fs::write(bench.path(folder).join(n.to_string()), "x").unwrap());
    }
    bench.inputs(200);
    bench.run().jobs(4).expect(0);
    let view = pool(&bench.journal());
    let of =
        |folder: u32| view.assets.iter().filter(|asset| asset.folder == folder).map(|asset| asset.draws).sum::<u32>();
    assert_eq!(of(0) + of(1), 200);
    assert!((110..=170).contains(&of(0)), "{} of 200", of(0));
}

#[test]
fn kept_scores_outlive_the_run_and_can_be_looked_at_and_forgotten() {
    let kept = PIPELINE.replace("dirs = ", "persist = true\ndecay = \"30d\"\ndirs = ");
    let mut bench = bench(&kept, 100, 3, |font| font == 1);
    let first = bench.run().jobs(1).expect(0);
    assert!(first.stdout.contains("01.ttf"), "{}", first.stdout);
    let ask = |args: &[&str]| {
        let pool = Command::new(mediamill())
            .arg("pool")
            .args(args)
            .arg("--state")
            .arg(&bench.state)
            .arg(bench.path("pipeline.toml"))
            .current_dir(bench.path(""))
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (pool.status.code(), text(pool.stdout), text(pool.stderr))
    };
    let (code, told, _) = ask(&["status"]);
    assert_eq!(code, Some(0));
    let line = told.lines().find(|line| line.contains("01.ttf")).unwrap();
    assert!(line.contains("40") && line.contains("denylisted"), "{told}");
    assert!(told.lines().any(|line| line.contains("100") && line.contains("healthy")), "{told}");
    let (_, json, _) = ask(&["status", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let assets = json["pools"][0]["assets"].as_array().unwrap();
    assert!(assets.iter().any(|asset| asset["score"] == 40 && asset["failed"] == 6), "{json}");

    // The next run knows it from its first draw on, also under another name.
    std::fs::rename(bench.path("fonts/more/01.ttf"), bench.path("fonts/other.ttf")).unwrap();
    bench.out = bench.path("again");
    bench.run().arg("--fresh").expect(0);
    assert!(bench.journal().faults().is_empty());

    let ask_again = |args: &[&str]| {
        Command::new(mediamill())
            .arg("pool")
            .args(args)
            .arg("--state")
            .arg(&bench.state)
            .arg(bench.path("pipeline.toml"))
            .current_dir(bench.path(""))
            .output()
            .unwrap()
    };
    assert_eq!(ask_again(&["status", "--pool", "font"]).status.code(), Some(2));
    let wrong = String::from_utf8(ask_again(&["status", "--pool", "font"]).stderr).unwrap();
    assert!(wrong.contains("no pool 'font'") && wrong.contains("did you mean `fonts`?"), "{wrong}");
    assert!(ask_again(&["reset"]).stdout.starts_with(b"1 score forgotten"));
    bench.out = bench.path("third");
    bench.run().arg("--fresh").jobs(1).expect(0);
    assert!(!bench.journal().faults().is_empty());

    // A file that cannot be read is put aside, and told.
    std::fs::write(bench.state_dir().join("pools.json"), "{").unwrap();
    bench.out = bench.path("fourth");
    bench.run().arg("--fresh").expect(0);
    assert!(bench.journal().warnings().join("\n").contains("pools.json.unreadable-1"));
}
