//! Links that steps have signed, and that have ended since.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::put::PUT;
use super::sign::SIGN;

/// A link that ends so soon is of little use to whoever is given it.
const SOON: Duration = Duration::from_secs(600);

/// Why what the step `name` reported is of no more use at `now`: a link that it signed has ended, or is about to.
#[must_use]
pub fn ended(name: &str, values: &Map<String, Value>, now: Timestamp) -> Option<String> {
    if ![PUT.name, SIGN.name].contains(&name) {
        return None;
    }
    let objects = values.get("objects").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
    let ends = objects.chain([values]).filter_map(|link| link.get("expires")?.as_str()?.parse::<Timestamp>().ok());
    let first = ends.min()?;
    if first <= now {
        return Some("its link has expired".to_owned());
    }
    let is_soon = first.duration_since(now).unsigned_abs() < SOON;
    is_soon.then(|| format!("its link expires within {} minutes", SOON.as_secs() / 60))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_link_is_of_use_until_shortly_before_it_ends() {
        let told = |name: &str, values: Value, now: &str| {
            ended(name, values.as_object().unwrap(), now.parse().unwrap()).unwrap_or_default()
        };
        let one = || json!({ "signed_url": "https://a", "expires": "2030-01-02T12:00:00Z" });
        for (now, wanted) in [
            ("2030-01-02T11:49:00Z", ""),
            ("2030-01-02T11:50:00Z", ""),
            ("2030-01-02T11:50:01Z", "its link expires within 10 minutes"),
            ("2030-01-02T11:59:59Z", "its link expires within 10 minutes"),
            ("2030-01-02T12:00:00Z", "its link has expired"),
            ("2031-01-02T12:00:00Z", "its link has expired"),
        ] {
            assert_eq!(told("storage.sign", one(), now), wanted, "{now}");
            assert_eq!(told("storage.put", one(), now), wanted, "{now}");
            // Of several, the first to end counts.
            let later = json!({ "expires": "2030-01-09T12:00:00Z" });
            assert_eq!(told("storage.put", json!({ "objects": [later, one()], "sent": 1 }), now), wanted, "{now}");
            // What another step calls so is no link of ours.
            assert_eq!(told("http.request", one(), now), "");
            assert_eq!(told("storage.put", json!({ "sent": 1, "key": "a" }), now), "");
        }
    }
}
