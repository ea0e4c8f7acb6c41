//! Asset pools, as a pipeline defines them: fonts, pictures and other files that steps are given one of.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::names::NamePatterns;
use super::template::Template;
use crate::resilience::score::Scoring;

/// What a pool holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    /// Fonts.
    Fonts,
    /// Pictures, such as backgrounds.
    Images,
    /// Files of any kind.
    #[default]
    Files,
}

impl PoolKind {
    /// The kind as files and screens write it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fonts => "fonts",
            Self::Images => "images",
            Self::Files => "files",
        }
    }

    /// What one of its assets is called.
    #[must_use]
    pub const fn one(self) -> &'static str {
        match self {
            Self::Fonts => "font",
            Self::Images => "image",
            Self::Files => "file",
        }
    }

    /// Patterns of the names of its files, where a pipeline names none; empty takes all.
    #[must_use]
    pub const fn patterns(self) -> &'static [&'static str] {
        match self {
            Self::Fonts => &["*.ttf", "*.otf", "*.ttc"],
            Self::Images => &["*.png", "*.jpg", "*.jpeg", "*.webp", "*.tif", "*.tiff", "*.bmp", "*.gif"],
            Self::Files => &[],
        }
    }
}

/// A pool that has been checked.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: PoolKind,
    /// Where its files are: folders, which are read to any depth, files and globs, each with its share of the draws where
    /// shares are given; these add up to 1.
    pub dirs: Vec<(String, Option<f64>)>,
    /// The files that it takes from folders, by their names.
    pub matches: NamePatterns,
    /// Fonts that lack a character of this text are not drawn.
    pub covers: Option<Template>,
    /// How scores move.
    pub scoring: Scoring,
    /// Draws after which an asset on the denylist is tried once more.
    pub probation: Option<u32>,
    /// Whether scores outlive the run.
    pub persist: bool,
    /// The time in which half of what makes a kept score differ from the start is forgotten.
    pub decay: Option<Duration>,
}

impl Pool {
    /// What decides which assets can be drawn, in a canonical form: a part of the definition of the steps that draw. How
    /// scores move is not in it.
    #[must_use]
    pub fn definition(&self) -> Value {
        let covers = self.covers.as_ref().map(|text| text.source.as_str());
        json!({
            "kind": self.kind.word(), "dirs": self.dirs, "match": self.matches.to_string(), "covers": covers,
        })
    }
}
