//! The steps that convert, cut and turn pictures, and that tell what is in them.

#![expect(clippy::unwrap_used, reason = "a test whose files cannot be read has failed")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use image::{DynamicImage, Rgb, RgbImage};
use indexmap::IndexMap;
use mediamill::media::metadata::Metadata;
use mediamill::media::picture::{Coding, PngLevel, load, probe, write};
use mediamill::resilience::{Fault, FaultClass};
use mediamill::steps::builtin::{Job, Values};
use mediamill::steps::register::find;
use serde_json::{Value, json};

use support::fixture;

fn step(name: &str, with: Value, from: &Path, to: Option<&Path>) -> Result<Values, Fault> {
    let outputs: IndexMap<String, PathBuf> =
        to.into_iter().map(|to| ("picture".to_owned(), to.to_path_buf())).collect();
    (find(name).unwrap().run)(with, &Job { inputs: vec![from.to_path_buf()], outputs, watch: None })
}

/// EXIF as a camera writes it: maker, model, orientation, date; and a place where it is asked for.
fn exif(orientation: u8, place: bool) -> Vec<u8> {
    let mut entries: Vec<(u16, u16, u32, Vec<u8>)> = vec![
        (0x010f, 2, 4, b"Abc\0".to_vec()),
        (0x0110, 2, 4, b"D-1\0".to_vec()),
        (0x0112, 3, 1, vec![orientation, 0, 0, 0]),
        (0x0132, 2, 20, b"2021:02:03 04:05:06\0".to_vec()),
    ];
    let head = 8 + 2 + (entries.len() + usize::from(place)) * 12 + 4;
    let date_at = head as u32;
    if place {
        entries.push((0x8825, 4, 1, (date_at + 20).to_le_bytes().to_vec()));
    }
    let mut exif = b"II*\0\x08\0\0\0".to_vec();
    exif.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in &entries {
        exif.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        exif.extend(count.to_le_bytes());
        exif.extend(if value.len() > 4 { date_at.to_le_bytes().to_vec() } else { value.clone() });
    }
    exif.extend([0; 4]);
    exif.extend(b"2021:02:03 04:05:06\0");
    if place {
        exif.extend(2_u16.to_le_bytes());
        for tag in [2_u16, 4] {
            exif.extend([tag.to_le_bytes(), 5_u16.to_le_bytes()].concat());
            exif.extend([3_u32.to_le_bytes(), (date_at + 20 + 2 + 24 + 4).to_le_bytes()].concat());
        }
        exif.extend([0; 4]);
        exif.extend([10_u32, 1, 20, 1, 30, 1].map(u32::to_le_bytes).concat());
    }
    exif
}

/// The four quarters of an upright picture of 40 x 20 pixels: red, green, blue, white.
fn quarters() -> RgbImage {
    RgbImage::from_fn(40, 20, |x, y| match (x < 20, y < 10) {
        (true, true) => Rgb([255, 0, 0]),
        (false, true) => Rgb([0, 255, 0]),
        (true, false) => Rgb([0, 0, 255]),
        (false, false) => Rgb([255, 255, 255]),
    })
}

/// `quarters`, stored lying on its side, as a PNG that says so.
fn lying(folder: &Path) -> PathBuf {
    let path = folder.join("lying.png");
    // To be turned by 90 degrees clockwise: so it is stored turned the other way.
    let stored = DynamicImage::ImageRgb8(image::imageops::rotate270(&quarters()));
    let metadata = Metadata { exif: Some(exif(6, true)), ..Metadata::default() };
    write(&stored, &metadata, &path, Coding::Png(PngLevel::Fast)).unwrap();
    path
}

fn upright(path: &Path) -> RgbImage {
    let mut picture = load(path).unwrap();
    picture.turn_upright();
    picture.pixels.to_rgb8()
}

#[test]
fn a_picture_never_turns_by_being_converted() {
    let folder = tempfile::tempdir().unwrap();
    let from = lying(folder.path());
    let to = |name: &str| folder.path().join(name);
    for (name, with, orientation, kept) in [
        ("kept.png", json!({}), 6, json!(["exif", "gps"])),
        ("kept.webp", json!({"lossless": true}), 6, json!(["exif", "gps"])),
        ("home.png", json!({"keep": ["exif"]}), 6, json!(["exif"])),
        ("none.png", json!({"keep": []}), 1, json!([])),
        ("none.tif", json!({}), 1, json!([])),
        ("none.bmp", json!({}), 1, json!([])),
        ("none.gif", json!({}), 1, json!([])),
    ] {
        let values = step("image.convert", with, &from, Some(&to(name))).unwrap();
        assert_eq!((&values["width"], &values["height"], &values["kept"]), (&json!(40), &json!(20), &kept), "{name}");
        assert_eq!(probe(&to(name)).unwrap().orientation, orientation, "{name}");
        assert_eq!(upright(&to(name)), quarters(), "{name}");
    }
    let values = step("image.convert", json!({"quality": 95, "progressive": true}), &from, Some(&to("a.jpg"))).unwrap();
    assert_eq!((&values["format"], &values["kept"]), (&json!("jpeg"), &json!(["exif", "gps"])));
    let bytes = fs::read(to("a.jpg")).unwrap();
    assert!(bytes.windows(2).any(|marker| marker == [0xff, 0xc2]), "it is progressive");
}

#[test]
fn depth_colour_and_background_are_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let from = fixture("photo-cat.png");
    let to = folder.path().join("a.png");
    step("image.convert", json!({"depth": 16, "colour": "gray"}), &from, Some(&to)).unwrap();
    let info = probe(&to).unwrap();
    assert_eq!((info.bits, info.colour), (16, "gray"));
    step(
        "image.convert",
        json!({"depth": 8, "colour": "rgb", "level": "best"}),
        &to.clone(),
        Some(&folder.path().join("b.png")),
    )
    .unwrap();
    let info = probe(&folder.path().join("b.png")).unwrap();
    assert_eq!((info.bits, info.colour), (8, "rgb"));
    let clear = folder.path().join("clear.png");
    DynamicImage::new_rgba8(8, 8).save(&clear).unwrap();
    let flat = folder.path().join("flat.jpg");
    step("image.convert", json!({"background": "#00ff00", "quality": 100}), &clear, Some(&flat)).unwrap();
    assert!(load(&flat).unwrap().pixels.to_rgb8().get_pixel(4, 4).0[1] > 250);
    for wrong in [json!({"depth": 12}), json!({"background": "reddish"}), json!({"quality": 0}), json!({"frame": 0})] {
        assert!((find("image.convert").unwrap().check)(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn a_part_is_cut_from_the_picture_as_it_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let from = lying(folder.path());
    let to = folder.path().join("part.png");
    for (with, size, colours) in [
        (json!({"x": 0, "y": 0, "width": 20, "height": 10}), (20, 10), vec![[255, 0, 0]]),
        (json!({"x": "50%", "y": 0, "width": "50%", "height": "50%"}), (20, 10), vec![[0, 255, 0]]),
        (json!({"x": "20", "y": "10"}), (20, 10), vec![[255, 255, 255]]),
        (json!({"width": 5, "height": 4, "gravity": "south-west"}), (5, 4), vec![[0, 0, 255]]),
        (json!({"aspect": "1:1", "gravity": "east"}), (20, 20), vec![[0, 255, 0], [255, 255, 255]]),
        (json!({"aspect": "4:1"}), (40, 10), vec![[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]),
    ] {
        let values = step("image.crop", with.clone(), &from, Some(&to)).unwrap();
        assert_eq!((&values["width"], &values["height"]), (&json!(size.0), &json!(size.1)), "{with}");
        assert_eq!(probe(&to).unwrap().orientation, 1);
        let part = load(&to).unwrap().pixels.to_rgb8();
        assert_eq!(part.dimensions(), size, "{with}");
        let mut found: Vec<[u8; 3]> = part.pixels().map(|pixel| pixel.0).collect();
        found.sort_unstable();
        found.dedup();
        let mut colours = colours;
        colours.sort_unstable();
        assert_eq!(found, colours, "{with}");
    }
    let fault = step("image.crop", json!({"width": 41, "height": 4}), &from, Some(&to)).unwrap_err();
    assert!(fault.class == FaultClass::Input && fault.message.contains("not within its 40 x 20"), "{fault}");
    for wrong in [
        json!({}),
        json!({"aspect": "16/9"}),
        json!({"aspect": "0:1"}),
        json!({"aspect": "1:1", "width": 5}),
        json!({"aspect": "1:1", "x": 5}),
        json!({"width": "120%"}),
        json!({"width": "wide"}),
    ] {
        assert!((find("image.crop").unwrap().check)(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn an_upright_picture_is_copied_and_another_is_turned() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("a.jpg");
    let values = step("image.orient", json!({}), &fixture("photo-rocket.jpg"), Some(&to)).unwrap();
    assert_eq!(values["turned"], json!(false));
    assert_eq!(fs::read(&to).unwrap(), fs::read(fixture("photo-rocket.jpg")).unwrap(), "byte by byte");
    let values = step("image.orient", json!({}), &fixture("photo-coffee-rotated.jpg"), Some(&to)).unwrap();
    assert_eq!(values["turned"], json!(true));
    let (before, after) = (probe(&fixture("photo-coffee-rotated.jpg")).unwrap(), probe(&to).unwrap());
    assert_eq!((after.orientation, (after.width, after.height)), (1, before.upright()));
    let to = folder.path().join("a.png");
    step("image.orient", json!({}), &lying(folder.path()), Some(&to)).unwrap();
    assert_eq!(load(&to).unwrap().pixels.to_rgb8(), quarters());
    // A copy of half a picture would pass for a whole one.
    let half = folder.path().join("half.jpg");
    let bytes = fs::read(fixture("photo-rocket.jpg")).unwrap();
    fs::write(&half, &bytes[..bytes.len() / 2]).unwrap();
    let fault = step("image.orient", json!({}), &half, Some(&folder.path().join("b.jpg"))).unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "decode"));
}

#[test]
fn probing_tells_camera_date_place_and_colours() {
    let folder = tempfile::tempdir().unwrap();
    let path = lying(folder.path());
    let values = step("image.probe", json!({"verify": true}), &path, None).unwrap();
    for (name, value) in [
        ("make", json!("Abc")),
        ("model", json!("D-1")),
        ("taken", json!("2021-02-03T04:05:06")),
        ("gps", json!(true)),
        ("alpha", json!(false)),
        ("palette", json!(false)),
        ("stored", json!("rgb")),
        ("width", json!(40)),
        ("orientation", json!(6)),
    ] {
        assert_eq!(values[name], value, "{name}");
    }
    assert!(!values.contains_key("icc"));
    let without = folder.path().join("without.png");
    let metadata = Metadata { exif: Some(exif(1, false)), ..Metadata::default() };
    write(&quarters().into(), &metadata, &without, Coding::Png(PngLevel::Fast)).unwrap();
    let values = step("image.probe", json!({}), &without, None).unwrap();
    assert_eq!((&values["gps"], &values["model"]), (&json!(false), &json!("D-1")));
    let values = step("image.verify", json!({}), &without, None).unwrap();
    assert_eq!((&values["frames"], &values["format"]), (&json!(1), &json!("png")));
    for told in find("image.probe").unwrap().values.iter().filter(|told| told.name != "icc") {
        let values = step("image.probe", json!({}), &path, None).unwrap();
        assert!(values.contains_key(told.name), "{}", told.name);
    }
}

#[test]
fn a_cut_picture_is_found_by_verifying_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.png");
    let bytes = fs::read(fixture("photo-cat.png")).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let fault = step("image.verify", json!({}), &path, None).unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "decode"));
    assert!(fault.message.contains("ends too soon"), "{fault}");
}

#[test]
fn animations_and_unknown_names_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.gif");
    let mut encoder = image::codecs::gif::GifEncoder::new(fs::File::create(&path).unwrap());
    let frame = DynamicImage::ImageRgb8(quarters()).to_rgba8();
    encoder.encode_frames([image::Frame::new(frame.clone()), image::Frame::new(frame)]).unwrap();
    drop(encoder);
    let to = folder.path().join("a.png");
    let fault = step("image.convert", json!({}), &path, Some(&to)).unwrap_err();
    assert!(fault.message.contains("2 frames") && fault.message.contains("frame = 1"), "{fault}");
    step("image.convert", json!({"frame": 2}), &path, Some(&to)).unwrap();
    assert_eq!(load(&to).unwrap().pixels.to_rgb8(), quarters());
    let fault = step("image.convert", json!({"frame": 3}), &path, Some(&to)).unwrap_err();
    assert!(fault.message.contains("no frame 3"), "{fault}");
    let fault = step("image.convert", json!({"frame": 1}), &path, Some(&folder.path().join("a.avif"))).unwrap_err();
    assert!(fault.message.contains("cannot tell"), "{fault}");
}

#[test]
fn a_resize_codes_as_a_conversion_does_and_tells_what_it_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let from = fixture("photo-cat.png");
    let make = |with: Value, name: &str| {
        let to = folder.path().join(name);
        let values = step("image.resize", with, &from, Some(&to)).unwrap();
        (values, fs::read(to).unwrap())
    };
    let (values, lossy) = make(json!({"width": 200}), "a.webp");
    assert_eq!((&values["format"], &values["kept"]), (&json!("webp"), &json!([])));
    assert_eq!(values["sizes"]["picture"]["width"], json!(200));
    let (_, small) = make(json!({"width": 200, "quality": 20}), "a.webp");
    let (_, lossless) = make(json!({"width": 200, "lossless": true}), "a.webp");
    assert!(small.len() < lossy.len() && lossy.len() < lossless.len());
    let (_, scans) = make(json!({"width": 200, "progressive": true}), "a.jpg");
    assert!(scans.windows(2).any(|marker| marker == [0xff, 0xc2]), "it is progressive");
    let lying = lying(folder.path());
    let to = folder.path().join("b.png");
    let values = step("image.resize", json!({"keep": ["exif"]}), &lying, Some(&to)).unwrap();
    assert_eq!(values["kept"], json!(["exif"]));
    assert_eq!(upright(&to), quarters());
}
