//! Letters that are found in a text in their order, with others between them.

/// What a letter counts that begins a word.
const BEGINS: i32 = 8;
/// What a letter counts that follows the one before it at once.
const IN_A_ROW: i32 = 5;

/// How well `query` is found in `text`: the more, the better; nothing where it is not. Blanks and case do not matter.
#[must_use]
pub fn score(query: &str, text: &str) -> Option<i32> {
    let letters = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<Vec<char>>();
    let (query, text) = (letters(query), letters(text));
    // Of all matches of the letters so far: the best that ends with each letter of the text, and the best up to there.
    let mut ending: Vec<Option<i32>> = vec![None; text.len() + 1];
    let mut best: Vec<Option<i32>> = vec![Some(0); text.len() + 1];
    for wanted in query.into_iter().filter(|c| !c.is_whitespace()) {
        let mut now_ending = vec![None; text.len() + 1];
        let mut now_best: Vec<Option<i32>> = vec![None; text.len() + 1];
        for (at, c) in text.iter().enumerate() {
            if *c == wanted {
                let begins = at == 0 || !text[at - 1].is_alphanumeric();
                let before = best[at].max(ending[at].map(|score| score + IN_A_ROW));
                now_ending[at + 1] = before.map(|score| score + 1 + if begins { BEGINS } else { 0 });
            }
            // What is near comes before what is far.
            now_best[at + 1] = now_ending[at + 1].max(now_best[at].map(|score| score - 1));
        }
        (ending, best) = (now_ending, now_best);
    }
    // Of two that are alike the shorter one is meant.
    Some(best.into_iter().flatten().max()? * 4 - text.len() as i32 / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_found_in_their_order() {
        assert!(score("rtr", "retry").is_some());
        assert!(score("Re Tr", "retry").is_some());
        assert!(score("yr", "retry").is_none());
        assert!(score("retryy", "retry").is_none());
        assert!(score("", "retry").is_some());
        assert!(score("a", "").is_none());
    }

    #[test]
    fn starts_of_words_and_letters_in_a_row_come_first() {
        let better = |query, good, bad| assert!(score(query, good) > score(query, bad), "{query}: {good} before {bad}");
        better("ca", "check-all", "the circular saw");
        better("log", "go-log", "low-oxygen-gas");
        better("re", "retry", "the screen before");
        better("ge", "go-end", "page");
        better("fol", "follow", "unfold or fold");
        better("reset", "reset", "reset-everything-else");
    }
}
