//! `mediamill pool status`.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::{Found, Which};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::engine::assets::AssetPool;
use crate::events::{AssetView, RunState, Standing, journal};
use crate::report::{Names, failures};
use crate::resilience::os_text::OsText;
use crate::resilience::safe_text::safe_line;
use crate::resilience::store::Access;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// Write one JSON object.
    #[arg(long)]
    json: bool,
}

/// An asset as it stands.
struct Row<'a> {
    path: &'a Path,
    score: i32,
    standing: Standing,
    /// What the latest run knew of it.
    seen: Option<&'a AssetView>,
}

pub(super) fn run(args: &Args, state: &Path) -> Result<ExitCode, Failure> {
    let found = args.which.find(state, Access::Look)?;
    let latest = latest(&found);
    let rows: Vec<(&AssetPool, Vec<Row<'_>>)> =
        found.pools.iter().map(|pool| (pool, rows(pool, latest.as_ref()))).collect();
    output::print(&if args.json { as_json(&rows, latest.as_ref()) } else { as_text(&rows, latest.as_ref()) });
    for problem in found.pools.iter().flat_map(AssetPool::findings) {
        output::note(&format!("warning: {problem}\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// What the journal of the latest run tells of the pools.
fn latest(found: &Found) -> Option<RunState> {
    let changed = |run: &PathBuf| std::fs::metadata(run.join("journal.jsonl")).and_then(|found| found.modified()).ok();
    let run = failures::runs(found.store.dir()).ok()?.into_iter().max_by_key(changed)?;
    let mut state = RunState::default();
    journal::read(&run.join("journal.jsonl")).ok()?.flatten().for_each(|event| state.apply(&event));
    (state.pipeline == found.name).then_some(state)
}

/// Scores that are kept are those of the file, which the next run begins with; others are those of the latest run.
fn rows<'a>(pool: &'a AssetPool, latest: Option<&'a RunState>) -> Vec<Row<'a>> {
    let views = latest.into_iter().flat_map(RunState::pools).filter(|view| view.shape.name == pool.spec.name);
    let seen: HashMap<&Path, &AssetView> =
        views.flat_map(|view| view.assets.iter()).map(|asset| (&*asset.path, asset)).collect();
    let row = |path: &'a Path, start: i32| {
        let seen = seen.get(path).copied();
        let score = seen.filter(|_| !pool.spec.persist).map_or(start, |seen| seen.score);
        let standing = match seen {
            Some(seen) if seen.score == score => seen.standing,
            _ if score >= pool.spec.scoring.threshold => Standing::Available,
            _ => Standing::Denylisted,
        };
        Row { path, score, standing, seen }
    };
    pool.assets.iter().map(|asset| row(&asset.path, asset.score)).collect()
}

const fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Available => "healthy",
        other => other.word(),
    }
}

fn as_text(pools: &[(&AssetPool, Vec<Row<'_>>)], latest: Option<&RunState>) -> String {
    let names = Names::here();
    let mut text = String::new();
    for (pool, rows) in pools {
        let denied = rows.iter().filter(|row| row.standing == Standing::Denylisted).count();
        let since = match latest {
            _ if pool.spec.persist => "scores are kept".to_owned(),
            Some(run) => format!("as run {} knew them", safe_line(&run.run)),
            None => "no run is known".to_owned(),
        };
        let count = rows.len();
        let _ = writeln!(text, "{}: {count} {}, {denied} denylisted; {since}", pool.spec.name, pool.spec.kind.word());
        let _ = writeln!(
            text,
            "  {:>6}  {:<10}  {:>6}  {:>6}  {:>6}  ASSET",
            "SCORE", "STANDING", "DRAWS", "DONE", "FAILED"
        );
        for row in rows {
            let counts = row.seen.map_or([0; 3], |seen| [seen.draws, seen.successes, seen.failures]);
            let [draws, done, failed] = counts;
            let (score, standing, path) = (row.score, word(row.standing), names.short(row.path));
            let _ = writeln!(text, "  {score:>6}  {standing:<10}  {draws:>6}  {done:>6}  {failed:>6}  {path}");
        }
    }
    text
}

fn as_json(pools: &[(&AssetPool, Vec<Row<'_>>)], latest: Option<&RunState>) -> String {
    let pool = |(pool, rows): &(&AssetPool, Vec<Row<'_>>)| {
        let asset = |row: &Row<'_>| {
            json!({
                "path": OsText::from(row.path), "score": row.score, "standing": word(row.standing),
                "draws": row.seen.map(|seen| seen.draws), "done": row.seen.map(|seen| seen.successes),
                "failed": row.seen.map(|seen| seen.failures),
                "last_failure": row.seen.and_then(|seen| seen.last_failure.as_ref()).map(|(_, why)| why),
            })
        };
        json!({
            "name": pool.spec.name, "kind": pool.spec.kind.word(), "persist": pool.spec.persist,
            "scoring": pool.spec.scoring, "assets": rows.iter().map(asset).collect::<Vec<_>>(),
        })
    };
    let pools: Vec<serde_json::Value> = pools.iter().map(pool).collect();
    format!("{:#}\n", json!({ "version": 1, "run": latest.map(|run| &run.run), "pools": pools }))
}
