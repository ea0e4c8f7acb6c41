//! `mediamill plan`: what a run would do, and what is in its way, before anything runs.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use super::failure::{Failure, code};
use super::output;
use super::run::{BatchArgs, conflict_line, failure};
use crate::engine::assets::AssetPool;
use crate::engine::context::Context;
use crate::engine::forecast::{Fate, Forecast, PieceFate, StepFate, forecast};
use crate::engine::piece_view::called;
use crate::engine::preflight::conflicts;
use crate::engine::run::prepare;
use crate::events::ItemIndex;
use crate::health::{HealthCheck, machine};
use crate::report::Names;
use crate::resilience::safe_text::safe_line;
use crate::resilience::store::Access;

/// Items that are listed one by one; `--all` lists every one.
const LISTED: usize = 20;
/// Conflicts that are listed one by one.
const CONFLICTS: usize = 20;

/// What `plan` is given.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    batch: BatchArgs,
    /// Tell of this item, step by step, which part of what it depends on changed: a path, a file name or an item's id.
    #[arg(long, value_name = "ITEM")]
    why: Option<String>,
    /// List every item, not only the first.
    #[arg(long)]
    all: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Tells what a run would do.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let plan = args.batch.load()?;
    let batch = args.batch.batch(&plan)?;
    let options = args.batch.options(false);
    let (context, checks) = prepare(plan, batch, options, &args.batch.state, Access::Look).map_err(failure)?;
    let names = Names::here();
    if let Some(item) = &args.why {
        return why(&context, item, &names);
    }

    let mut listed: Vec<(ItemIndex, Fate)> = Vec::new();
    let sum = forecast(&context, |index, fate| {
        let worth_telling = !matches!(fate, Fate::UpToDate | Fate::LeftOut(_));
        if args.json || args.all || (worth_telling && listed.len() < LISTED) {
            listed.push((index, fate.clone()));
        }
    });
    for problem in context.pools.iter().filter(|pool| pool.missing().is_none()).flat_map(AssetPool::findings) {
        output::note(&format!("warning: {problem}\n"));
    }
    let in_the_way = in_the_way(&context, &checks, &sum);
    let text = if args.json {
        as_json(&context, &listed, &sum, &in_the_way)
    } else {
        as_text(&context, &listed, &sum, &in_the_way, &names)
    };
    output::print(&text);
    Ok(ExitCode::from(if in_the_way.is_empty() { code::DONE } else { in_the_way[0].code }))
}

/// Something that would keep the run from starting, or from ending well.
struct Obstacle {
    code: u8,
    message: String,
}

fn in_the_way(context: &Context, checks: &[HealthCheck], sum: &Forecast) -> Vec<Obstacle> {
    let mut found: Vec<Obstacle> = conflicts(context, CONFLICTS)
        .iter()
        .map(|conflict| Obstacle { code: code::USAGE, message: conflict_line(conflict) })
        .collect();
    for check in checks.iter().filter(|check| check.required && !check.available) {
        let hint = check.hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
        found.push(Obstacle {
            code: code::DEPENDENCY,
            message: format!("{} is missing: {}{hint}", check.name, check.details),
        });
    }
    let empty = context.pools.iter().filter_map(AssetPool::missing);
    found.extend(empty.map(|message| Obstacle { code: code::USAGE, message }));
    let output = context.output_root();
    let folder = output.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
    let disks = machine::disk(&[folder]);
    for disk in disks.iter().filter(|disk| !disk.available) {
        found.push(Obstacle { code: code::STATE, message: format!("{}: {}", disk.name, disk.details) });
    }
    let free = rustix::fs::statvfs(folder).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    if sum.bytes > free {
        found.push(Obstacle {
            code: code::STATE,
            message: format!(
                "the disk of {} has {} free, and the inputs to work on take {}",
                folder.display(),
                bytes(free),
                bytes(sum.bytes)
            ),
        });
    }
    found
}

fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{count} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

fn as_text(
    context: &Context,
    listed: &[(ItemIndex, Fate)],
    sum: &Forecast,
    in_the_way: &[Obstacle],
    names: &Names,
) -> String {
    let items = if sum.total == 1 { "item" } else { "items" };
    let mut text = format!("{}: {} {items}, {} to work on", context.plan.name, sum.total, sum.work);
    if sum.work > 0 && context.batch.generator.is_none() {
        let _ = write!(text, " ({} of input)", bytes(sum.bytes));
    }
    for (count, what) in [
        (sum.up_to_date, "up to date"),
        (sum.failed_before, "failed before and unchanged"),
        (sum.left_out, "left out"),
        (sum.refused, "not to be worked on"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    text.push('\n');
    match sum.hooks_due {
        0 => {}
        1 => text.push_str("1 call of hooks is due\n"),
        count => drop(writeln!(text, "{count} calls of hooks are due")),
    }
    if !sum.reasons.is_empty() {
        text.push_str("\nSteps:\n");
        for ((step, reason), count) in &sum.reasons {
            let id = &context.plan.steps[*step].id;
            let _ = writeln!(text, "  {id:<16} {count:>7}  {}", safe_line(reason));
        }
    }
    if !sum.pieces.is_empty() {
        text.push_str("\nPieces:\n");
        for (step, pieces) in &sum.pieces {
            let spec = &context.plan.steps[*step];
            let of = spec.each.as_ref().map_or_else(String::new, |each| called(&context.plan, each));
            if pieces.known > 0 {
                let (to_do, total) = (pieces.to_do, pieces.total);
                let _ = writeln!(text, "  {:<16} {:>7}  {to_do} of {total} pieces of {of}", spec.id, pieces.known);
            }
            if pieces.unknown > 0 {
                let _ = writeln!(text, "  {:<16} {:>7}  pieces of {of}, not known yet", spec.id, pieces.unknown);
            }
        }
    }
    if !listed.is_empty() {
        text.push_str("\nItems:\n");
        for (index, fate) in listed {
            let path = context.batch.path(*index);
            let _ = writeln!(text, "  {}  {}", names.short(&path), safe_line(&one_line(context, fate)));
        }
        let told = listed.len();
        let worth = sum.work + sum.failed_before + sum.refused;
        if told < worth {
            let _ = writeln!(text, "  ... and {} more: --all lists them", worth - told);
        }
    }
    if !in_the_way.is_empty() {
        text.push_str("\nIn the way:\n");
        for obstacle in in_the_way {
            let _ = writeln!(text, "  {}", safe_line(&obstacle.message));
        }
    }
    text
}

fn one_line(context: &Context, fate: &Fate) -> String {
    match fate {
        Fate::UpToDate => "up to date".into(),
        Fate::FailedBefore(why) => format!("failed before: {why}"),
        Fate::LeftOut(reason) => format!("left out: {reason}"),
        Fate::Refused(why) => format!("cannot be worked on: {why}"),
        Fate::Work(steps) => {
            let of = |wanted: fn(&StepFate) -> bool| -> Vec<&str> {
                let steps = steps.iter().filter(|(_, fate)| wanted(fate));
                steps.map(|(step, _)| context.plan.steps[*step].id.as_str()).collect()
            };
            let run = of(|fate| matches!(fate, StepFate::Run(_) | StepFate::Pieces(_)));
            let out = of(|fate| matches!(fate, StepFate::LeaveOut(_)));
            let mut text = format!("run {}", run.join(", "));
            if !out.is_empty() {
                let _ = write!(text, "; leave out {}", out.join(", "));
            }
            text
        }
    }
}

fn as_json(context: &Context, listed: &[(ItemIndex, Fate)], sum: &Forecast, in_the_way: &[Obstacle]) -> String {
    let items: Vec<serde_json::Value> = listed
        .iter()
        .map(|(index, fate)| {
            let path = context.batch.path(*index);
            let (state, reason, steps) = match fate {
                Fate::UpToDate => ("up_to_date", None, Vec::new()),
                Fate::FailedBefore(why) => ("failed_before", Some(why.clone()), Vec::new()),
                Fate::LeftOut(why) => ("left_out", Some(why.clone()), Vec::new()),
                Fate::Refused(why) => ("refused", Some(why.clone()), Vec::new()),
                Fate::Work(steps) => ("work", None, steps.iter().map(|step| step_json(context, step)).collect()),
            };
            serde_json::json!({ "path": path.to_string_lossy(), "state": state, "reason": reason, "steps": steps })
        })
        .collect();
    let in_the_way: Vec<&str> = in_the_way.iter().map(|obstacle| obstacle.message.as_str()).collect();
    let whole = serde_json::json!({
        "version": 1,
        "pipeline": context.plan.name,
        "total": sum.total,
        "work": sum.work,
        "up_to_date": sum.up_to_date,
        "failed_before": sum.failed_before,
        "left_out": sum.left_out,
        "refused": sum.refused,
        "hooks_due": sum.hooks_due,
        "bytes": sum.bytes,
        "in_the_way": in_the_way,
        "items": items,
    });
    format!("{whole:#}\n")
}

fn step_json(context: &Context, (step, fate): &(usize, StepFate)) -> serde_json::Value {
    let (what, reason) = match fate {
        StepFate::Run(reason) => ("run", reason),
        StepFate::LeaveOut(reason) => ("leave_out", reason),
        StepFate::Pieces(PieceFate { of, known, reason }) => {
            let pieces = known.as_ref().map(|known| serde_json::json!({ "total": known.total, "to_do": known.to_do }));
            let id = &context.plan.steps[*step].id;
            return serde_json::json!({ "step": id, "what": "run", "reason": reason, "each": of, "pieces": pieces });
        }
    };
    serde_json::json!({ "step": context.plan.steps[*step].id, "what": what, "reason": reason })
}

fn pieces_line(PieceFate { of, known, reason }: &PieceFate) -> String {
    let Some(known) = known else { return format!("runs: pieces of {of}, not known yet ({reason})") };
    let why = known.why.as_deref().unwrap_or(reason);
    format!("runs for {} of {} pieces of {of}: {why}", known.to_do, known.total)
}

/// Tells of one item why each step would run or not.
fn why(context: &Context, wanted: &str, names: &Names) -> Result<ExitCode, Failure> {
    let path = crate::engine::batch::absolute(Path::new(wanted));
    let is_it = |index: &ItemIndex| {
        let item = crate::engine::item::Item::of(&context.batch, *index);
        item.path == path || item.id == wanted || item.path.file_name().is_some_and(|name| name == wanted)
    };
    let numbered = context.batch.generator.as_ref().and_then(|generator| generator.place(wanted));
    let found: Vec<ItemIndex> = match numbered {
        Some(index) => vec![index],
        None => (0..context.batch.len() as ItemIndex).filter(is_it).collect(),
    };
    let [index] = found.as_slice() else {
        let count = found.len();
        let failure = Failure::usage(format!("{count} items of the batch are called {wanted}"));
        return Err(match &context.batch.generator {
            Some(generator) => failure.hint(format!("they are numbered from 1 to {}", generator.len())),
            None => failure.hint("name one by its whole path"),
        });
    };
    let path = context.batch.path(*index);
    let mut text = format!("{}\n", names.short(&path));
    let fate = crate::engine::forecast::fate(context, *index);
    let steps = match &fate {
        Fate::Work(steps) => steps.as_slice(),
        other => {
            let _ = writeln!(text, "  {}", safe_line(&one_line(context, other)));
            &[]
        }
    };
    for (place, step) in context.plan.steps.iter().enumerate().filter(|(_, step)| !step.batch) {
        let told = match steps.iter().find(|(of, _)| *of == place) {
            Some((_, StepFate::Run(reason))) => format!("runs: {reason}"),
            Some((_, StepFate::Pieces(fate))) => pieces_line(fate),
            Some((_, StepFate::LeaveOut(reason))) => format!("is left out: {reason}"),
            None if matches!(fate, Fate::Work(_) | Fate::UpToDate) => "stands".into(),
            None => continue,
        };
        let _ = writeln!(text, "  {:<16} {}", step.id, safe_line(&told));
    }
    output::print(&text);
    Ok(ExitCode::from(code::DONE))
}
