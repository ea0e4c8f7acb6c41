//! `[generate]`: what a file may say, and what it is told where it may not.

use super::{findings, good};
use crate::pipeline::generate::{LineOrder, Recipe};

/// A step that reads these placeholders.
fn step(reads: &str) -> String {
    format!(
        "[[step]]\nid = \"draw\"\nrun = [\"draw\", \"-\", \"{reads}\", \"{{out}}\"]\nout = {{ png = \"{{item.stem}}.png\" }}\n"
    )
}

/// Asserts for each text that its only finding has this message, and points at this text.
fn each(table: &[(&str, &str, &str, &str)]) {
    for (section, reads, message, place) in table {
        let text = format!("{section}\n{}", step(reads));
        assert_eq!(findings(&text), [((*message).to_owned(), (*place).to_owned())], "\n{text}");
    }
}

/// As [`each`], for the values of a good section.
fn each_value(table: &[(&str, &str, &str)]) {
    for (value, message, place) in table {
        each(&[(&format!("[generate]\ncount = 3\n[generate.values]\n{value}\n"), "{item.index}", message, place)]);
    }
}

#[test]
fn a_whole_section_is_read() {
    let (plan, found) = good(&format!(
        "[generate]\ncount = 30_000\nseed = 7\n[generate.values]\nsize = {{ from = 24, to = 48 }}\n\
         text = {{ lines = \"texts.txt\" }}\nnoise = 0\nrow = {{ words = \"corpus.txt\", from = 2, to = 6 }}\n\
         [[generate.specs]]\nname = \"noisy\"\nshare = 0.4\nvalues.noise = {{ from = 2, to = 8.5 }}\n\
         [[generate.specs]]\nname = \"clean\"\nshare = 0.6\nvalues.text = {{ lines = \"clean.txt\", order = \"cycle\" }}\n{}",
        step("{item.size} {item.text} {item.noise} {item.row} {item.spec} {item.seed} {item.name}"),
    ));
    assert!(found.is_empty(), "{}", found.to_text(false));
    let generate = plan.generate.unwrap();
    assert_eq!((generate.count, generate.seed), (30_000, Some(7)));
    let [clean, noisy] = generate.specs.as_slice() else { panic!("{generate:?}") };
    assert_eq!((clean.name.as_str(), noisy.name.as_str()), ("clean", "noisy"));
    assert_eq!(clean.weight * 4, noisy.weight * 6);
    assert_eq!(noisy.values["noise"], Recipe::Number { from: 2.0, to: 8.5 });
    assert_eq!(clean.values["noise"], Recipe::Fixed(0.into()));
    assert_eq!(clean.values["size"], Recipe::Whole { from: 24, to: 48 });
    assert_eq!(clean.values["text"], Recipe::Lines { path: "clean.txt".into(), order: LineOrder::CycleOfSpec });
    assert_eq!(noisy.values["text"], Recipe::Lines { path: "texts.txt".into(), order: LineOrder::Random });
}

#[test]
fn a_section_that_says_too_little_or_too_much() {
    let index = "{item.index}";
    each(&[
        ("[generate]\nseed = 1", index, "`[generate]` has no `count`", "generate"),
        ("[generate]\ncount = 0", index, "`count` is out of range", "0"),
        ("[generate]\ncount = 3\nseed = -1", index, "`seed` is out of range", "-1"),
        ("[generate]\ncount = 3\nsede = 1", index, "unknown key `sede` in `[generate]`", "sede"),
        ("[generate]\ncount = 3\nspecs = 1", index, "`specs` must be a list of tables", "1"),
        (
            "[generate]\ncount = 3\n[input]\npaths = [\"x\"]",
            index,
            "a pipeline makes its items with `[generate]` or finds them with `[input]`, not both",
            "input",
        ),
        ("[generate]\ncount = 3\nspecs = [{ share = 1 }]", index, "this spec has no `name`", "{ share = 1 }"),
        ("[generate]\ncount = 3\nspecs = [{ name = \"a\" }]", index, "this spec has no `share`", "{ name = \"a\" }"),
        ("[generate]\ncount = 3\nspecs = [{ name = \"a\", share = 0 }]", index, "`share` is out of range", "0"),
        (
            "[generate]\ncount = 3\nspecs = [{ name = \"a b\", share = 1 }]",
            index,
            "`a b` cannot be the name of a spec",
            "\"a b\"",
        ),
        (
            "[generate]\ncount = 3\nspecs = [{ name = \"a\", share = 1 }, { name = 'a', share = 1 }]",
            index,
            "two specs are called `a`",
            "'a'",
        ),
    ]);
}

#[test]
fn values_that_cannot_be_made() {
    each_value(&[
        ("a = [1, 2]", "`a` must be one value, not a list", "[1, 2]"),
        ("a = { form = 1 }", "`a` does not say how it is made", "{ form = 1 }"),
        ("a = { from = 1 }", "`a` has no `to`", "{ from = 1 }"),
        ("a = { to = 1 }", "`a` has no `from`", "{ to = 1 }"),
        ("a = { from = 3, to = 2 }", "`to` of `a` is less than its `from`", "2"),
        ("a = { from = 0.5, to = 0.25 }", "`to` of `a` is less than its `from`", "0.25"),
        ("a = { from = 1, to = \"9\" }", "`to` must be a number, not a text", "\"9\""),
        ("a = { from = 1, to = 9, order = 1 }", "unknown key `order` in `a`", "order"),
        ("a = { one_of = [] }", "`a` has nothing to choose from", "one_of"),
        ("a = { one_of = \"x\" }", "`one_of` must be a list, not a text", "\"x\""),
        ("a = { one_of = [[1]] }", "`a` must be texts, numbers, or true and false, not a list", "[1]"),
        ("a = { lines = \"\" }", "`lines` names no file", "\"\""),
        ("a = { lines = \"~/x\" }", "`~` does not stand for your home here", "~"),
        ("a = { lines = \"x\", order = \"cicle\" }", "`order` cannot be `cicle`", "\"cicle\""),
        ("a = { words = \"x\", from = 0, to = 3 }", "`from` is out of range", "0"),
        ("a = { words = \"x\", from = 2 }", "`a` has no `to`", "{ words = \"x\", from = 2 }"),
        ("a = { template = \"{item.b}\" }", "a generated item has no `b`", "{item.b}"),
        (
            "a = { template = \"{item.spec}\" }",
            "the items of this pipeline have no `spec`: none is written",
            "{item.spec}",
        ),
        ("a = { template = \"{item.path}\" }", "a generated item has no `path`: there is no file", "{item.path}"),
        ("a = { template = \"{draw.png}\" }", "`{draw.png}` makes no sense in the value `a`", "{draw.png}"),
        ("a = { template = \"{item.a}\" }", "the value `a` needs itself", "a"),
        ("a.template = \"{item.b}\"\nb.template = \"{item.a}\"", "the value `a` needs itself", "a"),
        ("index = 1", "`index` is taken: every item has a `{item.index}`", "index"),
        ("stem = 1", "`stem` is taken: every item has a `{item.stem}`", "stem"),
        ("\"a b\" = 1", "`a b` cannot be the name of a value", "\"a b\""),
    ]);
}

#[test]
fn steps_that_ask_of_an_item_what_it_has_not() {
    let section = "[generate]\ncount = 3\nvalues.size = 1";
    let specs = "[generate]\ncount = 3\nspecs = [{ name = \"a\", share = 1, values = { own = 1 } }, { name = \"b\", share = 1 }]";
    each(&[
        (section, "{item.size} {item.sise}", "a generated item has no `sise`", "{item.sise}"),
        (section, "{item.size} {item.path}", "a generated item has no `path`: there is no file", "{item.path}"),
        (section, "{item.size} {item.ext}", "a generated item has no `ext`: there is no file", "{item.ext}"),
        (section, "{item.size} {in}", "`{in}` is the item's file, and a generated item has none", "{in}"),
        (
            section,
            "{item.size} {item.spec}",
            "the items of this pipeline have no `spec`: none is written",
            "{item.spec}",
        ),
        (specs, "{item.own}", "items of the spec `b` have no `own`", "{item.own}"),
        (section, "{item.stem}", "nothing reads the value `size`", "size"),
        ("", "{in} {item.index}", "an item has no `index`", "{item.index}"),
        ("", "{in} {item.stam}", "an item has no `stam`", "{item.stam}"),
    ]);
    let whole = |lines: &str| format!("[generate]\ncount = 3\n{lines}\n");
    let table = [
        (
            "[[step]]\nid = \"a\"\nuses = \"audio.analyze\"",
            "`audio.analyze` reads a file, and a generated item has none",
            "\"audio.analyze\"",
        ),
        ("[[step]]\nid = \"a\"\nrun = [\"date\"]", "step `a` does the same for every item", "run"),
        (
            "[[step]]\nid = \"a\"\nuses = \"noop\"\nmatch = [\"*.wav\"]",
            "step `a` is for files of some names, and a generated item has no file",
            "[\"*.wav\"]",
        ),
        (
            "[output]\ndir = \"out/{item.dir}\"\n[[step]]\nid = \"a\"\nuses = \"noop\"",
            "a generated item has no `dir`: there is no file",
            "{item.dir}",
        ),
        (
            "[output]\ndir = \"out/{item.sice}\"\n[[step]]\nid = \"a\"\nuses = \"noop\"",
            "a generated item has no `sice`",
            "{item.sice}",
        ),
        (
            "[[step]]\nid = \"t\"\nuses = \"collect\"\nout.table = \"t\"\nwith.columns = { a = \"{item.path}\" }",
            "a generated item has no `path`: there is no file",
            "{item.path}",
        ),
    ];
    for (lines, message, place) in table {
        let text = whole(lines);
        assert_eq!(findings(&text), [(message.to_owned(), place.to_owned())], "\n{text}");
    }
}

#[test]
fn steps_may_read_what_others_make_and_pieces_of_it() {
    let text = "[generate]\ncount = 3\n[[step]]\nid = \"a\"\nrun = [\"x\", \"{item.index}\", \"{out}\"]\nout.wav = \"a.wav\"\n\
                [[step]]\nid = \"b\"\nuses = \"audio.analyze\"\nin = \"{a.wav}\"\n\
                [[step]]\nid = \"c\"\nuses = \"audio.slice\"\nin = \"{a.wav}\"\nout.clips = \"clips/*.wav\"\n\
                [[step]]\nid = \"d\"\neach = \"c.clips\"\nuses = \"audio.analyze\"\n";
    let (_, found) = good(text);
    assert!(found.is_empty(), "{}", found.to_text(false));
}

#[test]
fn a_text_with_braces_that_nobody_fills_and_an_argument_that_may_be_an_option_are_warned_of() {
    each(&[(
        "[generate]\ncount = 3\nvalues.title = \"No. {item.index}\"",
        "x{item.title}",
        "`title` is the same text for every item, braces and all",
        "\"No. {item.index}\"",
    )]);
    let section = "[generate]\ncount = 3\nvalues.text = { lines = \"x\" }";
    each(&[(
        section,
        "{item.text}",
        "an argument that begins with `{item.text}` can be read as an option",
        "{item.text}",
    )]);
    let (_, found) = good(&format!("{section}\n{}", step("label:{item.text}")));
    assert!(found.is_empty(), "{}", found.to_text(false));
}
