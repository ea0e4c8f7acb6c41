//! What several screens ask of the run, and what they put into the clipboard.

use std::path::Path;

use crate::events::{BreakerView, Command, ItemIndex, ItemPhase, RunPhase};
use crate::resilience::breaker::BreakerState;
use crate::resilience::safe_text::{safe_line, shell_word};
use crate::tui::action::Action;
use crate::tui::effect::{Effect, Question};
use crate::tui::facts::Facts;
use crate::tui::text::count;
use crate::tui::widgets::{duration, steps};

/// Work on an item that has gone on for longer than this, in milliseconds, is not ended without a question.
const WORTH_ASKING: u64 = 10_000;

/// How many files, in words.
pub(super) fn files(number: usize) -> String {
    match number {
        1 => "1 file".to_owned(),
        _ => format!("{} files", count(number as u64)),
    }
}

/// Whether the run begins anything anew.
///
/// # Errors
/// Why not.
pub(super) fn begins_anew(facts: &Facts) -> Result<(), String> {
    match facts.state.phase {
        RunPhase::Stopping(_) => Err("the run is ending".to_owned()),
        _ => Ok(()),
    }
}

/// Asks for another try of the item.
pub(super) fn retry(item: ItemIndex, facts: &Facts) -> Vec<Effect> {
    // Until there is room for it nothing else tells that it was heard.
    let said = format!("{} is tried again as soon as there is room", facts.name(item));
    vec![Effect::Send(Command::RetryItem { item }), Effect::Say(said)]
}

/// Asks for the end of what runs of the item.
pub(super) fn cancel(item: ItemIndex, facts: &Facts) -> Vec<Effect> {
    let said = format!("the work on {} is ended", facts.name(item));
    unless_lost(item, "cancel it", vec![Effect::Send(Command::CancelItem { item }), Effect::Say(said)], facts)
}

/// Asks that the item is left out of this run.
pub(super) fn leave_out(item: ItemIndex, facts: &Facts) -> Vec<Effect> {
    let said = format!("{} is left out of this run", facts.name(item));
    unless_lost(item, "leave it out", vec![Effect::Send(Command::SkipItem { item }), Effect::Say(said)], facts)
}

/// Asks the person first where work is lost that has gone on for some time.
fn unless_lost(item: ItemIndex, doing: &str, effects: Vec<Effect>, facts: &Facts) -> Vec<Effect> {
    let state = &facts.state;
    let task = |step: u32| Some((state.tasks.get(&(item, step))?, step));
    let running = (0..state.steps.len() as u32).filter_map(task).filter(|(task, _)| task.retry_at.is_none());
    let longest = running.map(|(task, step)| (facts.now.saturating_sub(task.since), step)).max();
    let Some((ms, step)) = longest.filter(|(ms, _)| *ms > WORTH_ASKING) else { return effects };
    let step = safe_line(state.steps.get(step as usize).map_or("", |id| id));
    let text = format!("{}: {step} has been running for {}. That work would be lost.", facts.name(item), duration(ms));
    let answers = vec![
        ('y', format!("{doing}; what earlier steps made stays"), effects),
        ('n', "let it run".to_owned(), Vec::new()),
    ];
    vec![Effect::Confirm(Question { text, answers })]
}

/// What is copied of an item: where its failure is in sight the command that tries it again, else its path.
pub(super) fn copied(item: ItemIndex, failure_in_sight: bool, facts: &Facts) -> Option<Effect> {
    let path = facts.state.path(item)?;
    let failed = failure_in_sight && facts.state.phase_of(item) == ItemPhase::Failed;
    if !failed || facts.places.pipeline.is_empty() {
        return Some(Effect::Copy(path_word(&path), "the path"));
    }
    // An item that the pipeline makes itself is no input that could be named.
    if path.is_relative() {
        let command = format!("{} --retry-failed", facts.places.pipeline);
        return Some(Effect::Copy(command, "the command that tries failed items again"));
    }
    let command = format!("{} --retry-failed {}", facts.places.pipeline, shell_word(&path));
    Some(Effect::Copy(command, "the command that tries this file again"))
}

/// The question before a breaker is opened: work is made to wait.
pub(super) fn trip(name: &str, view: &BreakerView, facts: &Facts) -> Question {
    let guarded = steps(name, facts);
    let steps = if guarded.is_empty() { String::new() } else { format!(" ({guarded})") };
    let again = view
        .settings
        .as_ref()
        .map_or_else(String::new, |settings| format!(" After {} one task tries it.", duration(settings.recovery)));
    let trip = Effect::Send(Command::TripBreaker { dependency: name.to_owned() });
    let name = safe_line(name);
    let text = format!("Open the breaker of {name}? Work that needs it{steps} waits, or goes on without it.{again}");
    Question { text, answers: vec![('t', format!("trip it: {name} is left alone for now"), vec![trip])] }
}

/// Whether it changes anything to reset the breaker or to trip it.
///
/// # Errors
/// Why not.
pub(super) fn can_change(action: Action, view: &BreakerView) -> Result<(), String> {
    match (action, view.state) {
        (Action::ResetBreaker, BreakerState::Closed) if view.failures == 0 => {
            Err("it is CLOSED, and counts no failures".into())
        }
        (Action::TripBreaker, BreakerState::Open) => Err("it is OPEN already".into()),
        _ => Ok(()),
    }
}

/// A path to be pasted anywhere: as it is, unless it is no text, or a line of it would be obeyed by a shell.
pub(super) fn path_word(path: &Path) -> String {
    match path.to_str() {
        Some(text) if safe_line(text) == text => text.to_owned(),
        _ => shell_word(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::testing::{facts, scene};

    #[test]
    fn work_of_some_time_is_not_lost_without_a_question() {
        let mut facts = facts(&scene());
        let said = |effects: &[Effect]| effects.iter().any(|effect| matches!(effect, Effect::Say(_)));
        let [Effect::Send(Command::SkipItem { item: 1 }), Effect::Say(text)] = &leave_out(1, &facts)[..] else {
            panic!("it has run for some seconds")
        };
        assert!(text.starts_with("02 Water Music") && text.ends_with("is left out of this run"), "{text}");
        assert!(said(&retry(2, &facts)) && said(&cancel(1, &facts)));
        facts.now += 60_000;
        let [Effect::Confirm(question)] = &leave_out(1, &facts)[..] else { panic!("no question") };
        assert!(question.text.ends_with(": stems has been running for 1 min 08 s. That work would be lost."));
        assert!(said(&question.answers[0].2) && question.answers[1].2.is_empty());
        // Who waits for its next attempt loses nothing.
        assert_eq!(cancel(5, &facts)[0], Effect::Send(Command::CancelItem { item: 5 }));
    }

    #[test]
    fn a_run_that_is_asked_to_stop_begins_nothing_anew() {
        let mut facts = facts(&scene());
        assert_eq!(begins_anew(&facts), Ok(()));
        facts.state.phase = RunPhase::Stopping(crate::events::StopLevel::Drain);
        assert_eq!(begins_anew(&facts), Err("the run is ending".to_owned()));
    }

    #[test]
    fn a_path_is_pasted_as_it_is_unless_a_line_of_it_would_be_obeyed() {
        assert_eq!(path_word(Path::new("/a b/it's")), "/a b/it's");
        assert_eq!(path_word(Path::new("/a\nb")), r"$'/a\x0ab'");
    }
}
