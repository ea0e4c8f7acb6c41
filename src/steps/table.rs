//! Tables that steps over the whole batch write.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::resilience::Fault;

/// How a table is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TableFormat {
    /// One JSON object a line, keys in the order of the columns.
    #[default]
    Jsonl,
    /// Comma-separated values: a line of names first, what is missing is an empty field.
    Csv,
}

/// A table while it is written.
#[derive(Debug)]
pub struct Table {
    columns: Vec<String>,
    path: PathBuf,
    out: Out,
}

#[derive(Debug)]
enum Out {
    Jsonl(BufWriter<File>),
    Csv(Box<::csv::Writer<File>>),
}

impl Table {
    /// Begins the table at `path`.
    ///
    /// # Errors
    /// The fault of the disk.
    pub fn begin(
        format: TableFormat,
        columns: impl IntoIterator<Item = impl Into<String>>,
        path: &Path,
    ) -> Result<Self, Fault> {
        let columns: Vec<String> = columns.into_iter().map(Into::into).collect();
        let out = Out::begin(format, &columns, path).map_err(|error| cannot_write(path, &error))?;
        Ok(Self { columns, path: path.to_path_buf(), out })
    }

    /// Adds a row: what it says of each column; nothing is null.
    ///
    /// # Errors
    /// The fault of the disk.
    pub fn row<'a>(&mut self, cell: impl Fn(&str) -> Option<&'a Value>) -> Result<(), Fault> {
        self.out.row(&self.columns, cell).map_err(|error| cannot_write(&self.path, &error))
    }

    /// Ends it.
    ///
    /// # Errors
    /// The fault of the disk.
    pub fn end(self) -> Result<(), Fault> {
        let ended = match self.out {
            Out::Jsonl(mut out) => out.flush(),
            Out::Csv(mut table) => table.flush(),
        };
        ended.map_err(|error| cannot_write(&self.path, &error))
    }
}

impl Out {
    fn begin(format: TableFormat, columns: &[String], path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        Ok(match format {
            TableFormat::Jsonl => Self::Jsonl(BufWriter::new(file)),
            TableFormat::Csv => {
                let mut table = ::csv::Writer::from_writer(file);
                table.write_record(columns).map_err(unwrapped)?;
                Self::Csv(Box::new(table))
            }
        })
    }

    fn row<'a>(&mut self, columns: &[String], cell: impl Fn(&str) -> Option<&'a Value>) -> io::Result<()> {
        let cell = |name: &String| cell(name).unwrap_or(&Value::Null);
        match self {
            Self::Jsonl(out) => {
                let line: Map<String, Value> = columns.iter().map(|name| (name.clone(), cell(name).clone())).collect();
                serde_json::to_writer(&mut *out, &line)?;
                out.write_all(b"\n")
            }
            Self::Csv(table) => table.write_record(columns.iter().map(|name| field(cell(name)))).map_err(unwrapped),
        }
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Fault {
    Fault::from_io(&format!("cannot write {}", path.display()), error)
}

/// The error of the disk out of one of the library: a full disk must stay one.
fn unwrapped(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// A value as a field: texts as they are, nothing as nothing, lists and objects as JSON.
fn field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
