//! Takes secrets out of a stream of bytes, wherever it is cut into blocks.

/// What is shown in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Replaces texts in a stream. What may be the beginning of one is held back until it is known: less than the longest text.
#[derive(Default)]
pub struct Redactor {
    texts: Vec<String>,
    /// Whether a text begins with this byte.
    begins: Vec<bool>,
    held: Vec<u8>,
    /// So many bytes that come next belong to a text that was replaced already.
    covered: usize,
}

impl Redactor {
    /// For these texts. Where they overlap, all of what they cover is replaced.
    #[must_use]
    pub fn new(texts: Vec<String>) -> Self {
        let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
        let mut begins = vec![false; 256];
        texts.iter().for_each(|text| begins[usize::from(text.as_bytes()[0])] = true);
        Self { texts, begins, held: Vec::new(), covered: 0 }
    }

    /// What is known to hold none of them when `bytes` have come.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.texts.is_empty() {
            return bytes.to_vec();
        }
        self.held.extend_from_slice(bytes);
        self.clean(true)
    }

    /// The rest, when nothing more comes.
    pub fn finish(&mut self) -> Vec<u8> {
        self.clean(false)
    }

    fn clean(&mut self, more: bool) -> Vec<u8> {
        let bytes = std::mem::take(&mut self.held);
        let mut clean = Vec::with_capacity(bytes.len());
        let mut covered_to = self.covered;
        let mut at = 0;
        while at < bytes.len() {
            if self.begins[usize::from(bytes[at])] {
                let rest = &bytes[at..];
                if more && self.texts.iter().any(|text| text.len() > rest.len() && text.as_bytes().starts_with(rest)) {
                    break;
                }
                let whole = self.texts.iter().filter(|text| rest.starts_with(text.as_bytes()));
                if let Some(length) = whole.map(String::len).max() {
                    if at >= covered_to {
                        clean.extend_from_slice(REDACTED.as_bytes());
                    }
                    covered_to = covered_to.max(at + length);
                }
            }
            if at >= covered_to {
                clean.push(bytes[at]);
            }
            at += 1;
        }
        self.covered = covered_to.saturating_sub(at);
        self.held = bytes[at..].to_vec();
        clean
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(texts: &[&str], blocks: &[&str]) -> String {
        let mut redactor = Redactor::new(texts.iter().map(ToString::to_string).collect());
        let mut clean: Vec<u8> = blocks.iter().flat_map(|block| redactor.push(block.as_bytes())).collect();
        clean.extend(redactor.finish());
        String::from_utf8_lossy(&clean).into_owned()
    }

    #[test]
    fn a_secret_is_found_wherever_the_stream_is_cut() {
        let (text, wanted) = ("it is gorilla-7, and gorilla-7gorilla-7; gorill", "it is [redacted], and ");
        let wanted = format!("{wanted}[redacted][redacted]; gorill");
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let blocks = [&text[..first], &text[first..second], &text[second..]];
                assert_eq!(cleaned(&["gorilla-7"], &blocks), wanted, "cut at {first} and {second}");
            }
        }
        let bytes: Vec<&str> = text.split_inclusive(|_: char| true).collect();
        assert_eq!(cleaned(&["gorilla-7"], &bytes), wanted);
    }

    #[test]
    fn of_secrets_that_overlap_no_rest_is_left() {
        let texts = ["password", "password-and-more", "more-secrets", "aaaaa"];
        let text = "x password-and-more-secrets password-and aaaaaaaa y";
        for cut in 0..=text.len() {
            let clean = cleaned(&texts, &[&text[..cut], &text[cut..]]);
            assert_eq!(clean, "x [redacted] [redacted]-and [redacted] y", "cut at {cut}");
        }
    }

    #[test]
    fn little_is_held_back() {
        let mut redactor = Redactor::new(vec!["aaaaa".to_owned()]);
        for _ in 0..1000 {
            redactor.push(b"aaa");
            assert!(redactor.held.len() < 5);
        }
        assert_eq!(redactor.push(b"b"), b"b");
    }
}
