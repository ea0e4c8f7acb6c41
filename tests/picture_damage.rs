//! Pictures that are cut, broken, or declare more than can be meant end in a fault of the input, and in nothing worse.

#![expect(clippy::unwrap_used, reason = "a test whose files cannot be read has failed")]

#[path = "support/damage.rs"]
mod damage;
#[path = "support/pictures.rs"]
mod pictures;
mod support;

use std::fs;
use std::path::Path;

use image::DynamicImage;
use mediamill::media::MediaError;
use mediamill::media::metadata::{Keep, Metadata};
use mediamill::media::picture::resample::Resampling;
use mediamill::media::picture::resize::{Target, resize};
use mediamill::media::picture::shape::Shape;
use mediamill::media::picture::{self, Coding, PngLevel, load, probe, still, verify, write};

use damage::{most_memory, mutated};
use pictures::{KINDS, animated_png, animations, chunk, codings, convert, fading, save, sealed, slopes, stripes};
use support::{installed, skip};

/// A file of `bytes`, and what we say of it.
fn refused(folder: &Path, bytes: &[u8]) -> MediaError {
    let path = folder.join("refused");
    fs::write(&path, bytes).unwrap();
    let error = verify(&path).map(drop).unwrap_err();
    assert!(probe(&path).is_err() || matches!(error, MediaError::Damaged { .. }) || load(&path).is_err(), "{error}");
    error
}

#[test]
fn what_would_come_out_wrong_is_refused_with_the_reason() {
    if !installed("convert") {
        return skip("ImageMagick is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let from = save(folder, "from.png", &slopes().into());
    let make = |name: &str, how: &[&str]| {
        let path = folder.join(name);
        convert(&from, how, path.to_str().unwrap());
        fs::read(path).unwrap()
    };
    let why = |bytes: &[u8], what: &str| {
        let error = refused(folder, bytes);
        assert!(matches!(&error, MediaError::Unsupported(why) if why.contains(what)), "{what}: {error}");
    };
    // Without Adobe's marker nobody knows whether inks are inverted.
    let cmyk = make("cmyk.jpg", &["-colorspace", "CMYK"]);
    let adobe = cmyk.windows(5).position(|part| part == b"Adobe").unwrap();
    let mut unmarked = cmyk.clone();
    unmarked[adobe..adobe + 5].copy_from_slice(b"Other");
    why(&unmarked, "inverted");
    let frame = cmyk.windows(2).position(|part| part == [0xff, 0xc0]).unwrap();
    let mut deep = cmyk.clone();
    deep[frame + 4] = 12;
    why(&deep, "12 bits");
    let mut arithmetic = cmyk;
    arithmetic[frame + 1] = 0xc9;
    why(&arithmetic, "arithmetic");
    why(&make("lab.tif", &["-colorspace", "Lab"]), "colours of kind");
    let hdr =
        ["-evaluate", "multiply", "3", "-depth", "32", "-define", "quantum:format=floating-point", "-compress", "Zip"];
    let high = make("hdr.tif", &hdr);
    if !matches!(load(&folder.join("hdr.tif")), Ok(picture) if picture.pixels.color().has_color()) {
        why(&high, "between 0 and 1");
    }
}

#[test]
fn a_file_that_ends_too_soon_is_damaged_whatever_its_format() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (name, coding, _) in codings() {
        let path = folder.path().join(name);
        write(&slopes().into(), &Metadata::default(), &path, coding).unwrap();
        files.push((name, path));
    }
    files.extend(animations(folder.path()));
    for (name, path) in files {
        let whole = fs::read(&path).unwrap();
        for cut in [5, 40, whole.len() / 3, whole.len() / 2] {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let told = [verify(&path).map(drop), load(&path).map(drop), picture::check_structure(&path)];
            for error in told.map(Result::unwrap_err) {
                assert!(matches!(error, MediaError::Damaged { .. }), "{name} cut by {cut}: {error}");
            }
        }
    }
}

/// 400 million zeros, as zlib packs them.
fn zeros() -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 20_000, 20_000);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_deflate_compression(png::DeflateCompression::Level(1));
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&vec![0; 400_000_000]).unwrap();
    writer.finish().unwrap();
    let mut packed = Vec::new();
    let mut at = 8;
    while at < file.len() {
        let length = u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        if &file[at + 4..at + 8] == b"IDAT" {
            packed.extend_from_slice(&file[at + 8..at + 8 + length]);
        }
        at += 12 + length;
    }
    packed
}

#[test]
fn bombs_are_refused_by_what_they_declare() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb");
    let limited = |bytes: &[u8], what: &str| {
        fs::write(&path, bytes).unwrap();
        for told in [probe(&path).map(drop), load(&path).map(drop), verify(&path).map(drop)] {
            let error = told.unwrap_err();
            assert!(matches!(error, MediaError::Limit(_)), "{what}: {error}");
        }
    };
    let head = |side: u32| [&side.to_be_bytes()[..], &side.to_be_bytes(), &[1, 0, 0, 0, 0]].concat();
    let png = |chunks: &[Vec<u8>]| [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat()].concat();
    limited(&png(&[chunk(b"IHDR", &head(50_000)), chunk(b"IDAT", &[0; 9]), chunk(b"IEND", &[])]), "50,000 x 50,000");
    limited(&[b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\x01\0\0;".as_slice()].concat(), "gif");
    let mut bmp = [b"BM".as_slice(), &[0; 8], &[54, 0, 0, 0, 40, 0, 0, 0]].concat();
    bmp.extend([60_000_u32.to_le_bytes(), 60_000_u32.to_le_bytes(), [1, 0, 24, 0]].concat());
    bmp.extend([0; 24]);
    limited(&bmp, "bmp");
    let mut tiff = fs::read(save(folder.path(), "a.tiff", &slopes().into())).unwrap();
    let at = u32::from_le_bytes(tiff[4..8].try_into().unwrap()) as usize;
    for entry in tiff[at + 2..].chunks_exact_mut(12).take(8).filter(|entry| matches!(entry[0], 0 | 1) && entry[1] == 1)
    {
        entry[2..12].copy_from_slice(&[4, 0, 1, 0, 0, 0, 0, 0, 1, 0]);
    }
    limited(&tiff, "tiff");

    // A block of 400 MB, packed into less than one, costs no such memory: it is left out or refused.
    let small = fs::read(save(folder.path(), "small.png", &slopes().into())).unwrap();
    let packed = zeros();
    let before = most_memory();
    for (kind, name) in [(b"iCCP", &b"a\0\0"[..]), (b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0"), (b"zTXt", b"a\0\0")] {
        let bomb = [&small[..33], &chunk(kind, &[name, &packed].concat()), &small[33..]].concat();
        fs::write(&path, &bomb).unwrap();
        if let Ok(picture) = load(&path) {
            assert!(picture.metadata.icc.is_none() && picture.metadata.xmp.is_none());
        }
    }
    // The limit, in two copies, beside what other tests have meanwhile.
    assert!(most_memory() < before + (180 << 10), "{} KiB", most_memory());

    // As many frames as a number can say.
    let animated = folder.path().join("a.png");
    animated_png(&animated, false);
    let mut bytes = fs::read(&animated).unwrap();
    let control = bytes.windows(4).position(|part| part == b"acTL").unwrap();
    bytes[control + 4..control + 8].copy_from_slice(&u32::MAX.to_be_bytes());
    fs::write(&animated, sealed(bytes)).unwrap();
    assert!(matches!(verify(&animated), Err(MediaError::Limit(_))));
}

/// The kinds that are mutated: one for each decoder and each way through it.
const MUTATED: [&str; 22] = [
    "baseline.jpg",
    "progressive.jpg",
    "gray.jpg",
    "cmyk.jpg",
    "rgb.png",
    "interlaced16.png",
    "palette.png",
    "mono.png",
    "still.gif",
    "lossy-alpha.webp",
    "lossless.webp",
    "none.tif",
    "lzw.tif",
    "zip.tif",
    "jpeg.tif",
    "fax.tif",
    "palette.tif",
    "float.tif",
    "tiles.tif",
    "rgb.bmp",
    "palette.bmp",
    "runs.bmp",
];

#[test]
fn mutated_pictures_of_every_format_end_in_pixels_or_in_a_fault_of_the_input() {
    if !installed("convert") {
        return skip("ImageMagick is not installed");
    }
    // What panics in a library is caught; ten thousand backtraces of it would be most of the output.
    let (here, usual) = (std::thread::current().id(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() != here {
            usual(panic);
        }
    }));
    let count: u64 = std::env::var("MEDIAMILL_MUTATED").map_or(8, |count| count.parse().unwrap());
    let only = std::env::var("MEDIAMILL_MUTATED_KIND").ok();
    let folder = tempfile::tempdir().unwrap();
    ["slopes", "fading", "stripes"]
        .iter()
        .zip([slopes().into(), fading().into(), stripes().into()])
        .for_each(|(name, picture): (_, DynamicImage)| drop(save(folder.path(), &format!("{name}.src.png"), &picture)));
    let mut files = animations(folder.path());
    for name in MUTATED {
        let (of, _, how, _) = KINDS.iter().find(|kind| kind.1 == name).unwrap();
        let path = folder.path().join(name);
        convert(&folder.path().join(format!("{of}.src.png")), how, path.to_str().unwrap());
        files.push((name, path));
    }
    let mut wrong = Vec::new();
    for (name, path) in files.into_iter().filter(|(name, _)| only.as_deref().is_none_or(|only| name.contains(only))) {
        let whole = fs::read(&path).unwrap();
        let mut slowest = (std::time::Duration::ZERO, 0);
        let mut ends = [0_u64; 2];
        for seed in 0..count {
            let broken = mutated(&whole, seed);
            let broken = if seed % 4 == 0 { broken } else { sealed(broken) };
            fs::write(&path, broken).unwrap();
            let began = std::time::Instant::now();
            let small = Target {
                to: &folder.path().join("small.png"),
                shape: Shape { width: Some(40), height: Some(30), ..Shape::default() },
                background: [255; 4],
                coding: Coding::Png(PngLevel::Fast),
            };
            let all = || {
                [
                    resize(&path, Some(1), &[small], Resampling::default(), Keep::ALL).map(drop),
                    probe(&path).map(drop),
                    load(&path).map(drop),
                    still(&path, Some(2)).map(drop),
                    verify(&path).map(drop),
                ]
            };
            match std::panic::catch_unwind(all) {
                Err(_) => wrong.push(format!("{name}, {seed}: a panic")),
                Ok(all) => {
                    for end in all {
                        ends[usize::from(end.is_err())] += 1;
                        if let Err(error @ (MediaError::Unreadable(_) | MediaError::Unwritable(_))) = end {
                            wrong.push(format!("{name}, {seed}: {error}"));
                        }
                    }
                }
            }
            slowest = slowest.max((began.elapsed(), seed));
        }
        assert!(slowest.0.as_secs() < 60, "{name}, {}: {:?}", slowest.1, slowest.0);
        if count > 100 {
            tell(&format!("{name}: {ends:?} fine and refused, slowest {slowest:?}, {} KiB", most_memory()));
        }
    }
    drop(std::panic::take_hook());
    assert_eq!(wrong, Vec::<String>::new());
    assert!(most_memory() < 3 << 19, "{} KiB", most_memory());
}

#[expect(clippy::print_stderr, reason = "the long form shows where it is")]
fn tell(what: &str) {
    eprintln!("{what}");
}
