//! What is told of resources.

use super::Tone;
use crate::events::EventKind;

/// The tone, the word, and the rest.
pub(super) fn words(kind: &EventKind) -> (Tone, &'static str, String) {
    match kind {
        EventKind::ResourceSeen { resource, .. } => {
            let metrics = &resource.metrics;
            let text = format!(
                "{}  {} of {} in use, {} waiting, {} leases so far",
                resource.name,
                metrics.active_connections,
                metrics.max_size,
                metrics.waiting,
                metrics.total_acquisitions
            );
            (Tone::Plain, "resource", text)
        }
        EventKind::ResourceLeaked { leak, ended } => {
            let why = if *ended { "is still held though its owner has ended" } else { "is held for long" };
            let text = format!("{}  {why}: {}, for {:.1} s", leak.resource, leak.owner, leak.held);
            (Tone::Bad, "leak", text)
        }
        _ => (Tone::Plain, "", String::new()),
    }
}
