//! Items without files: what each one has, made whenever somebody asks.
//!
//! Nothing of an item is stored: its values come from the seed, its index and their names, so that a million items take
//! no more room than one, and any of them can be made again alone.

mod chance;
mod record;
mod shares;
mod texts;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use self::chance::Chance;
use self::shares::Shares;
use self::texts::Parts;
use crate::events::ItemIndex;
use crate::pipeline::generate::{Generate, LineOrder, Recipe};
use crate::pipeline::template::{Field, ItemField, Lookup, Template};

/// Makes what the items of a batch have.
#[derive(Debug)]
pub struct Generator {
    generate: Generate,
    seed: u64,
    shares: Shares,
    /// The texts of values, by their files.
    lines: HashMap<PathBuf, Parts>,
    words: HashMap<PathBuf, Parts>,
}

/// A generated item, as far as it is told from others.
#[derive(Debug, Clone)]
pub struct Made {
    generator: Arc<Generator>,
    /// From 1.
    index: u64,
}

impl Generator {
    /// That of `generate`, with chance from `seed`. The files of texts are read.
    ///
    /// # Errors
    /// Every file that will not do, and why.
    pub fn new(generate: Generate, seed: u64) -> Result<Self, Vec<String>> {
        let mut texts: HashMap<&Path, Option<Arc<String>>> = HashMap::new();
        let (mut lines, mut words) = (HashMap::new(), HashMap::new());
        let mut wrong = Vec::new();
        for recipe in generate.specs.iter().flat_map(|spec| spec.values.values()) {
            let (Recipe::Lines { path, .. } | Recipe::Words { path, .. }) = recipe else { continue };
            let read = || texts::read(path).map_err(|why| wrong.push(why)).ok();
            let Some(text) = texts.entry(path).or_insert_with(read).clone() else { continue };
            if let Recipe::Words { to, .. } = recipe {
                let parts: &Parts = words.entry(path.clone()).or_insert_with(|| Parts::words(text));
                wrong.extend(too_few(path, parts.len(), *to));
            } else if lines.entry(path.clone()).or_insert_with(|| Parts::lines(text)).len() == 0 {
                wrong.push(format!("{} has no line with a text", path.display()));
            }
        }
        if !wrong.is_empty() {
            wrong.sort_unstable();
            wrong.dedup();
            return Err(wrong);
        }
        let weights: Vec<u64> = generate.specs.iter().map(|spec| spec.weight).collect();
        let shares = Shares::new(&weights, generate.count);
        Ok(Self { lines, words, shares, generate, seed })
    }

    /// How many items there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.generate.count as usize
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.generate.count == 0
    }

    /// The name of the item at `place` (from 0): its index, from 1, in six digits or more.
    #[must_use]
    pub fn name(place: ItemIndex) -> String {
        format!("{:06}", u64::from(place) + 1)
    }

    /// The place of the item called `name`, however many zeros it begins with.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<ItemIndex> {
        let index: u32 = name.parse().ok().filter(|_| name.bytes().all(|byte| byte.is_ascii_digit()))?;
        index.checked_sub(1).filter(|place| (*place as usize) < self.len())
    }

    /// The item at `place` (from 0).
    #[must_use]
    pub fn item(self: &Arc<Self>, place: ItemIndex) -> Made {
        Made { generator: Arc::clone(self), index: u64::from(place) + 1 }
    }

    fn make(&self, made: &Made, name: &str, recipe: &Recipe) -> Result<Value, String> {
        let place = made.index - 1;
        let chance = || Chance::of(self.seed, made.index, name);
        Ok(match recipe {
            Recipe::Fixed(value) => value.clone(),
            Recipe::Whole { from, to } => {
                let many = to.abs_diff(*from) + 1;
                Value::from(from.wrapping_add_unsigned(chance().below(many)))
            }
            Recipe::Number { from, to } => Value::from(chance().between(*from, *to)),
            Recipe::OneOf(values) => values[chance().below(values.len() as u64) as usize].clone(),
            Recipe::Lines { path, order } => {
                let lines = self.lines.get(path).ok_or("its text was not read")?;
                let line = match order {
                    LineOrder::Random => chance().below(lines.len()),
                    LineOrder::Cycle => place % lines.len(),
                    LineOrder::CycleOfSpec => self.shares.of(place).1 % lines.len(),
                };
                Value::from(lines.get(line))
            }
            Recipe::Words { path, from, to } => {
                let words = self.words.get(path).ok_or("its text was not read")?;
                let mut chance = chance();
                let many = u64::from(*from) + chance.below(u64::from(to - from) + 1);
                let first = chance.below(words.len() - many + 1);
                let row: Vec<&str> = (first..first + many).map(|word| words.get(word)).collect();
                Value::from(row.join(" "))
            }
            Recipe::Template(template) => {
                let text = template.expand(made)?;
                Value::from(text.into_string().map_err(|_| "it is not text")?)
            }
        })
    }
}

impl Made {
    /// What `{item.NAME}` stands for: numbers stay numbers.
    ///
    /// # Errors
    /// That it has no such value.
    pub fn value(&self, name: &str) -> Result<Value, String> {
        let generator = &self.generator;
        let spec = || &generator.generate.specs[generator.shares.of(self.index - 1).0];
        match name {
            "index" => Ok(Value::from(self.index)),
            // So many bits are held exactly by whatever reads JSON.
            "seed" => Ok(Value::from(Chance::of(generator.seed, self.index, "").bits() >> 11)),
            "spec" => Ok(Value::from(spec().name.as_str())),
            _ => match spec().values.get(name) {
                Some(recipe) => generator.make(self, name, recipe),
                None => Err(format!("this item has no '{name}'")),
            },
        }
    }

    /// The same as text.
    ///
    /// # Errors
    /// That it has no such value.
    pub fn text(&self, name: &str) -> Result<OsString, String> {
        Ok(match self.value(name)? {
            Value::String(text) => text.into(),
            other => other.to_string().into(),
        })
    }
}

/// That a text of so many words has not `least` of them in a row.
fn too_few(path: &Path, words: u64, least: u32) -> Option<String> {
    let has = match words {
        0 => "no word".to_owned(),
        1 => "only one word".to_owned(),
        several => format!("only {several} words"),
    };
    (words < u64::from(least)).then(|| format!("{} has {has}, and {least} in a row are asked for", path.display()))
}

/// What the template of a value may name.
impl Lookup for Made {
    fn lookup(&self, field: &Field) -> Result<OsString, String> {
        match field {
            Field::ItemValue(name) => self.text(name),
            Field::Item(ItemField::Name | ItemField::Stem) => Ok(Generator::name((self.index - 1) as ItemIndex).into()),
            other => Err(format!("a value cannot name {other}")),
        }
    }
}

/// The names of the item's values in `template`.
pub fn values_of(template: &Template) -> impl Iterator<Item = &String> {
    template.fields().filter_map(|(field, _)| match field {
        Field::ItemValue(name) => Some(name),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
