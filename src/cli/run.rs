//! `mediamill run`: a pipeline over a batch.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;

use super::failure::{Failure, code};
use super::{detach, engine_process, output};
use crate::engine::batch::{Batch, Wanted, absolute, listed};
use crate::engine::context::{Options, fixed_output};
use crate::engine::control::channel;
use crate::engine::generator::Generator;
use crate::engine::owner::{self, OwnerSink};
use crate::engine::preflight::Conflict;
use crate::engine::recorder::Sink;
use crate::engine::resources::environment;
use crate::engine::run::{Finished, Request, RunError, run as run_engine};
use crate::health::HealthCheck;
use crate::pipeline::generate::Generate;
use crate::pipeline::plan::Plan;
use crate::report::Names;
use crate::report::json::JsonLines;
use crate::report::lines::{Level, Lines};
use crate::report::summary::{self, Places};
use crate::steps::shim::HostProgram;

/// What `run` and `plan` are given.
#[derive(Debug, Clone, clap::Args)]
pub struct BatchArgs {
    /// The pipeline file.
    pub pipeline: PathBuf,
    /// Files, folders and globs; they replace the pipeline's own.
    pub inputs: Vec<PathBuf>,
    /// Where the outputs go, in place of the fixed part of the pipeline's output folder.
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Take the files from this list, one a line or separated by NUL; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub files_from: Option<PathBuf>,
    /// The folder for checkpoints, journals and logs.
    #[arg(long, value_name = "DIR", default_value = "checkpoints")]
    pub state: PathBuf,
    /// Do everything again.
    #[arg(long)]
    pub fresh: bool,
    /// Run only the items that failed before, whatever they failed with.
    #[arg(long)]
    pub retry_failed: bool,
    /// With --retry-failed: only those that failed with this cause.
    #[arg(long, requires = "retry_failed")]
    pub cause: Option<String>,
    /// Only this step, and what it reads.
    #[arg(long, value_name = "STEP")]
    pub only: Option<String>,
    /// Do this step and what reads it again.
    #[arg(long, value_name = "STEP")]
    pub from: Option<String>,
    /// Work on no more than this many items.
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
    /// Leave out items whose outputs are already there, whoever made them.
    #[arg(long)]
    pub skip_existing: bool,
    /// Let outputs replace files that mediamill did not make.
    #[arg(long)]
    pub overwrite: bool,
    /// The seed of all chance: what generated items are like, and the jitter of retries [default: that of [generate], or
    /// 0].
    #[arg(long)]
    pub seed: Option<u64>,
}

/// What `run` is given.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    batch: BatchArgs,
    /// Tasks at once [default: one for each core].
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// Plain lines instead of the screen; implied where the output is not a terminal.
    #[arg(long)]
    no_tui: bool,
    /// What the plain output looks like.
    #[arg(long, value_enum, default_value = "lines")]
    format: Format,
    /// How much the plain lines tell.
    #[arg(long, value_enum, default_value = "info")]
    log_level: Level,
    /// End the run at the first failure.
    #[arg(long)]
    fail_fast: bool,
    /// Leave the folder of every attempt for a look.
    #[arg(long)]
    keep_scratch: bool,
    /// Start the run in a process of its own, which outlives this one and its terminal, and tell how to find it again.
    #[arg(long)]
    detach: bool,
    #[cfg(feature = "tui")]
    #[command(flatten)]
    screen: super::look::ScreenArgs,
    /// This process is the engine of the one that started it.
    #[arg(long, hide = true)]
    owned: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Lines,
    /// One JSON object for each event.
    Json,
}

#[cfg(feature = "tui")]
impl Args {
    /// Whether the run is to be shown on the screen, by a process of its own.
    pub fn wants_screen(&self) -> bool {
        let is_plain = self.no_tui || self.owned || self.detach || self.format == Format::Json;
        !is_plain && super::look::is_possible()
    }

    /// The state folder.
    pub fn state(&self) -> &Path {
        &self.batch.state
    }

    /// How the screen looks.
    pub const fn screen(&self) -> &super::look::ScreenArgs {
        &self.screen
    }
}

impl BatchArgs {
    /// The options of the run.
    pub fn options(&self, fail_fast: bool) -> Options {
        Options {
            output: self.output.clone(),
            fresh: self.fresh,
            retry_failed: self.retry_failed,
            cause: self.cause.clone(),
            only: self.only.clone(),
            from: self.from.clone(),
            limit: self.limit,
            fail_fast,
            skip_existing: self.skip_existing,
            overwrite: self.overwrite,
        }
    }

    /// Reads and checks the pipeline.
    pub fn load(&self) -> Result<Plan, Failure> {
        super::state::plan(&self.pipeline).map(|loaded| loaded.plan)
    }

    /// The seed of the run.
    pub fn seed(&self, plan: &Plan) -> u64 {
        self.seed.or(plan.generate.as_ref().and_then(|generate| generate.seed)).unwrap_or_default()
    }

    /// The items that the pipeline makes itself.
    fn generated(&self, generate: &Generate, seed: u64) -> Result<Batch, Failure> {
        if !self.inputs.is_empty() || self.files_from.is_some() {
            return Err(Failure::usage("this pipeline makes its items itself, and takes no files")
                .hint("leave the files out; `count` in its [generate] says how many items there are"));
        }
        let generator = Generator::new(generate.clone(), seed).map_err(|wrong| {
            let failure = Failure::usage("a text of the generated items cannot be used");
            wrong.into_iter().fold(failure, Failure::hint)
        })?;
        Ok(Batch::generated(generator))
    }

    /// Finds the files, or makes the items.
    pub fn batch(&self, plan: &Plan) -> Result<Batch, Failure> {
        if let Some(generate) = &plan.generate {
            return self.generated(generate, self.seed(plan));
        }
        let mut batch = match &self.files_from {
            Some(list) => {
                let mut batch = Batch::default();
                let text = read_list(list)
                    .map_err(|error| Failure::usage(format!("cannot read the list {}: {error}", list.display())))?;
                listed(&text).iter().for_each(|path| batch.push(path));
                batch
            }
            None => {
                let output = self.output.clone().unwrap_or_else(|| fixed_output(&plan.output));
                let output = if output.as_os_str().is_empty() { Vec::new() } else { vec![output] };
                let wanted = Wanted {
                    paths: plan.input.paths_or(&self.inputs),
                    matches: plan.input.matches.clone(),
                    recursive: plan.input.recursive,
                    except: output.into_iter().chain([self.state.clone()]).collect(),
                };
                if wanted.paths.is_empty() {
                    return Err(Failure::usage("there is nothing to work on")
                        .hint("name files, folders or globs after the pipeline, or in its [input] paths"));
                }
                Batch::find(&wanted).map_err(|error| Failure::usage(error.to_string()))?
            }
        };
        if batch.is_empty() {
            let mut failure = Failure::usage("no input file was found");
            for problem in batch.problems.drain(..) {
                failure = failure.hint(format!("{}: {}", problem.path.display(), problem.message));
            }
            if !plan.input.matches.is_empty() {
                failure = failure.hint(format!("the pipeline takes {}", plan.input.matches.join(", ")));
            }
            return Err(failure);
        }
        Ok(batch)
    }
}

fn read_list(list: &Path) -> std::io::Result<Vec<u8>> {
    if list.as_os_str() != "-" {
        return std::fs::read(list);
    }
    let mut text = Vec::new();
    std::io::stdin().lock().read_to_end(&mut text)?;
    Ok(text)
}

/// Runs the pipeline.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    if args.detach && args.format == Format::Json {
        return Err(Failure::usage("a run that is let go has nobody to write its events to")
            .hint("leave out --format json; the journal of the run holds the same lines"));
    }
    if args.detach && !args.owned {
        return detach::run(&args.batch.state);
    }
    let (commands, inbox) = channel();
    let owner = args.owned.then(engine_process::become_owned).transpose()?;
    if let Some(owner) = &owner {
        owner::listen(owner, commands.clone()).map_err(|error| lost_owner(&error))?;
    }
    let plan = args.batch.load()?;
    let batch = args.batch.batch(&plan)?;
    let jobs = args.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get() as u32));
    let is_owned = owner.is_some();
    if is_owned {
        engine_process::let_go_of_stdin();
    }
    let sink: Box<dyn Sink> = match (owner, args.format) {
        (Some(owner), _) => Box::new(OwnerSink::new(owner).map_err(|error| lost_owner(&error))?),
        (None, Format::Lines) => Box::new(Lines::new(std::io::stdout(), args.log_level, output::colour())),
        (None, Format::Json) => Box::new(JsonLines::new(std::io::stdout())),
    };
    let request = Request {
        options: args.batch.options(args.fail_fast),
        state: args.batch.state.clone(),
        jobs,
        seed: args.batch.seed(&plan),
        keep_scratch: args.keep_scratch,
        host: HostProgram::default(),
        sinks: vec![sink],
        commands: (commands, inbox),
        end_now,
        variable: environment,
        hide: output::hide_in_panics,
        about: about(args),
        plan,
        batch,
    };
    let finished = run_engine(request).map_err(failure)?;
    let places = Places {
        output: Names::here().short(&finished.output),
        state: finished.checkpoints.clone(),
        run_folder: finished.folder.clone(),
    };
    let summary = finished.folder.join("summary.json");
    if let Err(error) = std::fs::write(&summary, summary::json(&finished.state, &places)) {
        output::note(&format!("warning: cannot write {}: {error}\n", summary.display()));
    }
    if args.format == Format::Lines && !is_owned {
        output::print(&summary::text(&finished.state, &places));
    }
    Ok(ExitCode::from(exit_code(&finished)))
}

fn lost_owner(error: &std::io::Error) -> Failure {
    Failure::new(code::FAILED, format!("the engine has no way to the process that started it: {error}"))
}

/// What the run's folder keeps of how the run was asked for.
fn about(args: &Args) -> serde_json::Value {
    let text = |argument: std::ffi::OsString| argument.to_string_lossy().into_owned();
    let arguments = engine_process::own_arguments().into_iter().map(text);
    serde_json::json!({
        "version": 1,
        "mediamill": env!("CARGO_PKG_VERSION"),
        "pipeline_file": absolute(&args.batch.pipeline).display().to_string(),
        "folder": std::env::current_dir().unwrap_or_default().display().to_string(),
        "arguments": arguments.collect::<Vec<_>>(),
        "pid": std::process::id(),
    })
}

/// The exit code of a run that a signal ended.
fn signal_code(signal: &str) -> Option<u8> {
    match signal {
        "SIGINT" => Some(130),
        "SIGTERM" => Some(143),
        "SIGHUP" => Some(129),
        _ => None,
    }
}

/// The command of a run, as it can be typed, without its inputs: others can be written behind it.
#[cfg(feature = "tui")]
pub fn for_other_inputs(run_folder: &Path) -> Option<String> {
    use clap::Parser as _;
    let about: serde_json::Value = serde_json::from_slice(&std::fs::read(run_folder.join("run.json")).ok()?).ok()?;
    let words = about["arguments"].as_array()?.iter().filter_map(|word| word.as_str());
    let cli = super::Cli::try_parse_from(std::iter::once("mediamill").chain(words)).ok()?;
    let super::Command::Run(Args { batch, .. }) = cli.command else { return None };
    let mut words = vec!["mediamill".to_owned(), "run".to_owned(), batch.pipeline.display().to_string()];
    if let Some(output) = batch.output {
        words.extend(["--output".to_owned(), output.display().to_string()]);
    }
    if batch.state != Path::new("checkpoints") {
        words.extend(["--state".to_owned(), batch.state.display().to_string()]);
    }
    // A word that a secret was taken out of means another run.
    let is_whole = |word: &String| !word.contains(crate::resources::secret::REDACTED);
    let line = || words.iter().map(crate::resilience::safe_text::shell_word).collect::<Vec<_>>().join(" ");
    words.iter().all(is_whole).then(line)
}

/// The exit code of a process that a signal ended.
#[cfg(feature = "tui")]
pub fn signal_exit(signal: &str) -> ExitCode {
    ExitCode::from(signal_code(signal).unwrap_or(code::FAILED))
}

#[expect(clippy::exit, reason = "nothing is held that a signal should wait for")]
fn end_now(signal: &str) {
    std::process::exit(signal_code(signal).unwrap_or(code::FAILED).into());
}

/// The exit code that tells how a run ended.
fn exit_code(finished: &Finished) -> u8 {
    let counts = finished.outcome.counts;
    match finished.outcome.reason.as_deref().and_then(signal_code) {
        Some(code) => code,
        _ if counts.failed > 0 || finished.batch_failed => code::FAILED,
        _ if counts.parked > 0 || counts.waiting() > 0 || counts.cancelled > 0 => code::LEFT,
        _ => code::DONE,
    }
}

/// Why a run did not start, for the person.
pub fn failure(error: RunError) -> Failure {
    match error {
        RunError::Store(error) => super::state::refused(&error),
        RunError::Io { .. } => Failure::new(code::STATE, error.to_string()),
        RunError::Missing(checks) => missing(&checks),
        RunError::EmptyPools(ref why) => {
            why.iter().fold(Failure::usage(error.to_string()), |failure, why| failure.hint(why))
        }
        RunError::NoSuchStep(_) | RunError::Pattern(_) => Failure::usage(error.to_string()),
        RunError::Conflicts(ref conflicts) => {
            let lines: Vec<String> =
                conflicts.iter().map(|conflict| format!("  {}", conflict_line(conflict))).collect();
            let failure = Failure::usage(format!("{error}:\n{}", lines.join("\n")));
            let collides = |conflict: &Conflict| match conflict {
                Conflict::Collision { first, .. } => Some(first.is_absolute()),
                Conflict::Name { .. } => None,
            };
            match conflicts.iter().find_map(collides) {
                Some(true) => failure
                    .hint("put {item.dir} or {item.hash} into the output's path, so that files of one name keep apart"),
                Some(false) => failure.hint("put {item.stem} into the output's path, so that items keep apart"),
                None => failure,
            }
        }
    }
}

/// What is in the way of two outputs, or of one.
pub fn conflict_line(conflict: &Conflict) -> String {
    match conflict {
        Conflict::Collision { target, first, second } => {
            format!("{} and {} would both write {}", first.display(), second.display(), target.display())
        }
        Conflict::Name { item, why } => format!("{}: {why}", item.display()),
    }
}

fn missing(checks: &[HealthCheck]) -> Failure {
    let names: Vec<&str> = checks.iter().map(|check| check.name.as_str()).collect();
    let mut failure = Failure::new(code::DEPENDENCY, format!("the pipeline needs {}", names.join(", ")));
    for check in checks {
        let hint = check.hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
        failure = failure.hint(format!("{}: {}{hint}", check.name, check.details));
    }
    failure
}
