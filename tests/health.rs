//! The health check looks for tools of every kind of ill will, and is done when the slowest probe is.

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mediamill::health::canary::CanaryResult;
use mediamill::health::{Finder, HealthCheck, Wanted, all_known, canary, check_all, check_all_with, known, report};
use mediamill::pipeline::plan::ToolSpec;

/// A folder of scripts that is the whole search path, but for `sh` and its like.
struct Tools {
    folder: tempfile::TempDir,
}

impl Tools {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    /// Another process writes the script: a file that this one has open for writing while another test forks could not
    /// be run.
    fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        let mut sh = Command::new("sh")
            .args(["-c", "cat > \"$0\" && chmod +x \"$0\""])
            .arg(&path)
            .stdin(Stdio::piped())
            .spawn()
            .expect("sh");
        sh.stdin.take().expect("stdin").write_all(text.as_bytes()).expect("written");
        assert!(sh.wait().expect("sh").success());
        path
    }

    fn finder(&self) -> Finder {
        let mut path = self.folder.path().as_os_str().to_owned();
        path.push(":/bin");
        Finder { path, folder: self.folder.path().to_owned() }
    }

    fn check(&self, wanted: Wanted) -> HealthCheck {
        check_all_with(&self.finder(), &[wanted]).remove(0)
    }
}

fn named(name: &str) -> Wanted {
    Wanted { name: name.to_owned(), limit: Some(Duration::from_secs(1)), ..Wanted::default() }
}

fn probed(name: &str) -> Wanted {
    Wanted { spec: ToolSpec { probe: Some(vec![name.to_owned()]), ..ToolSpec::default() }, ..named(name) }
}

#[test]
fn a_tool_that_is_not_there_says_so_and_how_to_install_it() {
    let tools = Tools::new();
    let check =
        check_all_with(&Finder { path: tools.folder.path().into(), ..tools.finder() }, &[named("demucs")]).remove(0);
    assert!(!check.available);
    assert_eq!(check.details, "demucs was not found on PATH");
    assert!(check.hint.expect("a hint").contains("pip install demucs"));
    assert_eq!((check.path, check.version), (None, None));
}

#[test]
fn a_version_is_read_from_either_stream() {
    let tools = Tools::new();
    let path = tools.script("rubberband", "#!/bin/sh\necho 3.1.2 >&2\n");
    let check = tools.check(named("rubberband"));
    assert!(check.available, "{check:?}");
    assert_eq!((check.version.as_deref(), check.path), (Some("3.1.2"), Some(path)));
    tools.script("sox", "#!/bin/sh\necho 'sox:      SoX v14.4.2'\n");
    assert_eq!(tools.check(named("sox")).version.as_deref(), Some("14.4.2"));
}

#[test]
fn a_tool_that_fails_its_probe_is_not_available_and_says_why() {
    let tools = Tools::new();
    tools.script("ffmpeg", "#!/bin/sh\necho 'ffmpeg: error while loading shared libraries: libx.so' >&2\nexit 127\n");
    let check = tools.check(named("ffmpeg"));
    assert!(!check.available && check.path.is_some());
    assert_eq!(check.details, "exit code 127: ffmpeg: error while loading shared libraries: libx.so");
    tools.script("crashes", "#!/bin/sh\nkill -SEGV $$\n");
    assert_eq!(tools.check(probed("crashes")).details, "killed by signal 11");
    tools.script("gone", "#!/no/such/interpreter\n");
    assert!(tools.check(probed("gone")).details.contains("cannot be started: No such file"));
}

#[test]
fn what_a_tool_says_cannot_reach_the_terminal() {
    let tools = Tools::new();
    tools.script("evil", "#!/bin/sh\nprintf '1.0\\033]52;c;aGk=\\007\\n'; printf '\\033[2Jgone' >&2; exit 3\n");
    let check = tools.check(probed("evil"));
    assert_eq!(check.details, "exit code 3: \\u{1b}[2Jgone");
    tools.script("evil", "#!/bin/sh\nprintf '1.0\\033]52;c;aGk=\\007\\n'\n");
    let shown = report::text(&[tools.check(probed("evil"))]);
    assert!(!shown.contains('\x1b') && shown.contains("Version: 1.0\\u{1b}"), "{shown}");
}

#[test]
fn the_slowest_probe_says_how_long_it_takes() {
    let tools = Tools::new();
    tools.script("hangs", "#!/bin/sh\nexec sleep 60\n");
    tools.script("deaf", "#!/bin/sh\ntrap '' TERM INT HUP\nwhile :; do sleep 60; done\n");
    tools.script("flood", "#!/bin/sh\nexec cat /dev/zero\n");
    tools.script("well", "#!/bin/sh\necho 1.2.3\n");
    let began = Instant::now();
    let checks = check_all_with(&tools.finder(), &["hangs", "deaf", "flood", "well"].map(probed));
    assert!(began.elapsed() < Duration::from_millis(2500), "{:?}", began.elapsed());
    for check in &checks[..3] {
        assert!(!check.available, "{check:?}");
        assert_eq!(check.details, "timed out after 1 s", "{}", check.name);
        assert!((1000..2000).contains(&check.took_ms), "{check:?}");
    }
    assert_eq!((checks[3].available, checks[3].version.as_deref()), (true, Some("1.2.3")));
    assert!(checks[3].took_ms < 900, "{:?}", checks[3]);
}

#[test]
fn a_probe_leaves_no_process_behind() {
    let tools = Tools::new();
    let pid = tools.folder.path().join("pid");
    // The grandchild holds the streams open: whoever waits for their end waits for it.
    tools.script("leaves", &format!("#!/bin/sh\nsleep 60 &\necho $! > {}\necho 1.0\n", pid.display()));
    let began = Instant::now();
    let check = tools.check(probed("leaves"));
    assert!(check.available && began.elapsed() < Duration::from_millis(900), "{check:?}");
    let pid = std::fs::read_to_string(pid).expect("written");
    let deadline = Instant::now() + Duration::from_secs(2);
    let proc = PathBuf::from("/proc").join(pid.trim());
    let alive = || std::fs::read_to_string(proc.join("stat")).is_ok_and(|stat| !stat.contains(") Z "));
    while alive() {
        assert!(Instant::now() < deadline, "the grandchild lives on");
        std::thread::yield_now();
    }
}

#[test]
fn a_probe_runs_in_an_empty_folder_without_input() {
    let tools = Tools::new();
    tools.script("looks", "#!/bin/sh\ntest -z \"$(ls -A)\" || exit 9\nread -r line && exit 8\necho 1.0\n");
    assert_eq!(tools.check(probed("looks")).details, "it answers");
}

#[test]
fn a_version_that_is_too_old_will_not_do() {
    let tools = Tools::new();
    tools.script("ffmpeg", "#!/bin/sh\necho 'ffmpeg version 5.1.9-0+deb12u1 Copyright'\n");
    let at_least = |least: &str| {
        let spec = ToolSpec { least: Some(least.to_owned()), ..ToolSpec::default() };
        tools.check(Wanted { spec, ..named("ffmpeg") })
    };
    assert!(at_least("5.1").available);
    let old = at_least("6.0");
    assert_eq!((old.available, old.version.as_deref()), (false, Some("5.1.9-0+deb12u1")));
    assert_eq!(old.details, "version 5.1.9-0+deb12u1 is too old: 6.0 or newer is needed");
}

#[test]
fn the_pipelines_probe_and_pattern_come_before_what_is_known() {
    let tools = Tools::new();
    tools.script("mine", "#!/bin/sh\necho \"mine (build 7) release=$1; 2024\"\n");
    let spec = ToolSpec {
        probe: Some(vec!["./mine".to_owned(), "4.5".to_owned()]),
        version: Some("release={version};".to_owned()),
        ..ToolSpec::default()
    };
    let check = tools.check(Wanted { spec, ..named("ffmpeg") });
    assert_eq!((check.available, check.version.as_deref()), (true, Some("4.5")), "{check:?}");
}

#[test]
fn a_tool_that_nothing_is_known_of_is_looked_for_by_name_and_by_path() {
    let tools = Tools::new();
    let path = tools.script("mine", "#!/bin/sh\nexit 1\n");
    assert!(tools.check(named("mine")).available);
    assert!(tools.check(named("./mine")).available);
    assert!(tools.check(named(&path.to_string_lossy())).available);
    std::fs::write(tools.folder.path().join("plain"), "text").expect("written");
    assert_eq!(tools.check(named("./plain")).details, "./plain is not executable");
    assert!(tools.check(named("./none")).details.starts_with("./none: No such file"));
}

#[test]
fn convert_is_not_helped_by_magick() {
    let tools = Tools::new();
    tools.script("magick", "#!/bin/sh\necho 'Version: ImageMagick 7.1.1-29 Q16'\n");
    let finder = Finder { path: tools.folder.path().into(), ..tools.finder() };
    let checks = check_all_with(&finder, &[named("imagemagick"), named("magick"), named("convert")]);
    assert_eq!(checks.iter().map(|check| check.available).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(checks[0].version.as_deref(), Some("7.1.1-29"));
}

#[test]
fn the_version_of_a_python_tool_comes_from_the_interpreter_that_runs_it() {
    let tools = Tools::new();
    let venv = tools.folder.path().join("venv");
    std::fs::create_dir(&venv).expect("made");
    let python = "#!/bin/sh\n[ \"$1\" = -c ] || { echo usage; exit 0; }\necho 4.1.0\n";
    tools.script("venv/python3.11", python);
    // The three forms that pip gives a script.
    let named_first = format!("#!{}/python3.11\n", venv.display());
    let too_long = format!("#!/bin/sh\n'''exec' \"{}/python3.11\" \"$0\" \"$@\"\n' '''\n", venv.display());
    for text in [named_first, too_long] {
        tools.script("demucs", &text);
        let check = tools.check(named("demucs"));
        assert_eq!((check.available, check.version.as_deref()), (true, Some("4.1.0")), "{check:?}");
    }
    // What its help cannot load, its version does not hide.
    tools.script(
        "venv/python3.11",
        "#!/bin/sh\n[ \"$1\" = -c ] && exec echo 4.1.0\necho 'ImportError: torch' >&2; exit 1\n",
    );
    let check = tools.check(named("demucs"));
    assert_eq!((check.available, check.version.as_deref()), (false, Some("4.1.0")));
    assert_eq!(check.details, "exit code 1: ImportError: torch");
}

#[test]
fn the_noise_of_essentia_does_not_hide_its_version() {
    let tools = Tools::new();
    tools.script(
        "python3",
        "#!/bin/sh\necho '[   INFO   ] MusicExtractorSVM: 9.9 no classifier' >&2\necho 2.1-beta6-dev\n",
    );
    let check = tools.check(named("essentia"));
    assert_eq!((check.available, check.version.as_deref()), (true, Some("2.1-beta6-dev")));
    tools.script("python3", "#!/bin/sh\necho \"ModuleNotFoundError: No module named 'essentia'\" >&2\nexit 1\n");
    let check = tools.check(named("essentia"));
    assert_eq!(check.details, "exit code 1: ModuleNotFoundError: No module named 'essentia'");
}

#[test]
fn the_report_reads_as_it_always_did() {
    let check = |name: &str, available| HealthCheck {
        name: name.to_owned(),
        kind: None,
        available,
        version: None,
        path: None,
        details: "it answers".to_owned(),
        hint: None,
        required: false,
        check_time: 1.5,
        took_ms: 20,
    };
    let checks = [
        HealthCheck { version: Some("5.1.9".into()), path: Some("/usr/bin/ffmpeg".into()), ..check("ffmpeg", true) },
        HealthCheck {
            details: "basic-pitch was not found on PATH".into(),
            hint: Some("pip install basic-pitch".into()),
            ..check("basic-pitch", false)
        },
    ];
    let rule = "============================================================";
    let expected = format!(
        "{rule}\nmediamill - dependency health check\n{rule}\n\n\
         ✓ FFMPEG\n  Available: True\n  Version: 5.1.9\n  Path: /usr/bin/ffmpeg\n  Details: it answers\n\n\
         ✗ BASIC-PITCH\n  Available: False\n  Details: basic-pitch was not found on PATH\n  \
         Install: pip install basic-pitch\n\n\
         Summary: 1/2 dependencies available\n"
    );
    assert_eq!(report::text(&checks), expected);

    let json: serde_json::Value = serde_json::from_str(&report::json(&checks)).expect("json");
    assert_eq!((&json["version"], &json["available"], &json["total"]), (&1.into(), &1.into(), &2.into()));
    assert_eq!(json["checks"][0]["path"], "/usr/bin/ffmpeg");
    assert_eq!(json["checks"][1]["version"], serde_json::Value::Null);
    let back: Vec<HealthCheck> = serde_json::from_value(json["checks"].clone()).expect("the same shape");
    assert_eq!(back, checks);
}

#[test]
fn a_path_of_any_bytes_can_be_written_as_json() {
    use std::os::unix::ffi::OsStrExt;
    let tools = Tools::new();
    let mut check = tools.check(named("none"));
    check.path = Some(PathBuf::from(OsStr::from_bytes(b"/opt/\xff/tool")));
    assert!(report::json(&[check]).contains("/opt/\u{fffd}/tool"));
}

#[test]
fn another_or_a_changed_program_has_another_identity() {
    let tools = Tools::new();
    let identity = || tools.finder().identity(OsStr::new("mine"));
    assert_eq!(identity(), None);
    tools.script("mine", "#!/bin/sh\n");
    let first = identity().expect("found");
    assert_eq!(identity(), Some(first.clone()));
    tools.script("mine", "#!/bin/sh\nexit 1\n");
    assert_ne!(identity(), Some(first));
}

#[test]
fn a_canary_tells_a_tool_that_is_well_from_one_that_is_not() {
    let tools = Tools::new();
    let run = |tool: &str, spec: Option<&ToolSpec>| ask(&tools.finder(), tool, spec);
    tools.script("sox", "#!/bin/sh\necho 'no device' >&2\nexit 2\n");
    let sick = run("sox", None).expect("known");
    assert_eq!((sick.well, sick.details.as_str()), (false, "no device"));
    tools.script("lame", "#!/bin/sh\ntest -s canary.wav\n");
    assert!(run("lame", None).expect("known").well);
    assert_eq!(run("mine", None), None);
    let spec = ToolSpec { canary: Some(vec!["./mine".to_owned(), "self-test".to_owned()]), ..ToolSpec::default() };
    assert!(!run("mine", Some(&spec)).expect("given").well);
    tools.script("mine", "#!/bin/sh\ntest \"$1\" = self-test\n");
    assert!(run("mine", Some(&spec)).expect("given").well);
}

/// Asks a canary, and runs it plainly.
fn ask(finder: &Finder, tool: &str, spec: Option<&ToolSpec>) -> Option<CanaryResult> {
    let folder = tempfile::tempdir().expect("a folder");
    canary::ask(finder, tool, spec, folder.path(), |canary| {
        let mut command = std::process::Command::new(&canary.program);
        let ended =
            command.args(&canary.args).current_dir(folder.path()).output().map_err(|error| error.to_string())?;
        let told = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
        if ended.status.success() { Ok(()) } else { Err(told) }
    })
}

/// The real tools: each that is installed answers with a version, and its canary goes well.
#[test]
fn the_real_tools_answer() {
    let needed = ["ffmpeg", "ffprobe", "sox", "imagemagick", "aubio", "rubberband", "exiftool", "flac", "lame"];
    for check in check_all(&all_known()) {
        let needed = needed.contains(&check.name.as_str());
        if !check.available && (!needed || check.path.is_none()) {
            let ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
            assert!(!(ci && needed), "{} is not installed", check.name);
            say(&format!("skipped: {} is not installed", check.name));
            continue;
        }
        assert!(check.available && check.version.is_some(), "{check:?}");
        let canary = ask(&Finder::from_env(), &check.name, None).expect("every known tool has one");
        assert!(canary.well, "{}: {canary:?}", check.name);
    }
    assert!(known::find("mogrify").is_some());
}

/// Prints, in a test, what a person who reads its output should know.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
