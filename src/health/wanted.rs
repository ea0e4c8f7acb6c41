//! What to look for.

use std::time::Duration;

use indexmap::IndexMap;

use super::known;
use crate::pipeline::plan::{Action, Plan, ToolSpec};

/// A dependency to look for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// Its name: as a step names its tool, or the table of known tools does.
    pub name: String,
    /// The program that its steps start, where that is not found by the name: a path, or another name.
    pub program: Option<String>,
    /// Whether a run refuses to start without it.
    pub required: bool,
    /// What the pipeline says of it.
    pub spec: ToolSpec,
    /// The longest its probe may take, if not the time that is known for the tool.
    pub limit: Option<Duration>,
    /// It is a resource of the pipeline, and no tool.
    pub resource: bool,
}

/// What a pipeline needs: the tool of each step, what `[health]` and `[tools]` name beyond that, and its resources.
///
/// A tool or a resource is required where the pipeline says so; where it says nothing, unless every step that uses it is
/// optional. One that no step uses is required only on the pipeline's word.
#[must_use]
pub fn wanted(plan: &Plan) -> Vec<Wanted> {
    let mut needed: IndexMap<&str, bool> = IndexMap::new();
    for step in &plan.steps {
        for name in step.tool.iter().chain(&step.resources) {
            *needed.entry(name).or_default() |= !step.optional;
        }
    }
    for name in plan.tools.keys().chain(plan.resources.iter().map(|resource| &resource.name)) {
        needed.entry(name).or_default();
    }
    let one = |(name, needed): (&str, bool)| {
        let spec = plan.tools.get(name).cloned().unwrap_or_default();
        let resource = plan.resources.iter().any(|resource| resource.name == name);
        let program = if resource { None } else { program_of(plan, name) };
        let required = if resource { plan.requires(name) } else { spec.required.unwrap_or(needed) };
        Wanted { name: name.to_owned(), program, required, spec, limit: None, resource }
    };
    needed.into_iter().map(one).collect()
}

/// The program that the steps of a tool start, where that is not found by the tool's own name.
#[must_use]
pub fn program_of(plan: &Plan, tool: &str) -> Option<String> {
    let step = plan.steps.iter().find(|step| step.tool.as_deref() == Some(tool))?;
    let Action::Run(argv) = &step.action else { return None };
    let first = argv.first().filter(|first| first.is_literal())?;
    // A known tool is found by its own rules; its steps may start a script beside it.
    (known::find(tool).is_none() || first.literal_prefix().contains('/')).then(|| first.literal_prefix().to_owned())
}

/// All tools that mediamill knows. None is required: no pipeline has asked for it.
#[must_use]
pub fn all_known() -> Vec<Wanted> {
    known::all().map(|tool| Wanted { name: tool.name.to_owned(), ..Wanted::default() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::plan::{DecodeCheck, Durability, Input, OnOpen, Step, Verify};
    use crate::pipeline::template::Template;
    use crate::resilience::retry::RetryPolicy;

    fn text(source: &str) -> Template {
        Template { source: source.to_owned(), segments: Vec::new() }
    }

    fn step(tool: Option<&str>, optional: bool) -> Step {
        Step {
            id: "step".to_owned(),
            action: Action::Run(Vec::new()),
            each: None,
            input: Vec::new(),
            matches: crate::pipeline::names::NamePatterns::default(),
            out: IndexMap::new(),
            tool: tool.map(str::to_owned),
            resources: Vec::new(),
            reads: Vec::new(),
            after: Vec::new(),
            timeout: None,
            idle_timeout: None,
            grace: Duration::from_secs(5),
            retry: RetryPolicy::default(),
            optional,
            on_open: OnOpen::Park,
            fallback: IndexMap::new(),
            verify: Verify { nonempty: true, decode: DecodeCheck::Off, min_bytes: 0 },
            env: IndexMap::new(),
            memory: None,
            max_output: 0,
            sandbox: false,
            times_of_input: false,
            batch: false,
            pools: Vec::new(),
            definition: serde_json::Value::Null,
        }
    }

    #[test]
    fn a_tool_is_required_unless_the_pipeline_or_all_its_steps_say_otherwise() {
        let said = |required| ToolSpec { required: Some(required), ..ToolSpec::default() };
        let plan = Plan {
            name: "p".to_owned(),
            description: String::new(),
            input: Input::default(),
            generate: None,
            pools: Vec::new(),
            resources: Vec::new(),
            hooks: Vec::new(),
            output: text("out"),
            tools: IndexMap::from([
                ("sox".to_owned(), said(false)),
                ("demucs".to_owned(), said(true)),
                ("essentia".to_owned(), ToolSpec::default()),
                ("flac".to_owned(), said(true)),
            ]),
            breakers: IndexMap::new(),
            give_up_after: 3,
            retry: RetryPolicy::default(),
            durability: Durability::Process,
            steps: vec![
                step(Some("ffmpeg"), true),
                step(Some("ffmpeg"), false),
                step(Some("aubio"), true),
                step(Some("sox"), false),
                step(Some("demucs"), true),
                step(None, false),
            ],
        };
        let found: Vec<_> = wanted(&plan).into_iter().map(|one| (one.name, one.required)).collect();
        let expected =
            [("ffmpeg", true), ("aubio", false), ("sox", false), ("demucs", true), ("essentia", false), ("flac", true)];
        assert_eq!(found, expected.map(|(name, required)| (name.to_owned(), required)));
    }

    #[test]
    fn the_seeds_four_tools_are_among_the_known() {
        let all = all_known();
        for name in ["demucs", "basic-pitch", "essentia", "ffmpeg"] {
            assert!(all.iter().any(|one| one.name == name && !one.required), "{name}");
        }
    }
}
