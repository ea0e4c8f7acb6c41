//! The resources of an attempt: its leases, and steps that work with them.

use serde_json::Value;

use super::{Attempt, Failure, Place, Task, Workshop};
use crate::engine::item::fill;
use crate::resilience::checkpoint::Checkpoint;
use crate::resilience::hash::hash_bytes;
use crate::resilience::{Fault, FaultClass};
use crate::resources::{Leases, Owner};
use crate::steps::builtin::Values;
use crate::steps::resource::{Note, ResourceJob, ResourceStep};

/// Who holds the leases of the attempt: run, item, step and piece, attempt.
#[must_use]
pub fn owner_of(workshop: &Workshop, task: &Task) -> Owner {
    let run = workshop.run_folder.file_name().unwrap_or_default().to_string_lossy();
    let step = &workshop.context.plan.steps[task.step].id;
    let piece = task.piece.map_or_else(String::new, |place| format!(".{}", place + 1));
    Owner::new(format!("{run}/{}/{step}{piece}/{}", task.active.item.id, task.attempt))
}

/// A key that is the same whenever the same thing is to be done, and different for any other: of these words. 32
/// hexadecimal digits.
#[must_use]
pub fn once(words: &[&str]) -> String {
    let mut text = b"mediamill once 1".to_vec();
    for word in words {
        // The lengths keep ("ab", "c") apart from ("a", "bc").
        text.extend((word.len() as u64).to_le_bytes());
        text.extend(word.as_bytes());
    }
    hash_bytes(&text)
}

impl Attempt<'_> {
    /// Leases of all that the step names.
    pub(super) fn lease(&self) -> Result<Leases, Fault> {
        if self.step.resources.is_empty() {
            return Ok(Leases::default());
        }
        let owner = owner_of(self.workshop, self.task);
        let resources = &self.workshop.resources;
        resources.acquire(&self.step.resources, &owner, &self.task.canceller)
    }

    /// Runs a step that works with a resource, on the desk.
    pub(super) fn run_resource_step(
        &mut self,
        step: &'static ResourceStep,
        with: &Value,
        place: &Place,
        known: &Checkpoint,
        leases: &Leases,
    ) -> Result<Values, Failure> {
        let resources = &self.workshop.resources;
        let name = self.step.resources.iter().find(|name| resources.kind(name) == Some(step.kind));
        let lease = name.and_then(|name| leases.get(name));
        let (Some(name), Some(lease), Some(desk)) = (name, lease, resources.desk()) else {
            let message = format!("step '{}' has no {} to work with", self.step.id, step.kind.word());
            return Err(Fault::new(FaultClass::Bug, "lease", message).into());
        };
        let filled = fill(with, &self.fields(place, known))
            .map_err(|why| Fault::input("placeholder", format!("a parameter cannot be filled: {why}")))?;
        // As JSON, in which no two names are the same, whatever bytes they hold.
        let piece = self.piece.as_ref().map(|view| serde_json::json!(view.piece.key).to_string()).unwrap_or_default();
        let note = Note::default();
        let job = ResourceJob {
            with: filled,
            inputs: place.inputs.iter().map(Into::into).collect(),
            outputs: place.outputs.clone(),
            resource: name.clone(),
            lease: lease.clone(),
            once: once(&[&self.workshop.context.plan.name, &self.task.active.item.id, &self.step.id, &piece]),
            note: note.clone(),
        };
        let run = step.run;
        // Called on the desk: what it begins with is done there, too.
        let work = async move { run(job).await };
        let done = desk.wait(work, &self.task.canceller, self.step.timeout);
        // Of one that is tried again its own first attempt is what it has to tell of.
        let said = note.said().filter(|_| self.task.attempt == 1);
        self.note = said.and_then(|said| resources.note(&self.step.id, said));
        Ok(done.map_err(|fault| if fault.resource.is_none() { fault.of_resource(name) } else { fault })?)
    }
}
