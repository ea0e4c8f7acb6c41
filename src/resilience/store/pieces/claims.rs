//! Whose files are: every line tells of some, whatever step, output or piece it is about.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use super::{Line, PieceLine, PieceLog, TaskLine};
use crate::resilience::checkpoint::Artifact;

/// That a file is ours, by one line.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The file.
    pub artifact: Artifact,
    /// The output whose piece it is, or was made of.
    pub of: String,
    /// The step that made it of a piece, and the name of its output; none where it is a piece itself.
    pub made_by: Option<(String, String)>,
    /// The key of the piece.
    pub key: OsString,
    /// The place of the piece, where the line tells of what is there now: not of an earlier result or an earlier set.
    pub place: Option<usize>,
}

impl PieceLog {
    /// Every claim on the file at `path`.
    pub fn claims(&mut self, path: &Path) -> Vec<Claim> {
        self.read();
        if self.by_path.is_none() {
            self.by_path = Some(self.all_paths());
        }
        let lines = self.by_path.as_ref().and_then(|lines| lines.get(&hash_of(path))).cloned().unwrap_or_default();
        let mut found: Vec<Claim> = lines.into_iter().flat_map(|line| self.claims_of(line)).collect();
        found.retain(|claim| claim.artifact.path.as_path() == path);
        found
    }

    /// The files of pieces of the output `of` that are no more, and of what steps made of them, without those that are
    /// something else now.
    pub fn outdated(&mut self, of: &str) -> Vec<Artifact> {
        self.read();
        let Some(set) = self.sets.get(of) else { return Vec::new() };
        let former = self.former.get(of).into_iter().flat_map(HashMap::values);
        let of_tasks = self.tasks.iter().filter(|((_, output), _)| output == of).flat_map(|(_, lines)| lines);
        let tasks = of_tasks.filter(|(key, _)| !set.pieces.contains_key(*key)).map(|(_, line)| line);
        let gone: Vec<Line> = former.chain(tasks).copied().collect();
        let mut found: Vec<Artifact> =
            gone.into_iter().flat_map(|line| self.claims_of(line)).map(|claim| claim.artifact).collect();
        if !found.is_empty() {
            let current = self.current_among(&found);
            found.retain(|artifact| !current.contains(artifact.path.as_path()));
        }
        found
    }

    /// The paths of those that are a piece or the result of a step for one.
    fn current_among(&self, files: &[Artifact]) -> HashSet<PathBuf> {
        let wanted: HashSet<&Path> = files.iter().map(|artifact| artifact.path.as_path()).collect();
        let claims = self.lines().flat_map(|line| self.claims_of(line));
        let current = claims.filter(|claim| claim.place.is_some() && wanted.contains(claim.artifact.path.as_path()));
        current.map(|claim| claim.artifact.path.as_path().to_path_buf()).collect()
    }

    fn lines(&self) -> impl Iterator<Item = Line> {
        let sets = self.sets.values().flat_map(|set| set.pieces.values());
        let former = self.former.values().flat_map(HashMap::values);
        let tasks = self.tasks.values().flat_map(HashMap::values);
        sets.chain(former).chain(tasks).copied()
    }

    fn claims_of(&self, line: Line) -> Vec<Claim> {
        let Some(text) = self.read_line(line) else { return Vec::new() };
        if let Ok(told) = serde_json::from_slice::<PieceLine<'_>>(&text) {
            let piece = told.piece.into_owned();
            let (of, key) = (told.of.into_owned(), piece.key.0);
            let current = self.sets.get(&of).and_then(|set| set.pieces.get_full(&key));
            let place = current.filter(|(_, _, now)| now.offset == line.offset).map(|(place, ..)| place);
            return vec![Claim { artifact: piece.artifact, of, made_by: None, key, place }];
        }
        let Ok(told) = serde_json::from_slice::<TaskLine<'_>>(&text) else { return Vec::new() };
        let (step, of, key) = (told.step.into_owned(), told.of.into_owned(), told.key.into_owned().0);
        let record = told.record.into_owned();
        let place = self.sets.get(&of).and_then(|set| set.pieces.get_index_of(&key));
        let now = self.tasks.get(&(step.clone(), of.clone())).and_then(|lines| lines.get(&key));
        let place = place.filter(|_| now.is_some_and(|now| now.counts && now.offset == line.offset));
        let claim = |output: String, artifact: Artifact, place: Option<usize>| Claim {
            artifact,
            of: of.clone(),
            made_by: Some((step.clone(), output)),
            key: key.clone(),
            place,
        };
        let made = record.artifacts.into_iter().map(|(output, artifact)| claim(output, artifact, place));
        let formerly = record.formerly.into_iter().map(|artifact| claim(String::new(), artifact, None));
        made.chain(formerly).collect()
    }

    fn all_paths(&self) -> HashMap<u64, Vec<Line>> {
        let mut found: HashMap<u64, Vec<Line>> = HashMap::new();
        for line in self.lines() {
            for claim in self.claims_of(line) {
                found.entry(hash_of(claim.artifact.path.as_path())).or_default().push(line);
            }
        }
        found
    }

    /// Notes which paths lines tell of that were just written.
    pub(super) fn know_paths<'a>(&mut self, paths: impl Iterator<Item = (&'a Path, Line)>) {
        if let Some(known) = &mut self.by_path {
            for (path, line) in paths {
                known.entry(hash_of(path)).or_default().push(line);
            }
        }
    }
}

fn hash_of(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.as_os_str().hash(&mut hasher);
    hasher.finish()
}
