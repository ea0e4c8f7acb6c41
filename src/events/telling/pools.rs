//! What happens to assets, in words.

use std::path::Path;

use super::{Level, Tone, counted};
use crate::events::pools::reason;
use crate::events::{EventKind, PoolView, RunState, ScoreChange, Scoring, Standing};
use crate::resilience::Fault;

/// How much a change of an asset's score matters. That an attempt failed for it tells so itself.
pub(super) const fn level(change: ScoreChange, standing: Standing) -> Level {
    match (change, standing) {
        (ScoreChange::Success, Standing::Available | Standing::Denylisted)
        | (ScoreChange::Success, Standing::Spared)
        | (ScoreChange::Failure, Standing::Available) => Level::Debug,
        (_, Standing::Available) | (ScoreChange::Standing, Standing::Denylisted) => Level::Info,
        (_, Standing::Denylisted | Standing::Spared) => Level::Warn,
    }
}

/// Whether an asset was out of the pool before a failure already: its denylisting was told then.
#[must_use]
pub fn is_known(change: ScoreChange, score: i32, scoring: Scoring) -> bool {
    change == ScoreChange::Failure && score.saturating_add(scoring.failure) < scoring.threshold
}

/// `song.wav  render: with '/fonts/a.ttf': it has no outlines (asset/font)`.
pub(super) fn blamed(task: &str, piece: &str, asset: String, fault: &Fault) -> String {
    format!("{task}{piece}: with '{asset}': {} ({}/{})", reason(fault), fault.class, fault.cause)
}

/// The tone, the word and the rest, of what is about a pool.
pub(super) fn words(
    kind: &EventKind,
    state: &RunState,
    name: &dyn Fn(&Path) -> String,
) -> (Tone, &'static str, String) {
    let pool_of = |pool: u32| state.pools().get(pool as usize);
    let named = |pool: Option<&PoolView>| pool.map_or("a pool", |pool| pool.shape.name.as_str()).to_owned();
    match kind {
        EventKind::AssetsListed { pool, assets, .. } => {
            let text = format!("{}  {}", named(pool_of(*pool)), counted(assets.len(), "asset"));
            (Tone::Plain, "pool", text)
        }
        EventKind::AssetScored { pool, asset, score, change, standing, item } => {
            let pool = pool_of(*pool);
            let view = pool.and_then(|pool| pool.assets.get(*asset as usize));
            let path = view.map_or_else(|| format!("asset {asset}"), |asset| name(&asset.path));
            let item = item.and_then(|item| state.path(item)).map_or_else(String::new, |path| name(&path));
            let with = |before: &str| if item.is_empty() { String::new() } else { format!("{before}{item}") };
            let known = view.filter(|asset| asset.failures > 0).map(|asset| {
                let last =
                    asset.last_failure.as_ref().map_or_else(String::new, |(_, why)| format!("; the last: {why}"));
                format!(" after {}{last}", counted(asset.failures as usize, "failure"))
            });
            let failures = known.unwrap_or_default();
            let was_out = pool.is_some_and(|pool| is_known(*change, *score, pool.shape.scoring));
            let (tone, word, told) = match (change, standing) {
                (ScoreChange::Success, _) => {
                    (Tone::Plain, "pool", format!("score {score}: it worked{}", with(" for ")))
                }
                (ScoreChange::Failure, Standing::Available) => {
                    (Tone::Careful, "pool", format!("score {score}: it failed{}", with(" for ")))
                }
                (ScoreChange::Failure, _) if was_out => {
                    (Tone::Plain, "pool", format!("score {score}: it failed once more{}", with(" for ")))
                }
                (ScoreChange::Banned, _) => (Tone::Careful, "denylist", format!("score {score}: by hand")),
                (ScoreChange::Standing, Standing::Denylisted) => {
                    (Tone::Plain, "pool", format!("score {score}: there is a better one again"))
                }
                (_, Standing::Denylisted) => (Tone::Careful, "denylist", format!("score {score}{failures}")),
                (_, Standing::Spared) => {
                    let told = format!("score {score}{failures}: it is drawn all the same, there is no better one");
                    (Tone::Careful, "spared", told)
                }
                (ScoreChange::TakenBack, _) => {
                    (Tone::Good, "pool", format!("score {score}: not to blame{}", with(" for the failure of ")))
                }
                (ScoreChange::Revived, _) => (Tone::Good, "revived", format!("score {score}: by hand")),
                (ScoreChange::Standing, _) => (Tone::Good, "pool", format!("score {score}: it is drawn again")),
            };
            (tone, word, format!("{}  {path}  {told}", named(pool)))
        }
        _ => (Tone::Plain, "pool", String::new()),
    }
}
