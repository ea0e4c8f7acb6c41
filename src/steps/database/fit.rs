//! What is wrong with the parameters of steps on databases for every item, whatever the placeholders are filled with.

use serde_json::{Map, Value};

use super::export::EXPORT;
use super::insert::INSERT;
use super::query::QUERY;
use crate::pipeline::builtins::ParamProblem;
use crate::pipeline::template::Template;
use crate::resources::database::{Backend, named_parameters};

/// What is wrong with the parameters of the step `name`.
pub(in crate::steps) fn misfit(name: &str, with: &Value) -> Option<ParamProblem> {
    let with = with.as_object()?;
    if name == INSERT.name {
        return insert(with);
    }
    if name == QUERY.name {
        return pasted(with).or_else(|| unnamed(with));
    }
    (name == EXPORT.name).then(|| export(with)).flatten()
}

/// What the database of these settings cannot do with the parameters of the step `name`, though another could.
pub(in crate::steps) fn clash(name: &str, with: &Value, settings: &Value) -> Option<ParamProblem> {
    if name != QUERY.name && name != EXPORT.name || misfit(name, with).is_some() {
        return None;
    }
    let sql = with.get("sql")?.as_str()?;
    let backend: Backend = serde_json::from_value(settings.get("backend")?.clone()).ok()?;
    match named_parameters(sql, backend) {
        Err(why) => problem(&["sql"], why, ONE_STATEMENT),
        Ok(names) => {
            let name = names.iter().find(|name| with.get("params").is_none_or(|params| params.get(*name).is_none()))?;
            no_value(name)
        }
    }
}

const ONE_STATEMENT: &str = "write one statement, with values as :name";

fn no_value(name: &str) -> Option<ParamProblem> {
    problem(&["sql"], format!("`:{name}` has no value"), &format!("give it: params = {{ {name} = \"...\" }}"))
}

fn problem(path: &[&str], message: impl Into<String>, help: &str) -> Option<ParamProblem> {
    let path = path.iter().map(|part| (*part).to_owned()).collect();
    Some(ParamProblem { path, key: false, message: message.into(), suggestion: Some(help.to_owned()) })
}

fn insert(with: &Map<String, Value>) -> Option<ParamProblem> {
    match (with.get("row"), with.get("rows")) {
        (None, None) => {
            return problem(&[], "`database.insert` has no row", "add it: with.row = { title = \"{item.name}\" }");
        }
        (Some(_), Some(_)) => {
            return problem(&["rows"], "`row` and `rows` both say what is inserted", "keep one of them");
        }
        _ => {}
    }
    let row = with.get("row")?.as_object()?;
    if row.is_empty() {
        return problem(&["row"], "`row` is empty", "name at least one column");
    }
    let mut key = with.get("key")?.as_array()?.iter().filter_map(Value::as_str);
    let missing = key.find(|name| !row.contains_key(*name))?;
    problem(&["key"], format!("`key` names `{missing}`, which `row` does not have"), "name columns of the row")
}

fn export(with: &Map<String, Value>) -> Option<ParamProblem> {
    match (with.contains_key("sql"), with.contains_key("table")) {
        (false, false) => problem(&[], "`database.export` has nothing to export", "give a `sql` or a `table`"),
        (true, true) => problem(&["table"], "`sql` and `table` both say what is exported", "keep one of them"),
        _ => pasted(with).or_else(|| unnamed(with)),
    }
}

/// What no server can read, a name without a value, and a value without a place.
fn unnamed(with: &Map<String, Value>) -> Option<ParamProblem> {
    let sql = with.get("sql")?.as_str()?;
    let none = Map::new();
    let params = with.get("params").and_then(Value::as_object).unwrap_or(&none);
    let read = [Backend::Postgresql, Backend::Mysql, Backend::Sqlite].map(|backend| named_parameters(sql, backend));
    let names: Vec<&Vec<String>> = read.iter().flatten().collect();
    let Some(first) = names.first() else {
        return read[0].clone().err().and_then(|why| problem(&["sql"], why, ONE_STATEMENT));
    };
    let is_in_all = |name: &&String| names.iter().all(|names| names.contains(name));
    if let Some(name) = first.iter().filter(is_in_all).find(|name| !params.contains_key(*name)) {
        return no_value(name);
    }
    let unused = params.keys().find(|key| names.iter().all(|names| !names.contains(key)))?;
    problem(&["params", unused], format!("the statement has no `:{unused}`"), "write :name where the value goes")
}

/// A statement with a placeholder in it: whoever names a file could write SQL.
fn pasted(with: &Map<String, Value>) -> Option<ParamProblem> {
    let sql = with.get("sql")?.as_str()?;
    if Template::parse(sql).is_ok_and(|template| template.is_literal()) {
        return None;
    }
    problem(
        &["sql"],
        "values are not pasted into `sql`",
        "write :name where the value goes, and params = { name = \"{...}\" }; a brace that is meant is doubled: {{",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_only_this_database_cannot_do_is_told_too() {
        let told = |backend: &str, with: Value| {
            clash("database.query", &with, &json!({ "backend": backend })).map(|problem| problem.message)
        };
        let lock = json!({ "sql": "lock tables t write" });
        assert!(told("mysql", lock.clone()).unwrap_or_default().starts_with("`LOCK` is not for a step"));
        assert_eq!(told("postgresql", lock), None);
        // In MySQL a `#` begins a comment.
        let hash = json!({ "sql": "select 1 # :a" });
        assert_eq!(told("mysql", hash.clone()), None);
        assert_eq!(told("postgresql", hash), Some("`:a` has no value".to_owned()));
        assert_eq!(told("${KIND}", json!({ "sql": "select 1" })), None);
    }

    fn told(name: &str, with: Value) -> Option<String> {
        misfit(name, &with).map(|problem| problem.message)
    }

    #[test]
    fn a_value_is_never_pasted_into_a_statement() {
        let pasted = Some("values are not pasted into `sql`".to_owned());
        assert_eq!(told("database.query", json!({ "sql": "select '{item.name}'" })), pasted);
        assert_eq!(told("database.export", json!({ "sql": "select '{item.name}'" })), pasted);
        assert_eq!(told("database.query", json!({ "sql": "select :name", "params": { "name": "{item.name}" } })), None);
        assert_eq!(told("database.query", json!({ "sql": "select '{{}}'::jsonb" })), None);
    }

    #[test]
    fn names_and_values_of_a_statement_go_together() {
        let query = |sql: &str, params: Value| told("database.query", json!({ "sql": sql, "params": params }));
        assert_eq!(query("select :a, ':b'", json!({ "a": 1 })), None);
        assert_eq!(query("select :a, :b", json!({ "a": 1 })).as_deref(), Some("`:b` has no value"));
        assert_eq!(query("select :a", json!({ "a": 1, "n": 2 })).as_deref(), Some("the statement has no `:n`"));
        assert!(query("select 'open", json!({})).is_some());
    }

    #[test]
    fn what_is_wrong_for_every_item_is_told_though_there_are_placeholders() {
        let insert = |with| told("database.insert", with).unwrap_or_default();
        assert_eq!(insert(json!({ "table": "t" })), "`database.insert` has no row");
        assert_eq!(insert(json!({ "row": {}, "rows": [] })), "`row` and `rows` both say what is inserted");
        assert_eq!(
            insert(json!({ "row": { "a": "{item.name}" }, "key": ["b"] })),
            "`key` names `b`, which `row` does not have"
        );
        assert_eq!(insert(json!({ "row": { "a": "{item.name}" }, "key": ["a"] })), "");
        assert_eq!(told("database.export", json!({})).unwrap_or_default(), "`database.export` has nothing to export");
    }
}
