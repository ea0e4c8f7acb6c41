//! What is done from the other screens: an item's log, failures by cause, breakers, health, help and palette.

use mediamill::events::EventKind;
use mediamill::resilience::breaker::BreakerState;

use crate::support::{Bench, fixture, installed, skip};
use crate::{GATED, gated, go, run, stands, state, told};

#[test]
fn the_log_of_a_tool_is_followed_while_it_grows_and_searched() {
    let loud = GATED
        .replace("while !", "n=0; while !")
        .replace("do sleep 0.02", "do n=$((n+1)); echo this is number $n; sleep 0.05");
    let bench = Bench::new(&loud);
    bench.inputs(3);
    let mut shown = run(&bench).size(120, 30).showing("2 of 2 tasks");
    shown.go_to("001.txt");
    shown.press("\r");
    shown.wait_for("log of work");
    shown.wait_for("item 2 of 3");
    shown.wait_for("this is number 5");
    // It grows by itself, and its end stays in sight.
    shown.wait_for("this is number 60");
    shown.press("\r/number 7\r");
    shown.wait_for("match ");
    shown.press("n");
    shown.wait_for("number 7");
    shown.press("f");
    shown.wait_for("follows");
    // Esc: first the log takes no more than its part, then the search goes, then the screen.
    shown.esc();
    shown.wait_for("nothing made yet");
    shown.esc();
    shown.wait_gone("match ");
    shown.esc();
    shown.wait_for("running 2 ");
    assert!(shown.selected().contains("001.txt"), "{}", shown.text());
    go(&bench, "");
    shown.wait_for("finished");
    shown.ends("q", 0);
}

#[test]
fn failures_are_tried_again_by_their_cause_once_that_is_cured() {
    if !installed("ffmpeg") {
        return skip("ffmpeg is not installed");
    }
    let bench = Bench::new(
        r#"
name = "cured"
[output]
dir = "out"
[[step]]
id = "gate"
run = ["/bin/sh", "-c", "if [ \"$0\" = slow.wav ]; then while ! [ -e BENCH/go ]; do sleep 0.02; done; fi", "{item.name}"]
[[step]]
id = "convert"
after = ["gate"]
run = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", "{in}", "-t", "0.1", "{out}"]
out = { sound = "{item.stem}.wav" }
"#,
    );
    let sound = std::fs::read(fixture("music-1.wav")).unwrap();
    for name in ["slow.wav", "good.wav"] {
        bench.input(name, &sound);
    }
    for name in ["bad-1.wav", "bad-2.wav"] {
        bench.input(name, "this is no sound");
    }
    let mut shown = run(&bench).size(120, 30).showing("2 failed");
    shown.press("2");
    for text in ["2 files failed, 1 cause", "decode", "in convert", "end of the log of bad-1.wav"] {
        shown.wait_for(text);
    }
    for name in ["bad-1.wav", "bad-2.wav"] {
        bench.input(name, &sound);
    }
    shown.press("r");
    stands(&bench, "both are done", |state| state.counts.done == 3 && state.counts.failed == 0);
    shown.wait_for("Nothing failed");
    go(&bench, "");
    shown.press("1");
    shown.wait_for("finished");
    assert_eq!(bench.outputs().len(), 4);
    shown.ends("q", 0);
    shown.wait_for("Failed:         0 (0.0%)");
}

#[test]
fn a_breaker_is_tripped_and_reset_and_who_waited_goes_on() {
    let bench = Bench::new(&format!("{GATED}\n[breakers.sh]\nrecovery_timeout = \"1h\"\n"));
    bench.inputs(5);
    let mut shown = run(&bench).showing("2 of 2 tasks");
    shown.press("4");
    shown.wait_for("CLOSED     sh");
    shown.press("t");
    shown.wait_for("Open the breaker of sh?");
    shown.press("t");
    shown.wait_for("OPEN       sh");
    let changed = |to| move |kind: &EventKind| matches!(kind, EventKind::BreakerChanged { state, .. } if *state == to);
    told(&bench, "it is open", changed(BreakerState::Open));
    go(&bench, "");
    // What ran ended well; the others wait, and the run with them.
    stands(&bench, "the others are parked", |state| state.tasks.is_empty() && state.waiting_items() == 3);
    shown.wait_for("3 parked");
    shown.press("t");
    shown.wait_for("it is OPEN already");
    shown.press("r");
    told(&bench, "it is closed", changed(BreakerState::Closed));
    shown.press("1");
    shown.wait_for("finished");
    assert_eq!(state(&bench).counts.done, 5);
    shown.ends("q", 0);
}

#[test]
fn health_is_looked_at_again() {
    let bench = gated(2);
    let mut shown = run(&bench).size(120, 30).showing("2 of 2 tasks");
    let checks = || {
        let journal = bench.journal();
        let kinds =
            journal.kinds().filter(|kind| matches!(kind, EventKind::DependencyChecked { name, .. } if name == "sh"));
        kinds.count()
    };
    let before = checks();
    shown.press("3");
    for text in ["DEPENDENCIES", "available  sh", "MACHINE", "memory", "ENGINE"] {
        shown.wait_for(text);
    }
    shown.press("r");
    crate::until("it was looked at again", std::time::Duration::from_secs(20), || checks() == before + 1);
    shown.press("R");
    crate::until("all was looked at again", std::time::Duration::from_secs(20), || checks() == before + 2);
    go(&bench, "");
    shown.press("1");
    shown.wait_for("finished");
    shown.ends("q", 0);
}

#[test]
fn help_and_palette_tell_what_can_be_done_and_do_it() {
    let bench = gated(2);
    let mut shown = run(&bench).showing("2 of 2 tasks");
    shown.press("?");
    shown.wait_for("one row up");
    shown.press("nothing new");
    shown.wait_for("start nothing new, or go on");
    shown.wait_gone("one row up");
    shown.press("\r");
    shown.wait_for("PAUSED");
    shown.press(":");
    shown.wait_for("type some letters");
    shown.press("timel");
    shown.wait_for("nothing is called that");
    shown.press("\x7f\x7f\x7f\x7f\x7fend");
    shown.wait_for("only a run that is over");
    shown.esc();
    shown.press(":pause");
    shown.wait_for("> pause");
    shown.press("\r");
    shown.wait_gone("PAUSED");
    told(&bench, "it goes on", |kind| matches!(kind, EventKind::RunResumed { .. }));
    shown.press("5");
    // The stream of events has it all.
    for text in ["paused", "resumed"] {
        shown.wait_for(text);
    }
    go(&bench, "");
    shown.press("1");
    shown.wait_for("finished");
    shown.press(":quit\r");
    assert_eq!(shown.wait_for_exit(), 0);
    shown.assert_whole("the palette");
}

#[test]
fn a_picture_that_was_made_is_shown() {
    let bench = Bench::new(
        r#"
name = "pictures"
[output]
dir = "out"
[[step]]
id = "small"
uses = "image.resize"
with = { width = 64, height = 64 }
out = { picture = "{item.stem}.png" }
"#,
    );
    bench.input("cat.png", std::fs::read(fixture("photo-cat.png")).unwrap());
    let mut shown = run(&bench).showing("finished");
    shown.press("\r");
    shown.wait_for("item 1 of 1");
    shown.wait_for("cat.png");
    shown.wait("the picture can be shown", |session| session.text().contains("v preview"));
    shown.press("v");
    shown.wait_for("▀▀▀");
    shown.ends("q", 0);
}
