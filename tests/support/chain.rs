//! A batch over a pipeline of four small steps, and what a run of it begins.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use mediamill::resilience::checkpoint::ItemState;

use crate::support::Bench;

/// Files in the batch.
pub const ITEMS: usize = 6;

/// A chain, and a step beside it.
pub const CHAIN: &str = r#"
name = "chain"
[output]
dir = "out/{item.stem}"
[[step]]
id = "first"
run = ["TOOL", "copy", "{in}", "{out}"]
out = { text = "first.txt" }
[[step]]
id = "second"
run = ["TOOL", "copy", "{first.text}", "{out}"]
out = { text = "second.txt" }
[[step]]
id = "third"
uses = "file.copy"
in = "{second.text}"
out = { copy = "third.txt" }
[[step]]
id = "beside"
run = ["TOOL", "copy", "{in}", "{out}"]
out = { text = "beside.txt" }
"#;

/// A batch that was run to its end.
pub fn done() -> Bench {
    let bench = Bench::new(CHAIN);
    bench.inputs(ITEMS);
    bench.run().expect(0);
    assert_eq!(bench.outputs().len(), 4 * ITEMS);
    bench
}

/// What the next run begins, as `000.txt first`.
pub fn begins(bench: &Bench, code: i32) -> BTreeSet<String> {
    bench.run().expect(code);
    begun(bench)
}

/// What the last run began.
pub fn begun(bench: &Bench) -> BTreeSet<String> {
    bench.journal().begun().into_iter().map(|(item, step)| format!("{} {step}", item.display())).collect()
}

/// These tasks.
pub fn set(tasks: &[&str]) -> BTreeSet<String> {
    tasks.iter().map(ToString::to_string).collect()
}

/// Every step of the item.
pub fn all_of(item: &str) -> BTreeSet<String> {
    ["first", "second", "third", "beside"].iter().map(|step| format!("{item} {step}")).collect()
}

/// `step` of every item.
pub fn each(steps: &[&str]) -> BTreeSet<String> {
    (0..ITEMS).flat_map(|n| steps.iter().map(move |step| format!("{n:03}.txt {step}"))).collect()
}

/// Everything is done, and as it was.
pub fn is_whole(bench: &Bench, outputs: &std::collections::BTreeMap<PathBuf, Vec<u8>>) {
    assert!(bench.outputs() == *outputs, "the outputs are not what they were");
    let checkpoints = bench.checkpoints();
    assert_eq!(checkpoints.len(), ITEMS);
    for (name, checkpoint) in checkpoints {
        assert_eq!(checkpoint.state, ItemState::Done, "{}", name.display());
    }
    assert_eq!(begins(bench, 0), set(&[]), "the run after it has nothing to do");
    bench.assert_clean();
}
