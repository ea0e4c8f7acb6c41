//! The pipelines for pictures that ship: each runs on real files, and makes what its comment says.

#![expect(clippy::unwrap_used, reason = "a test whose files cannot be read has failed")]

#[path = "support/shipped.rs"]
mod shipped;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use image::GenericImageView;
use image::imageops::FilterType;
use serde_json::Value;
use shipped::*;

#[test]
fn thumbnails_are_upright_never_enlarged_and_a_broken_photo_stops_nothing() {
    let place = Place::new();
    place.take("photo-coffee-rotated.jpg", "photos/2024/coffee.jpg");
    place.take("photo-cat.png", "photos/cat.png");
    place.take("photo-astronaut.webp", "photos/astronaut.webp");
    let large = image::open(fixture("photo-rocket.jpg")).unwrap().resize_exact(3000, 2000, FilterType::Triangle);
    large.save(place.at("photos/rocket.png")).unwrap();
    place.run_all("thumbnails", &[place.at("photos")], 4);

    let size = |below: &str| image::open(place.at("out/thumbnails").join(below)).unwrap().dimensions();
    assert_eq!(
        ["256", "1024", "2048"].map(|box_of| size(&format!("rocket.png/{box_of}.jpg"))),
        [(256, 171), (1024, 683), (2048, 1365)]
    );
    assert_eq!(
        ["256", "1024", "2048"].map(|box_of| size(&format!("cat.png/{box_of}.jpg"))),
        [(256, 171), (300, 200), (300, 200)]
    );
    assert_eq!([size("rocket.png/1024.webp"), size("cat.png/1024.webp")], [(1024, 683), (300, 200)]);
    let upright = image::open(fixture("photo-coffee-rotated.jpg")).unwrap().rotate90();
    let made = image::open(place.at("out/thumbnails/2024/coffee.jpg/256.jpg")).unwrap().to_rgb8();
    let wanted = upright.resize_exact(made.width(), made.height(), FilterType::Triangle).to_rgb8();
    let apart: u64 = made.iter().zip(wanted.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    assert!(
        apart / (made.len() as u64) < 8,
        "a turned picture would differ by about 60: {}",
        apart / made.len() as u64
    );

    let whole = fs::read(fixture("photo-rocket.jpg")).unwrap();
    fs::write(place.at("photos/cut.jpg"), &whole[..whole.len() / 2]).unwrap();
    let ran = place.run("thumbnails", &[place.at("photos")]);
    assert_eq!(ran.output.status.code(), Some(1), "{}", ran.told());
    assert_eq!((&ran.counts["failed"], &ran.counts["up_to_date"]), (&1.into(), &4.into()));
    assert!(!place.at("out/thumbnails/cut.jpg").exists(), "nothing half-made is left");
    assert_eq!(place.table("out/thumbnails/thumbnails.csv").len(), 4);
}

#[test]
fn photos_that_are_broken_or_there_twice_are_named_and_all_are_on_a_contact_sheet() {
    let place = Place::new();
    for name in ["photo-coffee-rotated.jpg", "photo-cat.png", "photo-astronaut.webp", "photo-rocket.jpg"] {
        place.take(name, &format!("photos/{name}"));
    }
    let coffee = image::open(fixture("photo-coffee-rotated.jpg")).unwrap().rotate90();
    fs::create_dir_all(place.at("photos/phone")).unwrap();
    coffee.resize_exact(160, 107, FilterType::Lanczos3).to_rgb8().save(place.at("photos/phone/coffee.jpg")).unwrap();
    place.run_all("photo-check", &[place.at("photos")], 5);

    let copies = place.table("out/photo-check/duplicates.csv");
    let told: Vec<(&str, &str, bool)> = copies
        .iter()
        .map(|row| (row[0].as_str(), row[1].as_str(), row[2].ends_with("photo-coffee-rotated.jpg")))
        .collect();
    assert_eq!(told, [("1", "true", true), ("1", "false", false)]);
    assert_eq!(place.table("out/photo-check/photos.csv").len(), 5);
    // Five in one row of six.
    let sheet = image::open(place.at("out/photo-check/contact-0001.jpg")).unwrap();
    assert_eq!(sheet.dimensions(), (12 + 6 * 252, 12 + 33 + 274));
    assert!(!place.at("out/photo-check/contact-0002.jpg").exists());

    let whole = fs::read(fixture("photo-rocket.jpg")).unwrap();
    fs::write(place.at("photos/cut.jpg"), &whole[..whole.len() / 2]).unwrap();
    let ran = place.run("photo-check", &[place.at("photos")]);
    assert_eq!((&ran.counts["failed"], &ran.counts["up_to_date"]), (&1.into(), &5.into()), "{}", ran.told());
    assert!(ran.told().contains("cut.jpg"), "{}", ran.told());
    assert_eq!(place.table("out/photo-check/photos.csv").len(), 5);
}

#[test]
fn pictures_of_text_have_labels_and_are_the_same_however_many_are_drawn_at_once_and_again_from_their_labels() {
    let place = Place::new();
    // Fonts, backgrounds and texts are looked for from where mediamill is started.
    std::os::unix::fs::symlink(root().join("pipelines"), place.at("pipelines")).unwrap();
    let arguments = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
    let ran = place.run("ocr", &arguments(&["--jobs", "4"]));
    assert_eq!((ran.output.status.code(), &ran.counts["done"]), (Some(0), &60.into()), "{}", ran.told());
    let picture = |number: usize| place.at(&format!("out/ocr/pictures/{number:06}.png"));
    let label = |number: usize| place.at(&format!("out/ocr/labels/{number:06}.json"));
    let rows: Vec<Value> = fs::read_to_string(place.at("out/ocr/labels.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 60);
    for (row, number) in rows.iter().zip(1..) {
        let (width, height) = image::image_dimensions(picture(number)).unwrap();
        let label: Value = serde_json::from_slice(&fs::read(label(number)).unwrap()).unwrap();
        assert_eq!((&label["width"], &label["height"]), (&width.into(), &height.into()), "{number}");
        assert_eq!((&row["text"], &row["width"]), (&label["text"], &label["width"]), "{number}");
        let words = label["lines"].as_array().unwrap().iter().flat_map(|line| line["words"].as_array().unwrap());
        let words: Vec<&str> = words.map(|word| word["text"].as_str().unwrap()).collect();
        assert_eq!(words, label["text"].as_str().unwrap().split_whitespace().collect::<Vec<_>>(), "{number}");
    }
    assert_eq!(rows.iter().filter(|row| row["kind"] == "clean").count(), 36);
    assert_eq!(rows.iter().filter(|row| row["kind"] == "worn").count(), 24);

    let again = place.run("ocr-again", &[label(1), label(29), label(42)]);
    assert_eq!((again.output.status.code(), &again.counts["done"]), (Some(0), &3.into()), "{}", again.told());
    for number in [1, 29, 42] {
        let again = place.at(&format!("out/ocr-again/{number:06}.png"));
        assert_eq!(fs::read(again).unwrap(), fs::read(picture(number)).unwrap(), "{number}");
    }

    let pictures = || -> BTreeMap<PathBuf, Vec<u8>> {
        let all = files(&place.at("out/ocr/pictures"));
        all.into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect()
    };
    let four = pictures();
    fs::remove_dir_all(place.at("out")).unwrap();
    let one = place.run("ocr", &arguments(&["--jobs", "1", "--limit", "15", "--fresh"]));
    assert_eq!((one.output.status.code(), &one.counts["done"]), (Some(0), &15.into()), "{}", one.told());
    let one = pictures();
    assert_eq!(one.len(), 15);
    assert!(one.iter().all(|(name, picture)| four[name] == *picture));
    place.no_scratch();
}
