//! Runs a plan over a batch.
pub mod batch;
