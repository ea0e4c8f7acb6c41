//! Reads `[generate]`: how many items, and how their values are made.

use indexmap::IndexMap;
use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};

use super::read::{Reader, Value, type_name};
use super::{GenerateSection, ItemSpecSection, MadeValue, Span, Text, ValueSection};
use crate::pipeline::diagnostic::Diagnostic;
use crate::pipeline::generate::LineOrder;

/// The most words in a row, and the most kinds of items: far above what anybody needs.
const MOST_WORDS: i64 = 10_000;
const MOST_SPECS: usize = 256;
/// The most items: what is known of each is held in memory.
const MOST_ITEMS: i64 = 100_000_000;
/// Shares are counted in parts of this size.
const PARTS: f64 = 1e9;
/// The largest share.
pub(super) const LARGEST_SHARE: f64 = 1e6;
/// The ways of making a value, each with an example.
const WAYS: [(&str, &str); 5] = [
    ("one_of", "{ one_of = [\"a\", \"b\"] }"),
    ("lines", "{ lines = \"texts.txt\" }"),
    ("words", "{ words = \"corpus.txt\", from = 2, to = 6 }"),
    ("template", "{ template = \"Invoice {item.number}\" }"),
    ("from", "{ from = 1, to = 9 }"),
];

impl<'a> Reader<'a, '_> {
    pub(super) fn generate(&mut self, table: &'a DeTable<'a>, key: Span) -> GenerateSection {
        self.known_keys(table, &["count", "seed", "values", "specs"], "`[generate]`");
        if !table.contains_key("count") {
            let help = "say how many items there are: count = 1000".to_owned();
            self.error(key, "`[generate]` has no `count`", help);
        }
        GenerateSection {
            count: self
                .get(table, "count", |r, k, v| r.whole(k, v, 1..=MOST_ITEMS))
                .and_then(|count| u32::try_from(count).ok()),
            seed: self
                .get(table, "seed", |r, k, v| r.whole(k, v, 0..=i64::MAX))
                .and_then(|seed| u64::try_from(seed).ok()),
            values: self.get(table, "values", Self::item_values).unwrap_or_default(),
            specs: self.get(table, "specs", Self::item_specs).unwrap_or_default(),
            specs_broken: table.get("specs").is_some_and(|specs| specs.get_ref().as_array().is_none()),
        }
    }

    fn item_specs(&mut self, key: &str, value: &'a Value<'a>) -> Option<Vec<ItemSpecSection>> {
        let Some(list) = value.get_ref().as_array() else {
            let help = "begin each with a line `[[generate.specs]]`".to_owned();
            self.error(value.span(), format!("`{key}` must be a list of tables"), help);
            return None;
        };
        if list.len() > MOST_SPECS {
            let message = format!("{} specs are too many", list.len());
            self.error(value.span(), message, format!("there are at most {MOST_SPECS}"));
        }
        Some(list.iter().filter_map(|entry| self.item_spec(key, entry)).collect())
    }

    fn item_spec(&mut self, key: &str, value: &'a Value<'a>) -> Option<ItemSpecSection> {
        let table = self.table(key, value)?;
        self.known_keys(table, &["name", "share", "values"], "`[[generate.specs]]`");
        let place = value.span();
        for (key, example) in [("name", "name = \"clean\""), ("share", "share = 0.5")] {
            if !table.contains_key(key) {
                self.error(place.clone(), format!("this spec has no `{key}`"), format!("add it: {example}"));
            }
        }
        Some(ItemSpecSection {
            name: self.get(table, "name", |r, k, v| r.text(k, v)),
            weight: self.get(table, "share", Self::share),
            values: self.get(table, "values", Self::item_values).unwrap_or_default(),
        })
    }

    /// A share as a whole number of its parts.
    fn share(&mut self, key: &str, value: &'a Value<'a>) -> Option<u64> {
        let fits = |share: f64| (share * PARTS).round() >= 1.0 && share <= LARGEST_SHARE;
        let range = "more than 0, such as 0.6 beside 0.4, or 3 beside 2";
        self.number(key, value, range, fits).map(|share| (share * PARTS).round() as u64)
    }

    fn item_values(&mut self, key: &str, value: &'a Value<'a>) -> Option<IndexMap<String, ValueSection>> {
        let table = self.table(key, value)?;
        let read = |(name, value): (&toml::Spanned<toml::de::DeString<'_>>, &'a Value<'a>)| {
            let made = self.made_value(name.get_ref(), value);
            (name.get_ref().to_string(), ValueSection { key: name.span(), made })
        };
        Some(table.iter().map(read).collect())
    }

    /// How a value is made; nothing where it cannot be told.
    fn made_value(&mut self, name: &str, value: &'a Value<'a>) -> Option<MadeValue> {
        match value.get_ref() {
            DeValue::Table(table) => self.made(name, table, value.span()),
            DeValue::Array(_) => {
                let help = format!("for one of several: {name} = {{ one_of = [...] }}");
                self.error(value.span(), format!("`{name}` must be one value, not a list"), help);
                None
            }
            _ => {
                let constant = self.constant(name, value)?;
                if constant.as_str().is_some_and(|text| text.contains("{item.")) {
                    let wrong =
                        Diagnostic::warning(format!("`{name}` is the same text for every item, braces and all"));
                    let help = format!("to have it filled in: {name} = {{ template = {} }}", constant);
                    self.found.push(wrong.at(value.span()).help(help));
                }
                Some(MadeValue::Fixed(constant))
            }
        }
    }

    fn made(&mut self, name: &str, table: &'a DeTable<'a>, place: Span) -> Option<MadeValue> {
        // What names a file may say how much of it; a range is that only where nothing else is.
        let way = WAYS.iter().map(|(way, _)| *way).find(|way| table.contains_key(*way));
        let Some(way) = way.or_else(|| table.contains_key("to").then_some("from")) else {
            let ways: Vec<&str> = WAYS.iter().map(|(_, example)| *example).collect();
            self.error(place, format!("`{name}` does not say how it is made"), format!("one of {}", ways.join(", ")));
            return None;
        };
        let known: &[&str] = match way {
            "lines" => &["lines", "order"],
            "words" => &["words", "from", "to"],
            "from" => &["from", "to"],
            "one_of" => &["one_of"],
            _ => &["template"],
        };
        self.known_keys(table, known, &format!("`{name}`"));
        match way {
            "one_of" => self.one_of(name, table),
            "lines" => {
                let orders = [("random", LineOrder::Random), ("cycle", LineOrder::Cycle)];
                let order = self.get(table, "order", |r, k, v| r.choice(k, v, &orders)).unwrap_or_default();
                Some(MadeValue::Lines { path: self.get(table, way, Self::text_file)?, order })
            }
            "words" => {
                let path = self.get(table, way, Self::text_file)?;
                let mut bound =
                    |key: &str| self.bound(name, table, key, &place, |r, k, v| r.whole(k, v, 1..=MOST_WORDS));
                let (from, to) = (bound("from")?, bound("to")?);
                self.ordered(name, table, from <= to)?;
                Some(MadeValue::Words { path, from: from as u32, to: to as u32 })
            }
            "template" => self.get(table, way, |r, k, v| r.template(k, v)).map(MadeValue::Template),
            _ => self.range(name, table, &place),
        }
    }

    fn range(&mut self, name: &str, table: &'a DeTable<'a>, place: &Span) -> Option<MadeValue> {
        let is_whole = |key: &str| table.get(key).is_some_and(|value| value.get_ref().as_integer().is_some());
        if is_whole("from") && is_whole("to") {
            // JSON readers hold whole numbers up to here exactly.
            const FAR: i64 = 1 << 53;
            let mut bound = |key: &str| self.bound(name, table, key, place, |r, k, v| r.whole(k, v, -FAR..=FAR));
            let (from, to) = (bound("from")?, bound("to")?);
            self.ordered(name, table, from <= to)?;
            return Some(MadeValue::Whole { from, to });
        }
        let mut bound = |key: &str| {
            let range = "between -1e15 and 1e15";
            self.bound(name, table, key, place, |r, k, v| r.number(k, v, range, |n| n.abs() <= 1e15))
        };
        let (from, to) = (bound("from")?, bound("to")?);
        self.ordered(name, table, from <= to)?;
        Some(MadeValue::Number { from, to })
    }

    fn bound<T>(
        &mut self,
        name: &str,
        table: &'a DeTable<'a>,
        key: &str,
        place: &Span,
        read: impl FnOnce(&mut Self, &str, &'a Value<'a>) -> Option<T>,
    ) -> Option<T> {
        if !table.contains_key(key) {
            self.error(
                place.clone(),
                format!("`{name}` has no `{key}`"),
                "a range has both: from = 1, to = 9".to_owned(),
            );
        }
        self.get(table, key, read)
    }

    fn ordered(&mut self, name: &str, table: &'a DeTable<'a>, is_so: bool) -> Option<()> {
        if !is_so {
            let place = table.get("to").map(toml::Spanned::span).unwrap_or_default();
            self.error(place, format!("`to` of `{name}` is less than its `from`"), None);
        }
        is_so.then_some(())
    }

    fn one_of(&mut self, name: &str, table: &'a DeTable<'a>) -> Option<MadeValue> {
        let (key, value) = table.get_key_value("one_of")?;
        let Some(list) = value.get_ref().as_array() else {
            let message = format!("`one_of` must be a list, not {}", type_name(value.get_ref()));
            self.error(value.span(), message, format!("for example: {name} = {{ one_of = [\"a\", \"b\"] }}"));
            return None;
        };
        if list.is_empty() {
            self.error(key.span(), format!("`{name}` has nothing to choose from"), None);
            return None;
        }
        let values: Vec<Option<Json>> = list.iter().map(|value| self.constant(name, value)).collect();
        values.into_iter().collect::<Option<_>>().map(MadeValue::OneOf)
    }

    /// A text, a number, or true or false.
    fn constant(&mut self, name: &str, value: &'a Value<'a>) -> Option<Json> {
        match value.get_ref() {
            DeValue::String(_) => self.text(name, value).map(|text| Json::from(text.text)),
            DeValue::Integer(_) => self.whole(name, value, i64::MIN..=i64::MAX).map(Json::from),
            DeValue::Float(_) => self.number(name, value, "a number that is finite", |_| true).map(Json::from),
            DeValue::Boolean(truth) => Some(Json::from(*truth)),
            DeValue::Datetime(date) => Some(Json::from(date.to_string())),
            other => {
                let message = format!("`{name}` must be texts, numbers, or true and false, not {}", type_name(other));
                self.error(value.span(), message, None);
                None
            }
        }
    }

    fn text_file(&mut self, key: &str, value: &'a Value<'a>) -> Option<Text> {
        let path = self.text(key, value)?;
        if path.text.is_empty() {
            self.error(
                path.span.clone(),
                format!("`{key}` names no file"),
                format!("for example: {key} = \"texts.txt\""),
            );
            return None;
        }
        self.no_shell(&path);
        Some(path)
    }
}
