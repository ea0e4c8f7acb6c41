//! Runs a plan over a batch.
//!
//! One **dispatcher** owns all state of the run and writes all events. **Slots**, threads with their hosts, make the
//! attempts; others look at items ahead of them. Whatever wants something of a run sends it a
//! [`Command`](crate::events::Command).

pub mod assets;
pub mod attempt;
pub mod batch;
pub mod context;
pub mod control;
pub mod dispatcher;
pub mod due;
pub mod fingerprint;
pub mod forecast;
pub mod generator;
pub mod hooks;
pub mod item;
pub mod kept;
pub mod needs;
pub mod occasion;
pub mod owner;
pub mod piece;
pub mod piece_view;
pub mod preflight;
pub mod recorder;
pub mod resources;
pub mod run;
pub mod signals;
pub mod slot;
pub mod socket;
pub mod survey;
pub mod tools;
