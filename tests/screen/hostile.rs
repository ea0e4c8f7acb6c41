//! Names and logs that would command the terminal, and hands that press whatever there is.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::support::{Bench, Chance};
use crate::{Shown, go, run, stands, watch};

/// Keys of all kinds, but those that end or suspend the program.
const KEYS: &[&str] = &[
    "\x1b[A",
    "\x1b[B",
    "\x1b[C",
    "\x1b[D",
    "\x1b[5~",
    "\x1b[6~",
    "\x1b[H",
    "\x1b[F",
    "g",
    "G",
    "h",
    "j",
    "k",
    "l",
    "\r",
    "\x1b",
    "\x7f",
    "1",
    "2",
    "3",
    "4",
    "5",
    "\t",
    "\x1b[Z",
    "/",
    "n",
    "N",
    "s",
    "z",
    " ",
    "f",
    "w",
    "v",
    "t",
    "c",
    "r",
    "x",
    "y",
    "R",
    "p",
    "+",
    "-",
    ",",
    ".",
    "[",
    "]",
    "{",
    "}",
    "?",
    ":",
    "m",
    "\x0c",
    "y",
    "a",
    "0",
    "ß",
    "字",
    "\x1b[200~a\tb\nc\x1b[201~",
    "\x1b[<0;12;9M",
    "\x1b[<0;12;9m",
    "\x1b[<64;5;5M",
    "\x1b[<65;5;5M",
    "\x1b[<0;40;1M",
    "\x1b[I",
    "\x1b[O",
    "\x1b[999;999R",
    "\x1b]11;rgb:0000/0000/0000\x1b\\",
    "\x1b[?62;4c",
    "\x15",
    "\x04",
    "\x10",
    "\x00",
];

/// Presses so many keys, in sizes that change.
fn monkey(shown: &mut Shown, chance: &mut Chance, keys: usize) {
    for n in 0..keys {
        let key = KEYS[chance.below(KEYS.len() as u64) as usize];
        shown.press(key);
        if n % 40 == 0 {
            shown.resize(1 + chance.below(200) as u16, 1 + chance.below(60) as u16);
        }
        if n % 5 == 0 {
            let before = shown.bytes().len();
            shown.press("\x0c");
            // It still draws.
            shown.wait(&format!("a frame after {key:?}"), |session| session.bytes().len() > before);
        }
        assert!(!String::from_utf8_lossy(&shown.bytes()).contains("panicked"), "after {key:?}: {}", shown.text());
    }
    shown.resize(100, 30);
    for _ in 0..3 {
        shown.esc();
    }
}

#[test]
fn whatever_is_pressed_it_draws_and_can_be_ended() {
    let bench = Bench::new(&crate::GATED.replace("cp \\\"$1\\\"", "[ $0 != 003.txt ] && cp \\\"$1\\\""));
    bench.inputs(30);
    let mut chance = Chance(std::env::var("MEDIAMILL_MONKEY").ok().and_then(|seed| seed.parse().ok()).unwrap_or(5));
    let mut shown = run(&bench).showing("2 of 2 tasks");
    for n in 0..8 {
        go(&bench, &format!("{n:03}.txt"));
        monkey(&mut shown, &mut chance, 50);
    }
    shown.press("\x03");
    let code = shown.wait_for_exit();
    assert!([130, 0, 1, 5].contains(&code), "{code}");
    shown.assert_whole("all keys");
    shown.gone();
    bench.assert_clean();
    let mut record = watch(&bench).showing("event ");
    monkey(&mut record, &mut chance, 250);
    record.ends("\x03", 0);
}

#[test]
fn what_names_and_logs_say_is_shown_and_never_done() {
    let bench = Bench::new(&crate::GATED.replace(
        "while !",
        "printf '\\\\033]0;pwned by a log\\\\007\\\\033[2Jred \\\\033[31mtext\\\\033[?1049l\\\\n'; while !",
    ));
    let names: [&[u8]; 6] = [
        b"a\x1b]0;pwned\x07.txt",
        b"b\x1b[2J\x1b[?1049l\n.txt",
        b"c\xff\xfe-not-utf-8.txt",
        "d-\u{202e}txt.exe\u{2066}-bidi.txt".as_bytes(),
        "e-👩‍👩‍👧‍👦漢字がぎぐ.txt".as_bytes(),
        b"f-plain.txt",
    ];
    for name in names {
        bench.input(OsString::from_vec(name.to_vec()), "x");
    }
    let mut shown = run(&bench).size(120, 30).showing("2 of 2 tasks");
    for text in ["pwned", "not-utf-8.txt", "-bidi.txt", "漢字がぎぐ.txt", "f-plain.txt"] {
        shown.wait_for(text);
    }
    shown.press("j\r");
    shown.wait_for("log of work");
    shown.wait_for("pwned by a log");
    for key in ["\r", "5", "1"] {
        shown.press(key);
    }
    shown.wait_for("2 of 2 tasks");
    let rows = shown.lines().iter().filter(|line| line.contains(".txt")).count();
    assert_eq!(rows, 6, "each row is one row:\n{}", shown.text());
    go(&bench, "");
    stands(&bench, "all are done", |state| state.counts.done == 6);
    shown.wait_for("finished");
    let bytes = shown.bytes();
    let text = String::from_utf8_lossy(&bytes);
    for done in ["\x1b]0;", "\x07", "\x1b[?1049l", "\u{202e}", "\u{2066}"] {
        assert!(!text.contains(done), "{done:?} reached the terminal");
    }
    shown.ends("q", 0);
}
