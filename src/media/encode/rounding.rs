//! Floating-point samples to integers.

/// The integer of a sample, full scale at `full`: rounded, and clipped.
pub(super) fn integer(sample: f32, full: f32) -> i32 {
    (sample * full).round_ties_even().clamp(-full, full - 1.0) as i32
}
