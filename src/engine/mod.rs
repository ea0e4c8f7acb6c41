//! Runs a plan over a batch.
pub mod batch;
pub mod context;
pub mod fingerprint;
pub mod item;
