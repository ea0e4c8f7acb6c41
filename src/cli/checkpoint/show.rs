//! `mediamill checkpoint show`.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::{Place, find, source, unusable, when, word};
use crate::cli::failure::{Failure, code};
use crate::cli::output;
use crate::events::telling::counted;
use crate::report::Names;
use crate::resilience::checkpoint::{Checkpoint, StepOutcome};
use crate::resilience::safe_text::safe_line;
use crate::resilience::store::{self, PieceLog};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The item: its id, its file, or its file's name.
    item: String,
    /// Write the checkpoint as it is.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, place: &Place) -> Result<ExitCode, Failure> {
    let mut all = place.all()?;
    let (id, read) = all.swap_remove(find::find(&all, &args.item)?);
    let found = read.map_err(|why| {
        let path = place.folder().join("items").join(format!("{id}.json"));
        Failure::new(code::FAILED, format!("{}: {}", path.display(), unusable(&why)))
    })?;
    let mut pieces = store::pieces_of(&place.folder(), &id);
    output::print(&if args.json {
        let mut whole = serde_json::to_value(&found).unwrap_or_default();
        let records = super::pieces::records(&found, &mut pieces);
        if !records.is_empty() {
            whole["piece_records"] = records.into();
        }
        serde_json::to_string_pretty(&whole).map_or_else(|_| String::new(), |text| text + "\n")
    } else {
        text(&found, &mut pieces, &Names::here())
    });
    Ok(ExitCode::SUCCESS)
}

fn text(found: &Checkpoint, pieces: &mut PieceLog, names: &Names) -> String {
    let mut told = String::new();
    let hash = if found.source.hash.is_empty() { "never read" } else { &found.source.hash };
    let _ = writeln!(told, "Item:    {}", safe_line(&found.item_id));
    if found.is_generated() {
        let _ = writeln!(told, "Source:  generated");
    } else {
        let _ = writeln!(told, "Source:  {}", source(found, names));
        let _ = writeln!(told, "Content: {}", safe_line(hash));
    }
    let _ = writeln!(told, "State:   {}", word(found.state));
    let _ = writeln!(told, "Written: {}, revision {}", when(found.checkpoint_time), found.revision);
    for (place, (name, value)) in found.item_values().into_iter().enumerate() {
        let lead = if place == 0 { "Values: " } else { "        " };
        let _ = writeln!(told, "{lead} {} = {}", safe_line(name), safe_line(&value.to_string()));
    }
    for (step, record) in &found.steps {
        let outcome = match record.outcome {
            StepOutcome::Done => "done",
            StepOutcome::Skipped => "left out",
            StepOutcome::Fallback => "stand-ins",
        };
        let attempts =
            if record.attempts == 1 { "1 attempt".to_owned() } else { format!("{} attempts", record.attempts) };
        let _ = writeln!(told, "\n{}: {outcome}, {attempts}, {:.3} s", safe_line(step), record.duration);
        if let Some(left_out) = &record.left_out {
            let _ = writeln!(told, "  because {}", safe_line(&left_out.reason));
        }
        for (name, set) in &record.pieces {
            let _ = writeln!(told, "  {}: {}", safe_line(name), counted(set.count as usize, "piece"));
        }
        if let Some(each) = &record.each {
            let left_out = if each.left_out > 0 { format!(", {} left out", each.left_out) } else { String::new() };
            let _ = writeln!(told, "  {}{left_out}", counted(each.done as usize, "piece"));
        }
        for (name, artifact) in &record.artifacts {
            let path = names.short(artifact.path.as_path());
            let _ = writeln!(
                told,
                "  {}: {path} ({} bytes, {})",
                safe_line(name),
                artifact.size,
                safe_line(&artifact.hash)
            );
        }
        for (name, value) in found.result(step).into_iter().flatten() {
            let _ = writeln!(told, "  {} = {}", safe_line(name), safe_line(&value.to_string()));
        }
    }
    for tally in super::pieces::tallies(found, pieces) {
        let _ = writeln!(told, "\n{}", safe_line(&tally));
    }
    if let Some(failed) = &found.fault {
        let (step, fault) = (safe_line(&failed.step), &failed.fault);
        let _ = writeln!(told, "\n{step}: {} ({}/{})", word(found.state), fault.class, safe_line(&fault.cause));
        let _ = writeln!(told, "  {}", safe_line(&fault.message));
        if let Some(hint) = &fault.hint {
            let _ = writeln!(told, "  hint: {}", safe_line(hint));
        }
    }
    for due in found.calls_due() {
        let how = if due.refused.is_some() { "refused; made again when it is changed" } else { "due" };
        let _ = writeln!(told, "\nhook {}: {how}", safe_line(&due.hook));
    }
    told
}
