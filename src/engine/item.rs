//! One item as the engine handles it, and what placeholders read of it.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use indexmap::IndexMap;
use serde_json::Value;

use super::batch::Batch;
use super::generator::Made;
use super::occasion::Occasion;
use super::piece_view::{PieceView, reach};
use crate::events::ItemIndex;
use crate::pipeline::template::{Field, ItemField, Lookup, Template};
use crate::resilience::checkpoint::Checkpoint;
use crate::resilience::store::ItemKey;

/// The most text that a file's content may be as a value, in bytes.
const CONTENT: u64 = 1 << 20;

/// One unit of the batch.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its place in the batch.
    pub index: ItemIndex,
    /// Absolute; of a generated item, which has no file, its name alone.
    pub path: PathBuf,
    /// What it has instead of a file.
    pub made: Option<Made>,
    /// Its folder below the input folder that it was found in.
    pub below: PathBuf,
    /// Its key in the store.
    pub key: ItemKey,
    /// Its id: the name of its checkpoint.
    pub id: String,
}

impl Item {
    /// The item at `index` of the batch.
    #[must_use]
    pub fn of(batch: &Batch, index: ItemIndex) -> Self {
        let place = index as usize;
        let path = batch.path(index);
        let key = ItemKey::of(&path);
        let id = key.item_id(&path);
        let made = batch.generator.as_ref().map(|generator| generator.item(index));
        Self { index, below: batch.below(place).to_path_buf(), key, id, path, made }
    }

    /// The name of its file, or its own.
    #[must_use]
    pub fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }

    /// What a generated item has by this name.
    ///
    /// # Errors
    /// That it has no such value.
    pub fn value(&self, name: &str) -> Result<Value, String> {
        self.made.as_ref().ok_or("only generated items have values")?.value(name)
    }

    fn field(&self, field: ItemField) -> OsString {
        let text = |part: Option<&OsStr>| part.unwrap_or_default().to_os_string();
        match field {
            ItemField::Path => self.path.clone().into(),
            ItemField::Name => self.name().to_os_string(),
            ItemField::Stem => text(self.path.file_stem()),
            ItemField::Ext => text(self.path.extension()),
            ItemField::Dir => self.below.clone().into(),
            ItemField::Hash => self.key.short().into(),
        }
    }
}

/// Where the placeholders of one item, and of one attempt, get their content.
#[derive(Debug, Default)]
pub struct Fields<'a> {
    /// The item; a batch step has none.
    pub item: Option<&'a Item>,
    /// The piece that the step runs for, if it does.
    pub piece: Option<&'a PieceView>,
    /// What is known of the steps before.
    pub checkpoint: Option<&'a Checkpoint>,
    /// The files that the step reads.
    pub inputs: &'a [OsString],
    /// The attempt's folder.
    pub scratch: Option<&'a Path>,
    /// The assets that it was given, by the names of their pools; an empty path where a pool has none.
    pub drawn: Option<&'a IndexMap<String, PathBuf>>,
    /// Where the step writes each output.
    pub outputs: Option<&'a IndexMap<String, PathBuf>>,
    /// What a hook is called for.
    pub occasion: Option<&'a Occasion>,
}

impl Fields<'_> {
    /// The artifact or value `name` of `step`, as JSON; an artifact is its path.
    ///
    /// # Errors
    /// That there is none, and why.
    pub fn step_value(&self, step: &str, name: &str) -> Result<Value, String> {
        let checkpoint = self.checkpoint.ok_or("no step has run")?;
        if let Some(artifact) = checkpoint.steps.get(step).and_then(|record| record.artifacts.get(name)) {
            return Ok(Value::String(artifact.path.display().into_owned()));
        }
        let values = checkpoint.result(step).ok_or_else(|| format!("step '{step}' has no result"))?;
        reach(values, name).ok_or_else(|| format!("step '{step}' found no '{name}'"))
    }

    /// The text in the artifact `name` of `step`, without the end of its last line.
    ///
    /// # Errors
    /// That there is none, and why.
    pub fn content(&self, step: &str, name: &str) -> Result<String, String> {
        let record = self.checkpoint.and_then(|checkpoint| checkpoint.steps.get(step));
        let artifact = record.and_then(|record| record.artifacts.get(name));
        let path = artifact.ok_or_else(|| format!("step '{step}' made no file '{name}'"))?.path.as_path();
        let why = |why: &str| format!("{} {why}", path.display());
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(|error| why(&format!("cannot be read: {error}")))?;
        file.take(CONTENT + 1).read_to_end(&mut bytes).map_err(|error| why(&format!("cannot be read: {error}")))?;
        if bytes.len() as u64 > CONTENT {
            return Err(why("is more text than a value may be: 1 MiB"));
        }
        let mut text = String::from_utf8(bytes).map_err(|_| why("is not text: it is not UTF-8"))?;
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Ok(text)
    }
}

impl Lookup for Fields<'_> {
    fn lookup(&self, field: &Field) -> Result<OsString, String> {
        match field {
            Field::Item(field) => {
                self.item.map(|item| item.field(*field)).ok_or_else(|| "there is no item here".into())
            }
            Field::ItemValue(name) => {
                let made = self.item.and_then(|item| item.made.as_ref()).ok_or("there is no generated item here")?;
                made.text(name)
            }
            Field::Piece(field) => self.piece.ok_or("there is no piece here")?.field(field),
            Field::Content { step, name } => self.content(step, name).map(Into::into),
            Field::In => self.inputs.first().cloned().ok_or_else(|| "the step reads no file".into()),
            Field::Pool(pool) => {
                let path = self.drawn.and_then(|drawn| drawn.get(pool));
                path.map(|path| path.as_os_str().to_os_string()).ok_or_else(|| "nothing was drawn here".into())
            }
            Field::Fault(part) => self.occasion.ok_or("nothing failed here")?.fault(*part).map(text_of),
            Field::Run(part) => Ok(text_of(self.occasion.ok_or("only a hook is told of the run")?.run(*part))),
            Field::Resource { .. } => Err("data of the pipeline is filled in when the plan is made".into()),
            Field::Scratch => {
                self.scratch.map(|folder| folder.as_os_str().to_os_string()).ok_or_else(|| "no scratch here".into())
            }
            Field::Out(name) => {
                let outputs = self.outputs.ok_or("the step makes no file")?;
                let path = match name {
                    Some(name) => outputs.get(name),
                    None => outputs.values().next(),
                };
                path.map(|path| path.as_os_str().to_os_string()).ok_or_else(|| "the step makes no such file".into())
            }
            Field::Step { step, name } => {
                let artifact = self
                    .checkpoint
                    .and_then(|checkpoint| checkpoint.steps.get(step))
                    .and_then(|record| record.artifacts.get(name));
                match artifact {
                    Some(artifact) => Ok(artifact.path.0.clone()),
                    None => self.step_value(step, name).map(text_of),
                }
            }
        }
    }
}

/// A value as it stands in a text.
fn text_of(value: Value) -> OsString {
    match value {
        Value::String(text) => text.into(),
        other => other.to_string().into(),
    }
}

/// Fills every placeholder in `with`. A text that is one placeholder and nothing else takes the value's own type.
///
/// # Errors
/// Which placeholder has no content, and why.
pub fn fill(with: &Value, fields: &Fields<'_>) -> Result<Value, String> {
    match with {
        Value::String(text) => {
            let template = Template::parse(text).map_err(|error| error.message)?;
            match template.whole_field() {
                Some(Field::Step { step, name }) => fields.step_value(step, name),
                Some(Field::ItemValue(name)) => fields.item.ok_or("there is no item here")?.value(name),
                Some(Field::Piece(field)) => fields.piece.ok_or("there is no piece here")?.value(field),
                Some(Field::Run(part)) => Ok(fields.occasion.ok_or("only a hook is told of the run")?.run(*part)),
                _ => template.expand(fields).map(|text| Value::String(text.to_string_lossy().into_owned())),
            }
        }
        Value::Array(list) => list.iter().map(|value| fill(value, fields)).collect::<Result<_, _>>().map(Value::Array),
        Value::Object(map) => {
            let filled = map.iter().map(|(key, value)| fill(value, fields).map(|value| (key.clone(), value)));
            filled.collect::<Result<_, _>>().map(Value::Object)
        }
        other => Ok(other.clone()),
    }
}

/// `relative` below `folder`, when it stays there and every name is one that a file system takes.
///
/// # Errors
/// What is wrong with it.
pub fn place_below(folder: &Path, relative: &Path) -> Result<PathBuf, String> {
    const LONGEST_NAME: usize = 255;
    let mut path = folder.to_path_buf();
    for part in relative.components() {
        match part {
            Component::Normal(name) if name.len() > LONGEST_NAME => {
                return Err(format!(
                    "the name {} is {} bytes long, and file systems take {LONGEST_NAME}",
                    name.to_string_lossy(),
                    name.len()
                ));
            }
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            _ => return Err(format!("{} leaves the output folder", relative.display())),
        }
    }
    Ok(path)
}
