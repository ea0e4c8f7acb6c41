//! Names of tables and columns, quoted as identifiers.

use super::settings::Backend;

/// `name` as an identifier.
///
/// SQL's rule is to double the quote within; only NUL cannot be said.
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>,
/// <https://dev.mysql.com/doc/refman/8.4/en/identifiers.html>
pub(super) fn quoted(name: &str, backend: Backend) -> String {
    match backend {
        Backend::Mysql => format!("`{}`", name.replace('`', "``")),
        _ => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// The table `name` or `schema.name`, as its parts. A part that holds a dot stands in double quotes.
///
/// # Errors
/// Why it is no name: a fragment.
pub fn table_name(name: &str) -> Result<Vec<String>, String> {
    let wrong = |why: &str| Err(format!("`{}` is no name of a table: {why}", name.escape_debug()));
    if name.contains('\0') {
        return wrong("it holds a NUL");
    }
    let mut parts = vec![String::new()];
    let mut is_quoted = false;
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let part = parts.last_mut();
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => {
                letters.next();
                part.into_iter().for_each(|part| part.push('"'));
            }
            '"' => is_quoted = !is_quoted,
            '.' if !is_quoted => parts.push(String::new()),
            other => part.into_iter().for_each(|part| part.push(other)),
        }
    }
    if is_quoted {
        return wrong("a quote is not closed");
    }
    if parts.len() > 2 {
        return wrong("at most a schema and a table; one that holds a dot stands in double quotes");
    }
    if parts.iter().any(String::is_empty) {
        return wrong("a part of it is empty");
    }
    Ok(parts)
}

/// That the name is one for `backend` to make or to find something by.
///
/// PostgreSQL cuts longer names in silence, so that two of them are one:
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
pub(super) fn check(name: &str, backend: Backend) -> Result<(), String> {
    const MOST: usize = 63;
    if name.is_empty() || name.contains('\0') {
        return Err("a name is empty, or holds a NUL".to_owned());
    }
    if backend == Backend::Postgresql && name.len() > MOST {
        return Err(format!("the name '{name}' has {} bytes, of which PostgreSQL keeps {MOST}", name.len()));
    }
    Ok(())
}

/// The table's parts as SQL.
pub(super) fn quoted_table(parts: &[String], backend: Backend) -> String {
    parts.iter().map(|part| quoted(part, backend)).collect::<Vec<_>>().join(".")
}

/// Names as a list of identifiers.
pub(super) fn quoted_list<'a>(names: impl IntoIterator<Item = &'a str>, backend: Backend) -> String {
    names.into_iter().map(|name| quoted(name, backend)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_and_never_ends_its_quotes() {
        assert_eq!(quoted("a\"; drop table x; --", Backend::Postgresql), "\"a\"\"; drop table x; --\"");
        assert_eq!(quoted("a`b\"c", Backend::Mysql), "`a``b\"c`");
    }

    #[test]
    fn a_table_may_have_a_schema_and_a_quoted_part_a_dot() {
        assert_eq!(table_name("notes"), Ok(vec!["notes".into()]));
        assert_eq!(table_name("public.notes"), Ok(vec!["public".into(), "notes".into()]));
        assert_eq!(table_name("\"a.b\".\"c\"\"d\""), Ok(vec!["a.b".into(), "c\"d".into()]));
        for wrong in ["", ".", "a.", "a.b.c", "\"a", "a\0b"] {
            assert!(table_name(wrong).is_err(), "{wrong:?}");
        }
    }
}
