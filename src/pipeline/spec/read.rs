//! Reads single values: each of the right type, or a finding that says what would be.

use std::ops::RangeInclusive;
use std::time::Duration;

use indexmap::IndexMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Span, Text, Written};
use crate::pipeline::diagnostic::{Diagnostic, Diagnostics};
use crate::pipeline::suggest;
use crate::pipeline::template::Template;
use crate::resilience::quantity;
use crate::resources::secret;

/// A value with its place.
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// Reads values, and keeps what it finds wrong.
pub(super) struct Reader<'a, 'd> {
    pub(super) text: &'a str,
    pub(super) found: &'d mut Diagnostics,
}

impl<'a> Reader<'a, '_> {
    /// Reads the value of `key` with `read`, if the key is there.
    pub(super) fn get<T>(
        &mut self,
        table: &'a DeTable<'a>,
        key: &str,
        read: impl FnOnce(&mut Self, &str, &'a Value<'a>) -> Option<T>,
    ) -> Option<T> {
        table.get(key).and_then(|value| read(self, key, value))
    }

    /// Finds the keys that `place` does not know.
    pub(super) fn known_keys(&mut self, table: &DeTable<'_>, known: &[&str], place: &str) {
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let help = suggest::help(name, known.iter().copied());
                self.error(key.span(), format!("unknown key `{name}` in {place}"), help);
            }
        }
    }

    pub(super) fn error(&mut self, span: Span, message: impl Into<String>, help: impl Into<Option<String>>) {
        self.found.push(Diagnostic::error(message).at(span).maybe_help(help.into()));
    }

    fn wrong_type(&mut self, key: &str, value: &Value<'_>, wanted: &str, example: &str) {
        let message = format!("`{key}` must be {wanted}, not {}", type_name(value.get_ref()));
        let help = (!example.is_empty()).then(|| format!("for example: {example}"));
        self.error(value.span(), message, help);
    }

    pub(super) fn table(&mut self, key: &str, value: &'a Value<'a>) -> Option<&'a DeTable<'a>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong_type(key, value, "a table", &format!("{key} = {{ ... }}"));
        }
        table
    }

    pub(super) fn text(&mut self, key: &str, value: &Value<'_>) -> Option<Text> {
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_type(key, value, "a text", &format!("{key} = \"...\""));
            return None;
        };
        if text.contains('\0') {
            self.error(value.span(), format!("`{key}` holds a NUL, which no argument or file name can"), None);
            return None;
        }
        Some(Text::new(self.text, text, value.span()))
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, key: &str, value: &Value<'_>) -> Option<Vec<Text>> {
        let Some(list) = value.get_ref().as_array() else {
            self.wrong_type(key, value, "a list of texts", &format!("{key} = [\"...\"]"));
            return None;
        };
        Some(list.iter().filter_map(|entry| self.text(key, entry)).collect())
    }

    /// A list of texts that is a command: the program, then its arguments.
    pub(super) fn command(&mut self, key: &str, value: &'a Value<'a>) -> Option<Vec<String>> {
        let words = self.texts(key, value)?;
        if words.first().is_none_or(|program| program.text.is_empty()) {
            self.error(
                value.span(),
                format!("`{key}` names no program"),
                format!("{key} = [\"ffmpeg\", \"-version\"]"),
            );
            return None;
        }
        Some(words.into_iter().map(|word| word.text).collect())
    }

    pub(super) fn template(&mut self, key: &str, value: &Value<'_>) -> Option<Written> {
        let text = self.text(key, value)?;
        match Template::parse(&text.text) {
            Ok(template) => Some(Written { template, text }),
            Err(error) => {
                let dollar = error.span.start.saturating_sub(1)..error.span.end;
                match text.text.get(dollar.clone()).and_then(|part| secret::variables(part).next()) {
                    Some(name) => self.variable(text.part(&dollar), name),
                    None => self.error(text.part(&error.span), error.message, error.help),
                }
                None
            }
        }
    }

    /// `${NAME}` where it is not filled.
    fn variable(&mut self, span: Span, name: &str) {
        let help =
            "variables of the environment are filled in `[resources]` alone; a tool reads its environment itself";
        self.error(span, format!("`${{{name}}}` is not filled here"), help.to_owned());
    }

    /// A path in which somebody expects a shell to fill something.
    pub(super) fn no_shell(&mut self, path: &Text) {
        if path.text == "~" || path.text.starts_with("~/") {
            let help = "write the path of the folder: no shell stands here to fill it in";
            self.error(path.part(&(0..1)), "`~` does not stand for your home here", help.to_owned());
        }
        if let Some(name) = secret::variables(&path.text).next() {
            let start = path.text.find(&format!("${{{name}}}")).unwrap_or_default();
            self.variable(path.part(&(start..start + name.len() + 3)), name);
        }
    }

    pub(super) fn templates(&mut self, key: &str, value: &Value<'_>) -> Option<Vec<Written>> {
        let Some(list) = value.get_ref().as_array() else {
            self.wrong_type(key, value, "a list of texts", &format!("{key} = [\"...\"]"));
            return None;
        };
        Some(list.iter().filter_map(|entry| self.template(key, entry)).collect())
    }

    /// A table of templates, by name.
    pub(super) fn template_table(
        &mut self,
        key: &str,
        value: &'a Value<'a>,
    ) -> Option<IndexMap<String, (Span, Written)>> {
        let table = self.table(key, value)?;
        let read = |(name, value): (&Spanned<_>, &'a Value<'a>)| {
            let name: &Spanned<toml::de::DeString<'_>> = name;
            let written = self.template(name.get_ref(), value)?;
            Some((name.get_ref().to_string(), (name.span(), written)))
        };
        Some(table.iter().filter_map(read).collect())
    }

    pub(super) fn boolean(&mut self, key: &str, value: &Value<'_>) -> Option<bool> {
        let truth = value.get_ref().as_bool();
        if truth.is_none() {
            self.wrong_type(key, value, "`true` or `false`", "");
        }
        truth
    }

    /// A whole number in `range`.
    pub(super) fn whole(&mut self, key: &str, value: &Value<'_>, range: RangeInclusive<i64>) -> Option<i64> {
        let Some(integer) = value.get_ref().as_integer() else {
            self.wrong_type(
                key,
                value,
                "a whole number",
                &format!("{key} = {}", range.start().max(&3).min(range.end())),
            );
            return None;
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|n| range.contains(n));
        if number.is_none() {
            let (least, most) = range.into_inner();
            let help = if most >= i64::from(u32::MAX) {
                format!("it is {least} or more")
            } else {
                format!("it is {least} to {most}")
            };
            self.error(value.span(), format!("`{key}` is out of range"), help);
        }
        number
    }

    /// A whole number from `least` up.
    pub(super) fn count(&mut self, key: &str, value: &Value<'_>, least: u32) -> Option<u32> {
        let number = self.whole(key, value, i64::from(least)..=i64::from(u32::MAX))?;
        u32::try_from(number).ok()
    }

    /// A number for which `fits` holds; `range` says which those are.
    pub(super) fn number(
        &mut self,
        key: &str,
        value: &Value<'_>,
        range: &str,
        fits: impl Fn(f64) -> bool,
    ) -> Option<f64> {
        let Some(number) = as_number(value.get_ref()) else {
            self.wrong_type(key, value, "a number", "");
            return None;
        };
        if number.is_finite() && fits(number) {
            return Some(number);
        }
        self.error(value.span(), format!("`{key}` is out of range"), format!("it is {range}"));
        None
    }

    /// A length of time: a text with units, or a number of seconds.
    pub(super) fn duration(&mut self, key: &str, value: &Value<'_>) -> Option<Duration> {
        let read = match value.get_ref() {
            DeValue::String(text) => quantity::duration(text),
            other => match as_number(other) {
                Some(seconds) => quantity::from_seconds(seconds),
                None => {
                    self.wrong_type(key, value, "a length of time", &format!("{key} = \"90s\""));
                    return None;
                }
            },
        };
        self.quantity(key, value, read, "write it like \"1s\", \"250ms\" or \"1h30m\", or as a number of seconds")
    }

    /// A length of time that is not none at all.
    pub(super) fn limit(&mut self, key: &str, value: &Value<'_>) -> Option<Duration> {
        let limit = self.duration(key, value)?;
        if limit.is_zero() {
            self.error(value.span(), format!("`{key}` leaves no time at all"), "for no limit, leave it out".to_owned());
            return None;
        }
        Some(limit)
    }

    /// A size: a text with a unit, or a number of bytes.
    pub(super) fn size(&mut self, key: &str, value: &Value<'_>) -> Option<u64> {
        let read = match value.get_ref() {
            DeValue::String(text) => quantity::size(text),
            DeValue::Integer(_) => {
                return self.whole(key, value, 0..=i64::MAX).and_then(|bytes| u64::try_from(bytes).ok());
            }
            _ => {
                self.wrong_type(key, value, "a size", &format!("{key} = \"512MiB\""));
                return None;
            }
        };
        self.quantity(key, value, read, "write it like \"512MiB\" or \"2 GB\", or as a number of bytes")
    }

    fn quantity<T>(&mut self, key: &str, value: &Value<'_>, read: Result<T, String>, help: &str) -> Option<T> {
        read.map_err(|why| {
            let wrong = Diagnostic::error(format!("`{key}` cannot be read: {why}"));
            self.found.push(wrong.at(value.span()).help(help));
        })
        .ok()
    }

    /// One word of a few.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, value: &Value<'_>, words: &[(&str, T)]) -> Option<T> {
        let word = self.text(key, value)?;
        let chosen = words.iter().find(|(name, _)| *name == word.text).map(|(_, chosen)| *chosen);
        if chosen.is_none() {
            let help = suggest::help(&word.text, words.iter().map(|(name, _)| *name));
            self.error(word.span, format!("`{key}` cannot be `{}`", word.text), help);
        }
        chosen
    }
}

fn as_number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        #[expect(clippy::cast_precision_loss, reason = "no setting needs more than 2^53")]
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(|n| n as f64),
        _ => None,
    }
}

/// What a reader calls a value of this type.
pub(super) const fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
