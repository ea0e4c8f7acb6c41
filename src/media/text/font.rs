//! Font files, opened and judged.

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use skrifa::raw::TableProvider;
use skrifa::raw::types::NameId;
use skrifa::{Font, ScalerFont, Tag};

use super::cache::Cache;
use super::coverage::Coverage;
use super::error::TextError;
use crate::media::error::MediaError;

/// The largest font file that is read, in bytes: the collections of Chinese, Japanese and Korean have 20 to 120 MB.
pub const MAX_FONT_BYTES: u64 = 192 << 20;

/// Bytes of fonts that a process keeps open.
const KEPT_BYTES: usize = 96 << 20;

/// Ems that a line, an advance or an outline of a font may have. Beyond it the font is broken: the widest glyphs in use,
/// Arabic ligatures of whole sentences, have less than 20.
pub(super) const MAX_EMS: f64 = 40.0;

static FONTS: LazyLock<Cache<Face>> = LazyLock::new(|| Cache::new(KEPT_BYTES));

/// A font, open and found fit to draw with.
pub(super) struct Face {
    pub(super) path: PathBuf,
    pub(super) index: u32,
    /// At its default place on its axes.
    pub(super) font: Font,
    pub(super) coverage: Coverage,
    /// Its typographic family name, as the font tells it.
    pub(super) family: String,
    /// BLAKE3 of the file.
    pub(super) hash: String,
}

/// Font number `index` of the file at `path`, as it is kept or freshly read.
pub(super) fn face(path: &Path, index: u32) -> Result<Arc<Face>, TextError> {
    FONTS.get(path, index, || {
        let (font, bytes) = read_font(path, index)?;
        let wrong = |why: String| TextError::font(path, why);
        let (coverage, family) = guarded(path, || {
            fit(&font)?;
            Ok((Coverage::of(&font)?, family(&font)))
        })?
        .map_err(wrong)?;
        let hash = blake3::hash(&bytes).to_hex().to_string();
        let face = Face { path: path.to_owned(), index, font, coverage, family, hash };
        Ok((face, bytes.len()))
    })
}

/// Reads the font number `index` of the file at `path`, and gives its bytes, too.
pub(super) fn read_font(path: &Path, index: u32) -> Result<(Font, Arc<Vec<u8>>), TextError> {
    let unreadable = |error: std::io::Error| match error.kind() {
        // A font that is gone, is a folder or is locked away is a bad font; the machine's troubles are not.
        std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::IsADirectory => {
            TextError::font(path, format!("cannot be read: {error}"))
        }
        _ => TextError::Media(MediaError::Unreadable(error)),
    };
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    if length > MAX_FONT_BYTES {
        let most = MAX_FONT_BYTES >> 20;
        return Err(TextError::font(path, format!("it has {} MiB (at most {most} are taken)", length >> 20)));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(MAX_FONT_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
    let bytes = Arc::new(bytes);
    let shared: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::clone(&bytes) as _;
    let opened = guarded(path, || Font::new(shared, index))?;
    let font = opened.ok_or_else(|| TextError::font(path, not_a_font(&bytes, index)))?;
    Ok((font, bytes))
}

/// Does `work` on the font at `path`. A panic in there is the font's: nothing but a broken one brings it about.
pub(super) fn guarded<T>(path: &Path, work: impl FnOnce() -> T) -> Result<T, TextError> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|_| TextError::font(path, "it is broken: reading it came to no good end"))
}

fn not_a_font(bytes: &[u8], index: u32) -> String {
    match bytes.get(..4) {
        None => "it is empty".to_owned(),
        Some(b"wOFF" | b"wOF2") => "it is a web font (WOFF), which is not read: unpack it to TTF or OTF".to_owned(),
        Some(b"ttcf") => format!("it is a broken collection, or has no font number {index}"),
        Some(b"\0\x01\0\0" | b"OTTO" | b"true") if index > 0 => {
            format!("it holds one font, and number {index} is asked for")
        }
        Some(b"\0\x01\0\0" | b"OTTO" | b"true") => "it is a broken font".to_owned(),
        Some(_) => "it is no font (TTF, OTF or TTC)".to_owned(),
    }
}

/// Tells why a font cannot be drawn with at all.
fn fit(font: &Font) -> Result<(), String> {
    if ScalerFont::force_unhinted(font.clone(), None).outline_source().is_none() {
        let has = |tag: &[u8; 4]| font.tables().data_for_tag(Tag::new(tag)).is_some();
        let kind = if has(b"CBDT") || has(b"sbix") || has(b"EBDT") { "it has bitmaps only" } else { "it is broken" };
        return Err(format!("{kind}: there are no outlines to draw"));
    }
    let metrics = font.metrics();
    if metrics.units_per_em != metrics.raw_units_per_em {
        return Err(format!("its em has {} units (16 to 16384 make sense)", metrics.raw_units_per_em));
    }
    line(font).map(drop)
}

/// What a line in this font needs, in ems: above the baseline, below it (positive), and between lines.
pub(super) fn line(font: &Font) -> Result<(f64, f64, f64), String> {
    let em = f64::from(font.units_per_em());
    let line = font.metrics().h_line().ok_or("it does not tell the height of its lines")?;
    let [above, below, gap] = [line.ascender, line.descender, line.line_gap].map(|value| value.to_f64() / em);
    let height = above - below;
    if !(height > 0.01 && height <= MAX_EMS && gap.abs() <= MAX_EMS) {
        return Err(format!("its lines are {height:.3} ems high with {gap:.3} between them, which makes no sense"));
    }
    Ok((above, -below, gap.max(0.0)))
}

fn family(font: &Font) -> String {
    let name =
        |id| font.names().get(id)?.english_or_first().map(|name| name.name().chars().take(200).collect::<String>());
    name(NameId::TYPOGRAPHIC_FAMILY_NAME).or_else(|| name(NameId::FAMILY_NAME)).unwrap_or_default()
}
