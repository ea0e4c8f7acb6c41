//! What keeps a batch alive: faults and their accounts, retry, circuit breaker, health scores, scratch, checkpoints.
//!
//! Nothing here knows media, a tool or a screen. Time and chance are passed in.

pub mod breaker;
pub mod checkpoint;
pub mod fault;
pub mod hash;
pub mod kept_scores;
pub mod os_text;
pub mod piece;
pub mod quantity;
pub mod retry;
pub mod safe_text;
pub mod score;
pub mod scratch;
pub mod store;

pub use fault::{Fault, FaultClass};
