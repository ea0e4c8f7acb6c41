//! The desk: one thread on which all that waits for resources is done, as futures.

use std::future::Future;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::{Notify, oneshot};

use crate::resilience::{Fault, FaultClass};
use crate::steps::shim::Canceller;

/// How long what still blocks a thread of the runtime is waited for when it ends.
const ENDING_PATIENCE: Duration = Duration::from_secs(1);

/// A thread with a runtime. Whoever hands it a future waits for it on a thread of their own. It ends when this is dropped,
/// and what is under way with it.
#[derive(Debug)]
pub struct Desk {
    runtime: Handle,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Desk {
    /// Starts it.
    ///
    /// # Errors
    /// That the system gives no thread, or nothing to wait with.
    pub fn start() -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let serve = move || {
            let _ = runtime.block_on(ended);
            runtime.shutdown_timeout(ENDING_PATIENCE);
        };
        let thread = std::thread::Builder::new().name("desk".into()).spawn(serve)?;
        Ok(Self { runtime: handle, end: Some(end), thread: Some(thread) })
    }

    /// Does `work`, beside whatever else is done.
    pub fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(work);
    }

    /// The same, for one who waits for what comes of it on the desk.
    pub fn task<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.runtime.spawn(work)
    }

    /// Does `work` here and now, as one that knows of the desk: what it makes may wait there.
    pub fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        let _within = self.runtime.enter();
        work()
    }

    /// Waits for `work`; nothing where it panicked, or the desk has ended. Must not be called on the desk itself.
    pub fn wait_for<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        self.runtime.block_on(self.runtime.spawn(work)).ok()
    }

    /// Waits for `work`, for a cancel, and for `limit`: what comes first. In the two other cases the future is dropped before
    /// this returns. Must not be called on the desk itself.
    ///
    /// # Errors
    /// The fault of `work`; `Cancelled`; a `Transient` one of cause `timeout`; a `Bug` where it panicked.
    pub fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Fault>> + Send + 'static,
        canceller: &Canceller,
        limit: Option<Duration>,
    ) -> Result<T, Fault> {
        let cancelled = Arc::new(Notify::new());
        let told = Arc::clone(&cancelled);
        let one_of_three = async move {
            let late = async move {
                match limit {
                    Some(limit) => tokio::time::sleep(limit).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = told.notified() => Err(Fault::new(FaultClass::Cancelled, "cancelled", "it was cancelled")),
                done = work => done,
                () = late => {
                    let limit = limit.unwrap_or_default().as_secs_f64();
                    Err(Fault::new(FaultClass::Transient, "timeout", format!("it took longer than {limit} s")))
                }
            }
        };
        let task = self.runtime.spawn(one_of_three);
        let done = canceller.telling(&cancelled, || self.runtime.block_on(task));
        done.unwrap_or_else(|lost| match lost.try_into_panic() {
            Ok(panic) => Err(panicked(&*panic)),
            Err(_) => Err(Fault::new(FaultClass::Cancelled, "cancelled", "the run is ending")),
        })
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.end = None;
        // Whoever drops it on the desk itself cannot wait for its end.
        let elsewhere = |thread: &JoinHandle<()>| thread.thread().id() != std::thread::current().id();
        if let Some(thread) = self.thread.take().filter(elsewhere) {
            let _ = thread.join();
        }
    }
}

/// Our own code panicked: the item fails, the run goes on.
pub fn panicked(panic: &(dyn std::any::Any + Send)) -> Fault {
    let text = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into());
    Fault::new(FaultClass::Bug, "panic", format!("mediamill itself failed: {text}"))
        .with_hint("please report this, with the journal of the run")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]

    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// Says that it was dropped.
    struct Dropped(Arc<AtomicBool>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    async fn never(held: Dropped) -> Result<(), Fault> {
        let _held = held;
        std::future::pending().await
    }

    #[test]
    fn what_comes_first_decides_and_nothing_is_left_of_the_rest() {
        let desk = Desk::start().unwrap();
        let gone = Arc::new(AtomicBool::new(false));
        let canceller = Canceller::default();
        let late = desk.wait(never(Dropped(Arc::clone(&gone))), &canceller, Some(Duration::from_millis(5)));
        assert_eq!(late.unwrap_err().cause, "timeout");
        assert!(gone.swap(false, Ordering::SeqCst));

        // Asked to end while it waits.
        let (begun, begins) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let held = Dropped(Arc::clone(&gone));
            let waiting = scope.spawn(|| {
                let work = async move {
                    begun.send(()).unwrap();
                    never(held).await
                };
                desk.wait(work, &canceller, None)
            });
            begins.recv().unwrap();
            canceller.cancel(false);
            assert_eq!(waiting.join().unwrap().unwrap_err().class, FaultClass::Cancelled);
        });
        assert!(gone.swap(false, Ordering::SeqCst));

        // And before it began.
        let ended = desk.wait(never(Dropped(Arc::clone(&gone))), &canceller, None);
        assert_eq!(ended.unwrap_err().class, FaultClass::Cancelled);
        assert!(gone.load(Ordering::SeqCst));
    }

    #[test]
    fn a_panic_is_our_own_fault_and_the_desk_goes_on() {
        let desk = Desk::start().unwrap();
        let panics = async {
            assert!(tokio::runtime::Handle::try_current().is_err(), "a plank is loose");
            Ok(())
        };
        let fault = desk.wait(panics, &Canceller::default(), None).unwrap_err();
        assert_eq!(fault.class, FaultClass::Bug);
        assert!(fault.message.contains("a plank is loose"), "{fault}");
        assert_eq!(desk.wait(async { Ok(7) }, &Canceller::default(), None), Ok(7));
        assert_eq!(desk.wait_for(async { 8 }), Some(8));
    }
}
