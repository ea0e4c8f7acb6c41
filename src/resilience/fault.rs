//! Why an attempt failed, and whose account it is charged to.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::os_text::OsText;

/// The cause of a fault of class [`FaultClass::Asset`] for which nobody pays: the asset is well, and does not fit the item.
pub const UNSUITED: &str = "unsuited";

/// The cause of a fault of class [`FaultClass::Transient`] that costs no attempt: a service was not called, as its limit of
/// calls in a time was reached. The fault tells when the next call may be made.
pub const THROTTLED: &str = "throttled";

/// The cause of a fault of class [`FaultClass::Transient`] that costs no attempt, and for which no breaker pays: no lease of a
/// resource came free in time.
pub const ACQUIRE_TIMEOUT: &str = "acquire-timeout";

/// The cause of a fault of class [`FaultClass::Transient`] for which no breaker pays: the service did its work, and its answer
/// is of no use. It may give another the next time.
pub const UNFIT: &str = "unfit-answer";

/// The class of a fault. Each class is charged to one account only.
///
/// | class | retried | counts for the breaker | the item |
/// |---|---|---|---|
/// | `Input` | no | neutral | failed, with the reason |
/// | `Transient` | yes | failure | failed after the last attempt |
/// | `Dependency` | no | failure | parked |
/// | `Environment` | when it is well again | neutral | waits; the run pauses |
/// | `Asset` | at once, with another asset | neutral | failed when too many in a row did |
/// | `Cancelled` | no | neutral | as it was |
/// | `Bug` | no | neutral | failed, with the trace |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FaultClass {
    /// The file is to blame: broken, of the wrong format, over a limit.
    Input,
    /// It may work the next time: timeout, killed by a signal, connection lost, GPU out of memory.
    Transient,
    /// The tool or service is to blame: missing, of the wrong version, without its model.
    Dependency,
    /// The machine is to blame: disk or inodes full, read-only, out of descriptors.
    Environment,
    /// A font, a background or another asset of a pool is to blame: its score pays for it.
    Asset,
    /// Somebody asked for it.
    Cancelled,
    /// mediamill is to blame: a panic of its own.
    Bug,
}

impl FaultClass {
    /// The class as files and screens write it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Transient => "transient",
            Self::Dependency => "dependency",
            Self::Environment => "environment",
            Self::Asset => "asset",
            Self::Cancelled => "cancelled",
            Self::Bug => "bug",
        }
    }
}

impl std::fmt::Display for FaultClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// Why one attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Whose account it goes to.
    pub class: FaultClass,
    /// A short stable key to group by: `timeout`, `signal`, `exit`, `output-missing`, `decode`, `disk-full`, ...
    pub cause: String,
    /// What happened, for the person who reads it. A fragment: lower case, no period.
    pub message: String,
    /// What to do about it, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The asset that is to blame, where the class is [`FaultClass::Asset`]: its path, or its pool's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<OsText>,
    /// The resource that is to blame, where a step holds leases: its name in the pipeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The service asked not to be called before so many milliseconds are over. That holds for everybody who depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Fault {
    /// A fault of `class`; `cause` is the key that failures are grouped by.
    pub fn new(class: FaultClass, cause: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            class,
            cause: cause.into(),
            message: message.into(),
            hint: None,
            asset: None,
            resource: None,
            retry_after: None,
        }
    }

    /// A fault of the input file.
    pub fn input(cause: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FaultClass::Input, cause, message)
    }

    /// A fault of the asset at `path`, which a pool gave. A step whose file is of no pool says it all the same: the engine
    /// knows what was drawn.
    pub fn asset(path: &Path, cause: impl Into<String>, message: impl Into<String>) -> Self {
        Self { asset: Some(OsText::from(path)), ..Self::new(FaultClass::Asset, cause, message) }
    }

    /// The asset at `path` is well, and not fit for what was asked of it: a font without a glyph of the text. Where a pool
    /// gave it, the engine draws another at once, and charges nobody.
    pub fn unsuited(path: &Path, message: impl Into<String>) -> Self {
        Self::asset(path, UNSUITED, message)
    }

    /// The same fault, blamed on the resource `name`.
    #[must_use]
    pub fn of_resource(mut self, name: impl Into<String>) -> Self {
        self.resource = Some(name.into());
        self
    }

    /// The same fault with the wait that the service asked for.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// The same fault with a word on what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The fault that an error of the operating system stands for, met while `doing` something ("cannot read x.wav").
    ///
    /// Full disks, read-only file systems and exhausted descriptors are the machine's; out of memory and interrupted
    /// calls pass; everything else is told as the input's.
    #[must_use]
    pub fn from_io(doing: &str, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let message = format!("{doing}: {error}");
        let errno = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
        match (error.kind(), errno) {
            (ErrorKind::StorageFull | ErrorKind::QuotaExceeded, _) => {
                Self::new(FaultClass::Environment, "disk-full", message)
                    .with_hint("free room on that disk; the run goes on by itself")
            }
            (ErrorKind::ReadOnlyFilesystem, _) => Self::new(FaultClass::Environment, "read-only", message),
            (_, Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE)) => {
                Self::new(FaultClass::Environment, "descriptors", message)
                    .with_hint("raise the limit of open files (ulimit -n), or lower --jobs")
            }
            (ErrorKind::OutOfMemory | ErrorKind::Interrupted | ErrorKind::WouldBlock, _)
            | (_, Some(rustix::io::Errno::AGAIN | rustix::io::Errno::IO)) => {
                Self::new(FaultClass::Transient, "io", message)
            }
            (ErrorKind::NotFound, _) => Self::input("not-found", message),
            (ErrorKind::PermissionDenied, _) => Self::input("permission", message),
            _ => Self::input("io", message),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}
