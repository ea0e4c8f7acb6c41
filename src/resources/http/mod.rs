//! Resources that are HTTP services.
//!
//! ```toml
//! [resources.notes]
//! kind = "http"
//! base_url = "https://notes.example.org/v1"
//! auth = { kind = "bearer", token = "${NOTES_TOKEN}" }
//! timeout = "30s"
//! rate = 60
//! ```
//!
//! A request is made once. What is to be tried again, how often and how long after, is the step's `[retry]`, and a service
//! that stays away opens the resource's breaker.

mod address;
mod body;
pub mod client;
mod counts;
mod fault;
mod origin;
mod rate;
mod request;
mod response;
mod retry_after;
mod service;
mod settings;

pub use address::{Found, Lookup, is_global, system};
pub use body::{Body, Content, Part};
pub use client::{Client, ClientSettings};
pub use origin::HostRule;
pub use rate::Rate;
pub use request::Request;
pub use response::Response;
pub use retry_after::{LONGEST, retry_after};
pub use service::{HttpProvider, HttpService};
pub use settings::{Auth, Probe, ProbeMethod, Settings, header, refusal};
pub(super) use {
    service::open,
    settings::{PLAIN_HEADERS, check, is_plain_header, note_secrets, note_user},
};
