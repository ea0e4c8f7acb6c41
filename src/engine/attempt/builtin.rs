//! An attempt with a built-in step.

use std::time::Duration;

use serde_json::Value;

use super::{Attempt, Failure, Place};
use crate::engine::item::fill;
use crate::resilience::checkpoint::Checkpoint;
use crate::resilience::os_text::OsText;
use crate::resilience::{Fault, FaultClass};
use crate::steps::builtin::Values;
use crate::steps::shim::{HostLost, StepReply, StepRequest};

impl Attempt<'_> {
    pub(super) fn run_builtin(
        &mut self,
        name: &str,
        with: &Value,
        place: &Place,
        known: &Checkpoint,
    ) -> Result<Values, Failure> {
        let filled = fill(with, &self.fields(place, known))
            .map_err(|why| Fault::input("placeholder", format!("a parameter cannot be filled: {why}")))?;
        let outputs = place.outputs.iter().map(|(name, path)| (name.clone(), OsText::from(path)));
        let request = StepRequest::Run {
            uses: name.to_owned(),
            with: filled,
            inputs: place.inputs.iter().map(OsText::from).collect(),
            outputs: outputs.collect(),
            memory: self.step.memory,
        };
        Ok(self.ask_step_host(&request)?)
    }

    /// Asks the step host.
    pub(super) fn ask_step_host(&mut self, request: &StepRequest) -> Result<Values, Fault> {
        let answer = self.hosts.step(request, self.step.timeout, &self.task.canceller, self.hear);
        answered(answer, self.step.timeout, !self.task.draws.is_empty())
    }
}

/// What the answer of a step host means, and what it means that it was lost over the question. Where assets were drawn
/// nobody knows which of the files that is the doing of: it is tried again, with others.
pub(super) fn answered(
    answer: Result<StepReply, HostLost>,
    timeout: Option<Duration>,
    drew: bool,
) -> Result<Values, Fault> {
    match answer {
        Ok(StepReply::Done(values)) => Ok(values),
        // Heard, and not the end.
        Ok(StepReply::Progress(..)) => Ok(Values::new()),
        Ok(StepReply::Failed(fault)) => Err(fault),
        Err(HostLost::TimedOut) => {
            let limit = timeout.unwrap_or_default().as_secs_f64();
            Err(Fault::new(FaultClass::Transient, "timeout", format!("it took longer than {limit} s")))
        }
        Err(lost @ HostLost::Ended(_)) => Err(match lost.signal() {
            Some(6) if drew => Fault::new(
                FaultClass::Transient,
                "memory",
                "with what was drawn for it, the step takes more memory than it may have",
            )
            .with_hint("raise the step's 'memory' if that is really needed"),
            Some(4 | 5 | 7 | 8 | 11) if drew => {
                Fault::new(FaultClass::Transient, "crash", "with what was drawn for it, the step crashed")
            }
            // Rust ends a program that way when memory is refused to it, and our limit is what refuses.
            Some(6) => Fault::input("memory", "the file takes more memory to decode than a step may have")
                .with_hint("raise the step's 'memory' if the file is really that large"),
            // Illegal instruction, trap, bus error, division, wrong address: the decoder's own doing.
            Some(4 | 5 | 7 | 8 | 11) => Fault::input("decode", "the file made its decoder crash"),
            Some(9) => Fault::new(FaultClass::Transient, "killed", "it was killed, most likely for want of memory"),
            _ => Fault::new(FaultClass::Transient, "host-lost", "the process that ran it was ended from outside"),
        }),
        Err(HostLost::Io(error)) => Err(Fault::from_io("the process that runs built-in steps cannot be used", &error)),
    }
}
