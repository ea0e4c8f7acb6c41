//! `mediamill checkpoint`: a person's view of what is done.

mod export;
mod find;
mod list;
mod pieces;
mod remove;
mod show;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use super::failure::{Failure, code};
use super::state::{self, StateArgs};
use crate::report::Names;
use crate::resilience::checkpoint::{Checkpoint, ItemState, Unusable};
use crate::resilience::store::{self, Access, ItemKey, Loaded, Store};

/// Look at checkpoints, check what they promise, remove and export them.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    state: StateArgs,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Write all checkpoints, for other programs.
    Export(export::Args),
    /// List the items: where each stands, what is done, since when.
    List(list::Args),
    /// Remove checkpoints: their items run again from the start. Outputs are left.
    Remove(remove::Args),
    /// Tell all that is known of one item.
    Show(show::Args),
    /// Read every output again and compare it with what was written; exit code 1 if one is missing or changed.
    Verify(verify::Args),
}

/// Does what is asked.
///
/// # Errors
/// That the state folder cannot be used, or the item is not known.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let place = Place { state: args.state.state.clone(), pipeline: args.state.pipeline()? };
    match &args.what {
        What::Export(args) => export::run(args, &place),
        What::List(args) => list::run(args, &place),
        What::Remove(args) => remove::run(args, &place),
        What::Show(args) => show::run(args, &place),
        What::Verify(args) => verify::run(args, &place),
    }
}

/// A pipeline in the state folder.
struct Place {
    state: PathBuf,
    pipeline: String,
}

/// A checkpoint by its id, or what is wrong with it.
type Entry = (String, Result<Checkpoint, Unusable>);

impl Place {
    fn folder(&self) -> PathBuf {
        self.state.join(&self.pipeline)
    }

    /// All checkpoints, by id, as a run would take them: a change that a crash kept from an item's file counts.
    fn all(&self) -> Result<Vec<Entry>, Failure> {
        let store = Store::open(&self.state, &self.pipeline, Access::Look).map_err(|error| state::refused(&error))?;
        let mut all = self.files()?;
        for (id, read) in &mut all {
            let Ok(checkpoint) = read else { continue };
            if let Loaded::Known(newest) = store.load(ItemKey::of(checkpoint.source.path.as_path()), id) {
                *checkpoint = *newest;
            }
        }
        Ok(all)
    }

    /// All checkpoints, by id, as their files are.
    fn files(&self) -> Result<Vec<Entry>, Failure> {
        let folder = self.folder();
        store::list(&folder).map_err(|error| {
            Failure::new(code::STATE, format!("cannot read {}: {error}", folder.join("items").display()))
        })
    }
}

const fn word(state: ItemState) -> &'static str {
    match state {
        ItemState::Pending => "pending",
        ItemState::Done => "done",
        ItemState::Failed => "failed",
        ItemState::Parked => "parked",
    }
}

/// What is wrong with a checkpoint that cannot be used.
fn unusable(why: &Unusable) -> String {
    match why {
        Unusable::Unreadable(why) => format!("it cannot be read: {why}"),
        Unusable::Newer(version) => format!("it is of version {version}, written by a newer mediamill"),
    }
}

/// The item's file; the record of the steps over the whole batch has none.
fn source(checkpoint: &Checkpoint, names: &Names) -> String {
    let path = checkpoint.source.path.as_path();
    if path.as_os_str().is_empty() { "(the whole batch)".to_owned() } else { names.short(path) }
}

/// Seconds since 1970 as people read them.
fn when(seconds: f64) -> String {
    let time = jiff::Timestamp::from_second(seconds as i64).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
