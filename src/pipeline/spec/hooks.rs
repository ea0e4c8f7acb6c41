//! Reads `[[hooks.on_done]]` and `[[hooks.on_fail]]`.

use toml::de::DeTable;

use super::read::{Reader, Value};
use super::{HookSpec, Span};
use crate::pipeline::hooks::HookOn;

impl<'a> Reader<'a, '_> {
    /// `[hooks]`, in the order of the file, those for success first.
    pub(super) fn hooks(&mut self, table: &'a DeTable<'a>) -> Vec<HookSpec<'a>> {
        self.known_keys(table, &["on_done", "on_fail"], "`[hooks]`");
        let mut hooks = Vec::new();
        for (key, item, batch) in
            [("on_done", HookOn::ItemDone, HookOn::BatchDone), ("on_fail", HookOn::ItemFailed, HookOn::BatchFailed)]
        {
            let Some(value) = table.get(key) else { continue };
            let Some(list) = value.get_ref().as_array() else {
                let help = format!("begin each hook with a line `[[hooks.{key}]]`, in two pairs of brackets");
                self.error(value.span(), format!("`{key}` must be a list of tables"), help);
                continue;
            };
            for entry in list.iter() {
                if let Some(table) = self.table(key, entry) {
                    let hook = self.hook(entry.span(), table, (item, batch));
                    hooks.push(hook);
                }
            }
        }
        hooks
    }

    fn hook(&mut self, header: Span, table: &'a DeTable<'a>, (item, batch): (HookOn, HookOn)) -> HookSpec<'a> {
        self.known_keys(table, &["for", "uses", "resources", "with"], "a hook");
        let of = |r: &mut Self, k: &str, v: &'a Value<'a>| r.choice(k, v, &[("item", item), ("batch", batch)]);
        let on = self.get(table, "for", of).unwrap_or(item);
        let uses = self.get(table, "uses", |r, k, v| r.text(k, v));
        if !table.contains_key("uses") {
            let help = "give it a step that works with a resource: uses = \"webhook\"";
            self.error(header, "this hook does nothing", help.to_owned());
        }
        let resources = self.resource_names(table);
        let with = table.get_key_value("with").and_then(|(key, value)| self.with(key.span(), value));
        HookSpec { on, uses, resources, with }
    }
}
