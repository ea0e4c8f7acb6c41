//! Pictures that carry all that exiftool can write into them.
#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a picture that cannot be made has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use image::{ImageDecoder, ImageReader};
use mediamill::media::metadata::{Keep, Kind, rewrite};
use serde_json::{Map, Value};

use super::support::{self, Chance, installed, skip};

/// Stands in every block that tells the place.
pub const PLACE: &str = "Zanzibar-4711";
/// Stands in blocks that tell other things.
pub const CAPTION: &str = "A quiet morning";
/// What EXIF writes for 47 degrees, 22 minutes and 36 seconds.
pub const LATITUDE: [u32; 6] = [47, 1, 22, 1, 36, 1];

/// A folder with small pictures of all formats that carry all that exiftool can write into them.
pub struct Rich {
    pub folder: tempfile::TempDir,
    pub profile: Vec<u8>,
}

pub const NAMES: [&str; 5] = ["a.jpg", "b.png", "c.webp", "d.tif", "e.gif"];
/// What they were made of.
pub const OTHERS: [&str; 2] = ["thumbnail.jpg", "small.icc"];

impl Rich {
    /// A copy of the files for one test.
    pub fn new() -> Option<Self> {
        static MADE: OnceLock<bool> = OnceLock::new();
        if !installed("exiftool") {
            skip("exiftool is not installed");
            return None;
        }
        let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("picture_metadata");
        MADE.get_or_init(|| {
            let rich = Self::make();
            let _ = fs::remove_dir_all(&made);
            fs::create_dir_all(&made).unwrap();
            for name in NAMES.iter().chain(&OTHERS) {
                fs::copy(rich.path(name), made.join(name)).unwrap();
            }
            true
        });
        let rich = Self { folder: tempfile::tempdir().unwrap(), profile: profile(200_000) };
        for name in NAMES.iter().chain(&OTHERS) {
            fs::copy(made.join(name), rich.path(name)).unwrap();
        }
        Some(rich)
    }

    pub fn make() -> Self {
        let rich = Self { folder: tempfile::tempdir().unwrap(), profile: profile(200_000) };
        let picture = image::open(support::fixture("photo-rocket.jpg")).unwrap().thumbnail_exact(64, 48).into_rgb8();
        for name in NAMES {
            picture.save(rich.path(name)).unwrap();
        }
        picture.save(rich.path("thumbnail.jpg")).unwrap();
        fs::write(rich.path("profile.icc"), &rich.profile).unwrap();
        let small = profile(300);
        fs::write(rich.path("small.icc"), small).unwrap();
        let place = [
            "-EXIF:GPSLatitude=47.3766666666666667",
            "-EXIF:GPSLatitudeRef=N",
            "-EXIF:GPSLongitude=8.5",
            "-EXIF:GPSLongitudeRef=E",
            &format!("-EXIF:GPSProcessingMethod={PLACE}"),
            "-EXIF:GPSDateStamp=1999:12:31",
            "-XMP-exif:GPSLatitude=47.3766666666666667",
            "-XMP-exif:GPSLongitude=8.5",
            &format!("-XMP-exif:GPSAreaInformation={PLACE}"),
        ];
        let rest = [
            "-EXIF:Make=Maker",
            "-EXIF:Model=Model of a camera",
            "-EXIF:Orientation#=6",
            "-EXIF:DateTimeOriginal=2020:02:03 04:05:06",
            "-EXIF:UserComment=a comment of its user",
            "-EXIF:ExifImageWidth=4000",
            "-EXIF:ExifImageHeight=3000",
            "-XMP-tiff:Orientation#=6",
            &format!("-XMP-dc:Description={CAPTION}"),
            &format!("-IPTC:Caption-Abstract={CAPTION}"),
            &format!("-Comment={CAPTION}"),
        ];
        rich.exiftool(&[&place[..], &rest[..]].concat(), &NAMES);
        rich.exiftool(&["-ICC_Profile<=profile.icc"], &["a.jpg", "b.png", "c.webp", "d.tif", "e.gif"]);
        rich.exiftool(&["-ThumbnailImage<=thumbnail.jpg"], &["a.jpg"]);
        rich
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes with exiftool into `names`. What a format cannot hold it leaves out.
    pub fn exiftool(&self, changes: &[&str], names: &[&str]) {
        let mut command = Command::new("exiftool");
        command
            .args(["-q", "-q", "-m", "-overwrite_original"])
            .args(changes)
            .args(names)
            .current_dir(self.folder.path());
        command.output().unwrap();
    }

    /// All that exiftool finds in the files, by their names: the fields, by group and name.
    pub fn fields(&self, names: &[&str]) -> Vec<Map<String, Value>> {
        let mut command = Command::new("exiftool");
        let out = command.args(["-j", "-G1", "-a", "-u", "-n"]).args(names).current_dir(self.folder.path());
        let found: Vec<Map<String, Value>> = serde_json::from_slice(&out.output().unwrap().stdout).unwrap();
        let about_the_file = ["SourceFile", "System:", "File:", "ExifTool:", "Composite:"];
        let of_the_picture = |key: &String| !about_the_file.iter().any(|group| key.starts_with(group));
        found.into_iter().map(|fields| fields.into_iter().filter(|(key, _)| of_the_picture(key)).collect()).collect()
    }

    /// The new files of `names` without what is dropped.
    pub fn without(&self, names: &[&'static str], dropped: &[Kind]) -> Vec<String> {
        let each = names.iter().map(|name| {
            let to = format!("without.{name}");
            rewrite(&self.path(name), &self.path(&to), Keep::all_but(dropped)).unwrap();
            to
        });
        each.collect()
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }
}

/// Something that begins like a colour profile.
pub fn profile(length: u32) -> Vec<u8> {
    let mut profile = vec![0; 128];
    profile[..4].copy_from_slice(&length.to_be_bytes());
    profile[8] = 4;
    profile[12..24].copy_from_slice(b"mntrRGB XYZ ");
    profile[36..40].copy_from_slice(b"acsp");
    let mut chance = Chance(5);
    profile.extend((128..length).map(|_| chance.below(256) as u8));
    profile[128..132].copy_from_slice(&0_u32.to_be_bytes());
    profile
}

/// A chunk of PNG.
pub fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    let content = [&name[..], body].concat();
    crc.update(&content);
    [&(body.len() as u32).to_be_bytes(), &content[..], &crc.sum().to_be_bytes()].concat()
}

/// The bytes of a small picture that carries nothing, written to `path`.
pub fn picture_bytes(path: &Path) -> Vec<u8> {
    image::open(support::fixture("photo-rocket.jpg")).unwrap().thumbnail_exact(64, 48).save(path).unwrap();
    fs::read(path).unwrap()
}

pub fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

pub fn tells_place(bytes: &[u8]) -> bool {
    let big: Vec<u8> = LATITUDE.iter().flat_map(|number| number.to_be_bytes()).collect();
    let little: Vec<u8> = LATITUDE.iter().flat_map(|number| number.to_le_bytes()).collect();
    holds(bytes, PLACE.as_bytes()) || holds(bytes, b"47,22.6") || holds(bytes, &big) || holds(bytes, &little)
}

pub fn pixels(path: &Path) -> Vec<u8> {
    let decoder = ImageReader::open(path).unwrap().with_guessed_format().unwrap().into_decoder().unwrap();
    let mut pixels = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut pixels).unwrap();
    pixels
}

/// The coded data of a JPEG: from its first scan to its end.
pub fn coded(bytes: &[u8]) -> &[u8] {
    let mut at = 2;
    while bytes[at + 1] != 0xda {
        at += 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
    }
    &bytes[at..]
}
