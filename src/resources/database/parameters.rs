//! Named parameters in SQL: `:name` outside of texts, quoted names and comments.
//!
//! The values are never pasted: each name becomes the placeholder of the driver. What ends a statement ends the whole: one
//! statement at a time.

use super::settings::Backend;

/// A statement in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pieces: Vec<Piece>,
    /// The names, each once, in the order in which they come.
    pub(super) names: Vec<String>,
    /// The first word, in lower case.
    pub(super) verb: String,
    /// Whether something of it may outlast its transaction in the session: a setting, a lock, a table of its own.
    pub(super) changes_session: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Sql(String),
    /// The parameter of this index among the names.
    Parameter(usize),
}

/// The names of the parameters in `sql`, each once, in the order in which they come.
///
/// # Errors
/// What is wrong with the statement: a fragment.
pub fn named_parameters(sql: &str, backend: Backend) -> Result<Vec<String>, String> {
    Named::read(sql, backend).map(|named| named.names)
}

impl Named {
    /// Reads a statement as `backend` would.
    pub(super) fn read(sql: &str, backend: Backend) -> Result<Self, String> {
        if sql.contains('\0') {
            return Err("the statement holds a NUL".to_owned());
        }
        let (pieces, names) = (Vec::new(), Vec::new());
        let mut reading =
            Reading { rest: sql, backend, pieces, names, sql: String::new(), first: None, changes_session: false };
        reading.run()?;
        let verb = reading.first.unwrap_or_default().to_lowercase();
        if ends_transaction(&verb, backend) {
            let word = verb.to_uppercase();
            return Err(format!("`{word}` is not for a step: each statement has a transaction of its own"));
        }
        if OF_NOBODY.contains(&verb.as_str()) {
            let word = verb.to_uppercase();
            return Err(format!("`{word}` is not for a step: no other statement finds what it leaves in its session"));
        }
        if verb == "copy" && backend == Backend::Postgresql {
            return Err("`COPY` is not for a step: database.export writes rows to a file".to_owned());
        }
        let changes_session = reading.changes_session || !OF_ROWS.contains(&verb.as_str());
        Ok(Self { pieces: reading.pieces, names: reading.names, verb, changes_session })
    }

    /// The statement with every parameter as `placeholder` writes it, given its index among the names, and the indices in
    /// the order in which they were written.
    pub(super) fn render(&self, mut placeholder: impl FnMut(usize) -> String) -> (String, Vec<usize>) {
        let (mut sql, mut order) = (String::new(), Vec::new());
        for piece in &self.pieces {
            match piece {
                Piece::Sql(text) => sql.push_str(text),
                Piece::Parameter(index) => {
                    sql.push_str(&placeholder(*index));
                    order.push(*index);
                }
            }
        }
        (sql, order)
    }
}

struct Reading<'a> {
    rest: &'a str,
    backend: Backend,
    pieces: Vec<Piece>,
    names: Vec<String>,
    sql: String,
    /// The first word.
    first: Option<&'a str>,
    /// A word, or a variable of MySQL, that leaves something in the session.
    changes_session: bool,
}

impl Reading<'_> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(letter) = self.rest.chars().next() {
            if let Some(length) = self.skipped(letter)? {
                self.take(length);
            } else {
                self.plain(letter)?;
            }
        }
        let sql = std::mem::take(&mut self.sql);
        if self.pieces.is_empty() && sql.trim().is_empty() {
            return Err("the statement is empty".to_owned());
        }
        self.pieces.push(Piece::Sql(sql));
        Ok(())
    }

    /// The next `length` bytes are SQL as it stands.
    fn take(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at(length);
        self.sql.push_str(taken);
        self.rest = rest;
    }

    const fn is_mysql(&self) -> bool {
        matches!(self.backend, Backend::Mysql)
    }

    const fn is_postgres(&self) -> bool {
        matches!(self.backend, Backend::Postgresql)
    }

    /// The length of the text, quoted name or comment that begins here.
    fn skipped(&self, letter: char) -> Result<Option<usize>, String> {
        let rest = self.rest;
        Ok(Some(match letter {
            '\'' => quoted(rest, '\'', self.is_mysql() || (self.is_postgres() && self.follows_e()))?,
            '"' => quoted(rest, '"', self.is_mysql())?,
            '`' if !self.is_postgres() => quoted(rest, '`', false)?,
            // In SQLite a quoted name; in PostgreSQL an array, with a statement's parts in it.
            '[' if !self.is_postgres() && !self.is_mysql() => {
                rest.find(']').map(|end| end + 1).ok_or("a `[` is not closed")?
            }
            '-' if rest.starts_with("--") && (!self.is_mysql() || is_dash_comment(rest)) => line(rest),
            '#' if self.is_mysql() => line(rest),
            '/' if rest.starts_with("/*") => comment(rest, self.is_postgres())?,
            '$' if self.is_postgres() && !self.follows_name() => match dollar_tag(rest) {
                Some(tag) => {
                    let end = rest[tag.len()..].find(tag).ok_or_else(|| format!("a {tag} is not closed"))?;
                    end + 2 * tag.len()
                }
                None => return Ok(None),
            },
            _ => return Ok(None),
        }))
    }

    /// Whether an `E` stands before the quote: a text with escapes, in PostgreSQL.
    fn follows_e(&self) -> bool {
        let mut before = self.sql.chars().rev();
        matches!(before.next(), Some('e' | 'E')) && !before.next().is_some_and(is_of_name)
    }

    fn follows_name(&self) -> bool {
        self.sql.chars().next_back().is_some_and(is_of_name)
    }

    fn plain(&mut self, letter: char) -> Result<(), String> {
        let next = self.rest[letter.len_utf8()..].chars().next();
        match letter {
            ':' if next == Some(':') => self.take(2),
            ':' if next.is_some_and(|c| c.is_alphabetic() || c == '_') => self.parameter(),
            ';' => self.end()?,
            '?' if !self.is_postgres() => {
                return Err("`?` stands for nothing here: write `:name`, and its value in `params`".to_owned());
            }
            '$' if !self.is_mysql()
                && !self.follows_name()
                && next.is_some_and(|c| c.is_alphanumeric() || c == '_') =>
            {
                return Err("`$` stands for nothing here: write `:name`, and its value in `params`".to_owned());
            }
            '@' if !self.is_mysql() && !self.is_postgres() => {
                return Err("`@` stands for nothing here: write `:name`, and its value in `params`".to_owned());
            }
            // A setting of the server's, which is read here.
            '@' if next == Some('@') => self.take(2),
            '@' if self.is_mysql() => {
                self.changes_session = true;
                self.take(1);
            }
            // A whole name at once: what is in the middle of one begins nothing.
            _ if is_of_name(letter) => {
                let length = self.rest.find(|c| !is_of_name(c)).unwrap_or(self.rest.len());
                let word = &self.rest[..length];
                self.first.get_or_insert(word);
                self.changes_session |= OF_SESSION.iter().any(|known| word.eq_ignore_ascii_case(known));
                self.take(length);
            }
            _ => self.take(letter.len_utf8()),
        }
        Ok(())
    }

    fn parameter(&mut self) {
        let rest = &self.rest[1..];
        let end = rest.find(|c| !is_of_name(c)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        self.rest = rest;
        let index = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        self.pieces.push(Piece::Sql(std::mem::take(&mut self.sql)));
        self.pieces.push(Piece::Parameter(index));
    }

    /// After a `;` there is nothing but room and comments.
    fn end(&mut self) -> Result<(), String> {
        self.rest = &self.rest[1..];
        while let Some(letter) = self.rest.chars().next() {
            let length = match self.skipped(letter)? {
                Some(length) if !matches!(letter, '\'' | '"' | '`' | '[' | '$') => length,
                None if letter.is_whitespace() || letter == ';' => letter.len_utf8(),
                _ => return Err("there is more after the `;`: one statement at a time".to_owned()),
            };
            self.rest = &self.rest[length..];
        }
        Ok(())
    }
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// What statements begin with that read and change rows and tables, and nothing of the session.
const OF_ROWS: [&str; 20] = [
    "select", "with", "values", "table", "show", "explain", "describe", "desc", "insert", "update", "delete",
    "replace", "merge", "truncate", "create", "alter", "drop", "comment", "grant", "revoke",
];

/// What statements begin with that do nothing but to the session.
const OF_NOBODY: [&str; 9] = ["set", "use", "reset", "discard", "listen", "unlisten", "attach", "detach", "deallocate"];

/// Words by which also those leave something in the session: tables of its own, locks, settings.
const OF_SESSION: [&str; 9] = [
    "temp",
    "temporary",
    "pg_advisory_lock",
    "pg_advisory_lock_shared",
    "pg_try_advisory_lock",
    "pg_try_advisory_lock_shared",
    "set_config",
    "setseed",
    "get_lock",
];

/// Whether a statement that begins so begins or ends a transaction, or takes the session's tables out of one: what is around
/// the statement, and sees to it that it runs once, would not hold.
fn ends_transaction(word: &str, backend: Backend) -> bool {
    let of_all = ["begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release"];
    let of_mysql: &[&str] = if backend == Backend::Mysql { &["lock", "unlock", "xa"] } else { &[] };
    of_all.iter().chain(of_mysql).any(|known| word.eq_ignore_ascii_case(known))
}

/// The length of what stands between two of `quote`. A quote within is doubled, or has a backslash before it.
fn quoted(text: &str, quote: char, has_escapes: bool) -> Result<usize, String> {
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if has_escapes && letter == '\\' {
            letters.next();
        } else if letter == quote {
            if letters.peek().is_none_or(|(_, next)| *next != quote) {
                return Ok(at + quote.len_utf8());
            }
            letters.next();
        }
    }
    Err(format!("a {quote} is not closed"))
}

/// In MySQL a `--` begins a comment only with room after it.
/// <https://dev.mysql.com/doc/refman/8.4/en/ansi-diff-comments.html>
fn is_dash_comment(text: &str) -> bool {
    text[2..].chars().next().is_none_or(|c| c.is_whitespace() || c.is_control())
}

fn line(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

/// The length of a comment; in PostgreSQL one may stand in another.
fn comment(text: &str, nests: bool) -> Result<usize, String> {
    let (mut depth, mut at) = (1_u32, 2);
    while depth > 0 {
        let rest = &text[at..];
        let end = rest.find("*/").ok_or("a comment is not closed")?;
        match rest.find("/*").filter(|begin| nests && *begin < end) {
            Some(begin) => {
                depth += 1;
                at += begin + 2;
            }
            None => {
                depth -= 1;
                at += end + 2;
            }
        }
    }
    Ok(at)
}

/// `$$` or `$name$`, if the text begins with one.
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-DOLLAR-QUOTING>
fn dollar_tag(text: &str) -> Option<&str> {
    let end = 1 + text[1..].find('$')?;
    let tag = &text[1..end];
    (tag.chars().all(is_of_name) && !tag.starts_with(|c: char| c.is_ascii_digit())).then(|| &text[..=end])
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

    use super::*;

    fn read(sql: &str, backend: Backend) -> (String, Vec<String>) {
        let named = Named::read(sql, backend).unwrap();
        (named.render(|index| format!("<{index}>")).0, named.names)
    }

    #[test]
    fn a_parameter_is_found_only_where_one_can_stand() {
        use Backend::{Mysql, Postgresql, Sqlite};
        let table = [
            (Postgresql, "select :a, :b, :a", "select <0>, <1>, <0>"),
            (Postgresql, "select ':a' , \":a\", :a::int, x::text", "select ':a' , \":a\", <0>::int, x::text"),
            (Postgresql, "select 'it''s :no', E'\\':no', :a", "select 'it''s :no', E'\\':no', <0>"),
            (Postgresql, "select 'back\\', :a -- :no", "select 'back\\', <0> -- :no"),
            (Postgresql, "select $$ :no $$, $x$ :no $$ :no $x$, :a", "select $$ :no $$, $x$ :no $$ :no $x$, <0>"),
            (Postgresql, "select /* :no /* :no */ :no */ :a", "select /* :no /* :no */ :no */ <0>"),
            (Postgresql, "select f(x := 1), j ? 'k', a[1 : 2], :a", "select f(x := 1), j ? 'k', a[1 : 2], <0>"),
            (
                Mysql,
                "select 'it\\'s :no', \"a\\\":no\", `:no`, :a # :no",
                "select 'it\\'s :no', \"a\\\":no\", `:no`, <0> # :no",
            ),
            (Mysql, "select 5--:a -- :no", "select 5--<0> -- :no"),
            (Mysql, "select /* /* :no */ :a, @v", "select /* /* :no */ <0>, @v"),
            (Sqlite, "select [:no], `:no`, \"a\"\":no\", :größe", "select [:no], `:no`, \"a\"\":no\", <0>"),
            (Sqlite, "select 1; -- the end\n ;", "select 1"),
            (Postgresql, "lock table \"begin\"", "lock table \"begin\""),
        ];
        for (backend, sql, rendered) in table {
            assert_eq!(read(sql, backend).0, rendered);
        }
        assert_eq!(read("select :b, :a, :b", Sqlite).1, ["b", "a"]);
    }

    #[test]
    fn what_may_stay_behind_in_the_session_is_known() {
        use Backend::{Mysql, Postgresql, Sqlite};
        let changes = |sql, backend| Named::read(sql, backend).unwrap().changes_session;
        for (backend, sql) in [
            (Mysql, "select @x := 1"),
            (Mysql, "select get_lock('a', 1)"),
            (Mysql, "call p()"),
            (Postgresql, "-- a\nCreate Temporary Table t (a text)"),
            (Postgresql, "select 1 into temp x"),
            (Postgresql, "with a as (select pg_advisory_lock(7)) select * from a"),
            (Postgresql, "do $$ begin end $$"),
            (Sqlite, "pragma foreign_keys = off"),
        ] {
            assert!(changes(sql, backend), "{sql}");
        }
        for sql in [
            "select 'temp', \"set_config\" -- use",
            "(select 1)",
            "insert into t values (1)",
            "create table t (a text)",
        ] {
            assert!(!changes(sql, Postgresql), "{sql}");
        }
        assert!(!changes("select @@sql_mode", Mysql));
    }

    #[test]
    fn what_is_no_single_statement_is_refused() {
        use Backend::{Mysql, Postgresql, Sqlite};
        for (backend, sql, why) in [
            (Sqlite, "select 1; drop table x", "there is more after the `;`: one statement at a time"),
            (Sqlite, "select 1; 'x'", "there is more after the `;`: one statement at a time"),
            (Mysql, "select ?", "`?` stands for nothing here: write `:name`, and its value in `params`"),
            (Postgresql, "select $1", "`$` stands for nothing here: write `:name`, and its value in `params`"),
            (Sqlite, "select @a", "`@` stands for nothing here: write `:name`, and its value in `params`"),
            (Postgresql, "select 'open", "a ' is not closed"),
            (Postgresql, "select /* /* */", "a comment is not closed"),
            (Postgresql, "select $x$ open $$", "a $x$ is not closed"),
            (Postgresql, " ; ", "the statement is empty"),
            (Postgresql, "select 'a\0b', :a", "the statement holds a NUL"),
            (Postgresql, "/* so */ Commit", "`COMMIT` is not for a step: each statement has a transaction of its own"),
            (Sqlite, "end;", "`END` is not for a step: each statement has a transaction of its own"),
            (Mysql, "use other", "`USE` is not for a step: no other statement finds what it leaves in its session"),
            (Postgresql, "copy t to stdout", "`COPY` is not for a step: database.export writes rows to a file"),
            (Mysql, "lock tables a write", "`LOCK` is not for a step: each statement has a transaction of its own"),
        ] {
            assert_eq!(Named::read(sql, backend), Err(why.to_owned()), "{sql}");
        }
    }
}
