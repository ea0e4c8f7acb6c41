//! Data of the pipeline in the place of `{resources.NAME.KEY}`.

use serde_json::json;

use super::{findings, good};
use crate::pipeline::plan::{Action, Plan};

const SHOW: &str = r#"
[resources.show]
kind = "static"
data = { rate = 44100, title = "A {braced} show", dir = "shows", tags = ["a", "{b}"], deep = { ext = "wav", on = true }, key = "${KEY}" }
"#;

fn text(rest: &str) -> String {
    format!("{SHOW}{rest}")
}

fn with(plan: &Plan) -> &serde_json::Value {
    match &plan.steps[0].action {
        Action::Uses { with, .. } => with,
        Action::Run(_) => panic!("it is a command"),
    }
}

#[test]
fn data_stands_wherever_a_step_takes_placeholders() {
    let (plan, found) = good(&text(
        r#"
        [output]
        dir = "{resources.show.dir}/out/{item.stem}"
        [[step]]
        id = "cut"
        run = ["cut", "--{resources.show.title}", "{resources.show.rate}", "{in}", "{out}"]
        env = { ON = "{resources.show.deep.on}" }
        fallback = { file = "{resources.show.dir}/{resources.show.deep.ext}" }
        optional = true
        out = { file = "{item.stem}.{resources.show.deep.ext}" }
        "#,
    ));
    assert_eq!(found.iter().count(), 0, "{}", found.to_text(false));
    let step = &plan.steps[0];
    let Action::Run(run) = &step.action else { panic!("it is a command") };
    assert_eq!(
        run.iter().map(|word| word.source.as_str()).collect::<Vec<_>>()[..3],
        ["cut", "--A {{braced}} show", "44100"]
    );
    assert_eq!(run[1].literal_prefix(), "--A {braced} show");
    assert_eq!(plan.output.literal_prefix(), "shows/out/");
    assert_eq!((step.env["ON"].source.as_str(), step.fallback["file"].source.as_str()), ("true", "shows/wav"));
    assert_eq!(step.out["file"].from.source, "{item.stem}.wav");
    // It holds no lease of it.
    assert!(step.resources.is_empty() && plan.resources.is_empty());
    assert!(step.definition.to_string().contains("44100"));
}

#[test]
fn a_parameter_takes_the_type_of_the_data() {
    let step = |parameter: &str| {
        text(&format!("[[step]]\nid = \"a\"\nuses = \"audio.convert\"\nout.wav = \"a\"\nwith = {{ {parameter} }}\n"))
    };
    for (parameter, wanted) in [
        ("sample_rate = \"{resources.show.rate}\"", json!({ "sample_rate": 44100 })),
        ("normalize = \"{resources.show.deep.on}\"", json!({ "normalize": true })),
        ("columns = \"{resources.show.tags}\"", json!({ "columns": ["a", "{{b}}"] })),
        ("columns = [\"{resources.show.tags.0}\"]", json!({ "columns": ["a"] })),
        ("columns = { a = \"{resources.show.deep}\" }", json!({ "columns": { "a": { "ext": "wav", "on": true } } })),
        ("text = \"{resources.show.title}\"", json!({ "text": "A {{braced}} show" })),
        ("text = \"{item.stem} {resources.show.title}\"", json!({ "text": "{item.stem} A {{braced}} show" })),
    ] {
        let (plan, _) = good(&step(parameter));
        assert_eq!(with(&plan), &wanted, "{parameter}");
    }
    // What it is makes the result.
    let one = good(&step("text = \"{resources.show.dir}\"")).0;
    let other = good(&step("text = \"{resources.show.dir}\"").replace("\"shows\"", "\"other\"")).0;
    assert_ne!(one.steps[0].definition, other.steps[0].definition);
}

#[test]
fn hooks_and_values_of_generated_items_read_data_too() {
    let (plan, _) = good(&text(
        r#"
        [resources.notes]
        kind = "database"
        [generate]
        count = 2
        [generate.values]
        label = { template = "{resources.show.dir}-{item.index}" }
        [[step]]
        id = "a"
        run = ["echo", "x{item.label}", "{item.index}"]
        [[hooks.on_done]]
        uses = "note"
        resources = ["notes"]
        with = { text = "{resources.show.title}: {run.done}" }
        "#,
    ));
    assert_eq!(plan.hooks[0].with, json!({ "text": "A {{braced}} show: {run.done}" }));
}

#[test]
fn each_mistake_is_told_by_name_and_place() {
    let steps = |argument: &str| text(&format!("[[step]]\nid = \"a\"\nrun = [\"cp\", \"{argument}\"]\n"));
    for (argument, message) in [
        ("{resources.shwo.rate}", "there is no resource `shwo`"),
        ("{resources.show.rat}", "the data of the resource `show` has no `rat`"),
        ("{resources.show.deep.exe}", "the data of the resource `show` has no `exe`"),
        ("{resources.show.tags.7}", "the data of the resource `show` has no `7`"),
        ("{resources.show.rate.x}", "the data of the resource `show` has no `x`"),
        ("{resources.show.tags}", "`{resources.show.tags}` is a list or a table, and here is room for a text"),
        ("{resources.show.key}", "`{resources.show.key}` holds `${KEY}`, which is known to its resource alone"),
    ] {
        let found = findings(&steps(&format!("x-{argument}")));
        let of_it: Vec<_> = found.into_iter().filter(|(told, _)| !told.starts_with("no step and no hook")).collect();
        assert_eq!(of_it, [(message.to_owned(), argument.to_owned())], "{argument}");
    }
    let notes = "[resources.notes]\nkind = \"database\"\n";
    let found = findings(&steps("{resources.notes.url}").replace("[[step]]", &format!("{notes}[[step]]")));
    assert!(
        found.iter().any(|(told, _)| told == "the resource `notes` is of kind database, and holds no data"),
        "{found:?}"
    );
    let shown = super::check(&steps("{resources.show.rat}")).1.to_text(false);
    assert!(shown.contains("did you mean `rate`?"), "{shown}");
}

#[test]
fn data_that_nothing_reads_is_told() {
    let found = super::check(&text("[[step]]\nid = \"a\"\nrun = [\"cp\", \"{in}\"]\n")).1.to_text(false);
    assert!(found.contains("no step and no hook uses the resource `show`"), "{found}");
    assert!(found.contains("a placeholder reads it: {resources.show.KEY}"), "{found}");
}
