//! Text with placeholders: `"{item.stem}.wav"`.

use std::ffi::OsString;
use std::ops::Range;

/// One placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// `{item.NAME}`.
    Item(ItemField),
    /// `{in}`: the file that the step reads (the first, where it reads several).
    In,
    /// `{scratch}`: the attempt's own folder.
    Scratch,
    /// `{out}` where the step makes one output, `{out.NAME}` where it makes several.
    Out(Option<String>),
    /// `{STEP.NAME}`: an artifact's path or a value (dots reach into it) of another step.
    Step {
        /// The other step's id.
        step: String,
        /// The artifact, or the path to the value.
        name: String,
    },
}

/// What `{item.NAME}` can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemField {
    /// The absolute path.
    Path,
    /// The file name.
    Name,
    /// The file name without its last extension.
    Stem,
    /// The last extension, without the dot.
    Ext,
    /// The folder below the listed input folder that the file is in; empty for a file named itself.
    Dir,
    /// Eight hexadecimal digits made from the whole path: tells files of one name apart.
    Hash,
}

/// One part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Text as it stands. `{{` and `}}` in the source are `{` and `}` here.
    Literal(String),
    /// A placeholder, and where it stands in the source (bytes).
    Field(Field, Range<usize>),
}

/// Text with placeholders, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// As written.
    pub source: String,
    /// In order.
    pub segments: Vec<Segment>,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// Where, in bytes of the source.
    pub span: Range<usize>,
    /// What.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

/// Where placeholders get their content from.
pub trait Lookup {
    /// The content of `field`, whatever bytes it holds.
    ///
    /// # Errors
    /// Why it has none.
    fn lookup(&self, field: &Field) -> Result<OsString, String>;
}
