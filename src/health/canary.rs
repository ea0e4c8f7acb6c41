//! A tiny run that goes well when the tool is well: tells whether a failure is the tool's or the input's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::find::Finder;
use super::known;
use super::probe::programs;
use super::wanted::Wanted;
use crate::pipeline::plan::ToolSpec;

/// The file that lies in the folder a canary runs in: a tenth of a second of sound.
pub const CANARY_FILE: &str = "canary.wav";

/// How long the canary of a tool that is not known may take.
const UNKNOWN_LIMIT: Duration = Duration::from_secs(10);

/// What a canary said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryResult {
    /// Whether it went well.
    pub well: bool,
    /// What is wrong where it did not; how long it took where it did.
    pub details: String,
}

/// What a canary runs, in a folder that holds [`CANARY_FILE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// How long it may take.
    pub limit: Duration,
}

/// Asks the canary of `tool`: the pipeline's, or the one that is known for it; `None` where there is none. It runs in
/// `folder`, which must exist, and `start` runs it: what went wrong, where something did.
#[must_use]
pub fn ask(
    finder: &Finder,
    tool: &str,
    spec: Option<&ToolSpec>,
    folder: &Path,
    start: impl FnOnce(&Canary) -> Result<(), String>,
) -> Option<CanaryResult> {
    let known = known::find(tool);
    let wanted = Wanted { name: tool.to_owned(), ..Wanted::default() };
    let (names, args): (Vec<OsString>, Vec<OsString>) = match spec.and_then(|spec| spec.canary.as_deref()) {
        Some([program, args @ ..]) => (vec![program.into()], args.iter().map(OsString::from).collect()),
        _ => {
            let known = known?;
            let program = Path::new(tool).file_name()?.to_str()?;
            // What comes with a tool takes other arguments than the tool itself; all of them tell their version.
            let args = match known.ask {
                known::Ask::Args(args) if known.siblings.contains(&program) => args,
                _ => known.canary,
            };
            let names = programs(&wanted, Some(known)).into_iter().map(OsString::from).collect();
            (names, args.iter().map(OsString::from).collect())
        }
    };
    let Some(program) = names.iter().find_map(|name| finder.find(name)) else {
        let details = names.first().map_or_else(String::new, |name| finder.why_not(name));
        return Some(CanaryResult { well: false, details });
    };
    std::fs::write(folder.join(CANARY_FILE), sound()).ok()?;
    let canary = Canary { program, args, limit: known.map_or(UNKNOWN_LIMIT, |known| known.limit) };
    let began = Instant::now();
    Some(match start(&canary) {
        Ok(()) => CanaryResult { well: true, details: format!("went well in {:.1} s", began.elapsed().as_secs_f64()) },
        Err(details) => CanaryResult { well: false, details },
    })
}

/// A tenth of a second of a tone: WAV, 8 kHz, one channel, 16 bit.
fn sound() -> Vec<u8> {
    const RATE: u32 = 8000;
    const SAMPLES: u32 = RATE / 10;
    let mut wav = Vec::with_capacity(44 + 2 * SAMPLES as usize);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + 2 * SAMPLES).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend_from_slice(&RATE.to_le_bytes());
    wav.extend_from_slice(&(2 * RATE).to_le_bytes());
    wav.extend_from_slice(b"\x02\0\x10\0data");
    wav.extend_from_slice(&(2 * SAMPLES).to_le_bytes());
    for n in 0..SAMPLES {
        let phase = f64::from(n * 440 % RATE) / f64::from(RATE);
        let sample = (8000.0 * (std::f64::consts::TAU * phase).sin()) as i16;
        wav.extend_from_slice(&sample.to_le_bytes());
    }
    wav
}
