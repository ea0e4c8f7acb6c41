//! Checks parameters against the schema that was made from their struct: as much of JSON schema as such structs need.

mod trial;

use schemars::Schema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::pipeline::builtins::ParamProblem;
use crate::pipeline::suggest;
use crate::pipeline::template::Template;
use crate::resilience::quantity::Period;
use crate::resources::secret;

pub(super) use self::trial::mistake;

/// What is wrong with the parameters `with` of a step, told in the words of the pipeline file.
pub(super) fn problems(schema: &Schema, with: &Value) -> Vec<ParamProblem> {
    found(schema, with, &Words { whole: "`with`", part: "parameter", is_open: has_placeholder, keeps_type: true })
}

/// What is wrong with the settings of a resource.
pub(super) fn setting_problems(schema: &Schema, settings: &Value) -> Vec<ParamProblem> {
    let is_open = |text: &Value| secret::variable_in(text).is_some();
    found(schema, settings, &Words { whole: "this resource", part: "setting", is_open, keeps_type: false })
}

fn found(schema: &Schema, value: &Value, words: &Words) -> Vec<ParamProblem> {
    let root = schema.as_value();
    let mut check = Check { root, words, path: Vec::new(), problems: Vec::new() };
    check.value(root, value);
    check.problems
}

/// Whether `message` is about a text that has yet to be filled.
pub(super) fn is_about_variable(message: &str) -> bool {
    secret::variables(message).next().is_some()
}

/// Whether any text in `value` is filled only at run time.
pub(super) fn has_placeholder(value: &Value) -> bool {
    match value {
        Value::String(text) => Template::parse(text).is_ok_and(|template| !template.is_literal()),
        Value::Array(list) => list.iter().any(has_placeholder),
        Value::Object(map) => map.values().any(has_placeholder),
        _ => false,
    }
}

/// What a schema is of.
struct Words {
    /// All of it.
    whole: &'static str,
    /// One key of it.
    part: &'static str,
    /// Whether this text is filled later.
    is_open: fn(&Value) -> bool,
    /// Whether it then has any type, rather than being text.
    keeps_type: bool,
}

struct Check<'s> {
    root: &'s Value,
    words: &'s Words,
    path: Vec<String>,
    problems: Vec<ParamProblem>,
}

impl<'s> Check<'s> {
    fn value(&mut self, schema: &'s Value, value: &Value) {
        let schema = self.resolved(schema);
        if value.is_string() && (self.words.is_open)(value) && self.may_become(schema) {
            return;
        }
        if let Some(words) = words(schema) {
            return self.word(&words, value);
        }
        if let Some(choices) = any_of(schema) {
            return self.choice(choices, value);
        }
        let types = types(schema);
        if !types.is_empty() && !types.iter().any(|name| is_type(name, value)) {
            return self.wrong_type(&types, value);
        }
        if schema.get("format").and_then(Value::as_str) == Some(Period::FORMAT) {
            return self.period(value);
        }
        match value {
            Value::Number(_) => self.range(schema, value),
            Value::Array(list) => {
                if let Some(items) = schema.get("items") {
                    for (index, entry) in list.iter().enumerate() {
                        self.below(index.to_string(), items, entry);
                    }
                }
            }
            Value::Object(map) => self.object(schema, map),
            _ => {}
        }
    }

    /// Whether what an open text is filled with can fit. A placeholder keeps the type of what it stands for; a variable of
    /// the environment is text.
    fn may_become(&self, schema: &Value) -> bool {
        let types = types(schema);
        self.words.keeps_type || types.is_empty() || types.contains(&"string")
    }

    fn below(&mut self, part: String, schema: &'s Value, value: &Value) {
        self.path.push(part);
        self.value(schema, value);
        self.path.pop();
    }

    fn object(&mut self, schema: &'s Value, map: &Map<String, Value>) {
        let none = Map::new();
        let known = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        for (key, value) in map {
            match (known.and_then(|known| known.get(key).or_else(|| aliased(known, key))), others) {
                (Some(property), _) => self.below(key.clone(), property, value),
                (None, Some(other)) if other.is_object() => self.below(key.clone(), other, value),
                // A struct that does not refuse unknown keys would lose them without a word.
                (None, Some(Value::Bool(true))) => {}
                (None, None) if known.is_none() => {}
                (None, _) => {
                    let help = suggest::help(key, known.unwrap_or(&none).keys().map(String::as_str));
                    self.path.push(key.clone());
                    self.problem(true, format!("unknown {} `{key}`", self.words.part), help);
                    self.path.pop();
                }
            }
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let is_there = |name: &str| {
            let property = known.and_then(|known| known.get(name));
            map.contains_key(name)
                || property.is_some_and(|property| aliases(property).any(|name| map.contains_key(name)))
        };
        for name in required.filter(|name| !is_there(name)) {
            let message = format!("{} needs the {} `{name}`", self.title(), self.words.part);
            self.problem(true, message, known.and_then(|known| described(known, name)));
        }
    }

    /// Alternatives: good when one of them is; otherwise the one for this type of value knows best what is wrong.
    fn choice(&mut self, choices: Vec<&'s Value>, value: &Value) {
        if let Some(tables) = self.tagged(&choices)
            && let Some(word) = value.as_object().and_then(|map| map.get(tables.tag)).and_then(Value::as_str)
        {
            let Some((_, table)) = tables.tables.iter().find(|(known, _)| *known == word) else {
                self.path.push(tables.tag.to_owned());
                self.word(&tables.tables.iter().map(|(known, _)| *known).collect::<Vec<_>>(), &Value::from(word));
                self.path.pop();
                return;
            };
            return self.value(table, value);
        }
        let mut best: Option<Vec<ParamProblem>> = None;
        let mut names = Vec::new();
        for choice in choices {
            let choice = self.resolved(choice);
            let types = types(choice);
            if !types.is_empty() && !types.iter().any(|name| is_type(name, value)) {
                names.extend(types);
                continue;
            }
            let mut check = Check { root: self.root, words: self.words, path: self.path.clone(), problems: Vec::new() };
            check.value(choice, value);
            if best.as_ref().is_none_or(|best| check.problems.len() < best.len()) {
                best = Some(check.problems);
            }
        }
        match best {
            Some(problems) => self.problems.extend(problems),
            None => self.wrong_type(&names, value),
        }
    }

    /// Tables that one key tells apart, where the alternatives are such.
    fn tagged(&self, choices: &[&'s Value]) -> Option<Tagged<'s>> {
        let tag_of = |schema: &'s Value| {
            let properties = schema.get("properties")?.as_object()?;
            properties.iter().find_map(|(key, property)| Some((key.as_str(), property.get("const")?.as_str()?)))
        };
        let tables = choices.iter().map(|choice| self.resolved(choice)).filter(|choice| types(choice) != ["null"]);
        let mut tagged: Option<Tagged<'s>> = None;
        for table in tables {
            let (tag, word) = tag_of(table)?;
            let all = tagged.get_or_insert(Tagged { tag, tables: Vec::new() });
            if all.tag != tag {
                return None;
            }
            all.tables.push((word, table));
        }
        tagged
    }

    /// A length of time, told at its place.
    fn period(&mut self, value: &Value) {
        if let Err(why) = Period::deserialize(value) {
            self.problem(false, format!("{} cannot be read: {why}", self.title()), None);
        }
    }

    fn word(&mut self, words: &[&str], value: &Value) {
        match value.as_str() {
            Some(word) if words.contains(&word) => {}
            Some(word) => {
                let message = format!("{} cannot be `{}`", self.title(), word.escape_debug());
                self.problem(false, message, suggest::help(word, words.iter().copied()));
            }
            None => self.wrong_type(&["string"], value),
        }
    }

    fn range(&mut self, schema: &Value, value: &Value) {
        let Some(number) = value.as_f64() else { return };
        let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
        let (least, above) = (bound("minimum"), bound("exclusiveMinimum"));
        let (most, below) = (bound("maximum"), bound("exclusiveMaximum"));
        let fits = least.is_none_or(|least| number >= least)
            && above.is_none_or(|above| number > above)
            && most.is_none_or(|most| number <= most)
            && below.is_none_or(|below| number < below);
        if fits {
            return;
        }
        let range = match (least, most) {
            (Some(least), Some(most)) => format!("it is {least} to {most}"),
            _ => [
                least.map(|n| format!("{n} or more")),
                above.map(|n| format!("more than {n}")),
                most.map(|n| format!("{n} or less")),
                below.map(|n| format!("less than {n}")),
            ]
            .into_iter()
            .flatten()
            .fold("it is".to_owned(), |text, part| {
                if text == "it is" { format!("{text} {part}") } else { format!("{text} and {part}") }
            }),
        };
        self.problem(false, format!("{} is out of range", self.title()), Some(range));
    }

    fn wrong_type(&mut self, types: &[&str], value: &Value) {
        let mut wanted: Vec<&str> = types.iter().filter(|name| **name != "null").map(|name| in_words(name)).collect();
        wanted.dedup();
        let message = format!("{} must be {}, not {}", self.title(), wanted.join(" or "), in_words(type_of(value)));
        self.problem(false, message, None);
    }

    fn problem(&mut self, key: bool, message: String, suggestion: Option<String>) {
        self.problems.push(ParamProblem { path: self.path.clone(), key, message, suggestion });
    }

    /// The nearest name on the path: indexes of lists say little.
    fn title(&self) -> String {
        let name = self.path.iter().rev().find(|part| part.parse::<usize>().is_err());
        name.map_or_else(|| self.words.whole.to_owned(), |name| format!("`{name}`"))
    }

    /// The schema itself, where this one only points at it.
    fn resolved(&self, mut schema: &'s Value) -> &'s Value {
        // As a struct cannot be a mere reference to itself, this ends; the bound is for schemas made by hand.
        for _ in 0..16 {
            let target = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
            let Some(target) = target.and_then(|target| self.root.pointer(target)) else { break };
            schema = target;
        }
        schema
    }
}

/// Tables of which each has its own word at one key.
struct Tagged<'s> {
    tag: &'s str,
    tables: Vec<(&'s str, &'s Value)>,
}

/// The property that `key` is another name of.
fn aliased<'s>(known: &'s Map<String, Value>, key: &str) -> Option<&'s Value> {
    known.values().find(|property| aliases(property).any(|alias| alias == key))
}

/// Other names of a property or a word: serde takes them, and schemars says nothing of them but by `extend`.
fn aliases(schema: &Value) -> impl Iterator<Item = &str> {
    schema.get("x-aliases").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// The words of a plain enum, with or without doc comments.
fn words(schema: &Value) -> Option<Vec<&str>> {
    if let Some(word) = schema.get("const") {
        return word.as_str().map(|word| vec![word]);
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return words.iter().filter(|word| !word.is_null()).map(Value::as_str).collect();
    }
    let word = |choice: &'_ Value| choice.get("const").is_some() || choice.get("enum").is_some();
    let choices = schema.get("oneOf").and_then(Value::as_array)?;
    if !choices.iter().all(word) {
        return None;
    }
    let mut all = Vec::new();
    for choice in choices {
        match choice.get("const") {
            Some(word) => {
                all.push(word.as_str()?);
                all.extend(aliases(choice));
            }
            None => all.extend(words(choice)?),
        }
    }
    Some(all)
}

fn any_of(schema: &Value) -> Option<Vec<&Value>> {
    let choices = schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()?;
    Some(choices.iter().collect())
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_type(name: &str, value: &Value) -> bool {
    match name {
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        name => name == type_of(value),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What the pipeline file calls a type of JSON.
fn in_words(name: &str) -> &str {
    match name {
        "boolean" => "true or false",
        "number" => "a number",
        "integer" => "a whole number",
        "string" => "a text",
        "array" => "a list",
        "object" => "a table",
        other => other,
    }
}

fn described(known: &Map<String, Value>, name: &str) -> Option<String> {
    let text = known.get(name)?.get("description")?.as_str()?;
    Some(format!("`{name}`: {}", text.lines().next().unwrap_or(text)))
}
