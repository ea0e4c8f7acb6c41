//! Whatever step writes a picture: what goes along is true of the new one, and shows nothing of what was cut away.

#![expect(clippy::unwrap_used, reason = "a test whose files cannot be read has failed")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use image::{DynamicImage, Rgb, RgbImage};
use indexmap::IndexMap;
use mediamill::media::metadata::Metadata;
use mediamill::media::picture::{Coding, PngLevel, load, write};
use mediamill::steps::builtin::{Job, Values};
use mediamill::steps::register::find;
use serde_json::{Value, json};

const THUMBNAIL: &[u8] = b"\xff\xd8 a small picture of it all \xff\xd9";
const XMP: &str = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\
    <rdf:Description rdf:about='' tiff:Orientation='6' exif:PixelXDimension='40' exif:PixelYDimension='20' \
    exif:GPSLatitude='47,22.6N' dc:format='image/png'/></rdf:RDF></x:xmpmeta>";

fn field(tag: u16, kind: u16, count: u32, value: u32) -> Vec<u8> {
    [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()].concat()
}

fn table(fields: &[Vec<u8>], next: u32) -> Vec<u8> {
    [&(fields.len() as u16).to_le_bytes()[..], &fields.concat(), &next.to_le_bytes()].concat()
}

/// EXIF of a picture that lies on its side: its maker, orientation, size, place, and a thumbnail.
fn exif() -> Vec<u8> {
    let maker = u32::from_le_bytes(*b"Abc\0");
    let first = |exif, gps, next| {
        let fields =
            [field(0x010f, 2, 4, maker), field(0x0112, 3, 1, 6), field(0x8769, 4, 1, exif), field(0x8825, 4, 1, gps)];
        table(&fields, next)
    };
    let size = table(&[field(0xa002, 4, 1, 20), field(0xa003, 4, 1, 40)], 0);
    let north = u32::from_le_bytes(*b"N\0\0\0");
    let degrees = |at: u32| table(&[field(1, 2, 2, north), field(2, 5, 3, at)], 0);
    let exif_at = 8 + first(0, 0, 0).len();
    let gps_at = exif_at + size.len();
    let value_at = gps_at + degrees(0).len();
    let value: Vec<u8> = [47_u32, 1, 22, 1, 36, 1].iter().flat_map(|number| number.to_le_bytes()).collect();
    let small_at = value_at + value.len();
    let small = |at: u32| table(&[field(0x0201, 4, 1, at), field(0x0202, 4, 1, THUMBNAIL.len() as u32)], 0);
    let thumbnail_at = small_at + small(0).len();
    let head = first(exif_at as u32, gps_at as u32, small_at as u32);
    [b"II*\0\x08\0\0\0", &head[..], &size, &degrees(value_at as u32), &value, &small(thumbnail_at as u32), THUMBNAIL]
        .concat()
}

/// A picture of 40 x 20 pixels, red on the left and blue on the right, stored on its side with all of that.
fn lying(folder: &Path) -> PathBuf {
    let path = folder.join("lying.png");
    let upright = RgbImage::from_fn(40, 20, |x, _| if x < 20 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) });
    let stored = DynamicImage::ImageRgb8(image::imageops::rotate270(&upright));
    let metadata = Metadata { exif: Some(exif()), xmp: Some(XMP.into()), ..Metadata::default() };
    write(&stored, &metadata, &path, Coding::Png(PngLevel::Fast)).unwrap();
    path
}

fn step(name: &str, with: &Value, from: &Path, to: Option<&Path>) -> Values {
    let outputs: IndexMap<String, PathBuf> =
        to.into_iter().map(|to| ("picture".to_owned(), to.to_path_buf())).collect();
    let job = Job { inputs: vec![from.to_path_buf()], outputs, watch: None };
    (find(name).unwrap().run)(with.clone(), &job).unwrap_or_else(|fault| panic!("{name} {with}: {fault}"))
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

#[test]
fn what_goes_along_with_new_pixels_is_true_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let from = lying(folder.path());
    let before = load(&from).unwrap();
    assert!(before.metadata.has_gps() && before.metadata.orientation() == 6);
    assert!(holds(before.metadata.exif.as_deref().unwrap(), THUMBNAIL));
    let cut = |keep: Value| json!({"x": 0, "y": 0, "width": 10, "height": 5, "keep": keep});
    let all = json!(["icc", "exif", "xmp", "gps"]);
    let home = json!(["exif", "xmp"]);
    // The step, its parameters, the size of what it makes, and whether the place goes along.
    let steps = [
        ("image.crop", cut(all.clone()), (10, 5), Some(true)),
        ("image.crop", cut(home.clone()), (10, 5), Some(false)),
        ("image.orient", json!({}), (40, 20), Some(true)),
        ("image.convert", json!({"keep": ["xmp", "gps"]}), (40, 20), Some(true)),
        ("image.convert", json!({"keep": ["xmp"]}), (40, 20), Some(false)),
        ("image.resize", json!({"width": 10, "keep": ["exif", "xmp"]}), (10, 5), None),
    ];
    for (name, with, size, place) in steps {
        for extension in ["png", "jpg", "webp", "tif"] {
            if (name, extension) == ("image.resize", "tif") {
                continue;
            }
            let told = format!("{name} {with} {extension}");
            let to = folder.path().join(format!("new.{extension}"));
            step(name, &with, &from, Some(&to));
            let made = load(&to).unwrap();
            assert_eq!((made.pixels.width(), made.pixels.height()), size, "{told}");
            assert_eq!((made.info.orientation, made.metadata.orientation()), (1, 1), "{told}");
            assert!(!holds(&fs::read(&to).unwrap(), THUMBNAIL), "{told}");
            let xmp = String::from_utf8(made.metadata.xmp.clone().unwrap()).unwrap();
            assert!(xmp.contains("tiff:Orientation='1'") && xmp.contains("dc:format"), "{told}: {xmp}");
            assert!(!xmp.contains("Dimension"), "{told}: {xmp}");
            if let Some(place) = place {
                assert_eq!(made.metadata.has_gps(), place, "{told}");
            }
            let Some(exif) = made.metadata.exif else {
                assert!(extension == "tif" || name == "image.convert", "{told}");
                continue;
            };
            let exif = exif::Reader::new().read_raw(exif).unwrap();
            let number = |tag| exif.get_field(tag, exif::In::PRIMARY).unwrap().value.get_uint(0);
            assert_eq!(number(exif::Tag::Orientation), Some(1), "{told}");
            let told_size = (number(exif::Tag::PixelXDimension), number(exif::Tag::PixelYDimension));
            assert_eq!(told_size, (Some(size.0), Some(size.1)), "{told}");
            assert!(exif.get_field(exif::Tag::JPEGInterchangeFormat, exif::In::THUMBNAIL).is_none(), "{told}");
        }
    }
}

#[test]
fn pixels_that_do_not_change_keep_their_orientation_and_their_thumbnail() {
    let folder = tempfile::tempdir().unwrap();
    let from = lying(folder.path());
    for extension in ["png", "jpg", "webp"] {
        let to = folder.path().join(format!("new.{extension}"));
        step("image.convert", &json!({}), &from, Some(&to));
        let made = load(&to).unwrap();
        assert_eq!((made.metadata.orientation(), made.metadata.exif), (6, Some(exif())), "{extension}");
        step("image.convert", &json!({"keep": ["exif", "xmp"]}), &from, Some(&to));
        let made = load(&to).unwrap().metadata;
        assert!(!made.has_gps() && made.orientation() == 6, "{extension}");
        assert!(holds(&made.exif.unwrap(), THUMBNAIL) && made.xmp.is_some(), "{extension}");
    }
}

#[test]
fn a_place_is_told_wherever_it_is_and_none_where_a_camera_did_not_know_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let told = |exif: Option<Vec<u8>>, xmp: Option<&str>| {
        let metadata = Metadata { exif, xmp: xmp.map(Into::into), icc: None };
        write(&DynamicImage::new_rgb8(4, 4), &metadata, &path, Coding::Png(PngLevel::Fast)).unwrap();
        step("image.probe", &json!({}), &path, None)["gps"] == json!(true)
    };
    assert!(told(Some(exif()), None));
    assert!(told(None, Some(XMP)));
    let gps = |tag: u16, kind: u16, count: u32, value: u32| {
        [&b"II*\0\x08\0\0\0"[..], &table(&[field(0x8825, 4, 1, 26)], 0), &table(&[field(tag, kind, count, value)], 0)]
            .concat()
    };
    // Where it was going is a place too; the version of the fields is none.
    assert!(told(Some(gps(0x13, 2, 2, u32::from_le_bytes(*b"N\0\0\0"))), None));
    assert!(!told(Some(gps(0, 1, 4, 0x0302)), None));
    assert!(!told(None, None));
}

#[test]
fn a_tiff_tells_its_camera_date_and_place_and_hands_them_on() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("a.tif"), folder.path().join("a.jpg"));
    // One gray pixel, whose strip is at 8, its texts behind the directory; then EXIF and GPS.
    let fields = |date: u32, exif: u32, gps: u32| {
        let picture = [(256, 1), (257, 1), (258, 8), (259, 1), (262, 1)].map(|(tag, value)| field(tag, 3, 1, value));
        let maker = [field(271, 2, 4, u32::from_le_bytes(*b"Abc\0")), field(272, 2, 4, u32::from_le_bytes(*b"D-1\0"))];
        let rest = [field(273, 4, 1, 8), field(277, 3, 1, 1), field(279, 4, 1, 1), field(306, 2, 20, date)];
        let places = [field(0x8769, 4, 1, exif), field(0x8825, 4, 1, gps)];
        table(&[&picture[..], &maker, &rest, &places].concat(), 0)
    };
    let date = 10 + fields(0, 0, 0).len() as u32;
    let size = table(&[field(0xa002, 4, 1, 1), field(0xa003, 4, 1, 1)], 0);
    let gps = table(&[field(1, 2, 2, u32::from_le_bytes(*b"N\0\0\0"))], 0);
    let directory = fields(date, date + 20, date + 20 + size.len() as u32);
    let tiff = [&b"II*\0\x0a\0\0\0\x80\0"[..], &directory, b"2021:02:03 04:05:06\0", &size, &gps].concat();
    fs::write(&path, tiff).unwrap();
    step("image.convert", &json!({}), &path, Some(&to));
    for path in [&path, &to] {
        let values = step("image.probe", &json!({}), path, None);
        for (name, value) in [("make", "Abc"), ("model", "D-1"), ("taken", "2021-02-03T04:05:06")] {
            assert_eq!(values[name], value, "{}", path.display());
        }
        assert_eq!(values["gps"], json!(true), "{}", path.display());
    }
}
