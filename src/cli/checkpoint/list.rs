//! `mediamill checkpoint list`.

use std::process::ExitCode;

use serde_json::json;

use super::{Entry, Place, source, unusable, when, word};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::report::Names;
use crate::resilience::safe_text::safe_line;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write one JSON array.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, place: &Place) -> Result<ExitCode, Failure> {
    let all = place.all()?;
    output::print(&if args.json { as_json(&all) } else { table(&all, &Names::here()) });
    Ok(ExitCode::SUCCESS)
}

fn table(all: &[Entry], names: &Names) -> String {
    let mut rows = vec![["ITEM", "STATE", "STEPS", "LAST", "WHEN", "SOURCE"].map(str::to_owned)];
    for (id, read) in all {
        let id = safe_line(id).into_owned();
        rows.push(match read {
            Ok(found) => [
                id,
                word(found.state).to_owned(),
                found.completed_steps.len().to_string(),
                found.last_step.as_deref().map_or_else(|| "-".to_owned(), |step| safe_line(step).into_owned()),
                when(found.checkpoint_time),
                source(found, names),
            ],
            Err(why) => {
                let none = || "-".to_owned();
                [id, "unusable".to_owned(), none(), none(), none(), safe_line(&unusable(why)).into_owned()]
            }
        });
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn as_json(all: &[Entry]) -> String {
    let list: serde_json::Value = all
        .iter()
        .map(|(id, read)| match read {
            Ok(found) => json!({
                "item_id": id, "state": word(found.state), "completed_steps": found.completed_steps,
                "last_step": found.last_step, "checkpoint_time": found.checkpoint_time, "source": found.source.path,
                "error": null,
            }),
            Err(why) => json!({ "item_id": id, "state": null, "error": unusable(why) }),
        })
        .collect();
    format!("{list:#}\n")
}
