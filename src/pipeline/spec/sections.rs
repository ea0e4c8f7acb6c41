//! Reads everything of a pipeline that is not a step.

use indexmap::IndexMap;
use toml::de::DeTable;

use super::read::{Reader, Value};
use super::{BreakerSection, RetrySection, Span, Spec, Text, ToolSection};
use crate::pipeline::diagnostic::Diagnostic;
use crate::pipeline::plan::{Durability, FaultRule};
use crate::resilience::FaultClass;

const TOP: &[&str] = &[
    "name",
    "description",
    "give_up_after",
    "durability",
    "input",
    "generate",
    "output",
    "health",
    "tools",
    "pools",
    "resources",
    "hooks",
    "retry",
    "breakers",
    "step",
];

/// The classes that a tool's failure can be told as; the others are not the tool's to say.
const CLASSES: &[(&str, FaultClass)] = &[
    ("input", FaultClass::Input),
    ("transient", FaultClass::Transient),
    ("dependency", FaultClass::Dependency),
    ("environment", FaultClass::Environment),
    ("asset", FaultClass::Asset),
];

impl<'a> Reader<'a, '_> {
    /// Reads a whole file.
    pub(super) fn pipeline(&mut self, root: &'a DeTable<'a>, spec: &mut Spec<'a>) {
        self.known_keys(root, TOP, "a pipeline");
        spec.name = self.get(root, "name", Self::pipeline_name);
        spec.description = self.get(root, "description", |r, k, v| r.text(k, v));
        spec.give_up_after = self.get(root, "give_up_after", |r, k, v| r.count(k, v, 0));
        spec.durability = self.get(root, "durability", |r, k, v| {
            r.choice(k, v, &[("process", Durability::Process), ("power", Durability::Power)])
        });
        spec.input_key = root.get_key_value("input").map(|(key, _)| key.span());
        if let Some(table) = self.get(root, "generate", Self::table) {
            let key = root.get_key_value("generate").map(|(key, _)| key.span()).unwrap_or_default();
            spec.generate = Some(self.generate(table, key));
        }
        if let Some(table) = self.get(root, "input", Self::table) {
            self.input(table, spec);
        }
        if let Some(table) = self.get(root, "output", Self::table) {
            self.known_keys(table, &["dir"], "`[output]`");
            spec.output = self.get(table, "dir", |r, k, v| r.template(k, v));
            if let Some(dir) = &spec.output {
                self.no_shell(&dir.text);
            }
        }
        if let Some(table) = self.get(root, "health", Self::table) {
            self.tools(table, &mut spec.tools, Self::health);
        }
        if let Some(table) = self.get(root, "tools", Self::table) {
            self.tools(table, &mut spec.tools, Self::tool);
        }
        if let Some(table) = self.get(root, "pools", Self::table) {
            spec.pools = self.pools(table);
        }
        if let Some(table) = self.get(root, "resources", Self::table) {
            spec.resources = self.resources(table);
        }
        if let Some(table) = self.get(root, "hooks", Self::table) {
            spec.hooks = self.hooks(table);
        }
        spec.retry = self.get(root, "retry", Self::retry).unwrap_or_default();
        if let Some(table) = self.get(root, "breakers", Self::table) {
            for (name, value) in table {
                if let Some(table) = self.table(name.get_ref(), value) {
                    let section = self.breaker(name.span(), table);
                    spec.breakers.insert(name.get_ref().to_string(), section);
                }
            }
        }
        self.get(root, "step", |r, _, value| {
            r.steps(value, &mut spec.steps);
            Some(())
        });
    }

    /// A name that can be a folder's.
    fn pipeline_name(&mut self, key: &str, value: &'a Value<'a>) -> Option<Text> {
        let name = self.text(key, value)?;
        if is_pipeline_name(&name.text) {
            return Some(name);
        }
        self.error(
            name.span,
            format!("`{}` cannot be the name of a pipeline", name.text.escape_debug()),
            "it names a folder: letters, digits, `.`, `_` and `-`, not beginning with a dot or a dash".to_owned(),
        );
        None
    }

    fn input(&mut self, table: &'a DeTable<'a>, spec: &mut Spec<'a>) {
        self.known_keys(table, &["paths", "match", "recursive"], "`[input]`");
        spec.paths = self.get(table, "paths", |r, k, v| r.texts(k, v)).unwrap_or_default();
        spec.matches = self.get(table, "match", |r, k, v| r.texts(k, v)).unwrap_or_default();
        spec.recursive = self.get(table, "recursive", |r, k, v| r.boolean(k, v));
        for path in &spec.paths {
            if path.text.is_empty() {
                self.error(path.span.clone(), "this path is empty", "the folder you are in is \".\"".to_owned());
            }
            self.no_shell(path);
        }
        self.name_patterns(&spec.matches);
    }

    /// Patterns of file names, of `[input]` or of a step.
    pub(super) fn name_patterns(&mut self, patterns: &[Text]) {
        for pattern in patterns {
            if let Err(error) = globset::Glob::new(&pattern.text) {
                let message = format!("`{}` is no pattern: {}", pattern.text, error.kind());
                self.error(pattern.span.clone(), message, "for example: match = [\"*.wav\", \"*.flac\"]".to_owned());
            } else if pattern.text.contains('/') {
                let wrong = Diagnostic::warning(format!("`{}` matches no file name", pattern.text));
                let wrong = wrong.at(pattern.span.clone()).label("file names hold no `/`");
                self.found.push(wrong.help("`match` sees names only; name the folder in `paths`"));
            }
        }
    }

    /// One section of tools by name, each read by `read`.
    fn tools(
        &mut self,
        table: &'a DeTable<'a>,
        tools: &mut IndexMap<String, ToolSection>,
        read: impl Fn(&mut Self, &'a DeTable<'a>, &mut ToolSection),
    ) {
        for (name, value) in table {
            let section = tools.entry(name.get_ref().to_string()).or_default();
            section.keys.push(name.span());
            if let Some(table) = self.table(name.get_ref(), value) {
                read(self, table, section);
            }
        }
    }

    fn health(&mut self, table: &'a DeTable<'a>, section: &mut ToolSection) {
        let tool = &mut section.tool;
        self.known_keys(table, &["required", "probe", "version", "least", "hint"], "`[health]`");
        tool.required = self.get(table, "required", |r, k, v| r.boolean(k, v));
        tool.probe = self.get(table, "probe", Self::command);
        tool.version = self.get(table, "version", Self::version_pattern);
        tool.least = self.get(table, "least", Self::version_number);
        tool.hint = self.get(table, "hint", |r, k, v| r.text(k, v)).map(|hint| hint.text);
    }

    fn version_pattern(&mut self, key: &str, value: &'a Value<'a>) -> Option<String> {
        let pattern = self.text(key, value)?;
        if pattern.text.matches("{version}").count() != 1 {
            let message = format!("`{key}` must hold `{{version}}` once");
            self.error(pattern.span, message, "for example: version = \"ffmpeg version {version}\"".to_owned());
            return None;
        }
        Some(pattern.text)
    }

    fn version_number(&mut self, key: &str, value: &'a Value<'a>) -> Option<String> {
        let version = self.text(key, value)?;
        if !version.text.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit())) {
            let message = format!("`{}` is no version", version.text);
            self.error(version.span, message, "write numbers and dots: least = \"5.0\"".to_owned());
            return None;
        }
        Some(version.text)
    }

    fn tool(&mut self, table: &'a DeTable<'a>, section: &mut ToolSection) {
        self.known_keys(table, &["canary", "faults"], "`[tools]`");
        section.tool.canary = self.get(table, "canary", Self::command);
        let blamed = &mut section.blamed;
        section.tool.faults = self.get(table, "faults", |r, k, v| r.faults(k, v, blamed)).unwrap_or_default();
    }

    fn faults(&mut self, key: &str, value: &'a Value<'a>, blamed: &mut Vec<Text>) -> Option<Vec<FaultRule>> {
        let Some(list) = value.get_ref().as_array() else {
            let help = "for example: faults = [{ exit = 1, output = \"invalid data\", class = \"input\" }]";
            self.error(value.span(), format!("`{key}` must be a list of tables"), help.to_owned());
            return None;
        };
        Some(list.iter().filter_map(|row| self.fault(key, row, blamed)).collect())
    }

    fn fault(&mut self, key: &str, row: &'a Value<'a>, blamed: &mut Vec<Text>) -> Option<FaultRule> {
        let table = self.table(key, row)?;
        self.known_keys(table, &["exit", "output", "class", "pool", "message"], "`faults`");
        let exit = self.get(table, "exit", |r, k, v| r.whole(k, v, 0..=255));
        let output = self.get(table, "output", |r, k, v| r.text(k, v)).map(|output| output.text);
        let class = self.get(table, "class", |r, k, v| r.choice(k, v, CLASSES));
        let message = self.get(table, "message", |r, k, v| r.text(k, v)).map(|message| message.text);
        let pool = self.get(table, "pool", |r, k, v| r.text(k, v));
        blamed.extend(pool.clone());
        match (class, table.get_key_value("pool")) {
            (Some(FaultClass::Asset), None) => {
                let help = "say which pool gave what is to blame: pool = \"fonts\"";
                self.error(row.span(), "this row blames an asset, and not of which pool", help.to_owned());
            }
            (Some(class), Some((key, _))) if class != FaultClass::Asset => {
                self.error(key.span(), "`pool` is for rows that blame an asset", "class = \"asset\"".to_owned());
            }
            _ => {}
        }
        if !table.contains_key("exit") && !table.contains_key("output") {
            self.error(row.span(), "this row matches every failure", "give it `exit`, `output` or both".to_owned());
        }
        if !table.contains_key("class") {
            let help = "class = \"input\", \"transient\", \"dependency\", \"environment\" or \"asset\"";
            self.error(row.span(), "this row has no `class`", help.to_owned());
        }
        let (exit, pool) = (exit.and_then(|code| i32::try_from(code).ok()), pool.map(|pool| pool.text));
        Some(FaultRule { exit, output, class: class?, pool, message })
    }

    /// A `retry` table, of the pipeline or of a step.
    pub(super) fn retry(&mut self, key: &str, value: &'a Value<'a>) -> Option<RetrySection> {
        let table = self.table(key, value)?;
        let known = ["max_retries", "base_delay", "max_delay", "exponential_base", "jitter"];
        self.known_keys(table, &known, "`retry`");
        Some(RetrySection {
            max_retries: self.get(table, "max_retries", |r, k, v| r.count(k, v, 0)),
            base_delay: self.get(table, "base_delay", |r, k, v| r.duration(k, v)),
            max_delay: self.get(table, "max_delay", |r, k, v| r.duration(k, v)),
            exponential_base: self
                .get(table, "exponential_base", |r, k, v| r.number(k, v, "1 or more, for example 2.0", |n| n >= 1.0)),
            jitter: self.get(table, "jitter", |r, k, v| {
                r.number(k, v, "0 to 1: a share of the delay", |n| (0.0..=1.0).contains(&n))
            }),
        })
    }

    fn breaker(&mut self, key: Span, table: &'a DeTable<'a>) -> BreakerSection {
        self.known_keys(table, &["failure_threshold", "recovery_timeout", "success_threshold"], "`[breakers]`");
        BreakerSection {
            key,
            failure_threshold: self.get(table, "failure_threshold", |r, k, v| r.count(k, v, 1)),
            recovery_timeout: self.get(table, "recovery_timeout", |r, k, v| r.duration(k, v)),
            success_threshold: self.get(table, "success_threshold", |r, k, v| r.count(k, v, 1)),
        }
    }
}

/// Whether `name` can name a pipeline, and its folder.
pub(in crate::pipeline) fn is_pipeline_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && !name.starts_with(['.', '-'])
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}
