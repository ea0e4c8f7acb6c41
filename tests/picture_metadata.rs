//! What pictures carry besides their pixels: read, taken out, and the rest left as it was. exiftool judges.

#![expect(clippy::unwrap_used, reason = "a test whose files cannot be made or read has failed")]

#[path = "support/rich.rs"]
mod rich;
mod support;

use std::fs;
use std::io::Write;
use std::process::Command;

use mediamill::media::MediaError;
use mediamill::media::metadata::{Keep, Kind, Metadata, rewrite, set_orientation};
use rich::{CAPTION, NAMES, PLACE, Rich, chunk, coded, holds, picture_bytes, pixels, tells_place};
use serde_json::Value;

#[test]
fn blocks_are_read_as_they_were_written() {
    let Some(rich) = Rich::new() else { return };
    for name in NAMES {
        let found = Metadata::of(&rich.path(name)).unwrap();
        let holds_exif = name != "e.gif";
        assert_eq!(found.exif.is_some(), holds_exif, "{name}");
        assert!(found.icc.as_ref() == Some(&rich.profile), "{name}: {:?} bytes", found.icc.map(|icc| icc.len()));
        assert!(holds(found.xmp.as_deref().unwrap(), CAPTION.as_bytes()), "{name}");
        assert!(found.has_gps(), "{name}");
        let Some(exif) = found.exif.clone() else { continue };
        assert_eq!(found.orientation(), 6, "{name}");
        let fields = exif::Reader::new().read_raw(exif).unwrap();
        let text = |tag| fields.get_field(tag, exif::In::PRIMARY).unwrap().display_value().to_string();
        assert_eq!(text(exif::Tag::Model), "\"Model of a camera\"", "{name}");
        assert_eq!(text(exif::Tag::DateTimeOriginal), "2020-02-03 04:05:06", "{name}");
        assert_eq!(text(exif::Tag::GPSLatitude), "47 deg 22 min 36 sec", "{name}");
    }
}

#[test]
fn without_the_place_all_else_is_as_it_was() {
    let Some(rich) = Rich::new() else { return };
    let new = rich.without(&NAMES, &[Kind::Gps]);
    let new: Vec<&str> = new.iter().map(String::as_str).collect();
    for (old, new) in NAMES.iter().zip(&new) {
        assert!(tells_place(&rich.read(old)), "{old}");
        assert!(!tells_place(&rich.read(new)), "{new}");
        assert_eq!(pixels(&rich.path(old)), pixels(&rich.path(new)), "{new}");
        assert!(!Metadata::of(&rich.path(new)).unwrap().has_gps(), "{new}");
    }
    for ((mut before, after), name) in rich.fields(&NAMES).into_iter().zip(rich.fields(&new)).zip(NAMES) {
        let all = before.len();
        // Where things are in the file is none of what they say.
        let moves = ["IFD1:ThumbnailOffset"];
        before.retain(|key, _| !key.contains("GPS"));
        let same = |key: &String, value: &Value| after.get(key) == Some(value) || moves.contains(&key.as_str());
        assert!(before.len() < all, "{name} had a place");
        for (key, value) in &before {
            assert!(same(key, value), "{name}: {key} was {value} and is {:?}", after.get(key));
        }
        assert_eq!(before.len(), after.len(), "{name}: {after:?}");
    }
    let (old, new) = (rich.read("a.jpg"), rich.read("without.a.jpg"));
    assert_eq!(coded(&old), coded(&new));
}

#[test]
fn exiftool_finds_nothing_wrong_with_what_is_left() {
    let Some(rich) = Rich::new() else { return };
    let warnings = |names: &[String]| {
        let mut command = Command::new("exiftool");
        let command = command.args(["-validate", "-warning", "-error", "-a", "-s3"]).args(names);
        let said = String::from_utf8(command.current_dir(rich.folder.path()).output().unwrap().stdout).unwrap();
        said.lines().filter(|line| !line.starts_with("====")).map(str::to_owned).collect::<Vec<_>>()
    };
    // Of many warnings there are fewer now; and the least of EXIF has nothing but the orientation.
    let is_count = |line: &str| {
        line == "OK" || line.starts_with("Missing required") || line.starts_with(|c: char| c.is_ascii_digit())
    };
    for dropped in [&[Kind::Gps][..], &[Kind::Exif, Kind::Xmp, Kind::Iptc], &[Kind::Icc, Kind::Comments, Kind::Other]] {
        for name in NAMES {
            let before = warnings(&[name.to_owned()]);
            let after = warnings(&rich.without(&[name], dropped));
            let new: Vec<&String> = after.iter().filter(|line| !before.contains(line) && !is_count(line)).collect();
            assert!(new.is_empty(), "{name} without {dropped:?}: {new:?}");
        }
    }
}

#[test]
fn stripped_it_looks_as_it_did_and_says_nothing_more() {
    let Some(rich) = Rich::new() else { return };
    let all = [Kind::Exif, Kind::Icc, Kind::Xmp, Kind::Iptc, Kind::Comments, Kind::Other];
    let new = rich.without(&NAMES, &all);
    let new: Vec<&str> = new.iter().map(String::as_str).collect();
    for ((name, old), fields) in new.iter().zip(NAMES).zip(rich.fields(&new)) {
        let (before, after) = (rich.read(old), rich.read(name));
        assert_eq!(pixels(&rich.path(old)), pixels(&rich.path(name)), "{name}");
        assert!(!tells_place(&after) && !holds(&after, CAPTION.as_bytes()) && !holds(&after, b"Model of"), "{name}");
        assert!(old == "d.tif" || after.len() < before.len(), "{name}");
        if old != "e.gif" {
            assert_eq!(fields["IFD0:Orientation"], 6, "{name}: {fields:?}");
        }
        let groups = ["ICC", "XMP", "ExifIFD", "IPTC", "Photoshop", "GPS", "IFD1"];
        let left: Vec<&String> =
            fields.keys().filter(|key| groups.iter().any(|group| key.starts_with(group))).collect();
        assert!(left.is_empty(), "{name}: {left:?}");
    }
    assert_eq!(coded(&rich.read("a.jpg")), coded(&rich.read("without.a.jpg")));
    let flags = rich.read("without.c.webp")[20];
    assert_eq!(flags & 0x2c, 0x08, "EXIF with the orientation, and neither a profile nor XMP");
}

#[test]
fn what_was_there_and_what_is_left_is_told() {
    let Some(rich) = Rich::new() else { return };
    let told = |name: &str, dropped: &[Kind]| {
        let to = rich.path("told");
        let done = rewrite(&rich.path(name), &to, Keep::all_but(dropped)).unwrap();
        assert_eq!((done.before, done.after), (rich.read(name).len() as u64, rich.read("told").len() as u64));
        (done.found, done.left, done.orientation)
    };
    use Kind::{Comments, Exif, Gps, Icc, Iptc, Xmp};
    let all = vec![Exif, Gps, Icc, Xmp, Iptc, Comments];
    assert_eq!(told("a.jpg", &[]), (all.clone(), all.clone(), 6));
    assert_eq!(told("a.jpg", &[Gps]), (all.clone(), vec![Exif, Icc, Xmp, Iptc, Comments], 6));
    assert_eq!(told("a.jpg", &[Exif]), (all.clone(), vec![Gps, Icc, Xmp, Iptc, Comments], 6));
    assert_eq!(told("a.jpg", &[Exif, Xmp]), (all.clone(), vec![Icc, Iptc, Comments], 6));
    assert_eq!(told("d.tif", &[Exif, Xmp, Iptc]).1, [Icc]);
    assert_eq!(told("e.gif", &[Xmp]), (vec![Gps, Icc, Xmp, Comments], vec![Icc, Comments], 1));
    assert_eq!(fs::read(rich.path("a.jpg")).unwrap(), {
        rewrite(&rich.path("a.jpg"), &rich.path("same"), Keep::ALL).unwrap();
        rich.read("same")
    });
}

#[test]
fn every_orientation_is_set_and_kept_wherever_it_is_told() {
    let Some(rich) = Rich::new() else { return };
    let names = ["a.jpg", "b.png", "c.webp", "d.tif"];
    let mut made = Vec::new();
    for name in names {
        for orientation in 1..=8 {
            let (set, stripped) = (format!("{orientation}.{name}"), format!("{orientation}.stripped.{name}"));
            assert_eq!(set_orientation(&rich.path(name), &rich.path(&set), orientation).unwrap(), 6, "{set}");
            rewrite(&rich.path(&set), &rich.path(&stripped), Keep::all_but(&[Kind::Exif, Kind::Xmp])).unwrap();
            for path in [&set, &stripped] {
                assert_eq!(Metadata::of(&rich.path(path)).unwrap().orientation(), orientation, "{path}");
                assert_eq!(pixels(&rich.path(name)), pixels(&rich.path(path)), "{path}");
            }
            made.extend([set, stripped]);
        }
    }
    let made: Vec<&str> = made.iter().map(String::as_str).collect();
    for (name, fields) in made.iter().zip(rich.fields(&made)) {
        let orientation: u64 = name[..1].parse().unwrap();
        let told = fields.get("IFD0:Orientation").map_or(1, |value| value.as_u64().unwrap());
        assert_eq!(told, orientation, "{name}");
        if !name.contains("stripped") {
            assert_eq!(fields["XMP-tiff:Orientation"], orientation, "{name}");
        }
    }
}

#[test]
fn a_file_without_exif_gets_an_orientation_where_it_has_a_place_for_it() {
    let Some(rich) = Rich::new() else { return };
    let names = ["a.jpg", "b.png", "c.webp", "d.tif", "e.gif"];
    let bare = rich.without(&names, &[Kind::Gps, Kind::Exif, Kind::Xmp]);
    rich.exiftool(&["-all="], &["without.a.jpg", "without.b.png", "without.c.webp"]);
    for name in &bare {
        let (from, to) = (rich.path(name), rich.path(&format!("turned.{name}")));
        assert!(set_orientation(&from, &to, 1).is_ok(), "{name}");
        match set_orientation(&from, &to, 8) {
            Ok(had) => {
                assert!([1, 6].contains(&had), "{name}");
                assert_eq!(Metadata::of(&to).unwrap().orientation(), 8, "{name}");
                assert_eq!(pixels(&from), pixels(&to), "{name}");
            }
            Err(MediaError::Unsupported(why)) => assert!(why.contains("no place") && !name.ends_with("jpg"), "{why}"),
            Err(other) => panic!("{name}: {other}"),
        }
    }
}

#[test]
fn thumbnails_go_when_the_picture_changes_and_all_else_stays() {
    let Some(rich) = Rich::new() else { return };
    let old = Metadata::of(&rich.path("a.jpg")).unwrap();
    let exif = old.exif.clone().unwrap();
    let thumbnail = rich.read("thumbnail.jpg");
    assert!(holds(&exif, &thumbnail[thumbnail.len() / 2..]));
    let new = old.clone().without_thumbnail().with_orientation(1).with_size(20, 10);
    let left = new.exif.clone().unwrap();
    assert!(left.len() + thumbnail.len() <= exif.len(), "{} of {}", left.len(), exif.len());
    assert!(!holds(&left, &thumbnail[thumbnail.len() / 2..]));
    let (before, after) = (exif::Reader::new().read_raw(exif).unwrap(), exif::Reader::new().read_raw(left).unwrap());
    for field in before.fields().filter(|field| field.ifd_num == exif::In::PRIMARY) {
        let value = after.get_field(field.tag, exif::In::PRIMARY).unwrap().value.display_as(field.tag).to_string();
        match field.tag {
            exif::Tag::Orientation => assert_eq!(value, "row 0 at top and column 0 at left"),
            exif::Tag::PixelXDimension => assert_eq!(value, "20"),
            exif::Tag::PixelYDimension => assert_eq!(value, "10"),
            tag => assert_eq!(value, field.value.display_as(tag).to_string(), "{tag}"),
        }
    }
    assert_eq!(new.kept(Keep::all_but(&[Kind::Xmp, Kind::Icc])).icc, None);
}

#[test]
fn what_lies_behind_a_picture_goes_with_the_place() {
    let Some(rich) = Rich::new() else { return };
    let whole = rich.read("a.jpg");
    // A film behind it, as phones write them; and the second picture of a list, told of in a segment.
    let film = [&b"\0\0\0\x18ftypmp42"[..], PLACE.as_bytes()].concat();
    let list = [&[0xff, 0xe2, 0, 10][..], b"MPF\0II*\0"].concat();
    let at = whole.len() - coded(&whole).len();
    fs::write(rich.path("film.jpg"), [&whole[..at], &list, &whole[at..], &film].concat()).unwrap();
    for dropped in [Kind::Gps, Kind::Other] {
        let done = rewrite(&rich.path("film.jpg"), &rich.path("new.jpg"), Keep::all_but(&[dropped])).unwrap();
        assert!(done.found.contains(&Kind::Other) && !done.left.contains(&Kind::Other));
        let new = rich.read("new.jpg");
        assert!(!holds(&new, b"ftypmp42") && !holds(&new, b"MPF\0") && new.ends_with(&[0xff, 0xd9]));
        assert_eq!(coded(&new), coded(&whole));
    }
    // What goes before the list moves nothing that it tells of; what goes behind it does.
    let kept = rewrite(&rich.path("film.jpg"), &rich.path("new.jpg"), Keep::all_but(&[Kind::Exif])).unwrap();
    assert!(kept.left.contains(&Kind::Other) && rich.read("new.jpg").ends_with(&film));
    let comment = [0xff, 0xfe, 0, 4, b'h', b'i'];
    fs::write(rich.path("film.jpg"), [&whole[..at], &list, &comment, &whole[at..], &film].concat()).unwrap();
    let kept = rewrite(&rich.path("film.jpg"), &rich.path("new.jpg"), Keep::all_but(&[Kind::Comments])).unwrap();
    assert!(!kept.left.contains(&Kind::Other));
}

#[test]
fn a_place_in_the_far_part_of_a_long_packet_is_found() {
    let Some(rich) = Rich::new() else { return };
    let long = format!("-XMP-dc:Description={}", "long ".repeat(20_000));
    rich.exiftool(&[&long], &["a.jpg"]);
    let more = b"http://ns.adobe.com/xmp/extension/\0";
    assert!(holds(&rich.read("a.jpg"), more), "it takes more than one segment");
    let read = Metadata::of(&rich.path("a.jpg")).unwrap();
    assert!(!holds(&read.xmp.unwrap(), b"HasExtendedXMP"));
    rich.without(&["a.jpg"], &[Kind::Gps]);
    let new = rich.read("without.a.jpg");
    assert!(!tells_place(&new));
    let mut secret = rich.read("a.jpg");
    let at = secret.windows(more.len()).position(|window| window == more).unwrap();
    let word = secret[at..].windows(5).position(|window| window == b"long ").unwrap();
    secret[at + word..at + word + 4].copy_from_slice(b"GPS ");
    fs::write(rich.path("a.jpg"), secret).unwrap();
    let done = rewrite(&rich.path("a.jpg"), &rich.path("new.jpg"), Keep::all_but(&[Kind::Gps])).unwrap();
    assert!(!done.left.contains(&Kind::Xmp) && done.left.contains(&Kind::Exif), "{done:?}");
}

#[test]
fn blocks_in_texts_of_a_png_are_read_and_lose_their_place() {
    let Some(rich) = Rich::new() else { return };
    // As ImageMagick wrote it before PNG had a chunk for it.
    let exif = [b"Exif\0\0", &Metadata::of(&rich.path("a.jpg")).unwrap().exif.unwrap()[..]].concat();
    let digits: Vec<String> = exif.iter().map(|byte| format!("{byte:02x}")).collect();
    let lines: Vec<String> = digits.chunks(36).map(|line| line.concat()).collect();
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    write!(packed, "\nexif\n{:>8}\n{}\n", exif.len(), lines.join("\n")).unwrap();
    let text = chunk(b"zTXt", &[b"Raw profile type exif\0\0", &packed.finish().unwrap()[..]].concat());
    let png = picture_bytes(&rich.path("bare.png"));
    fs::write(rich.path("old.png"), [&png[..33], &text, &png[33..]].concat()).unwrap();
    assert_eq!(rich.fields(&["old.png"])[0]["GPS:GPSProcessingMethod"], PLACE, "exiftool reads it");
    let found = Metadata::of(&rich.path("old.png")).unwrap();
    assert!(found.has_gps() && found.exif.is_some());
    let done = rewrite(&rich.path("old.png"), &rich.path("new.png"), Keep::all_but(&[Kind::Gps])).unwrap();
    assert!(done.left.contains(&Kind::Exif), "{done:?}");
    let left = Metadata::of(&rich.path("new.png")).unwrap();
    assert!(!left.has_gps() && left.orientation() == 6 && !tells_place(&left.exif.unwrap()));
    let fields = rich.fields(&["new.png"]).remove(0);
    assert!(fields.keys().all(|key| !key.contains("GPS")), "{fields:?}");
    assert_eq!(fields["ExifIFD:DateTimeOriginal"], "2020:02:03 04:05:06");
}

#[test]
fn a_raw_file_of_a_camera_and_fields_that_share_bytes_are_refused() {
    let Some(rich) = Rich::new() else { return };
    rich.exiftool(&["-IFD0:DNGVersion=1 4 0 0"], &["d.tif"]);
    let refused =
        |name: &str, dropped: &[Kind]| match rewrite(&rich.path(name), &rich.path("new"), Keep::all_but(dropped)) {
            Err(MediaError::Unsupported(why)) => why,
            other => panic!("{name}: {other:?}"),
        };
    assert!(refused("d.tif", &[Kind::Gps]).contains("raw file"));
    // A picture of one strip whose bytes a text says are its own.
    let field = |tag: u16, kind: u16, count: u32, value: u32| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()].concat()
    };
    let fields = [
        field(256, 3, 1, 4),
        field(257, 3, 1, 2),
        field(258, 3, 1, 8),
        field(262, 3, 1, 1),
        field(270, 2, 8, 122),
        field(273, 4, 1, 122),
        field(277, 3, 1, 1),
        field(278, 3, 1, 2),
        field(279, 4, 1, 8),
    ];
    let tiff = [&b"II*\0\x08\0\0\0\x09\0"[..], &fields.concat(), &[0; 4], b"gps text"].concat();
    fs::write(rich.path("shared.tif"), &tiff).unwrap();
    assert_eq!(tiff.len(), 130);
    assert!(refused("shared.tif", &[Kind::Comments]).contains("share"));
    assert!(refused("shared.tif", &[Kind::Gps]).contains("share"), "the text speaks of a place");
    rewrite(&rich.path("shared.tif"), &rich.path("new"), Keep::all_but(&[Kind::Exif])).unwrap();
    assert_eq!(rich.read("new"), tiff);
}
