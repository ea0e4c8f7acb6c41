//! Each mistake is told by name and place.

use super::{check, findings, good};

/// A step that is good, to put mistakes beside.
const COPY: &str = "[[step]]\nid = \"copy\"\nrun = [\"cp\", \"{in}\", \"{out}\"]\nout = { file = \"a\" }\n";

/// Asserts for each text that its only finding has this message, and points at this text.
fn each(table: &[(&str, &str, &str)]) {
    for (text, message, place) in table {
        let text = text.replace("COPY\n", COPY);
        let found = findings(&text);
        assert_eq!(found, [((*message).to_owned(), (*place).to_owned())], "\n{text}");
    }
}

/// As [`each`], for lines added to a good step.
fn each_in_step(table: &[(&str, &str, &str)]) {
    for (lines, message, place) in table {
        each(&[(&format!("COPY\n{lines}\n"), message, place)]);
    }
}

#[test]
fn keys_that_nobody_knows() {
    each(&[
        ("nam = \"x\"\nCOPY\n", "unknown key `nam` in a pipeline", "nam"),
        ("[input]\npath = [\"x\"]\nCOPY\n", "unknown key `path` in `[input]`", "path"),
        ("[output]\nfolder = \"x\"\nCOPY\n", "unknown key `folder` in `[output]`", "folder"),
        ("[health]\ncp = { need = true }\nCOPY\n", "unknown key `need` in `[health]`", "need"),
        ("[tools.cp]\ncanaries = []\nCOPY\n", "unknown key `canaries` in `[tools]`", "canaries"),
        ("[retry]\nretries = 1\nCOPY\n", "unknown key `retries` in `retry`", "retries"),
        ("[breakers.cp]\nthreshold = 1\nCOPY\n", "unknown key `threshold` in `[breakers]`", "threshold"),
    ]);
    each_in_step(&[
        ("tiemout = 3", "unknown key `tiemout` in a step", "tiemout"),
        ("retry = { delay = 3 }", "unknown key `delay` in `retry`", "delay"),
        ("verify = { full = true }", "unknown key `full` in `verify`", "full"),
    ]);
    let out = "[[step]]\nid = \"a\"\nrun = [\"cp\"]\nout.x = { from = \"b\", too = \"c\" }\n";
    each(&[(out, "unknown key `too` in an output", "too")]);
}

#[test]
fn values_of_the_wrong_type() {
    each(&[
        ("name = 3\nCOPY\n", "`name` must be a text, not a whole number", "3"),
        ("give_up_after = \"x\"\nCOPY\n", "`give_up_after` must be a whole number, not a text", "\"x\""),
        ("input = []\nCOPY\n", "`input` must be a table, not a list", "[]"),
        ("[input]\npaths = \"x\"\nCOPY\n", "`paths` must be a list of texts, not a text", "\"x\""),
        ("[input]\npaths = [1]\nCOPY\n", "`paths` must be a text, not a whole number", "1"),
        ("step = 3\n", "`step` must be a list of tables", "3"),
        ("[step]\nid = \"x\"\n", "`step` must be a list of tables", "[step]"),
        ("[health]\ncp = true\nCOPY\n", "`cp` must be a table, not true or false", "true"),
    ]);
    each_in_step(&[
        ("optional = 1", "`optional` must be `true` or `false`, not a whole number", "1"),
        ("timeout = true", "`timeout` must be a length of time, not true or false", "true"),
        ("memory = 1.5", "`memory` must be a size, not a number", "1.5"),
        ("env = { A = 1 }", "`A` must be a text, not a whole number", "1"),
        ("after = \"x\"", "`after` must be a list of texts, not a text", "\"x\""),
        ("retry = 3", "`retry` must be a table, not a whole number", "3"),
    ]);
}

#[test]
fn quantities_that_make_no_sense() {
    each(&[
        ("give_up_after = -1\nCOPY\n", "`give_up_after` is out of range", "-1"),
        ("durability = \"powr\"\nCOPY\n", "`durability` cannot be `powr`", "\"powr\""),
        ("retry.jitter = 1.5\nCOPY\n", "`jitter` is out of range", "1.5"),
        ("retry.jitter = nan\nCOPY\n", "`jitter` is out of range", "nan"),
        ("retry.exponential_base = 0.5\nCOPY\n", "`exponential_base` is out of range", "0.5"),
        ("retry.exponential_base = inf\nCOPY\n", "`exponential_base` is out of range", "inf"),
        ("retry.base_delay = -1\nCOPY\n", "`base_delay` cannot be read: a length of time cannot be negative", "-1"),
        ("breakers.cp.failure_threshold = 0\nCOPY\n", "`failure_threshold` is out of range", "0"),
        ("[input]\nmatch = [\"[\"]\nCOPY\n", "`[` is no pattern: unclosed character class; missing ']'", "\"[\""),
    ]);
    each_in_step(&[
        ("timeout = \"1 week\"", "`timeout` cannot be read: `week` is no unit of time", "\"1 week\""),
        ("timeout = \"0s\"", "`timeout` leaves no time at all", "\"0s\""),
        ("grace = \"\"", "`grace` cannot be read: an empty text is no length of time", "\"\""),
        ("memory = \"2 G\"", "`memory` cannot be read: `G` is no unit of size", "\"2 G\""),
        ("memory = 0", "`memory` leaves nothing at all", "0"),
        ("on_open = \"wait\"", "`on_open` cannot be `wait`", "\"wait\""),
    ]);
}

#[test]
fn names_that_will_not_do() {
    let step = |id: &str| format!("[[step]]\nid = \"{id}\"\nrun = [\"cp\"]\n");
    for reserved in ["item", "in", "out", "scratch"] {
        let message = format!("`{reserved}` cannot be the id of a step: placeholders use the word");
        each(&[(&step(reserved), &message, &format!("\"{reserved}\""))]);
    }
    each(&[
        (&step("a b"), "`a b` cannot be the id of a step", "\"a b\""),
        (&step("a/b"), "`a/b` cannot be the id of a step", "\"a/b\""),
        (&format!("{}{}", step("a"), step("a")), "two steps have the id `a`", "\"a\""),
        ("name = \"../x\"\nCOPY\n", "`../x` cannot be the name of a pipeline", "\"../x\""),
        ("name = \".x\"\nCOPY\n", "`.x` cannot be the name of a pipeline", "\".x\""),
        ("[[step]]\nrun = [\"cp\"]\n", "this step has no `id`", "[[step]]"),
        ("", "this pipeline has no step", ""),
    ]);
    each_in_step(&[("tool = \"/usr/bin/cp\"", "`/usr/bin/cp` is no name of a tool", "\"/usr/bin/cp\"")]);
}

#[test]
fn a_file_whose_name_cannot_serve_needs_a_name() {
    let (_, found) = crate::pipeline::load::parse("my songs.toml", COPY, &super::Few);
    let message = "this pipeline needs a `name`, as that of its file will not do: `my songs`";
    assert_eq!(found.iter().map(|d| d.message.as_str()).collect::<Vec<_>>(), [message]);
}

#[test]
fn actions_that_are_none() {
    each(&[
        ("[[step]]\nid = \"a\"\n", "step `a` does nothing", "\"a\""),
        ("[[step]]\nid = \"a\"\nrun = [\"cp\"]\nuses = \"collect\"\n", "step `a` has both `run` and `uses`", "uses"),
        ("[[step]]\nid = \"a\"\nrun = []\n", "`run` names no program", "[]"),
        ("[[step]]\nid = \"a\"\nrun = [\"\"]\n", "`run` names no program", "[\"\"]"),
        ("[[step]]\nid = \"a\"\nrun = \"cp a b\"\n", "`run` must be a list of arguments, not one text", "\"cp a b\""),
        (
            "[[step]]\nid = \"a\"\nuses = \"audio.covert\"\n",
            "there is no built-in step `audio.covert`",
            "\"audio.covert\"",
        ),
        (
            "[[step]]\nid = \"a\"\nrun = [\"cp\"]\nwith = {}\n",
            "`with` belongs to `uses`: a tool is told by its arguments",
            "with",
        ),
        (
            "[[step]]\nid = \"a\"\nuses = \"audio.convert\"\n",
            "`audio.convert` needs a place for its output `wav`",
            "\"audio.convert\"",
        ),
        (
            "[[step]]\nid = \"a\"\nuses = \"audio.analyze\"\nout = { jsn = \"a\" }\n",
            "`audio.analyze` makes no output `jsn`",
            "jsn",
        ),
        ("[[step]]\nid = \"a\"\nuses = \"audio.analyze\"\nwith = { x = 1 }\n", "unknown parameter `x`", "x"),
        ("[[step]]\nid = \"a\"\nuses = \"audio.analyze\"\n[step.with]\nrate = []\n", "`rate` must be a number", "[]"),
        (
            "[[step]]\nid = \"a\"\nuses = \"audio.analyze\"\nwith = { channels = nan }\n",
            "`channels` is not a finite number",
            "nan",
        ),
        (
            "[[step]]\nid = \"a\"\nuses = \"audio.analyze\"\nenv = { A = \"1\" }\n",
            "`env` has no effect on a built-in step",
            "\"1\"",
        ),
    ]);
    each_in_step(&[("in = \"a\\u0000b\"", "`in` holds a NUL, which no argument or file name can", "\"a\\u0000b\"")]);
}

#[test]
fn placeholders_that_name_nothing() {
    let with = |argument: &str| {
        format!("COPY\n[[step]]\nid = \"next\"\nrun = [\"cp\", \"x{argument}\"]\nout = {{ file = \"b\" }}\n")
    };
    each(&[
        (&with("{copi.file}"), "there is no step `copi`", "{copi.file}"),
        (&with("{copy.fil}"), "step `copy` makes no output `fil`", "{copy.fil}"),
        (&with("{next.file}"), "step `next` cannot read what it makes itself", "{next.file}"),
        (&with("{out.fil}"), "step `next` has no output `fil`", "{out.fil}"),
        (&with("{item.stm}"), "an item has no `stm`", "{item.stm}"),
        (&with("{copy.file"), "this placeholder is not closed", "{copy.file"),
        (&with("{}"), "this placeholder is empty", "{}"),
        ("COPY\nafter = [\"copi\"]\n", "there is no step `copi`", "\"copi\""),
        ("COPY\nafter = [\"copy\"]\n", "step `copy` cannot wait for itself", "\"copy\""),
        ("[[step]]\nid = \"a\"\nrun = [\"cp\", \"{out}\"]\n", "step `a` has no output", "{out}"),
        (
            "[[step]]\nid = \"a\"\nrun = [\"cp\", \"{out}\"]\nout = { x = \"x\", y = \"y\" }\n",
            "step `a` has several outputs, and `{out}` stands for one",
            "{out}",
        ),
        (
            "[[step]]\nid = \"a\"\nuses = \"audio.analyze\"\n[[step]]\nid = \"b\"\nrun = [\"cp\", \"{a.json}\"]\n",
            "step `a` could make `json`, but is not asked to",
            "{a.json}",
        ),
        (
            "[[step]]\nid = \"a\"\nuses = \"audio.analyze\"\n[[step]]\nid = \"b\"\nrun = [\"cp\", \"{a.temp}\"]\n",
            "step `a` makes no output and no value `temp`",
            "{a.temp}",
        ),
        (
            "[[step]]\nid = \"a\"\nuses = \"audio.analyze\"\n[[step]]\nid = \"b\"\nrun = [\"cp\"]\nin = \"{a.tempo}\"\n",
            "`{a.tempo}` is a value, and `in` must be a file",
            "{a.tempo}",
        ),
    ]);
}

#[test]
fn placeholders_where_they_make_no_sense() {
    each(&[
        ("output.dir = \"{in}\"\nCOPY\n", "`{in}` makes no sense in `dir`", "{in}"),
        ("output.dir = \"a/{copy.file}\"\nCOPY\n", "`{copy.file}` makes no sense in `dir`", "{copy.file}"),
        ("output.dir = \"a{item.path}\"\nCOPY\n", "the item's whole path cannot be part of `dir`", "{item.path}"),
        ("output.dir = \"~/x{item.stem}\"\nCOPY\n", "`~` does not stand for your home here", "~"),
        (
            "[[step]]\nid = \"a\"\nuses = \"audio.convert\"\nwith = { rate = \"{out}\" }\nout = { wav = \"a\" }\n",
            "`{out}` makes no sense in `with`",
            "{out}",
        ),
        (
            "[[step]]\nid = \"a\"\nrun = [\"cp\"]\nout = { x = \"{scratch}/a\" }\n",
            "`{scratch}` makes no sense in `out`",
            "{scratch}",
        ),
        (
            "[[step]]\nid = \"a\"\nuses = \"collect\"\nout = { x = \"{item.stem}\" }\n",
            "`{item.stem}` makes no sense in `out`: step `a` has no single item",
            "{item.stem}",
        ),
        (
            "[[step]]\nid = \"a\"\nuses = \"collect\"\nout = { x = \"x\" }\n[[step]]\nid = \"b\"\nrun = [\"cp\", \"{a.x}\"]\n",
            "step `b` runs for each item, but step `a` runs once, when all items are done",
            "{a.x}",
        ),
    ]);
    each_in_step(&[
        ("in = \"{scratch}/x\"", "`{scratch}` makes no sense in `in`", "{scratch}"),
        ("in = \"{in}\"", "`{in}` cannot say what `in` is", "{in}"),
        ("optional = true\nfallback = { file = \"{out}\" }", "`{out}` makes no sense in `fallback`", "{out}"),
    ]);
}

#[test]
fn circles_are_named_step_by_step() {
    let step = |id: &str, reads: &str| {
        format!("[[step]]\nid = \"{id}\"\nrun = [\"cp\", \"{{{reads}.f}}\"]\nout = {{ f = \"{id}\" }}\n")
    };
    let text =
        [step("a", "c"), step("b", "a"), step("c", "b"), step("d", "a"), step("e", "f"), step("f", "e")].concat();
    each_of(
        &text,
        &[
            "steps wait for each other in a circle: a -> c -> b -> a",
            "steps wait for each other in a circle: e -> f -> e",
        ],
    );
    let (_, found) = check(&text);
    let notes = &found.iter().next().unwrap().notes;
    assert_eq!(notes[0], "`a` waits for `c` in line 3");
}

fn each_of(text: &str, messages: &[&str]) {
    let found: Vec<String> = findings(text).into_iter().map(|(message, _)| message).collect();
    assert_eq!(found, messages, "\n{text}");
}

#[test]
fn outputs_that_leave_their_place_or_share_it() {
    let out = |out: &str| format!("[[step]]\nid = \"a\"\nrun = [\"cp\"]\nout = {{ {out} }}\n");
    each(&[
        (&out("x = \"../x\""), "output `x` would leave the item's folder", "\"../x\""),
        (&out("x = \"a/../../x\""), "output `x` would leave the item's folder", "\"a/../../x\""),
        (&out("x = \"/tmp/x\""), "output `x` would leave the item's folder", "\"/tmp/x\""),
        (&out("x = { from = \"x\", to = \"../x\" }"), "output `x` would leave the item's folder", "\"../x\""),
        (&out("x = \"\""), "output `x` names no file", "\"\""),
        (&out("x = \"a/\""), "output `x` names a folder, not a file", "\"a/\""),
        (&out("x = \"**/x\""), "`**` is not understood", "\"**/x\""),
        (&out("x = \"{item.path}\""), "the item's whole path cannot be part of an output's name", "{item.path}"),
        (&out("x = { from = \"x\", to = \"*.wav\" }"), "`to` must name one file, not a pattern", "\"*.wav\""),
        (&out("x = { to = \"x\" }"), "output `x` does not say which file it is", "{ to = \"x\" }"),
        (&out("x = 3"), "output `x` must be a text or a table, not a whole number", "3"),
        (&out("\"x y\" = \"x\""), "`x y` cannot be the name of an output", "\"x y\""),
        (
            &out("x = \"b\", y = \"./b\""),
            "two outputs write the same file: `x` of step `a`, and `y` of step `a`",
            "\"./b\"",
        ),
    ]);
    each(&[
        (
            &format!("COPY\n{}", out("x = { from = \"z\", to = \"a\" }").replace("\"a\"\nrun", "\"b\"\nrun")),
            "two outputs write the same file: `file` of step `copy`, and `x` of step `b`",
            "\"a\"",
        ),
        (
            &out("x = \"b\", y = \"b/c\""),
            "`y` of step `a` needs as a folder what `x` of step `a` makes as a file",
            "\"b/c\"",
        ),
        (
            &format!("output.dir = \"out\"\n{}", out("x = \"x.wav\"")),
            "every item writes its output `x` to the same file",
            "\"x.wav\"",
        ),
        (
            "[[step]]\nid = \"a\"\nrun = [\"cp\"]\nout = \"x\"\n",
            "`out` must be a table of named files, not a text",
            "\"x\"",
        ),
    ]);
}

#[test]
fn ways_out_that_lead_nowhere() {
    each_in_step(&[
        ("on_open = \"skip\"", "step `copy` cannot be skipped: it is not optional", "\"skip\""),
        ("fallback = { file = \"x\" }", "the `fallback` of step `copy` is never used", "fallback"),
        ("optional = true\nfallback = { fil = \"x\" }", "step `copy` has no output `fil` to stand in for", "fil"),
        ("on_open = \"fallback\"", "step `copy` has no stand-in for `file`", "\"fallback\""),
    ]);
    each(&[
        (
            "[[step]]\nid = \"a\"\nrun = [\"cp\"]\non_open = \"fallback\"\n",
            "step `a` has no output that a fallback could stand in for",
            "\"fallback\"",
        ),
        (
            "[[step]]\nid = \"a\"\nuses = \"audio.analyze\"\non_open = \"fail\"\n",
            "step `a` has no dependency whose breaker could open",
            "\"fail\"",
        ),
        (
            "COPY\noptional = true\n[[step]]\nid = \"b\"\nrun = [\"cp\", \"{copy.file}\", \"{copy.file}\"]\n",
            "step `b` is skipped too when step `copy` is",
            "{copy.file}",
        ),
    ]);
}

#[test]
fn tools_that_no_step_uses_or_that_are_half_described() {
    each(&[
        ("[breakers.demucs]\nCOPY\n", "no step uses `demucs`", "demucs"),
        ("[health]\ncpp = { required = false }\nCOPY\n", "no step uses `cpp`", "cpp"),
        ("[tools.sox]\nCOPY\n", "no step uses `sox`", "sox"),
        ("[health]\ncp = { version = \"x\" }\nCOPY\n", "`version` must hold `{version}` once", "\"x\""),
        ("[health]\ncp = { least = \"v5\" }\nCOPY\n", "`v5` is no version", "\"v5\""),
        ("[health]\ncp = { probe = [] }\nCOPY\n", "`probe` names no program", "[]"),
        (
            "[tools.cp]\nfaults = [{ class = \"input\" }]\nCOPY\n",
            "this row matches every failure",
            "{ class = \"input\" }",
        ),
        ("[tools.cp]\nfaults = [{ exit = 1 }]\nCOPY\n", "this row has no `class`", "{ exit = 1 }"),
        ("[tools.cp]\nfaults = [{ exit = 1, class = \"bug\" }]\nCOPY\n", "`class` cannot be `bug`", "\"bug\""),
        ("[tools.cp]\nfaults = 1\nCOPY\n", "`faults` must be a list of tables", "1"),
    ]);
}

#[test]
fn names_that_a_tool_could_take_for_options() {
    let text = "[[step]]\nid = \"a\"\nrun = [\"echo\", \"{item.stem}\", \"x-{item.name}\", \"{item.path}\"]\n";
    each(&[(text, "an argument that begins with `{item.stem}` can be read as an option", "{item.stem}")]);
}

#[test]
fn patterns_of_a_step() {
    each_in_step(&[
        ("match = \"*.wav\"", "`match` must be a list of texts, not a text", "\"*.wav\""),
        ("match = []", "`match` names no file", "[]"),
        ("match = [\"[\"]", "`[` is no pattern: unclosed character class; missing ']'", "\"[\""),
        ("match = [\"a/*.wav\"]", "`a/*.wav` matches no file name", "\"a/*.wav\""),
    ]);
    each(&[(
        "COPY\n[[step]]\nid = \"t\"\nuses = \"collect\"\nmatch = [\"*\"]\n",
        "step `t` runs once over the whole batch, so there is no file name to match",
        "[\"*\"]",
    )]);
    // A stand-in for the files that do not match.
    assert_eq!(findings(&format!("{COPY}match = [\"*.wav\"]\nfallback = {{ file = \"x\" }}\n")), []);
}

#[test]
fn slips_of_syntax_are_told_all_at_once() {
    let found = findings("a b = 2\nc = = 3\nname = \"x\n");
    assert!(found.len() >= 3, "{found:?}");
}

#[test]
fn a_key_that_is_there_twice_hides_no_other_mistake() {
    each_of(
        &format!("{COPY}timeout = 1\ntimeout = 2\nsandbox = 3\n"),
        &["the key `timeout` is here for the second time", "`sandbox` must be `true` or `false`, not a whole number"],
    );
}

#[test]
fn every_error_of_a_file_is_told_at_once() {
    let text = r#"
nam = "x"
[retry]
jitter = 2
[[step]]
id = "in"
run = "cp a b"
[[step]]
id = "a"
run = ["cp", "{b.x}", "{zebra.x}"]
timeout = "soon"
out = { x = "../x" }
[[step]]
id = "b"
uses = "audio.covert"
after = ["a"]
"#;
    each_of(
        text,
        &[
            "unknown key `nam` in a pipeline",
            "`jitter` is out of range",
            "`in` cannot be the id of a step: placeholders use the word",
            "`run` must be a list of arguments, not one text",
            "steps wait for each other in a circle: a -> b -> a",
            "there is no step `zebra`",
            "`timeout` cannot be read: `soon` is no length of time",
            "output `x` would leave the item's folder",
            "there is no built-in step `audio.covert`",
        ],
    );
}

/// What is wrong with pieces, each at its place.
#[test]
fn mistakes_with_pieces_are_told_at_their_place() {
    let cut =
        "[[step]]\nid = \"cut\"\nrun = [\"cut\", \"{in}\"]\nout = { clips = \"clips/*.wav\", one = \"one.wav\" }\n";
    let each =
        |more: &str| format!("{cut}[[step]]\nid = \"a\"\neach = \"cut.clips\"\nrun = [\"a\", \"{{piece}}\"]\n{more}\n");
    let other = |more: &str| format!("{}[[step]]\nid = \"b\"\n{more}\n", each("out = { text = \"{piece.stem}.txt\" }"));
    let table = [
        (cut.to_owned() + "[[step]]\nid = \"a\"\neach = \"clips\"\nrun = [\"a\"]", "\"clips\"", "names no output"),
        (cut.to_owned() + "[[step]]\nid = \"a\"\neach = \"cat.clips\"\nrun = [\"a\"]", "\"cat.clips\"", "no step `cat`"),
        (cut.to_owned() + "[[step]]\nid = \"a\"\neach = \"cut.clip\"\nrun = [\"a\"]", "\"cut.clip\"", "no output `clip`"),
        (cut.to_owned() + "[[step]]\nid = \"a\"\neach = \"cut.one\"\nrun = [\"a\"]", "\"cut.one\"", "is one file"),
        (cut.to_owned() + "[[step]]\nid = \"a\"\neach = \"a.x\"\nrun = [\"a\"]", "\"a.x\"", "its own pieces"),
        (cut.to_owned() + "[[step]]\nid = \"a\"\nrun = [\"a\", \"{piece.stem}\"]", "{piece.stem}", "does not run for pieces"),
        (each("out = { text = \"a.txt\" }"), "\"a.txt\"", "every piece writes its output `text` to the same file"),
        (each("out = { text = \"{piece.path}.txt\" }"), "{piece.path}", "cannot be part of an output's name"),
        (each("env = { X = \"{piece.start}\" }"), "{piece.start}", "has no `start`"),
        (each("env = { X = \"{cut.clips}\" }"), "{cut.clips}", "is many files"),
        (each("out = { text = \"{piece.stem}.txt\" }\nfallback = { text = \"x\" }\noptional = true"), "fallback", "nothing stands in"),
        (other("run = [\"b\", \"{a.text}\"]"), "{a.text}", "makes a result for each piece of `cut.clips`"),
        (other("uses = \"collect\"\nwith = { columns = { x = \"{a.text}\" } }\nout = { table = \"t\" }"), "{a.text}", "each piece"),
        (other("run = [\"b\"]\neach = \"a.text\""), "\"a.text\"", "cannot be cut into pieces"),
        (other("run = [\"b\", \"{a.text|content}\"]\neach = \"cut.clips\""), "{a.text|content}", "makes no sense in `run`"),
        (cut.replace("\"clips/*.wav\"", "{ from = \"clips/*.wav\", to = \"x.wav\" }") + "[[step]]\nid = \"a\"\neach = \"cut.clips\"\nrun = [\"a\"]", "\"x.wav\"", "`to` names one"),
        ("[[step]]\nid = \"s\"\nuses = \"audio.slice\"\nout = { clips = \"clips/a.wav\" }\n".to_owned(), "\"clips/a.wav\"", "needs one `*`"),
        ("[[step]]\nid = \"s\"\nuses = \"audio.slice\"\nout = { clips = \"*/a.wav\" }\n".to_owned(), "\"*/a.wav\"", "needs one `*`"),
        ("[[step]]\nid = \"s\"\nuses = \"audio.slice\"\nout = { clips = \"*.wav\" }\n[[step]]\nid = \"a\"\neach = \"s.clips\"\nrun = [\"a\", \"{piece.start}\"]".to_owned(), "{piece.start}", "has no `start`"),
    ];
    for (text, place, message) in table {
        let found = findings(&text);
        let told = found.iter().find(|(told, _)| told.contains(message));
        let (_, at) = told.unwrap_or_else(|| panic!("{text}\n{found:?}"));
        assert_eq!(at, place, "{text}");
        assert_eq!(found.len(), 1, "{text}\n{found:?}");
    }
    let (plan, _) = good(&other("run = [\"b\", \"{a.text}\", \"{piece.index}\"]\neach = \"cut.clips\""));
    assert!(plan.steps[0].out["clips"].many && !plan.steps[0].out["one"].many);
    assert_eq!(plan.steps[2].each, plan.steps[1].each);
}
