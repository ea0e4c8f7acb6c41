//! Splits a command line into words as a shell would, without being one.

/// Why a command line is more than a list of words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotWords {
    /// A quote is not closed.
    Unclosed(char),
    /// This character would make a shell do something.
    Shell(char),
}

/// The words of `command`. Quotes and backslashes are read as a POSIX shell reads them.
pub(super) fn split(command: &str) -> Result<Vec<String>, NotWords> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => quoted(c, &mut chars, word.get_or_insert_default())?,
            '\\' => match chars.next() {
                // A line that goes on.
                Some('\n') | None => {}
                Some(next) => word.get_or_insert_default().push(next),
            },
            '|' | '<' | '>' | ';' | '&' | '$' | '`' | '(' | ')' => return Err(NotWords::Shell(c)),
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn quoted(quote: char, chars: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), NotWords> {
    while let Some(c) = chars.next() {
        match c {
            c if c == quote => return Ok(()),
            '\\' if quote == '"' => match chars.next() {
                Some(next @ ('"' | '\\' | '$' | '`')) => word.push(next),
                Some(next) => word.extend(['\\', next]),
                None => break,
            },
            '$' | '`' if quote == '"' => return Err(NotWords::Shell(c)),
            c => word.push(c),
        }
    }
    Err(NotWords::Unclosed(quote))
}

/// The words as a TOML list.
pub(super) fn toml_list(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| toml::Value::from(word.as_str()).to_string()).collect();
    format!("[{}]", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_are_read_as_a_shell_reads_them() {
        let words = split(r#"sox 'a b' "c \"d\" \n" e\ f '' g"h"i"#);
        let expected = ["sox", "a b", "c \"d\" \\n", "e f", "", "ghi"].map(str::to_owned).to_vec();
        assert_eq!(words, Ok(expected));
    }

    #[test]
    fn what_only_a_shell_can_do_is_refused() {
        for (command, c) in [("a | b", '|'), ("a > b", '>'), ("a; b", ';'), ("a \"$HOME\"", '$'), ("a && b", '&')] {
            assert_eq!(split(command), Err(NotWords::Shell(c)), "{command}");
        }
        assert_eq!(split("a 'b"), Err(NotWords::Unclosed('\'')));
        assert_eq!(split("a '$b|c'"), Ok(vec!["a".to_owned(), "$b|c".to_owned()]));
    }
}
