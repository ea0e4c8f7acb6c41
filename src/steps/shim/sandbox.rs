//! Where a tool may write: its scratch, caches, temporary folders and devices. Landlock, where the kernel has it.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, Scope,
};

/// The folders, besides the scratch, that tools rightly write to. Opened once: a rule needs only the open folder.
#[derive(Debug)]
pub(super) struct Writable(Vec<PathFd>);

impl Writable {
    pub(super) fn of_this_machine() -> Self {
        let home = std::env::home_dir().unwrap_or_default();
        let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
        let folders = ["/dev", "/tmp", "/var/tmp", "/proc"].iter().map(PathBuf::from).chain([cache]);
        Self(folders.filter_map(|folder| PathFd::new(folder).ok()).collect())
    }

    /// Restricts the calling thread, and all that it starts from now on: it reads and runs what it could before, and
    /// writes below `scratch` and the shared folders only. A kernel without landlock restricts nothing.
    pub(super) fn restrict_to(&self, scratch: &Path) -> Result<(), RulesetError> {
        let abi = ABI::V3;
        let write = AccessFs::from_write(abi);
        // Nor does it signal what is not its own: without its host, what it started in other sessions would get away.
        let ruleset = Ruleset::default().set_compatibility(CompatLevel::BestEffort).handle_access(write)?;
        let mut ruleset = ruleset.scope(Scope::Signal)?.create()?;
        for folder in &self.0 {
            ruleset = ruleset.add_rule(PathBeneath::new(folder, write))?;
        }
        if let Ok(scratch) = PathFd::new(scratch) {
            ruleset = ruleset.add_rule(PathBeneath::new(scratch, write))?;
        }
        ruleset.restrict_self()?;
        Ok(())
    }
}
