//! Work that would hold up a thread of the runtime.

use crate::resilience::{Fault, FaultClass};

/// Does `work` on a thread that may wait. Where the future is dropped, the work goes on to its end.
///
/// # Errors
/// Those of `work`; a bug where it panicked.
pub async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(ended) if ended.is_panic() => Err(Fault::new(FaultClass::Bug, "panic", "the work on a file panicked")),
        Err(_) => Err(Fault::new(FaultClass::Cancelled, "cancelled", "the runtime is ending")),
    }
}
