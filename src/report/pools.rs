//! What came of the asset pools: for people and for programs.

use std::cmp::Reverse;
use std::fmt::{self, Write as _};

use serde::Serialize;

use super::names::{Names, counted};
use crate::events::{AssetView, ItemIndex, PoolKind, PoolView, RunState, Standing};
use crate::resilience::os_text::OsText;
use crate::resilience::safe_text::safe_line;

/// Assets on a denylist that are told in a text; the others are counted.
const TOLD: usize = 20;
/// Assets on a denylist that are told to a program.
const KEPT: usize = 10_000;

/// What came of one pool.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PoolReport {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: PoolKind,
    /// How many assets it has.
    pub assets: usize,
    /// How many of them are drawn.
    pub available: usize,
    /// How many are not, for their score.
    pub denylisted: usize,
    /// How many would not be, were there better ones.
    pub spared: usize,
    /// Draws in the run.
    pub draws: u64,
    /// Attempts that failed for one of its assets.
    pub failures: u64,
    /// Its folders.
    pub folders: Vec<FolderReport>,
    /// The assets on the denylist, spared or not: the lowest score first.
    pub denylist: Vec<AssetReport>,
    /// Assets on the denylist that `denylist` has no room for.
    pub denylist_left_out: usize,
}

/// What was drawn from one folder of a pool.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FolderReport {
    /// The folder.
    pub path: OsText,
    /// The share of the draws that is wanted of it, 0 to 1; none where the pipeline gives none.
    pub wanted: Option<f64>,
    /// The share that it had; none where nothing was drawn.
    pub share: Option<f64>,
    /// Draws of its assets.
    pub draws: u64,
}

/// An asset on the denylist.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AssetReport {
    /// Its absolute path.
    pub path: OsText,
    /// Its score.
    pub score: i32,
    /// Whether it was drawn all the same.
    pub standing: Standing,
    /// How often it was drawn.
    pub draws: u32,
    /// Attempts that failed for it.
    pub failures: u32,
    /// The last item that failed for it.
    pub last_item: Option<ItemIndex>,
    /// Why.
    pub last_reason: Option<String>,
}

/// The pools of a run.
#[must_use]
pub fn of(state: &RunState) -> Vec<PoolReport> {
    state.pools().iter().map(PoolReport::of).collect()
}

impl PoolReport {
    fn of(pool: &PoolView) -> Self {
        let mut denylist: Vec<&AssetView> =
            pool.assets.iter().filter(|asset| asset.standing != Standing::Available).collect();
        denylist.sort_by_key(|asset| (asset.score, Reverse(asset.failures)));
        let folder = |(at, (path, wanted)): (usize, &(OsText, Option<f64>))| FolderReport {
            path: path.clone(),
            wanted: *wanted,
            share: pool.share(at),
            draws: pool.folder_draws.get(at).copied().unwrap_or(0),
        };
        Self {
            name: pool.shape.name.clone(),
            kind: pool.shape.kind,
            assets: pool.assets.len(),
            available: pool.standing(Standing::Available),
            denylisted: pool.standing(Standing::Denylisted),
            spared: pool.standing(Standing::Spared),
            draws: pool.draws,
            failures: pool.assets.iter().map(|asset| u64::from(asset.failures)).sum(),
            folders: pool.shape.folders.iter().enumerate().map(folder).collect(),
            denylist_left_out: denylist.len().saturating_sub(KEPT),
            denylist: denylist.into_iter().take(KEPT).map(AssetReport::of).collect(),
        }
    }
}

impl AssetReport {
    fn of(asset: &AssetView) -> Self {
        let last = asset.last_failure.as_ref();
        Self {
            path: OsText::from(&*asset.path),
            score: asset.score,
            standing: asset.standing,
            draws: asset.draws,
            failures: asset.failures,
            last_item: last.map(|(item, _)| *item),
            last_reason: last.map(|(_, why)| why.to_string()),
        }
    }
}

/// The pools for people; nothing where there are none.
///
/// # Errors
/// None: writing to a text cannot fail.
pub fn tell(told: &mut String, pools: &[PoolReport], names: &Names) -> fmt::Result {
    if pools.is_empty() {
        return Ok(());
    }
    writeln!(told, "\nPools:")?;
    for pool in pools {
        let (name, draws) = (safe_line(&pool.name), counted(pool.draws as usize, "draw"));
        let failures = counted(pool.failures as usize, "failure");
        writeln!(
            told,
            "  {name}: {} of {} available; {draws}, {failures}",
            pool.available,
            counted(pool.assets, "asset")
        )?;
        let weighed = pool.folders.iter().any(|folder| folder.wanted.is_some());
        if weighed || pool.folders.len() > 1 {
            folders(told, &pool.folders, names)?;
        }
        denylist(told, pool, names)?;
    }
    Ok(())
}

fn folders(told: &mut String, folders: &[FolderReport], names: &Names) -> fmt::Result {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    for folder in folders.iter().take(TOLD) {
        let share = folder.share.map_or_else(|| "nothing drawn".to_owned(), percent);
        let wanted = folder.wanted.map_or_else(String::new, |wanted| format!(", wanted {}", percent(wanted)));
        writeln!(told, "    {}: {share}{wanted}", names.short(folder.path.as_path()))?;
    }
    more(told, folders.len())
}

fn denylist(told: &mut String, pool: &PoolReport, names: &Names) -> fmt::Result {
    let all = pool.denylist.len() + pool.denylist_left_out;
    if all == 0 {
        return Ok(());
    }
    writeln!(told, "    denylisted: {all}")?;
    for asset in pool.denylist.iter().take(TOLD) {
        let failures = match asset.failures {
            0 => String::new(),
            failures => format!(" after {}", counted(failures as usize, "failure")),
        };
        let spared = if asset.standing == Standing::Spared { ", drawn all the same" } else { "" };
        writeln!(told, "      {}  score {}{failures}{spared}", names.short(asset.path.as_path()), asset.score)?;
        if let Some(reason) = &asset.last_reason {
            writeln!(told, "        {}", safe_line(reason))?;
        }
    }
    more(told, all)
}

fn more(told: &mut String, all: usize) -> fmt::Result {
    match all.saturating_sub(TOLD) {
        0 => Ok(()),
        more => writeln!(told, "      ... and {more} more"),
    }
}

#[cfg(test)]
mod tests;
