//! What mediamill made it may replace, whatever happened meanwhile; what somebody else made it may not.

mod support;

use support::Bench;

const OPTIONAL: &str = r#"
name = "ours"
[output]
dir = "out/{item.stem}"
[retry]
max_retries = 0
[[step]]
id = "first"
run = ["TOOL", "copy", "{in}", "{out}"]
out = { text = "first.txt" }
[[step]]
id = "extra"
optional = true
run = ["sh", "-c", "SCRIPT", "sh", "{in}", "{out}"]
out = { text = "extra.txt" }
[[step]]
id = "table"
uses = "collect"
with = { format = "csv", columns = { file = "{item.name}" } }
out = { table = "table.csv" }
"#;

/// The pipeline with this script for its optional step.
fn with(script: &str) -> String {
    OPTIONAL.replace("SCRIPT", script)
}

#[test]
fn the_output_of_a_step_that_failed_since_is_still_ours_to_replace() {
    let bench = Bench::new(&with("cp $1 $2"));
    let inputs = bench.inputs(3);
    bench.run().expect(0);
    bench.pipeline(&with("exit 3"));
    bench.run().expect(0);
    bench.pipeline(&with("cat $1 $1 > $2"));
    bench.run().expect(0);
    let outputs = bench.outputs();
    let extra = outputs.iter().filter(|(path, _)| path.ends_with("extra.txt"));
    let twice = inputs.iter().map(|input| std::fs::read(input).unwrap_or_default().repeat(2));
    assert!(extra.map(|(_, content)| content.clone()).eq(twice));
}

#[test]
fn what_was_made_before_its_checkpoint_was_removed_is_ours_also_after_an_interrupted_run() {
    let bench = Bench::new(&with("cp $1 $2"));
    bench.inputs(1);
    bench.run().expect(0);
    assert!(std::fs::remove_file(bench.checkpoint_file("000.txt")).is_ok());
    bench.run().args(["--only", "first"]).end();
    let ended = bench.run().expect(0);
    assert!(ended.stdout.contains("1 done"), "{}", ended.stdout);
}

#[test]
fn an_output_that_would_replace_its_own_input_is_refused_and_the_input_is_whole() {
    let mut bench = Bench::new(
        "name = \"self\"\n[output]\ndir = \"out\"\n[[step]]\nid = \"a\"\nuses = \"file.copy\"\n\
         out = { copy = \"{item.name}\" }\n",
    );
    let input = bench.input("precious.txt", "the only copy");
    bench.out = bench.path("in");
    bench.run().over([&input]).arg("--overwrite").expect(1);
    assert_eq!(std::fs::read(&input).unwrap_or_default(), b"the only copy");
}

#[test]
fn an_item_whose_input_was_away_for_one_run_is_back_in_the_table() {
    let bench = Bench::new(&with("cp $1 $2"));
    let inputs = bench.inputs(3);
    bench.run().over(&inputs).expect(0);
    let table = |bench: &Bench| {
        let outputs = bench.outputs();
        let table = outputs.iter().find(|(path, _)| path.ends_with("table.csv"));
        table.map(|(_, content)| String::from_utf8_lossy(content).into_owned()).unwrap_or_default()
    };
    let whole = table(&bench);
    assert_eq!(whole.lines().count(), 4);
    let away = inputs[1].with_extension("away");
    assert!(std::fs::rename(&inputs[1], &away).is_ok());
    bench.run().over(&inputs).expect(1);
    assert!(std::fs::rename(&away, &inputs[1]).is_ok());
    bench.run().over(&inputs).expect(0);
    assert_eq!(table(&bench), whole);
}
