//! Reads `[resources.NAME]`, and the names of resources that steps and hooks work with.

use indexmap::IndexMap;
use serde_json::Value as Json;
use toml::de::DeTable;

use super::read::{Reader, Value};
use super::{ResourceSection, Span, Text, WithSpec};
use crate::pipeline::diagnostic::Diagnostic;
use crate::pipeline::secrets;
use crate::pipeline::template::is_name;
use crate::resources::PoolSettings;
use crate::resources::settings::ResourceKind;

/// What is of every resource, whatever its kind.
const COMMON: [&str; 2] = ["kind", "pool"];

const POOL: &[&str] = &[
    "profile",
    "min_size",
    "max_size",
    "max_idle_time",
    "idle_timeout",
    "acquire_timeout",
    "validation_interval",
    "max_lifetime",
    "leak_threshold",
];

impl<'a> Reader<'a, '_> {
    /// `[resources]`, by name.
    pub(super) fn resources(&mut self, table: &'a DeTable<'a>) -> IndexMap<String, ResourceSection<'a>> {
        let mut resources = IndexMap::new();
        for (name, value) in table {
            let (text, span) = (name.get_ref().to_string(), name.span());
            if !is_name(&text) || text.len() > 64 {
                let message = format!("`{}` cannot be the name of a resource", text.escape_debug());
                let help = "it holds letters, digits, `-` and `_`, begins with a letter or digit, and has at most 64";
                self.error(span.clone(), message, help.to_owned());
            }
            let resource = match self.table(&text, value) {
                Some(table) => self.resource(&text, span, value, table),
                // Even one that cannot be read: what refers to it is not wrong on top.
                None => ResourceSection {
                    key: span,
                    kind: None,
                    pool: PoolSettings::default(),
                    is_read: false,
                    settings: None,
                },
            };
            resources.insert(text, resource);
        }
        resources
    }

    fn resource(&mut self, name: &str, key: Span, tree: &'a Value<'a>, table: &'a DeTable<'a>) -> ResourceSection<'a> {
        let kinds = ResourceKind::ALL.map(|kind| (kind.word(), kind));
        let kind = self.get(table, "kind", |r, k, v| r.choice(k, v, &kinds));
        if !table.contains_key("kind") {
            let help = format!("kind = {}", kinds.map(|(word, _)| format!("\"{word}\"")).join(", "));
            self.error(key.clone(), "this resource does not say what it is", help);
        }
        let default = kind.map_or_else(PoolSettings::default, ResourceKind::pool);
        let pool = self.get(table, "pool", |r, k, v| r.handles(k, v, default)).unwrap_or(default);
        let mut value = self.json(name, tree, &mut |reader, key, value, text| {
            let text = Text::new(reader.text, text, value.span());
            // The key of an account, where other kinds have keys of data.
            let key = if kind == Some(ResourceKind::Http) && key == "key" { "api_key" } else { key };
            reader.setting(name, key, &text);
        });
        if let Json::Object(settings) = &mut value {
            COMMON.iter().for_each(|key| drop(settings.shift_remove(*key)));
        }
        let settings = WithSpec { key: key.clone(), value, texts: Vec::new(), tree };
        ResourceSection { key, kind, pool, is_read: false, settings: Some(settings) }
    }

    /// A text among the settings of the resource `of`.
    fn setting(&mut self, of: &str, key: &str, text: &Text) {
        for slip in secrets::slips(&text.text) {
            self.error(text.part(&slip.part), slip.message, slip.help);
        }
        if let Some(part) = secrets::literal(key, &text.text) {
            let name = secrets::variable_for(of, key);
            self.secret(text, &part, format!("write `${{{name}}}` in its place, and set it in the environment"));
        }
    }

    /// A secret that anybody who gets the file can read.
    pub(super) fn secret(&mut self, text: &Text, part: &Span, help: String) {
        let span = text.part(part);
        self.found.hide(span.clone());
        self.found.push(Diagnostic::warning("this secret stands in the file").at(span).help(help));
    }

    /// `pool`: what it does not say is as in `default`, or in the profile that it names.
    fn handles(&mut self, key: &str, value: &'a Value<'a>, default: PoolSettings) -> Option<PoolSettings> {
        let table = self.table(key, value)?;
        self.known_keys(table, POOL, "`pool`");
        let profiles = [("high", PoolSettings::high()), ("low", PoolSettings::low())];
        let mut pool = self.get(table, "profile", |r, k, v| r.choice(k, v, &profiles)).unwrap_or(default);
        let least = self.get(table, "min_size", |r, k, v| r.count(k, v, 0));
        let most = self.get(table, "max_size", |r, k, v| r.count(k, v, 1));
        pool.max_size = most.unwrap_or(pool.max_size);
        match (least, table.get("min_size")) {
            (Some(least), Some(value)) if least > pool.max_size => {
                let of = if most.is_some() { "" } else { ", where nothing is said" };
                let message = format!("`min_size` is more than `max_size`, which is {}{of}", pool.max_size);
                self.error(value.span(), message, format!("it is 0 to {}", pool.max_size));
            }
            _ => pool.min_size = least.unwrap_or(pool.min_size).min(pool.max_size),
        }
        if let (true, Some((key, _))) = (table.contains_key("max_idle_time"), table.get_key_value("idle_timeout")) {
            let message = "`idle_timeout` is another name of `max_idle_time`, which is here too";
            self.error(key.span(), message, "leave one of them out".to_owned());
        }
        for key in ["max_idle_time", "idle_timeout"] {
            pool.max_idle_time = self.get(table, key, |r, k, v| r.duration(k, v)).unwrap_or(pool.max_idle_time);
        }
        let time = |r: &mut Self, key: &str, default| r.get(table, key, |r, k, v| r.duration(k, v)).unwrap_or(default);
        pool.acquire_timeout = time(self, "acquire_timeout", pool.acquire_timeout);
        pool.validation_interval = time(self, "validation_interval", pool.validation_interval);
        pool.max_lifetime = self.get(table, "max_lifetime", |r, k, v| r.limit(k, v)).unwrap_or(pool.max_lifetime);
        pool.leak_threshold = self.get(table, "leak_threshold", |r, k, v| r.limit(k, v)).or(pool.leak_threshold);
        Some(pool)
    }

    /// `resources` of a step or a hook: the key, and the names.
    pub(super) fn resource_names(&mut self, table: &'a DeTable<'a>) -> Option<(Span, Vec<Text>)> {
        let (key, value) = table.get_key_value("resources")?;
        let names = self.texts("resources", value)?;
        for (at, name) in names.iter().enumerate() {
            if names[..at].iter().any(|other| other.text == name.text) {
                let message = format!("the resource `{}` is named twice", name.text.escape_debug());
                self.error(name.span.clone(), message, "once is enough".to_owned());
            }
        }
        Some((key.span(), names))
    }
}
