//! Reads `with`: any TOML, as the JSON that built-in steps take, with the way back to its places.

use serde_json::{Map, Value as Json};
use toml::de::DeValue;

use super::read::{Reader, Value};
use super::{Span, WithSpec, Written};

impl<'a> Reader<'a, '_> {
    pub(super) fn with(&mut self, key: Span, tree: &'a Value<'a>) -> Option<WithSpec<'a>> {
        self.table("with", tree)?;
        let mut texts: Vec<Written> = Vec::new();
        let value = self.json("with", tree, &mut |reader, key, value, _| texts.extend(reader.template(key, value)));
        Some(WithSpec { key, value, texts, tree })
    }

    /// The value as JSON. Each text goes to `seen` too, with the key that it is for and its value.
    pub(super) fn json(
        &mut self,
        key: &str,
        value: &Value<'_>,
        seen: &mut impl FnMut(&mut Self, &str, &Value<'_>, &str),
    ) -> Json {
        match value.get_ref() {
            DeValue::String(text) => {
                seen(self, key, value, text);
                Json::from(text.as_ref())
            }
            DeValue::Integer(integer) => {
                let (digits, radix) = (integer.as_str(), integer.radix());
                let number = i64::from_str_radix(digits, radix).map(Json::from);
                number.or_else(|_| u64::from_str_radix(digits, radix).map(Json::from)).unwrap_or_else(|_| {
                    self.error(value.span(), format!("`{key}` is a number too large to hold"), None);
                    Json::Null
                })
            }
            DeValue::Float(float) => {
                let number = float.as_str().parse().ok().and_then(serde_json::Number::from_f64);
                number.map(Json::Number).unwrap_or_else(|| {
                    self.error(value.span(), format!("`{key}` is not a finite number"), None);
                    Json::Null
                })
            }
            DeValue::Boolean(truth) => Json::from(*truth),
            DeValue::Datetime(date) => Json::from(date.to_string()),
            DeValue::Array(list) => list.iter().map(|entry| self.json(key, entry, seen)).collect(),
            DeValue::Table(table) => {
                let mut map = Map::new();
                for (name, value) in table {
                    map.insert(name.get_ref().to_string(), self.json(name.get_ref(), value, seen));
                }
                Json::Object(map)
            }
        }
    }
}

impl WithSpec<'_> {
    /// Where the parameter at `path` stands, or its name if `key`; as near as it can be told.
    pub(in crate::pipeline) fn place(&self, path: &[String], key: bool) -> Span {
        let mut place = if path.is_empty() { self.key.clone() } else { self.tree.span() };
        let mut value = self.tree;
        for (depth, part) in path.iter().enumerate() {
            let last = depth + 1 == path.len();
            let next = match value.get_ref() {
                DeValue::Table(table) => table.get_key_value(part.as_str()).map(|(name, value)| {
                    // The tables of dotted keys and of headers have no place of their own worth pointing at.
                    let name_says_it = (last && key) || value.get_ref().is_table();
                    (if name_says_it { name.span() } else { value.span() }, value)
                }),
                DeValue::Array(list) => {
                    part.parse::<usize>().ok().and_then(|i| list.get(i)).map(|value| (value.span(), value))
                }
                _ => None,
            };
            let Some((span, found)) = next else { break };
            place = span;
            value = found;
        }
        place
    }
}
