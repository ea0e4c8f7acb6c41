//! What a hook is called for, and what its placeholders read of that.

use serde_json::{Value, json};

use crate::events::Counts;
use crate::pipeline::template::{FaultField, RunField};
use crate::resilience::Fault;

/// What a hook is called for.
#[derive(Debug, Clone, Default)]
pub struct Occasion {
    /// The run's id.
    pub run: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// The items, as they stood then.
    pub counts: Counts,
    /// The time since the run began, in seconds.
    pub seconds: f64,
    /// Why the item failed, if it did.
    pub fault: Option<Fault>,
    /// The step that failed.
    pub step: Option<String>,
}

impl Occasion {
    /// A part of the failure.
    ///
    /// # Errors
    /// That there is none.
    pub fn fault(&self, field: FaultField) -> Result<Value, String> {
        let fault = self.fault.as_ref().ok_or("nothing failed here")?;
        Ok(match field {
            FaultField::Class => fault.class.word().into(),
            FaultField::Cause => fault.cause.as_str().into(),
            FaultField::Message => fault.message.as_str().into(),
            FaultField::Step => self.step.clone().into(),
        })
    }

    /// A part of what is known of the run.
    #[must_use]
    pub fn run(&self, field: RunField) -> Value {
        match field {
            RunField::Id => self.run.as_str().into(),
            RunField::Pipeline => self.pipeline.as_str().into(),
            RunField::Done => (self.counts.done + self.counts.up_to_date).into(),
            RunField::Failed => self.counts.failed.into(),
            RunField::Parked => self.counts.parked.into(),
            // To the millisecond: more is noise.
            RunField::Seconds => json!((self.seconds * 1000.0).round() / 1000.0),
        }
    }
}
