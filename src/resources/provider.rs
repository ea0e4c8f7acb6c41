//! What makes a resource: the one trait that a new kind implements.

use std::any::{Any, TypeId};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::thread;

use serde_json::{Map, Value};

use super::health::HealthReport;
use crate::resilience::{Fault, FaultClass};

/// What makes the handles of one resource, and knows whether it is well.
///
/// A provider is shared by all; a handle has one owner at a time, who may use it from several places at once. The pool
/// decides when handles are made, looked at and closed, and never calls the provider while it holds a lock.
///
/// # How to write one
/// This is one for Redis, whole: `examples/redis_provider.rs`. `tests/resource_redis.rs` runs it against a real server.
///
/// ```ignore
#[doc = include_str!("../../examples/redis_provider.rs")]
/// ```
pub trait Provider: Send + Sync + 'static {
    /// What a lease gives: a connection, a client, a folder.
    type Handle: Send + Sync + 'static;

    /// Makes a handle, within what is left of the time that somebody waits for it. Dropping the future gives up: nothing may
    /// be left behind then.
    ///
    /// # Errors
    /// Why it could not, with the class that says whose fault that is: [`Dependency`](crate::resilience::FaultClass)
    /// where the service is not there or refuses us, `Transient` where it may work the next time.
    fn create(&self) -> impl Future<Output = Result<Self::Handle, Fault>> + Send;

    /// Whether a handle that lay idle still works. Asked before it is used again: once in `validation_interval`, and when
    /// another handle of the resource was found bad meanwhile. No answer within 5 s is a no.
    fn validate(&self, _handle: &Self::Handle) -> impl Future<Output = bool> + Send {
        async { true }
    }

    /// Whether a handle that comes back may be used again: not when a call on it was given up half-way.
    fn is_reusable(&self, _handle: &Self::Handle) -> bool {
        true
    }

    /// Ends a handle in an orderly way, whatever state it is in. After 5 s the future is dropped, and the handle with it;
    /// until then it counts as one of the pool.
    fn close(&self, handle: Self::Handle) -> impl Future<Output = ()> + Send {
        async move { drop(handle) }
    }

    /// Looks whether the resource is well, with a call as small as can be.
    ///
    /// # Errors
    /// Why it is not.
    fn check(&self) -> impl Future<Output = Result<HealthReport, Fault>> + Send;

    /// Figures of its own beyond those that every resource has: tokens, requests, bytes.
    fn figures(&self) -> Map<String, Value> {
        Map::new()
    }
}

/// A handle of any provider.
pub(super) type Handle = Box<dyn Any + Send + Sync>;

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A provider, whatever its handles are. Where it panics it has failed, and takes nobody along.
pub(super) trait AnyProvider: Send + Sync {
    fn handle_type(&self) -> TypeId;
    fn create(&self) -> Boxed<'_, Result<Handle, Fault>>;
    fn validate<'a>(&'a self, handle: &'a Handle) -> Boxed<'a, bool>;
    fn is_reusable(&self, handle: &Handle) -> bool;
    fn close(&self, handle: Handle) -> Boxed<'_, ()>;
    fn check(&self) -> Boxed<'_, Result<HealthReport, Fault>>;
    fn figures(&self) -> Map<String, Value>;
}

/// What comes of `future`, or the panic that it ends with.
pub(super) async fn caught<T>(future: impl Future<Output = T>) -> thread::Result<T> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

impl<P: Provider> AnyProvider for P {
    fn handle_type(&self) -> TypeId {
        TypeId::of::<P::Handle>()
    }

    fn create(&self) -> Boxed<'_, Result<Handle, Fault>> {
        Box::pin(async {
            let made = caught(async { Provider::create(self).await }).await;
            let panicked = |_| Fault::new(FaultClass::Bug, "provider-panic", "its provider panicked");
            made.map_err(panicked)?.map(|handle| Box::new(handle) as Handle)
        })
    }

    fn validate<'a>(&'a self, handle: &'a Handle) -> Boxed<'a, bool> {
        Box::pin(async move {
            let Some(handle) = handle.downcast_ref() else { return false };
            caught(async { Provider::validate(self, handle).await }).await.unwrap_or(false)
        })
    }

    fn is_reusable(&self, handle: &Handle) -> bool {
        let is_reusable = || handle.downcast_ref().is_some_and(|handle| Provider::is_reusable(self, handle));
        catch_unwind(AssertUnwindSafe(is_reusable)).unwrap_or(false)
    }

    fn close(&self, handle: Handle) -> Boxed<'_, ()> {
        Box::pin(async move {
            let _ = caught(async move {
                if let Ok(handle) = handle.downcast() {
                    Provider::close(self, *handle).await;
                }
            })
            .await;
        })
    }

    fn check(&self) -> Boxed<'_, Result<HealthReport, Fault>> {
        Box::pin(async {
            let panicked = |_| Ok(HealthReport::unknown("the look at it came to grief: its provider panicked"));
            caught(async { Provider::check(self).await }).await.unwrap_or_else(panicked)
        })
    }

    fn figures(&self) -> Map<String, Value> {
        catch_unwind(AssertUnwindSafe(|| Provider::figures(self))).unwrap_or_default()
    }
}
