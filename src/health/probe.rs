//! Looks for tools, all at the same time, and tells what was found.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize, Serializer};

use super::child::{self, End, Ran};
use super::classify::telling_line;
use super::find::Finder;
use super::known::{self, Ask, KnownTool};
use super::version::{compare, find_version};
use super::wanted::Wanted;
use crate::resilience::safe_text::safe_line;

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// The dependency.
    pub name: String,
    /// What kind of resource it is, in a word; nothing for a tool and for a part of the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Whether it is there, answers, and is not too old.
    pub available: bool,
    /// Its version, where it tells one.
    pub version: Option<String>,
    /// The program that was found.
    #[serde(serialize_with = "lossy_path_option")]
    pub path: Option<PathBuf>,
    /// What was found, or what is wrong. A fragment, on one line, safe to print.
    pub details: String,
    /// What to do where it is not available: how to install it.
    pub hint: Option<String>,
    /// Whether a run refuses to start without it.
    pub required: bool,
    /// When the probe began, in seconds since 1970.
    pub check_time: f64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// Paths may hold any bytes and JSON may not: what does not fit is replaced.
pub(super) fn lossy_path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

fn lossy_path_option<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(serializer)
}

/// Looks for everything that is wanted, all at the same time, and gives the findings in the same order.
///
/// Each probe has a time limit of its own and is killed at it with all that it started, so that the slowest probe alone
/// says how long this takes.
#[must_use]
pub fn check_all(wanted: &[Wanted]) -> Vec<HealthCheck> {
    check_all_with(&Finder::from_env(), wanted)
}

/// As [`check_all`], looking where `finder` looks.
#[must_use]
pub fn check_all_with(finder: &Finder, wanted: &[Wanted]) -> Vec<HealthCheck> {
    thread::scope(|scope| {
        let probes: Vec<_> = wanted
            .iter()
            .map(|one| {
                let spawned =
                    thread::Builder::new().name("probe".to_owned()).spawn_scoped(scope, || check(finder, one));
                (one, spawned)
            })
            .collect();
        // Where the system gives no thread, the probe runs in this one.
        let joined = probes.into_iter().map(|(one, probe)| match probe {
            Ok(probe) => probe.join().unwrap_or_else(|_| broken(one)),
            Err(_) => check(finder, one),
        });
        joined.collect()
    })
}

/// What a command of a probe is run with.
pub(super) struct Runner<'a> {
    pub finder: &'a Finder,
    pub folder: &'a Path,
    pub deadline: Instant,
    pub limit: Duration,
}

impl Runner<'_> {
    /// Runs a command that must end with 0; else tells what is wrong.
    pub(super) fn run(&self, program: &Path, args: &[OsString]) -> Result<Ran, String> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let ran = child::run(program, args, self.folder, &self.finder.path, left)
            .map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
        let said = || {
            let line = telling_line(&ran.stderr).or_else(|| telling_line(&ran.stdout));
            line.map_or_else(String::new, |line| format!(": {line}"))
        };
        match ran.end {
            End::Code(0) => Ok(ran),
            End::Code(code) => Err(format!("exit code {code}{}", said())),
            End::Signal(signal) => Err(format!("killed by signal {signal}{}", said())),
            End::TimedOut => Err(format!("timed out after {} s", self.limit.as_secs_f64())),
        }
    }
}

/// What is probed, once it is known which program it is.
struct Found<'a> {
    known: Option<&'static KnownTool>,
    path: PathBuf,
    wanted: &'a Wanted,
}

/// How long a probe may take of a tool that is not known, and that the pipeline gives a probe for.
const UNKNOWN_LIMIT: Duration = Duration::from_secs(10);

fn check(finder: &Finder, wanted: &Wanted) -> HealthCheck {
    let began = Instant::now();
    let check_time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let known = known::find(&wanted.name);
    let mut check = HealthCheck { check_time, ..blank(wanted) };
    match find(finder, wanted, known) {
        Err(why) => check.details = why,
        Ok(path) => {
            check.path = Some(path.clone());
            let (version, verdict) = Found { known, path, wanted }.ask(finder);
            check.version = version.map(|version| safe_line(&version).into_owned());
            match verdict.and_then(|details| new_enough(wanted, check.version.as_deref()).map(|()| details)) {
                Ok(details) => (check.available, check.details) = (true, details),
                Err(why) => check.details = why,
            }
        }
    }
    check.details = safe_line(&check.details).into_owned();
    if !check.available {
        check.hint = wanted.spec.hint.clone().or_else(|| known.map(|known| known.install.to_owned()));
    }
    check.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    check
}

fn blank(wanted: &Wanted) -> HealthCheck {
    HealthCheck {
        name: wanted.name.clone(),
        kind: None,
        available: false,
        version: None,
        path: None,
        details: String::new(),
        hint: None,
        required: wanted.required,
        check_time: 0.0,
        took_ms: 0,
    }
}

fn broken(wanted: &Wanted) -> HealthCheck {
    HealthCheck { details: "the probe broke off: this is a bug of mediamill".to_owned(), ..blank(wanted) }
}

/// The names of the programs that would do, in the order of preference.
pub(super) fn programs<'a>(wanted: &'a Wanted, known: Option<&KnownTool>) -> Vec<&'a OsStr> {
    if let Some(program) = wanted.spec.probe.as_ref().and_then(|probe| probe.first()) {
        return vec![OsStr::new(program)];
    }
    if let Some(program) = &wanted.program {
        return vec![OsStr::new(program)];
    }
    match known {
        // A step that calls `convert` is not helped by `magick`.
        Some(known) if !wanted.name.contains('/') && !known.runs(&wanted.name) => {
            known.programs.iter().map(OsStr::new).collect()
        }
        _ => vec![OsStr::new(&wanted.name)],
    }
}

fn find(finder: &Finder, wanted: &Wanted, known: Option<&KnownTool>) -> Result<PathBuf, String> {
    let programs = programs(wanted, known);
    match programs.as_slice() {
        [one] => finder.find(one).ok_or_else(|| finder.why_not(one)),
        several => several.iter().find_map(|one| finder.find(one)).ok_or_else(|| {
            let names: Vec<_> = several.iter().map(|name| name.to_string_lossy()).collect();
            format!("none of {} was found on PATH", names.join(", "))
        }),
    }
}

fn new_enough(wanted: &Wanted, version: Option<&str>) -> Result<(), String> {
    let Some(least) = &wanted.spec.least else { return Ok(()) };
    match version.map(|version| (version, compare(version, least))) {
        Some((_, Some(order))) if order.is_ge() => Ok(()),
        Some((version, Some(_))) => Err(format!("version {version} is too old: {least} or newer is needed")),
        _ => Err(format!("its version is not known, and {least} or newer is needed")),
    }
}

impl Found<'_> {
    /// The version, as far as it is known, and the details: of a tool that is well, or why it is not.
    fn ask(&self, finder: &Finder) -> (Option<String>, Result<String, String>) {
        let folder = match tempfile::tempdir() {
            Ok(folder) => folder,
            Err(error) => return (None, Err(format!("no empty folder can be made to run the probe in: {error}"))),
        };
        let limit = self.wanted.limit.or(self.known.map(|known| known.limit)).unwrap_or(UNKNOWN_LIMIT);
        let runner = Runner { finder, folder: folder.path(), deadline: Instant::now() + limit, limit };
        if let Some(probe) = &self.wanted.spec.probe {
            let args: Vec<OsString> = probe.iter().skip(1).map(OsString::from).collect();
            return self.by_args(&runner, &args);
        }
        match self.known.map(|known| known.ask) {
            None => (None, Ok("found on PATH; no probe is known for it".to_owned())),
            Some(Ask::Args(args)) => self.by_args(&runner, &os(args)),
            Some(Ask::Distribution(name)) => self.by_interpreter(&runner, name),
        }
    }

    fn by_args(&self, runner: &Runner<'_>, args: &[OsString]) -> (Option<String>, Result<String, String>) {
        match runner.run(&self.path, args) {
            Err(why) => (None, Err(why)),
            Ok(ran) => (self.version(&ran), Ok("it answers".to_owned())),
        }
    }

    /// The version comes from the interpreter that runs the program, which is quick; that the program works, from its
    /// help, for which it has to load what it needs.
    fn by_interpreter(&self, runner: &Runner<'_>, distribution: &str) -> (Option<String>, Result<String, String>) {
        let code = format!("import importlib.metadata as m; print(m.version({distribution:?}))");
        let asked = interpreter(runner.finder, &self.path)
            .and_then(|python| runner.run(&python, &["-c".into(), code.into()]).ok());
        let version = asked.and_then(|ran| self.version(&ran));
        (version, runner.run(&self.path, &os(&["--help"])).map(|_| "it answers".to_owned()))
    }

    fn version(&self, ran: &Ran) -> Option<String> {
        let pattern = self.wanted.spec.version.as_deref();
        // A probe of the pipeline's own answers in its own words.
        let known = self.known.filter(|_| self.wanted.spec.probe.is_none()).map(|known| known.pattern);
        let pattern = pattern.or(known).unwrap_or("{version}");
        find_version(&ran.stdout, pattern).or_else(|| find_version(&ran.stderr, pattern))
    }
}

fn os(args: &[&str]) -> Vec<OsString> {
    args.iter().map(OsString::from).collect()
}

/// The Python that runs `script`: named in its first line, or else the one beside it, or else the one on the path.
fn interpreter(finder: &Finder, script: &Path) -> Option<PathBuf> {
    named_interpreter(finder, script)
        .or_else(|| finder.find(script.parent()?.join("python3").as_os_str()))
        .or_else(|| finder.find(OsStr::new("python3")))
}

fn named_interpreter(finder: &Finder, script: &Path) -> Option<PathBuf> {
    use std::io::Read;
    let mut start = Vec::new();
    std::fs::File::open(script).ok()?.take(4096).read_to_end(&mut start).ok()?;
    let start = String::from_utf8_lossy(&start);
    let mut lines = start.strip_prefix("#!")?.lines();
    let first = lines.next()?.trim();
    let is_python =
        |path: &str| Path::new(path).file_name().is_some_and(|name| name.to_string_lossy().starts_with("python"));
    let mut words = first.split_whitespace();
    let program = words.next()?;
    if is_python(program) {
        return finder.find(OsStr::new(program));
    }
    if program.ends_with("/env") {
        return words.find(|word| is_python(word)).and_then(|name| finder.find(OsStr::new(name)));
    }
    // Where the path is too long for a first line, pip writes a shell script: '''exec' "/long/python" "$0" "$@"
    let quoted = lines.next()?.strip_prefix("'''exec' ")?;
    let path = quoted.trim_start_matches('"').split(['"', ' ']).next()?;
    is_python(path).then(|| finder.find(OsStr::new(path)))?
}
