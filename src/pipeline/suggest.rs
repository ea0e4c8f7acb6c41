//! "Did you mean": the known word that is nearest to an unknown one.

/// The candidate that `word` was most likely meant to be, if any is near enough to be worth a hint.
#[must_use]
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let wanted = plain(word);
    // A third of the letters may be wrong: "vocal" finds "vocals", "x" finds nothing but itself in capitals.
    let limit = wanted.chars().count() / 3;
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A help line for an unknown word: the nearest known one, or else all there are.
#[must_use]
pub fn help<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(near) = closest(word, candidates.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let all: Vec<String> = candidates.into_iter().map(|candidate| format!("`{candidate}`")).collect();
    match all.as_slice() {
        [] => None,
        [one] => Some(format!("there is only {one}")),
        several => Some(format!("there are {}", several.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_word_that_was_meant() {
        assert_eq!(closest("tiemout", ["timeout", "idle_timeout"]), Some("timeout"));
        assert_eq!(closest("idle-timeout", ["timeout", "idle_timeout"]), Some("idle_timeout"));
        assert_eq!(closest("zebra", ["timeout"]), None);
    }

    #[test]
    fn where_nothing_is_near_all_are_listed() {
        assert_eq!(help("zebra", ["a", "b"]).as_deref(), Some("there are `a`, `b`"));
        assert_eq!(help("zebra", ["a"]).as_deref(), Some("there is only `a`"));
        assert_eq!(help("zebra", []), None);
    }
}
