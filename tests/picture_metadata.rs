//! What pictures carry besides their pixels: read, taken out, and the rest left as it was. exiftool judges.

#![expect(clippy::unwrap_used, reason = "a test whose files cannot be made or read has failed")]

mod support;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use image::{ImageDecoder, ImageReader};
use mediamill::media::MediaError;
use mediamill::media::metadata::{Keep, Kind, Metadata, rewrite, set_orientation};
use serde_json::{Map, Value};
use support::{Chance, installed, skip};

/// Stands in every block that tells the place.
const PLACE: &str = "Zanzibar-4711";
/// Stands in blocks that tell other things.
const CAPTION: &str = "A quiet morning";
/// What EXIF writes for 47 degrees, 22 minutes and 36 seconds.
const LATITUDE: [u32; 6] = [47, 1, 22, 1, 36, 1];

/// A folder with small pictures of all formats that carry all that exiftool can write into them.
struct Rich {
    folder: tempfile::TempDir,
    profile: Vec<u8>,
}

const NAMES: [&str; 5] = ["a.jpg", "b.png", "c.webp", "d.tif", "e.gif"];
/// What they were made of.
const OTHERS: [&str; 2] = ["thumbnail.jpg", "small.icc"];

impl Rich {
    /// A copy of the files for one test.
    fn new() -> Option<Self> {
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

    fn make() -> Self {
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

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes with exiftool into `names`. What a format cannot hold it leaves out.
    fn exiftool(&self, changes: &[&str], names: &[&str]) {
        let mut command = Command::new("exiftool");
        command
            .args(["-q", "-q", "-m", "-overwrite_original"])
            .args(changes)
            .args(names)
            .current_dir(self.folder.path());
        command.output().unwrap();
    }

    /// All that exiftool finds in the files, by their names: the fields, by group and name.
    fn fields(&self, names: &[&str]) -> Vec<Map<String, Value>> {
        let mut command = Command::new("exiftool");
        let out = command.args(["-j", "-G1", "-a", "-u", "-n"]).args(names).current_dir(self.folder.path());
        let found: Vec<Map<String, Value>> = serde_json::from_slice(&out.output().unwrap().stdout).unwrap();
        let about_the_file = ["SourceFile", "System:", "File:", "ExifTool:", "Composite:"];
        let of_the_picture = |key: &String| !about_the_file.iter().any(|group| key.starts_with(group));
        found.into_iter().map(|fields| fields.into_iter().filter(|(key, _)| of_the_picture(key)).collect()).collect()
    }

    /// The new files of `names` without what is dropped.
    fn without(&self, names: &[&'static str], dropped: &[Kind]) -> Vec<String> {
        let each = names.iter().map(|name| {
            let to = format!("without.{name}");
            rewrite(&self.path(name), &self.path(&to), Keep::all_but(dropped)).unwrap();
            to
        });
        each.collect()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }
}

/// Something that begins like a colour profile.
fn profile(length: u32) -> Vec<u8> {
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
fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    let content = [&name[..], body].concat();
    crc.update(&content);
    [&(body.len() as u32).to_be_bytes(), &content[..], &crc.sum().to_be_bytes()].concat()
}

/// The bytes of a small picture that carries nothing, written to `path`.
fn picture_bytes(path: &Path) -> Vec<u8> {
    image::open(support::fixture("photo-rocket.jpg")).unwrap().thumbnail_exact(64, 48).save(path).unwrap();
    fs::read(path).unwrap()
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

fn tells_place(bytes: &[u8]) -> bool {
    let big: Vec<u8> = LATITUDE.iter().flat_map(|number| number.to_be_bytes()).collect();
    let little: Vec<u8> = LATITUDE.iter().flat_map(|number| number.to_le_bytes()).collect();
    holds(bytes, PLACE.as_bytes()) || holds(bytes, b"47,22.6") || holds(bytes, &big) || holds(bytes, &little)
}

fn pixels(path: &Path) -> Vec<u8> {
    let decoder = ImageReader::open(path).unwrap().with_guessed_format().unwrap().into_decoder().unwrap();
    let mut pixels = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut pixels).unwrap();
    pixels
}

/// The coded data of a JPEG: from its first scan to its end.
fn coded(bytes: &[u8]) -> &[u8] {
    let mut at = 2;
    while bytes[at + 1] != 0xda {
        at += 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
    }
    &bytes[at..]
}

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

#[test]
fn what_is_cut_is_damaged_and_a_small_block_that_unpacks_to_gigabytes_is_refused() {
    let Some(rich) = Rich::new() else { return };
    for name in ["a.jpg", "b.png", "c.webp", "e.gif"] {
        let whole = rich.read(name);
        for length in [whole.len() - 3, whole.len() / 2, 40, 12] {
            fs::write(rich.path("cut"), &whole[..length]).unwrap();
            let done = rewrite(&rich.path("cut"), &rich.path("new"), Keep::all_but(&[Kind::Gps]));
            assert!(matches!(done, Err(MediaError::Damaged { .. })), "{name} of {length} bytes: {done:?}");
        }
    }
    assert!(matches!(Metadata::of(Path::new(file!())), Err(MediaError::NotPicture(_))));
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1 << 20];
    (0..128).for_each(|_| packed.write_all(&zeros).unwrap());
    let bomb = chunk(b"iCCP", &[&b"bomb\0\0"[..], &packed.finish().unwrap()].concat());
    let png = rich.read("b.png");
    fs::write(rich.path("bomb.png"), [&png[..33], &bomb, &png[33..]].concat()).unwrap();
    let read = Metadata::of(&rich.path("bomb.png")).unwrap();
    assert!(read.icc.is_none() && read.has_gps(), "it is left out, and the other blocks are read");
    // What is only copied is not unpacked.
    rewrite(&rich.path("bomb.png"), &rich.path("new"), Keep::all_but(&[Kind::Exif])).unwrap();
}

#[test]
fn a_packet_in_utf_16_is_not_believed_to_be_without_a_place() {
    let Some(rich) = Rich::new() else { return };
    let packet = String::from_utf8(Metadata::of(&rich.path("c.webp")).unwrap().xmp.unwrap()).unwrap();
    let wide: Vec<u8> = packet.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let metadata = Metadata { xmp: Some(wide), ..Metadata::default() };
    assert!(metadata.has_gps());
    assert_eq!(metadata.without_gps(), Metadata::default());
}

/// Changes some bytes: flips, numbers at their limits, and pieces that are cut out or doubled.
fn mutated(bytes: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=chance.below(6) {
        let at = chance.below(bytes.len() as u64) as usize;
        let end = (at + 1 + chance.below(64) as usize).min(bytes.len());
        match chance.below(6) {
            0 => bytes[at] ^= 1 << chance.below(8),
            1 => bytes[at] = [0, 0xff, 0x7f, 0x80][chance.below(4) as usize],
            2 => bytes[at..end.min(at + 4)].fill([0, 0xff][chance.below(2) as usize]),
            3 => _ = bytes.drain(at..end),
            4 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes[at] = chance.below(256) as u8,
        }
        if bytes.len() < 16 {
            break;
        }
    }
    bytes
}

/// The most memory that this process has held at once, in KiB.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// How many mutated files of each kind: 400, or as many as `MEDIAMILL_MUTATED` says.
fn mutations() -> u64 {
    std::env::var("MEDIAMILL_MUTATED").ok().and_then(|count| count.parse().ok()).unwrap_or(400)
}

#[test]
fn mutated_files_and_blocks_never_panic_hang_or_take_much_memory() {
    let Some(rich) = Rich::new() else { return };
    let small = ["-ICC_Profile<=small.icc"];
    rich.exiftool(&small, &NAMES);
    let mut chance = Chance(17);
    let (before, started) = (peak_memory(), std::time::Instant::now());
    let (mutant, new) = (rich.path("mutant"), rich.path("new"));
    let mut whole = 0;
    for name in NAMES {
        let bytes = rich.read(name);
        // Half of them early, where the metadata is.
        let early = bytes.len().min(4000);
        for round in 0..mutations() {
            let changed = match round % 2 {
                0 => mutated(&bytes, &mut chance),
                _ => [mutated(&bytes[..early], &mut chance), bytes[early..].to_vec()].concat(),
            };
            fs::write(&mutant, changed).unwrap();
            let _ = Metadata::of(&mutant).map(|metadata| metadata.kept(Keep::ALL).without_thumbnail());
            let _ = set_orientation(&mutant, &new, 1);
            if rewrite(&mutant, &new, Keep::all_but(&[Kind::Gps])).is_ok() {
                whole += 1;
                // What we wrote we can read, and nothing in it tells of a place in a way that we know.
                assert!(!Metadata::of(&new).is_ok_and(|left| left.has_gps()), "{name}, round {round}");
            }
            let _ = rewrite(&mutant, &new, Keep::all_but(&[Kind::Exif, Kind::Xmp, Kind::Iptc]));
        }
    }
    assert!(whole > mutations() / 2, "{whole} of them could be written");
    let blocks = Metadata::of(&rich.path("a.jpg")).unwrap();
    for _ in 0..mutations() {
        let changed = |block: &Option<Vec<u8>>, chance: &mut Chance| block.as_ref().map(|block| mutated(block, chance));
        let (exif, xmp) = (changed(&blocks.exif, &mut chance), changed(&blocks.xmp, &mut chance));
        let metadata = Metadata { exif, icc: None, xmp };
        let _ = metadata.clone().with_orientation(3).without_thumbnail().with_size(1, 1);
        let left = metadata.clone().with_orientation(1);
        assert_eq!(left.orientation(), 1);
        assert!(!metadata.without_gps().has_gps());
    }
    let grown = peak_memory().saturating_sub(before);
    assert!(grown < 200 << 10, "{grown} KiB more");
    let each = started.elapsed() / (5 * mutations() as u32);
    assert!(each < std::time::Duration::from_millis(200), "{each:?} for one");
}
