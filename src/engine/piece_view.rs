//! One piece of an item as the engine handles it.

use std::ffi::OsString;
use std::path::Path;

use serde_json::Value;

use crate::pipeline::plan::{Each, Plan};
use crate::pipeline::template::PieceField;
use crate::resilience::piece::Piece;

/// A piece, and its number.
#[derive(Debug, Clone)]
pub struct PieceView {
    /// Counts from 1.
    pub index: u32,
    /// What is known of it.
    pub piece: Piece,
}

impl PieceView {
    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.piece.artifact.path.as_path()
    }

    /// What a person knows it by: its file below the folder that it was made in.
    #[must_use]
    pub fn name(&self) -> String {
        self.piece.key.display().into_owned()
    }

    /// What `{piece.NAME}` stands for.
    ///
    /// # Errors
    /// That it has no such value.
    pub fn field(&self, field: &PieceField) -> Result<OsString, String> {
        let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_os_string();
        Ok(match field {
            PieceField::Path => self.path().into(),
            PieceField::Name => part(self.path().file_name()),
            PieceField::Stem => part(self.path().file_stem()),
            PieceField::Index => self.index.to_string().into(),
            PieceField::Value(_) => match self.value(field)? {
                Value::String(text) => text.into(),
                other => other.to_string().into(),
            },
        })
    }

    /// The same as JSON: numbers stay numbers.
    ///
    /// # Errors
    /// That it has no such value.
    pub fn value(&self, field: &PieceField) -> Result<Value, String> {
        match field {
            PieceField::Index => Ok(self.index.into()),
            PieceField::Value(name) => {
                reach(&self.piece.values, name).ok_or_else(|| format!("nothing is known of the '{name}' of a piece"))
            }
            other => self.field(other).map(|text| Value::String(text.to_string_lossy().into_owned())),
        }
    }
}

/// What the pieces of `each` are called in what is known of them: `slice.clips`.
#[must_use]
pub fn called(plan: &Plan, each: &Each) -> String {
    format!("{}.{}", plan.steps[each.step].id, each.output)
}

/// The value that `name` names among `values`; dots reach into it.
#[must_use]
pub fn reach(values: &serde_json::Map<String, Value>, name: &str) -> Option<Value> {
    let mut parts = name.split('.');
    let mut value = parts.next().and_then(|part| values.get(part));
    for part in parts {
        value = value.and_then(|value| match value {
            Value::Array(list) => part.parse::<usize>().ok().and_then(|place| list.get(place)),
            other => other.get(part),
        });
    }
    value.cloned()
}
