//! Resources: databases, file systems, HTTP services, language models, object storage, and whatever a [`Provider`] makes.
//!
//! A [`Manager`] knows providers by name. Whoever needs a resource acquires a [`Lease`] for an [`Owner`]; dropping the
//! lease gives it back, on success, failure, cancel and panic alike. Behind every name stands a [pool]: at most
//! `max_size` handles at once, waiters served in the order in which they came, idle handles checked before they are
//! used again, and closed when they are old.
//!
//! ```
//! use mediamill::resources::{Fixed, Manager, Owner};
//! use serde_json::{Value, json};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), mediamill::resources::ResourceError> {
//! let manager = Manager::new();
//! manager.register("settings", Fixed::new(json!({ "language": "en" })), Default::default())?;
//! let settings = manager.acquire::<Value>("settings", &Owner::new("lesson/song-1")).await?;
//! assert_eq!(settings["language"], "en");
//! drop(settings);
//! let leaks = manager.close().await;
//! assert!(leaks.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! Nothing here knows media, a step or a screen.

pub mod database;
mod error;
pub mod filesystem;
mod fixed;
mod health;
pub mod http;
mod lease;
mod ledger;
pub mod llm;
mod manager;
mod metrics;
mod monitor;
mod owner;
pub mod pool;
mod provider;
pub mod redact;
mod registered;
mod requirement;
pub mod secret;
pub mod settings;
pub mod storage;

pub use error::{Operation, ResourceError};
pub use fixed::Fixed;
pub use health::{Health, HealthReport};
pub use lease::{AnyLease, Lease};
pub use ledger::{Leak, OwnerView};
pub use manager::{Manager, scoped};
pub use metrics::{Activity, Metrics, ResourceStatus};
pub use monitor::Finding;
pub use owner::Owner;
pub use pool::PoolSettings;
pub use provider::Provider;
pub use requirement::{Leases, Requirement};
