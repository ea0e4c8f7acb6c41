//! The texts that values are taken from: lines, and words in a row.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// The longest text, in bytes. It is held in memory, once, and its parts begin at places of four bytes.
const LONGEST: u64 = 256 << 20;

/// A text in parts.
#[derive(Debug)]
pub(super) struct Parts {
    text: Arc<String>,
    /// Where each part begins, in bytes.
    starts: Vec<u32>,
    /// What the rest of the text is cut to.
    first: fn(&str) -> &str,
}

impl Parts {
    /// The lines of `text`, without their ends; lines of white space alone are none.
    pub(super) fn lines(text: Arc<String>) -> Self {
        let mut starts = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            if !line.trim().is_empty() {
                starts.push(at as u32);
            }
            at += line.len();
        }
        Self { text, starts, first: first_line }
    }

    /// The words of `text`.
    pub(super) fn words(text: Arc<String>) -> Self {
        let start = text.as_ptr() as usize;
        let starts = text.split_whitespace().map(|word| (word.as_ptr() as usize - start) as u32).collect();
        Self { text, starts, first: first_word }
    }

    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        self.starts.len() as u64
    }

    /// The part at `place`, which must exist.
    pub(super) fn get(&self, place: u64) -> &str {
        (self.first)(&self.text[self.starts[place as usize] as usize..])
    }
}

fn first_line(text: &str) -> &str {
    text.split('\n').next().unwrap_or_default().trim_end_matches('\r')
}

fn first_word(text: &str) -> &str {
    text.split(char::is_whitespace).next().unwrap_or_default()
}

/// The text of the file at `path`.
///
/// # Errors
/// Why it is none, and where.
pub(super) fn read(path: &Path) -> Result<Arc<String>, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
    read.map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("{} is more text than can be chosen from: 256 MiB", path.display()));
    }
    let line = |bytes: &[u8]| 1 + bytes.iter().filter(|byte| **byte == b'\n').count();
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("{}:{}: this line is not UTF-8 text", path.display(), line(&error.as_bytes()[..at]))
    })?;
    if let Some(at) = text.find('\0') {
        return Err(format!("{}:{}: this line holds a NUL", path.display(), line(&text.as_bytes()[..at])));
    }
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(Arc::new(text))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use super::*;

    fn text(content: &[u8]) -> Result<Arc<String>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        read(file.path())
    }

    fn all(parts: &Parts) -> Vec<&str> {
        (0..parts.len()).map(|place| parts.get(place)).collect()
    }

    #[test]
    fn lines_come_without_their_ends_and_empty_ones_not_at_all() {
        let text = text("\u{feff}first\r\n\n   \n second \nسطر\n\nlast".as_bytes()).unwrap();
        assert_eq!(all(&Parts::lines(text)), ["first", " second ", "سطر", "last"]);
    }

    #[test]
    fn words_run_across_lines() {
        let text = text("one two\nthree\t four\u{3000}fünf".as_bytes()).unwrap();
        assert_eq!(all(&Parts::words(text)), ["one", "two", "three", "four", "fünf"]);
    }

    #[test]
    fn a_text_that_will_not_do_is_told_with_its_line() {
        let table: [(&[u8], &str); 2] = [
            (b"good\nbad \xff here\n", ":2: this line is not UTF-8 text"),
            (b"a\nb\nc\0\n", ":3: this line holds a NUL"),
        ];
        for (content, why) in table {
            let told = text(content).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
        let told = read(Path::new("/nowhere/texts.txt")).unwrap_err();
        assert!(told.starts_with("/nowhere/texts.txt cannot be read: No such file"), "{told}");
    }
}
