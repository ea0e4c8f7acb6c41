//! The register of built-in steps: one line each.

use super::builtin::Builtin;

/// Every built-in step, by name.
pub static BUILTINS: &[&Builtin] = &[
    &super::audio::analyze::ANALYZE,
    &super::audio::compare::COMPARE,
    &super::audio::convert::CONVERT,
    &super::audio::loudness::LOUDNESS,
    &super::audio::mix::MIX,
    &super::audio::normalize::NORMALIZE,
    &super::audio::probe::PROBE,
    &super::audio::slice::SLICE,
    &super::audio::spectrogram::SPECTROGRAM,
    &super::audio::trim::TRIM,
    &super::audio::verify::VERIFY,
    &super::audio::waveform::WAVEFORM,
    &super::collect::COLLECT,
    &super::file::copy::COPY,
    &super::file::hash::HASH,
    &super::image::probe::PROBE,
    &super::image::resize::RESIZE,
    &super::image::strip::STRIP,
    &super::noop::NOOP,
];

/// The built-in step called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().copied().find(|builtin| builtin.name == name)
}
