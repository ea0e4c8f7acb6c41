//! What checkpoints know of pieces.

use serde_json::{Value, json};

use crate::resilience::checkpoint::{Artifact, Checkpoint};
use crate::resilience::piece::{Piece, PieceOutcome};
use crate::resilience::store::PieceLog;

/// Each piece that the checkpoint tells of, by output.
fn pieces(found: &Checkpoint, log: &mut PieceLog) -> Vec<(String, Piece)> {
    let mut all = Vec::new();
    for (step, record) in &found.steps {
        for (output, set) in &record.pieces {
            let of = format!("{step}.{output}");
            if log.set(&of).as_ref() == Some(set) {
                all.extend((0..set.count).filter_map(|at| Some((of.clone(), log.piece(&of, at as usize)?))));
            }
        }
    }
    all
}

/// Every piece, with what each step came to for it.
pub(super) fn records(found: &Checkpoint, log: &mut PieceLog) -> Vec<Value> {
    let all = pieces(found, log);
    let record = |(of, piece): &(String, Piece)| {
        let steps: serde_json::Map<String, Value> = log
            .steps(of)
            .into_iter()
            .filter_map(|step| {
                let (record, _) = log.record(&step, of, &piece.key.0).filter(|(_, counts)| *counts)?;
                Some((step, json!(record)))
            })
            .collect();
        json!({ "of": of, "piece": piece, "steps": steps })
    };
    all.iter().map(record).collect()
}

/// One line for each step that runs for pieces and is not done with them all.
pub(super) fn tallies(found: &Checkpoint, log: &mut PieceLog) -> Vec<String> {
    let all = pieces(found, log);
    let mut ofs: Vec<&String> = all.iter().map(|(of, _)| of).collect();
    ofs.dedup();
    let mut told = Vec::new();
    for of in ofs {
        for step in log.steps(of) {
            if found.steps.contains_key(&step) {
                continue;
            }
            let (mut done, mut left_out, mut failed, mut total) = (0, 0, 0, 0);
            for (_, piece) in all.iter().filter(|(other, _)| other == of) {
                total += 1;
                match log
                    .record(&step, of, &piece.key.0)
                    .filter(|(_, counts)| *counts)
                    .map(|(record, _)| record.outcome)
                {
                    Some(PieceOutcome::Done) => done += 1,
                    Some(PieceOutcome::Skipped) => left_out += 1,
                    Some(PieceOutcome::Failed) => failed += 1,
                    Some(PieceOutcome::Undone) | None => {}
                }
            }
            let others = [(left_out, "left out"), (failed, "failed")].map(|(count, word)| match count {
                0 => String::new(),
                count => format!(", {count} {word}"),
            });
            told.push(format!("{step}: done for {done} of {total} pieces{}", others.concat()));
        }
    }
    told
}

/// The files of all pieces, with the step that made each.
pub(super) fn artifacts(found: &Checkpoint, log: &mut PieceLog) -> Vec<(String, Artifact)> {
    let mut files = Vec::new();
    for (of, piece) in pieces(found, log) {
        for step in log.steps(&of) {
            let record = log.record(&step, &of, &piece.key.0).filter(|(_, counts)| *counts);
            let made = record.into_iter().filter(|(record, _)| record.outcome == PieceOutcome::Done);
            files.extend(made.flat_map(|(record, _)| record.artifacts.into_values()).map(|file| (step.clone(), file)));
        }
        let maker = of.split('.').next().unwrap_or_default().to_owned();
        files.push((maker, piece.artifact));
    }
    files
}
