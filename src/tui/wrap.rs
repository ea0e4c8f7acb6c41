//! Text in several lines of a width.

use unicode_segmentation::UnicodeSegmentation;

use super::text::width;

/// `text` in lines of at most `columns`, cut between any two letters: for what is to be seen as it is.
#[must_use]
pub fn cut(text: &str, columns: usize) -> Vec<&str> {
    let columns = columns.max(1);
    if width(text) <= columns {
        return vec![text];
    }
    let (mut lines, mut start, mut used) = (Vec::new(), 0, 0);
    for (at, grapheme) in text.grapheme_indices(true) {
        let wide = width(grapheme);
        if used + wide > columns && at > start {
            lines.push(&text[start..at]);
            (start, used) = (at, 0);
        }
        used += wide;
    }
    lines.push(&text[start..]);
    lines
}

/// `text` in lines of at most `columns`, cut between words where that is possible: for sentences. Blanks within a line
/// stay as they are.
#[must_use]
pub fn fold(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.split('\n') {
        let (begun, mut line) = (lines.len(), String::new());
        for word in paragraph.split_inclusive(' ') {
            let letters = word.trim_end();
            if width(&line) + width(letters) <= columns {
                line.push_str(word);
                continue;
            }
            let done = std::mem::take(&mut line);
            if !done.trim().is_empty() {
                lines.push(done.trim_end().to_owned());
            }
            let mut parts = cut(letters, columns);
            line = parts.pop().unwrap_or_default().to_owned() + &word[letters.len()..];
            lines.extend(parts.into_iter().map(str::to_owned));
        }
        if !line.trim().is_empty() || lines.len() == begun {
            lines.push(line.trim_end().to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sentence_is_cut_between_words() {
        assert_eq!(fold("the file ends in the middle", 11), ["the file", "ends in the", "middle"]);
        assert_eq!(fold("see /a/very/long/path now", 8), ["see", "/a/very/", "long/pat", "h now"]);
        assert_eq!(fold("one\n\ntwo", 8), ["one", "", "two"]);
        assert_eq!(fold("", 8), [""]);
        assert_eq!(fold("日本の歌", 5), ["日本", "の歌"]);
        assert_eq!(fold("song.wav  stems: done", 16), ["song.wav  stems:", "done"]);
        assert_eq!(fold("日", 0), ["日"]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_line_is_too_wide(text in "[ -~日é👩\u{301}]{0,80}", columns in 2_usize..30) {
            let parts = cut(&text, columns);
            prop_assert_eq!(parts.concat(), text.clone());
            prop_assert!(parts.iter().all(|part| width(part) <= columns), "{:?}", parts);
            let lines = fold(&text, columns);
            prop_assert!(lines.iter().all(|line| width(line) <= columns), "{:?}", lines);
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
        }
    }
}
