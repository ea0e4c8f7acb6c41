//! The texts that values are taken from: lines, and words in a row.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The longest text, in bytes. It is held in memory.
const LONGEST: u64 = 256 << 20;

/// A text in parts.
#[derive(Debug)]
pub(super) struct Parts {
    text: String,
    /// Where each part begins and ends, in bytes.
    parts: Vec<(u32, u32)>,
}

impl Parts {
    /// The lines of the file at `path`, without their ends; lines of white space alone are none.
    ///
    /// # Errors
    /// Why there is no line to be had, and where.
    pub(super) fn lines(path: &Path) -> Result<Self, String> {
        let text = read(path)?;
        let mut parts = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let bare = line.trim_end_matches(['\n', '\r']);
            if !bare.trim().is_empty() {
                parts.push((at as u32, (at + bare.len()) as u32));
            }
            at += line.len();
        }
        if parts.is_empty() {
            return Err(format!("{} has no line with a text", path.display()));
        }
        Ok(Self { text, parts })
    }

    /// The words of the file at `path`: at least `least` of them.
    ///
    /// # Errors
    /// Why there are not so many to be had, and where.
    pub(super) fn words(path: &Path, least: u32) -> Result<Self, String> {
        let text = read(path)?;
        let start = text.as_ptr() as usize;
        let place = |word: &str| {
            let begin = word.as_ptr() as usize - start;
            (begin as u32, (begin + word.len()) as u32)
        };
        let parts: Vec<(u32, u32)> = text.split_whitespace().map(place).collect();
        if parts.len() < least as usize {
            let has = match parts.len() {
                0 => "no word".to_owned(),
                1 => "only one word".to_owned(),
                several => format!("only {several} words"),
            };
            return Err(format!("{} has {has}, and {least} in a row are asked for", path.display()));
        }
        Ok(Self { text, parts })
    }

    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        self.parts.len() as u64
    }

    /// The part at `place`, which must exist.
    pub(super) fn get(&self, place: u64) -> &str {
        let (begin, end) = self.parts[place as usize];
        &self.text[begin as usize..end as usize]
    }
}

fn read(path: &Path) -> Result<String, String> {
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
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use super::*;

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        file
    }

    fn all(parts: &Parts) -> Vec<&str> {
        (0..parts.len()).map(|place| parts.get(place)).collect()
    }

    #[test]
    fn lines_come_without_their_ends_and_empty_ones_not_at_all() {
        let text = file("\u{feff}first\r\n\n   \n second \nسطر\n\nlast".as_bytes());
        assert_eq!(all(&Parts::lines(text.path()).unwrap()), ["first", " second ", "سطر", "last"]);
    }

    #[test]
    fn words_run_across_lines() {
        let text = file(b"one two\nthree\t four\n");
        assert_eq!(all(&Parts::words(text.path(), 4).unwrap()), ["one", "two", "three", "four"]);
    }

    #[test]
    fn a_text_that_will_not_do_is_told_with_its_line() {
        let table: [(&[u8], &str); 4] = [
            (b"", "has no line with a text"),
            (b" \n\r\n", "has no line with a text"),
            (b"good\nbad \xff here\n", ":2: this line is not UTF-8 text"),
            (b"a\nb\nc\0\n", ":3: this line holds a NUL"),
        ];
        for (content, why) in table {
            let told = Parts::lines(file(content).path()).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
        let told = Parts::words(file(b"a b c").path(), 6).unwrap_err();
        assert!(told.ends_with("has only 3 words, and 6 in a row are asked for"), "{told}");
        let told = Parts::lines(Path::new("/nowhere/texts.txt")).unwrap_err();
        assert!(told.starts_with("/nowhere/texts.txt cannot be read: No such file"), "{told}");
    }
}
