//! `image.contact_sheet`: the pictures of the batch at a glance.

use std::path::{Path, PathBuf};

use image::DynamicImage;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::coded::{EXTENSIONS, colour};
use crate::media::MediaError;
use crate::media::contact_sheet::{Layout, Sheet};
use crate::media::metadata::Metadata;
use crate::media::picture::resize::resized;
use crate::media::picture::shape::Shape;
use crate::media::picture::{self, Coding, MAX_PIXELS};
use crate::pipeline::builtins::{Asked, ParamProblem};
use crate::resilience::Fault;
use crate::steps::batch::{BatchStep, for_each_row};
use crate::steps::builtin::{Builtin, Job, OutputDoc, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, required, within};
use crate::steps::media_fault::media_fault;

/// The parameters of `image.contact_sheet`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactSheetParams {
    /// Pictures from left to right.
    #[serde(default = "columns")]
    #[schemars(range(min = 1, max = 100))]
    pub columns: u32,
    /// Pictures from top to bottom; what is more goes on to the next sheet.
    #[serde(default = "rows")]
    #[schemars(range(min = 1, max = 100))]
    pub rows: u32,
    /// The most pixels of a picture from left to right. None is made larger.
    #[serde(default = "cell")]
    #[schemars(range(min = 16, max = 2048))]
    pub width: u32,
    /// The most pixels of a picture from top to bottom.
    #[serde(default = "cell")]
    #[schemars(range(min = 16, max = 2048))]
    pub height: u32,
    /// What stands under each picture, such as `"{item.stem}"`: the name of the item's file where nothing is said, and no line
    /// at all where it is empty. What is too long loses its middle.
    #[serde(default)]
    pub label: Option<String>,
    /// What stands over each sheet; nothing where nothing is said.
    #[serde(default)]
    pub title: Option<String>,
    /// The colour behind the pictures, as `#rrggbb`. Letters are black or white.
    #[serde(default = "background")]
    pub background: String,
    /// Quality of a JPEG, from 1 to 100.
    #[serde(default = "quality")]
    #[schemars(range(min = 1, max = 100))]
    pub quality: u8,
}

const fn columns() -> u32 {
    5
}

const fn rows() -> u32 {
    6
}

const fn cell() -> u32 {
    240
}

fn background() -> String {
    "#ffffff".to_owned()
}

const fn quality() -> u8 {
    85
}

impl ContactSheetParams {
    /// The layout that the parameters ask for.
    fn layout(&self) -> Result<Layout, String> {
        within("columns", self.columns, 1, 100, "")?;
        within("rows", self.rows, 1, 100, "")?;
        within("width", self.width, 16, 2048, "pixels")?;
        within("height", self.height, 16, 2048, "pixels")?;
        within("quality", self.quality, 1, 100, "")?;
        let [red, green, blue, _] = colour("background", &self.background)?;
        let background = [red, green, blue];
        let layout = Layout {
            columns: self.columns,
            rows: self.rows,
            cell: (self.width, self.height),
            background,
            labelled: self.label.as_deref() != Some(""),
            title: self.title.clone(),
        };
        let (width, height) = layout.size(layout.rows);
        if u64::from(width) * u64::from(height) > MAX_PIXELS || width.max(height) > 65_500 {
            return Err(format!(
                "a sheet would have {width} x {height} pixels; make `rows`, `columns` or the pictures fewer"
            ));
        }
        Ok(layout)
    }
}

/// The step as one over the whole batch.
pub static CONTACT_SHEET_BATCH: BatchStep =
    BatchStep { step: &CONTACT_SHEET, of_rows: &["label"], reads_files: true, misfit };

/// What is wrong with asking this of the step, for any batch.
fn misfit(_: &Value, asked: &Asked<'_>) -> Option<ParamProblem> {
    let unknown = |file: &&str| Coding::of_name(Path::new(file), quality()).is_none();
    let (_, file) = asked.outputs.iter().find(|(_, file)| unknown(file))?;
    Some(ParamProblem {
        path: Vec::new(),
        key: false,
        message: format!("cannot tell from its name what `{file}` is to be"),
        suggestion: Some("give it a name such as sheets = \"sheet-*.jpg\"".to_owned()),
    })
}

/// The step.
pub static CONTACT_SHEET: Builtin = Builtin {
    name: "image.contact_sheet",
    version: 2,
    summary: "Draws the pictures of the batch in its order, small and side by side, each with its name: one sheet or several. \
              Items that failed are left out, and so is what is no picture; what cannot be decoded is crossed out, and of an animation the first frame is drawn",
    outputs: &[OutputDoc::new(
        "sheets",
        "the sheets: JPEG, PNG, WebP (lossless), TIFF, GIF or BMP, by the extension of their name; a star for the number: \"sheet-*.jpg\"",
    )
    .required()
    .many()],
    values: &[
        ValueDoc { name: "sheets", summary: "number of sheets" },
        ValueDoc { name: "pictures", summary: "number of cells" },
        ValueDoc { name: "crossed_out", summary: "number of those whose picture could not be decoded" },
    ],
    schema: schema_of::<ContactSheetParams>,
    check: |with| read::<ContactSheetParams>(with)?.layout().map(drop),
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: ContactSheetParams = parameters(with)?;
    let layout = params.layout().map_err(|wrong| Fault::input("parameters", wrong))?;
    let mut sheets = Sheets { pattern: required(job, "sheets")?, quality: params.quality, written: 0 };
    let (mut pictures, mut crossed_out) = (0_u64, 0_u64);
    let mut sheet = Sheet::new(&layout);
    for_each_row(job, |row| {
        let Some(file) = &row.file else { return Ok(()) };
        let small = match shown(file.path.as_path(), layout.cell) {
            Ok(small) => Some(small),
            Err(MediaError::NotPicture(_)) => return Ok(()),
            Err(_) => None,
        };
        crossed_out += u64::from(small.is_none());
        pictures += 1;
        let label = match &params.label {
            Some(_) => row.shown("label").unwrap_or_default(),
            None => row.name.as_str().into(),
        };
        sheet.add(small.as_ref(), &label);
        if sheet.is_full() {
            sheets.write(std::mem::replace(&mut sheet, Sheet::new(&layout)))?;
        }
        Ok(())
    })?;
    if sheet.filled() > 0 {
        sheets.write(sheet)?;
    }
    let mut values = Values::new();
    values.insert("sheets".into(), json!(sheets.written));
    values.insert("pictures".into(), json!(pictures));
    values.insert("crossed_out".into(), json!(crossed_out));
    Ok(values)
}

/// The picture as its cell shows it: of an animation its first frame, upright and small enough; it is never made larger.
fn shown(path: &Path, (width, height): (u32, u32)) -> Result<DynamicImage, MediaError> {
    let shape = Shape { width: Some(width), height: Some(height), ..Shape::default() };
    // Eight bits is what a sheet has.
    resized(path, Some(1), shape).map(|small| DynamicImage::ImageRgba8(small.into_rgba8()))
}

struct Sheets<'a> {
    pattern: &'a Path,
    quality: u8,
    written: u32,
}

impl Sheets<'_> {
    fn write(&mut self, sheet: Sheet<'_>) -> Result<(), Fault> {
        self.written += 1;
        let name = self.pattern.file_name().unwrap_or_default().to_string_lossy();
        let to: PathBuf = self.pattern.with_file_name(name.replacen('*', &format!("{:04}", self.written), 1));
        let coding = Coding::of_name(&to, self.quality).ok_or_else(|| {
            Fault::input("parameters", format!("cannot tell from its name what `{name}` is to be"))
                .with_hint(format!("give the output `sheets` a name that ends in {EXTENSIONS}"))
        })?;
        picture::write(&sheet.finish(), &Metadata::default(), &to, coding).map_err(|error| media_fault(&to, &error))
    }
}
