//! What the steps that write a picture share: how it is coded, on what background, with which metadata.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::media::metadata::{Keep, Metadata};
use crate::media::picture::{Coding, JpegCoding, Subsampling, WebPCoding};
use crate::media::text::Colour;
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

/// What is kept where these blocks are.
pub(super) fn keeping(blocks: &[Block]) -> Keep {
    let has = |block| blocks.contains(&block);
    Keep { exif: has(Block::Exif), gps: has(Block::Gps), icc: has(Block::Icc), xmp: has(Block::Xmp), ..Keep::ALL }
}

/// Those blocks of `metadata` that are in `keep`.
pub(super) fn only(metadata: Metadata, keep: &[Block]) -> Metadata {
    metadata.kept(keeping(keep))
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
            // Where it stands now is no name that the pipeline gave.
            let name = to.file_name().unwrap_or_default().display();
            let fault = Fault::input("parameters", format!("cannot tell from its name what `{name}` is to be"));
            Err(fault.with_hint(format!("give the output a name that ends in {EXTENSIONS}")))
        }
    }
}

/// `coding` with what is said of a JPEG.
pub(super) fn with_scans(coding: Coding, progressive: bool, subsampling: Chroma) -> Coding {
    match coding {
        Coding::Jpeg(JpegCoding { quality, .. }) => {
            Coding::Jpeg(JpegCoding { quality, progressive, subsampling: subsampling.into() })
        }
        other => other,
    }
}

/// A colour as text is coloured, or `#rrggbbaa`: red, green, blue and alpha.
///
/// # Errors
/// The sentence for the reader.
pub(super) fn colour(name: &str, text: &str) -> Result<[u8; 4], String> {
    let opaque = |text: &str| Colour::parse(text).map(|Colour(rgb)| rgb);
    let (rgb, alpha) = match text.split_at_checked(7).filter(|_| text.starts_with('#') && text.len() == 9) {
        Some((colour, alpha)) => (opaque(colour), opaque(&format!("#{alpha}{alpha}{alpha}")).map(|alpha| alpha[0])),
        None => (opaque(text), Some(u8::MAX)),
    };
    match (rgb, alpha) {
        (Some([red, green, blue]), Some(alpha)) => Ok([red, green, blue, alpha]),
        _ => {
            Err(format!("`{name}` is \"{}\", which is no colour; one is written like \"#ff8000\"", text.escape_debug()))
        }
    }
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
    fn a_colour_has_an_alpha_where_it_is_written() {
        assert_eq!(colour("background", "#ff8000"), Ok([255, 128, 0, 255]));
        assert_eq!(colour("background", "#fa0"), Ok([255, 170, 0, 255]));
        assert_eq!(colour("background", "#ff800040"), Ok([255, 128, 0, 64]));
        for wrong in ["ff8000", "#ff80", "#gg0000", "#+12345", "#ff8000+4", "#ff80004", "#ff8000é", "colour"] {
            let told = colour("background", wrong).unwrap_err();
            assert!(told.starts_with("`background` is") && told.contains("#ff8000"), "{wrong}");
        }
    }
}
