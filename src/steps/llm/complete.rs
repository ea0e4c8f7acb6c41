//! `llm.complete`: asks a language model, for text or for JSON that fits a schema.

use serde_json::json;

use super::params::{CompleteParams, NO_SCHEMA, SchemaParam};
use super::question::question;
use crate::resilience::{Fault, FaultClass};
use crate::resources::llm::{Completion, Llm, Prompt};
use crate::resources::settings::ResourceKind;
use crate::steps::builtin::{Builtin, OutputDoc, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, write_json};
use crate::steps::resource::{Doing, ResourceJob, ResourceStep, needs_engine};

/// The step.
pub static COMPLETE: Builtin = Builtin {
    name: "llm.complete",
    version: 1,
    summary: "Asks a language model; with a schema, for JSON that fits it",
    outputs: &[
        OutputDoc::new("text", "the answer, as text (UTF-8)"),
        OutputDoc::new("json", "the answer, as JSON; only with `schema`"),
    ],
    values: &[
        ValueDoc { name: "text", summary: "the answer" },
        ValueDoc { name: "json", summary: "the answer as JSON that fits `schema`; left out where there is none" },
        ValueDoc { name: "prompt_tokens", summary: "tokens of all that was asked, repairs and all" },
        ValueDoc { name: "completion_tokens", summary: "tokens of all answers, repairs and all" },
        ValueDoc { name: "model", summary: "the model that answered, as the service names it" },
        ValueDoc {
            name: "finish_reason",
            summary: "why the answer ended, in the service's word: stop, end_turn, stop_sequence, tool_use, ...",
        },
    ],
    schema: schema_of::<CompleteParams>,
    check: |with| read::<CompleteParams>(with)?.check(),
    run: needs_engine,
};

/// The step, with the resource that it works with.
pub static COMPLETE_RESOURCE: ResourceStep = ResourceStep {
    step: &COMPLETE,
    kind: ResourceKind::Llm,
    reads_file: false,
    run: |job| Box::pin(run(job)) as Doing,
};

async fn run(job: ResourceJob) -> Result<Values, Fault> {
    let params: CompleteParams = parameters(job.with.clone())?;
    params.check().map_err(|why| Fault::input("parameters", why))?;
    let model = job.lease::<Llm>()?;
    let (inputs, wanted) = (job.inputs.clone(), params.clone());
    // The file and the schema are read where that blocks nobody.
    let (asked, schema) = blocking(move || {
        let schema = wanted.schema.clone().map(SchemaParam::open).transpose()?;
        Ok((question(&wanted, &inputs)?, schema))
    })
    .await?;
    let prompt = Prompt {
        system: params.system,
        temperature: params.temperature,
        max_tokens: params.max_tokens,
        seed: params.seed,
        stop: params.stop,
        ..Prompt::new(asked)
    };
    let answered = match &schema {
        Some(schema) => model.complete_fitting(&prompt, schema, params.repairs).await,
        None => model.complete(&prompt).await,
    };
    let answer = answered.map_err(|fault| fault.of_resource(&job.resource))?;
    blocking(move || {
        deliver(&job, &answer)?;
        Ok(values(answer))
    })
    .await
}

fn deliver(job: &ResourceJob, answer: &Completion) -> Result<(), Fault> {
    if let Some(to) = job.outputs.get("text") {
        std::fs::write(to, &answer.text)
            .map_err(|error| Fault::from_io(&format!("cannot write {}", to.display()), &error))?;
    }
    if let Some(to) = job.outputs.get("json") {
        let json = answer.json.as_ref().ok_or_else(|| Fault::input("outputs", NO_SCHEMA))?;
        write_json(json, to)?;
    }
    Ok(())
}

fn values(answer: Completion) -> Values {
    let mut values = Values::new();
    values.insert("text".into(), json!(answer.text));
    if let Some(json) = answer.json {
        values.insert("json".into(), json);
    }
    values.insert("prompt_tokens".into(), json!(answer.prompt_tokens));
    values.insert("completion_tokens".into(), json!(answer.completion_tokens));
    values.insert("model".into(), json!(answer.model));
    values.insert("finish_reason".into(), json!(answer.finish_reason));
    values
}

/// Runs `work` on a thread that may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Fault::new(FaultClass::Bug, "panic", "reading or writing a file came to grief")))
}
