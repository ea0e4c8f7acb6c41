//! How alike pictures are: the measures are those of others, a hash stands what happens to photos, and a batch is searched for
//! copies and drawn on contact sheets.

#![expect(clippy::unwrap_used, reason = "a test whose pictures cannot be read has failed")]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, fast_blur, flip_vertical};
use image::{DynamicImage, ImageBuffer, Rgb, RgbImage, Rgba, RgbaImage};
use indexmap::IndexMap;
use mediamill::media::contact_sheet::Layout;
use mediamill::media::picture;
use mediamill::media::similar::compare::{Comparison, Unlike, compare};
use mediamill::media::similar::hash::PictureHash;
use mediamill::resilience::Fault;
use mediamill::steps::builtin::{Job, Values};
use mediamill::steps::register::find;
use serde_json::{Value, json};
use support::{Bench, fixture, installed, skip};

const PHOTOS: [&str; 4] = ["photo-astronaut.webp", "photo-cat.png", "photo-coffee-rotated.jpg", "photo-rocket.jpg"];

fn photo(name: &str) -> DynamicImage {
    picture::load(&fixture(name)).unwrap().into_upright()
}

fn cat() -> RgbImage {
    photo("photo-cat.png").to_rgb8()
}

/// Every sample changed by `change`, which is told its column, row, channel and value.
fn spoilt(picture: &RgbImage, change: impl Fn(i32, i32, i32, i32) -> i32) -> RgbImage {
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let Rgb(pixel) = *picture.get_pixel(x, y);
        Rgb([0, 1, 2].map(|at| change(x as i32, y as i32, at, pixel[at as usize].into()).clamp(0, 255) as u8))
    })
}

fn noisy(picture: &RgbImage) -> RgbImage {
    spoilt(picture, |x, y, channel, value| value + (x * 7 + y * 13 + channel * 29) % 31 - 15)
}

fn held(first: impl Into<DynamicImage>, second: impl Into<DynamicImage>) -> Comparison {
    compare(&first.into(), &second.into(), false).unwrap()
}

#[test]
fn the_measures_are_those_of_scikit_image() {
    let truth: Value = serde_json::from_str(include_str!("fixtures/truth/skimage_similar.json")).unwrap();
    let cat = cat();
    let (width, height) = cat.dimensions();
    let deep =
        ImageBuffer::from_fn(width, height, |x, y| Rgb(cat.get_pixel(x, y).0.map(|value| u16::from(value) * 257)));
    let deep_spoilt = ImageBuffer::from_fn(width, height, |x, y| {
        let Rgb(pixel) = *deep.get_pixel(x, y);
        Rgb([0, 1, 2].map(|at| {
            let noise = (x * 131 + y * 977 + at * 71) % 401;
            (i32::from(pixel[at as usize]) + noise as i32 - 200).clamp(0, 65_535) as u16
        }))
    });
    let shifted = RgbImage::from_fn(width, height, |x, y| *cat.get_pixel((x + width - 3) % width, y));
    let pairs: [(&str, DynamicImage, DynamicImage); 6] = [
        ("noise", cat.clone().into(), noisy(&cat).into()),
        ("steps", cat.clone().into(), spoilt(&cat, |_, _, _, value| value / 32 * 32).into()),
        ("dull", cat.clone().into(), spoilt(&cat, |_, _, _, value| value * 3 / 4 + 32).into()),
        ("shifted", cat.clone().into(), shifted.into()),
        ("upside_down", cat.clone().into(), flip_vertical(&cat).into()),
        ("deep", deep.into(), deep_spoilt.into()),
    ];
    assert_eq!(truth.as_object().unwrap().len(), pairs.len());
    for (name, first, second) in pairs {
        let found = compare(&first, &second, false).unwrap();
        let near = |what: &str, found: f64, most: f64| {
            let wanted = truth[name][what].as_f64().unwrap();
            assert!((found - wanted).abs() < most, "{name}: {what} is {found}, and {wanted} for scikit-image");
        };
        near("psnr_db", found.psnr_db.unwrap(), 1e-5);
        near("ssim", found.ssim.unwrap(), 1e-6);
        near("largest_difference", found.largest_difference, 1e-4);
    }
}

#[test]
fn image_magick_measures_the_same_noise() {
    if !installed("compare") {
        return skip("ImageMagick is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("a.png"), folder.path().join("b.png"));
    let (cat, noisy) = (cat(), noisy(&cat()));
    cat.save(&first).unwrap();
    noisy.save(&second).unwrap();
    let said = Command::new("compare").args(["-metric", "PSNR"]).args([&first, &second]).arg("null:").output().unwrap();
    let theirs: f64 = String::from_utf8(said.stderr).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    let ours = held(cat, noisy).psnr_db.unwrap();
    assert!((ours - theirs).abs() < 1e-3, "{ours} and {theirs}");
}

#[test]
fn equal_pictures_are_equal_whatever_holds_them() {
    let cat = cat();
    let equal = Comparison { equal: true, psnr_db: None, ssim: Some(1.0), largest_difference: 0.0, distance: Some(0) };
    let of = |other: DynamicImage| {
        let found = held(cat.clone(), other);
        assert!((found.ssim.unwrap() - 1.0).abs() < 1e-6, "{found:?}");
        Comparison { ssim: Some(1.0), ..found }
    };
    assert_eq!(of(cat.clone().into()), equal);
    assert_eq!(of(DynamicImage::from(cat.clone()).to_rgba8().into()), equal);
    assert_eq!(of(DynamicImage::from(cat.clone()).to_rgb16().into()), equal);
    let one = spoilt(&cat, |x, y, channel, value| if (x, y, channel) == (7, 9, 1) { value ^ 1 } else { value });
    let found = held(cat, one);
    assert_eq!((found.equal, found.largest_difference), (false, 1.0));
    assert!(found.psnr_db.unwrap() > 90.0 && found.ssim.unwrap() > 0.999_9);
}

#[test]
fn a_difference_that_shows_only_on_white_or_only_on_black_is_seen() {
    let white = RgbaImage::from_pixel(40, 40, Rgba([255; 4]));
    let clear = |level: u8| RgbaImage::from_pixel(40, 40, Rgba([level, level, level, 0]));
    assert!(held(clear(10), clear(250)).equal, "nobody sees the colour of what is clear");
    for (one, other) in [(&white, &clear(9)), (&RgbaImage::from_pixel(40, 40, Rgba([0, 0, 0, 255])), &clear(9))] {
        assert_eq!(held(one.clone(), other.clone()).largest_difference, 255.0);
    }
}

#[test]
fn pictures_of_another_size_are_brought_to_one_only_where_that_is_asked_for() {
    let cat = DynamicImage::from(cat());
    let small = cat.resize_exact(101, 67, FilterType::Lanczos3);
    assert_eq!(compare(&cat, &small, false), Err(Unlike::Size((300, 200), (101, 67))));
    for (one, other) in [(&cat, &small), (&small, &cat)] {
        let found = compare(one, other, true).unwrap();
        assert!(found.ssim.unwrap() > 0.99 && found.psnr_db.unwrap() > 35.0 && !found.equal, "{found:?}");
    }
    let square = cat.resize_exact(100, 100, FilterType::Lanczos3);
    assert_eq!(compare(&cat, &square, true), Err(Unlike::Shape((300, 200), (100, 100))));
}

fn jpeg(picture: &DynamicImage, quality: u8) -> DynamicImage {
    let mut bytes = Vec::new();
    picture.to_rgb8().write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality)).unwrap();
    image::load_from_memory(&bytes).unwrap()
}

fn hash(picture: &DynamicImage) -> PictureHash {
    PictureHash::of(picture).unwrap()
}

#[test]
fn a_hash_stands_what_happens_to_photos_and_tells_others_apart() {
    let photos = PHOTOS.map(photo);
    for (name, photo) in PHOTOS.iter().zip(&photos) {
        let (width, height) = (photo.width() / 4, photo.height() / 4);
        let rgb = photo.to_rgb8();
        let changed: [(&str, DynamicImage); 7] = [
            ("quality 60", jpeg(photo, 60)),
            ("a quarter", photo.resize_exact(width, height, FilterType::Lanczos3)),
            ("a quarter, quality 60", jpeg(&photo.resize_exact(width, height, FilterType::Triangle), 60)),
            ("blurred", fast_blur(&rgb, 1.5).into()),
            ("brighter", spoilt(&rgb, |_, _, _, value| value * 115 / 100).into()),
            ("darker", spoilt(&rgb, |_, _, _, value| value * 80 / 100).into()),
            ("grey", photo.to_luma8().into()),
        ];
        for (what, picture) in changed {
            let distance = hash(photo).distance(hash(&picture));
            assert!(distance <= 8, "{name}, {what}: {distance} bits");
        }
    }
    for (at, one) in photos.iter().enumerate() {
        for other in &photos[at + 1..] {
            assert!(hash(one).distance(hash(other)) >= 20);
        }
    }
}

fn run(step: &str, with: Value, inputs: &[PathBuf], outputs: &[(&str, &Path)]) -> Result<Values, Fault> {
    let outputs: IndexMap<String, PathBuf> =
        outputs.iter().map(|(name, path)| ((*name).to_owned(), path.to_path_buf())).collect();
    (find(step).unwrap().run)(with, &Job { inputs: inputs.to_vec(), outputs, watch: None })
}

#[test]
fn comparing_tells_its_values_and_fails_where_less_is_alike_than_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // The fixture is stored turned by 90 degrees.
    let turned = fixture("photo-coffee-rotated.jpg");
    photo("photo-coffee-rotated.jpg").save(at("upright.png")).unwrap();
    let both = [turned.clone(), at("upright.png")];
    let values =
        run("image.compare", json!({"least_ssim": 1, "least_psnr_db": 200}), &both, &[("json", &at("a.json"))]);
    let values = Value::from(values.unwrap());
    assert_eq!((&values["equal"], &values["psnr_db"], &values["distance"]), (&json!(true), &Value::Null, &json!(0)));
    assert_eq!(serde_json::from_slice::<Value>(&std::fs::read(at("a.json")).unwrap()).unwrap(), values);

    jpeg(&photo("photo-coffee-rotated.jpg"), 30).save(at("worse.png")).unwrap();
    let worse = [turned.clone(), at("worse.png")];
    let values = run("image.compare", json!({}), &worse, &[]).unwrap();
    assert!(values["psnr_db"].as_f64().unwrap() < 40.0 && values["equal"] == false, "{values:?}");
    for (with, told) in [(json!({"least_ssim": 0.999}), "structural"), (json!({"least_psnr_db": 60}), "PSNR")] {
        let fault = run("image.compare", with, &worse, &[]).unwrap_err();
        assert!(fault.cause == "differs" && fault.message.contains(told), "{fault}");
    }
    let fault = run("image.compare", json!({}), &[turned.clone(), fixture("photo-cat.png")], &[]).unwrap_err();
    assert!(fault.cause == "size" && fault.message.contains("300 x 200"), "{fault}");
    let fault = run("image.compare", json!({}), &[turned], &[]).unwrap_err();
    assert!(fault.message.contains("two files"), "{fault}");
}

const SEARCH: &str = r##"
name = "search"
[output]
dir = "out/{item.name}"
[[step]]
id = "look"
uses = "image.hash"
[[step]]
id = "copies"
uses = "image.dedupe"
with = { hash = "{look.hash}", width = "{look.width}", height = "{look.height}" }
out = { table = "copies.jsonl" }
[[step]]
id = "sheets"
uses = "image.contact_sheet"
with = { columns = 3, rows = 2, width = 120, height = 90, background = "#203040", title = "All" }
out = { sheets = "sheets/sheet-*.png" }
"##;

/// A batch: of three photos there are copies, of one there is none, one is broken, one is plain.
fn batch() -> Bench {
    let bench = Bench::new(SEARCH);
    let coffee = photo("photo-coffee-rotated.jpg");
    let rocket = photo("photo-rocket.jpg");
    let png = |name: &str, picture: &DynamicImage| {
        let to = bench.input(name, "");
        picture.save(to).unwrap();
    };
    for name in PHOTOS {
        bench.input(name, std::fs::read(fixture(name)).unwrap());
    }
    png("coffee-upright.png", &coffee);
    png("coffee-small.png", &coffee.resize_exact(120, 80, FilterType::Lanczos3));
    png("rocket-worse.png", &jpeg(&rocket, 40));
    png("cat-brighter.png", &spoilt(&cat(), |_, _, _, value| value * 115 / 100).into());
    png("plain.png", &RgbImage::from_pixel(64, 64, Rgb([250, 250, 250])).into());
    let whole = std::fs::read(fixture("photo-rocket.jpg")).unwrap();
    bench.input("broken.jpg", &whole[..whole.len() / 2]);
    bench
}

fn rows(bench: &Bench) -> Vec<Value> {
    let table = std::fs::read_to_string(bench.out.join("copies.jsonl")).unwrap();
    table.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn name_of(row: &Value) -> String {
    Path::new(row["path"].as_str().unwrap()).file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn copies_in_a_batch_are_found_and_the_best_of_each_is_the_one_to_keep() {
    let bench = batch();
    let inputs = std::fs::read_dir(bench.path("in")).unwrap().count();
    bench.run().expect(1);
    bench.assert_clean();
    let rows = rows(&bench);
    let mut groups: Vec<BTreeSet<String>> = Vec::new();
    for row in &rows {
        let number = row["group"].as_u64().unwrap() as usize;
        groups.resize(groups.len().max(number), BTreeSet::new());
        groups[number - 1].insert(name_of(row));
    }
    let wanted = [
        vec!["coffee-small.png", "coffee-upright.png", "photo-coffee-rotated.jpg"],
        vec!["photo-rocket.jpg", "rocket-worse.png"],
        vec!["cat-brighter.png", "photo-cat.png"],
    ];
    let found: BTreeSet<Vec<&str>> = groups.iter().map(|group| group.iter().map(String::as_str).collect()).collect();
    assert_eq!(found, wanted.into_iter().collect());
    let kept: Vec<String> = rows.iter().filter(|row| row["keep"] == true).map(name_of).collect();
    // Of equal pixels, the largest file.
    assert_eq!(kept.len(), 3);
    assert!(
        kept.contains(&"coffee-upright.png".to_owned()) && kept.contains(&"rocket-worse.png".to_owned()),
        "{kept:?}"
    );
    for row in &rows {
        let distance = row["distance"].as_u64().unwrap();
        assert!(if row["keep"] == true { distance == 0 } else { distance <= 8 }, "{row}");
        assert!(row["width"].as_u64().unwrap() > 0 && row["bytes"].as_u64().unwrap() > 0, "{row}");
    }
    let values = bench.checkpoints()[std::ffi::OsStr::new("_batch")].result("copies").cloned().unwrap();
    assert_eq!(
        json!([values["pictures"], values["unhashed"], values["groups"], values["duplicates"]]),
        json!([8, 1, 3, 4])
    );
    assert_eq!(std::fs::read_dir(bench.path("in")).unwrap().count(), inputs, "nothing is deleted");
}

/// The colour in the middle of a cell of a sheet.
fn middle(sheet: &RgbImage, layout: &Layout, at: u32) -> [u8; 3] {
    let (x, y) = layout.corner(at);
    sheet.get_pixel(x + layout.cell.0 / 2, y + layout.cell.1 / 2).0
}

#[test]
fn contact_sheets_show_every_whole_picture_of_the_batch_in_its_order() {
    let bench = batch();
    bench.run().expect(1);
    let layout = Layout {
        columns: 3,
        rows: 2,
        cell: (120, 90),
        background: [0x20, 0x30, 0x40],
        labelled: true,
        title: Some("All".to_owned()),
    };
    let sheet = |number: u32| image::open(bench.out.join(format!("sheets/sheet-{number:04}.png"))).map(|p| p.to_rgb8());
    let (first, second) = (sheet(1).unwrap(), sheet(2).unwrap());
    if let Some(to) = std::env::var_os("MEDIAMILL_SHEETS") {
        first.save(Path::new(&to).join("first.png")).unwrap();
        second.save(Path::new(&to).join("second.png")).unwrap();
    }
    assert!(sheet(3).is_err());
    // Nine whole pictures: six, and three in one row.
    assert_eq!((first.dimensions(), second.dimensions()), (layout.size(2), layout.size(1)));
    let mut names: Vec<String> = std::fs::read_dir(bench.path("in"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "broken.jpg")
        .collect();
    names.sort();
    for (at, name) in names.iter().enumerate() {
        let small = picture::load(&bench.path("in").join(name))
            .unwrap()
            .into_upright()
            .resize(120, 90, FilterType::Lanczos3)
            .to_rgb8();
        let (x, y) = layout.corner(at as u32 % 6);
        let of = if at < 6 { &first } else { &second };
        let (left, top) = (x + (120 - small.width()) / 2, y + (90 - small.height()) / 2);
        let shown = image::imageops::crop_imm(of, left, top, small.width(), small.height()).to_image();
        if name == "plain.png" {
            // Smaller than its cell: as it is.
            assert_eq!(middle(of, &layout, at as u32 % 6), [250; 3]);
            continue;
        }
        let found = held(shown, small);
        assert!(found.psnr_db.is_none_or(|psnr| psnr > 30.0), "{name}: {found:?}");
    }

    // Nothing is drawn again where nothing changed; where something is gone, the sheet it would have been on goes, too.
    let times = || {
        ["copies.jsonl", "sheets/sheet-0001.png", "sheets/sheet-0002.png"]
            .map(|name| std::fs::metadata(bench.out.join(name)).and_then(|file| file.modified()).ok())
    };
    let before = times();
    bench.run().expect(1);
    assert_eq!(times(), before);
    for name in ["plain.png", "cat-brighter.png", "coffee-small.png"] {
        std::fs::remove_file(bench.path("in").join(name)).unwrap();
    }
    bench.run().expect(1);
    assert!(sheet(1).is_ok() && sheet(2).is_err());
    assert_eq!(rows(&bench).len(), 4);
    bench.assert_clean();
}

#[test]
fn a_picture_that_cannot_be_decoded_is_crossed_out_and_stops_no_sheet() {
    // No step before looks at the pictures.
    let text = SEARCH.replace("uses = \"image.hash\"", "uses = \"file.hash\"");
    let (before, after) =
        (text.find("[[step]]\nid = \"copies\"").unwrap(), text.find("[[step]]\nid = \"sheets\"").unwrap());
    let bench = Bench::new(&format!("{}{}", &text[..before], &text[after..]));
    bench.input("a.png", std::fs::read(fixture("photo-cat.png")).unwrap());
    let whole = std::fs::read(fixture("photo-rocket.jpg")).unwrap();
    bench.input("b.jpg", &whole[..whole.len() / 2]);
    bench.input("c.txt", "no picture");
    bench.run().expect(0);
    let values = bench.checkpoints()[std::ffi::OsStr::new("_batch")].result("sheets").cloned().unwrap();
    assert_eq!(Value::from(values), json!({"sheets": 1, "pictures": 2, "crossed_out": 1}));
    let layout =
        Layout { columns: 3, rows: 2, cell: (120, 90), background: [0; 3], labelled: true, title: Some(String::new()) };
    let sheet = image::open(bench.out.join("sheets/sheet-0001.png")).unwrap().to_rgb8();
    let (x, y) = layout.corner(1);
    assert_eq!([sheet.get_pixel(x, y).0, sheet.get_pixel(x + 119, y + 89).0], [[255; 3]; 2]);
}

#[test]
fn what_a_batch_step_cannot_read_as_a_hash_is_a_fault_and_null_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let (rows, table) = (folder.path().join("rows"), folder.path().join("table"));
    let dedupe = |hash: Value| {
        let row = json!({"name": "a.png", "with": {"hash": hash}, "source": "", "file": null});
        std::fs::write(&rows, format!("{row}\n")).unwrap();
        let job = Job {
            inputs: vec![rows.clone()],
            outputs: IndexMap::from([("table".to_owned(), table.clone())]),
            watch: None,
        };
        (find("image.dedupe").unwrap().run)(json!({"hash": "{look.hash}"}), &job)
    };
    assert_eq!(dedupe(Value::Null).unwrap()["unhashed"], 1);
    for wrong in [json!(300), json!("300"), json!(true)] {
        let fault = dedupe(wrong.clone()).unwrap_err();
        assert!(fault.message.starts_with("a.png: "), "{wrong}: {fault}");
    }
}

#[test]
fn what_is_equal_is_alike_however_small_and_a_frame_must_be_named() {
    let folder = tempfile::tempdir().unwrap();
    let (small, moving) = (folder.path().join("a.png"), folder.path().join("b.gif"));
    RgbImage::from_pixel(5, 5, Rgb([9, 8, 7])).save(&small).unwrap();
    let mut encoder = image::codecs::gif::GifEncoder::new(std::fs::File::create(&moving).unwrap());
    let frames = [0, 255].map(|level| image::Frame::new(RgbaImage::from_pixel(5, 5, Rgba([level, level, level, 255]))));
    encoder.encode_frames(frames).unwrap();
    drop(encoder);
    run("image.compare", json!({"least_ssim": 1}), &[small.clone(), small], &[]).unwrap();
    for (step, inputs) in [("image.compare", vec![moving.clone(); 2]), ("image.hash", vec![moving])] {
        let fault = run(step, json!({}), &inputs, &[]).unwrap_err();
        assert!(fault.message.contains("2 frames") && fault.hint.is_none(), "{fault}");
        run(step, json!({"frame": 2}), &inputs, &[]).unwrap();
    }
}

#[test]
fn a_jpeg_that_is_decoded_small_has_about_the_hash_that_it_has_in_full() {
    for name in ["photo-coffee-rotated.jpg", "photo-rocket.jpg"] {
        let values = run("image.hash", json!({}), &[fixture(name)], &[]).unwrap();
        let whole = photo(name);
        assert_eq!((&values["width"], &values["height"]), (&json!(whole.width()), &json!(whole.height())));
        let small: PictureHash = values["hash"].as_str().unwrap().parse().unwrap();
        assert!(small.distance(hash(&whole)) <= 1, "{name}");
    }
}

#[test]
fn what_fails_for_every_batch_is_told_before_it_runs() {
    let bench = Bench::new(SEARCH);
    bench.input("a.png", std::fs::read(fixture("photo-cat.png")).unwrap());
    for (from, to, told) in [
        ("sheet-*.png", "sheet-*.xyz", "cannot tell from its name"),
        ("sheet-*.png", "sheet.png", "needs one `*`"),
        ("#203040", "colour", "is no colour"),
        ("\"{look.hash}\"", "\"0123456789abcdef\"", "the same for every item"),
        ("title = \"All\"", "title = \"{item.name}\"", "is one for the whole batch"),
        ("height = \"{look.height}\" }", "distance = 17 }", "out of range"),
    ] {
        bench.pipeline(&SEARCH.replace(from, to));
        let ended = bench.run().expect(2);
        assert!(ended.stderr.contains(told), "{told}: {}", ended.stderr);
    }
}
