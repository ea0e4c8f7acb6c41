//! Findings as the reader sees them, letter for letter.

use super::check;

/// What is shown for `text`, after a line feed, so that what is expected can begin on a line of its own.
fn shown(text: &str) -> String {
    format!("\n{}", check(text).1.to_text(false))
}

fn step(lines: &str) -> String {
    format!("[[step]]\nid = \"copy\"\nrun = [\"cp\", \"{{in}}\", \"{{out}}\"]\nout = {{ file = \"a\" }}\n{lines}\n")
}

#[test]
fn an_unknown_key() {
    let expected = r#"
error: unknown key `tiemout` in a step
 --> songs.toml:5:1
  |
5 | tiemout = 3
  | ^^^^^^^
  |
  = help: did you mean `timeout`?

"#;
    assert_eq!(shown(&step("tiemout = 3")), expected);
}

#[test]
fn a_shell_command() {
    let expected = r#"
error: `run` must be a list of arguments, not one text
 --> songs.toml:3:7
  |
3 | run = "cp -v 'a b' {in}"
  |       ^^^^^^^^^^^^^^^^^^
  |
  = note: no shell runs it, so that no file name can be a command
  = help: write it as a list: run = ["cp", "-v", "a b", "{in}"]

"#;
    assert_eq!(shown("[[step]]\nid = \"copy\"\nrun = \"cp -v 'a b' {in}\"\n"), expected);
}

#[test]
fn a_placeholder_in_the_middle_of_a_text() {
    let expected = r#"
error: `é` cannot be the id of a step
 --> songs.toml:2:6
  |
2 | id = "é"
  |      ^^^
  |
  = help: it holds letters, digits, `-` and `_`, begins with a letter or digit, and has at most 64 of them

error: unknown key `id2` in a step
 --> songs.toml:3:1
  |
3 | id2 = 1
  | ^^^
  |
  = help: did you mean `id`?

error: an item has no `stam`
 --> songs.toml:4:17
  |
4 | run = ["cp", "é-{item.stam}.wav"]
  |                 ^^^^^^^^^^^
  |
  = help: did you mean `{item.stem}`?

"#;
    assert_eq!(shown("[[step]]\nid = \"é\"\nid2 = 1\nrun = [\"cp\", \"é-{item.stam}.wav\"]\n"), expected);
}

#[test]
fn a_circle() {
    let text = "\
[[step]]
id = \"a\"
run = [\"cp\", \"{b.f}\"]
out = { f = \"a\" }
[[step]]
id = \"b\"
run = [\"cp\"]
after = [\"a\"]
out = { f = \"b\" }
";
    let expected = r#"
error: steps wait for each other in a circle: a -> b -> a
 --> songs.toml:3:15
  |
3 | run = ["cp", "{b.f}"]
  |               ^^^^^ waits for `b`
  |
  = note: `a` waits for `b` in line 3
  = note: `b` waits for `a` in line 8
  = help: a step can only read what is made before it: break the circle at one of these places

"#;
    assert_eq!(shown(text), expected);
}

#[test]
fn a_step_of_that_name_exists_already() {
    let expected = r#"
error: two steps have the id `copy`
 --> songs.toml:6:6
  |
6 | id = "copy"
  |      ^^^^^^ the second
  |
  = note: the first is in line 2
  = help: give this one another id

"#;
    assert_eq!(shown(&step("[[step]]\nid = \"copy\"\nrun = [\"cp\"]")), expected);
}

#[test]
fn an_output_that_leaves_its_folder() {
    let expected = r#"
error: output `x` would leave the item's folder
 --> songs.toml:4:13
  |
4 | out = { x = "../x" }
  |             ^^^^^^ `..` leaves the item's folder
  |
  = help: outputs go below `[output] dir`; set that to put them elsewhere

"#;
    assert_eq!(shown("[[step]]\nid = \"a\"\nrun = [\"cp\"]\nout = { x = \"../x\" }\n"), expected);
}

#[test]
fn a_file_without_a_step() {
    let expected = r#"
error: this pipeline has no step
--> songs.toml
 = help: begin one with a line `[[step]]`; `mediamill init` writes a pipeline from a command

"#;
    assert_eq!(shown("name = \"x\"\n"), expected);
}

#[test]
fn a_slip_of_syntax() {
    let expected = r#"
error: text stands in quotes
 --> songs.toml:1:8
  |
1 | name = songs
  |        ^^^^^
  |
  = help: write "songs"

"#;
    assert_eq!(shown("name = songs\n"), expected);
}
