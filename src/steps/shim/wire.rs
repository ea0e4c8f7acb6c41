//! What the engine and its hosts say to each other: frames of a length (four bytes, little endian) and JSON.

use std::io::{Read, Write};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::resilience::Fault;
use crate::resilience::os_text::OsText;
use crate::steps::builtin::Values;

/// Larger than any argument list the system takes.
const LONGEST: u32 = 64 << 20;

/// One attempt with a tool.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToolRequest {
    /// The program and its arguments.
    pub argv: Vec<OsText>,
    /// Variables added to the environment.
    pub env: Vec<(String, OsText)>,
    /// The slot's room in the scratch of the run: a tool in the sandbox may write below it.
    pub room: OsText,
    /// The attempt's folder in it: the tool's working folder.
    pub scratch: OsText,
    /// Where its output is logged; the file is made when there is some.
    pub log: OsText,
    /// The longest it may take, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// The longest it may go without output and without using the processor, in milliseconds.
    pub idle_ms: Option<u64>,
    /// Between SIGTERM and SIGKILL, in milliseconds.
    pub grace_ms: u64,
    /// The most address space, in bytes.
    pub memory: Option<u64>,
    /// The most output, in bytes.
    pub max_output: u64,
    /// Whether it may write only to its scratch, caches and temporary folders.
    pub sandbox: bool,
    /// Texts that are replaced in all that is kept of its output.
    pub secrets: Vec<String>,
}

/// What the engine says while a tool runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CancelRequest {
    /// Without a grace period.
    pub now: bool,
}

/// How a tool ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToolExit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal that was not ours.
    Signal(i32),
    /// It took longer than it may.
    TimedOut,
    /// It neither wrote nor used the processor for longer than it may.
    IdleTimedOut,
    /// It wrote more than it may.
    OutputFlood,
    /// The engine asked for its end.
    Cancelled,
    /// It could not be started.
    StartFailed {
        /// The system's error number, 0 where there is none.
        errno: i32,
        /// What the system says.
        message: String,
    },
}

impl std::fmt::Display for ToolExit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "ended by signal {signal}"),
            Self::TimedOut => f.write_str("it took too long"),
            Self::IdleTimedOut => f.write_str("it did nothing for too long"),
            Self::OutputFlood => f.write_str("it wrote too much"),
            Self::Cancelled => f.write_str("it was cancelled"),
            Self::StartFailed { message, .. } => write!(f, "it could not be started: {message}"),
        }
    }
}

/// The end of an attempt with a tool.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToolEnd {
    /// How it ended.
    pub exit: ToolExit,
    /// The last of its standard output, made safe for a terminal.
    pub stdout: String,
    /// The last of its standard error, made safe for a terminal.
    pub stderr: String,
    /// Bytes that it wrote to both.
    pub output: u64,
    /// Processes that it left behind; they were ended.
    pub leftover: u32,
}

/// One attempt with a built-in step, or a look at outputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum StepRequest {
    /// Run a built-in step.
    Run {
        /// Its name in the register.
        uses: String,
        /// Its parameters, every placeholder filled.
        with: Value,
        /// The files to read.
        inputs: Vec<OsText>,
        /// Where to write each output.
        outputs: Vec<(String, OsText)>,
        /// The most address space, in bytes.
        memory: Option<u64>,
    },
    /// Decode sound and pictures: to the end, or only what a player reads first.
    Verify {
        /// The files.
        files: Vec<OsText>,
        /// To the last sample and pixel.
        full: bool,
    },
}

/// What comes of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum StepReply {
    /// It is so far, in seconds of sound, and so many there are; it goes on.
    Progress(f64, Option<f64>),
    /// It worked.
    Done(Values),
    /// It did not.
    Failed(Fault),
}

pub(super) fn send<T: Serialize>(mut to: impl Write, message: &T) -> std::io::Result<()> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message)?;
    let length = u32::try_from(frame.len() - 4).map_err(std::io::Error::other)?;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    to.write_all(&frame)
}

/// `None` at the end of the stream.
pub(super) fn receive<T: DeserializeOwned>(mut from: impl Read) -> std::io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(length);
    if length > LONGEST {
        return Err(std::io::Error::other("a message of the engine or its host is out of bounds"));
    }
    let mut json = vec![0; length as usize];
    from.read_exact(&mut json)?;
    Ok(Some(serde_json::from_slice(&json)?))
}

impl ToolRequest {
    /// The program and its arguments as paths.
    pub(super) fn program(&self) -> Option<(PathBuf, &[OsText])> {
        self.argv.split_first().map(|(program, arguments)| (PathBuf::from(&program.0), arguments))
    }
}
