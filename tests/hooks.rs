//! Hooks in runs of the real program against a real server: each call is made once, whatever answers come, and those that a
//! killed run did not come to are made by the next one.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

#[path = "support/pieces.rs"]
mod pieces;
#[path = "support/server.rs"]
mod server;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustix::process::Signal;
use server::{Answer, Received, Server};
use support::{Bench, Chance, Journal, until};

/// The service that hooks tell.
fn office(server: &Server) -> String {
    let url = server.url("/hook");
    let secret = "It's a Secret to Everybody";
    format!("[resources.office]\nkind = \"http\"\nbase_url = \"{url}\"\nsigning_secret = \"{secret}\"\n")
}

/// A pipeline whose hooks tell a service what became of each item, or of the batch.
fn pipeline(server: &Server, steps: &str, hooks: &str) -> String {
    let retry = "[retry]\nmax_retries = 2\nbase_delay = \"20ms\"\n";
    format!("name = \"told\"\n{retry}{}{steps}{hooks}", office(server))
}

const WORK: &str = "[[step]]\nid = \"hash\"\nuses = \"file.hash\"\n";
const DONE: &str = r#"
[[hooks.on_done]]
uses = "webhook"
resources = ["office"]
with = { path = "done", json = { item = "{item.name}", hash = "{hash.hash}", run = "{run.id}" } }
"#;
const FAILED: &str = r#"
[[hooks.on_fail]]
uses = "webhook"
resources = ["office"]
with = { path = "failed", json = { item = "{item.name}", why = "{fault.class} of {fault.step}" } }
"#;

/// The calls so far. Whether the service is there is asked by `GET`.
fn told_to(server: &Server) -> Vec<Received> {
    server.received().into_iter().filter(|request| request.method == "POST").collect()
}

/// What a call told of the item.
fn item(call: &Received) -> String {
    call.json()["item"].as_str().unwrap().to_owned()
}

/// Which call it is: the same whenever the same is told.
fn delivery(call: &Received) -> String {
    call.header("x-mediamill-delivery").unwrap().to_owned()
}

/// The calls of `path`, by item.
fn calls(server: &Server, path: &str) -> BTreeMap<String, Vec<Received>> {
    let mut found: BTreeMap<String, Vec<Received>> = BTreeMap::new();
    for call in told_to(server).into_iter().filter(|call| call.path() == path) {
        found.entry(item(&call)).or_default().push(call);
    }
    found
}

fn told(journal: &Journal) -> Vec<&str> {
    journal.warnings().into_iter().filter(|warning| warning.starts_with("hook ")).collect()
}

fn due(bench: &Bench) -> usize {
    bench.checkpoints().values().map(|checkpoint| checkpoint.calls_due().count()).sum()
}

#[test]
fn each_item_is_told_once_with_a_signature_and_a_key_of_its_own() {
    let server = Server::start();
    server.on("/hook/done", [Answer::status(204)]);
    let bench = Bench::new(&pipeline(&server, WORK, DONE));
    bench.inputs(20);
    bench.run().expect(0);
    let first = calls(&server, "/hook/done");
    let keys: BTreeSet<String> = first.values().flatten().map(delivery).collect();
    assert_eq!((first.len(), keys.len(), told_to(&server).len()), (20, 20, 20));
    let checkpoints = bench.checkpoints();
    for call in first.values().flatten() {
        assert!(call.header("x-mediamill-signature").unwrap().starts_with("sha256="));
        let hash = &checkpoints[std::ffi::OsStr::new(&item(call))].result("hash").unwrap()["hash"];
        assert_eq!(&call.json()["hash"], hash);
    }
    assert_eq!((due(&bench), bench.journal().warnings()), (0, vec![]));
    // Nothing is due, so nobody is called; what is done again is told again, as another event.
    bench.run().expect(0);
    assert_eq!(told_to(&server).len(), 20);
    bench.run().arg("--fresh").expect(0);
    let all: BTreeSet<String> = told_to(&server).iter().map(delivery).collect();
    assert_eq!((told_to(&server).len(), all.len()), (40, 40));
    assert!(keys.is_subset(&all));
    // Each was told of by two who may end together: its file is what the ledger has.
    assert!(bench.checkpoints().values().all(|checkpoint| checkpoint.hooks_due.is_empty()));
}

#[test]
fn a_call_that_fails_is_made_again_and_one_that_is_asked_to_wait_waits_without_keeping_others() {
    let server = Server::start();
    let busy = Answer::status(429).header("retry-after", "2");
    // More calls than are made at the same time are told to wait; those behind them are made meanwhile.
    let asked_to_wait = (0..12).map(|_| busy.clone());
    server.on("/hook/done", asked_to_wait.chain([Answer::status(500), Answer::status(204)]));
    let bench = Bench::new(&pipeline(&server, WORK, DONE));
    bench.inputs(30);
    let ended = bench.run().expect(0);
    let received = told_to(&server);
    assert_eq!(received.len(), 30 + 13);
    let calls = calls(&server, "/hook/done");
    assert_eq!(calls.values().map(Vec::len).max(), Some(2));
    for same in calls.values() {
        assert_eq!(same.iter().map(delivery).collect::<BTreeSet<_>>().len(), 1);
    }
    let firsts: BTreeSet<String> = received[..30].iter().map(item).collect();
    assert!(firsts.len() > 28, "those that wait keep others from being called: {firsts:?}");
    assert!(ended.took > Duration::from_secs(2), "{ended:?}");
    assert_eq!((due(&bench), told(&bench.journal()).len()), (0, 0));
}

#[test]
fn a_call_that_is_given_up_is_told_and_made_in_the_next_run_though_nothing_is_to_do() {
    let server = Server::start();
    server.on("/hook/done", [Answer::status(503)]);
    let patient = format!("{DONE}[breakers.office]\nfailure_threshold = 100\n");
    let bench = Bench::new(&pipeline(&server, WORK, &patient));
    bench.inputs(3);
    bench.run().expect(0);
    assert_eq!(told_to(&server).len(), 9);
    let journal = bench.journal();
    let told_first = told(&journal);
    assert_eq!((told_first.len(), due(&bench)), (3, 3));
    assert!(told_first[0].starts_with("hook on_done (webhook with office) failed: "), "{told_first:?}");
    assert!(told_first[0].ends_with("; the next run calls it again"), "{told_first:?}");

    // A run of less than everything leaves no item done.
    server.on("/hook/done", [Answer::status(204)]);
    let two = format!("{WORK}[[step]]\nid = \"more\"\nuses = \"noop\"\n");
    bench.pipeline(&pipeline(&server, &two, DONE));
    bench.run().args(["--only", "hash"]).expect(0);
    assert_eq!((told_to(&server).len(), due(&bench)), (9, 3));
    bench.pipeline(&pipeline(&server, WORK, DONE));
    bench.run().expect(0);
    let counts = bench.journal().counts().unwrap();
    assert_eq!((counts.up_to_date, counts.done), (3, 0));
    assert_eq!((told_to(&server).len(), due(&bench)), (12, 0));
    let keys: BTreeSet<String> = told_to(&server).iter().map(delivery).collect();
    assert_eq!(keys.len(), 3, "the same call has the same key in every run");
    bench.run().expect(0);
    assert_eq!(told_to(&server).len(), 12);
}

#[test]
fn a_refused_call_is_made_again_when_the_hook_was_changed_and_never_when_it_is_gone() {
    let server = Server::start();
    server.on("/hook/done", [Answer::status(422)]);
    server.on("/hook/better", [Answer::status(204)]);
    let bench = Bench::new(&pipeline(&server, WORK, DONE));
    bench.inputs(2);
    for _ in 0..2 {
        bench.run().expect(0);
        assert_eq!(told_to(&server).len(), 2, "the same call would be refused again");
    }
    // With no hook at all, and with another one, there is nothing to call.
    bench.pipeline(&pipeline(&server, WORK, ""));
    bench.run().expect(0);
    bench.pipeline(&pipeline(&server, WORK, FAILED));
    bench.run().expect(0);
    assert_eq!((told_to(&server).len(), due(&bench)), (2, 2));

    // Changed, and not the first one any more.
    let other = DONE.replace("for = \"item\"", "").replace("path = \"done\"", "path = \"batch\"");
    let other =
        other.replacen("uses", "for = \"batch\"\nuses", 1).replace("{item.name}", "x").replace("{hash.hash}", "y");
    let hooks = format!("{other}{}", DONE.replace("path = \"done\"", "path = \"better\""));
    server.on("/hook/batch", [Answer::status(204)]);
    bench.pipeline(&pipeline(&server, WORK, &hooks));
    bench.run().expect(0);
    assert_eq!((calls(&server, "/hook/better").len(), calls(&server, "/hook/batch").len(), due(&bench)), (2, 1, 0));
    assert!(told(&bench.journal()).is_empty());
}

/// A hook that is like others but for its path.
fn alike(path: &str) -> String {
    format!(
        "[[hooks.on_done]]\nuses = \"webhook\"\nresources = [\"office\"]\n\
         with = {{ path = \"{path}\", json = {{ item = \"{{item.name}}\" }} }}\n"
    )
}

#[test]
fn calls_of_one_item_that_end_together_leave_its_file_as_the_last_one_left_it() {
    let server = Server::start();
    server.on("*", [Answer::status(204)]);
    let hooks: String = ["a", "b", "c", "d", "e"].map(alike).concat();
    let bench = Bench::new(&pipeline(&server, WORK, &hooks));
    bench.inputs(100);
    bench.run().expect(0);
    assert_eq!(told_to(&server).len(), 500);
    let left: Vec<_> = bench.checkpoints().into_iter().filter(|(_, one)| !one.hooks_due.is_empty()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_item_that_is_done_with_other_content_is_another_event() {
    let server = Server::start();
    server.on("/hook/done", [Answer::status(204)]);
    let bench = Bench::new(&pipeline(&server, WORK, DONE));
    bench.inputs(2);
    bench.run().expect(0);
    bench.input("000.txt", "other content");
    bench.run().expect(0);
    let calls = calls(&server, "/hook/done");
    assert_eq!((calls["000.txt"].len(), calls["001.txt"].len()), (2, 1));
    assert_ne!(delivery(&calls["000.txt"][0]), delivery(&calls["000.txt"][1]));
    assert_ne!(calls["000.txt"][0].json()["hash"], calls["000.txt"][1].json()["hash"]);
}

#[test]
fn a_hook_is_known_by_its_content_wherever_it_stands() {
    let server = Server::start();
    server.on("*", [Answer::status(204)]);
    server.on("/hook/b", [Answer::status(422)]);
    let (a, b, c) = (alike("a"), alike("b"), alike("c"));
    let bench = Bench::new(&pipeline(&server, WORK, &format!("{a}{b}{c}")));
    bench.inputs(2);
    bench.run().expect(0);
    assert_eq!((told_to(&server).len(), due(&bench)), (6, 2));
    let told = told(&bench.journal()).concat();
    assert!(told.contains("; it is made again when the hook or its resource is changed"), "{told}");
    // Moved, and others taken away: what was called is not called for what was not.
    for hooks in [format!("{c}{b}{a}"), format!("{c}{a}"), a.clone(), format!("{b}{c}{a}")] {
        bench.pipeline(&pipeline(&server, WORK, &hooks));
        bench.run().expect(0);
        assert_eq!((told_to(&server).len(), due(&bench)), (6, 2), "{hooks}");
    }
    // Edited where it stands, it keeps what is due, and the key of that.
    bench.pipeline(&pipeline(&server, WORK, &format!("{c}{}{a}", alike("better"))));
    bench.run().expect(0);
    let (refused, made) = (calls(&server, "/hook/b"), calls(&server, "/hook/better"));
    assert_eq!((told_to(&server).len(), made.len(), due(&bench)), (8, 2, 0));
    assert_eq!(delivery(&refused["000.txt"][0]), delivery(&made["000.txt"][0]));
    assert!(bench.checkpoints().values().all(|checkpoint| checkpoint.hooks_due.is_empty()));
}

#[test]
fn an_item_that_is_away_is_told_once_and_no_news_when_it_is_back() {
    let server = Server::start();
    server.on("*", [Answer::status(204)]);
    let bench = Bench::new(&pipeline(&server, WORK, &format!("{DONE}{FAILED}")));
    let inputs = bench.inputs(2);
    let run = || bench.run().over(&inputs);
    run().expect(0);
    let away = bench.path("away");
    std::fs::rename(&inputs[0], &away).unwrap();
    std::os::unix::fs::symlink("nowhere", &inputs[0]).unwrap();
    for _ in 0..3 {
        run().expect(1);
        assert_eq!((calls(&server, "/hook/failed").len(), told_to(&server).len()), (1, 3));
    }
    std::fs::remove_file(&inputs[0]).unwrap();
    std::fs::rename(&away, &inputs[0]).unwrap();
    run().expect(0);
    assert_eq!((bench.journal().counts().unwrap().up_to_date, told_to(&server).len(), due(&bench)), (2, 3, 0));
    // Another time is another event.
    std::fs::rename(&inputs[0], &away).unwrap();
    std::os::unix::fs::symlink("nowhere", &inputs[0]).unwrap();
    run().expect(1);
    let failed = calls(&server, "/hook/failed");
    assert_eq!(failed["000.txt"].iter().map(delivery).collect::<BTreeSet<_>>().len(), 2);
}

#[test]
fn a_service_that_is_down_costs_a_few_timeouts_and_no_call() {
    let server = Server::start();
    server.on("/hook/done", [Answer::silence()]);
    let down = pipeline(&server, WORK, DONE).replace("base_url", "timeout = \"1s\"\nbase_url");
    let bench = Bench::new(&down);
    bench.inputs(60);
    let ended = bench.run().expect(0);
    assert!(ended.took < Duration::from_secs(8), "{ended:?}");
    let calls = told_to(&server).len();
    // Those that are out when it opens, and those that took the turns of the first that failed.
    assert!((5..=16).contains(&calls), "{calls} calls");
    assert_eq!(due(&bench), 60);
    let journal = bench.journal();
    let warnings = journal.warnings();
    let left: Vec<_> = warnings.iter().filter(|told| told.contains("left to the next run")).collect();
    assert!(
        left.len() == 1 && left[0].starts_with("60 calls of hooks are left to the next run: office is OPEN: "),
        "{warnings:?}"
    );
    assert!(told(&journal).is_empty(), "{warnings:?}");

    server.on("/hook/done", [Answer::status(204)]);
    bench.run().expect(0);
    assert_eq!((told_to(&server).len(), due(&bench)), (calls + 60, 0));
}

#[test]
fn a_service_that_is_deployed_wrongly_refuses_no_call() {
    let server = Server::start();
    let bench = Bench::new(&pipeline(&server, WORK, DONE));
    bench.inputs(1);
    for status in [404, 405, 410] {
        server.on("/hook/done", [Answer::status(status)]);
        bench.run().expect(0);
        assert_eq!(due(&bench), 1, "{status}");
        assert!(told(&bench.journal())[0].ends_with("; the next run calls it again"));
    }
    server.on("/hook/done", [Answer::status(204)]);
    bench.run().expect(0);
    assert_eq!((told_to(&server).len(), due(&bench)), (3 * 3 + 1, 0));
}

#[test]
fn a_run_that_is_stopped_waits_for_the_calls_that_are_out_and_begins_no_more() {
    let server = Server::start();
    server.on("/hook/done", [Answer::status(204).after(Duration::from_secs(5))]);
    let slow = "[[step]]\nid = \"slow\"\nrun = [\"sleep\", \"3\"]\nmatch = [\"039*\"]\n";
    let bench = Bench::new(&pipeline(&server, &format!("{WORK}{slow}"), DONE));
    bench.inputs(40);
    let live = bench.run().jobs(4).start();
    until("eight calls are out, and one item is left", support::PATIENCE, || {
        told_to(&server).len() == 8 && bench.journals().pop().is_some_and(|journal| journal.finished().len() == 39)
    });
    live.signal(Signal::INT);
    let ended = live.end();
    assert_eq!(told_to(&server).len(), 8, "{ended:?}");
    let (journal, left) = (bench.journal(), due(&bench));
    assert_eq!((left, journal.counts().unwrap().done), (31, 39));
    let told = format!("{left} calls of hooks are left to the next run: this one was stopped");
    assert!(journal.warnings().contains(&told.as_str()), "{:?}", journal.warnings());

    server.on("/hook/done", [Answer::status(204)]);
    bench.run().expect(0);
    assert_eq!((told_to(&server).len(), due(&bench)), (40, 0));
}

#[test]
fn the_calls_of_a_run_that_was_killed_are_made_by_the_next_one() {
    let server = Server::start();
    // Nobody answers: every item has ended, and no call has.
    server.on("/hook/done", [Answer::silence()]);
    server.on("/hook/failed", [Answer::silence()]);
    let steps = format!("{WORK}[[step]]\nid = \"work\"\nuses = \"audio.verify\"\nmatch = [\"000*\"]\n");
    let bench = Bench::new(&pipeline(&server, &steps, &format!("{DONE}{FAILED}")));
    bench.inputs(12);
    let live = bench.run().start();
    until("every item has ended", support::PATIENCE, || {
        bench.journals().pop().is_some_and(|journal| journal.finished().len() == 12)
    });
    until("as many calls are out as are made at the same time", support::PATIENCE, || told_to(&server).len() >= 8);
    let _killed = live.kill();
    // None has ended, so all are due.
    assert_eq!(told_to(&server).len(), 8);
    let before: BTreeSet<String> = told_to(&server).iter().map(delivery).collect();

    server.on("/hook/done", [Answer::status(204)]);
    server.on("/hook/failed", [Answer::status(204)]);
    bench.run().expect(1);
    let counts = bench.journal().counts().unwrap();
    assert_eq!((counts.up_to_date, counts.done, counts.failed), (11, 0, 1), "nothing was done again");
    let all = told_to(&server);
    let keys: BTreeSet<String> = all.iter().map(delivery).collect();
    assert_eq!((all.len(), keys.len()), (8 + 12, 12), "each is called once more, with the key that it had");
    assert!(before.is_subset(&keys));
    assert_eq!((calls(&server, "/hook/done").len(), calls(&server, "/hook/failed").len()), (11, 1));
    // What the item failed with is told by the next run as it would have been by the first.
    let failed = calls(&server, "/hook/failed");
    assert!(failed["000.txt"].iter().all(|call| call.json()["why"] == "input of work"), "{failed:?}");
    assert_eq!(due(&bench), 0);
    bench.run().expect(1);
    assert_eq!(told_to(&server).len(), 20);
}

#[test]
fn the_end_of_the_batch_is_told_as_what_it_was_and_a_failing_hook_changes_no_exit_code() {
    let server = Server::start();
    server.on("*", [Answer::status(400)]);
    let batch = |on: &str| {
        format!(
            "[[hooks.on_{on}]]\nfor = \"batch\"\nuses = \"webhook\"\nresources = [\"office\"]\n\
             with = {{ path = \"{on}\", json = {{ item = \"batch\", n = \"{{run.done}}\", failed = \"{{run.failed}}\" }} }}\n"
        )
    };
    let hooks = format!("{}{}", batch("done"), batch("fail"));
    let bench = Bench::new(&pipeline(&server, WORK, &hooks));
    bench.inputs(2);
    bench.run().expect(0);
    let one = told_to(&server).remove(0);
    assert_eq!((one.path(), &one.json()["n"], &one.json()["failed"]), ("/hook/done", &2.into(), &0.into()));
    assert_eq!(told(&bench.journal()).len(), 1, "a batch's hook that failed is told");

    let steps = format!("{WORK}[[step]]\nid = \"work\"\nuses = \"audio.verify\"\n");
    bench.pipeline(&pipeline(&server, &steps, &hooks));
    bench.run().expect(1);
    let seen = told_to(&server);
    assert_eq!((seen.len(), seen[1].path(), &seen[1].json()["failed"]), (2, "/hook/fail", &2.into()));
    assert_ne!(delivery(&seen[0]), delivery(&seen[1]));
}

#[test]
fn whenever_a_run_is_killed_no_call_is_lost() {
    let server = Server::start();
    server.on("/hook/done", [Answer::status(204).after(Duration::from_millis(3))]);
    let bench = Bench::new(&pipeline(&server, WORK, DONE));
    bench.inputs(150);
    let mut chance = Chance(7);
    let mut kills = 0;
    for _ in 0..8 {
        let live = bench.run().start();
        // The later, the more is done: kills are spread over looks, items and calls.
        let seen = told_to(&server).len() as u64;
        let until_then = seen + chance.below(30);
        until("there were some more calls, or all", support::PATIENCE, || {
            told_to(&server).len() as u64 >= until_then || live.ends_within(Duration::ZERO)
        });
        kills += usize::from(live.kill().code().is_none());
    }
    assert!(kills > 3, "{kills} runs were killed");
    bench.run().expect(0);
    let calls = calls(&server, "/hook/done");
    assert_eq!((calls.len(), due(&bench)), (150, 0));
    let keys: BTreeSet<String> = calls.values().flatten().map(delivery).collect();
    assert_eq!(keys.len(), 150);
    // Only what was out, or had just ended, when the run was killed is called again.
    let all: usize = calls.values().map(Vec::len).sum();
    assert!(all <= 150 + kills * 2 * 8, "{all} calls");
}

#[test]
fn whatever_ends_an_item_its_call_is_made_by_the_next_run() {
    let hook = DONE.replace(", hash = \"{hash.hash}\"", "");
    let generated = "name = \"made\"\n[generate]\ncount = 3\n[[step]]\nid = \"nothing\"\nuses = \"noop\"\n";
    let left_out = "name = \"out\"\n[[step]]\nid = \"no\"\nuses = \"noop\"\nmatch = [\"*.wav\"]\n";
    for (steps, is_generated) in [(generated, true), (left_out, false), (pieces::CUT, false)] {
        let server = Server::start();
        server.on("/hook/done", [Answer::silence()]);
        let bench = Bench::new(&format!("{steps}{}{hook}", office(&server)));
        if !is_generated {
            bench.inputs(3);
        }
        let run = || if is_generated { bench.run().over([""; 0]) } else { bench.run() };
        let live = run().start();
        until("every item has ended, and is being told", support::PATIENCE, || {
            told_to(&server).len() == 3 && bench.journals().pop().is_some_and(|journal| journal.finished().len() == 3)
        });
        live.kill();
        server.on("/hook/done", [Answer::status(204)]);
        run().expect(0);
        assert_eq!(bench.journal().counts().unwrap().up_to_date, 3, "{steps}");
        let calls = calls(&server, "/hook/done");
        assert!(calls.len() == 3 && calls.values().all(|same| same.len() == 2), "{steps}: {calls:?}");
        assert_eq!(due(&bench), 0, "{steps}");
    }
}
