//! mediamill runs **pipelines** of audio and image steps over **batches** of files, on machines where tools are
//! missing, crash, hang and fill disks. It never loses work and never shows a half-written output.
//!
//! The rooms of the house, from the roof down. A room may import those below it, never one above:
//!
//! | room | holds |
//! |---|---|
//! | [`cli`] | the commands; the one room that wires the others together |
//! | [`tui`] | a front end: draws what is known of a run, sends commands to it |
//! | [`report`] | front ends for eyes other than a screen: lines, JSON, the summary |
//! | [`engine`] | runs a plan over a batch: dispatcher, executor, admission, signals |
//! | [`steps`] | what a step does: the register of built-ins, and external commands through the shim |
//! | [`health`] | what is known of each tool, probes, and the health report |
//! | [`events`] | the one stream of events, the commands, and the fold of all events: the run's state |
//! | [`pipeline`] | the pipeline file: spec, template, plan |
//! | [`resources`] | databases, services, storage: providers, leases, pools, owners, metrics |
//! | [`resilience`] | fault, retry, breaker, scratch, checkpoint |
//! | [`media`] | sound and pictures, nothing else |

pub mod cli;
pub mod engine;
pub mod events;
pub mod health;
pub mod media;
pub mod pipeline;
pub mod report;
pub mod resilience;
pub mod resources;
pub mod steps;
#[cfg(feature = "tui")]
pub mod tui;
