//! What checking a pipeline may ask of the register: names, parameters, outputs, values.

use serde_json::Value;

use super::audio::fit as sound_fit;
use super::builtin::{Builtin, OutputDoc};
use super::database::fit as database_fit;
use super::http::fit as http_fit;
use super::image::fit as picture_fit;
use super::llm::fit as llm_fit;
use super::register::{BUILTINS, find_batch, find_resource};
use super::schema;
use super::storage::fit as storage_fit;
use super::text::fit as text_fit;
use super::text::render::RENDER;
use crate::pipeline::builtins::{Asked, Builtins, ParamProblem};
use crate::resources::settings::ResourceKind;

/// The steps that read no file unless they are told to: what they make comes from their parameters.
const FROM_NOTHING: [&str; 2] = ["noop", "text.render"];

/// The built-in steps of a list, as the check of a pipeline sees them.
#[derive(Clone, Copy)]
pub struct Catalog<'a> {
    steps: &'a [&'a Builtin],
}

impl Catalog<'static> {
    /// All that are registered.
    #[must_use]
    pub fn registered() -> Self {
        Self { steps: BUILTINS }
    }
}

impl<'a> Catalog<'a> {
    /// Those of `steps`.
    #[must_use]
    pub const fn of(steps: &'a [&'a Builtin]) -> Self {
        Self { steps }
    }

    fn find(&self, name: &str) -> Option<&'a Builtin> {
        self.steps.iter().copied().find(|step| step.name == name)
    }
}

impl Catalog<'_> {
    fn output(&self, name: &str, output: &str) -> Option<&OutputDoc> {
        self.find(name)?.outputs.iter().find(|doc| doc.name == output)
    }
}

impl Builtins for Catalog<'_> {
    fn names(&self) -> Vec<String> {
        self.steps.iter().map(|step| step.name.to_owned()).collect()
    }

    fn check(&self, name: &str, with: &Value) -> Vec<ParamProblem> {
        let Some(step) = self.find(name) else { return Vec::new() };
        let problems = schema::problems(&(step.schema)(), with);
        // What the schema cannot say, the step's own reader can; but it cannot read placeholders before they are filled.
        // Those of a step over the batch are filled for every row, and stay texts to itself.
        if !problems.is_empty() {
            return problems;
        }
        let mistake = match schema::has_placeholder(with) && !self.is_batch(name) {
            true if name == RENDER.name => (step.check)(text_fit::known(with)).err(),
            // The parameters of the others are too much of one piece to be judged in part.
            true if find_resource(name).is_none() => None,
            true => schema::mistake(&(step.schema)(), with, step.check),
            false => (step.check)(with.clone()).err(),
        };
        mistake.map(|message| meant(with, message)).into_iter().collect()
    }

    fn outputs(&self, name: &str) -> Option<Vec<(String, bool)>> {
        let step = self.find(name).filter(|step| step.outputs.iter().all(|output| !output.any))?;
        Some(step.outputs.iter().map(|output| (output.name.to_owned(), output.required)).collect())
    }

    fn one_of(&self, name: &str) -> Vec<String> {
        let outputs = self.find(name).map_or(&[][..], |step| step.outputs);
        outputs.iter().filter(|output| output.one_of).map(|output| output.name.to_owned()).collect()
    }

    fn tool(&self, name: &str, output: &str) -> Option<String> {
        let outputs = self.find(name)?.outputs;
        outputs.iter().find(|known| known.name == output)?.tool.map(str::to_owned)
    }

    fn values(&self, name: &str) -> Option<Vec<String>> {
        let step = self.find(name)?;
        Some(step.values.iter().map(|value| value.name.to_owned()).collect())
    }

    fn is_many(&self, name: &str, output: &str) -> bool {
        self.output(name, output).is_some_and(|output| output.many)
    }

    fn piece_values(&self, name: &str, output: &str) -> Option<Vec<String>> {
        let output = self.output(name, output)?;
        Some(output.piece_values.iter().map(|value| value.name.to_owned()).collect())
    }

    fn misfit(&self, name: &str, with: &Value, asked: &Asked<'_>) -> Option<ParamProblem> {
        match find_batch(name) {
            Some(batch) => batch.misfit(with, asked),
            None => sound_fit::misfit(name, with, asked)
                .or_else(|| picture_fit::misfit(name, with, asked))
                .or_else(|| text_fit::misfit(name, asked))
                .or_else(|| database_fit::misfit(name, with))
                .or_else(|| http_fit::misfit(name, with, asked))
                .or_else(|| llm_fit::misfit(name, with, asked))
                .or_else(|| storage_fit::misfit(name, with, asked)),
        }
    }

    fn clash(&self, name: &str, with: &Value, settings: &Value) -> Option<ParamProblem> {
        http_fit::clash(name, with, settings)
            .or_else(|| llm_fit::clash(name, with, settings))
            .or_else(|| storage_fit::clash(name, with, settings))
            .or_else(|| database_fit::clash(name, with, settings))
    }

    fn doubts(&self, name: &str, with: &Value) -> Vec<ParamProblem> {
        text_fit::doubts(name, with)
    }

    fn version(&self, name: &str) -> u32 {
        self.find(name).map_or(0, |step| step.version)
    }

    fn reads_file(&self, name: &str) -> bool {
        match (find_batch(name), find_resource(name)) {
            (Some(batch), _) => batch.reads_files,
            (None, Some(resource)) => resource.reads_file,
            (None, None) => !FROM_NOTHING.contains(&name),
        }
    }

    fn is_batch(&self, name: &str) -> bool {
        find_batch(name).is_some()
    }

    fn resource_kind(&self, name: &str) -> Option<ResourceKind> {
        find_resource(name).map(|step| step.kind)
    }

    fn check_resource(&self, kind: ResourceKind, settings: &Value) -> Vec<ParamProblem> {
        let problems = schema::setting_problems(&kind.schema(), settings);
        if !problems.is_empty() {
            return problems;
        }
        match kind.check(settings) {
            // What a variable will hold is told when the run begins.
            Err(message) if !schema::is_about_variable(&message) => {
                vec![ParamProblem { key: false, ..meant(settings, message) }]
            }
            _ => problems,
        }
    }
}

/// A problem with `values`, at the one whose name its message begins with, or with all of them.
fn meant(values: &Value, message: String) -> ParamProblem {
    let named = message.strip_prefix('`').and_then(|rest| rest.split('`').next());
    let path: Vec<String> = named.filter(|name| values.get(name).is_some()).map(str::to_owned).into_iter().collect();
    ParamProblem { key: path.is_empty(), path, message, suggestion: None }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use std::collections::BTreeMap;

    use schemars::JsonSchema;
    use serde::Deserialize;

    use super::*;
    use crate::pipeline::load::parse;
    use crate::steps::builtin::{ValueDoc, Values, check_of, schema_of};

    /// How the sound is cut.
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape counts")]
    struct Cut {
        /// Where to begin, in seconds.
        #[serde(default)]
        start: f64,
        #[schemars(range(min = 1, max = 8))]
        channels: Option<u8>,
        shape: Option<Shape>,
        #[serde(default)]
        labels: BTreeMap<String, String>,
        #[serde(default)]
        gains: Vec<f32>,
        name: String,
        fade: Option<Fade>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Shape {
        /// Straight.
        Line,
        /// Round.
        Curve,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape counts")]
    struct Fade {
        seconds: f64,
    }

    static CUT: Builtin = Builtin {
        name: "audio.cut",
        version: 3,
        summary: "Cuts",
        outputs: &[OutputDoc::new("wav", "the piece").required()],
        values: &[ValueDoc { name: "seconds", summary: "its length" }],
        schema: schema_of::<Cut>,
        check: check_of::<Cut>,
        run: |_, _| Ok(Values::new()),
    };

    fn problems(with: Value) -> Vec<(String, String, Option<String>)> {
        let problems = Catalog::of(&[&CUT]).check("audio.cut", &with);
        problems.into_iter().map(|p| (p.path.join("."), p.message, p.suggestion)).collect()
    }

    #[test]
    fn good_parameters_are_good() {
        let with = serde_json::json!({
            "start": 1, "channels": 2, "shape": "line", "labels": { "a": "b" }, "gains": [0.5, 1], "name": "x",
            "fade": { "seconds": 1.5 },
        });
        assert_eq!(problems(with), []);
        assert_eq!(problems(serde_json::json!({ "name": "x" })), []);
    }

    #[test]
    fn each_mistake_is_told_with_its_path_and_what_would_be_right() {
        let with = |key: &str, value: Value| serde_json::json!({ "name": "x", key: value });
        let table = [
            (with("strat", 1.into()), "strat", "unknown parameter `strat`", "did you mean `start`?"),
            (with("start", true.into()), "start", "`start` must be a number, not true or false", ""),
            (with("start", "soon".into()), "start", "`start` must be a number, not a text", ""),
            (with("channels", 1.5.into()), "channels", "`channels` must be a whole number, not a number", ""),
            (with("channels", 0.into()), "channels", "`channels` is out of range", "it is 1 to 8"),
            (with("channels", 9.into()), "channels", "`channels` is out of range", "it is 1 to 8"),
            (with("shape", "lin".into()), "shape", "`shape` cannot be `lin`", "did you mean `line`?"),
            (with("shape", 3.into()), "shape", "`shape` must be a text, not a whole number", ""),
            (with("gains", vec![serde_json::json!("x")].into()), "gains.0", "`gains` must be a number, not a text", ""),
            (with("labels", serde_json::json!({"a": 1})), "labels.a", "`a` must be a text, not a whole number", ""),
            (with("fade", serde_json::json!({})), "fade", "`fade` needs the parameter `seconds`", ""),
            (
                with("fade", serde_json::json!({"seconds": 1, "second": 2})),
                "fade.second",
                "unknown parameter `second`",
                "did you mean `seconds`?",
            ),
            (serde_json::json!({}), "", "`with` needs the parameter `name`", ""),
        ];
        for (with, path, message, suggestion) in table {
            let found = problems(with.clone());
            assert_eq!(found.len(), 1, "{with}: {found:?}");
            let (found_path, found_message, found_suggestion) = &found[0];
            assert_eq!((found_path.as_str(), found_message.as_str()), (path, message), "{with}");
            assert!(found_suggestion.as_deref().unwrap_or_default().contains(suggestion), "{with}: {found:?}");
        }
    }

    #[test]
    fn a_placeholder_is_left_for_run_time() {
        let with = serde_json::json!({ "name": "{item.stem}", "start": "{probe.offset}", "shape": "{probe.shape}" });
        assert_eq!(problems(with), []);
        // Braces that are text are no placeholder.
        assert_eq!(problems(serde_json::json!({ "name": "x", "start": "{{1}}" })).len(), 1);
    }

    #[test]
    fn a_pipeline_is_told_about_the_parameter_it_got_wrong() {
        let text = "[[step]]\nid = \"a\"\nuses = \"audio.cut\"\nout.wav = \"a.wav\"\n\
                    [step.with]\nname = \"x\"\nlabels = { a = 1 }\ngains = [1, \"y\"]\nsize = 1\n";
        let (_, found) = parse("x.toml", text, &Catalog::of(&[&CUT]));
        let places: Vec<&str> = found.iter().map(|d| &text[d.span.clone().unwrap()]).collect();
        assert_eq!(places, ["1", "\"y\"", "size"]);
    }

    #[test]
    fn a_step_depends_on_the_program_that_makes_what_is_asked_of_it() {
        let plan = |out: &str| {
            let text = format!("[[step]]\nid = \"a\"\nuses = \"audio.convert\"\nout = {{ {out} }}\n");
            let (plan, found) = parse("x.toml", &text, &Catalog::registered());
            (plan, found.iter().map(|found| found.message.clone()).collect::<Vec<_>>())
        };
        let tool = |out: &str| plan(out).0.unwrap().steps[0].tool.clone();
        assert_eq!(tool("wav = \"a.wav\""), None);
        assert_eq!(tool("wav = \"a.wav\", mp3 = \"a.mp3\"").as_deref(), Some("ffmpeg"));
        let (none, told) = plan("");
        assert!(
            none.is_none() && told[0].starts_with("`audio.convert` needs a place for one of its outputs"),
            "{told:?}"
        );
    }

    #[test]
    fn what_fails_for_every_file_is_told_before_any_is_touched() {
        let told = |step: &str| {
            let text = format!("[[step]]\nid = \"a\"\n{step}\n");
            let (_, found) = parse("x.toml", &text, &Catalog::registered());
            let errors = found.iter().filter(|found| !found.message.contains("every item writes"));
            errors.map(|found| found.message.clone()).collect::<Vec<_>>().join("; ")
        };
        let name = "{item.stem}";
        for (step, wanted) in [
            (r#"uses = "audio.convert", out.flac = "a.flac", with.bits = 32"#, "FLAC holds 16 or 24"),
            (r#"uses = "audio.convert", out.wav = "a.wav", with.bits = 32"#, ""),
            (r#"uses = "audio.slice", out.clips = "c/*.mp3""#, "wav or flac"),
            (r#"uses = "audio.slice", out.clips = "c/*.flac""#, ""),
            (r#"uses = "audio.slice", out.clips = "c/*.flac", with.bits = 32"#, "FLAC holds 16 or 24"),
            (r#"uses = "audio.slice", out.clips = "c/*.wav", with.by = "beats""#, "none are given"),
            (r#"uses = "audio.slice", out.clips = "c/*.wav", with = { by = "beats", beats = [1.0] }"#, ""),
            (
                r#"uses = "audio.mix", in = ["{item.path}", "{item.path}"], out.wav = "a.wav", with.gains_db = [1.0]"#,
                "1 gains",
            ),
            (r#"uses = "audio.mix", in = ["{item.path}", "{item.path}"], out.wav = "a.wav""#, ""),
            (r#"uses = "audio.compare""#, "reads two files"),
            (r#"uses = "audio.compare", in = ["{item.path}", "{item.path}"]"#, ""),
            (r#"uses = "image.compare""#, "reads two files"),
            (r#"uses = "image.compare", in = ["{item.path}", "{item.path}"]"#, ""),
            (r#"uses = "audio.probe", in = ["{item.path}", "{item.path}"]"#, "reads one file"),
            (r#"uses = "image.hash", in = ["{item.path}", "{item.path}"]"#, "reads one file"),
            (r#"uses = "image.resize", out.picture = "a.avif""#, "AVIF"),
            (r#"uses = "image.dedupe", out.table = "t.jsonl", with.hash = "0123456789abcdef""#, "same for every item"),
            (r#"uses = "audio.convert", out.mp3 = "a.mp3", with.bitrate_kbps = 400"#, "320 at most"),
            (
                r#"uses = "audio.convert", out.opus = "a.opus", with = { bitrate_kbps = 400, channels = 1 }"#,
                "256 at most",
            ),
            (r#"uses = "audio.convert", out.opus = "a.opus", with = { bitrate_kbps = 400, channels = 2 }"#, ""),
        ] {
            // Each key on its own line, and each file named after its item.
            let lines = step.replace(", out", "\nout").replace(", with", "\nwith").replace(", in =", "\nin =");
            let lines = lines.replace("\"a.", &format!("\"{name}.")).replace("\"c/", &format!("\"{name}/"));
            let found = told(&lines);
            assert!(if wanted.is_empty() { found.is_empty() } else { found.contains(wanted) }, "{lines}: {found}");
        }
    }

    #[test]
    fn a_step_over_the_batch_that_reads_files_says_which_where_items_are_generated() {
        let told = |step: &str| {
            let text = format!("[generate]\ncount = 2\n[[step]]\nid = \"a\"\nuses = {step}\n");
            let (_, found) = parse("x.toml", &text, &Catalog::registered());
            found.iter().map(|found| found.message.clone()).collect::<Vec<_>>().join("; ")
        };
        let sheet = r#""image.contact_sheet", out.sheets = "a-*.jpg""#.replace(", out", "\nout");
        assert!(told(&sheet).contains("reads a file, and a generated item has none"), "{}", told(&sheet));
        let table = "\"collect\"\nout.table = \"a.csv\"\nwith.columns = { name = \"{item.stem}\" }";
        assert_eq!(told(table), "");
    }

    #[test]
    fn every_registered_step_can_be_asked() {
        let catalog = Catalog::registered();
        for name in catalog.names() {
            let any = name == "image.resize";
            assert!(
                catalog.outputs(&name).is_some() != any
                    && catalog.values(&name).is_some()
                    && catalog.version(&name) > 0
            );
            catalog.check(&name, &serde_json::json!({}));
        }
    }
}
