//! What makes a resource: the one trait that a new kind implements.

use std::any::{Any, TypeId};
use std::future::Future;
use std::pin::Pin;

use serde_json::{Map, Value};

use super::health::HealthReport;
use crate::resilience::Fault;

/// What makes the handles of one resource, and knows whether it is well.
///
/// A provider is shared by all; a handle has one owner at a time, who may use it from several places at once. The pool
/// decides when handles are made, looked at and closed, and never calls the provider while it holds a lock.
///
/// `examples/redis_provider.rs` is one, whole, for Redis.
pub trait Provider: Send + Sync + 'static {
    /// What a lease gives: a connection, a client, a folder.
    type Handle: Send + Sync + 'static;

    /// Makes a handle. Dropping the future gives up: nothing may be left behind then.
    ///
    /// # Errors
    /// Why it could not, with the class that says whose fault that is: [`Dependency`](crate::resilience::FaultClass)
    /// where the service is not there or refuses us, `Transient` where it may work the next time.
    fn create(&self) -> impl Future<Output = Result<Self::Handle, Fault>> + Send;

    /// Whether a handle that lay idle still works. Asked before it is used again, no oftener than once in
    /// `validation_interval`.
    fn validate(&self, _handle: &Self::Handle) -> impl Future<Output = bool> + Send {
        async { true }
    }

    /// Whether a handle that comes back may be used again: not when a call on it was given up half-way.
    fn is_reusable(&self, _handle: &Self::Handle) -> bool {
        true
    }

    /// Ends a handle in an orderly way. One whose owner's future was dropped may be dropped without it.
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

/// A provider, whatever its handles are.
pub(super) trait AnyProvider: Send + Sync {
    fn handle_type(&self) -> TypeId;
    fn create(&self) -> Boxed<'_, Result<Handle, Fault>>;
    fn validate<'a>(&'a self, handle: &'a Handle) -> Boxed<'a, bool>;
    fn is_reusable(&self, handle: &Handle) -> bool;
    fn close(&self, handle: Handle) -> Boxed<'_, ()>;
    fn check(&self) -> Boxed<'_, Result<HealthReport, Fault>>;
    fn figures(&self) -> Map<String, Value>;
}

impl<P: Provider> AnyProvider for P {
    fn handle_type(&self) -> TypeId {
        TypeId::of::<P::Handle>()
    }

    fn create(&self) -> Boxed<'_, Result<Handle, Fault>> {
        Box::pin(async { Provider::create(self).await.map(|handle| Box::new(handle) as Handle) })
    }

    fn validate<'a>(&'a self, handle: &'a Handle) -> Boxed<'a, bool> {
        Box::pin(async move {
            match handle.downcast_ref() {
                Some(handle) => Provider::validate(self, handle).await,
                None => false,
            }
        })
    }

    fn is_reusable(&self, handle: &Handle) -> bool {
        handle.downcast_ref().is_some_and(|handle| Provider::is_reusable(self, handle))
    }

    fn close(&self, handle: Handle) -> Boxed<'_, ()> {
        Box::pin(async move {
            if let Ok(handle) = handle.downcast() {
                Provider::close(self, *handle).await;
            }
        })
    }

    fn check(&self) -> Boxed<'_, Result<HealthReport, Fault>> {
        Box::pin(Provider::check(self))
    }

    fn figures(&self) -> Map<String, Value> {
        Provider::figures(self)
    }
}
