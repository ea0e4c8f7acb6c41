//! `mediamill pool reset`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::Which;
use crate::cli::failure::{Failure, code};
use crate::cli::output;
use crate::engine::batch::absolute;
use crate::resilience::kept_scores::kept_in;
use crate::resilience::store::Access;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// Only this asset: its path.
    asset: Option<PathBuf>,
}

pub(super) fn run(args: &Args, state: &Path) -> Result<ExitCode, Failure> {
    // Locked: a run that works would write what it knows over it.
    let mut found = args.which.find(state, Access::Run { sync: false })?;
    let wanted = args.asset.as_deref().map(absolute);
    let mut forgotten = 0;
    for pool in &found.pools {
        let Some(scores) = found.kept.pools.get_mut(&pool.spec.name) else { continue };
        let before = scores.len();
        // By content too: the file may have had another name when its score was kept.
        let content = wanted.as_deref().and_then(|path| crate::resilience::hash::hash_file(path).ok());
        scores.retain(|hash, score| match &wanted {
            None => false,
            Some(path) => {
                score.path.as_path() != path.as_path() && content.as_ref().is_none_or(|(content, _)| content != hash)
            }
        });
        forgotten += before - scores.len();
    }
    if let Some(path) = wanted.filter(|_| forgotten == 0) {
        return Err(Failure::usage(format!("no score of {} is kept", path.display()))
            .hint("`mediamill pool status` lists the assets; scores are kept of pools with `persist = true`"));
    }
    found.kept.pools.retain(|_, scores| !scores.is_empty());
    let file = kept_in(found.store.dir());
    found
        .kept
        .write(&file)
        .map_err(|error| Failure::new(code::STATE, format!("cannot write {}: {error}", file.display())))?;
    let scores = if forgotten == 1 { "score" } else { "scores" };
    output::print(&format!("{forgotten} {scores} forgotten\n"));
    Ok(ExitCode::SUCCESS)
}
