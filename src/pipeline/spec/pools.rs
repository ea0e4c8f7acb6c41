//! Reads `[pools.NAME]`.

use indexmap::IndexMap;
use toml::de::DeTable;

use super::generate::LARGEST_SHARE;
use super::read::{Reader, Value};
use super::{PoolSection, Span, Text};
use crate::pipeline::pools::PoolKind;
use crate::pipeline::template::is_name;

const POOL: &[&str] = &[
    "kind",
    "dirs",
    "dir_weights",
    "match",
    "covers",
    "start",
    "success",
    "failure",
    "most",
    "threshold",
    "probation",
    "persist",
    "decay",
];

/// No score needs more.
const FARTHEST: i64 = 1_000_000;

impl<'a> Reader<'a, '_> {
    /// `[pools]`, by name.
    pub(super) fn pools(&mut self, table: &'a DeTable<'a>) -> IndexMap<String, PoolSection> {
        let mut pools = IndexMap::new();
        for (name, value) in table {
            let (text, span) = (name.get_ref().to_string(), name.span());
            if !is_name(&text) || text.len() > 64 {
                let message = format!("`{}` cannot be the name of a pool", text.escape_debug());
                let help = "it holds letters, digits, `-` and `_`, and begins with a letter or digit";
                self.error(span.clone(), message, help.to_owned());
            }
            if let Some(table) = self.table(&text, value) {
                let pool = self.pool(span, table);
                pools.insert(text, pool);
            }
        }
        pools
    }

    fn pool(&mut self, key: Span, table: &'a DeTable<'a>) -> PoolSection {
        self.known_keys(table, POOL, "a pool");
        let kinds = [PoolKind::Fonts, PoolKind::Images, PoolKind::Files].map(|kind| (kind.word(), kind));
        let mut pool = PoolSection { key, ..PoolSection::default() };
        pool.kind = self.get(table, "kind", |r, k, v| r.choice(k, v, &kinds));
        if !table.contains_key("kind") {
            let help = "kind = \"fonts\", \"images\" or \"files\"";
            self.error(pool.key.clone(), "this pool does not say what it holds", help.to_owned());
        }
        pool.dirs = self.get(table, "dirs", |r, k, v| r.texts(k, v)).unwrap_or_default();
        pool.weights = self.get(table, "dir_weights", Self::dir_weights).unwrap_or_default();
        for dir in pool.dirs.iter().chain(pool.weights.iter().map(|(dir, _)| dir)) {
            self.pool_dir(dir);
        }
        match (table.contains_key("dirs"), table.get_key_value("dir_weights")) {
            (true, Some((key, _))) => {
                let help = "a folder's share of the draws stands in `dir_weights`, which takes the place of `dirs`";
                self.error(key.span(), "this pool has both `dirs` and `dir_weights`", help.to_owned());
            }
            (false, None) => {
                let help = "dirs = [\"fonts\"]: folders, files and globs";
                self.error(pool.key.clone(), "this pool does not say where its files are", help.to_owned());
            }
            _ => {}
        }
        if let Some((key, value)) = table.get_key_value("dirs").filter(|_| pool.dirs.is_empty())
            && value.get_ref().as_array().is_some_and(|list| list.is_empty())
        {
            self.error(key.span(), "`dirs` names no folder", "for example: dirs = [\"fonts\"]".to_owned());
        }
        pool.matches = self.get(table, "match", |r, k, v| r.texts(k, v)).unwrap_or_default();
        self.name_patterns(&pool.matches);
        pool.covers =
            table.get_key_value("covers").and_then(|(key, value)| Some((key.span(), self.template("covers", value)?)));
        self.scores(table, &mut pool);
        pool.probation = self.get(table, "probation", |r, k, v| r.count(k, v, 1));
        pool.persist = self.get(table, "persist", |r, k, v| r.boolean(k, v)).unwrap_or_default();
        pool.decay = self.get(table, "decay", |r, k, v| r.limit(k, v));
        if let Some((key, _)) = table.get_key_value("decay").filter(|_| !pool.persist) {
            self.error(
                key.span(),
                "`decay` has no effect on scores that are not kept",
                "add: persist = true".to_owned(),
            );
        }
        pool
    }

    fn scores(&mut self, table: &'a DeTable<'a>, pool: &mut PoolSection) {
        let scoring = &mut pool.scoring;
        for (key, least, place) in [
            ("start", -FARTHEST, &mut scoring.start),
            ("success", 0, &mut scoring.success),
            ("failure", 0, &mut scoring.failure),
            ("most", -FARTHEST, &mut scoring.most),
            ("threshold", -FARTHEST, &mut scoring.threshold),
        ] {
            if let Some(number) = self.get(table, key, |r, k, v| r.whole(k, v, least..=FARTHEST)) {
                *place = i32::try_from(number).unwrap_or(*place);
            }
        }
        let scoring = pool.scoring;
        if scoring.start < scoring.threshold || scoring.most < scoring.start {
            let message = format!(
                "the scores of this pool do not fit: threshold {}, start {}, most {}",
                scoring.threshold, scoring.start, scoring.most
            );
            let help = "`threshold` is no more than `start`, and that no more than `most`";
            self.error(pool.key.clone(), message, help.to_owned());
        }
    }

    fn dir_weights(&mut self, key: &str, value: &'a Value<'a>) -> Option<Vec<(Text, f64)>> {
        let table = self.table(key, value)?;
        if table.is_empty() {
            let help = "for example: dir_weights = { \"bg/good\" = 0.7, \"bg/rest\" = 0.3 }";
            self.error(value.span(), "`dir_weights` names no folder", help.to_owned());
        }
        let mut weights = Vec::new();
        for (dir, value) in table {
            let text = Text::new(self.text, dir.get_ref(), dir.span());
            let range = "more than 0, such as 0.7 beside 0.3, or 7 beside 3";
            let fits = |share: f64| (LARGEST_SHARE.recip()..=LARGEST_SHARE).contains(&share);
            if let Some(weight) = self.number(&text.text, value, range, fits) {
                weights.push((text, weight));
            }
        }
        Some(weights)
    }

    fn pool_dir(&mut self, dir: &Text) {
        if dir.text.is_empty() {
            self.error(dir.span.clone(), "this path is empty", "the folder you are in is \".\"".to_owned());
        }
        self.no_shell(dir);
    }
}
