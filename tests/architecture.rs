//! The direction of imports, as the table in `src/lib.rs` tells it: a room imports those below it, and no circle is made.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms from the roof down. `main` stands above them all.
const ROOMS: &[&str] = &[
    "main",
    "cli",
    "tui",
    "report",
    "engine",
    "steps",
    "health",
    "events",
    "pipeline",
    "resources",
    "resilience",
    "media",
];

/// Front ends. They do not see each other.
const FRONT_ENDS: &[&str] = &["tui", "report"];

/// Rooms that know nothing but themselves.
const ALONE: &[&str] = &["resilience", "media"];

/// Circles among the files of a room that are there and ought not to be: a module and who closes the circle by importing
/// whom. Nothing is to be added here, and what is cured must be taken away.
const CIRCLES: &[(&str, &str, &str)] = &[
    ("engine", "attempt", "slot"),
    ("health", "classify", "canary"),
    ("media", "opening", "decode"),
    ("media", "mpeg", "sniff"),
];

/// No file is longer, tests within it and all.
const MOST_LINES: usize = 600;

/// A file of `src/`.
struct Source {
    /// From the root of the repository, for messages.
    shown: String,
    /// Its module: `["engine", "attempt"]`; `["main"]` for the program.
    module: Vec<String>,
    lines: usize,
    /// Its code: comments, texts and what is `#[cfg(test)]` are blank, and every line is in its place.
    code: String,
}

/// A path into the crate, from its root, and the line it stands in.
#[derive(Debug, PartialEq, Eq)]
struct Import {
    line: usize,
    path: Vec<String>,
}

#[test]
fn a_room_imports_only_the_rooms_below_it() {
    let height = |room: &str| ROOMS.iter().rev().position(|name| *name == room);
    let mut wrong = Vec::new();
    for source in sources() {
        let room = source.module.first().unwrap();
        let Some(own) = height(room) else {
            wrong.push(format!("{}: the room `{room}` has no place in the table of src/lib.rs and here", source.shown));
            continue;
        };
        for Import { line, path } in source.imports() {
            let Some(other) = path.first().filter(|other| *other != room) else { continue };
            let place = format!("{}:{line}: `{room}` imports crate::{}", source.shown, path.join("::"));
            match height(other) {
                Some(_) if ALONE.contains(&room.as_str()) => {
                    wrong.push(format!("{place}, but knows nothing but itself"))
                }
                Some(_) if FRONT_ENDS.contains(&room.as_str()) && FRONT_ENDS.contains(&other.as_str()) => {
                    wrong.push(format!("{place}, and front ends do not see each other"))
                }
                Some(other) if other > own => wrong.push(format!("{place}, which stands above it")),
                // What is no room is an item of the crate's root, and there is none.
                None => wrong.push(format!("{place}, and there is no such room")),
                Some(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "imports that run upwards:\n{}", wrong.join("\n"));
}

#[test]
fn no_circle_among_the_files_of_a_room() {
    let sources = sources();
    let modules: BTreeSet<Vec<String>> = sources.iter().map(|source| source.module.clone()).collect();
    // By the module that they are in: which sibling imports which, and one place that says so.
    let mut families: BTreeMap<Vec<String>, BTreeMap<(String, String), String>> = BTreeMap::new();
    for source in &sources {
        for Import { line, path } in source.imports() {
            let shared = source.module.iter().zip(&path).take_while(|(own, other)| own == other).count();
            let (Some(own), Some(other)) = (source.module.get(shared), path.get(shared)) else { continue };
            let family = path[..shared].to_vec();
            if !modules.contains(&path[..=shared]) {
                continue;
            }
            let place = format!("{}:{line}", source.shown);
            families.entry(family).or_default().entry((own.clone(), other.clone())).or_insert(place);
        }
    }
    let mut circles = Vec::new();
    for (family, own, other) in CIRCLES {
        let edges = families.entry(family.split("::").map(str::to_owned).collect()).or_default();
        if edges.remove(&((*own).to_owned(), (*other).to_owned())).is_none() {
            circles.push(format!("in `{family}`, `{own}` no longer imports `{other}`: take the circle off the list"));
        }
    }
    for (family, edges) in &families {
        let reaches = |from: &str, to: &str| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
            while let Some(module) = next.pop() {
                if module == to {
                    return true;
                }
                if seen.insert(module.clone()) {
                    next.extend(edges.keys().filter(|(own, _)| *own == module).map(|(_, other)| other.clone()));
                }
            }
            false
        };
        for ((own, other), place) in edges {
            if reaches(other, own) {
                let room = family.join("::");
                circles.push(format!("{place}: in `{room}`, `{own}` imports `{other}`, which reaches back to it"));
            }
        }
    }
    assert!(circles.is_empty(), "files that import each other in a circle:\n{}", circles.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|source| source.lines > MOST_LINES)
        .map(|source| format!("{}: {} lines", source.shown, source.lines))
        .collect();
    assert!(long.is_empty(), "files above {MOST_LINES} lines:\n{}", long.join("\n"));
}

#[test]
fn only_front_ends_print_and_exit() {
    const WORDS: &[&str] =
        &["println!", "eprintln!", "print!", "eprint!", "dbg!", "process::exit", "io::stdout", "io::stderr"];
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !["cli", "main"].contains(&source.module[0].as_str())) {
        for (place, line) in source.code.lines().enumerate() {
            for word in WORDS {
                let begins = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
                if line.match_indices(word).any(|(at, _)| begins(at)) {
                    wrong.push(format!("{}:{}: {word}", source.shown, place + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "printing and exiting is for front ends:\n{}", wrong.join("\n"));
}

#[test]
fn the_table_of_the_crate_names_the_rooms_in_this_order() {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let rows: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("//! | [`")).filter_map(|row| row.split('`').next()).collect();
    assert_eq!(rows, ROOMS[1..]);
}

impl Source {
    fn imports(&self) -> Vec<Import> {
        let mut found = Vec::new();
        let words = words(&self.code);
        for (at, (line, word)) in words.iter().enumerate() {
            // Only where a path begins: not at the `super` in the middle of `super::super`.
            if at > 0 && words[at - 1].1 == "::" || words.get(at + 1).is_none_or(|(_, next)| *next != "::") {
                continue;
            }
            let base = match *word {
                "crate" | "mediamill" => Vec::new(),
                "self" => self.module.clone(),
                "super" => self.module[..self.module.len() - 1].to_vec(),
                _ => continue,
            };
            let mut paths = Vec::new();
            tree(&words, &mut (at + 2), base, &mut paths);
            found.extend(paths.into_iter().map(|path| Import { line: *line, path }));
        }
        found
    }
}

/// Reads the rest of a path from the word at `at`: `a::{b, c::d}` gives two.
fn tree(words: &[(usize, &str)], at: &mut usize, mut base: Vec<String>, found: &mut Vec<Vec<String>>) {
    while let Some((_, word)) = words.get(*at) {
        match *word {
            "{" => {
                *at += 1;
                while words.get(*at).is_some_and(|(_, word)| *word != "}") {
                    let before = *at;
                    tree(words, at, base.clone(), found);
                    if words.get(*at).is_some_and(|(_, word)| *word == "as") {
                        *at += 2;
                    }
                    if words.get(*at).is_some_and(|(_, word)| *word == ",") || *at == before {
                        *at += 1;
                    }
                }
                *at += 1;
                return;
            }
            "super" => {
                base.pop();
            }
            "self" => {}
            word if word.starts_with(|c: char| c.is_alphabetic() || c == '_') => base.push(word.to_owned()),
            "*" => {
                *at += 1;
                break;
            }
            _ => break,
        }
        *at += 1;
        if words.get(*at).is_none_or(|(_, word)| *word != "::") {
            break;
        }
        *at += 1;
    }
    found.push(base);
}

/// The names and signs of some code, each with its line. `::` is one sign.
fn words(code: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    for (line, text) in code.lines().enumerate() {
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let is_name = |c: char| c.is_alphanumeric() || c == '_';
            let length = if is_name(first) {
                rest.find(|c| !is_name(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            let (word, tail) = rest.split_at(length);
            if !first.is_whitespace() {
                words.push((line + 1, word));
            }
            rest = tail;
        }
    }
    words
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of `src/` but those that are tests as a whole.
fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    list(&root().join("src"), &mut files);
    files.sort();
    files.iter().filter_map(|file| source(file)).collect()
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn source(file: &Path) -> Option<Source> {
    let below = file.strip_prefix(root().join("src")).unwrap().with_extension("");
    let mut module: Vec<String> = below.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if module.iter().any(|part| part == "tests") || module == ["lib"] {
        return None;
    }
    if module.last().is_some_and(|name| name == "mod") {
        module.pop();
    }
    let text = fs::read_to_string(file).unwrap();
    let code = without_tests(&blank(&text));
    let shown = file.strip_prefix(root()).unwrap().display().to_string();
    Some(Source { shown, module, lines: text.lines().count(), code })
}

/// The text with comments and literals blank. Lines stay in their places.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match &bytes[at..] {
            [b'/', b'/', ..] => at + bytes[at..].iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len() - at),
            [b'/', b'*', ..] => text[at..].find("*/").map_or(bytes.len(), |found| at + found + 2),
            [b'r', b'"' | b'#', ..] if at == 0 || !bytes[at - 1].is_ascii_alphanumeric() && bytes[at - 1] != b'_' => {
                let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
                if bytes.get(at + 1 + hashes) == Some(&b'"') {
                    let close = format!("\"{}", "#".repeat(hashes));
                    let from = at + 2 + hashes;
                    text[from..].find(&close).map_or(bytes.len(), |found| from + found + close.len())
                } else {
                    at + 1
                }
            }
            [b'"', ..] => quoted(bytes, at, b'"'),
            // A lifetime has no second quote two or three places on.
            [b'\'', b'\\', ..] => quoted(bytes, at, b'\''),
            [b'\'', ..] => {
                let length = text[at + 1..].chars().next().map_or(1, char::len_utf8);
                if bytes.get(at + 1 + length) == Some(&b'\'') { at + 2 + length } else { at + 1 }
            }
            _ => at + 1,
        };
        if end > at + 1 {
            code[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        }
        at = end;
    }
    String::from_utf8(code).unwrap()
}

fn quoted(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// The code with every item under `#[cfg(test)]` blank.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut code = code.to_owned();
    while let Some(start) = code.find(MARK) {
        let mut depth = 0_u32;
        let length = code[start + MARK.len()..].bytes().position(|byte| {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            depth == 0 && matches!(byte, b'}' | b';')
        });
        let end = length.map_or(code.len(), |length| start + MARK.len() + length + 1);
        let gone: String = code[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        code.replace_range(start..end, &gone);
    }
    code
}

#[test]
fn this_test_reads_imports_as_the_compiler_does() {
    let text = r##"
//! use crate::cli::x;
use crate::{media::{a, b as c}, health::*};
pub(in crate::pipeline) fn f(x: super::super::events::E<'a>) -> crate::steps::S { "crate::cli::y"; '"'; self::g() }
use super::Sibling as _; /* crate::cli */ const R: &str = r#"crate::cli::z"#;
#[cfg(test)]
mod tests { use crate::cli::q; fn t() {} }
use crate::report;
"##;
    let source = Source {
        shown: String::new(),
        module: vec!["engine".into(), "attempt".into()],
        lines: 0,
        code: without_tests(&blank(text)),
    };
    let found: Vec<(usize, String)> =
        source.imports().into_iter().map(|import| (import.line, import.path.join("::"))).collect();
    let wanted = [
        (3, "media::a"),
        (3, "media::b"),
        (3, "health"),
        (4, "pipeline"),
        (4, "events::E"),
        (4, "steps::S"),
        (4, "engine::attempt::g"),
        (5, "engine::Sibling"),
        (8, "report"),
    ];
    assert_eq!(found, wanted.map(|(line, path)| (line, path.to_owned())));
}
