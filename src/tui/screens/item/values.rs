//! What steps found out, as people read it.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::resilience::checkpoint::Checkpoint;
use crate::resilience::safe_text::safe_line;
use crate::tui::text::{bytes, count, duration};

/// Values of one step that are shown.
const MOST: usize = 200;
/// Letters of one value that are shown.
const LONGEST: usize = 400;

/// Where the values of a generated item itself stand: no step is called like this.
pub(super) const OF_ITEM: &str = "";

/// The values of each step, as they are told.
pub(super) type Values = HashMap<String, Vec<(String, String)>>;

/// All values that a checkpoint knows, made ready once: there may be many, and long ones.
pub(super) fn of(known: &Checkpoint) -> Values {
    let short = |name: &str, value: &Value| {
        let (name, value) = told(name, value);
        (name.chars().take(LONGEST).collect(), value.chars().take(LONGEST).collect())
    };
    let of_step = |(step, values): (&String, &Map<String, Value>)| {
        (step.clone(), values.iter().take(MOST).map(|(name, value)| short(name, value)).collect())
    };
    let of_item = known.item_values().iter().take(MOST).map(|(name, value)| short(name, value)).collect();
    known.intermediate_results.iter().map(of_step).chain([(OF_ITEM.to_owned(), of_item)]).collect()
}

/// The name of a value, and the value.
fn told(name: &str, value: &Value) -> (String, String) {
    let units = [("_dbfs", "dBFS"), ("_lufs", "LUFS"), ("_db", "dB"), ("_hz", "Hz"), ("_bpm", "BPM"), ("_ms", "ms")];
    let unit = units.iter().find_map(|(end, unit)| name.strip_suffix(end).map(|plain| (plain, *unit)));
    let (plain, unit) = match (unit, name) {
        (Some((plain, unit)), _) => (plain, unit),
        (None, "sample_rate") => (name, "Hz"),
        (None, "tempo" | "bpm") => (name, "BPM"),
        (None, _) => (name, ""),
    };
    let is_time = matches!(name, "duration" | "trimmed_start" | "trimmed_end") || name.ends_with("_seconds");
    let text = match value {
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (_, Some(seconds)) if is_time => time(seconds),
            (Some(size), _) if matches!(name, "size" | "bytes") || name.ends_with("_bytes") => bytes(size),
            (Some(whole), _) => count(whole),
            (None, Some(real)) => rounded(real),
            (None, None) => number.to_string(),
        },
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::String(text) => safe_line(text).into_owned(),
        Value::Null => "none".to_owned(),
        Value::Array(all) if all.len() > 8 => format!("{} values", count(all.len() as u64)),
        Value::Array(_) | Value::Object(_) => safe_line(&value.to_string()).into_owned(),
    };
    let text = if unit.is_empty() || !value.is_number() { text } else { format!("{text} {unit}") };
    let name = plain.strip_suffix("_seconds").unwrap_or(plain).replace('_', " ");
    (safe_line(&name).into_owned(), text)
}

fn time(seconds: f64) -> String {
    Duration::try_from_secs_f64(seconds).map_or_else(|_| rounded(seconds), duration)
}

/// Two digits behind the point, where they say something.
fn rounded(real: f64) -> String {
    if (1000.0..1e15).contains(&real) {
        return count(real.round() as u64);
    }
    let text = format!("{real:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" || text == "0" && real != 0.0 { format!("{real:.1e}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_told_with_their_units() {
        for (name, value, wanted) in [
            ("duration", json!(185.04), ("duration", "3 min 05 s")),
            ("trimmed_start", json!(0.25), ("trimmed start", "250 ms")),
            ("rms_dbfs", json!(-14.237), ("rms", "-14.24 dBFS")),
            ("centroid_hz", json!(1834.2), ("centroid", "1,834 Hz")),
            ("sample_rate", json!(44100), ("sample rate", "44,100 Hz")),
            ("tempo", json!(120.0), ("tempo", "120 BPM")),
            ("size", json!(1536), ("size", "1.5 KiB")),
            ("animated", json!(false), ("animated", "no")),
            ("codec", json!("fl\u{1b}ac"), ("codec", "fl\\u{1b}ac")),
            ("notes", json!([1, 2]), ("notes", "[1,2]")),
            ("notes", json!([0, 1, 2, 3, 4, 5, 6, 7, 8]), ("notes", "9 values")),
            ("share", json!(0.000_123), ("share", "1.2e-4")),
            ("peak_dbfs", json!(null), ("peak", "none")),
            ("duration", json!(-1.0), ("duration", "-1")),
        ] {
            assert_eq!(told(name, &value), (wanted.0.to_owned(), wanted.1.to_owned()));
        }
    }
}
