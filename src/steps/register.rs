//! The register of built-in steps: one line each.

use super::batch::BatchStep;
use super::builtin::Builtin;
use super::resource::ResourceStep;

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
    &super::database::export::EXPORT,
    &super::database::insert::INSERT,
    &super::database::query::QUERY,
    &super::file::copy::COPY,
    &super::file::hash::HASH,
    &super::http::request::REQUEST,
    &super::image::compare::COMPARE,
    &super::image::contact_sheet::CONTACT_SHEET,
    &super::image::convert::CONVERT,
    &super::image::crop::CROP,
    &super::image::dedupe::DEDUPE,
    &super::image::hash::HASH,
    &super::image::orient::ORIENT,
    &super::image::probe::PROBE,
    &super::image::resize::RESIZE,
    &super::image::strip::STRIP,
    &super::image::verify::VERIFY,
    &super::llm::complete::COMPLETE,
    &super::noop::NOOP,
    &super::storage::get::GET,
    &super::storage::put::PUT,
    &super::storage::sign::SIGN,
    &super::text::redraw::REDRAW,
    &super::text::render::RENDER,
    &super::http::webhook::WEBHOOK,
];

/// Those of them that run once over the whole batch.
pub static BATCH_STEPS: &[&BatchStep] = &[
    &super::collect::COLLECT_BATCH,
    &super::image::contact_sheet::CONTACT_SHEET_BATCH,
    &super::image::dedupe::DEDUPE_BATCH,
];

/// Those of them that work with a resource, in the engine's own process.
pub static RESOURCE_STEPS: &[&ResourceStep] = &[
    &super::database::export::EXPORT_RESOURCE,
    &super::database::insert::INSERT_RESOURCE,
    &super::database::query::QUERY_RESOURCE,
    &super::http::request::REQUEST_RESOURCE,
    &super::llm::complete::COMPLETE_RESOURCE,
    &super::storage::get::GET_RESOURCE,
    &super::storage::put::PUT_RESOURCE,
    &super::storage::sign::SIGN_RESOURCE,
    &super::http::webhook::WEBHOOK_RESOURCE,
];

/// The built-in step called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().copied().find(|builtin| builtin.name == name)
}

/// The step over the whole batch called `name`.
#[must_use]
pub fn find_batch(name: &str) -> Option<&'static BatchStep> {
    BATCH_STEPS.iter().copied().find(|batch| batch.step.name == name)
}

/// The step that works with a resource called `name`.
#[must_use]
pub fn find_resource(name: &str) -> Option<&'static ResourceStep> {
    RESOURCE_STEPS.iter().copied().find(|step| step.step.name == name)
}
