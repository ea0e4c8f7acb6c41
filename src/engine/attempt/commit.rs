//! Moves outputs into place: recorded first, so that after a SIGKILL at any instant it is known whose a file is.

use std::path::Path;
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::Attempt;
use super::outputs::Found;
use crate::engine::due;
use crate::engine::fingerprint::Owner;
use crate::pipeline::plan::Durability;
use crate::resilience::Fault;
use crate::resilience::checkpoint::{Fingerprint, ItemState, StepOutcome, StepRecord};
use crate::steps::builtin::Values;

impl Attempt<'_> {
    /// Commits the outputs and the record of the step. Gives the bytes in its artifacts.
    pub(super) fn commit(
        &mut self,
        found: Vec<Found>,
        fingerprint: Fingerprint,
        mut values: Values,
        took: Duration,
    ) -> Result<u64, Fault> {
        let context = &self.workshop.context;
        let sync = context.plan.durability == Durability::Power;
        self.make_way(&found)?;
        let bytes = found.iter().map(|one| one.artifact.size).sum();
        let active = &self.task.active;
        let pieces = self.record_pieces(&found, &mut values)?;
        let (made_pieces, of_pieces): (Vec<String>, bool) = (pieces.keys().cloned().collect(), !pieces.is_empty());
        let whole = found.iter().filter(|one| one.key.is_none());
        let artifacts = whole.map(|one| (one.name.clone(), one.artifact.clone())).collect();
        let record = StepRecord {
            outcome: StepOutcome::Done,
            fingerprint,
            artifacts,
            pieces,
            draws: self.drawn.files.clone(),
            each: None,
            attempts: self.task.attempt,
            duration: took.as_secs_f64(),
            left_out: None,
        };
        let mut checkpoint = active.checkpoint();
        let before = checkpoint.clone();
        checkpoint.mark(&self.step.id, record, values);
        checkpoint.fault = None;
        checkpoint.state = if self.task.last { ItemState::Done } else { ItemState::Pending };
        if let Some(due) = due::with_state(&context.plan, checkpoint.state) {
            checkpoint.hooks_due = due;
        }
        let recorded = context.store.record(active.item.key, &mut checkpoint);
        let moved = recorded
            .map_err(|error| Fault::from_io("the checkpoint cannot be written", &error))
            .and_then(|()| found.iter().try_for_each(|one| move_into_place(one, context.options.overwrite, sync)));
        if let Err(fault) = moved {
            // What is recorded and not there would only be made again; but it must not be taken for done meanwhile.
            // Some outputs may have been moved already: they are ours all the same.
            let revision = checkpoint.revision;
            *checkpoint = before;
            checkpoint.revision = revision;
            let whole = found.iter().filter(|one| one.key.is_none());
            checkpoint.formerly.extend(whole.map(|one| one.artifact.clone()));
            let _ = context.store.record(active.item.key, &mut checkpoint);
            return Err(fault);
        }
        context.store.publish(active.item.key, &checkpoint);
        drop(checkpoint);
        if of_pieces {
            self.remove_outdated(&made_pieces);
        }
        Ok(bytes)
    }

    /// Everything is ready for the outputs to be moved, so that little can go wrong once they are recorded.
    pub(super) fn make_way(&self, found: &[Found]) -> Result<(), Fault> {
        let sync = self.workshop.context.plan.durability == Durability::Power;
        let mut made: Option<&Path> = None;
        for one in found {
            let folder = one.artifact.path.as_path().parent().unwrap_or(Path::new("/"));
            if made != Some(folder) {
                std::fs::create_dir_all(folder)
                    .map_err(|error| Fault::from_io(&format!("cannot make the folder {}", folder.display()), &error))?;
                made = Some(folder);
            }
            if sync {
                std::fs::File::open(&one.from)
                    .and_then(|file| file.sync_all())
                    .map_err(|error| Fault::from_io("an output cannot be synced to the disk", &error))?;
            }
        }
        Ok(())
    }
}

pub(super) fn move_into_place(found: &Found, overwrite: bool, sync: bool) -> Result<(), Fault> {
    let (from, to) = (found.from.as_path(), found.artifact.path.as_path());
    // A file that appeared since we looked is somebody's.
    let keep_others = found.takes_place == Owner::Nobody && !overwrite;
    let moved = if keep_others {
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => std::fs::rename(from, to),
            Err(rustix::io::Errno::EXIST) => {
                return Err(Fault::input(
                    "output-exists",
                    format!("{} appeared while it was being made", to.display()),
                )
                .with_hint("move it away, or let it be replaced with --overwrite"));
            }
            other => other.map_err(Into::into),
        }
    } else {
        std::fs::rename(from, to)
    };
    let moved = match moved {
        Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => copy_across(found),
        other => other,
    };
    moved
        .and_then(|()| match to.parent() {
            Some(folder) if sync => std::fs::File::open(folder)?.sync_all(),
            _ => Ok(()),
        })
        .map_err(|error| Fault::from_io(&format!("{} cannot be put in place", to.display()), &error))
}

/// The target is on another file system than the scratch: copied beside it first, so that it still appears whole.
fn copy_across(found: &Found) -> std::io::Result<()> {
    let to = found.artifact.path.as_path();
    let folder = to.parent().unwrap_or(Path::new("/"));
    let mut beside = tempfile::Builder::new().prefix(".mediamill-").tempfile_in(folder)?;
    let mut from = std::fs::File::open(&found.from)?;
    std::io::copy(&mut from, beside.as_file_mut())?;
    let metadata = from.metadata()?;
    beside.as_file().set_permissions(metadata.permissions())?;
    beside.as_file().set_modified(metadata.modified()?)?;
    beside.as_file().sync_all()?;
    if found.takes_place == Owner::Nobody {
        beside.persist_noclobber(to).map(drop).map_err(|error| error.error)
    } else {
        beside.persist(to).map(drop).map_err(|error| error.error)
    }
}
