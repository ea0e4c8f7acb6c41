//! What is counted of the requests of a resource.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value, json};

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    requests: AtomicU64,
    /// By the first digit of the status; at 0, those that no answer came to.
    answers: [AtomicU64; 6],
    sent: AtomicU64,
    received: AtomicU64,
}

impl Counts {
    /// A request goes out, with a body of so many bytes.
    pub(super) fn asked(&self, bytes: u64) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// An answer of `status` came; 0 stands for none.
    pub(super) fn answered(&self, status: u16) {
        let class = usize::from(status / 100);
        self.answers[if class < self.answers.len() { class } else { 0 }].fetch_add(1, Ordering::Relaxed);
    }

    /// So many bytes of an answer came.
    pub(super) fn received(&self, bytes: u64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
    }

    /// As figures of the resource: `requests`, answers by class of status (`2xx`), `unanswered`, `bytes_sent`,
    /// `bytes_received`.
    pub(super) fn figures(&self) -> Map<String, Value> {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let mut figures = Map::new();
        figures.insert("requests".into(), json!(read(&self.requests)));
        for (name, count) in ["unanswered", "1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().zip(&self.answers) {
            if read(count) > 0 {
                figures.insert(name.into(), json!(read(count)));
            }
        }
        figures.insert("bytes_sent".into(), json!(read(&self.sent)));
        figures.insert("bytes_received".into(), json!(read(&self.received)));
        figures
    }
}
