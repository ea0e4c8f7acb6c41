//! Reads `[[step]]`.

use indexmap::IndexMap;
use toml::de::DeTable;

use super::read::{Reader, Value};
use super::{OutSpec, StepSpec, Text, Written};
use crate::pipeline::diagnostic::Diagnostic;
use crate::pipeline::plan::{DecodeCheck, OnOpen};
use crate::pipeline::template::is_name;
use crate::pipeline::words;

const STEP: &[&str] = &[
    "id",
    "run",
    "uses",
    "with",
    "each",
    "in",
    "match",
    "out",
    "after",
    "timeout",
    "idle_timeout",
    "grace",
    "retry",
    "optional",
    "on_open",
    "fallback",
    "verify",
    "env",
    "memory",
    "max_output",
    "sandbox",
    "times",
    "tool",
    "resources",
];

/// What placeholders call other things by.
const RESERVED: &[&str] = &["fault", "in", "item", "out", "piece", "pools", "resources", "run", "scratch"];

impl<'a> Reader<'a, '_> {
    pub(super) fn steps(&mut self, value: &'a Value<'a>, steps: &mut Vec<StepSpec<'a>>) {
        let Some(list) = value.get_ref().as_array() else {
            let help = "begin each step with a line `[[step]]`, in two pairs of brackets";
            self.error(value.span(), "`step` must be a list of tables", help.to_owned());
            return;
        };
        for entry in list.iter() {
            if let Some(table) = self.table("step", entry) {
                let step = self.step(entry.span(), table);
                steps.push(step);
            }
        }
    }

    fn step(&mut self, header: super::Span, table: &'a DeTable<'a>) -> StepSpec<'a> {
        self.known_keys(table, STEP, "a step");
        if !table.contains_key("id") {
            self.error(header.clone(), "this step has no `id`", "name it: id = \"convert\"".to_owned());
        }
        let mut step = StepSpec { header, ..StepSpec::default() };
        step.id = self.get(table, "id", Self::step_id);
        self.action(table, &mut step);
        step.each = self.get(table, "each", |r, k, v| r.text(k, v));
        step.input = self.get(table, "in", Self::step_input).unwrap_or_default();
        step.matches = self.get(table, "match", Self::step_matches);
        self.get(table, "out", |r, k, v| {
            let entries = v.get_ref().as_table().map(toml::de::DeTable::len);
            step.out = r.out(k, v).unwrap_or_default();
            step.out_broken = entries != Some(step.out.len());
            Some(())
        });
        step.after = self.get(table, "after", |r, k, v| r.texts(k, v)).unwrap_or_default();
        self.limits(table, &mut step);
        step.retry = self.get(table, "retry", Self::retry).unwrap_or_default();
        step.optional = self.get(table, "optional", |r, k, v| r.boolean(k, v)).unwrap_or_default();
        step.on_open = self.get(table, "on_open", |r, k, v| {
            let words = [
                ("park", OnOpen::Park),
                ("fallback", OnOpen::Fallback),
                ("skip", OnOpen::Skip),
                ("fail", OnOpen::Fail),
            ];
            Some((v.span(), r.choice(k, v, &words)?))
        });
        step.fallback_key = table.get_key_value("fallback").map(|(key, _)| key.span());
        step.fallback = self.get(table, "fallback", Self::template_table).unwrap_or_default();
        if let Some(table) = self.get(table, "verify", Self::table) {
            self.verify(table, &mut step);
        }
        step.env = self.get(table, "env", Self::env).unwrap_or_default();
        step.sandbox = self.get(table, "sandbox", |r, k, v| r.boolean(k, v));
        step.times = self.get(table, "times", |r, k, v| r.choice(k, v, &[("input", ())]).map(|()| v.span()));
        step.tool = self.get(table, "tool", Self::tool_name);
        step.resources = self.resource_names(table);
        step
    }

    fn step_id(&mut self, key: &str, value: &'a Value<'a>) -> Option<Text> {
        let id = self.text(key, value)?;
        if RESERVED.contains(&id.text.as_str()) {
            let message = format!("`{}` cannot be the id of a step: placeholders use the word", id.text);
            self.error(id.span.clone(), message, "give the step another name".to_owned());
        } else {
            self.name(&id, "the id of a step");
        }
        // Even a bad id: what refers to it is not wrong on top.
        Some(id)
    }

    fn name(&mut self, name: &Text, what: &str) -> bool {
        // A long name would not fit into the names of log files.
        if is_name(&name.text) && name.text.len() <= 64 {
            return true;
        }
        let message = format!("`{}` cannot be {what}", name.text.escape_debug());
        let help = "it holds letters, digits, `-` and `_`, begins with a letter or digit, and has at most 64 of them";
        self.error(name.span.clone(), message, help.to_owned());
        false
    }

    fn action(&mut self, table: &'a DeTable<'a>, step: &mut StepSpec<'a>) {
        let run = table.get_key_value("run");
        let uses = table.get_key_value("uses");
        step.with = table.get_key_value("with").and_then(|(key, value)| self.with(key.span(), value));
        match (run, uses) {
            (None, None) => {
                let help = "give it `run = [\"program\", \"argument\"]` or `uses = \"audio.convert\"`";
                self.error(step.place(), format!("{} does nothing", step.title()), help.to_owned());
            }
            (Some(_), Some((uses, _))) => {
                let message = format!("{} has both `run` and `uses`", step.title());
                self.error(
                    uses.span(),
                    message,
                    "a step runs a tool or a built-in step: make two steps of it".to_owned(),
                );
            }
            _ => {}
        }
        if let Some((key, value)) = run {
            step.run = self.run(value).map(|run| (key.span(), run));
            if let (None, Some(with)) = (uses, &step.with) {
                let message = "`with` belongs to `uses`: a tool is told by its arguments";
                self.error(with.key.clone(), message, "put the parameters into `run`".to_owned());
            }
        }
        step.uses = self.get(table, "uses", |r, k, v| r.text(k, v));
    }

    fn run(&mut self, value: &'a Value<'a>) -> Option<Vec<Written>> {
        if let Some(command) = value.get_ref().as_str() {
            let wrong = Diagnostic::error("`run` must be a list of arguments, not one text").at(value.span());
            let list =
                words::split(command).ok().filter(|words| !words.is_empty()).map(|words| words::toml_list(&words));
            let list = list.unwrap_or_else(|| "[\"program\", \"argument\"]".to_owned());
            let wrong = wrong.help(format!("write it as a list: run = {list}"));
            self.found.push(wrong.note("no shell runs it, so that no file name can be a command"));
            return None;
        }
        let run = self.templates("run", value)?;
        let program = value.get_ref().as_array().and_then(|list| list.first());
        if program.is_none_or(|program| program.get_ref().as_str() == Some("")) {
            self.error(
                value.span(),
                "`run` names no program",
                "run = [\"ffmpeg\", \"-i\", \"{in}\", \"{out}\"]".to_owned(),
            );
            return None;
        }
        Some(run)
    }

    fn step_input(&mut self, key: &str, value: &'a Value<'a>) -> Option<Vec<Written>> {
        if value.get_ref().is_array() {
            self.templates(key, value)
        } else {
            self.template(key, value).map(|one| vec![one])
        }
    }

    fn step_matches(&mut self, key: &str, value: &'a Value<'a>) -> Option<(super::Span, Vec<Text>)> {
        let patterns = self.texts(key, value)?;
        if value.get_ref().as_array().is_some_and(|list| list.is_empty()) {
            let help = "name the files it is for: match = [\"*.wav\"]; for all of them, leave it out";
            self.error(value.span(), "`match` names no file", help.to_owned());
        }
        self.name_patterns(&patterns);
        Some((value.span(), patterns))
    }

    fn out(&mut self, key: &str, value: &'a Value<'a>) -> Option<IndexMap<String, OutSpec>> {
        if value.get_ref().is_str() {
            let help = "name it: out = { file = \"{item.stem}.wav\" }; then `{out.file}` is its path";
            self.error(value.span(), "`out` must be a table of named files, not a text", help.to_owned());
            return None;
        }
        let table = self.table(key, value)?;
        let mut out = IndexMap::new();
        for (name, value) in table {
            let text = Text::new(self.text, name.get_ref(), name.span());
            if !self.name(&text, "the name of an output") {
                continue;
            }
            if let Some((from, to)) = self.out_place(&text.text, value) {
                out.insert(text.text, OutSpec { key: text.span, from, to });
            }
        }
        Some(out)
    }

    fn out_place(&mut self, name: &str, value: &'a Value<'a>) -> Option<(Written, Option<Written>)> {
        let Some(table) = value.get_ref().as_table() else {
            if !value.get_ref().is_str() {
                let message = format!(
                    "output `{name}` must be a text or a table, not {}",
                    super::read::type_name(value.get_ref())
                );
                let help =
                    format!("{name} = \"{{item.stem}}.wav\", or {name} = {{ from = \"*.wav\", to = \"{name}.wav\" }}");
                self.error(value.span(), message, help);
                return None;
            }
            return self.template(name, value).map(|from| (from, None));
        };
        self.known_keys(table, &["from", "to"], "an output");
        let to = self.get(table, "to", |r, k, v| r.template(k, v));
        if !table.contains_key("from") {
            let message = format!("output `{name}` does not say which file it is");
            self.error(value.span(), message, "add `from`: the file's name below the scratch folder".to_owned());
        }
        Some((self.get(table, "from", |r, k, v| r.template(k, v))?, to))
    }

    fn limits(&mut self, table: &'a DeTable<'a>, step: &mut StepSpec<'a>) {
        step.timeout = self.get(table, "timeout", |r, k, v| r.limit(k, v));
        step.idle_timeout = self.get(table, "idle_timeout", |r, k, v| r.limit(k, v));
        step.grace = self.get(table, "grace", |r, k, v| r.duration(k, v));
        step.memory = self.get(table, "memory", Self::some_bytes);
        step.max_output = self.get(table, "max_output", Self::some_bytes);
    }

    fn some_bytes(&mut self, key: &str, value: &'a Value<'a>) -> Option<u64> {
        let bytes = self.size(key, value)?;
        if bytes == 0 {
            self.error(
                value.span(),
                format!("`{key}` leaves nothing at all"),
                "leave it out for the default".to_owned(),
            );
            return None;
        }
        Some(bytes)
    }

    fn verify(&mut self, table: &'a DeTable<'a>, step: &mut StepSpec<'a>) {
        self.known_keys(table, &["nonempty", "decodes", "min_bytes"], "`verify`");
        step.verify_nonempty = self.get(table, "nonempty", |r, k, v| r.boolean(k, v));
        step.verify_min_bytes = self.get(table, "min_bytes", |r, k, v| r.size(k, v));
        let decodes = self.get(table, "decodes", |r, k, v| r.boolean(k, v));
        step.verify_decode = decodes.map(|all| if all { DecodeCheck::Full } else { DecodeCheck::Off });
    }

    fn env(&mut self, key: &str, value: &'a Value<'a>) -> Option<IndexMap<String, Written>> {
        let read = self.template_table(key, value)?;
        let mut env = IndexMap::new();
        for (name, (span, written)) in read {
            if name.is_empty() || name.contains(['=', '\0']) {
                let message = format!("`{}` cannot be the name of a variable", name.escape_debug());
                self.error(span, message, None);
            }
            env.insert(name, written);
        }
        Some(env)
    }

    fn tool_name(&mut self, key: &str, value: &'a Value<'a>) -> Option<Text> {
        let tool = self.text(key, value)?;
        if tool.text.is_empty() || tool.text.contains('/') {
            let message = format!("`{}` is no name of a tool", tool.text);
            self.error(tool.span, message, "write the program's name without its folder: tool = \"ffmpeg\"".to_owned());
            return None;
        }
        Some(tool)
    }
}
