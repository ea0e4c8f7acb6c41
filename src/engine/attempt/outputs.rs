//! Finds what an attempt made, and looks whether it is what was promised.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use globset::GlobBuilder;

use super::{Attempt, Failure, Place};
use crate::engine::context::is_glob;
use crate::engine::fingerprint::{Owner, owner, owner_among};
use crate::engine::piece_view::{PieceView, called};
use crate::media::sniff::{self, Kind};
use crate::pipeline::plan::{Action, DecodeCheck, OutputRule};
use crate::pipeline::template::Segment;
use crate::resilience::checkpoint::{Artifact, Checkpoint, Identity};
use crate::resilience::hash::hash_file;
use crate::resilience::os_text::OsText;
use crate::resilience::store::{Claim, PieceLog};
use crate::resilience::{Fault, FaultClass};
use crate::steps::shim::{StepRequest, ToolEnd, ToolExit};

/// An output in the scratch, and what it is to become.
pub(super) struct Found {
    pub(super) name: String,
    /// Where the output is many: what tells this one from the others.
    pub(super) key: Option<OsText>,
    pub(super) from: PathBuf,
    pub(super) artifact: Artifact,
    /// The file that it takes the place of.
    pub(super) takes_place: Owner,
}

/// An output in the scratch that was looked at, and where it goes.
struct InScratch {
    name: String,
    key: Option<OsText>,
    from: PathBuf,
    target: PathBuf,
    size: u64,
    takes_place: Owner,
}

impl Attempt<'_> {
    /// Where the outputs are known to go and a file is there that is not ours, nothing needs to run.
    pub(super) fn refuse_foreign_targets(&self, known: &Checkpoint) -> Result<(), Fault> {
        let active = &self.task.active;
        for (name, rule) in &self.step.out {
            if let Some(target) = self.workshop.context.known_target(&active.item, self.piece.as_ref(), rule) {
                let target = target
                    .map_err(|why| Fault::input("output-name", format!("output '{name}' cannot be placed: {why}")))?;
                self.may_take(&target, self.owner_of(&target, owner(&target, known))?)?;
            }
        }
        Ok(())
    }

    /// Whose file is at `target`, where that may be replaced.
    fn may_take(&self, target: &Path, whose: Owner) -> Result<Owner, Fault> {
        let active = &self.task.active;
        let shown = target.display();
        if target == active.item.path || self.piece.as_ref().is_some_and(|view| target == view.path()) {
            return Err(Fault::input(
                "output-is-input",
                format!("the output {shown} would take the place of its own input"),
            )
            .with_hint("send the outputs to another folder"));
        }
        if target.is_dir() {
            return Err(Fault::input("output-exists", format!("there is a folder at {shown}")));
        }
        match whose {
            Owner::Other if !self.workshop.context.options.overwrite => {
                Err(Fault::input("output-exists", format!("{shown} is already there, and mediamill did not make it"))
                    .with_hint("move it away, or let it be replaced with --overwrite"))
            }
            Owner::UsChanged if !self.workshop.context.options.overwrite => {
                Err(Fault::input("output-changed", format!("{shown} was changed after mediamill made it"))
                    .with_hint("move it away to keep it, or let it be replaced with --overwrite"))
            }
            whose => Ok(whose),
        }
    }

    /// Whose the file at `target` is, where it is `whose` by what is known of this step: another step, output or piece
    /// may have made it. What that one does not write any more may be taken.
    fn owner_of(&self, target: &Path, whose: Owner) -> Result<Owner, Fault> {
        if whose != Owner::Other {
            return Ok(whose);
        }
        let mut log = self.task.active.pieces();
        let claims = log.claims(target);
        let found = owner_among(target, claims.iter().map(|claim| &claim.artifact));
        let other =
            claims.iter().find(|claim| matches!(found, Owner::Us(_)) && self.is_written_by(target, claim, &mut log));
        match other {
            Some(other) if !self.workshop.context.options.overwrite => {
                let (key, shown) = (Path::new(&other.key).display(), target.display());
                Err(Fault::input("output-exists", format!("the piece {key} of {} writes {shown} too", other.of))
                    .with_hint("put {piece.name} or {piece.index} into the name, or a folder for each output"))
            }
            _ => Ok(found),
        }
    }

    /// Whether what `claim` tells of is made at `target` by the pipeline as it is.
    fn is_written_by(&self, target: &Path, claim: &Claim, log: &mut PieceLog) -> bool {
        let (context, active) = (&self.workshop.context, &self.task.active);
        let Some(place) = claim.place else { return false };
        let made_in = claim.made_by.as_ref().map(|(step, _)| step.as_str());
        let maker = made_in.unwrap_or_else(|| claim.of.split('.').next().unwrap_or_default());
        let Some(maker) = context.plan.steps.iter().find(|step| step.id == maker) else { return false };
        let Some((_, output)) = &claim.made_by else {
            // What this step made before is what it makes anew now.
            let name = claim.of.split('.').nth(1).unwrap_or_default();
            return maker.id != self.step.id && maker.out.get(name).is_some_and(|rule| rule.many);
        };
        let of_these = maker.each.as_ref().is_some_and(|each| called(&context.plan, each) == claim.of);
        let own = maker.id == self.step.id && self.piece.as_ref().is_some_and(|view| view.piece.key.0 == claim.key);
        let (Some(rule), true, false) = (maker.out.get(output), of_these, own) else { return false };
        let Some(piece) = log.piece(&claim.of, place) else { return false };
        let view = PieceView { index: u32::try_from(place).map_or(u32::MAX, |place| place + 1), piece };
        match context.known_target(&active.item, Some(&view), rule) {
            Some(now) => now.is_ok_and(|now| now == target),
            None => true,
        }
    }

    /// The outputs of the attempt, each looked at and hashed.
    pub(super) fn find_outputs(&mut self, place: &Place, known: &Checkpoint) -> Result<Vec<Found>, Failure> {
        let mut found = Vec::with_capacity(self.step.out.len());
        for (name, rule) in &self.step.out {
            if rule.many {
                self.find_pieces(name, rule, (place, known), &mut found)?;
                continue;
            }
            let from = if is_glob(&rule.from) {
                self.one_match(name, place)?
            } else {
                place.outputs.get(name).cloned().unwrap_or_default()
            };
            let size = self.look_at(name, &from, place)?;
            let relative = from.strip_prefix(&place.scratch).unwrap_or(&from);
            let target = self
                .workshop
                .context
                .target(&self.task.active.item, self.piece.as_ref(), rule, relative)
                .map_err(|why| Fault::input("output-name", format!("output '{name}' cannot be placed: {why}")))?;
            let takes_place = self.may_take(&target, self.owner_of(&target, owner(&target, known))?)?;
            found.push(InScratch { name: name.clone(), key: None, from, target, size, takes_place });
        }
        refuse_shared(&found, &place.scratch)?;
        self.decode(found.iter().map(|one| &one.from), place)?;
        let hashed = found.into_iter().map(|InScratch { name, key, from, target, size, takes_place }| {
            let (hash, _) = hash_file(&from).map_err(|error| Fault::from_io("an output cannot be read", &error))?;
            if self.step.times_of_input {
                self.keep_time(&from, &target)?;
            }
            let seen = Identity::of(&from).map_err(|error| Fault::from_io("an output cannot be read", &error))?;
            let replaces = if let Owner::Us(mtime) = takes_place { Some(mtime) } else { None };
            let artifact = Artifact { path: OsText::from(&target), size, hash, mtime_ns: seen.mtime_ns, replaces };
            Ok(Found { name, key, from, artifact, takes_place })
        });
        hashed.collect()
    }

    /// Gives an output the modification time of the item's file. Where that is the time of the file whose place it takes, it
    /// gets a little more: until the move is made, their times tell which of them is there.
    fn keep_time(&self, from: &Path, target: &Path) -> Result<(), Fault> {
        let modified = |path: &Path| std::fs::metadata(path).and_then(|metadata| metadata.modified());
        let kept = modified(&self.task.active.item.path).and_then(|time| {
            let file = std::fs::File::open(from)?;
            apart(time, modified(target).ok(), |time| file.set_modified(time).and_then(|()| modified(from)))
        });
        kept.map_err(|error| Fault::from_io("an output cannot be given the time of its input", &error))
    }

    /// Whether all that the step writes is our own work: no program makes any of it.
    fn is_our_own(&self) -> bool {
        matches!(self.step.action, Action::Uses { .. }) && self.step.tool.is_none()
    }

    /// The files of an output that is many, in the order of their places.
    fn find_pieces(
        &self,
        name: &str,
        rule: &OutputRule,
        (place, known): (&Place, &Checkpoint),
        found: &mut Vec<InScratch>,
    ) -> Result<(), Failure> {
        let mut matches = self.matches(name, place)?;
        matches.sort();
        // A built-in step knows when there is nothing to cut out; a tool that made nothing did not do its work.
        if matches.is_empty() && matches!(self.step.action, Action::Run(_)) {
            let message = format!("it ended without its output '{name}': nothing matches {}", rule.from.source);
            return Err(self.broken_promise("output-missing", message, place));
        }
        let active = &self.task.active;
        let of = format!("{}.{name}", self.step.id);
        for from in matches {
            let size = self.look_at(name, &from, place)?;
            let relative = from.strip_prefix(&place.scratch).unwrap_or(&from);
            let target = self
                .workshop
                .context
                .target(&active.item, None, rule, relative)
                .map_err(|why| Fault::input("output-name", format!("output '{name}' cannot be placed: {why}")))?;
            let earlier = active.pieces().owned_piece(&of, relative.as_os_str());
            let whose = owner_among(&target, earlier.iter().map(|piece| &piece.artifact).chain(known.ours()));
            let takes_place = self.may_take(&target, self.owner_of(&target, whose)?)?;
            let key = Some(OsText::from(relative));
            found.push(InScratch { name: name.to_owned(), key, from, target, size, takes_place });
        }
        Ok(())
    }

    /// A promise that was not kept: by a tool, the canary says whose fault that is; a built-in step is ours.
    fn broken_promise(&self, cause: &str, message: String, place: &Place) -> Failure {
        if self.is_our_own() {
            return Fault::new(FaultClass::Bug, cause, message).into();
        }
        let quiet =
            ToolEnd { exit: ToolExit::Code(0), stdout: String::new(), stderr: String::new(), output: 0, leftover: 0 };
        let mut failure = self.judge(&quiet, &place.scratch);
        failure.fault.cause = cause.into();
        failure.fault.message = message;
        failure
    }

    fn look_at(&self, name: &str, from: &Path, place: &Place) -> Result<u64, Failure> {
        let broken = |cause: &str, message: String| Err(self.broken_promise(cause, message, place));
        let verify = &self.step.verify;
        match std::fs::symlink_metadata(from) {
            Err(_) => broken("output-missing", format!("it ended without its output '{name}'")),
            Ok(metadata) if !metadata.is_file() => {
                broken("output-missing", format!("its output '{name}' is not a regular file"))
            }
            Ok(metadata) if verify.nonempty && metadata.len() == 0 => {
                broken("output-empty", format!("its output '{name}' is empty"))
            }
            Ok(metadata) if metadata.len() < verify.min_bytes => {
                let (is, least) = (metadata.len(), verify.min_bytes);
                broken(
                    "output-small",
                    format!("its output '{name}' has {is} bytes, and at least {least} are asked for"),
                )
            }
            Ok(metadata) => Ok(metadata.len()),
        }
    }

    /// The files below the scratch that the pattern of output `name` matches.
    fn matches(&self, name: &str, place: &Place) -> Result<Vec<PathBuf>, Fault> {
        let Some(pattern) = place.outputs.get(name) else { return Ok(Vec::new()) };
        let pattern = glob_of(&self.step.out[name].from.segments, pattern, &place.scratch);
        let glob = GlobBuilder::new(&pattern)
            .literal_separator(true)
            .backslash_escape(true)
            .build()
            .map_err(|error| Fault::input("output-name", format!("output '{name}': {error}")))?
            .compile_matcher();
        let mut matches = Vec::new();
        files_below(&place.scratch, &mut |path| {
            let relative = path.strip_prefix(&place.scratch).unwrap_or(path);
            if glob.is_match(relative) {
                matches.push(path.to_path_buf());
            }
        });
        Ok(matches)
    }

    /// The one file below the scratch that the pattern of output `name` matches.
    fn one_match(&self, name: &str, place: &Place) -> Result<PathBuf, Failure> {
        let mut matches = self.matches(name, place)?;
        match matches.len() {
            1 => Ok(matches.remove(0)),
            0 => Err(self.broken_promise(
                "output-missing",
                format!("it ended without its output '{name}': nothing matches {}", self.step.out[name].from.source),
                place,
            )),
            several => {
                matches.sort();
                Err(Fault::input(
                    "output-ambiguous",
                    format!("{several} files match its output '{name}' ({})", self.step.out[name].from.source),
                )
                .into())
            }
        }
    }

    /// Sound and pictures among the outputs are opened, or decoded to their end, by the step host.
    fn decode<'b>(&mut self, files: impl Iterator<Item = &'b PathBuf>, place: &Place) -> Result<(), Failure> {
        if self.step.verify.decode == DecodeCheck::Off || self.is_our_own() {
            return Ok(());
        }
        let files: Vec<OsText> = files
            .filter(|file| matches!(sniff::kind_of_name(file), Kind::Sound(_) | Kind::Picture(_)))
            .map(OsText::from)
            .collect();
        if files.is_empty() {
            return Ok(());
        }
        let full = self.step.verify.decode == DecodeCheck::Full;
        match self.ask_step_host(&StepRequest::Verify { files, full }) {
            Ok(_) => Ok(()),
            Err(fault) if fault.class == FaultClass::Input => {
                let message =
                    format!("it ended without an error, and its output cannot be decoded ({})", fault.message);
                Err(self.broken_promise("output-undecodable", message, place))
            }
            Err(fault) => Err(fault.into()),
        }
    }
}

/// Sets `time`, or the least more that reads back as another than `taken`: file systems keep times in steps of a nanosecond
/// to two seconds. `set` tells the time that was kept.
fn apart(
    time: SystemTime,
    taken: Option<SystemTime>,
    mut set: impl FnMut(SystemTime) -> io::Result<SystemTime>,
) -> io::Result<()> {
    for more in [0, 1, 100, 1_000, 1_000_000, 10_000_000, 1_000_000_000, 2_000_000_000] {
        if Some(set(time + Duration::from_nanos(more))?) != taken {
            break;
        }
    }
    Ok(())
}

/// A file can be moved to one place only.
fn refuse_shared(found: &[InScratch], scratch: &Path) -> Result<(), Fault> {
    let mut seen: HashMap<&Path, &str> = HashMap::with_capacity(found.len());
    for one in found {
        if let Some(other) = seen.insert(&one.from, &one.name) {
            let shown = one.from.strip_prefix(scratch).unwrap_or(&one.from).display();
            let message = format!("{shown} is both its output '{other}' and its output '{}'", one.name);
            return Err(Fault::input("output-ambiguous", message).with_hint("name them so that one pattern fits each"));
        }
    }
    Ok(())
}

/// The pattern in which only the pipeline's own stars count, not those that a file's name brought in.
fn glob_of(segments: &[Segment], expanded: &Path, scratch: &Path) -> String {
    let has_placeholder = segments.iter().any(|segment| matches!(segment, Segment::Field(..)));
    let relative = expanded.strip_prefix(scratch).unwrap_or(expanded).to_string_lossy();
    if !has_placeholder {
        return relative.into_owned();
    }
    let literal = segments.iter().filter_map(|segment| match segment {
        Segment::Literal(text) => Some(text.as_str()),
        Segment::Field(..) => None,
    });
    let mut pattern = String::new();
    let mut rest = &*relative;
    for text in literal {
        if let Some(at) = rest.find(text) {
            pattern.push_str(&escaped(&rest[..at]));
            pattern.push_str(text);
            rest = &rest[at + text.len()..];
        }
    }
    pattern.push_str(&escaped(rest));
    pattern
}

fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| ["*?[]{}\\".contains(c).then_some('\\'), Some(c)]).flatten().collect()
}

/// Calls `with` for every regular file below `folder`. Links are not followed.
fn files_below(folder: &Path, with: &mut dyn FnMut(&Path)) {
    let hidden = |name: &OsStr| name.as_bytes().starts_with(b".");
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !hidden(&entry.file_name()) => files_below(&entry.path(), with),
            Ok(kind) if kind.is_file() => with(&entry.path()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use super::*;

    #[test]
    fn a_time_that_is_taken_is_left_by_the_step_of_the_file_system() {
        let taken = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 0);
        for step in [1, 100, 1_000, 1_000_000, 10_000_000, 1_000_000_000, 2_000_000_000] {
            let mut kept = taken;
            let mut set = |time: SystemTime| {
                let past = time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
                kept = SystemTime::UNIX_EPOCH + Duration::from_nanos(past / step * step);
                Ok(kept)
            };
            apart(taken, Some(taken), &mut set).unwrap();
            assert_eq!(kept, taken + Duration::from_nanos(step), "{step}");
            apart(taken, None, |time| {
                Ok({
                    kept = time;
                    time
                })
            })
            .unwrap();
            assert_eq!(kept, taken);
        }
    }
}
