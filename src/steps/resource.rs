//! Steps that work with a resource: they run in the engine's own process, where the leases are, and wait without a thread.
//!
//! The engine acquires a lease of every resource that the step names before it starts, and gives them back when the step
//! has ended, in whatever way. Such a step is a future: dropping it cancels it.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::builtin::{Builtin, Job, Values};
use crate::resilience::Fault;
use crate::resources::settings::ResourceKind;
use crate::resources::{AnyLease, Lease};

/// A built-in step that works with a resource.
pub struct ResourceStep {
    /// The step. Its `run` is [`needs_engine`].
    pub step: &'static Builtin,
    /// What the resource must be.
    pub kind: ResourceKind,
    /// Whether it reads a file: the item's, where the pipeline names no other.
    pub reads_file: bool,
    /// Does it.
    pub run: fn(ResourceJob) -> Doing,
}

/// A step that is under way.
pub type Doing = Pin<Box<dyn Future<Output = Result<Values, Fault>> + Send>>;

/// What such a step is given to work with.
#[derive(Clone)]
pub struct ResourceJob {
    /// Its parameters, every placeholder filled.
    pub with: Value,
    /// The files to read, absolute.
    pub inputs: Vec<PathBuf>,
    /// Where to write each output that the pipeline asks for: absolute, in the attempt's scratch, parent made.
    pub outputs: indexmap::IndexMap<String, PathBuf>,
    /// The resource's name in the pipeline.
    pub resource: String,
    /// The lease of it.
    pub lease: AnyLease,
    /// The same for every attempt at this task, in this run and later ones, and for no other task: what is written with it
    /// is written once. Printable ASCII, 64 characters at most.
    pub once: String,
    /// Where the step says something that a person should know though it did not fail.
    pub note: Note,
}

/// Something that a person should know of a step, told once it has ended. Its clones hold the same.
#[derive(Debug, Clone, Default)]
pub struct Note(Arc<OnceLock<String>>);

impl Note {
    /// Says it; what was said before stays.
    pub fn say(&self, what: String) {
        let _ = self.0.set(what);
    }

    /// What was said, if anything was.
    #[must_use]
    pub fn said(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

impl ResourceJob {
    /// The lease as one of `T`s.
    ///
    /// # Errors
    /// A bug: the engine gave a lease of another kind.
    pub fn lease<T: 'static>(&self) -> Result<Lease<T>, Fault> {
        let other = || Fault::new(crate::resilience::FaultClass::Bug, "lease", "the lease is of another kind");
        self.lease.downcast().ok_or_else(other)
    }
}

/// The `run` of a step that works with a resource, where nobody holds one.
///
/// # Errors
/// Always.
pub fn needs_engine(_with: Value, _job: &Job) -> Result<Values, Fault> {
    Err(Fault::input("resource-step", "this step works with a resource: name it in `resources`"))
}
