//! Fonts, judged and kept.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use skrifa::raw::types::NameId;
use skrifa::{Font, ScalerFont};

use super::cache::Cache;
use super::coverage::Coverage;
use super::error::TextError;
use super::open::{guarded, read_font};

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

/// Tells why a font cannot be drawn with at all.
fn fit(font: &Font) -> Result<(), String> {
    if ScalerFont::force_unhinted(font.clone(), None).outline_source().is_none() {
        return Err("it has no outlines to draw: it has bitmaps only, or is broken".to_owned());
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
