//! What is known of each tool, the probes that look for it, and the health report.
//!
//! [`wanted()`] tells what a pipeline needs, [`check_all`] looks for it, [`report`] says what was found. When a tool has
//! failed, [`classify()`] tells whose fault it was, and where it cannot, [`canary`] finds out.

pub mod canary;
mod child;
pub mod classify;
mod find;
pub mod known;
pub mod machine;
mod probe;
pub mod report;
mod version;
mod wanted;

pub use classify::{ExitKind, ToolEnd, Verdict, classify};
pub use find::{Finder, ToolIdentity, tool_identity};
pub use probe::{HealthCheck, check_all, check_all_with};
pub use wanted::{Wanted, all_known, program_of, wanted};
