//! What the steps that write a picture share: how it is coded, on what background, with which metadata.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::media::metadata::{Keep, Metadata};
use crate::media::picture::{Coding, Subsampling, WebPCoding};
use crate::resilience::Fault;
use crate::steps::builtin::{OutputDoc, ValueDoc, Values};

/// What can be written, for hints.
pub(super) const EXTENSIONS: &str = ".jpg, .png, .webp, .tif, .gif or .bmp";

/// The one output of these steps.
pub(super) const PICTURE: OutputDoc =
    OutputDoc::new("picture", "the result: JPEG, PNG, WebP, TIFF, GIF or BMP, by the extension of its name").required();

/// The values of a picture that was written.
pub(super) const WRITTEN: [ValueDoc; 4] = [
    ValueDoc { name: "width", summary: "pixels of the result from left to right, once upright" },
    ValueDoc { name: "height", summary: "pixels of the result from top to bottom, once upright" },
    ValueDoc { name: "format", summary: "format of the result: jpeg, png, webp, tiff, gif or bmp" },
    ValueDoc {
        name: "kept",
        summary: "list of the metadata that went along: exif, icc, xmp, and gps where it tells a place",
    },
];

/// A block of metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Block {
    /// The colour profile. Without it colours may look otherwise.
    Icc,
    /// EXIF: camera, date, orientation.
    Exif,
    /// XMP: descriptions, ratings, how it was developed.
    Xmp,
    /// The place where it was taken, within EXIF and XMP: without this they go along without it.
    Gps,
}

/// All of them.
pub(super) fn every_block() -> Vec<Block> {
    vec![Block::Icc, Block::Exif, Block::Xmp, Block::Gps]
}

/// Those blocks of `metadata` that are in `keep`.
pub(super) fn only(metadata: Metadata, keep: &[Block]) -> Metadata {
    let has = |block: Block| keep.contains(&block);
    metadata.kept(Keep {
        exif: has(Block::Exif),
        gps: has(Block::Gps),
        icc: has(Block::Icc),
        xmp: has(Block::Xmp),
        ..Keep::ALL
    })
}

/// How fine the colours of a JPEG are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
pub enum Chroma {
    /// 444 from quality 90 on, else 420.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// One colour for four pixels: smaller.
    #[serde(rename = "420")]
    Quarter,
    /// Every pixel has its own: better for text and drawings.
    #[serde(rename = "444")]
    Full,
}

impl From<Chroma> for Subsampling {
    fn from(chroma: Chroma) -> Self {
        match chroma {
            Chroma::Auto => Self::Auto,
            Chroma::Quarter => Self::Quarter,
            Chroma::Full => Self::Full,
        }
    }
}

/// What the name of the result asks for, with this quality for what has one.
///
/// # Errors
/// An input fault for a name that tells no format that we write.
pub(super) fn coding_of(to: &Path, quality: u8, lossless: bool) -> Result<Coding, Fault> {
    match Coding::of_name(to, quality) {
        Some(Coding::WebP(_)) if !lossless => Ok(Coding::WebP(WebPCoding::Lossy(quality))),
        Some(coding) => Ok(coding),
        None => {
            let fault = Fault::input("parameters", format!("cannot tell from its name what {} is to be", to.display()));
            Err(fault.with_hint(format!("give the output `picture` a name that ends in {EXTENSIONS}")))
        }
    }
}

/// A colour written as `#rrggbb`, as red, green and blue.
///
/// # Errors
/// The sentence for the reader.
pub(super) fn colour(name: &str, text: &str) -> Result<[u8; 3], String> {
    let digits =
        text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
    let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let number = number.ok_or_else(|| format!("`{name}` is \"{text}\"; a colour is written like \"#ffffff\""))?;
    let [_, red, green, blue] = number.to_be_bytes();
    Ok([red, green, blue])
}

/// The values of a picture that was written.
pub(super) fn written(size: (u32, u32), coding: Coding, went_in: &Metadata) -> Values {
    let blocks = [("exif", &went_in.exif), ("icc", &went_in.icc), ("xmp", &went_in.xmp)];
    let blocks = blocks.iter().filter(|(_, block)| block.is_some()).map(|(name, _)| json!(name));
    let kept: Vec<Value> = blocks.chain(went_in.has_gps().then(|| json!("gps"))).collect();
    let mut values = Values::new();
    values.insert("width".into(), json!(size.0));
    values.insert("height".into(), json!(size.1));
    values.insert("format".into(), json!(coding.format().word()));
    values.insert("kept".into(), Value::Array(kept));
    values
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use super::*;

    #[test]
    fn colours_are_six_digits() {
        assert_eq!(colour("background", "#ff8000"), Ok([255, 128, 0]));
        for wrong in ["ff8000", "#fff", "#gg0000", "#+12345", "white"] {
            assert!(colour("background", wrong).unwrap_err().contains("#ffffff"), "{wrong}");
        }
    }
}
