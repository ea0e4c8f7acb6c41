//! Hooks whose calls misbehave.

#![expect(clippy::unwrap_used, reason = "a test may")]

use serde_json::json;

use crate::engine::resources::tests::Scene;
use crate::events::EventKind;
use crate::pipeline::hooks::{Hook, HookOn};

fn hook(on: HookOn, uses: &str) -> Hook {
    Hook { on, uses: uses.into(), resource: "vault".into(), with: json!({}) }
}

#[test]
fn a_hook_that_panics_is_told_and_due_in_the_next_run_and_one_that_is_refused_is_not() {
    let mut scene = Scene::new(&[("save", "test.echo")]);
    scene.items = 2;
    scene.hooks = ["test.panic", "test.fail", "test.echo"].map(|uses| hook(HookOn::ItemDone, uses)).into();
    scene.hooks.push(hook(HookOn::ItemFailed, "test.panic"));
    scene.hooks.push(hook(HookOn::BatchDone, "test.panic"));
    for run in 0..2 {
        let (finished, events) = scene.run();
        assert_eq!(finished.unwrap().outcome.counts.done, 2);
        let mut told: Vec<String> = Vec::new();
        for event in events {
            if let EventKind::Warning { message, .. } = event.kind {
                told.extend(Some(message).filter(|message| message.starts_with("hook ")));
            }
        }
        let count = |text: &str| told.iter().filter(|message| message.contains(text)).count();
        assert_eq!(count("hook on_done (test.panic with vault) failed: mediamill itself failed"), 3, "{run}: {told:?}");
        assert_eq!(count("; the next run calls it again"), 2, "{told:?}");
        assert_eq!(count("hook on_done (test.fail with vault) failed: it does not take"), 2, "{told:?}");
        assert_eq!(told.len(), 5, "{told:?}");
        for checkpoint in scene.checkpoints() {
            let due = checkpoint.hooks_due.iter().map(|due| (due.hook.as_str(), due.refused.is_some()));
            let due: Vec<_> = due.collect();
            assert_eq!(due, [("on_done test.panic with vault", false), ("on_done test.fail with vault", true)]);
        }
    }
}
