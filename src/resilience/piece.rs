//! What is known of the pieces of an item: files that one step made of it, and that other steps run for one by one.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Fault;
use super::checkpoint::{Artifact, Fingerprint, LeftOut, PieceSet};
use super::hash::hash_bytes;
use super::os_text::OsText;

/// A file that a step made as one of many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// Its place below the folder that it was made in: tells the pieces of one output apart.
    pub key: OsText,
    /// The committed file.
    pub artifact: Artifact,
    /// What the step that made it found out about it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub values: Map<String, Value>,
}

/// What the item's checkpoint tells of `pieces`, which are in the order of their keys.
#[must_use]
pub fn set_of(pieces: &[Piece]) -> PieceSet {
    let mut text = Vec::new();
    for piece in pieces {
        let part = (&piece.key, &piece.artifact.hash, &piece.values);
        text.extend(serde_json::to_vec(&part).unwrap_or_default());
    }
    PieceSet { count: u32::try_from(pieces.len()).unwrap_or(u32::MAX), hash: hash_bytes(&text) }
}

/// What a step came to for one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PieceOutcome {
    /// Its outputs are committed.
    Done,
    /// It was left out.
    Skipped,
    /// It failed for good.
    Failed,
    /// An attempt was undone: nothing but whose the files are is known of it.
    Undone,
}

/// One step of one piece.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PieceRecord {
    /// What it came to.
    pub outcome: PieceOutcome,
    /// All that the result depends on.
    pub fingerprint: Fingerprint,
    /// The committed files, by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub artifacts: IndexMap<String, Artifact>,
    /// What it found out.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub values: Map<String, Value>,
    /// The assets that it was made with, by the names of their pools: as they were then.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub draws: IndexMap<String, Artifact>,
    /// Attempts that were made.
    pub attempts: u32,
    /// Of the last attempt, in seconds.
    pub duration: f64,
    /// Why it was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// Files of ours that an earlier result of it was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formerly: Vec<Artifact>,
}

impl PieceRecord {
    /// One that tells of nothing that was made: left out, failed or undone.
    #[must_use]
    pub fn without_result(outcome: PieceOutcome, fingerprint: Fingerprint, attempts: u32) -> Self {
        Self {
            outcome,
            fingerprint,
            artifacts: IndexMap::new(),
            values: Map::new(),
            draws: IndexMap::new(),
            attempts,
            duration: 0.0,
            left_out: None,
            fault: None,
            formerly: Vec::new(),
        }
    }

    /// Takes over what `earlier`, which this one takes the place of, knew to be ours.
    #[must_use]
    pub fn heir_of(mut self, earlier: Option<Self>) -> Self {
        let Some(earlier) = earlier else { return self };
        let mut ours: Vec<Artifact> = earlier.artifacts.into_values().chain(earlier.formerly).collect();
        ours.retain(|old| self.artifacts.values().all(|new| new.path != old.path));
        self.formerly.extend(ours);
        self
    }

    /// The files of ours that it tells of.
    pub fn ours(&self) -> impl Iterator<Item = &Artifact> {
        self.artifacts.values().chain(&self.formerly)
    }

    /// A hash of what came out.
    #[must_use]
    pub fn result_hash(&self) -> String {
        let hashes: Vec<(&String, &String)> = self.artifacts.iter().map(|(name, file)| (name, &file.hash)).collect();
        let text = serde_json::to_vec(&(self.outcome, hashes, &self.values)).unwrap_or_default();
        hash_bytes(&text)
    }
}
