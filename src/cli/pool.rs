//! `mediamill pool`: how healthy the assets of a pipeline's pools are.

mod reset;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use super::failure::Failure;
use super::state;
use crate::engine::assets::AssetPool;
use crate::engine::kept::take_up;
use crate::pipeline::suggest;
use crate::resilience::kept_scores::KeptScores;
use crate::resilience::store::{Access, Store};

/// Look at the asset pools of a pipeline: scores, who is on the denylist; forget scores that were kept.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// The state folder.
    #[arg(long, value_name = "DIR", default_value = "checkpoints", global = true)]
    state: PathBuf,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Forget the scores that were kept: of all pools, of one, or of one asset.
    Reset(reset::Args),
    /// Tell the score of every asset, and whether it is healthy or on the denylist.
    Status(status::Args),
}

/// Which pipeline, and which of its pools.
#[derive(Debug, clap::Args)]
struct Which {
    /// The pipeline file.
    pipeline: PathBuf,
    /// Only this pool.
    #[arg(long, value_name = "NAME")]
    pool: Option<String>,
}

/// Does what is asked.
///
/// # Errors
/// That the pipeline cannot be read, there is no such pool, or the state folder cannot be used.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    match &args.what {
        What::Reset(which) => reset::run(which, &args.state),
        What::Status(which) => status::run(which, &args.state),
    }
}

/// The pools that are meant, with the scores that were kept, and the store.
struct Found {
    pools: Vec<AssetPool>,
    kept: KeptScores,
    store: Store,
    name: String,
}

impl Which {
    fn find(&self, state: &std::path::Path, access: Access) -> Result<Found, Failure> {
        let plan = state::plan(&self.pipeline)?.plan;
        if let Some(wanted) = self.pool.as_ref().filter(|wanted| plan.pools.iter().all(|pool| pool.name != **wanted)) {
            let failure = Failure::usage(format!("the steps of {} draw from no pool '{wanted}'", plan.name));
            return Err(match suggest::help(wanted, plan.pools.iter().map(|pool| pool.name.as_str())) {
                Some(help) => failure.hint(help),
                None => failure,
            });
        }
        if plan.pools.is_empty() {
            return Err(Failure::usage(format!("the steps of {} draw from no pool", plan.name))
                .hint("a pool stands in [pools.NAME], and a step draws from it by {pools.NAME}"));
        }
        let mut pools = AssetPool::find_all(&plan.pools).map_err(|error| Failure::usage(error.to_string()))?;
        let store = Store::open(state, &plan.name, access).map_err(|error| state::refused(&error))?;
        let kept = take_up(&mut pools, &store);
        pools.retain(|pool| self.pool.as_ref().is_none_or(|wanted| pool.spec.name == *wanted));
        Ok(Found { pools, kept, store, name: plan.name })
    }
}
