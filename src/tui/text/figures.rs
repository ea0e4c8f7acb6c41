//! Numbers, sizes and times as people read them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The columns that [`duration_fixed`] fills.
pub const DURATION_WIDTH: usize = 11;

/// A time span in the two units that matter: `840 ms`, `4.2 s`, `42 s`, `1 min 05 s`, `2 h 10 min`, `3 d 04 h`.
#[must_use]
pub fn duration(span: Duration) -> String {
    let millis = span.as_millis();
    let tenths = (millis + 50) / 100;
    let seconds = (millis + 500) / 1000;
    let minutes = seconds / 60;
    let hours = minutes / 60;
    match () {
        () if millis < 1000 => format!("{millis} ms"),
        () if tenths < 100 => format!("{}.{} s", tenths / 10, tenths % 10),
        () if seconds < 60 => format!("{seconds} s"),
        () if minutes < 60 => format!("{minutes} min {:02} s", seconds % 60),
        () if hours < 24 => format!("{hours} h {:02} min", minutes % 60),
        () => format!("{} d {:02} h", hours / 24, hours % 24),
    }
}

/// As [`duration`], right-aligned in [`DURATION_WIDTH`] columns, so that a column of them does not jump.
#[must_use]
pub fn duration_fixed(span: Duration) -> String {
    format!("{:>DURATION_WIDTH$}", duration(span))
}

/// A time span as a clock shows it, in whole seconds: `01:05`, `2:10:05`, `3d 02:10:05`.
#[must_use]
pub fn clock(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minute, second) = (seconds / 60 % 60, seconds % 60);
    let hours = seconds / 3600;
    match hours {
        0 => format!("{minute:02}:{second:02}"),
        1..24 => format!("{hours}:{minute:02}:{second:02}"),
        _ => format!("{}d {:02}:{minute:02}:{second:02}", hours / 24, hours % 24),
    }
}

/// A size in the unit that gives one to four digits: `812 B`, `1.5 KiB`, `312 MiB`.
#[must_use]
pub fn bytes(size: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if size < 1024 {
        return format!("{size} B");
    }
    let mut value = size as f64 / 1024.0;
    let mut unit = 0;
    // What would be rounded up to 1024 is 1.0 of the next.
    while value >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(value < 9.95);
    format!("{value:.digits$} {}", UNITS[unit])
}

/// A number with its thousands apart: `12,345`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number in few columns: `999`, `1.2k`, `12.3k`, `123k`, `1.2M`. It is cut off, not rounded: nothing is told as done
/// that is not.
#[must_use]
pub fn count_short(number: u64) -> String {
    const UNITS: [(u64, char); 6] = [
        (1_000_000_000_000_000_000, 'E'),
        (1_000_000_000_000_000, 'P'),
        (1_000_000_000_000, 'T'),
        (1_000_000_000, 'G'),
        (1_000_000, 'M'),
        (1_000, 'k'),
    ];
    let Some((unit, letter)) = UNITS.into_iter().find(|(unit, _)| number >= *unit) else {
        return number.to_string();
    };
    let (whole, tenth) = (number / unit, number % unit / (unit / 10));
    if whole < 100 { format!("{whole}.{tenth}{letter}") } else { format!("{whole}{letter}") }
}

/// A number in full where it fits into `columns`, else in few.
#[must_use]
pub fn count_within(number: u64, columns: usize) -> String {
    let full = count(number);
    if full.len() <= columns { full } else { count_short(number) }
}

/// A part of a whole in per cent, cut off: 100 % is all of it, and what has begun is more than 0 %.
#[must_use]
pub fn percent(part: u64, whole: u64) -> String {
    match (u128::from(part) * 100).checked_div(u128::from(whole)) {
        None => "-".to_owned(),
        Some(0) if part > 0 => "<1 %".to_owned(),
        Some(percent) => format!("{percent} %"),
    }
}

/// The time zone of whoever sits before the screen.
#[derive(Debug, Clone)]
pub struct LocalTime {
    zone: TimeZone,
}

impl LocalTime {
    /// What `TZ` or the system says; UTC where neither says anything.
    #[must_use]
    pub fn system() -> Self {
        Self { zone: TimeZone::try_system().unwrap_or(TimeZone::UTC) }
    }

    /// UTC, for what must look the same everywhere.
    #[must_use]
    pub const fn utc() -> Self {
        Self { zone: TimeZone::UTC }
    }

    /// The time of day of `millis` since 1970: `14:05:09`.
    #[must_use]
    pub fn time_of_day(&self, millis: u64) -> String {
        self.format(millis, "%H:%M:%S")
    }

    /// The day and time of `millis` since 1970: `2026-11-22 14:05:09`.
    #[must_use]
    pub fn date_time(&self, millis: u64) -> String {
        self.format(millis, "%Y-%m-%d %H:%M:%S")
    }

    fn format(&self, millis: u64, format: &str) -> String {
        let instant = i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
        instant
            .map_or_else(|| "-".to_owned(), |instant| instant.to_zoned(self.zone.clone()).strftime(format).to_string())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]

    use super::*;

    #[test]
    fn a_duration_is_told_in_the_units_that_matter() {
        for (millis, told, clocked) in [
            (0, "0 ms", "00:00"),
            (999, "999 ms", "00:00"),
            (4_240, "4.2 s", "00:04"),
            (9_949, "9.9 s", "00:09"),
            (9_950, "10 s", "00:09"),
            (59_600, "1 min 00 s", "00:59"),
            (65_000, "1 min 05 s", "01:05"),
            (3_599_400, "59 min 59 s", "59:59"),
            (7_805_000, "2 h 10 min", "2:10:05"),
            (266_405_000, "3 d 02 h", "3d 02:00:05"),
        ] {
            let span = Duration::from_millis(millis);
            assert_eq!(duration(span), told);
            assert_eq!(clock(span), clocked);
            assert_eq!(duration_fixed(span).chars().count(), DURATION_WIDTH);
        }
    }

    #[test]
    fn a_size_has_one_to_four_digits() {
        for (size, told) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (10_240, "10 KiB"),
            (1_048_575, "1.0 MiB"),
            (312 << 20, "312 MiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(bytes(size), told);
        }
    }

    #[test]
    fn counts_have_their_thousands_apart_or_are_short() {
        for (number, full, short) in [
            (0, "0", "0"),
            (999, "999", "999"),
            (1_234, "1,234", "1.2k"),
            (12_345, "12,345", "12.3k"),
            (99_999, "99,999", "99.9k"),
            (999_999, "999,999", "999k"),
            (1_234_567, "1,234,567", "1.2M"),
        ] {
            assert_eq!(count(number), full);
            assert_eq!(count_short(number), short);
            assert_eq!(count_within(number, 5), if full.len() <= 5 { full } else { short });
        }
        assert_eq!(count_short(u64::MAX), "18.4E");
    }

    #[test]
    fn per_cent_tell_no_lie_at_their_ends() {
        let told =
            [(0, 10), (1, 1000), (999, 1000), (1000, 1000), (1, 3), (0, 0)].map(|(part, whole)| percent(part, whole));
        assert_eq!(told, ["0 %", "<1 %", "99 %", "100 %", "33 %", "-"]);
    }

    #[test]
    fn a_time_is_told_in_its_zone() {
        let at = 1_700_000_000_000;
        assert_eq!(LocalTime::utc().time_of_day(at), "22:13:20");
        assert_eq!(LocalTime::utc().date_time(at), "2023-11-14 22:13:20");
        let east = LocalTime { zone: TimeZone::fixed(jiff::tz::offset(5)) };
        assert_eq!(east.time_of_day(at), "03:13:20");
        assert_eq!(LocalTime::utc().time_of_day(u64::MAX), "-");
        assert_eq!(LocalTime::system().time_of_day(at).parse::<jiff::civil::Time>().unwrap().second(), 20);
    }
}
