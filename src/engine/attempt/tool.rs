//! An attempt with an external tool.

use std::path::{Path, PathBuf};

use super::{Attempt, Failure, Place};
use crate::health::classify::{self, ExitKind, Verdict, classify};
use crate::pipeline::template::Template;
use crate::resilience::checkpoint::Checkpoint;
use crate::resilience::os_text::OsText;
use crate::resilience::{Fault, FaultClass};
use crate::steps::shim::{HostLost, ToolEnd, ToolExit, ToolRequest};

/// A disk with less room than this is full, as far as a tool that failed is concerned.
const FULL: u64 = 1 << 20;

impl Attempt<'_> {
    pub(super) fn run_tool(&mut self, argv: &[Template], place: &Place, known: &Checkpoint) -> Result<(), Failure> {
        let log = self.log_name();
        let request = self.tool_request(argv, place, known, &log)?;
        let end: ToolEnd = self.hosts.tool(&request, &self.task.canceller).map_err(host_fault)?;
        self.leftover = end.leftover;
        if end.output > 0 {
            self.log = Some(log);
        }
        if end.exit == ToolExit::Code(0) {
            return self.missing_output(place).map_or(Ok(()), |name| Err(self.no_output(&name, &end, place)));
        }
        Err(self.judge(&end, &place.scratch))
    }

    /// A name that no log has: an attempt that was another's fault, such as an asset's, has its number again.
    fn log_name(&self) -> String {
        let first = format!("logs/{}/{}.{}", self.task.active.item.id, self.name_of_task(), self.task.attempt);
        let is_there = |name: &String| std::fs::symlink_metadata(self.workshop.run_folder.join(name)).is_ok();
        let mut name = format!("{first}.log");
        let mut again = 1;
        while is_there(&name) {
            again += 1;
            name = format!("{first}-{again}.log");
        }
        name
    }

    fn tool_request(
        &self,
        argv: &[Template],
        place: &Place,
        known: &Checkpoint,
        log: &str,
    ) -> Result<ToolRequest, Fault> {
        let fields = self.fields(place, known);
        let expand = |template: &Template| {
            template
                .expand(&fields)
                .map(OsText)
                .map_err(|why| Fault::input("placeholder", format!("'{}' cannot be filled: {why}", template.source)))
        };
        let mut arguments = argv.iter().map(expand).collect::<Result<Vec<_>, _>>()?;
        if let (Some(program), Some(first)) =
            (&self.workshop.context.bases[self.task.step].program, arguments.first_mut())
        {
            *first = OsText::from(program);
        }
        let env = self.step.env.iter().map(|(name, value)| Ok((name.clone(), expand(value)?)));
        let milliseconds = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Ok(ToolRequest {
            argv: arguments,
            env: env.collect::<Result<_, Fault>>()?,
            room: OsText::from(self.hosts.room.folder()),
            scratch: OsText::from(&place.scratch),
            log: OsText::from(self.workshop.run_folder.join(log)),
            timeout_ms: self.step.timeout.map(milliseconds),
            idle_ms: self.step.idle_timeout.map(milliseconds),
            grace_ms: milliseconds(self.step.grace),
            memory: self.step.memory,
            max_output: self.step.max_output,
            sandbox: self.step.sandbox,
            secrets: self.workshop.resources.secrets().all(),
        })
    }

    /// The first output whose file is not there.
    fn missing_output(&self, place: &Place) -> Option<String> {
        let is_there = |path: &PathBuf| std::fs::symlink_metadata(path).is_ok();
        self.step
            .out
            .iter()
            .zip(place.outputs.values())
            .find(|((_, rule), path)| !super::super::context::is_glob(&rule.from) && !is_there(path))
            .map(|((name, _), _)| name.clone())
    }

    /// The tool says that all went well, and it did not: its messages may tell why.
    fn no_output(&self, name: &str, end: &ToolEnd, place: &Place) -> Failure {
        let mut failure = self.judge(end, &place.scratch);
        let told = failure.fault.message;
        failure.fault.cause = "output-missing".into();
        failure.fault.message = format!("it ended without an error and without its output '{name}' ({told})");
        failure
    }

    /// Whose fault it is that the tool ended like this.
    pub(super) fn judge(&self, end: &ToolEnd, scratch: &Path) -> Failure {
        let exit = match &end.exit {
            ToolExit::Code(code) => ExitKind::Code(*code),
            ToolExit::Signal(signal) => ExitKind::Signal(*signal),
            ToolExit::TimedOut => ExitKind::TimedOut,
            ToolExit::IdleTimedOut => ExitKind::IdleTimedOut,
            ToolExit::OutputFlood => ExitKind::OutputFlood,
            ToolExit::StartFailed { errno, message } => {
                ExitKind::StartFailed { errno: (*errno != 0).then_some(*errno), message: message.clone() }
            }
            ToolExit::Cancelled => return Fault::new(FaultClass::Cancelled, "cancelled", "it was cancelled").into(),
        };
        let disk_full = rustix::fs::statvfs(scratch).is_ok_and(|disk| {
            disk.f_bavail.saturating_mul(disk.f_frsize) < FULL || (disk.f_files > 0 && disk.f_favail == 0)
        });
        let tool = self.step.tool.as_deref().unwrap_or(&self.step.id);
        let spec = self.workshop.context.plan.tools.get(tool);
        let seen =
            classify::ToolEnd { exit, stderr_tail: end.stderr.clone(), stdout_tail: end.stdout.clone(), disk_full };
        match classify(tool, spec, &seen) {
            Verdict::Fault(fault) => fault.into(),
            Verdict::Ambiguous(fault) => Failure { fault, ambiguous: true },
        }
    }
}

/// The host itself was lost: whatever took it is likely to pass.
pub(super) fn host_fault(lost: HostLost) -> Fault {
    let how = match &lost {
        HostLost::Ended(status) => format!("it ended with {status}"),
        HostLost::TimedOut => "it did not answer in time".into(),
        HostLost::Io(error) => return Fault::from_io("the process that runs tools cannot be used", error),
    };
    Fault::new(FaultClass::Transient, "host-lost", format!("the process that runs tools was lost: {how}"))
}
