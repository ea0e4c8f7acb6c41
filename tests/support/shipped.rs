//! Runs the pipelines that ship as a user would: in a folder of its own, on real files.

#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test whose files cannot be read has failed")]

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn pipeline(name: &str) -> PathBuf {
    root().join("pipelines").join(name).with_extension("toml")
}

pub fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures/media").join(name)
}

/// Whether these tools are here. On a build machine they must be.
pub fn here(tools: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |tool: &&str| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    let missing: Vec<&str> = tools.iter().filter(|tool| !is_there(tool)).copied().collect();
    if missing.is_empty() {
        return true;
    }
    let said = format!("skipped: {} is not installed", missing.join(", "));
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{said}");
    let _ = writeln!(std::io::stderr(), "{said}");
    false
}

/// A folder in which mediamill is run, as a user would: outputs in `out`, state in `checkpoints`.
pub struct Place {
    folder: tempfile::TempDir,
    path: Option<String>,
    variables: Vec<(String, String)>,
}

/// How a run ended.
pub struct Ran {
    pub output: Output,
    /// From its journal: `done`, `up_to_date`, `failed`, ...
    pub counts: Value,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), path: None, variables: Vec::new() }
    }

    pub fn at(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// Copies a real file in, under this name.
    pub fn take(&self, name: &str, to: &str) -> PathBuf {
        let to = self.at(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(fixture(name), &to).unwrap();
        to
    }

    pub fn run(&self, name: &str, inputs: &[PathBuf]) -> Ran {
        self.run_file(name, &pipeline(name), inputs)
    }

    /// The pipeline with some of its text replaced: services are looked for where the test has them.
    pub fn edited(&self, name: &str, edits: &[(&str, &str)]) -> PathBuf {
        let mut text = fs::read_to_string(pipeline(name)).unwrap();
        for (from, to) in edits {
            assert!(text.contains(from), "{name} does not say {from}");
            text = text.replace(from, to);
        }
        let file = self.at(name).with_extension("toml");
        fs::write(&file, text).unwrap();
        file
    }

    /// Runs the pipeline in `file`, which is called `name`.
    pub fn run_file(&self, name: &str, file: &Path, inputs: &[PathBuf]) -> Ran {
        let runs = self.at("checkpoints").join(name).join("runs");
        let list = || -> Vec<PathBuf> {
            fs::read_dir(&runs).map_or_else(|_| Vec::new(), |runs| runs.map(|run| run.unwrap().path()).collect())
        };
        let before = list();
        // A run that hangs is ended, and leaves no end in its journal.
        let mut command = Command::new("/usr/bin/timeout");
        command
            .args(["--kill-after=10", "120", env!("CARGO_BIN_EXE_mediamill"), "run"])
            .arg(file)
            .args(inputs)
            .arg("--no-tui");
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        command.envs(self.variables.iter().cloned());
        let output = command.output().unwrap();
        let shown = String::from_utf8_lossy(&output.stderr).into_owned();
        let run = list().into_iter().find(|run| !before.contains(run));
        let journal =
            fs::read_to_string(run.unwrap_or_else(|| panic!("no run: {shown}")).join("journal.jsonl")).unwrap();
        let last: Value = serde_json::from_str(journal.lines().last().unwrap()).unwrap();
        assert_eq!(last["event"], "run_finished", "{shown}");
        Ran { output, counts: last["counts"].clone() }
    }

    /// Runs it twice: everything is done, and then there is nothing left to do and nothing was touched.
    pub fn run_all(&self, name: &str, inputs: &[PathBuf], items: u64) {
        let first = self.run(name, inputs);
        assert_eq!((first.output.status.code(), &first.counts["done"]), (Some(0), &items.into()), "{}", first.told());
        let made = times(&self.at("out"));
        let again = self.run(name, inputs);
        let counts = (&again.counts["up_to_date"], &again.counts["done"]);
        assert_eq!((again.output.status.code(), counts), (Some(0), (&items.into(), &0.into())), "{}", again.told());
        assert_eq!(made, times(&self.at("out")), "the second run touched an output");
        self.no_scratch();
    }

    pub fn no_scratch(&self) {
        for folder in ["out", "checkpoints"] {
            let left: Vec<PathBuf> =
                files(&self.at(folder)).into_iter().filter(|file| file.to_string_lossy().contains("scratch")).collect();
            assert_eq!(left, Vec::<PathBuf>::new());
        }
    }

    /// The rows of a CSV table, by the text of their first column without its folders.
    pub fn table(&self, below: &str) -> Vec<Vec<String>> {
        let mut table = csv::Reader::from_path(self.at(below)).unwrap();
        table.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    /// A variable of the environment that each run sees.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// A program of this name, to be found first.
    pub fn fake(&mut self, name: &str, script: &str) {
        let program = self.at("bin").join(name);
        fs::create_dir_all(self.at("bin")).unwrap();
        // As the real ones do, it answers when it is asked whether it is there.
        fs::write(&program, format!("#!/bin/sh\n[ \"$1\" = --help ] && exit 0\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        self.path = Some(format!("{}:/usr/bin:/bin", self.at("bin").display()));
    }
}

impl Ran {
    pub fn told(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        format!("{}\n{}{}", self.counts, text(&self.output.stdout), text(&self.output.stderr))
    }
}

pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

pub fn times(folder: &Path) -> Vec<(PathBuf, std::time::SystemTime)> {
    files(folder).into_iter().map(|file| (file.clone(), fs::metadata(file).unwrap().modified().unwrap())).collect()
}

pub fn tool(program: &str, arguments: &[&OsStr]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program}: {text}");
    text
}

pub fn arguments<'a>(before: &[&'a str], file: &'a Path, after: &[&'a str]) -> Vec<&'a OsStr> {
    let text = |list: &[&'a str]| list.iter().map(|text| OsStr::new(*text)).collect::<Vec<_>>();
    [text(before), vec![file.as_os_str()], text(after)].concat()
}

/// Integrated loudness in LUFS and the true peak in dBFS, as ffmpeg measures them.
pub fn loudness(file: &Path) -> (f64, f64) {
    let measured = tool(
        "ffmpeg",
        &arguments(&["-nostdin", "-hide_banner", "-i"], file, &["-af", "ebur128=peak=true", "-f", "null", "-"]),
    );
    let summary = measured.rsplit("Summary:").next().unwrap();
    let figure = |name: &str| -> f64 {
        let line = summary.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    (figure("I:"), figure("Peak:"))
}

pub fn probe(file: &Path, entries: &str) -> Value {
    let text = tool("ffprobe", &arguments(&["-v", "error", "-of", "json", "-show_entries", entries], file, &[]));
    serde_json::from_str(&text).unwrap()
}

pub fn seconds(file: &Path) -> f64 {
    probe(file, "format=duration")["format"]["duration"].as_str().unwrap().parse().unwrap()
}
