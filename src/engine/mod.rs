//! Runs a plan over a batch.
