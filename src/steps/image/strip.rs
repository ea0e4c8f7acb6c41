//! `image.strip`: pictures without what they need not tell, their pixels untouched.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::media::metadata::{Keep, Kind, rewrite};
use crate::media::sniff::{self, kind_of_name, sniff_file};
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, OutputDoc, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, required};
use crate::steps::media_fault::media_fault;

/// The parameters of `image.strip`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StripParams {
    /// What goes; all else stays as it is. By default it is all but the colour profile, without which colours would change:
    /// `["exif", "xmp", "iptc", "comments", "other"]`. With `["gps"]`, only the place goes.
    #[serde(default = "by_default")]
    pub drop: Vec<Dropped>,
}

/// What a picture may carry besides its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dropped {
    /// EXIF: camera, exposure, date, thumbnail, place. How the picture must be turned stays, so that it looks as it did.
    Exif,
    /// The place where it was taken, in EXIF, XMP and GeoTIFF. A block that it cannot be taken out of for sure goes as a
    /// whole, and so does `other`. Names of places in captions, and what a camera's maker wrote, are not looked through.
    Gps,
    /// The colour profile: colours may look different without it.
    Icc,
    /// XMP: what editors write.
    Xmp,
    /// IPTC and Photoshop's blocks: captions, keywords, names.
    Iptc,
    /// Texts of any kind.
    Comments,
    /// Private blocks, and what lies behind the end of a picture: more pictures, films, gain maps.
    Other,
}

impl Dropped {
    const fn kind(self) -> Kind {
        match self {
            Self::Exif => Kind::Exif,
            Self::Gps => Kind::Gps,
            Self::Icc => Kind::Icc,
            Self::Xmp => Kind::Xmp,
            Self::Iptc => Kind::Iptc,
            Self::Comments => Kind::Comments,
            Self::Other => Kind::Other,
        }
    }
}

fn by_default() -> Vec<Dropped> {
    vec![Dropped::Exif, Dropped::Xmp, Dropped::Iptc, Dropped::Comments, Dropped::Other]
}

impl StripParams {
    fn validate(&self) -> Result<(), String> {
        if self.drop.is_empty() {
            return Err("`drop` is empty, so nothing would go; name what is to go, such as [\"gps\"]".into());
        }
        Ok(())
    }
}

/// The step.
pub static STRIP: Builtin = Builtin {
    name: "image.strip",
    version: 1,
    summary: "Takes out metadata (EXIF, the place, XMP, ...) without touching the pixels: JPEG, PNG, WebP, GIF, TIFF",
    outputs: &[OutputDoc::new("picture", "the picture, in the format that it was in").required()],
    values: &[
        ValueDoc {
            name: "found",
            summary: "what the picture carried: a list of exif, gps, icc, xmp, iptc, comments, other",
        },
        ValueDoc { name: "dropped", summary: "what of that the result does not carry any more" },
        ValueDoc {
            name: "left",
            summary: "what it still carries; EXIF with nothing but the orientation does not count",
        },
        ValueDoc { name: "had_gps", summary: "whether EXIF or XMP told where it was taken" },
        ValueDoc { name: "orientation", summary: "how it must be turned, before and after: 1 (not at all) to 8" },
        ValueDoc { name: "bytes_saved", summary: "how many bytes smaller the result is; a TIFF keeps its size" },
    ],
    schema: schema_of::<StripParams>,
    check: |with| read::<StripParams>(with)?.validate(),
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: StripParams = parameters(with)?;
    params.validate().map_err(|wrong| Fault::input("parameters", wrong))?;
    let from = job.input()?;
    let to = required(job, "picture")?;
    let is = sniff_file(from).map_err(|error| media_fault(from, &error))?;
    if let (sniff::Kind::Picture(is), sniff::Kind::Picture(named)) = (is, kind_of_name(to))
        && is != named
    {
        let (is, named) = (is.word(), named.word());
        return Err(Fault::input("output-name", format!("it is a {is} file and would be named like a {named} file"))
            .with_hint("image.strip keeps the format: out = { picture = \"{item.name}\" }, or convert it first"));
    }
    let dropped: Vec<Kind> = params.drop.iter().map(|dropped| dropped.kind()).collect();
    let done = rewrite(from, to, Keep::all_but(&dropped)).map_err(|error| media_fault(from, &error))?;
    let words = |kinds: &mut dyn Iterator<Item = &Kind>| kinds.map(|kind| kind.word()).collect::<Vec<_>>();
    let mut values = Values::new();
    values.insert("found".into(), json!(words(&mut done.found.iter())));
    values.insert("dropped".into(), json!(words(&mut done.found.iter().filter(|kind| !done.left.contains(kind)))));
    values.insert("left".into(), json!(words(&mut done.left.iter())));
    values.insert("had_gps".into(), json!(done.found.contains(&Kind::Gps)));
    values.insert("orientation".into(), json!(done.orientation));
    values.insert("bytes_saved".into(), json!(done.before.saturating_sub(done.after)));
    Ok(values)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a picture that cannot be read has failed")]
mod tests {
    use std::path::{Path, PathBuf};

    use indexmap::IndexMap;

    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/media").join(name)
    }

    fn stripped(with: Value, name: &str, to: &Path) -> Result<Values, Fault> {
        let outputs = IndexMap::from([("picture".to_owned(), to.to_path_buf())]);
        run(with, &Job { inputs: vec![fixture(name)], outputs, watch: None })
    }

    #[test]
    fn exif_goes_and_the_picture_stays_the_right_way_up() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("a.jpg");
        let values = stripped(json!({}), "photo-coffee-rotated.jpg", &to).unwrap();
        assert_eq!(values["found"], json!(["exif"]));
        assert_eq!(values["dropped"], json!(["exif"]));
        assert_eq!(values["left"], json!([]));
        assert_eq!((&values["had_gps"], &values["orientation"]), (&json!(false), &json!(6)));
        let (old, new) = (fixture("photo-coffee-rotated.jpg"), std::fs::metadata(&to).unwrap().len());
        assert_eq!(values["bytes_saved"], json!(std::fs::metadata(old).unwrap().len().saturating_sub(new)));
        assert_eq!(crate::media::picture::probe(&to).unwrap().orientation, 6);
    }

    #[test]
    fn a_name_of_another_format_and_nothing_to_drop_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let wrong = stripped(json!({}), "photo-cat.png", &folder.path().join("a.jpg")).unwrap_err();
        assert!(wrong.message.contains("it is a png file and would be named like a jpeg file"), "{wrong}");
        assert!((STRIP.check)(json!({"drop": []})).is_err());
        assert!((STRIP.check)(json!({"drop": ["gps", "thumbnail"]})).is_err());
        assert!((STRIP.check)(json!({"drop": ["gps"]})).is_ok());
    }
}
