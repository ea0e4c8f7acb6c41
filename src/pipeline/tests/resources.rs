//! Resources and hooks: each mistake is told by name and place, and no secret with it.

use std::time::Duration;

use super::{check, findings, good};
use crate::pipeline::hooks::HookOn;
use crate::pipeline::template::{FaultField, Field, RunField, Template};
use crate::resources::PoolSettings;
use crate::resources::settings::ResourceKind;

/// A resource, and a step that works with it.
const NOTES: &str = "[resources.notes]\nkind = \"database\"\n[[step]]\nid = \"save\"\nuses = \"note\"\n";

fn each(table: &[(&str, &str, &str)]) {
    for (text, message, place) in table {
        assert_eq!(findings(text), [((*message).to_owned(), (*place).to_owned())], "\n{text}");
    }
}

/// As [`each`], for lines of a resource of kind `database` that a step works with.
fn each_in_resource(table: &[(&str, &str, &str)]) {
    for (lines, message, place) in table {
        each(&[(&resource(lines), message, place)]);
    }
}

/// A resource of kind `database` with these lines, and a step that works with it.
fn resource(lines: &str) -> String {
    format!("{NOTES}resources = [\"notes\"]\n").replace("\"database\"\n", &format!("\"database\"\n{lines}\n"))
}

#[test]
fn a_resource_is_read_with_its_kind_its_pool_and_its_settings() {
    let (plan, found) = good(
        r#"
        [resources.notes]
        kind = "database"
        url = "${NOTES_URL}"
        size = 3
        list = [{ headers = { authorization = "Bearer ${TOKEN}" } }]
        pool = { min_size = 3, max_size = 7, idle_timeout = "5m", acquire_timeout = 0, leak_threshold = "1h" }
        [resources.model]
        kind = "llm"
        pool = { profile = "high", max_lifetime = 60 }
        [resources.unused]
        kind = "static"
        [health]
        model = { required = false }
        [breakers.notes]
        failure_threshold = 1
        [[step]]
        id = "save"
        uses = "note"
        with = { text = "{item.stem}" }
        resources = ["model", "notes"]
        [[step]]
        id = "licensed"
        run = ["matlab", "{in}"]
        resources = ["model"]
        optional = true
        "#,
    );
    let told: Vec<&str> = found.iter().map(|found| found.message.as_str()).collect();
    assert_eq!(told, ["no step and no hook uses the resource `unused`"]);
    let names: Vec<&str> = plan.resources.iter().map(|resource| resource.name.as_str()).collect();
    assert_eq!(names, ["notes", "model"], "what nothing uses is not opened");
    let notes = &plan.resources[0];
    let settings = serde_json::json!({
        "url": "${NOTES_URL}", "size": 3, "list": [{ "headers": { "authorization": "Bearer ${TOKEN}" } }],
    });
    assert_eq!((notes.kind, &notes.settings), (ResourceKind::Database, &settings));
    let pool = PoolSettings {
        min_size: 3,
        max_size: 7,
        max_idle_time: Duration::from_secs(300),
        acquire_timeout: Duration::ZERO,
        leak_threshold: Some(Duration::from_secs(3600)),
        ..PoolSettings::default()
    };
    assert_eq!(notes.pool, pool);
    assert_eq!(plan.resources[1].pool, PoolSettings { max_lifetime: Duration::from_secs(60), ..PoolSettings::high() });
    assert_eq!(plan.steps[0].resources, ["model", "notes"]);
    assert_eq!(plan.breakers["notes"].failure_threshold, 1);
    assert!(plan.requires("notes") && !plan.requires("model"));
}

#[test]
fn the_least_size_of_a_pool_never_exceeds_a_largest_one_that_is_given() {
    let (plan, _) = good(&resource("pool.max_size = 1"));
    assert_eq!((plan.resources[0].pool.min_size, plan.resources[0].pool.max_size), (1, 1));
}

#[test]
fn what_a_step_is_made_with_is_the_resource_as_written_and_not_its_pool() {
    let definition = |lines: &str| good(&resource(lines)).0.steps[0].definition.clone();
    let resources = &definition("url = \"${URL}\"")["resources"];
    let expected = serde_json::json!([{ "kind": "database", "name": "notes", "settings": { "url": "${URL}" } }]);
    assert_eq!(resources, &expected);
    assert_eq!(definition("url = \"${URL}\""), definition("url = \"${URL}\"\npool.max_size = 3"));
    assert_ne!(definition("url = \"${URL}\""), definition("url = \"${OTHER}\""));
}

#[test]
fn settings_that_do_not_fit() {
    each_in_resource(&[
        ("ur = 1", "unknown setting `ur`", "ur"),
        ("size = \"x\"", "`size` must be a number", "\"x\""),
        ("pool = 3", "`pool` must be a table, not a whole number", "3"),
        ("pool.max = 3", "unknown key `max` in `pool`", "max"),
        ("pool.max_size = 0", "`max_size` is out of range", "0"),
        ("pool.min_size = 11", "`min_size` is more than `max_size`, which is 10, where nothing is said", "11"),
        ("pool = { min_size = 3, max_size = 2 }", "`min_size` is more than `max_size`, which is 2", "3"),
        ("pool.profile = \"hgh\"", "`profile` cannot be `hgh`", "\"hgh\""),
        ("pool.max_lifetime = 0", "`max_lifetime` leaves no time at all", "0"),
        (
            "pool = { max_idle_time = 3, idle_timeout = 4 }",
            "`idle_timeout` is another name of `max_idle_time`, which is here too",
            "idle_timeout",
        ),
        ("url = \"a${}\"", "`${}` names no variable", "${}"),
        ("url = \"a${b c}\"", "`b c` cannot be the name of a variable", "${b c}"),
        ("list = [\"x${A\"]", "this `${` is not closed", "${A"),
    ]);
    let help = |lines: &str| {
        let (_, found) = check(&resource(lines));
        found.iter().next().map(|found| found.help.join("; ")).unwrap_or_default()
    };
    assert_eq!(help("poll = 3"), "did you mean `pool`?");
}

#[test]
fn resources_that_are_none() {
    let step = "[[step]]\nid = \"a\"\nrun = [\"cp\"]\nresources = [\"r\"]\n";
    each(&[
        (&format!("[resources]\nr = 3\n{step}"), "`r` must be a table, not a whole number", "3"),
        (&format!("[resources.r]\n{step}"), "this resource does not say what it is", "r"),
        (&format!("[resources.r]\nkind = \"databse\"\n{step}"), "`kind` cannot be `databse`", "\"databse\""),
        (&format!("[resources.r]\nkind = \"http\"\n{step}"), "nothing says where it is", "r"),
        (
            "[resources.\"a b\"]\nkind = \"database\"\n[[step]]\nid = \"a\"\nrun = [\"cp\"]\nresources = [\"a b\"]\n",
            "`a b` cannot be the name of a resource",
            "\"a b\"",
        ),
        (
            "[resources.cp]\nkind = \"database\"\n[[step]]\nid = \"a\"\nrun = [\"cp\"]\nresources = [\"cp\"]\n",
            "the resource `cp` is called as the tool of step `a`",
            "cp",
        ),
        (
            &format!("[resources.r]\nkind = \"database\"\n[health]\nr = {{ least = \"1\" }}\n{step}"),
            "`least` is for tools, and `r` is a resource",
            "r",
        ),
    ]);
}

#[test]
fn steps_that_name_no_resource_or_not_the_right_one() {
    each(&[(
        "[[step]]\nid = \"save\"\nuses = \"note\"\n",
        "`note` works with a resource of kind database, and none is named",
        "\"note\"",
    )]);
    let twice = format!("{NOTES}resources = [\"notes\", \"notes\"]\n");
    each(&[(&twice, "the resource `notes` is named twice", "\"notes\"")]);
    let found = |text: &str| findings(text).into_iter().map(|(message, _)| message).collect::<Vec<_>>();
    let unused = "no step and no hook uses the resource `notes`".to_owned();
    assert_eq!(
        found(&format!("{NOTES}resources = [\"note\"]\n")),
        [unused.clone(), "there is no resource `note`".to_owned()]
    );
    let two = format!("[resources.more]\nkind = \"database\"\n{NOTES}resources = [\"more\", \"notes\"]\n");
    each(&[(&two, "`note` works with one resource of kind database, and here are `more` and `notes`", "resources")]);
    let other = format!("[resources.model]\nkind = \"llm\"\n{NOTES}resources = [\"model\"]\n");
    let wrong = "`note` works with a resource of kind database, and none of those named is one".to_owned();
    assert_eq!(found(&other), [unused, wrong]);
    let (_, told) = check(&other);
    assert!(told.to_text(false).contains("help: add: resources = [\"notes\"]"), "{}", told.to_text(false));
}

#[test]
fn a_secret_in_the_file_is_told_and_not_shown() {
    let lines =
        "url = \"postgres://me:hunter2@db/x\"\nlist = [{ password = 'tea4two' }]\nheaders.\"X-Api-Key\" = \"k3y\"";
    let text = resource(lines);
    let found = findings(&text);
    let secret = |place: &str| ("this secret stands in the file".to_owned(), place.to_owned());
    assert_eq!(found, [secret("hunter2"), secret("tea4two"), secret("k3y")]);
    let shown = check(&text).1.to_text(false);
    for plain in ["hunter2", "tea4two", "k3y"] {
        assert!(!shown.contains(plain), "{shown}");
    }
    assert!(shown.contains("write `${NOTES_X_API_KEY}` in its place, and set it in the environment"), "{shown}");
}

#[test]
fn variables_are_filled_in_resources_alone() {
    let with = |line: &str| format!("{NOTES}resources = [\"notes\"]\n{line}\n");
    each(&[
        (&with("with = { text = \"a ${TOKEN}\" }"), "`${TOKEN}` is not filled here", "${TOKEN}"),
        (&with("[input]\npaths = [\"x/${HOME}\"]"), "`${HOME}` is not filled here", "${HOME}"),
        (&with("[output]\ndir = \"${OUT}/{item.stem}\""), "`${OUT}` is not filled here", "${OUT}"),
        (
            "[[step]]\nid = \"a\"\nrun = [\"cp\", \"{in}\", \"${HOME}/x\"]\nenv = { A = \"${{B}}\" }\n",
            "`${HOME}` is not filled here",
            "${HOME}",
        ),
    ]);
}

/// A hook that is good, after a resource and a step that works with it.
fn hook(lines: &str) -> String {
    format!(
        "{NOTES}resources = [\"notes\"]\n[[step]]\nid = \"look\"\nuses = \"audio.analyze\"\nout.json = \"a\"\n{lines}\n"
    )
}

#[test]
fn hooks_say_what_is_done_in_the_end() {
    let (plan, found) = good(&hook(
        r#"
        [[hooks.on_fail]]
        uses = "note"
        resources = ["notes"]
        with = { text = "{item.name} {look.tempo} {look.json} {fault.step}: {fault.message} {run.id}" }
        [[hooks.on_done]]
        for = "batch"
        uses = "note"
        resources = ["notes"]
        with = { text = "{run.done} in {run.seconds}" }
        [[hooks.on_done]]
        uses = "note"
        resources = ["notes"]
        "#,
    ));
    assert!(found.is_empty(), "{}", found.to_text(false));
    let hooks: Vec<_> = plan.hooks.iter().map(|hook| (hook.on, hook.uses.as_str(), hook.resource.as_str())).collect();
    let expected = [HookOn::BatchDone, HookOn::ItemDone, HookOn::ItemFailed].map(|on| (on, "note", "notes"));
    assert_eq!(hooks, expected);
    let template = Template::parse(plan.hooks[2].with["text"].as_str().unwrap()).unwrap();
    let fields: Vec<Field> = template.fields().map(|(field, _)| field.clone()).collect();
    assert_eq!(
        fields[3..],
        [Field::Fault(FaultField::Step), Field::Fault(FaultField::Message), Field::Run(RunField::Id)]
    );
}

#[test]
fn hooks_that_cannot_be() {
    let done = |lines: &str| hook(&format!("[[hooks.on_done]]\nuses = \"note\"\nresources = [\"notes\"]\n{lines}"));
    let text = |text: &str| done(&format!("with.text = \"{text}\""));
    let batch = |text: &str| done(&format!("for = \"batch\"\nwith.text = \"{text}\""));
    each(&[
        (&hook("[hooks]\non_done = {}"), "`on_done` must be a list of tables", "{}"),
        (&hook("[[hooks.on_end]]"), "unknown key `on_end` in `[hooks]`", "on_end"),
        (&hook("[[hooks.on_done]]\nresources = [\"notes\"]"), "this hook does nothing", "[[hooks.on_done]]"),
        (&done("for = \"all\""), "`for` cannot be `all`", "\"all\""),
        (&done("out = {}"), "unknown key `out` in a hook", "out"),
        (&done("with.txt = 3"), "unknown parameter `txt`", "txt"),
        (
            &hook("[[hooks.on_done]]\nuses = \"note.ak\"\nresources = [\"notes\"]"),
            "there is no built-in step `note.ak`",
            "\"note.ak\"",
        ),
        (
            &hook("[[hooks.on_done]]\nuses = \"noop\"\nresources = [\"notes\"]"),
            "`noop` works with no resource, and hooks are for steps that do",
            "\"noop\"",
        ),
        (
            &hook("[[hooks.on_done]]\nuses = \"note.get\"\nresources = [\"notes\"]"),
            "`note.get` reads or makes a file, and a hook does neither",
            "\"note.get\"",
        ),
        (
            &hook("[[hooks.on_done]]\nuses = \"note\""),
            "`note` works with a resource of kind database, and none is named",
            "\"note\"",
        ),
        (&text("{in}"), "`{in}` makes no sense in a hook", "{in}"),
        (&text("{pools.x}"), "`{pools.x}` makes no sense in a hook", "{pools.x}"),
        (
            &text("{fault.class}"),
            "`{fault.class}` makes no sense in this hook: it is called for no failure of an item",
            "{fault.class}",
        ),
        (&text("{lok.tempo}"), "there is no step `lok`", "{lok.tempo}"),
        (&text("{look.temp}"), "step `look` makes no output and no value `temp`", "{look.temp}"),
        (&text("{look.tempo|content}"), "`look.tempo` is a value, not a file with a content", "{look.tempo|content}"),
        (&text("{item.stm}"), "an item has no `stm`", "{item.stm}"),
        (&text("{run.secs}"), "a run has no `secs`", "{run.secs}"),
        (
            &batch("{item.stem}"),
            "`{item.stem}` makes no sense in a hook of the batch, which has no single item",
            "{item.stem}",
        ),
    ]);
    let step = |id: &str| format!("[[step]]\nid = \"{id}\"\nrun = [\"cp\"]\n");
    for reserved in ["fault", "run"] {
        let message = format!("`{reserved}` cannot be the id of a step: placeholders use the word");
        each(&[(&step(reserved), &message, &format!("\"{reserved}\""))]);
    }
    let told = findings("[[step]]\nid = \"a\"\nrun = [\"cp\", \"{run.id}\"]\n");
    assert_eq!(told, [("`{run.id}` makes no sense in `run`".to_owned(), "{run.id}".to_owned())]);
}

#[test]
fn a_secret_as_the_reader_sees_it() {
    let text = resource("url = \"x://me:hunter2@db\"");
    let expected = r#"
warning: this secret stands in the file
 --> songs.toml:3:15
  |
3 | url = "x://me:*******@db"
  |               ^^^^^^^
  |
  = help: write `${NOTES_URL}` in its place, and set it in the environment

"#;
    assert_eq!(format!("\n{}", check(&text).1.to_text(false)), expected);
}
