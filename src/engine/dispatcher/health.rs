//! Looks at dependencies and at the machine while the run works.

use std::time::Duration;

use tokio::time::Instant;

use super::{Dispatcher, Timer};
use crate::engine::slot::{Order, Workers};
use crate::engine::tools::told;
use crate::events::{EventKind, MachineView};
use crate::health::{HealthCheck, Wanted, wanted};

/// How often the machine is looked at.
const LOOK_AT_MACHINE_EVERY: Duration = Duration::from_secs(60);

impl<W: Workers> Dispatcher<W> {
    /// Has one dependency looked at, or all of them and the machine.
    pub(super) fn check_health(&mut self, dependency: Option<&str>) {
        let is_meant = |one: &Wanted| dependency.is_none_or(|name| one.name == name);
        let mut meant = wanted(&self.workshop.context.plan);
        meant.retain(|one| is_meant(one) && self.checking.insert(one.name.clone()));
        if !meant.is_empty() {
            self.workers.order(Order::Check(meant));
        }
        if dependency.is_none() {
            self.check_machine();
        }
    }

    /// Has disks and memory looked at.
    pub(super) fn check_machine(&mut self) {
        if !self.checks_machine {
            self.checks_machine = true;
            self.workers.order(Order::Machine(self.workshop.folders().to_vec()));
        }
    }

    pub(super) fn machine_is_due(&mut self) {
        self.check_machine();
        self.watch_machine();
    }

    /// Sets when the machine is looked at next.
    pub(super) fn watch_machine(&mut self) {
        self.set_timer(Instant::now() + LOOK_AT_MACHINE_EVERY, Timer::Machine);
    }

    pub(super) fn take_checks(&mut self, asked: &[String], checks: &[HealthCheck]) {
        for name in asked {
            self.checking.remove(name);
        }
        for check in checks {
            self.recorder.record(told(check));
            let context = &self.workshop.context;
            let is_left_out = context
                .plan
                .steps
                .iter()
                .zip(&context.bases)
                .any(|(step, basis)| step.tool.as_ref() == Some(&check.name) && basis.unavailable.is_some());
            if check.available && is_left_out {
                let message = format!("{} is there now; the next run uses it", check.name);
                self.recorder.record(EventKind::Warning { message, item: None });
            }
        }
    }

    pub(super) fn take_machine(&mut self, found: Option<Vec<MachineView>>) {
        self.checks_machine = false;
        if let Some(found) = found {
            self.recorder.record(EventKind::MachineChecked { found });
        }
    }
}
