//! Where a tool may write: its scratch, caches, temporary folders and devices. Landlock, where the kernel has it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use landlock::{
    ABI, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, Scope,
};

/// The folders, besides the scratch, that tools rightly write to. Opened once: a rule needs only the open folder.
#[derive(Debug)]
struct Writable(Vec<PathFd>);

impl Writable {
    fn of_this_machine() -> Self {
        let home = std::env::home_dir().unwrap_or_default();
        let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
        let folders = ["/dev", "/tmp", "/var/tmp", "/proc"].iter().map(PathBuf::from).chain([cache]);
        Self(folders.filter_map(|folder| PathFd::new(folder).ok()).collect())
    }

    /// Restricts the calling thread, and all that it starts from now on: it reads and runs what it could before, and
    /// writes below `room` and the shared folders only. A kernel without landlock restricts nothing.
    fn restrict_to(&self, room: &Path) -> Result<(), RulesetError> {
        let abi = ABI::V3;
        let write = AccessFs::from_write(abi);
        // Nor does it signal what is not its own: without its host, what it started in other sessions would get away.
        let ruleset = Ruleset::default().set_compatibility(CompatLevel::BestEffort).handle_access(write)?;
        let mut ruleset = ruleset.scope(Scope::Signal)?.create()?;
        for folder in &self.0 {
            ruleset = ruleset.add_rule(PathBeneath::new(folder, write))?;
        }
        if let Ok(room) = PathFd::new(room) {
            ruleset = ruleset.add_rule(PathBeneath::new(room, write))?;
        }
        ruleset.restrict_self()?;
        Ok(())
    }
}

/// Starts tools in the sandbox: a thread under landlock, which binds a thread and all that it starts, for good. It lives
/// as long as its room does, so that a task does not pay for a thread and a ruleset of its own.
#[derive(Debug)]
pub(super) struct Starter {
    room: PathBuf,
    inode: u64,
    orders: SyncSender<Command>,
    started: Receiver<std::io::Result<Child>>,
}

impl Starter {
    /// A thread that may write below `room`.
    pub(super) fn new(room: &Path) -> std::io::Result<Self> {
        let (orders, to_start) = sync_channel::<Command>(0);
        let (children, started) = sync_channel(0);
        let (inode, room) = (std::fs::metadata(room)?.ino(), room.to_path_buf());
        let restricted_to = room.clone();
        std::thread::Builder::new().spawn(move || {
            // Best effort: a kernel that cannot restrict runs the tools all the same.
            let _ = Writable::of_this_machine().restrict_to(&restricted_to);
            while let Ok(mut command) = to_start.recv() {
                if children.send(command.spawn()).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { room, inode, orders, started })
    }

    /// Whether `room` is still the folder that this one may write below: one that was removed and made anew is not.
    pub(super) fn serves(&self, room: &Path) -> bool {
        self.room == room && std::fs::metadata(room).is_ok_and(|found| found.ino() == self.inode)
    }

    /// Starts `command`.
    pub(super) fn start(&self, command: Command) -> std::io::Result<Child> {
        let gone = || std::io::Error::other("the thread that starts tools panicked");
        self.orders.send(command).map_err(|_| gone())?;
        self.started.recv().unwrap_or_else(|_| Err(gone()))
    }
}
