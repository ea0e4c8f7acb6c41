//! `image.dedupe`: which pictures of the batch are nearly the same.

use std::cmp::Reverse;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::media::similar::groups::{MOST_DISTANCE, groups};
use crate::media::similar::hash::PictureHash;
use crate::pipeline::builtins::{Asked, ParamProblem};
use crate::resilience::Fault;
use crate::resilience::os_text::OsText;
use crate::steps::batch::{BatchRow, BatchStep, for_each_row};
use crate::steps::builtin::{Builtin, Job, OutputDoc, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, required, within};
use crate::steps::schema::has_placeholder;
use crate::steps::table::{Table, TableFormat};

/// The parameters of `image.dedupe`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DedupeParams {
    /// The hash of each picture: `"{STEP.hash}"` of a step `image.hash`. Where that is null the picture is like no other.
    pub hash: String,
    /// Pixels of each picture from left to right, such as `"{STEP.width}"`. Of pictures that are alike, that with the most
    /// pixels is kept, or else that with the largest file.
    #[serde(default)]
    pub width: Option<String>,
    /// Pixels of each picture from top to bottom, such as `"{STEP.height}"`.
    #[serde(default)]
    pub height: Option<String>,
    /// How many of the 64 bits may differ, 0 to 16. Within 8 lie copies that are smaller, compressed again, brighter or darker
    /// or a little blurred; of 4.5 million pairs of different scenes (made by chance) none did. Cropped copies need up to 12,
    /// and then some pictures that only look alike are found, too.
    #[serde(default = "distance")]
    #[schemars(range(min = 0, max = 16))]
    pub distance: u32,
    /// How the table is written.
    #[serde(default)]
    pub format: TableFormat,
}

const fn distance() -> u32 {
    8
}

impl DedupeParams {
    fn validate(&self) -> Result<(), String> {
        within("distance", self.distance, 0, MOST_DISTANCE, "bits")
    }
}

/// The columns of the table.
const COLUMNS: [&str; 7] = ["group", "keep", "path", "distance", "width", "height", "bytes"];

/// The step as one over the whole batch.
pub static DEDUPE_BATCH: BatchStep =
    BatchStep { step: &DEDUPE, of_rows: &["hash", "width", "height"], reads_files: true, misfit };

/// What is wrong with asking this of the step, for any batch.
fn misfit(with: &Value, _: &Asked<'_>) -> Option<ParamProblem> {
    let hash = with.get("hash").filter(|hash| !has_placeholder(hash))?;
    Some(ParamProblem {
        path: vec!["hash".to_owned()],
        key: false,
        message: format!("`hash` is {hash}, the same for every item"),
        suggestion: Some("let it name that of a step: hash = \"{STEP.hash}\"".to_owned()),
    })
}

/// The step.
pub static DEDUPE: Builtin = Builtin {
    name: "image.dedupe",
    version: 1,
    summary: "Finds the pictures of the batch that are nearly the same, and lists them in a table; it deletes nothing",
    outputs: &[OutputDoc::new(
        "table",
        "a row for each picture that has near duplicates: the number of its group, whether it is the one to keep, its path, in \
         how many bits it differs from that one, width, height, bytes; as JSONL or CSV",
    )
    .required()],
    values: &[
        ValueDoc { name: "pictures", summary: "number of pictures with a hash" },
        ValueDoc { name: "unhashed", summary: "number of items without one: plain pictures, and what is no picture" },
        ValueDoc { name: "groups", summary: "number of groups of near duplicates" },
        ValueDoc { name: "duplicates", summary: "number of pictures in them that are not the one to keep" },
        ValueDoc { name: "duplicate_bytes", summary: "bytes of their files" },
    ],
    schema: schema_of::<DedupeParams>,
    check: |with| read::<DedupeParams>(with)?.validate(),
    run,
};

struct Candidate {
    hash: PictureHash,
    path: OsText,
    size: Option<(u64, u64)>,
    bytes: u64,
}

impl Candidate {
    /// `None` where it has no hash.
    fn of(row: BatchRow) -> Result<Option<Self>, Fault> {
        let wrong = |wrong: String| Fault::input("parameters", format!("{}: {wrong}", row.name));
        let hash: Option<PictureHash> = match row.with.get("hash") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.parse().map_err(wrong)?),
            Some(other) => return Err(wrong(format!("`hash` is {other}, and a hash is a text"))),
        };
        let size = row.number("width").zip(row.number("height"));
        Ok(hash.zip(row.file).map(|(hash, file)| Self { hash, path: file.path, size, bytes: file.bytes }))
    }

    fn pixels(&self) -> u64 {
        self.size.map_or(0, |(width, height)| width.saturating_mul(height))
    }
}

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: DedupeParams = parameters(with)?;
    params.validate().map_err(|wrong| Fault::input("parameters", wrong))?;
    let mut unhashed = 0;
    let mut pictures = Vec::new();
    for_each_row(job, |row| {
        match Candidate::of(row)? {
            Some(picture) => pictures.push(picture),
            None => unhashed += 1,
        }
        Ok(())
    })?;
    pictures.sort_by(|one, other| {
        let rank = |picture: &Candidate| Reverse((picture.pixels(), picture.bytes));
        rank(one).cmp(&rank(other)).then_with(|| one.path.0.cmp(&other.path.0))
    });
    let hashes: Vec<PictureHash> = pictures.iter().map(|picture| picture.hash).collect();
    let groups = groups(&hashes, params.distance);
    let mut table = Table::begin(params.format, COLUMNS, required(job, "table")?)?;
    let (mut duplicates, mut bytes) = (0, 0);
    for (number, group) in groups.iter().enumerate() {
        for (place, distance) in
            [(group.keep, None)].into_iter().chain(group.duplicates.iter().map(|(at, of)| (*at, Some(of))))
        {
            let picture = &pictures[place];
            let cells = cells(number + 1, picture, distance.copied());
            table.row(|column| cells.get(column))?;
            if distance.is_some() {
                duplicates += 1;
                bytes += picture.bytes;
            }
        }
    }
    table.end()?;
    let mut values = Values::new();
    values.insert("pictures".into(), json!(pictures.len()));
    values.insert("unhashed".into(), json!(unhashed));
    values.insert("groups".into(), json!(groups.len()));
    values.insert("duplicates".into(), json!(duplicates));
    values.insert("duplicate_bytes".into(), json!(bytes));
    Ok(values)
}

/// The row of a picture; `distance` is that of a duplicate, and the one to keep has none.
fn cells(group: usize, picture: &Candidate, distance: Option<u32>) -> Map<String, Value> {
    let (width, height) = picture.size.unzip();
    let cells = [
        json!(group),
        json!(distance.is_none()),
        json!(picture.path.display()),
        json!(distance.unwrap_or(0)),
        json!(width),
        json!(height),
        json!(picture.bytes),
    ];
    COLUMNS.into_iter().map(str::to_owned).zip(cells).collect()
}
