//! A tool's standard streams: always drained, bounded in memory, logged in a form that is safe for a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use crate::resilience::safe_text::safe_text;
use crate::resources::redact::Redactor;

/// What is kept of the end of each stream.
const TAIL: usize = 64 * 1024;
/// What is logged before only the end is kept.
const LOG_HEAD: u64 = 16 << 20;

/// One stream of a tool.
#[derive(Debug)]
pub(super) struct Stream {
    file: Option<File>,
    tail: Vec<u8>,
    /// Bytes that came.
    pub(super) total: u64,
    /// What came of a character that is not whole yet.
    part: Vec<u8>,
    /// What comes out of it holds no secret; nothing where there are none.
    redactor: Option<Redactor>,
}

/// The log of one attempt. The file is made with the first byte.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: Option<File>,
    written: u64,
    left_out: u64,
    failed: bool,
}

impl Stream {
    /// Takes the reading end of a pipe. Nothing is kept of `secrets` that come through it.
    pub(super) fn new(pipe: OwnedFd, secrets: &[String]) -> Self {
        let _ = rustix::io::ioctl_fionbio(&pipe, true);
        let redactor = (!secrets.is_empty()).then(|| Redactor::new(secrets.to_vec()));
        Self { file: Some(pipe.into()), tail: Vec::new(), total: 0, part: Vec::new(), redactor }
    }

    /// What to wait on, until the stream ends.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(AsFd::as_fd)
    }

    /// Takes what has come, but no more than some blocks, so that a flood cannot starve the clock.
    pub(super) fn drain(&mut self, log: &mut Log, buffer: &mut [u8]) {
        for _ in 0..16 {
            let Some(file) = &mut self.file else { return };
            match file.read(buffer) {
                Ok(0) => {
                    self.file = None;
                    self.flush(log);
                }
                Ok(n) => {
                    self.total += n as u64;
                    let clean = self.redactor.as_mut().map(|redactor| redactor.push(&buffer[..n]));
                    self.take(clean.as_deref().unwrap_or(&buffer[..n]), log);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(_) => self.file = None,
            }
        }
    }

    fn take(&mut self, bytes: &[u8], log: &mut Log) {
        self.tail.extend_from_slice(bytes);
        if self.tail.len() > 2 * TAIL {
            self.tail.drain(..self.tail.len() - TAIL);
        }
        self.part.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.part) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.part.len(),
        };
        let rest = self.part.split_off(whole);
        log.write(&std::mem::replace(&mut self.part, rest));
    }

    /// Logs what was held back, when nothing more comes.
    pub(super) fn flush(&mut self, log: &mut Log) {
        if let Some(rest) = self.redactor.as_mut().map(Redactor::finish) {
            self.take(&rest, log);
        }
        log.write(&std::mem::take(&mut self.part));
    }

    /// The end of the stream, safe for a terminal.
    pub(super) fn tail(&self) -> String {
        let from = self.tail.len().saturating_sub(TAIL);
        text_of(&self.tail[from..])
    }
}

/// Readable text of what a tool wrote: a carriage return, which progress bars use, ends a line.
fn text_of(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
    text.split('\n').map(safe_text).collect::<Vec<_>>().join("\n")
}

impl Log {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None, written: 0, left_out: 0, failed: false }
    }

    fn write(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || self.failed {
            return;
        }
        if self.written >= LOG_HEAD {
            self.left_out += bytes.len() as u64;
            return;
        }
        self.put(&text_of(bytes));
        self.written += bytes.len() as u64;
    }

    /// A log that cannot be written must not end the work: the engine still gets the tails.
    fn put(&mut self, text: &str) {
        if self.file.is_none() {
            let folder = self.path.parent().map_or(Ok(()), std::fs::create_dir_all);
            self.file = folder.and_then(|()| File::create(&self.path)).ok();
        }
        let written = self.file.as_mut().map(|file| file.write_all(text.as_bytes()));
        self.failed = !matches!(written, Some(Ok(())));
    }

    /// Adds the end of what was too much to log in full.
    pub(super) fn close(mut self, streams: &[&Stream]) {
        if self.left_out > 0 {
            self.put(&format!("\n[... {} bytes left out; the end of each stream follows ...]\n", self.left_out));
            for stream in streams {
                let tail = stream.tail();
                self.put(&tail);
                self.put("\n");
            }
        }
    }
}
