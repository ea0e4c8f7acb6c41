//! The parameters of `llm.complete`.

use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::text::read_text;
use crate::resilience::Fault;
use crate::resources::llm::AnswerSchema;
use crate::steps::common::within;

/// What is told where JSON is wanted and no schema says of what form.
pub(super) const NO_SCHEMA: &str = "the output `json` needs the parameter `schema`";

/// The parameters of `llm.complete`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteParams {
    /// What is asked.
    pub prompt: String,
    /// What the model is, and how it is to answer.
    #[serde(default)]
    pub system: Option<String>,
    /// The answer must be JSON that fits this: a JSON schema, as a table, or the path of a file that holds one. In a table,
    /// braces that are no placeholder are written twice.
    #[serde(default)]
    pub schema: Option<SchemaParam>,
    /// How often an answer that does not fit the schema is asked for again, with what is wrong with it. When none did fit,
    /// the attempt has failed, and the step's `retry` says what comes next.
    #[serde(default = "repairs")]
    #[schemars(range(min = 0, max = 10))]
    pub repairs: u32,
    /// With true: the text of the file that `in` names comes after the prompt.
    #[serde(default)]
    pub attach: bool,
    /// The most bytes of all that is asked: system, prompt and file. What is longer is refused, never cut.
    #[serde(default = "max_input_bytes")]
    #[schemars(range(min = 1))]
    pub max_input_bytes: u64,
    /// The most tokens of the answer; as the resource says where nothing is said. An answer that has more is refused, never
    /// cut.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max_tokens: Option<u32>,
    /// How free the answer is, from 0 to 2 (Anthropic: to 1); as the resource says where nothing is said. 0 is the least free.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 2.0))]
    pub temperature: Option<f64>,
    /// The same seed gives the same answer, as far as the service keeps to it. Anthropic knows none.
    #[serde(default)]
    pub seed: Option<u32>,
    /// Texts at which the answer ends; they are no part of it. Most services take 4 at most.
    #[serde(default)]
    pub stop: Vec<String>,
}

const fn repairs() -> u32 {
    1
}

const fn max_input_bytes() -> u64 {
    256 << 10
}

/// A JSON schema, or where it is.
#[derive(Debug, Clone, PartialEq)]
pub enum SchemaParam {
    /// The schema.
    Table(Map<String, Value>),
    /// The path of a file that holds it.
    File(PathBuf),
}

impl<'de> Deserialize<'de> for SchemaParam {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;
        impl<'de> Visitor<'de> for Reading {
            type Value = SchemaParam;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON schema as a table, or the path of a file that holds one")
            }

            fn visit_str<E: Error>(self, path: &str) -> Result<SchemaParam, E> {
                Ok(SchemaParam::File(path.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SchemaParam, A::Error> {
                Map::deserialize(MapAccessDeserializer::new(map)).map(SchemaParam::Table)
            }
        }
        deserializer.deserialize_any(Reading)
    }
}

impl JsonSchema for SchemaParam {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SchemaParam".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["object", "string"] })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// No schema in a file is longer, in bytes.
const LONGEST_SCHEMA: u64 = 1 << 20;

impl SchemaParam {
    /// The schema, ready to be used. Blocks where it is in a file.
    pub(super) fn open(self) -> Result<AnswerSchema, Fault> {
        match self {
            Self::Table(table) => AnswerSchema::new(Value::Object(table))
                .map_err(|why| Fault::input("schema", format!("`schema`: {why}"))),
            Self::File(path) => {
                let shown = path.display();
                let text = read_text(&path, LONGEST_SCHEMA)?;
                let wrong = |why: String| Fault::input("schema", format!("{shown}: {why}"));
                let schema = serde_json::from_str(&text).map_err(|error| wrong(format!("this is no JSON: {error}")))?;
                AnswerSchema::new(schema).map_err(wrong)
            }
        }
    }
}

impl CompleteParams {
    /// What the schema of the parameters cannot say, or is not asked where placeholders stand.
    pub(super) fn check(&self) -> Result<(), String> {
        within("repairs", self.repairs, 0, 10, "")?;
        within("max_input_bytes", self.max_input_bytes, 1, u64::MAX, "bytes")?;
        within("max_tokens", self.max_tokens.unwrap_or(1), 1, u32::MAX, "tokens")?;
        within("temperature", self.temperature.unwrap_or(0.0), 0.0, 2.0, "")
    }
}
