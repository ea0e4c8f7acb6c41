//! Items that a pipeline makes itself, once checked: `[generate]`.

use std::path::PathBuf;

use indexmap::IndexMap;
use serde_json::Value;

use super::template::Template;

/// What every generated item is known by besides its values, as written after `item.`.
pub const FACTS: [&str; 3] = ["index", "seed", "spec"];

/// The items of a pipeline without input files.
#[derive(Debug, Clone, PartialEq)]
pub struct Generate {
    /// How many there are.
    pub count: u32,
    /// Where their chance comes from, unless the run is told.
    pub seed: Option<u64>,
    /// The kinds of items, in the order of their names: one without a name where the pipeline tells of none.
    pub specs: Vec<ItemSpec>,
}

/// One kind of items.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemSpec {
    /// Its name; empty where there is only one, and no name.
    pub name: String,
    /// How many of the items are of it, in proportion to the others. More than 0.
    pub weight: u64,
    /// How the values of its items are made, by name: its own, and the common ones.
    pub values: IndexMap<String, Recipe>,
}

/// How a value is made.
#[derive(Debug, Clone, PartialEq)]
pub enum Recipe {
    /// It is always this.
    Fixed(Value),
    /// A whole number, each of the range as likely as any other.
    Whole {
        /// The least.
        from: i64,
        /// The most.
        to: i64,
    },
    /// A number, anywhere in the range.
    Number {
        /// The least.
        from: f64,
        /// The most.
        to: f64,
    },
    /// One of these, each as likely as any other. Never empty.
    OneOf(Vec<Value>),
    /// A line of a text file.
    Lines {
        /// The file, relative to the folder mediamill is started in.
        path: PathBuf,
        /// Which line.
        order: LineOrder,
    },
    /// So many words in a row of a text file, one space between them.
    Words {
        /// The file, relative to the folder mediamill is started in.
        path: PathBuf,
        /// The least number of words. At least 1.
        from: u32,
        /// The most.
        to: u32,
    },
    /// A text with other values of the item, none of which needs this one.
    Template(Template),
}

/// Which line of a file an item takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineOrder {
    /// Any, each as likely as any other.
    #[default]
    Random,
    /// One after the other, item by item, and from the first again after the last.
    Cycle,
    /// The same, counted over the items of one spec.
    CycleOfSpec,
}
