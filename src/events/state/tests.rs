use super::*;
use crate::events::EVENT_VERSION;
use crate::resilience::FaultClass;
use crate::resilience::os_text::OsText;

/// The state after these, in a batch of so many items, with three steps of two tools.
fn state_of(items: u32, kinds: impl IntoIterator<Item = EventKind>) -> RunState {
    let shape = |name: &str| StepShape { dependency: Some(name.to_owned()), ..StepShape::default() };
    let breaker = |name: &str| BreakerShape {
        dependency: name.to_owned(),
        failure_threshold: 3,
        recovery: 1000,
        success_threshold: 1,
    };
    let started = EventKind::RunStarted {
        run: "run".into(),
        pipeline: "test".into(),
        steps: ["a", "b", "c"].map(str::to_owned).to_vec(),
        jobs: 2,
        seed: 1,
        shapes: vec![shape("one"), shape("two"), StepShape::default()],
        breakers: vec![breaker("one"), breaker("two")],
        output: OsText::default(),
        generated: false,
        pools: Vec::new(),
    };
    let paths = (0..items).map(|item| OsText::from(std::path::Path::new(&format!("/in/{item}")))).collect();
    let listed = EventKind::ItemsListed { first: 0, paths };
    let mut state = RunState::default();
    for (seq, kind) in [started, listed].into_iter().chain(kinds).enumerate() {
        state.apply(&Event { v: EVENT_VERSION, seq: seq as u64, at: 0, elapsed: 0, kind });
    }
    state
}

fn parked(item: ItemIndex, step: u32, dependency: &str) -> EventKind {
    EventKind::TaskParked { item, step, dependency: dependency.to_owned() }
}

fn failed(item: ItemIndex, cause: &str) -> EventKind {
    let fault = Some(Fault::new(FaultClass::Input, cause, "it failed"));
    EventKind::ItemFinished { item, state: ItemState::Failed, step: Some(0), fault, before: false }
}

fn begun(item: ItemIndex, step: u32) -> EventKind {
    EventKind::AttemptStarted { item, step, piece: None, attempt: 1, draws: Vec::new() }
}

#[test]
fn an_item_may_wait_for_two_dependencies_at_once() {
    let counts = |state: &RunState| ["one", "two"].map(|name| state.breakers[name].parked);
    // The second step parks before the first, and both of them more than once.
    let waits = || vec![parked(0, 1, "two"), parked(0, 0, "one"), parked(0, 0, "one"), parked(1, 1, "two")];
    let with = |more: Vec<EventKind>| state_of(3, waits().into_iter().chain(more));
    let state = with(vec![]);
    assert_eq!((counts(&state), state.waiting_items()), ([1, 2], 2));
    assert_eq!([0, 1, 2].map(|item| state.waits_for(item)), [Some(0), Some(1), None]);
    let state = with(vec![begun(0, 0)]);
    assert_eq!((counts(&state), state.waiting_items(), state.waits_for(0)), ([0, 2], 2, Some(1)));
    let state = with(vec![begun(0, 0), begun(0, 1)]);
    assert_eq!((counts(&state), state.waiting_items(), state.waits_for(0)), ([0, 1], 1, None));
    let state = with(vec![failed(0, "decode"), begun(1, 1)]);
    assert_eq!((counts(&state), state.waiting_items()), ([0, 0], 0));
}

#[test]
fn failed_items_are_known_by_their_cause_also_beyond_those_whose_fault_is_kept() {
    let all = FAILURES_KEPT as u32 + 50;
    let cause = |item: ItemIndex| if item.is_multiple_of(2) { "decode" } else { "limit" };
    let state = state_of(all, (0..all).map(|item| failed(item, cause(item))));
    assert_eq!(state.failures.len(), FAILURES_KEPT);
    assert_eq!(state.failed_with(Some("decode")), (0..all).step_by(2).collect::<Vec<_>>());
    assert_eq!(state.failed_with(None).len(), all as usize);
    assert!(state.failed_with(Some("no such")).is_empty());
    // The last ones, whose faults are not kept, are tried again; one of them fails with another cause.
    let again = (all - 10..all).map(|item| begun(item, 0)).chain([failed(all - 2, "limit")]);
    let state = state_of(all, (0..all).map(|item| failed(item, cause(item))).chain(again));
    let counts: Vec<usize> = state.causes.values().copied().collect();
    assert_eq!(counts, [all as usize / 2 - 5, all as usize / 2 - 5 + 1]);
    assert_eq!(state.failed_with(Some("limit")).last(), Some(&(all - 2)));
}

#[test]
fn what_a_journal_claims_of_items_that_are_not_there_counts_for_nothing() {
    let ranges = vec![(1, u32::MAX), (u32::MAX - 5, u32::MAX)];
    let odd = [EventKind::ItemsUpToDate { ranges }, failed(7, "decode"), parked(0, u32::MAX, "nobody"), begun(9, 8)];
    let state = state_of(3, odd);
    assert_eq!((state.counts.up_to_date, state.counts.failed, state.failures.len()), (2, 0, 0));
    assert!(state.causes.is_empty());
    assert_eq!(state.waits_for(0), Some(u32::MAX));
}
