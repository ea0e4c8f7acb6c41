//! The tools of a plan, before a run: where they are, whether they are well, and what of them is in a fingerprint.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::context::Basis;
use crate::events::{EventKind, MachineView};
use crate::health::{Finder, HealthCheck, ToolIdentity, Wanted, check_all, machine, program_of, wanted};
use crate::pipeline::plan::{Action, Plan};
use crate::resilience::hash::hash_file;
use crate::resilience::os_text::OsText;
use crate::resilience::store::write_whole;

/// What was found out of tools earlier: good for as long as their programs look the same.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Seen {
    version: u32,
    tools: BTreeMap<String, SeenTool>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct SeenTool {
    identity: ToolIdentity,
    check: HealthCheck,
    /// A hash of the program, for a tool that tells no version.
    hash: String,
}

const VERSION: u32 = 1;

/// Looks at every tool that the plan uses, and writes into `bases` what each step's fingerprint holds of its tool, where
/// its program is, and why it cannot run. `seen` is the file that remembers earlier looks.
#[must_use]
pub fn prepare(plan: &Plan, bases: &mut [Basis], seen: &Path, remember: bool) -> Vec<HealthCheck> {
    let mut known_before = read(seen);
    let finder = Finder::from_env();
    let mut wanted = wanted(plan);
    wanted.retain(|one| !one.resource);
    let program = |name: &str| program_of(plan, name).unwrap_or_else(|| name.to_owned());
    let (old, new): (Vec<&Wanted>, Vec<&Wanted>) = wanted.iter().partition(|wanted| {
        let identity = finder.identity(OsStr::new(&program(&wanted.name)));
        let before = known_before.tools.get(&wanted.name);
        before.is_some_and(|before| before.check.available && Some(&before.identity) == identity.as_ref())
    });
    let mut checks: Vec<HealthCheck> = old
        .iter()
        .filter_map(|wanted| {
            let check = known_before.tools.get(&wanted.name)?.check.clone();
            Some(HealthCheck { required: wanted.required, ..check })
        })
        .collect();
    let new: Vec<Wanted> = new.into_iter().cloned().collect();
    for check in check(&new) {
        if let Some(identity) = finder.identity(OsStr::new(&program(&check.name))).filter(|_| check.available) {
            let hash = hash_file(&identity.path).map_or_else(|_| String::new(), |(hash, _)| hash);
            let tool = SeenTool { identity, check: check.clone(), hash };
            known_before.tools.insert(check.name.clone(), tool);
        }
        checks.push(check);
    }
    for (step, basis) in plan.steps.iter().zip(bases) {
        let Some(tool) = &step.tool else { continue };
        let check = checks.iter().find(|check| check.name == *tool);
        if let Some(check) = check.filter(|check| !check.available) {
            basis.unavailable = Some(format!("{tool} is not available: {}", check.details));
        }
        if let Some(seen) = known_before.tools.get(tool) {
            basis.tool = Some(match &seen.check.version {
                Some(version) => format!("{tool} {version}"),
                None => format!("{tool} #{}", seen.hash),
            });
        }
        if let Action::Run(argv) = &step.action
            && let Some(first) = argv.first().filter(|first| first.is_literal())
        {
            basis.program = finder.find(OsStr::new(first.literal_prefix()));
        }
    }
    if remember
        && !new.is_empty()
        && let Ok(json) = serde_json::to_vec_pretty(&known_before)
    {
        // Only a way to be fast: the next run asks again where this cannot be written.
        let _ = write_whole(seen, &json, false);
    }
    checks
}

/// Looks at the tools, and once more at those that are there and did not answer: what starts from a cold disk may take
/// longer than its probe's time limit the first time, and a run should not go without it for that.
#[must_use]
pub fn check(wanted: &[Wanted]) -> Vec<HealthCheck> {
    let mut checks = check_all(wanted);
    let is_silent = |wanted: &&Wanted| {
        checks.iter().any(|check| check.name == wanted.name && !check.available && check.path.is_some())
    };
    let silent: Vec<Wanted> = wanted.iter().filter(is_silent).cloned().collect();
    for second in check_all(&silent) {
        if let Some(first) = checks.iter_mut().find(|check| check.name == second.name) {
            *first = second;
        }
    }
    checks
}

/// The disks that the folders are on, and the memory, as the events tell them.
#[must_use]
pub fn look_at_machine(folders: &[PathBuf]) -> Vec<MachineView> {
    let checks = machine::disk(folders).into_iter().chain([machine::memory()]);
    let view = |check: HealthCheck| MachineView {
        name: check.name,
        well: check.available,
        details: check.details,
        hint: check.hint,
    };
    checks.map(view).collect()
}

/// What a probe found, as the events tell it.
#[must_use]
pub fn told(check: &HealthCheck) -> EventKind {
    EventKind::DependencyChecked {
        name: check.name.clone(),
        available: check.available,
        required: check.required,
        version: check.version.clone(),
        details: check.details.clone(),
        path: check.path.as_deref().map(OsText::from),
        hint: check.hint.clone(),
    }
}

fn read(path: &Path) -> Seen {
    let seen = std::fs::read(path).ok().and_then(|json| serde_json::from_slice::<Seen>(&json).ok());
    seen.filter(|seen| seen.version == VERSION).unwrap_or(Seen { version: VERSION, tools: BTreeMap::new() })
}
