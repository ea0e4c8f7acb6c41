//! Whatever a journal holds, the folds take it.

use proptest::prelude::*;

use super::*;
use crate::resilience::checkpoint::ItemState;

/// Small numbers, those around the ends, and any.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..6_u64, 1 => (u64::MAX - 2)..=u64::MAX, 1 => u64::from(u32::MAX - 2)..=u64::from(u32::MAX), 1 => any::<u64>()]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("one".to_owned()), Just("two".to_owned()), Just(String::new())]
}

fn small() -> impl Strategy<Value = u32> {
    number().prop_map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

fn fault() -> impl Strategy<Value = Fault> {
    let class = prop_oneof![Just(FaultClass::Input), Just(FaultClass::Dependency), Just(FaultClass::Bug)];
    (class, name()).prop_map(|(class, cause)| Fault::new(class, cause, "it failed"))
}

fn counts() -> impl Strategy<Value = Counts> {
    (small(), small(), small()).prop_map(|(total, done, failed)| {
        let (up_to_date, parked, left_out, cancelled) = (done, failed, total, done);
        Counts { total, done, up_to_date, failed, parked, left_out, cancelled }
    })
}

fn state() -> impl Strategy<Value = ItemState> {
    prop_oneof![Just(ItemState::Done), Just(ItemState::Failed), Just(ItemState::Parked), Just(ItemState::Pending)]
}

// The arms are boxed: as values side by side they do not fit on the stack of a test.
fn of_run() -> impl Strategy<Value = EventKind> {
    let shape = || StepShape { dependency: Some("one".into()), before: vec![u32::MAX], ..StepShape::default() };
    proptest::strategy::Union::new([
        (small(), 0..4_usize)
            .prop_map(move |(jobs, steps)| EventKind::RunStarted {
                run: "run".into(),
                pipeline: "test".into(),
                steps: vec!["step".into(); steps],
                jobs,
                seed: 1,
                shapes: vec![shape(), shape()],
                breakers: vec![BreakerShape {
                    dependency: "one".into(),
                    failure_threshold: jobs,
                    recovery: u64::MAX,
                    success_threshold: 0,
                }],
                output: OsText::default(),
                generated: false,
                pools: Vec::new(),
            })
            .boxed(),
        (small(), 0..5_usize)
            .prop_map(|(first, count)| EventKind::ItemsListed {
                first,
                paths: vec![OsText::from(std::path::Path::new("/in/a")); count],
            })
            .boxed(),
        small().prop_map(|jobs| EventKind::JobsChanged { jobs }).boxed(),
        Just(EventKind::RunPaused { reason: "full".into() }).boxed(),
        Just(EventKind::RunResumed { reason: "empty".into() }).boxed(),
        small().prop_map(|step| EventKind::BatchStepStarted { step }).boxed(),
        (small(), proptest::option::of(fault()))
            .prop_map(|(step, fault)| EventKind::BatchStepFinished { step, fault, artifact: None })
            .boxed(),
        counts().prop_map(|counts| EventKind::RunFinished { counts, reason: None }).boxed(),
        (name(), any::<bool>(), proptest::option::of(number()))
            .prop_map(|(dependency, open, retry_in)| {
                let state = if open { BreakerState::Open } else { BreakerState::Closed };
                EventKind::BreakerChanged { dependency, state, reason: String::new(), retry_in }
            })
            .boxed(),
        (name(), small()).prop_map(|(dependency, failures)| EventKind::BreakerCounted { dependency, failures }).boxed(),
    ])
}

fn of_items() -> impl Strategy<Value = EventKind> {
    proptest::strategy::Union::new([
        proptest::collection::vec((small(), small()), 0..3)
            .prop_map(|ranges| EventKind::ItemsUpToDate { ranges })
            .boxed(),
        small().prop_map(|item| EventKind::ItemLeftOut { item, reason: "by hand".into() }).boxed(),
        (small(), small(), small())
            .prop_map(|(item, step, attempt)| EventKind::AttemptStarted {
                item,
                step,
                piece: None,
                attempt,
                draws: Vec::new(),
            })
            .boxed(),
        (small(), small(), number(), proptest::option::of(number()))
            .prop_map(|(item, step, done, of)| EventKind::AttemptProgressed {
                item,
                step,
                progress: Progress { done, of },
            })
            .boxed(),
        (small(), small(), small(), fault(), number())
            .prop_map(|(item, step, attempt, fault, ms)| EventKind::AttemptFailed {
                item,
                step,
                piece: None,
                attempt,
                fault,
                log: None,
                ms,
            })
            .boxed(),
        (small(), small(), small(), number())
            .prop_map(|(item, step, attempt, delay)| EventKind::RetryScheduled {
                item,
                step,
                piece: None,
                attempt,
                delay,
            })
            .boxed(),
        (small(), small(), small(), number(), number())
            .prop_map(|(item, step, attempts, ms, bytes)| EventKind::TaskDone {
                item,
                step,
                piece: None,
                attempts,
                ms,
                bytes,
            })
            .boxed(),
        (small(), small())
            .prop_map(|(item, step)| EventKind::TaskSkipped {
                item,
                step,
                piece: None,
                because: Because::Passing,
                reason: String::new(),
            })
            .boxed(),
        (small(), small(), name())
            .prop_map(|(item, step, dependency)| EventKind::TaskParked { item, step, dependency })
            .boxed(),
        (small(), state(), proptest::option::of(small()), proptest::option::of(fault()), any::<bool>())
            .prop_map(|(item, state, step, fault, before)| EventKind::ItemFinished { item, state, step, fault, before })
            .boxed(),
        proptest::option::of(small()).prop_map(|item| EventKind::Warning { message: String::new(), item }).boxed(),
    ])
}

/// Events of a journal that nobody of ours wrote.
pub(crate) fn any_events() -> impl Strategy<Value = Vec<Event>> {
    let kind = prop_oneof![1 => of_run().boxed(), 3 => of_items().boxed()];
    let event = (number(), number(), number(), kind).prop_map(|(seq, at, elapsed, kind)| Event {
        v: EVENT_VERSION,
        seq,
        at,
        elapsed,
        kind,
    });
    proptest::collection::vec(event, 0..60)
}

proptest! {
    #[test]
    fn no_journal_makes_a_fold_panic(events in any_events(), now in number()) {
        let (mut run, mut story) = (RunState::default(), Story::default());
        for event in &events {
            run.apply(event);
            story.apply(event);
            let waiting = (0..run.items() as u32 + 3).filter(|item| run.waits_for(*item).is_some()).count();
            prop_assert!(waiting <= run.waiting_items());
            let by_cause = ["one", "two", ""].iter().map(|cause| run.failed_with(Some(cause)).len()).sum::<usize>();
            prop_assert_eq!(run.causes.values().sum::<usize>(), by_cause);
            prop_assert!(run.counts.ended() <= run.counts.total);
            let _ = (run.counts.waiting(), telling::tell(event, &run));
        }
        let _ = (story.ended().count(), story.pace().rate(now), story.pace().course(now, 60));
        let _ = story.pace().time_left(&run, now);
        if let Some(EventKind::RunFinished { counts, .. }) = events.last().map(|event| &event.kind) {
            let _ = (counts.ended(), counts.waiting());
        }
    }
}
