//! Reads the configuration key by key and notes what is wrong.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Config, GlyphChoice, Images, Notify};
use crate::pipeline::diagnostic::{Diagnostic, Diagnostics};
use crate::pipeline::suggest;
use crate::resilience::safe_text::safe_line;
use crate::tui::keys::KeyChord;
use crate::tui::theme::{Role, Theme, parse_style};

type Value<'a> = Spanned<DeValue<'a>>;

/// The keys at the top.
const KEYS: &[&str] = &["theme", "glyphs", "mouse", "notify", "frames_per_second", "images", "keys", "theme_colors"];

pub(super) fn read(name: &str, text: &str, actions: &[&str]) -> (Config, Vec<String>) {
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { found: Diagnostics::new(name, text), actions, config: Config::default() };
    for error in &errors {
        let mut wrong = Diagnostic::error(error.message());
        wrong.span = error.span();
        reader.found.push(wrong);
    }
    // After a slip in brackets or quotes, keys stand in tables where nobody wrote them.
    if errors.iter().all(|error| error.message() == "duplicate key") {
        reader.root(root.get_ref());
    }
    let warnings = reader.found.iter().map(|finding| line(&reader.found, finding)).collect();
    (reader.config, warnings)
}

/// A finding in one line: `tui.toml:3:9: message (help)`.
fn line(found: &Diagnostics, finding: &Diagnostic) -> String {
    let mut line = found.file().to_owned();
    if let Some(span) = &finding.span {
        let place = found.place(span.start);
        line += &format!(":{}:{}", place.line, place.column);
    }
    line += &format!(": {}", finding.message);
    for help in &finding.help {
        line += &format!("; {help}");
    }
    safe_line(&line).into_owned()
}

struct Reader<'a> {
    found: Diagnostics,
    actions: &'a [&'a str],
    config: Config,
}

impl Reader<'_> {
    fn root(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            match name {
                "theme" => self.config.theme = self.choice(name, value, &named(Theme::NAMES)).map(str::to_owned),
                "glyphs" => {
                    let all =
                        [("auto", GlyphChoice::Auto), ("unicode", GlyphChoice::Unicode), ("ascii", GlyphChoice::Ascii)];
                    self.config.glyphs = self.choice(name, value, &all).unwrap_or_default();
                }
                "notify" => {
                    let all = [("off", Notify::Off), ("bell", Notify::Bell), ("desktop", Notify::Desktop)];
                    self.config.notify = self.choice(name, value, &all).unwrap_or_default();
                }
                "images" => {
                    let all = [("auto", Images::Auto), ("off", Images::Off)];
                    self.config.images = self.choice(name, value, &all).unwrap_or_default();
                }
                "mouse" => match value.get_ref().as_bool() {
                    Some(mouse) => self.config.mouse = mouse,
                    None => self.wrong_type(name, value, "`true` or `false`"),
                },
                "frames_per_second" => self.frames_per_second(value),
                "keys" => self.table(name, value, Self::key),
                "theme_colors" => self.table(name, value, Self::color),
                _ => self.unknown("key", name, key.span(), KEYS),
            }
        }
    }

    fn frames_per_second(&mut self, value: &Value<'_>) {
        let number = value.get_ref().as_integer().map(|number| {
            u32::from_str_radix(number.as_str(), number.radix()).ok().filter(|number| (1..=60).contains(number))
        });
        match number {
            None => self.wrong_type("frames_per_second", value, "a number from 1 to 60"),
            Some(None) => self.push(value.span(), "`frames_per_second` is out of range".into(), "it is 1 to 60".into()),
            Some(Some(number)) => self.config.frames_per_second = number,
        }
    }

    /// Reads each entry of the table `name`.
    fn table(&mut self, name: &str, value: &Value<'_>, entry: fn(&mut Self, &str, Range<usize>, &Value<'_>)) {
        let Some(table) = value.get_ref().as_table() else {
            return self.wrong_type(name, value, &format!("a table: `[{name}]`"));
        };
        for (key, value) in table {
            entry(self, key.get_ref(), key.span(), value);
        }
    }

    fn key(&mut self, action: &str, place: Range<usize>, value: &Value<'_>) {
        if !self.actions.contains(&action) {
            return self.unknown("action", action, place, self.actions);
        }
        let one = std::slice::from_ref(value);
        let written: &[Value<'_>] = match value.get_ref() {
            DeValue::String(_) => one,
            DeValue::Array(list) => list,
            _ => return self.wrong_type(action, value, "a key as \"ctrl-r\", or a list of keys"),
        };
        let mut chords: Vec<KeyChord> = Vec::new();
        let mut whole = true;
        for key in written {
            match key.get_ref().as_str().map(str::parse) {
                Some(Ok(chord)) if chords.contains(&chord) => {}
                Some(Ok(chord)) => chords.push(chord),
                Some(Err(error)) => {
                    whole = false;
                    self.push(key.span(), error.message, error.help.unwrap_or_default());
                }
                None => {
                    whole = false;
                    self.wrong_type(action, key, "a key as \"ctrl-r\"");
                }
            }
        }
        // With a slip in all of its keys, an action keeps those it always has: it is not unbound by mistake.
        if whole || !chords.is_empty() {
            self.config.keys.insert(action.to_owned(), chords);
        }
    }

    fn color(&mut self, name: &str, place: Range<usize>, value: &Value<'_>) {
        let Some(role) = Role::named(name) else {
            let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
            return self.unknown("role", name, place, &names);
        };
        match value.get_ref().as_str().map(parse_style) {
            Some(Ok(style)) => self.config.theme_colors.push((role, style)),
            Some(Err(error)) => self.push(value.span(), error.message, error.help.unwrap_or_default()),
            None => self.wrong_type(name, value, "a look as \"bold red\" or \"#ff8800\""),
        }
    }

    fn choice<T: Copy>(&mut self, key: &str, value: &Value<'_>, all: &[(&str, T)]) -> Option<T> {
        let names = all.iter().map(|(name, _)| *name);
        let Some(text) = value.get_ref().as_str() else {
            let names: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
            self.wrong_type(key, value, &names.join(" or "));
            return None;
        };
        let found = all.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let help = suggest::help(text, names).unwrap_or_default();
            self.push(value.span(), format!("`{key}` cannot be `{text}`"), help);
        }
        found
    }

    fn unknown(&mut self, what: &str, name: &str, place: Range<usize>, known: &[&str]) {
        let help = suggest::help(name, known.iter().copied()).unwrap_or_default();
        self.push(place, format!("there is no {what} `{name}`"), help);
    }

    fn wrong_type(&mut self, key: &str, value: &Value<'_>, wanted: &str) {
        let is = value.get_ref().type_str();
        self.push(value.span(), format!("`{key}` is of the wrong type ({is})"), format!("it is {wanted}"));
    }

    fn push(&mut self, place: Range<usize>, message: String, help: String) {
        self.found.push(Diagnostic::error(message).at(place).maybe_help(Some(help).filter(|help| !help.is_empty())));
    }
}

/// Names that stand for themselves.
fn named<'a>(names: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    names.iter().map(|name| (*name, *name)).collect()
}
