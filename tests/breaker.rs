//! The circuit breaker against a simple model of it, and its promises one by one.

use std::time::Duration;

use mediamill::resilience::breaker::{Breaker, BreakerSettings, BreakerState, Outcome, Ticket, Transition, presets};
use mediamill::resilience::{Fault, FaultClass};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn small() -> BreakerSettings {
    BreakerSettings { failure_threshold: 2, recovery_timeout: 12 * SECOND, success_threshold: 2 }
}

fn failure() -> Outcome {
    Outcome::Failure("exit 1".to_owned())
}

fn open_at(now: Duration, settings: BreakerSettings) -> Breaker {
    let mut breaker = Breaker::new(settings);
    for _ in 0..settings.failure_threshold {
        let ticket = breaker.try_acquire(now).expect("closed");
        breaker.settle(now, ticket, failure());
    }
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker
}

#[test]
fn demucs_and_basic_pitch_have_settings_of_their_own() {
    let tuple = |s: BreakerSettings| (s.failure_threshold, s.recovery_timeout.as_secs(), s.success_threshold);
    assert_eq!(tuple(presets("demucs")), (3, 120, 1));
    assert_eq!(tuple(presets("basic-pitch")), (3, 120, 1));
    assert_eq!(tuple(presets("basic_pitch")), (3, 120, 1));
    assert_eq!(tuple(presets("ffmpeg")), (5, 60, 2));
}

#[test]
fn it_opens_at_the_threshold_and_says_why() {
    let mut breaker = Breaker::new(small());
    let first = breaker.try_acquire(SECOND).expect("closed");
    assert_eq!(breaker.settle(SECOND, first, failure()), None);
    let second = breaker.try_acquire(SECOND).expect("closed");
    let transition = breaker.settle(SECOND, second, Outcome::Failure("no GPU".to_owned())).expect("opens");
    assert_eq!((transition.from, transition.to, transition.failures), (BreakerState::Closed, BreakerState::Open, 2));
    assert_eq!(transition.reason, "2 failures in a row, the last: no GPU");
    let rejection = breaker.try_acquire(SECOND).expect_err("open");
    assert_eq!(rejection.reason, "the circuit breaker is OPEN, retry in 12.0 s: no GPU");
    assert_eq!(rejection.retry_in, 12 * SECOND);
    assert_eq!(breaker.next_probe_at(), Some(13 * SECOND));
}

#[test]
fn a_success_resets_the_count_and_a_neutral_outcome_leaves_it() {
    let mut breaker = Breaker::new(small());
    for outcome in [failure(), Outcome::Success, failure(), Outcome::Neutral] {
        let ticket = breaker.try_acquire(SECOND).expect("closed");
        assert_eq!(breaker.settle(SECOND, ticket, outcome), None);
    }
    let ticket = breaker.try_acquire(SECOND).expect("closed");
    assert!(breaker.settle(SECOND, ticket, failure()).is_some());
}

#[test]
fn a_probe_goes_at_exactly_the_recovery_time_and_not_a_nanosecond_before() {
    let mut breaker = open_at(SECOND, small());
    let due = 13 * SECOND;
    let early = breaker.try_acquire(due - Duration::from_nanos(1)).expect_err("still open");
    assert_eq!(early.retry_in, Duration::from_nanos(1));
    assert!(early.reason.contains("retry in 0.1 s"), "{early}");
    let ticket = breaker.try_acquire(due).expect("due");
    assert!(ticket.probe);
    let change = ticket.transition.as_ref().expect("half open");
    assert_eq!((change.from, change.to), (BreakerState::Open, BreakerState::HalfOpen));
    breaker.settle(due, ticket, Outcome::Neutral);
}

#[test]
fn one_probe_at_a_time_and_a_neutral_one_gives_its_leave_back() {
    let mut breaker = open_at(SECOND, small());
    let probe = breaker.try_acquire(20 * SECOND).expect("due");
    let rejection = breaker.try_acquire(20 * SECOND).expect_err("a probe is in flight");
    assert_eq!(rejection.retry_in, Duration::ZERO);
    assert!(rejection.reason.contains("OPEN"), "{rejection}");
    assert_eq!(breaker.next_probe_at(), None);
    assert_eq!(breaker.settle(21 * SECOND, probe, Outcome::Neutral), None);
    assert_eq!(breaker.next_probe_at(), Some(20 * SECOND));
    let again = breaker.try_acquire(21 * SECOND).expect("given back");
    assert!(again.probe && again.transition.is_none());
    assert_eq!(breaker.settle(21 * SECOND, again, Outcome::Success), None);
    let last = breaker.try_acquire(21 * SECOND).expect("half open");
    assert_eq!(breaker.settle(21 * SECOND, last, Outcome::Success).map(|t| t.to), Some(BreakerState::Closed));
    assert_eq!(breaker.why(), None);
}

#[test]
fn a_failed_probe_opens_it_with_a_fresh_timer() {
    let mut breaker = open_at(SECOND, small());
    let probe = breaker.try_acquire(20 * SECOND).expect("due");
    let change = breaker.settle(30 * SECOND, probe, failure()).expect("opens");
    assert_eq!((change.to, change.failures), (BreakerState::Open, 3));
    assert_eq!(breaker.next_probe_at(), Some(42 * SECOND));
}

#[test]
fn a_late_outcome_neither_trips_closes_nor_prolongs() {
    let mut breaker = Breaker::new(small());
    let late: Vec<Ticket> = (0..4).map(|_| breaker.try_acquire(SECOND).expect("closed")).collect();
    let mut late = late.into_iter();
    let mut settle = |breaker: &mut Breaker, now, outcome| breaker.settle(now, late.next().expect("enough"), outcome);
    settle(&mut breaker, SECOND, failure());
    assert!(settle(&mut breaker, SECOND, failure()).is_some());
    assert_eq!(settle(&mut breaker, 9 * SECOND, failure()), None);
    assert_eq!(breaker.next_probe_at(), Some(13 * SECOND));
    let probe = breaker.try_acquire(13 * SECOND).expect("due");
    assert_eq!(settle(&mut breaker, 14 * SECOND, Outcome::Success), None);
    assert!(breaker.try_acquire(14 * SECOND).is_err(), "the late outcome did not give the probe's leave back");
    breaker.settle(14 * SECOND, probe, Outcome::Neutral);
    assert_eq!(breaker.metrics().late, 2);
}

#[test]
fn a_lost_probe_opens_it_anew_when_its_lease_ends() {
    let mut breaker = open_at(SECOND, small());
    let lost = breaker.try_acquire(20 * SECOND).expect("due");
    assert_eq!(breaker.expire(49 * SECOND, 30 * SECOND), None);
    let change = breaker.expire(50 * SECOND, 30 * SECOND).expect("expired");
    assert_eq!(change.to, BreakerState::Open);
    assert!(change.reason.contains("did not report within 30.0 s"), "{}", change.reason);
    assert_eq!(breaker.settle(51 * SECOND, lost, Outcome::Success), None);
    assert!(breaker.try_acquire(62 * SECOND).expect("probes again").probe);
}

#[test]
fn by_hand_it_opens_and_closes_at_once() {
    let mut breaker = Breaker::new(small());
    assert_eq!(breaker.reset(SECOND), None);
    let in_flight = breaker.try_acquire(SECOND).expect("closed");
    let change = breaker.trip(2 * SECOND, "maintenance").expect("opens");
    assert_eq!((change.to, change.reason.as_str()), (BreakerState::Open, "maintenance"));
    assert!(breaker.try_acquire(3 * SECOND).expect_err("open").reason.ends_with("retry in 11.0 s: maintenance"));
    assert_eq!(breaker.reset(3 * SECOND).map(|t| t.to), Some(BreakerState::Closed));
    assert_eq!(breaker.settle(3 * SECOND, in_flight, failure()), None);
    assert_eq!(breaker.failures(), 0);
}

#[test]
fn each_class_of_fault_is_charged_to_the_right_account() {
    for (class, counts) in [
        (FaultClass::Input, false),
        (FaultClass::Transient, true),
        (FaultClass::Dependency, true),
        (FaultClass::Environment, false),
        (FaultClass::Cancelled, false),
        (FaultClass::Bug, false),
    ] {
        let outcome = Outcome::of(&Fault::new(class, "exit", "text"));
        assert_eq!(outcome, if counts { Outcome::Failure("text".to_owned()) } else { Outcome::Neutral });
    }
}

#[test]
fn the_state_is_written_in_lower_case() {
    assert_eq!(serde_json::to_string(&BreakerState::HalfOpen).expect("json"), "\"half_open\"");
}

#[test]
fn thresholds_of_zero_and_endless_recovery_do_no_harm() {
    let mut breaker =
        Breaker::new(BreakerSettings { failure_threshold: 0, recovery_timeout: Duration::MAX, success_threshold: 0 });
    let ticket = breaker.try_acquire(SECOND).expect("closed");
    assert!(breaker.settle(SECOND, ticket, failure()).is_some());
    assert!(breaker.try_acquire(2 * SECOND).is_err());
    assert_eq!(breaker.next_probe_at(), Some(Duration::MAX));
}

/// What can happen to a breaker. Numbers pick among the tickets that are out.
#[derive(Debug, Clone)]
enum Op {
    Advance(u64),
    /// To the next moment at which a probe is let through, plus this many nanoseconds.
    ToProbe(i8),
    /// To the moment at which the lease of the probe ends, plus this many nanoseconds.
    ToLease(i8),
    Acquire,
    Settle(usize, u8),
    Lose(usize),
    Expire,
    Reset,
    Trip,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        2 => (0..40u64).prop_map(Op::Advance),
        2 => (-1..=1i8).prop_map(Op::ToProbe),
        1 => (-1..=1i8).prop_map(Op::ToLease),
        8 => Just(Op::Acquire),
        8 => (any::<usize>(), prop_oneof![3 => Just(0u8), 2 => Just(1u8), 1 => Just(2u8)])
            .prop_map(|(which, outcome)| Op::Settle(which, outcome)),
        1 => any::<usize>().prop_map(Op::Lose),
        2 => Just(Op::Expire),
        1 => Just(Op::Reset),
        1 => Just(Op::Trip),
    ];
    proptest::collection::vec(op, 200..400)
}

/// The model: its tickets are numbers in a list, and what it knows of a state is three plain fields.
#[derive(Debug, Default)]
struct Model {
    opened: Option<u64>,
    probing: bool,
    probe: Option<(u64, u64)>,
    streak: u32,
    good: u32,
    /// Tickets given out under the present state.
    valid: Vec<u64>,
}

impl Model {
    fn state(&self) -> BreakerState {
        match (self.opened, self.probing) {
            (None, _) => BreakerState::Closed,
            (Some(_), false) => BreakerState::Open,
            (Some(_), true) => BreakerState::HalfOpen,
        }
    }

    fn change(&mut self, opened: Option<u64>, probing: bool) {
        *self = Self { opened, probing, streak: self.streak, ..Self::default() };
    }

    fn acquire(&mut self, now: u64, id: u64, recovery: u64) -> Result<bool, u64> {
        if let (Some(opened), false) = (self.opened, self.probing) {
            if now < opened + recovery {
                return Err(opened + recovery - now);
            }
            self.change(Some(opened), true);
        }
        if self.probing {
            if self.probe.is_some() {
                return Err(0);
            }
            self.probe = Some((id, now));
        }
        self.valid.push(id);
        Ok(self.probing)
    }

    fn settle(&mut self, now: u64, id: u64, outcome: u8, settings: BreakerSettings) {
        if !self.valid.contains(&id) {
            return;
        }
        self.valid.retain(|other| *other != id);
        if self.probe.is_some_and(|(probe, _)| probe == id) {
            self.probe = None;
        }
        match outcome {
            0 => {
                self.streak += 1;
                if self.probing || self.streak >= settings.failure_threshold {
                    self.change(Some(now), false);
                }
            }
            1 => {
                self.streak = 0;
                self.good += 1;
                if self.probing && self.good >= settings.success_threshold {
                    self.change(None, false);
                }
            }
            _ => {}
        }
    }
}

fn check_change(before: BreakerState, after: BreakerState, change: Option<&Transition>) {
    // Tripping an open breaker starts its timer anew without a change of state, so equal states have no transition.
    assert_eq!(change.map(|t| (t.from, t.to)), (before != after).then_some((before, after)));
}

proptest! {
    // 400 cases of at least 200 steps and 300 on average: more than 100,000 steps.
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn it_does_what_the_model_does(
        ops in ops(), failure_threshold in 1..5u32, success_threshold in 1..4u32, recovery in 0..50u64, lease in 1..60u64
    ) {
        let ns = Duration::from_nanos;
        let settings = BreakerSettings { failure_threshold, recovery_timeout: ns(recovery), success_threshold };
        let mut breaker = Breaker::new(settings);
        let mut model = Model::default();
        let mut out: Vec<(u64, Ticket)> = Vec::new();
        let mut now = 100u64;
        for (id, op) in (0u64..).zip(ops) {
            let before = breaker.state();
            let change = match op {
                Op::Advance(by) => { now += by; None }
                Op::ToProbe(by) => {
                    if let Some(at) = breaker.next_probe_at() {
                        now = now.max((at.as_nanos() as u64).saturating_add_signed(by.into()));
                    }
                    None
                }
                Op::ToLease(by) => {
                    if let Some((_, since)) = model.probe {
                        now = now.max((since + lease).saturating_add_signed(by.into()));
                    }
                    None
                }
                Op::Acquire => {
                    let expected = model.acquire(now, id, recovery);
                    match breaker.try_acquire(ns(now)) {
                        Ok(ticket) => {
                            prop_assert_eq!(Ok(ticket.probe), expected);
                            let change = ticket.transition.clone();
                            out.push((id, ticket));
                            change
                        }
                        Err(rejection) => {
                            prop_assert_eq!(Err(rejection.retry_in.as_nanos() as u64), expected);
                            prop_assert!(rejection.reason.contains("OPEN"));
                            None
                        }
                    }
                }
                Op::Settle(which, outcome) if !out.is_empty() => {
                    let (id, ticket) = out.swap_remove(which % out.len());
                    model.settle(now, id, outcome, settings);
                    let outcome = [failure(), Outcome::Success, Outcome::Neutral][usize::from(outcome)].clone();
                    breaker.settle(ns(now), ticket, outcome)
                }
                Op::Lose(which) if !out.is_empty() => {
                    let at = which % out.len();
                    drop(out.swap_remove(at));
                    None
                }
                Op::Settle(..) | Op::Lose(_) => None,
                Op::Expire => {
                    if model.probe.is_some_and(|(_, since)| now >= since + lease) {
                        model.streak += 1;
                        model.change(Some(now), false);
                    }
                    breaker.expire(ns(now), ns(lease))
                }
                Op::Reset => {
                    model = Model::default();
                    breaker.reset(ns(now))
                }
                Op::Trip => {
                    model.change(Some(now), false);
                    breaker.trip(ns(now), "by hand")
                }
            };
            prop_assert_eq!(breaker.state(), model.state());
            prop_assert_eq!(breaker.failures(), model.streak);
            check_change(before, breaker.state(), change.as_ref());
            // Never more than one probe that can still count.
            let live = out.iter().filter(|(id, ticket)| ticket.probe && model.valid.contains(id)).count();
            prop_assert!(live <= 1);
        }

        // Never stuck: from any state, a dependency that is well closes it within a recovery and a lease.
        now += lease;
        breaker.expire(ns(now), ns(lease));
        now += recovery;
        for _ in 0..success_threshold {
            let ticket = breaker.try_acquire(ns(now));
            prop_assert!(ticket.is_ok(), "{ticket:?}");
            if let Ok(ticket) = ticket {
                breaker.settle(ns(now), ticket, Outcome::Success);
            }
        }
        prop_assert_eq!(breaker.state(), BreakerState::Closed);
    }
}
