//! What is told of resources.

use super::{Tone, duration};
use crate::events::holder::told;
use crate::events::{EventKind, milliseconds};

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
            let (owner, held) = (told(&leak.owner), duration(milliseconds(leak.held)));
            let text = format!("{}  {why}: {owner}, for {held}; acquired at {}", leak.resource, leak.acquired_at);
            (Tone::Careful, "leak", text)
        }
        _ => (Tone::Plain, "", String::new()),
    }
}
