//! `Retry-After`: the wait that a service asks for (RFC 9110, 10.2.3).

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// No service makes us wait longer.
pub const LONGEST: Duration = Duration::from_secs(300);

/// The wait that an answer of `status` asks for, at `now`: 300 s at most, nothing for a time that is over. Only 429 and 503
/// can ask for one.
#[must_use]
pub fn retry_after(status: u16, headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    if !matches!(status, 429 | 503) {
        return None;
    }
    parse(headers.get(RETRY_AFTER)?.to_str().ok()?.trim(), now)
}

/// Reads seconds, or a date as HTTP writes it (`Sun, 06 Nov 1994 08:49:37 GMT`). Everything else is nothing: a value that
/// is not understood must not be taken for another.
fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    if !value.is_empty() && value.bytes().all(|digit| digit.is_ascii_digit()) {
        // More digits than a number holds are above the longest wait as well.
        return Some(value.parse().map_or(LONGEST, Duration::from_secs).min(LONGEST));
    }
    // The one form of the many of RFC 5322 that HTTP allows has this length and this zone (RFC 9110, 5.6.7).
    let is_imf = value.len() == "Sun, 06 Nov 1994 08:49:37 GMT".len() && value.ends_with(" GMT");
    let at = is_imf.then(|| DateTimeParser::new().parse_timestamp(value).ok())??;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default().min(LONGEST))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

    use super::*;

    const NOW: &str = "2026-11-22T18:00:00Z";

    #[test]
    fn a_wait_is_read_as_seconds_or_as_a_date_and_never_as_something_else() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let table = [
            ("0", seconds(0)),
            ("1", seconds(1)),
            ("120", seconds(120)),
            ("000120", seconds(120)),
            ("300", seconds(300)),
            ("301", seconds(300)),
            ("86400", seconds(300)),
            ("4294967296", seconds(300)),
            ("18446744073709551616", seconds(300)),
            ("99999999999999999999999999", seconds(300)),
            (" 7 ", seconds(7)),
            ("Sun, 22 Nov 2026 18:00:00 GMT", seconds(0)),
            ("Sun, 22 Nov 2026 18:00:30 GMT", seconds(30)),
            ("Sun, 22 Nov 2026 18:05:00 GMT", seconds(300)),
            ("Sun, 22 Nov 2026 19:00:00 GMT", seconds(300)),
            ("Sun, 22 Nov 2026 17:59:59 GMT", seconds(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", seconds(0)),
            ("Wed, 31 Dec 9998 23:59:59 GMT", None),
            ("Thu, 31 Dec 9998 23:59:59 GMT", seconds(300)),
            ("", None),
            ("-3", None),
            ("+3", None),
            ("3.5", None),
            ("1e3", None),
            ("0x10", None),
            ("3 s", None),
            ("3, 4", None),
            ("soon", None),
            ("\u{663}", None),
            ("Sun, 22 Nov 2026 18:00:30 UTC", None),
            ("Sun, 22 Nov 2026 18:00:30 +0000", None),
            ("Sun, 22 Nov 2026 18:00:30", None),
            ("Mon, 22 Nov 2026 18:00:30 GMT", None),
            ("Sun, 32 Nov 2026 18:00:30 GMT", None),
            ("Sun, 22 Nov 2026 25:00:30 GMT", None),
            ("Sunday, 22-Nov-26 18:00:30 GMT", None),
            ("Sun Nov 22 18:00:30 2026", None),
            ("2026-11-22T18:00:30Z", None),
            ("1795370430 GMT", None),
            ("Sun, 22 Nov 2026 18:00:30 GMT;", None),
        ];
        assert_eq!(table.len(), 40);
        for (value, wait) in table {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, reqwest::header::HeaderValue::from_bytes(value.as_bytes()).unwrap());
            let now = NOW.parse().unwrap();
            assert_eq!(retry_after(429, &headers, now), wait, "{value:?}");
            assert_eq!(retry_after(503, &headers, now), wait, "{value:?}");
            for status in [200, 301, 408, 500, 502] {
                assert_eq!(retry_after(status, &headers, now), None);
            }
        }
        assert_eq!(retry_after(429, &HeaderMap::new(), NOW.parse().unwrap()), None);
    }
}
