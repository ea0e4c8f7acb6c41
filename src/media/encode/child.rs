//! An ffmpeg that codes what it is given through a pipe.
//!
//! It ends when we do: its input ends with us, and it reads nothing else.

use std::ffi::OsString;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ChildStderr, ChildStdin, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use crate::media::error::{MediaError, ToolTrouble};

/// The program.
pub const FFMPEG: &str = "ffmpeg";

/// How much of its complaints is kept: the last of them tells why it ended.
const TAIL: usize = 4096;

/// A running ffmpeg.
pub(super) struct Child {
    process: std::process::Child,
    samples: Option<ChildStdin>,
    complaints: Option<JoinHandle<String>>,
    bytes: Vec<u8>,
}

impl Child {
    /// Starts it: samples of `channels` channels at `rate` Hz become the file `to`, coded as `arguments` say.
    pub(super) fn start(to: &Path, rate: u32, channels: usize, arguments: &[String]) -> Result<Self, MediaError> {
        // A name is never an option or a protocol this way, whatever it begins with.
        let mut file = OsString::from("file:");
        file.push(to);
        let mut command = Command::new(FFMPEG);
        command.args(["-nostdin", "-hide_banner", "-loglevel", "error", "-protocol_whitelist", "pipe"]);
        command.args(["-f", "f32le", "-ar", &rate.to_string(), "-ac", &channels.to_string()]);
        // Its own guess takes three channels for 2.1.
        if let Some(layout) = layout(channels) {
            command.args(["-channel_layout", layout]);
        }
        command.args(["-i", "pipe:0"]);
        // No dates and no versions: the same sound gives the same bytes.
        command.args(["-map_metadata", "-1", "-threads", "1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]);
        command.args(arguments).arg("-y").arg(file);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().map_err(|error| MediaError::Tool {
            program: FFMPEG,
            trouble: ToolTrouble::NotStarted(error),
            said: String::new(),
        })?;
        let samples = process.stdin.take();
        let complaints = process.stderr.take().map(|pipe| std::thread::spawn(|| tail(pipe)));
        Ok(Self { process, samples, complaints, bytes: Vec::new() })
    }

    pub(super) fn write(&mut self, samples: &[f32]) -> Result<(), MediaError> {
        self.bytes.clear();
        self.bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        let Some(pipe) = &mut self.samples else { return Ok(()) };
        match pipe.write_all(&self.bytes) {
            Ok(()) => Ok(()),
            // It has ended before its input did: what it said tells why.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                let (status, said) = self.wait()?;
                Err(failed(status, said))
            }
            Err(error) => Err(MediaError::Unwritable(error)),
        }
    }

    pub(super) fn finish(mut self) -> Result<(), MediaError> {
        let (status, said) = self.wait()?;
        if status.success() { Ok(()) } else { Err(failed(status, said)) }
    }

    /// Ends its input, and waits for what comes of that.
    fn wait(&mut self) -> Result<(ExitStatus, String), MediaError> {
        self.samples = None;
        let status = self.process.wait().map_err(MediaError::Unwritable)?;
        let said = self.complaints.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        Ok((status, said))
    }
}

impl Drop for Child {
    /// One that was not finished is of no use to anybody.
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

/// What ffmpeg calls the channels that a WAV file of so many holds, in the same order.
fn layout(channels: usize) -> Option<&'static str> {
    Some(match channels {
        1 => "mono",
        2 => "stereo",
        3 => "3.0",
        4 => "quad",
        5 => "5.0",
        6 => "5.1",
        7 => "6.1",
        8 => "7.1",
        _ => return None,
    })
}

fn failed(status: ExitStatus, said: String) -> MediaError {
    let trouble = match status.signal() {
        Some(signal) => ToolTrouble::Signal(signal),
        None => ToolTrouble::Code(status.code().unwrap_or_default()),
    };
    MediaError::Tool { program: FFMPEG, trouble, said }
}

/// Reads to the end, so that the writer never waits, and keeps the last of it.
fn tail(mut pipe: ChildStderr) -> String {
    let (mut kept, mut part) = (Vec::new(), [0; 1024]);
    while let Ok(count @ 1..) = pipe.read(&mut part) {
        kept.extend_from_slice(&part[..count]);
        kept.drain(..kept.len().saturating_sub(TAIL));
    }
    String::from_utf8_lossy(&kept).into_owned()
}
