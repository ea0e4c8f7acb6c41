//! One run at a time: a lock of the kernel's, gone with its holder.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::StoreError;

/// How long a lock is waited for whose holder is no more: a child of it that was killed between fork and exec still shares
/// the descriptor for a moment.
const PATIENCE: Duration = Duration::from_secs(2);

/// The held lock. What the file says is for people; the lock itself is the kernel's.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    pub(super) fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("lock");
        let io = |doing| {
            let path = path.clone();
            move |source| StoreError::Io { doing, path, source }
        };
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(io("open"))?;
        let until = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    let _ = file.rewind().and_then(|()| (&file).take(200).read_to_string(&mut holder));
                    if is_gone(&holder) && Instant::now() < until {
                        std::thread::sleep(Duration::from_millis(5));
                        continue;
                    }
                    let holder = if holder.trim().is_empty() { "it has not said which" } else { holder.trim() };
                    return Err(StoreError::Held { path: dir.to_path_buf(), holder: holder.to_owned() });
                }
                Err(TryLockError::Error(source)) => return Err(io("lock")(source)),
            }
        }
        let since = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC");
        let host = rustix::system::uname();
        let text = format!("process {} on {}, since {since}\n", std::process::id(), host.nodename().to_string_lossy());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(io("write"))?;
        Ok(Self(file))
    }
}

/// Whether the holder, as the file tells it, is a process of this machine that is no more.
fn is_gone(holder: &str) -> bool {
    let Some((id, host)) = holder.strip_prefix("process ").and_then(|rest| rest.split_once(" on ")) else {
        return false;
    };
    let here = rustix::system::uname();
    let is_here = host.split_once(", since ").is_some_and(|(name, _)| name == here.nodename().to_string_lossy());
    is_here && id.parse::<u32>().is_ok_and(|id| !Path::new(&format!("/proc/{id}")).exists())
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A child between fork and exec still shares the descriptor: closing alone might leave it locked.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_gone_when_it_was_here_and_is_no_more() {
        let here = rustix::system::uname();
        let here = here.nodename().to_string_lossy();
        // No process has a number above the kernel's largest limit.
        assert!(is_gone(&format!("process 4194999 on {here}, since 2026-11-22 12:52:08 UTC\n")));
        assert!(!is_gone(&format!("process {} on {here}, since 2026-11-22 12:52:08 UTC\n", std::process::id())));
        assert!(!is_gone("process 4194999 on another-machine, since 2026-11-22 12:52:08 UTC\n"));
        assert!(!is_gone("") && !is_gone("process x on y"));
    }
}
