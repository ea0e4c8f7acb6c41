//! Finds a version in what a program says, and compares versions.

use std::cmp::Ordering;

/// Finds the version in `text` by `pattern`: literal text in which `{version}` stands for it. The version ends before a
/// space, or before the text that follows it in the pattern. Without text before it, it is the first word that begins
/// with a digit (after a `v`, perhaps).
#[must_use]
pub fn find_version(text: &str, pattern: &str) -> Option<String> {
    let (before, after) = pattern.split_once("{version}")?;
    if before.is_empty() {
        let mut words = text.split_whitespace().filter_map(|word| upto(word, after));
        return words.find(|word| word.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit())).map(tidy);
    }
    text.match_indices(before)
        .filter_map(|(at, _)| text[at + before.len()..].split_whitespace().next())
        .find_map(|word| upto(word, after))
        .map(tidy)
}

fn upto<'a>(word: &'a str, after: &str) -> Option<&'a str> {
    let end = if after.trim().is_empty() { word.len() } else { word.find(after.trim())? };
    (end > 0).then(|| &word[..end])
}

fn tidy(word: &str) -> String {
    word.trim_start_matches('v').trim_end_matches([',', ';', ')']).to_owned()
}

/// Compares the numbers at the front of two versions: `5.1.9-0+deb12u1` is `5.1.9`, and `6` is `6.0`. `None` where one
/// has no number at its front.
#[must_use]
pub fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (numbers(a)?, numbers(b)?);
    let at = |numbers: &[u64], i: usize| numbers.get(i).copied().unwrap_or(0);
    (0..a.len().max(b.len())).map(|i| at(&a, i).cmp(&at(&b, i))).find(|order| order.is_ne()).or(Some(Ordering::Equal))
}

fn numbers(version: &str) -> Option<Vec<u64>> {
    // Builds of ffmpeg from git releases are called n6.0.
    let version = version.trim().trim_start_matches(['v', 'n']);
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    let numbers: Vec<u64> = version[..end]
        .split('.')
        .map_while(|part| (!part.is_empty()).then(|| part.parse().unwrap_or(u64::MAX)))
        .collect();
    (!numbers.is_empty()).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_what_real_tools_say() {
        for (text, pattern, version) in [
            ("ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000", "ffmpeg version {version}", Some("5.1.9-0+deb12u1")),
            ("sox:      SoX v14.4.2\n", "SoX v{version}", Some("14.4.2")),
            ("Version: ImageMagick 6.9.11-60 Q16", "ImageMagick {version}", Some("6.9.11-60")),
            ("LAME 64bits version 3.100 (http", "version {version}", Some("3.100")),
            ("vips-8.14.1\n", "vips-{version}", Some("8.14.1")),
            ("12.57\n", "{version}", Some("12.57")),
            ("tool v1.2, built 2020", "{version}", Some("1.2")),
            ("tool [3.4]", "[{version}]", Some("3.4")),
            ("nothing here", "{version}", None),
            ("ffmpeg version", "ffmpeg version {version}", None),
            ("1.2", "no placeholder", None),
        ] {
            assert_eq!(find_version(text, pattern).as_deref(), version, "{text:?} {pattern:?}");
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        for (a, b, order) in [
            ("5.1.9-0+deb12u1", "5.1.10", Some(Ordering::Less)),
            ("6", "6.0.0", Some(Ordering::Equal)),
            ("n7.1", "6.9", Some(Ordering::Greater)),
            ("2023.03.04", "2023.3.4", Some(Ordering::Equal)),
            ("99999999999999999999999", "1", Some(Ordering::Greater)),
            ("git-2020", "1", None),
            ("", "1", None),
        ] {
            assert_eq!(compare(a, b), order, "{a} {b}");
        }
    }
}
