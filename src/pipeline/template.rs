//! Text with placeholders: `"{item.stem}.wav"`.

mod parse;

use std::ffi::OsString;
use std::ops::Range;

/// One placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// `{item.NAME}`.
    Item(ItemField),
    /// `{item.NAME}` of a generated item: its `index`, `seed` or `spec`, or one of its values.
    ItemValue(String),
    /// `{in}`: the file that the step reads (the first, where it reads several).
    In,
    /// `{scratch}`: the attempt's own folder.
    Scratch,
    /// `{out}` where the step makes one output, `{out.NAME}` where it makes several.
    Out(Option<String>),
    /// `{piece}` and `{piece.NAME}`: of the piece that a step with `each` runs for.
    Piece(PieceField),
    /// `{pools.NAME}`: the path of the asset that the attempt was given of this pool; empty where the pool has none.
    Pool(String),
    /// `{resources.NAME.KEY}`: data of a resource of kind static (dots reach into it). A plan holds none: they are filled when
    /// it is made.
    Resource {
        /// The resource.
        name: String,
        /// The path to the value below its `data`.
        path: String,
    },
    /// `{fault.NAME}`: of the failure that a hook is called for.
    Fault(FaultField),
    /// `{run.NAME}`: of the run that a hook is called by.
    Run(RunField),
    /// `{STEP.NAME|content}`: the text in the artifact, not its path.
    Content {
        /// The other step's id.
        step: String,
        /// The artifact.
        name: String,
    },
    /// `{STEP.NAME}`: an artifact's path or a value (dots reach into it) of another step.
    Step {
        /// The other step's id.
        step: String,
        /// The artifact, or the path to the value.
        name: String,
    },
}

/// What `{item.NAME}` can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// What `{piece.NAME}` can name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PieceField {
    /// The absolute path.
    Path,
    /// The file name.
    Name,
    /// The file name without its last extension.
    Stem,
    /// Its number among the pieces of the item, from 1.
    Index,
    /// A value that the step that made it reported for it; dots reach into it.
    Value(String),
}

/// What `{fault.NAME}` can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultField {
    /// Its class: `input`, `transient`, ...
    Class,
    /// The short key of what went wrong.
    Cause,
    /// What went wrong, for people.
    Message,
    /// The id of the step that failed.
    Step,
}

/// What `{run.NAME}` can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunField {
    /// The run's id.
    Id,
    /// The pipeline's name.
    Pipeline,
    /// The number of items that are done so far.
    Done,
    /// The number of items that failed so far.
    Failed,
    /// The number of items that are parked now.
    Parked,
    /// The time since the run began, in seconds.
    Seconds,
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

impl Template {
    /// Reads a text with placeholders. `{{` and `}}` stand for braces that are meant as text.
    ///
    /// # Errors
    /// The first thing that is wrong with it, with its place.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        Ok(Self { source: source.to_owned(), segments: parse::segments(source)? })
    }

    /// Its placeholders in order, each with its place in the source.
    pub fn fields(&self) -> impl Iterator<Item = (&Field, &Range<usize>)> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Field(field, span) => Some((field, span)),
            Segment::Literal(_) => None,
        })
    }

    /// The text with every placeholder filled: byte for byte, so names that are not UTF-8 survive.
    ///
    /// # Errors
    /// Why a placeholder has no content.
    pub fn expand(&self, lookup: &dyn Lookup) -> Result<OsString, String> {
        let mut filled = OsString::with_capacity(self.source.len());
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => filled.push(text),
                Segment::Field(field, _) => filled.push(lookup.lookup(field)?),
            }
        }
        Ok(filled)
    }

    /// The placeholder, where the whole text is exactly one: its content can keep its type (a number, a list).
    #[must_use]
    pub fn whole_field(&self) -> Option<&Field> {
        match self.segments.as_slice() {
            [Segment::Field(field, _)] => Some(field),
            _ => None,
        }
    }

    /// The text before the first placeholder; all of it where there is none.
    #[must_use]
    pub fn literal_prefix(&self) -> &str {
        match self.segments.first() {
            Some(Segment::Literal(text)) => text,
            _ => "",
        }
    }

    /// Whether it holds no placeholder.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.fields().next().is_none()
    }
}

impl ItemField {
    /// Every field of an item, as written after `item.`.
    pub const NAMES: [&'static str; 6] = ["path", "name", "stem", "ext", "dir", "hash"];

    /// The field called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "path" => Self::Path,
            "name" => Self::Name,
            "stem" => Self::Stem,
            "ext" => Self::Ext,
            "dir" => Self::Dir,
            "hash" => Self::Hash,
            _ => return None,
        })
    }

    /// Its name, as written after `item.`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Name => "name",
            Self::Stem => "stem",
            Self::Ext => "ext",
            Self::Dir => "dir",
            Self::Hash => "hash",
        }
    }
}

impl PieceField {
    /// Every field that each piece has, as written after `piece.`.
    pub const NAMES: [&'static str; 4] = ["path", "name", "stem", "index"];

    /// The field called `name`: one that every piece has, or a value.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "path" => Self::Path,
            "name" => Self::Name,
            "stem" => Self::Stem,
            "index" => Self::Index,
            value => Self::Value(value.to_owned()),
        }
    }

    /// Its name, as written after `piece.`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Path => "path",
            Self::Name => "name",
            Self::Stem => "stem",
            Self::Index => "index",
            Self::Value(name) => name,
        }
    }
}

impl FaultField {
    /// Each with its name, as written after `fault.`.
    pub const ALL: [(&'static str, Self); 4] =
        [("class", Self::Class), ("cause", Self::Cause), ("message", Self::Message), ("step", Self::Step)];

    /// Its name, as written after `fault.`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Cause => "cause",
            Self::Message => "message",
            Self::Step => "step",
        }
    }
}

impl RunField {
    /// Each with its name, as written after `run.`.
    pub const ALL: [(&'static str, Self); 6] = [
        ("id", Self::Id),
        ("pipeline", Self::Pipeline),
        ("done", Self::Done),
        ("failed", Self::Failed),
        ("parked", Self::Parked),
        ("seconds", Self::Seconds),
    ];

    /// Its name, as written after `run.`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Pipeline => "pipeline",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Parked => "parked",
            Self::Seconds => "seconds",
        }
    }
}

/// A placeholder as written, braces and all.
impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Item(field) => write!(f, "{{item.{}}}", field.name()),
            Self::ItemValue(name) => write!(f, "{{item.{name}}}"),
            Self::Piece(field) => write!(f, "{{piece.{}}}", field.name()),
            Self::Pool(name) => write!(f, "{{pools.{name}}}"),
            Self::Resource { name, path } => write!(f, "{{resources.{name}.{path}}}"),
            Self::Fault(field) => write!(f, "{{fault.{}}}", field.name()),
            Self::Run(field) => write!(f, "{{run.{}}}", field.name()),
            Self::Content { step, name } => write!(f, "{{{step}.{name}|content}}"),
            Self::In => f.write_str("{in}"),
            Self::Scratch => f.write_str("{scratch}"),
            Self::Out(None) => f.write_str("{out}"),
            Self::Out(Some(name)) => write!(f, "{{out.{name}}}"),
            Self::Step { step, name } => write!(f, "{{{step}.{name}}}"),
        }
    }
}

impl std::fmt::Display for TemplateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        self.help.iter().try_for_each(|help| write!(f, " ({help})"))
    }
}

impl std::error::Error for TemplateError {}

/// `text` as a template says it: braces are doubled.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// Whether `name` can name a step or an output: letters, digits, `-` and `_`, beginning with a letter or digit.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    struct Song;

    impl Lookup for Song {
        fn lookup(&self, field: &Field) -> Result<OsString, String> {
            match field {
                Field::Item(ItemField::Stem) => Ok(OsString::from_vec(b"caf\xe9".to_vec())),
                Field::In => Ok(OsString::from("/songs/a b.wav")),
                other => Err(format!("no {other} here")),
            }
        }
    }

    #[test]
    fn a_name_that_is_not_utf_8_survives_byte_for_byte() {
        let filled = Template::parse("out/{item.stem}.wav").unwrap().expand(&Song).unwrap();
        assert_eq!(filled.into_vec(), b"out/caf\xe9.wav");
    }

    #[test]
    fn doubled_braces_are_text() {
        let template = Template::parse("{{print}} {in} }}").unwrap();
        assert_eq!(template.expand(&Song).unwrap(), "{print} /songs/a b.wav }");
        assert!(Template::parse("{{}}").unwrap().is_literal());
    }

    #[test]
    fn a_placeholder_without_content_says_why() {
        assert_eq!(Template::parse("{scratch}").unwrap().expand(&Song), Err("no {scratch} here".to_owned()));
    }

    #[test]
    fn one_placeholder_and_nothing_else_is_whole() {
        assert_eq!(Template::parse("{in}").unwrap().whole_field(), Some(&Field::In));
        assert_eq!(Template::parse(" {in}").unwrap().whole_field(), None);
        assert_eq!(Template::parse("tmp/{in}").unwrap().literal_prefix(), "tmp/");
        assert_eq!(Template::parse("{in}x").unwrap().literal_prefix(), "");
    }

    #[test]
    fn every_placeholder_is_written_back_as_it_was_read() {
        let hooks = ["{fault.class}", "{fault.step}", "{run.id}", "{run.seconds}"];
        let steps =
            ["{item.path}", "{item.ext}", "{in}", "{scratch}", "{out}", "{out.wav}", "{a-1.b.c}", "{resources.a.b.c}"];
        for source in steps.into_iter().chain(hooks) {
            let template = Template::parse(source).unwrap();
            assert_eq!(template.whole_field().unwrap().to_string(), source);
        }
    }
}
