//! Dates and times as ISO 8601 writes them, of any year that a database knows.

/// The day that is `days` after 1970-01-01, as `2024-02-29`. A year beyond four digits has its sign.
///
/// The calendar is the Gregorian one, before its own time too, as PostgreSQL's
/// (<https://www.postgresql.org/docs/current/datetime-julian-dates.html>). A cycle of it has 400 years, 146,097 days; the
/// years are counted from March, so that the leap day is the last of one.
pub(super) fn date(days: i64) -> String {
    let from_march_0000 = days + 719_468;
    let (cycle, day) = (from_march_0000.div_euclid(146_097), from_march_0000.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + cycle * 400 + next;
    if (0..=9999).contains(&year) {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{year:+07}-{month:02}-{day:02}")
    }
}

/// The time of day that is `micros` microseconds after midnight, as `03:04:05.25`.
pub(super) fn time(micros: i64) -> String {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction != 0 {
        text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
    }
    text
}

/// The moment that is `micros` microseconds after 1970-01-01 00:00, as `2024-02-29T03:04:05`.
pub(super) fn moment(micros: i64) -> String {
    const DAY: i64 = 86_400_000_000;
    format!("{}T{}", date(micros.div_euclid(DAY)), time(micros.rem_euclid(DAY)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        let table = [(0, "1970-01-01"), (19_782, "2024-02-29"), (-719_528, "0000-01-01"), (-719_529, "-000001-12-31")];
        for (days, text) in table {
            assert_eq!(date(days), text);
        }
        for days in -100_000..100_000 {
            let same = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(days));
            assert_eq!(Ok(date(days)), same.map(|day| day.to_string()).map_err(drop));
        }
    }

    #[test]
    fn a_fraction_is_written_only_where_there_is_one() {
        assert_eq!(time(3_723_000_000), "01:02:03");
        assert_eq!(moment(-1), "1969-12-31T23:59:59.999999");
        assert_eq!(moment(250_000), "1970-01-01T00:00:00.25");
    }
}
