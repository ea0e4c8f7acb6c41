//! Asset pools: is there such a pool, can it be drawn from here, and does anyone?

use indexmap::IndexSet;

use super::Checker;
use super::refs::Place;
use crate::pipeline::pools::{Pool, PoolKind};
use crate::pipeline::spec::{PoolSection, Span, Spec, StepSpec, Written};
use crate::pipeline::suggest;
use crate::pipeline::template::Field;

/// The step that refuses a text that its font lacks letters of, unless `missing` tells otherwise.
const RENDERS: &str = "text.render";

impl Checker<'_, '_, '_> {
    /// `{pools.NAME}` in a step.
    pub(super) fn pool_field(&mut self, step: &StepSpec<'_>, place: Place, name: &str, span: Span) {
        if !matches!(place, Place::Run | Place::Env | Place::With) {
            let message = format!("`{{pools.{name}}}` makes no sense in {}", place.title());
            self.error(span, message, "an asset is drawn for an attempt: name it in `run`, `env` or `with`".to_owned());
        } else if self.is_batch(step) {
            let message = format!("{} runs once over the whole batch: nothing is drawn for it", step.title());
            self.error(span, message, None);
        } else {
            self.is_pool(name, span);
        }
    }

    fn is_pool(&mut self, name: &str, span: Span) {
        if !self.spec.pools.contains_key(name) {
            let help = suggest::help(name, self.spec.pools.keys().map(String::as_str))
                .unwrap_or_else(|| format!("add it: [pools.{name}] with `kind` and `dirs`"));
            self.error(span, format!("there is no pool `{name}`"), help);
        }
    }

    /// What the pools themselves say, and what tools blame them for.
    pub(super) fn pools(&mut self) {
        let spec = self.spec;
        let drawn = drawn(spec);
        for (name, pool) in &spec.pools {
            if !drawn.contains(name.as_str()) {
                let help = format!("a step draws from it by `{{pools.{name}}}` in `run`, `env` or `with`");
                self.warning(pool.key.clone(), format!("no step draws from the pool `{name}`"), help);
            }
            match &pool.covers {
                Some((key, covers)) => self.covers(pool, key, covers),
                None if pool.kind == Some(PoolKind::Fonts) => self.no_covers(name, pool),
                None => {}
            }
        }
        for pool in spec.tools.values().flat_map(|section| &section.blamed) {
            self.is_pool(&pool.text, pool.span.clone());
        }
    }

    /// Fonts that are drawn blindly for a text, and refused one by one.
    fn no_covers(&mut self, name: &str, pool: &PoolSection) {
        let refuses = |step: &&StepSpec<'_>| {
            let missing = step.with.as_ref().and_then(|with| with.value.get("missing"));
            let is_text = step.uses.as_ref().is_some_and(|uses| uses.text == RENDERS);
            is_text && missing.is_none_or(|missing| missing == "refuse") && drawn_by(step).any(|drawn| drawn == name)
        };
        if let Some(step) = self.spec.steps.iter().find(refuses) {
            let message =
                format!("{} draws from the pool `{name}` also fonts that lack letters of its text", step.title());
            let help = "add `covers` with the text, such as covers = \"{item.text}\": such fonts are not drawn for it";
            self.warning(pool.key.clone(), message, help.to_owned());
        }
    }

    fn covers(&mut self, pool: &PoolSection, key: &Span, covers: &Written) {
        if pool.kind.is_some_and(|kind| kind != PoolKind::Fonts) {
            self.error(key.clone(), "`covers` is for fonts: other files have no characters", None);
        }
        for (field, span) in covers.template.fields() {
            let is_of_the_run = matches!(
                field,
                Field::In
                    | Field::Scratch
                    | Field::Out(_)
                    | Field::Piece(_)
                    | Field::Content { .. }
                    | Field::Step { .. }
                    | Field::Pool(_)
                    | Field::Fault(_)
                    | Field::Run(_)
            );
            if is_of_the_run {
                let message = format!("`{field}` makes no sense in `covers`");
                let help = "the text is made of `{item.*}`, so that it is known before a step runs".to_owned();
                self.error(covers.text.part(span), message, help);
            }
        }
    }

    /// The pools of the plan: those that steps draw from.
    pub(super) fn planned_pools(&self) -> Vec<Pool> {
        let drawn = drawn(self.spec);
        let pools = self.spec.pools.iter().filter(|(name, _)| drawn.contains(name.as_str()));
        pools.map(|(name, pool)| planned(name, pool)).collect()
    }

    /// The places in the plan of the pools that the step draws from.
    pub(super) fn pools_of(&self, step: &StepSpec<'_>) -> Vec<usize> {
        let (drawn, of_step): (IndexSet<&str>, IndexSet<&str>) = (drawn(self.spec), drawn_by(step).collect());
        let planned = self.spec.pools.keys().filter(|name| drawn.contains(name.as_str())).enumerate();
        planned.filter(|(_, name)| of_step.contains(name.as_str())).map(|(place, _)| place).collect()
    }
}

/// The pools that steps draw from.
fn drawn<'s>(spec: &'s Spec<'_>) -> IndexSet<&'s str> {
    spec.steps.iter().flat_map(drawn_by).collect()
}

fn drawn_by<'s>(step: &'s StepSpec<'_>) -> impl Iterator<Item = &'s str> {
    let run = step.run.iter().flat_map(|(_, run)| run);
    let written = run.chain(step.env.values()).chain(step.with.iter().flat_map(|with| &with.texts));
    written.flat_map(|written| written.template.fields()).filter_map(|(field, _)| match field {
        Field::Pool(name) => Some(name.as_str()),
        _ => None,
    })
}

fn planned(name: &str, pool: &PoolSection) -> Pool {
    let sum: f64 = pool.weights.iter().map(|(_, weight)| weight).sum();
    let even = pool.dirs.iter().map(|dir| (dir.text.clone(), None));
    let weighted = pool.weights.iter().map(|(dir, weight)| (dir.text.clone(), Some(weight / sum)));
    let kind = pool.kind.unwrap_or_default();
    let patterns = match pool.matches.as_slice() {
        [] => kind.patterns().iter().map(|&pattern| pattern.to_owned()).collect(),
        matches => matches.iter().map(|text| text.text.clone()).collect(),
    };
    Pool {
        name: name.to_owned(),
        kind,
        dirs: even.chain(weighted).collect(),
        // Every pattern was looked at when it was read, and a plan is made only where none was wrong.
        matches: crate::pipeline::names::NamePatterns::new(patterns).unwrap_or_default(),
        covers: pool.covers.as_ref().map(|(_, written)| written.template.clone()),
        scoring: pool.scoring,
        probation: pool.probation,
        persist: pool.persist,
        decay: pool.decay,
    }
}
