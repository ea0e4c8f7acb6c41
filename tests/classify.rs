//! Each failure of a tool is charged to the right account: by what tools really say.

use std::io::Write;
use std::process::{Command, Stdio};

use mediamill::health::canary::CanaryResult;
use mediamill::health::{ExitKind, ToolEnd, Verdict, classify};
use mediamill::pipeline::plan::{FaultRule, ToolSpec};
use mediamill::resilience::Fault;
use mediamill::resilience::FaultClass::{self, Dependency, Environment, Input, Transient};

fn end(exit: ExitKind, stderr: &str) -> ToolEnd {
    ToolEnd { exit, stderr_tail: stderr.to_owned(), stdout_tail: String::new(), disk_full: false }
}

fn known(tool: &str, end: &ToolEnd) -> Fault {
    match classify(tool, None, end) {
        Verdict::Fault(fault) => fault,
        Verdict::Ambiguous(fault) => panic!("no row fits {tool}: {fault:?}"),
    }
}

#[test]
fn what_tools_say_decides_where_their_exit_codes_do_not() {
    let rows: &[(&str, i32, &str, FaultClass, &str)] = &[
        ("ffmpeg", 1, "x.wav: Invalid data found when processing input", Input, "decode"),
        ("ffmpeg", 1, "/a/x.wav: No such file or directory", Input, "not-found"),
        ("/opt/bin/ffmpeg", 1, "Unknown encoder 'libfdk_aac'", Dependency, "encoder"),
        ("ffmpeg", 1, "[AVFilterGraph @ 0x1] No such filter: 'arnndn'", Dependency, "filter"),
        ("ffmpeg", 1, "av_interleaved_write_frame(): No space left on device", Environment, "disk-full"),
        ("ffmpeg", 255, "Exiting normally, received signal 15.", Transient, "signal"),
        ("sox", 2, "sox FAIL formats: can't open input file `x.wav': WAVE: RIFF header not found", Input, "decode"),
        ("sox", 2, "sox FAIL formats: no handler for file extension `mp3'", Dependency, "format"),
        ("convert", 1, "convert: improper image header `x.png' @ error/png.c/ReadPNGImage/4110.", Input, "decode"),
        (
            "convert",
            1,
            "attempt to perform an operation not allowed by the security policy `PDF'",
            Dependency,
            "policy",
        ),
        ("demucs", 1, "x is neither a single pre-trained model or a bag of models.", Dependency, "model"),
        ("demucs", 1, "demucs.audio.LoadAudioError: could not read", Input, "decode"),
        ("demucs", 1, "AssertionError: Torch not compiled with CUDA enabled", Dependency, "gpu"),
        ("demucs", 1, "RuntimeError: CUDA out of memory. Tried to allocate 2 GiB", Transient, "gpu-memory"),
        (
            "demucs",
            1,
            "URLError: <urlopen error [Errno -3] Temporary failure in name resolution>",
            Transient,
            "network",
        ),
        ("demucs", 143, "", Transient, "signal"),
        ("demucs", 0, "File x.wav does not exist. If the path contains spaces, quote it", Input, "not-found"),
        ("whisper", 0, "Skipping x.wav due to RuntimeError: Failed to load audio", Input, "decode"),
        ("whisper", 1, "ModuleNotFoundError: No module named 'torch'", Dependency, "module"),
        ("mine", 1, "mine: error while loading shared libraries: libx.so.1: cannot open", Dependency, "library"),
        ("mine", 1, "write: Disk quota exceeded", Environment, "disk-full"),
        ("mine", 1, "open: Too many open files", Environment, "descriptors"),
        ("mine", 137, "", Transient, "signal"),
        ("mine", 126, "", Dependency, "start"),
        ("mine", 127, "sh: 1: sox: not found", Dependency, "missing"),
    ];
    for (tool, code, stderr, class, cause) in rows {
        let fault = known(tool, &end(ExitKind::Code(*code), stderr));
        assert_eq!((fault.class, fault.cause.as_str()), (*class, *cause), "{tool}: {stderr}");
        assert!(fault.message.contains(stderr), "{}", fault.message);
    }
}

#[test]
fn a_success_without_its_output_is_told_from_standard_output_too() {
    let stdout_tail = "Traceback (most recent call last):\n  ...\nValueError: odd\n".to_owned();
    let fault = known("basic-pitch", &ToolEnd { stdout_tail, ..end(ExitKind::Code(0), "") });
    assert_eq!(fault.class, Input);
    assert_eq!(fault.message, "basic-pitch ended well but did not make what it should: ValueError: odd");
}

#[test]
fn what_a_tool_ends_with_decides_not_what_it_complained_of_before() {
    let stderr = "Error while decoding stream #0:0\nconnection reset by peer\nav_write(): No space left on device\n";
    let fault = known("ffmpeg", &end(ExitKind::Code(1), stderr));
    assert_eq!(fault.cause, "disk-full");
    assert_eq!(fault.message, "ffmpeg ended with exit code 1: av_write(): No space left on device");
    // A file's name does not pause the run.
    let name = "/in/No space left on device.wav: Invalid data found when processing input";
    assert_eq!(known("ffmpeg", &end(ExitKind::Code(1), name)).class, Input);
}

#[test]
fn how_it_was_ended_decides_before_what_it_said() {
    let said = "x.wav: Invalid data found when processing input";
    for (exit, class, cause) in [
        (ExitKind::Signal(9), Transient, "signal"),
        (ExitKind::Signal(11), Transient, "signal"),
        (ExitKind::TimedOut, Transient, "timeout"),
        (ExitKind::IdleTimedOut, Transient, "idle-timeout"),
        (ExitKind::OutputFlood, Input, "output-flood"),
    ] {
        let fault = known("ffmpeg", &end(exit.clone(), said));
        assert_eq!((fault.class, fault.cause.as_str()), (class, cause), "{exit:?}");
    }
    assert!(known("ffmpeg", &end(ExitKind::Signal(9), "")).message.contains("ran out of memory"));
    assert!(known("ffmpeg", &end(ExitKind::Signal(11), "")).message.contains("SIGSEGV"));
}

#[test]
fn a_full_disk_is_the_machines_fault_whatever_the_tool_says() {
    let full = ToolEnd { disk_full: true, ..end(ExitKind::Code(1), "x.wav: Invalid data found when processing input") };
    assert_eq!(known("ffmpeg", &full).class, Environment);
    let killed = ToolEnd { disk_full: true, ..end(ExitKind::Signal(25), "") };
    assert_eq!(known("ffmpeg", &killed).cause, "disk-full");
}

#[test]
fn a_tool_that_cannot_start_is_to_blame_unless_the_machine_is() {
    let start = |errno: i32| {
        let message = std::io::Error::from_raw_os_error(errno).to_string();
        known("demucs", &end(ExitKind::StartFailed { errno: Some(errno), message }, ""))
    };
    let (enoent, eacces, enoexec, eagain, enomem, emfile, e2big) = (2, 13, 8, 11, 12, 24, 7);
    for errno in [enoent, eacces, enoexec] {
        let fault = start(errno);
        assert_eq!(fault.class, Dependency, "{fault:?}");
        assert!(fault.hint.expect("how to install it").contains("pip install demucs"));
    }
    assert_eq!([start(eagain).class, start(enomem).class], [Transient, Transient]);
    assert_eq!([start(emfile).class, start(e2big).class], [Environment, Input]);
}

#[test]
fn the_pipelines_rows_come_first() {
    let rule = |exit, output: Option<&str>, class, message: Option<&str>| FaultRule {
        exit,
        output: output.map(str::to_owned),
        class,
        pool: None,
        message: message.map(str::to_owned),
    };
    let spec = ToolSpec {
        faults: vec![
            rule(Some(7), Some("licence"), Dependency, Some("the licence has run out")),
            rule(Some(7), None, Transient, None),
            rule(None, Some("INVALID DATA"), Transient, None),
            // A row that says nothing fits nothing.
            rule(None, None, Environment, None),
        ],
        hint: Some("ask IT".to_owned()),
        ..ToolSpec::default()
    };
    let by = |exit, stderr: &str| classify("ffmpeg", Some(&spec), &end(ExitKind::Code(exit), stderr)).decide(None);
    let licence = by(7, "no Licence\n");
    assert_eq!((licence.class, licence.message.as_str()), (Dependency, "the licence has run out"));
    assert_eq!(licence.hint.as_deref(), Some("ask IT"));
    assert_eq!(by(7, "busy").message, "ffmpeg ended with exit code 7: busy");
    assert_eq!(by(1, "x: Invalid data found when processing input").class, Transient);
    assert_eq!(by(1, "Unknown encoder 'x'").class, Dependency);
}

#[test]
fn where_no_row_fits_the_canary_decides() {
    let ambiguous = || classify("sox", None, &end(ExitKind::Code(2), "sox FAIL sox: something new"));
    assert!(matches!(ambiguous(), Verdict::Ambiguous(_)));
    let canary = |well| CanaryResult { well, details: "exit code 2: broken".to_owned() };
    let none = ambiguous().decide(None);
    assert_eq!((none.class, none.cause.as_str()), (Transient, "exit"));
    assert_eq!(none.message, "sox ended with exit code 2: sox FAIL sox: something new");
    assert_eq!(ambiguous().decide(Some(&canary(true))).class, Input);
    let sick = ambiguous().decide(Some(&canary(false)));
    assert_eq!(sick.class, Dependency);
    assert!(sick.message.ends_with("it fails with a good input too (exit code 2: broken)"), "{}", sick.message);
    let missing = classify("mine", None, &end(ExitKind::Code(0), ""));
    assert_eq!(missing.decide(None).cause, "output-missing");
}

#[test]
fn a_message_quotes_the_line_that_tells_and_is_safe_to_print() {
    let stderr = "\x1b[31mUnknown encoder 'x'\x1b[0m\nmore\n 50%|###  | 1/2\nConversion failed!\n";
    let fault = known("ffmpeg", &end(ExitKind::Code(1), stderr));
    assert_eq!(fault.message, "ffmpeg ended with exit code 1: \\u{1b}[31mUnknown encoder 'x'\\u{1b}[0m");
    let long = known("ffmpeg", &end(ExitKind::Code(1), &format!("Unknown encoder {}", "x".repeat(100_000))));
    assert!(long.message.chars().count() < 400);
    let odd_name = known("\x1b[2Jtool", &end(ExitKind::Code(127), ""));
    assert!(!odd_name.message.contains('\x1b'));
}

/// What the tools that are installed here say of broken and of missing files.
#[test]
fn real_tools_blame_broken_and_missing_inputs() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("bad.wav"), "no sound at all").expect("written");
    std::fs::write(folder.path().join("bad.png"), "no picture at all").expect("written");
    for command in [
        "ffmpeg -nostdin -y -i bad.wav o.wav",
        "ffmpeg -nostdin -y -i none.wav o.wav",
        "ffprobe bad.wav",
        "sox bad.wav o.wav",
        "sox none.wav o.wav",
        "convert png:bad.png o.jpg",
        "convert none.png o.jpg",
        "identify none.png",
        "flac -s -f -o o.flac bad.wav",
        "flac -s -f -o o.flac none.wav",
        "lame --silent none.wav o.mp3",
        "aubio quiet bad.wav",
        "aubio quiet none.wav",
        "rubberband -q -t 1 bad.wav o.wav",
        "rubberband -q -t 1 none.wav o.wav",
        "exiftool none.wav",
    ] {
        let Some(fault) = real(folder.path(), command) else { continue };
        assert_eq!(fault.class, Input, "{command}: {fault:?}");
    }
    for command in
        ["ffmpeg -nostdin -y -f lavfi -i sine=duration=0.1 -c:a none o.wav", "sox -n o.none synth 0.1 sine 9"]
    {
        let Some(fault) = real(folder.path(), command) else { continue };
        assert_eq!(fault.class, Dependency, "{command}: {fault:?}");
    }
}

/// The fault of a real command, or `None` where its tool is not installed.
fn real(folder: &std::path::Path, command: &str) -> Option<Fault> {
    let mut words = command.split(' ');
    let tool = words.next().expect("a tool");
    let output = match Command::new(tool).args(words).current_dir(folder).stdin(Stdio::null()).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{tool} is not installed");
            let _ = writeln!(std::io::stderr(), "skipped: {tool} is not installed");
            return None;
        }
        output => output.expect("it starts"),
    };
    let tail = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let end = ToolEnd {
        exit: ExitKind::Code(output.status.code().expect("an exit code")),
        stderr_tail: tail(&output.stderr),
        stdout_tail: tail(&output.stdout),
        disk_full: false,
    };
    Some(known(tool, &end))
}
