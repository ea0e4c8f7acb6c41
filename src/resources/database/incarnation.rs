//! Telling a table from one of the same name that was dropped.
//!
//! What was stored in a table that was dropped is not stored in the one that was made in its place. So what a row is known
//! by in `mediamill_once` holds the incarnation of its table:
//!
//! - PostgreSQL: the number of the table in the catalog. It is the same as long as the table is, whatever is added to it, and
//!   another after a `DROP`, or where the database was restored from a dump.
//! - MySQL and SQLite have no such number that a user may see and that `ALTER`, `OPTIMIZE` or `VACUUM` leave alone. A table
//!   that is made here carries a mark instead, in its comment or in its statement, which a dump keeps too. Of a table that
//!   somebody else made nothing is known: dropped and made again by hand, it is taken for the same.
//!
//! Rows that were deleted, or went with a `TRUNCATE`, are stored nowhere and known as stored all the same: who takes rows out
//! does not want them back.

use std::hash::{BuildHasher, RandomState};

use serde_json::Value;

use super::connection::{Connection, Trouble};
use super::fit::Bound;
use super::names::{quoted, quoted_table};
use super::settings::Backend;

/// What a mark begins with.
const MARK: &str = "mediamill ";
/// The hexadecimal digits of its number.
const DIGITS: usize = 16;

/// <https://dev.mysql.com/doc/refman/8.4/en/information-schema-tables-table.html>
const MYSQL: &str = "SELECT CAST(table_comment AS CHAR) FROM information_schema.tables \
     WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ?";

/// A mark that no other table has.
pub(super) fn mark() -> String {
    // The keys of the hasher come from the system's source of chance.
    format!("{MARK}{:0DIGITS$x}", RandomState::new().hash_one(std::process::id()))
}

/// The mark in a text, if there is one.
fn marked(text: &str) -> Option<&str> {
    let numbers = text.split(MARK).skip(1).filter_map(|rest| rest.get(..DIGITS));
    numbers.into_iter().find(|number| number.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// The incarnation of the table; empty where nothing is known of it, or where it is not there.
pub(super) async fn of(connection: &mut Connection, parts: &[String]) -> Result<String, Trouble> {
    let [.., name] = parts else { return Ok(String::new()) };
    let backend = connection.backend();
    let rows = match backend {
        Backend::Postgresql => {
            let sql = "SELECT CAST(CAST(to_regclass(CAST($1 AS text)) AS oid) AS text)";
            connection.fetch(sql, vec![Bound::Text(quoted_table(parts, backend))]).await?
        }
        Backend::Mysql => {
            let schema = if parts.len() > 1 { Bound::Text(parts[0].clone()) } else { Bound::Null };
            connection.fetch(MYSQL, vec![schema, Bound::Text(name.clone())]).await?
        }
        Backend::Sqlite | Backend::Memory => {
            let schema = if parts.len() > 1 { format!("{}.", quoted(&parts[0], backend)) } else { String::new() };
            let sql =
                format!("SELECT sql FROM {schema}sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE");
            connection.fetch(&sql, vec![Bound::Text(name.clone())]).await?
        }
    };
    let told = rows.first().and_then(|row| row.first()).and_then(Value::as_str).unwrap_or_default();
    Ok(if backend == Backend::Postgresql { told } else { marked(told).unwrap_or_default() }.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_in_whatever_stands_around_it_and_is_another_each_time() {
        let (one, two) = (mark(), mark());
        assert_ne!(one, two);
        let sql = format!("CREATE TABLE \"mediamill notes\" (a TEXT /* {one} */, b)");
        assert_eq!(marked(&one), one.strip_prefix(MARK));
        assert_eq!(marked(&sql), one.strip_prefix(MARK));
        for text in ["", "mediamill ", "mediamill's notes of the year", "mediamill übersetzt alles in ä"] {
            assert_eq!(marked(text), None, "{text}");
        }
    }
}
