//! Retry delays stay inside their bounds whatever the numbers are, and are the same for the same seed.

use std::time::Duration;

use mediamill::resilience::retry::{RetryPolicy, chance};
use proptest::prelude::*;

fn policies() -> impl Strategy<Value = RetryPolicy> {
    let time = || prop_oneof![Just(0), 1..5_000_000_000u64, any::<u64>()].prop_map(Duration::from_nanos);
    let number = || prop_oneof![0.0..4.0, any::<f64>(), Just(f64::NAN), Just(f64::INFINITY)];
    (any::<u32>(), time(), time(), number(), number()).prop_map(
        |(max_retries, base_delay, max_delay, exponential_base, jitter)| RetryPolicy {
            max_retries,
            base_delay,
            max_delay,
            exponential_base,
            jitter,
        },
    )
}

#[test]
fn the_defaults_wait_1_2_and_4_seconds_and_make_four_attempts() {
    let policy = RetryPolicy::default();
    let plain: Vec<_> = (0..3).map(|k| policy.delay(k, 0)).collect();
    assert_eq!(plain, [1, 2, 4].map(Duration::from_secs));
    assert_eq!(policy.delay(6, 0), Duration::from_secs(60));
    assert_eq!(policy.delay(u32::MAX, 0), Duration::from_secs(60));
    assert_eq!(policy.max_attempts(), 4);
    assert!(policy.delay(0, u64::MAX) > Duration::from_millis(1099));
    assert!(policy.delay(0, u64::MAX) < Duration::from_millis(1100));
}

#[test]
fn no_retries_is_one_attempt_and_the_most_retries_do_not_overflow() {
    assert_eq!(RetryPolicy { max_retries: 0, ..RetryPolicy::default() }.max_attempts(), 1);
    assert_eq!(RetryPolicy { max_retries: u32::MAX, ..RetryPolicy::default() }.max_attempts(), u32::MAX);
}

#[test]
fn the_greatest_times_there_are_do_not_overflow() {
    let policy = RetryPolicy {
        base_delay: Duration::MAX,
        max_delay: Duration::MAX,
        exponential_base: f64::MAX,
        jitter: 1.0,
        ..RetryPolicy::default()
    };
    assert!(policy.delay(u32::MAX, u64::MAX) >= Duration::from_nanos(u64::MAX));
}

#[test]
fn chance_tells_seed_item_step_and_attempt_apart() {
    let all = [
        chance(1, "ab", "c", 1),
        chance(2, "ab", "c", 1),
        chance(1, "a", "bc", 1),
        chance(1, "ab", "d", 1),
        chance(1, "ab", "c", 2),
    ];
    for (i, one) in all.iter().enumerate() {
        assert!(!all[i + 1..].contains(one), "{i}");
    }
    assert_eq!(chance(7, "songs/ä.wav", "stems", 3), chance(7, "songs/ä.wav", "stems", 3));
}

#[test]
fn chance_spreads_the_delays_over_the_whole_jitter() {
    let policy = RetryPolicy::default();
    let mean = (0..1000).map(|i| policy.delay(0, chance(0, &i.to_string(), "s", 1)).as_secs_f64()).sum::<f64>() / 1e3;
    assert!((mean - 1.05).abs() < 0.005, "{mean}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn a_delay_is_never_above_its_bound_and_never_below_the_delay_without_jitter(
        policy in policies(), k in prop_oneof![0..40u32, any::<u32>()], pick in any::<u64>()
    ) {
        let delay = policy.delay(k, pick);
        let plain = policy.delay(k, 0);
        prop_assert!(plain <= policy.max_delay);
        prop_assert!(delay >= plain);
        let jitter = if policy.jitter.is_nan() { 0.0 } else { policy.jitter.clamp(0.0, 1.0) };
        // The bound in whole nanoseconds, rounded up.
        let extra = (plain.as_nanos() as f64 * jitter).ceil() as u128;
        prop_assert!(delay.as_nanos() <= plain.as_nanos() + extra, "{delay:?} {plain:?} {jitter}");
    }

    #[test]
    fn delays_without_jitter_never_shrink_from_one_retry_to_the_next(policy in policies(), k in 0..1000u32) {
        prop_assert!(policy.delay(k, 0) <= policy.delay(k + 1, 0));
    }

    #[test]
    fn the_same_chance_gives_the_same_delay(policy in policies(), k in 0..100u32, pick in any::<u64>()) {
        prop_assert_eq!(policy.delay(k, pick), policy.delay(k, pick));
    }
}
