//! `mediamill checkpoint remove`.

use std::process::ExitCode;

use super::{Entry, Place, find};
use crate::cli::failure::{Failure, code};
use crate::cli::{output, state};
use crate::resilience::checkpoint::ItemState;
use crate::resilience::store::{self, Access, Store};

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(super) struct Args {
    /// The item: its id, its file, or its file's name.
    #[arg(group = "which")]
    item: Option<String>,
    /// All items.
    #[arg(long, group = "which")]
    all: bool,
    /// Those that failed.
    #[arg(long, group = "which")]
    failed: bool,
}

pub(super) fn run(args: &Args, place: &Place) -> Result<ExitCode, Failure> {
    let open = || Store::open(&place.state, &place.pipeline, Access::Run { sync: false });
    // What a crash kept from the items' files is written first: else the next run would bring it back.
    let store = open().map_err(|error| state::refused(&error))?;
    store.heal();
    let cannot = |error| Failure::new(code::STATE, format!("cannot write into {}: {error}", place.folder().display()));
    store.close().map_err(cannot)?;
    let _held = open().map_err(|error| state::refused(&error))?;
    let all = place.files()?;
    let meant: Vec<&Entry> = match &args.item {
        Some(item) => vec![&all[find::find(&all, item)?]],
        None if args.failed => all.iter().filter(|(_, read)| is_failed(read.as_ref().ok())).collect(),
        None => all.iter().collect(),
    };
    let mut told = String::new();
    for (id, _) in &meant {
        store::remove(&place.folder(), id)
            .map_err(|error| Failure::new(code::STATE, format!("cannot remove the checkpoint {id}: {error}")))?;
        told.push_str(&format!("removed {id}\n"));
    }
    told.push_str(&match meant.len() {
        0 => "nothing to remove\n".to_owned(),
        1 => "1 item runs again from its start; its outputs are left where they are\n".to_owned(),
        count => format!("{count} items run again from their start; their outputs are left where they are\n"),
    });
    output::print(&crate::resilience::safe_text::safe_text(&told));
    Ok(ExitCode::SUCCESS)
}

fn is_failed(checkpoint: Option<&crate::resilience::checkpoint::Checkpoint>) -> bool {
    checkpoint.is_some_and(|checkpoint| checkpoint.state == ItemState::Failed)
}
