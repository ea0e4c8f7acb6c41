//! Where an axis is marked, and with what.

/// Steps of time that people count in, in seconds; below and above they are powers of ten.
const TIME_STEPS: [f64; 15] =
    [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 18_000.0];

/// The multiples of a round step from `from` to `to`, at most `most` of them: steps are 1, 2 or 5 times a power of ten.
#[must_use]
pub fn round(from: f64, to: f64, most: usize) -> Vec<f64> {
    let least = (to - from) / most.max(1) as f64;
    if !least.is_finite() || least <= 0.0 {
        return Vec::new();
    }
    let power = 10_f64.powf(least.log10().floor());
    let step =
        [1.0, 2.0, 5.0].into_iter().map(|times| times * power).find(|step| *step >= least).unwrap_or(10.0 * power);
    multiples(step, from, to)
}

/// The marks of a time axis of so many seconds, at most `most`: at steps that people count in.
#[must_use]
pub fn times(seconds: f64, most: usize) -> Vec<f64> {
    let least = seconds / most.max(1) as f64;
    if !least.is_finite() || least <= 0.0 {
        return Vec::new();
    }
    match TIME_STEPS.into_iter().find(|step| *step >= least) {
        Some(step) if least > 0.5 => multiples(step, 0.0, seconds),
        // Whole hours, by the same steps as numbers.
        None => round(0.0, seconds / 3600.0, most).into_iter().map(|hours| hours * 3600.0).collect(),
        _ => round(0.0, seconds, most),
    }
}

/// The marks of an axis of frequencies on which equal steps are not equal: the roundest numbers first, as long as
/// `apart(a, b)` finds them far enough from each other. In order.
#[must_use]
pub fn frequencies(from: f64, to: f64, apart: impl Fn(f64, f64) -> bool) -> Vec<f64> {
    let mut marks: Vec<f64> = Vec::new();
    for times in [[1.0].as_slice(), &[5.0, 2.0], &[3.0, 7.0, 4.0, 6.0, 8.0, 9.0, 1.5]] {
        for power in 0..6 {
            for times in times {
                let hertz = times * 10_f64.powi(power);
                if (from..=to).contains(&hertz) && marks.iter().all(|mark| apart(*mark, hertz)) {
                    marks.push(hertz);
                }
            }
        }
    }
    marks.sort_by(f64::total_cmp);
    marks
}

fn multiples(step: f64, from: f64, to: f64) -> Vec<f64> {
    // A mark that rounding puts a hair outside is one.
    let (first, last) = ((from / step - 1e-9).ceil() as i64, (to / step + 1e-9).floor() as i64);
    (first..=last).map(|times| times as f64 * step).collect()
}

/// A time as text: seconds where all last less than a minute, else `m:ss` or `h:mm:ss`.
#[must_use]
pub fn time_text(seconds: f64, longest: f64) -> String {
    if longest < 60.0 {
        return plain(seconds);
    }
    let whole = seconds.round() as u64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    if longest < 3600.0 { format!("{minutes}:{rest:02}") } else { format!("{hours}:{minutes:02}:{rest:02}") }
}

/// What the texts of [`time_text`] are in.
#[must_use]
pub fn time_unit(longest: f64) -> &'static str {
    match longest {
        ..60.0 => "s",
        ..3600.0 => "min:s",
        _ => "h:min:s",
    }
}

/// A frequency in Hz as text: `k` stands for a thousand.
#[must_use]
pub fn frequency_text(hertz: f64) -> String {
    if hertz >= 1000.0 { format!("{}k", plain(hertz / 1000.0)) } else { plain(hertz) }
}

/// A number without the noise of its last places.
#[must_use]
pub fn plain(number: f64) -> String {
    let rounded = (number * 1e6).round() / 1e6;
    if rounded == 0.0 { "0".to_owned() } else { rounded.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_not_too_many() {
        assert_eq!(round(0.0, 22_050.0, 5), [0.0, 5000.0, 10_000.0, 15_000.0, 20_000.0]);
        assert_eq!(round(-90.0, 0.0, 5), [-80.0, -60.0, -40.0, -20.0, 0.0]);
        assert_eq!(times(600.0, 10), [0.0, 60.0, 120.0, 180.0, 240.0, 300.0, 360.0, 420.0, 480.0, 540.0, 600.0]);
        assert_eq!(times(0.3, 4), [0.0, 0.1, 0.2, 0.1 * 3.0]);
        assert_eq!(times(4.0 * 86_400.0, 10).get(1), Some(&36_000.0));
        for seconds in [1e-5, 0.02, 3.0, 59.0, 61.0, 3599.0, 5e5] {
            for most in [1, 2, 7, 40] {
                let marks = times(seconds, most);
                assert!(marks.len() <= most + 1 && !marks.is_empty(), "{seconds} {most} {marks:?}");
            }
        }
        assert!(times(0.0, 5).is_empty());
    }

    #[test]
    fn frequencies_keep_the_roundest() {
        let apart = |a: f64, b: f64| (a.ln() - b.ln()).abs() > 0.6;
        assert_eq!(
            frequencies(20.0, 20_000.0, apart),
            [20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0, 20_000.0]
        );
    }

    #[test]
    fn texts_are_short() {
        assert_eq!(
            [time_text(0.1 * 3.0, 2.0), time_text(90.0, 600.0), time_text(3720.0, 4000.0)],
            ["0.3", "1:30", "1:02:00"]
        );
        assert_eq!([frequency_text(500.0), frequency_text(1500.0), frequency_text(20_000.0)], ["500", "1.5k", "20k"]);
    }
}
