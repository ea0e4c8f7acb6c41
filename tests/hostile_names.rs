//! Whatever a file is called, and whatever is in it: it is worked on, or refused with its name and a reason, and no other
//! item suffers.
//!
//! `MEDIAMILL_SPOILED=1000` spoils each sound and picture in so many ways (6 without it).

mod support;

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use mediamill::resilience::FaultClass;
use mediamill::resilience::checkpoint::ItemState;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use support::{Bench, Chance, PATIENCE, fixture, installed, is_root, skip, until};

const COPY: &str = r#"
name = "names"
[output]
dir = "out"
[[step]]
id = "tool"
run = ["TOOL", "copy", "{in}", "{out}"]
out = { text = "{item.name}.a" }
[[step]]
id = "shell"
run = ["/bin/sh", "-c", "cat -- \"$1\" > \"$2\"", "sh", "{tool.text}", "{out.text}"]
out = { text = "{item.name}.b" }
[[step]]
id = "builtin"
uses = "file.copy"
in = "{shell.text}"
out = { copy = "{item.name}.c" }
"#;

fn hostile() -> Vec<OsString> {
    let mut names: Vec<OsString> = [
        " space in front.txt",
        "space behind.txt ",
        "new\nline.txt",
        "tab\t.txt",
        "return\r.txt",
        "-rf",
        "-i.txt",
        "--",
        "--help",
        "-",
        "🎵 song.txt",
        "caf\u{e9}.txt",
        "cafe\u{301}.txt",
        "\u{202e}txt.evil",
        "|touch BENCH-pwned",
        "@x.txt",
        "%03d.txt",
        "%s%n.txt",
        "a:b.txt",
        "http:x.txt",
        "file:x.txt",
        "msl:x.txt",
        "concat:a|b.txt",
        "$(touch BENCH-pwned).txt",
        "`touch BENCH-pwned`.txt",
        ";touch BENCH-pwned;.txt",
        "&& touch BENCH-pwned",
        "it's \"quoted\".txt",
        "[x]*?.txt",
        "[0-9]",
        "*",
        "?",
        "{item.name}.txt",
        "{scratch}",
        "{{",
        "}",
        "\\back\\.txt",
        "\u{1b}]0;evil\u{7}.txt",
        "\u{1b}[2J",
        "...txt",
        ".hidden",
        "case.txt",
        "CASE.TXT",
        "~",
        "~root",
        "#",
        "%",
        "=",
        "a=b",
        "con",
        "nul.txt",
        "lock",
        "ledger",
        "_batch",
    ]
    .iter()
    .map(Into::into)
    .collect();
    names.push("n".repeat(250).into());
    names.push("é".repeat(125).into());
    names.push(OsString::from_vec(b"latin caf\xe9.txt".to_vec()));
    names.push(OsString::from_vec(b"\xff\xfe\x80".to_vec()));
    names.push(OsString::from_vec([b"\xf0\x9f".repeat(100), b".txt".to_vec()].concat()));
    names
}

fn with(name: &OsStr, end: &str) -> PathBuf {
    let mut name = name.to_os_string();
    name.push(end);
    name.into()
}

#[test]
fn every_name_is_worked_on_and_comes_back_byte_for_byte() {
    let bench = Bench::new(COPY);
    let names = hostile();
    for name in &names {
        bench.input(name, name.as_bytes());
    }
    let each = || names.iter().map(|name| bench.path("in").join(name));
    bench.run().over(each()).expect(0);
    let outputs = bench.outputs();
    assert_eq!(outputs.len(), 3 * names.len());
    let checkpoints = bench.checkpoints();
    let listed = bench.journal().names();
    for name in &names {
        let content = [b"copy of ", name.as_bytes()].concat();
        for end in [".a", ".b", ".c"] {
            assert_eq!(outputs.get(&with(name, end)), Some(&content), "{name:?}");
        }
        let checkpoint = checkpoints.get(name).unwrap_or_else(|| panic!("{name:?} has no checkpoint"));
        assert_eq!(checkpoint.source.path.as_path(), bench.path("in").join(name));
        let artifact = &checkpoint.steps["builtin"].artifacts["copy"];
        assert_eq!(artifact.path.as_path(), bench.path("out").join(with(name, ".c")));
        assert!(listed.contains(name), "{name:?} is not in the journal");
    }
    let mut pwned = Vec::new();
    support::files_below(&bench.path(""), &mut |path| {
        if path.file_name().is_some_and(|name| name.as_bytes().ends_with(b"pwned")) {
            pwned.push(path.to_path_buf());
        }
    });
    pwned.retain(|path| path.parent() != Some(&bench.path("in")));
    assert!(pwned.is_empty(), "a name was run as a command: {pwned:?}");
    bench.assert_clean();

    // The same files from their folder, which keeps hidden ones to itself, and from a list.
    bench.run().expect(0);
    let hidden = names.iter().filter(|name| name.as_bytes().starts_with(b".")).count();
    assert_eq!(bench.journal().counts().map(|counts| counts.up_to_date), Some((names.len() - hidden) as u32));
    let list: Vec<u8> =
        names.iter().flat_map(|name| [bench.path("in").join(name).as_os_str().as_bytes(), b"\0"].concat()).collect();
    std::fs::write(bench.path("list"), list).unwrap_or_default();
    bench.run().over::<[&str; 0]>([]).args(["--files-from".into(), bench.path("list")]).expect(0);
    assert_eq!(bench.journal().counts().map(|counts| counts.up_to_date), Some(names.len() as u32));
}

#[test]
fn names_that_begin_with_a_dash_can_be_given_as_they_are() {
    let bench = Bench::new(COPY);
    bench.input("-x.txt", "x");
    // As a person does it: in the folder, by its bare name.
    let ended = bench.run().over(["in/-x.txt"]).expect(0);
    assert!(ended.stderr.is_empty(), "{}", ended.stderr);
    assert_eq!(bench.outputs().len(), 3);
}

#[test]
fn no_escape_of_a_name_reaches_the_terminal() {
    let bench = Bench::new(&COPY.replace("{item.name}.a", "{item.stem}.a"));
    for name in ["\u{1b}]52;c;x\u{7}\u{202e}.txt", "\u{1b}]52;c;x\u{7}\u{202e}.wav"] {
        bench.input(name, name);
    }
    let ended = bench.run().expect(2);
    assert!(ended.stderr.contains("would both write"), "{}", ended.stderr);
    for bad in ['\u{1b}', '\u{7}', '\u{202e}'] {
        assert!(!ended.stderr.contains(bad) && !ended.stdout.contains(bad), "{:?}", ended.stderr);
    }
}

#[test]
fn real_tools_take_the_name_for_a_file_whatever_it_looks_like() {
    for (tool, run) in [
        ("ffmpeg", r#"["ffmpeg", "-nostdin", "-v", "error", "-i", "{in}", "-t", "0.05", "{out}"]"#),
        ("sox", r#"["sox", "{in}", "{out}", "trim", "0", "0.05"]"#),
    ] {
        if !installed(tool) {
            skip(&format!("{tool} is not installed"));
            continue;
        }
        let bench = Bench::new(&format!(
            "name = \"real\"\n[output]\ndir = \"out\"\n[[step]]\nid = \"convert\"\nrun = {run}\nout = {{ sound = \"{{item.stem}}.made.wav\" }}\n"
        ));
        let sound = std::fs::read(fixture("speech-1.wav")).unwrap_or_default();
        let names = [
            "-i",
            "|touch pwned",
            "a:b",
            "%03d",
            "@x",
            "http:",
            "file:x",
            "[0]",
            "*",
            "$(touch pwned)",
            "--",
            "\u{1b}[2J",
        ];
        for name in names {
            bench.input(format!("{name}.wav"), &sound);
        }
        bench.input(OsString::from_vec(b"caf\xe9.wav".to_vec()), &sound);
        let ended = bench.run().end();
        assert_eq!(ended.code(), Some(0), "{tool}: {:?}", bench.journal().faults());
        assert_eq!(bench.outputs().len(), names.len() + 1);
        assert!(!bench.path("pwned").exists());
    }
}

#[test]
fn what_is_no_readable_file_is_refused_with_a_reason_and_its_neighbours_are_done() {
    let bench = Bench::new(COPY);
    bench.input("good.txt", "good");
    let unreadable = bench.path("in").join("unreadable.txt");
    if is_root() {
        // Root reads whatever its mode says; this cannot be read by anyone.
        assert!(symlink("/proc/self/mem", &unreadable).is_ok());
    } else {
        bench.input("unreadable.txt", "secret");
        let nothing = std::os::unix::fs::PermissionsExt::from_mode(0o000);
        assert!(std::fs::set_permissions(&unreadable, nothing).is_ok());
    }
    bench.pipeline(&COPY.replace("[output]", "[retry]\nmax_retries = 1\nbase_delay = \"5ms\"\n[output]"));
    let at = |name: &str| bench.path("in").join(name);
    assert!(symlink("nowhere", at("dangling.wav")).is_ok());
    assert!(symlink("circle.wav", at("circle.wav")).is_ok());
    assert!(symlink("/dev/null", at("device.wav")).is_ok());
    assert!(mknodat(CWD, at("fifo.wav"), FileType::Fifo, Mode::from_raw_mode(0o644), 0).is_ok());
    assert!(std::os::unix::net::UnixListener::bind(at("socket.wav")).is_ok());
    bench.input("folder.wav/inside.txt", "inside");
    let ended = bench.run().end();
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    let finished = bench.journal().finished();
    let cause = |name: &str| {
        let (state, fault) = finished.get(OsStr::new(name)).unwrap_or_else(|| panic!("{name} is lost"));
        (*state, fault.as_ref().map(|fault| fault.cause.clone()).unwrap_or_default())
    };
    assert_eq!(cause("good.txt").0, ItemState::Done);
    assert_eq!(cause("dangling.wav"), (ItemState::Failed, "not-found".into()));
    for name in ["device.wav", "fifo.wav", "socket.wav"] {
        assert_eq!(cause(name), (ItemState::Failed, "not-a-file".into()), "{name}");
    }
    assert_eq!(cause("circle.wav").0, ItemState::Failed);
    assert_eq!(cause("unreadable.txt").0, ItemState::Failed);
    assert!(!finished.contains_key(OsStr::new("folder.wav")), "a folder is no file");
    assert_eq!(cause("inside.txt").0, ItemState::Done);
    assert_eq!(bench.outputs().len(), 6);
    bench.assert_clean();

    // Named, the folder gives its files; in a list of files it is none.
    bench.run().over([bench.path("in/folder.wav")]).expect(0);
    std::fs::write(bench.path("list"), "in/folder.wav\nin/good.txt\nin/gone.txt\n").unwrap_or_default();
    let ended = bench.run().over::<[&str; 0]>([]).args(["--files-from".into(), bench.path("list")]).end();
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    let finished = bench.journal().finished();
    assert_eq!(finished[OsStr::new("folder.wav")].1.as_ref().map(|fault| fault.cause.as_str()), Some("not-a-file"));
    assert_eq!(finished[OsStr::new("gone.txt")].1.as_ref().map(|fault| fault.cause.as_str()), Some("not-found"));
    assert_eq!(bench.journal().counts().map(|counts| counts.up_to_date), Some(1));
}

#[test]
fn a_name_that_no_file_system_takes_is_told_before_anything_runs() {
    let bench = Bench::new(COPY);
    bench.input("n".repeat(255), "long");
    bench.input("short.txt", "short");
    let ended = bench.run().expect(2);
    assert!(ended.stderr.contains("nnnn") && ended.stderr.contains("255"), "{}", ended.stderr);
    assert!(bench.outputs().is_empty());
}

#[test]
fn dots_do_not_lead_out_of_the_output_folder() {
    let bench = Bench::new(&COPY.replace("dir = \"out\"", "dir = \"out/{item.stem}\""));
    // Its stem is `..`.
    bench.input("...wav", "climber");
    bench.input("good.txt", "good");
    let ended = bench.run().over([bench.path("in/...wav"), bench.path("in/good.txt")]).end();
    assert!(matches!(ended.code(), Some(1 | 2)), "{ended:?}");
    assert!(!bench.path("...wav.a").exists(), "it got out");
    let out = bench.path("out");
    support::files_below(&bench.path(""), &mut |path| {
        let made = path.extension().is_some_and(|ext| ext == "a");
        assert!(!made || path.starts_with(&out), "{} is outside of the output folder", path.display());
    });
    if ended.code() == Some(1) {
        assert_eq!(bench.journal().finished()[OsStr::new("good.txt")].0, ItemState::Done);
    } else {
        assert!(ended.stderr.contains("...wav"), "{}", ended.stderr);
    }
}

#[test]
fn two_files_of_one_stem_are_refused_with_both_names() {
    let bench =
        Bench::new(&COPY.replace("dir = \"out\"", "dir = \"out/{item.stem}\"").replace("{item.name}.", "made."));
    bench.input("song.wav", "1");
    bench.input("song.mp3", "2");
    bench.input("other.wav", "3");
    let ended = bench.run().expect(2);
    assert!(ended.stderr.contains("song.wav") && ended.stderr.contains("song.mp3"), "{}", ended.stderr);
    assert!(ended.stderr.contains("{item.hash}"), "it does not say what to do: {}", ended.stderr);
    assert!(bench.outputs().is_empty());

    // Where their outputs differ, they never share a checkpoint.
    bench.pipeline(COPY);
    bench.run().expect(0);
    assert_eq!(bench.outputs().len(), 9);
    assert_eq!(bench.checkpoints().len(), 3);
}

#[test]
fn the_same_file_twice_is_one_item() {
    let bench = Bench::new(COPY);
    let file = bench.input("one.txt", "1");
    let roundabout = bench.path("in/../in/./one.txt");
    let over = [file.clone(), file.clone(), bench.path("in"), roundabout.clone(), bench.path("in/*.txt")];
    bench.run().over(over).expect(0);
    assert_eq!(bench.journal().counts().map(|counts| counts.total), Some(1));

    let list = format!("{0}\n{0}\n{1}\nin/one.txt\n", file.display(), roundabout.display());
    std::fs::write(bench.path("list"), list).unwrap_or_default();
    bench.run().over::<[&str; 0]>([]).args(["--files-from".into(), bench.path("list")]).expect(0);
    assert_eq!(bench.journal().counts().map(|counts| counts.total), Some(1), "from a list");
}

#[test]
fn a_file_that_grows_while_it_is_read_is_read_again() {
    let text = r#"
name = "growing"
[output]
dir = "out"
[retry]
max_retries = 8
base_delay = "50ms"
exponential_base = 1.5
[[step]]
id = "copy"
run = ["TOOL", "copy", "{in}", "{out}", "60"]
out = { text = "{item.name}" }
"#;
    let bench = Bench::new(text);
    bench.inputs(4);
    let growing = bench.input("growing.txt", "begin ");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file =
                std::fs::File::options().append(true).open(&growing).unwrap_or_else(|error| panic!("{error}"));
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = file.write_all(b"more ");
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let live = bench.run().start();
        let noticed = |bench: &Bench| bench.journal().faults().iter().any(|fault| fault.cause == "input-changed");
        until("the change is noticed", PATIENCE, || !bench.journals().is_empty() && noticed(&bench));
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let ended = live.end();
        assert_eq!(ended.code(), Some(0), "{:?}", bench.journal().faults());
    });
    let content = std::fs::read(&growing).unwrap_or_default();
    assert_eq!(bench.outputs()[&PathBuf::from("growing.txt")], [b"copy of ".as_slice(), &content].concat());
    assert_eq!(bench.outputs().len(), 5);
    bench.run().expect(0);
    assert_eq!(bench.journal().counts().map(|counts| counts.up_to_date), Some(5));
    bench.assert_clean();
}

/// Ways to spoil a file.
fn spoiled(content: &[u8], chance: &mut Chance, count: usize) -> Vec<Vec<u8>> {
    let length = content.len() as u64;
    let mut found = vec![Vec::new(), content[..1].to_vec(), content[..content.len() / 2].to_vec()];
    found.push([content, content].concat());
    for n in 0..count {
        let mut bytes = content.to_vec();
        match n % 3 {
            0 => bytes.truncate(chance.below(length) as usize),
            1 => {
                for _ in 0..20 {
                    let at = chance.below(length) as usize;
                    bytes[at] = chance.below(256) as u8;
                }
            }
            // In the head, where the sizes are.
            _ => {
                for _ in 0..4 {
                    let at = chance.below(length.min(64)) as usize;
                    bytes[at] ^= 1 << chance.below(8);
                }
            }
        }
        found.push(bytes);
    }
    found
}

#[test]
fn spoiled_media_fail_as_the_files_fault_and_take_nobody_along() {
    let count = std::env::var("MEDIAMILL_SPOILED").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let sounds = ["speech-1.wav", "music-1.flac", "music-2.mp3", "music-2.ogg", "music-1.m4a"];
    let pictures = ["photo-cat.png", "photo-rocket.jpg", "photo-astronaut.webp"];
    let mut chance = Chance(11);
    for (step, files) in [
        (
            "uses = \"audio.analyze\"\nout = { json = \"{item.name}.json\" }\n[[step]]\nid = \"probe\"\nuses = \"audio.probe\"\n",
            &sounds[..],
        ),
        (
            "uses = \"image.probe\"\n[[step]]\nid = \"small\"\nuses = \"image.resize\"\nwith = { width = 16 }\nout = { picture = \"{item.name}.png\" }\n",
            &pictures[..],
        ),
    ] {
        let bench =
            Bench::new(&format!("name = \"spoiled\"\n[output]\ndir = \"out\"\n[[step]]\nid = \"look\"\n{step}"));
        let mut total = 0;
        for name in files {
            let content = std::fs::read(fixture(name)).unwrap_or_default();
            bench.input(format!("good-{name}"), &content);
            for (n, bytes) in spoiled(&content, &mut chance, count).into_iter().enumerate() {
                bench.input(format!("spoiled-{n}-{name}"), bytes);
                total += 1;
            }
        }
        bench.input("folder-of-text.wav", "not at all a sound");
        let ended = bench.run().end();
        assert_eq!(ended.code(), Some(1), "{ended:?}");
        let journal = bench.journal();
        let finished = journal.finished();
        assert_eq!(finished.len(), total + files.len() + 1, "an item is lost");
        for (name, (state, fault)) in &finished {
            match fault {
                None => assert_eq!(*state, ItemState::Done),
                Some(fault) => {
                    assert!(!name.as_bytes().starts_with(b"good"), "{}: {fault:?}", name.display());
                    assert_eq!(fault.class, FaultClass::Input, "{}: {fault:?}", name.display());
                }
            }
        }
        ended.mark.assert_gone(Duration::from_secs(1));
        bench.assert_clean();
    }
}
