//! Pictures of every kind decode to the pixels that they were made of, are refused where they would not, and what we
//! write is what others read.

#![allow(unused_imports, dead_code)]
#![expect(clippy::unwrap_used, reason = "a test whose files cannot be read has failed")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use image::{DynamicImage, GenericImageView, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage};
use mediamill::media::MediaError;
use mediamill::media::metadata::Metadata;
use mediamill::media::picture::{
    self, Coding, JpegCoding, PngLevel, Subsampling, TiffCompression, WebPCoding, load, load_frame, probe, still,
    verify, write,
};

use support::{fixture, installed, skip};

const WIDTH: u32 = 71;
const HEIGHT: u32 = 46;

/// A picture of slopes: red to the right, green down, blue both ways; no two corners alike.
fn slopes() -> RgbImage {
    RgbImage::from_fn(WIDTH, HEIGHT, |x, y| Rgb([(x * 3 + 20) as u8, (y * 5) as u8, (250 - x - y * 2) as u8]))
}

/// The same with alpha, from nothing on the left to all on the right.
fn fading() -> RgbaImage {
    let slopes = slopes();
    RgbaImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let [red, green, blue] = slopes.get_pixel(x, y).0;
        Rgba([red, green, blue, (x * 255 / (WIDTH - 1)) as u8])
    })
}

/// Eight flat colours in stripes, for formats with palettes.
fn stripes() -> RgbImage {
    RgbImage::from_fn(WIDTH, HEIGHT, |x, _| {
        let bits = x / 9;
        Rgb([bits & 1, bits >> 1 & 1, bits >> 2 & 1].map(|bit| (bit * 255) as u8))
    })
}

/// Runs ImageMagick over the PNG `from`.
fn convert(from: &Path, how: &[&str], to: &str) {
    let output = Command::new("convert").env("MAGICK_THREAD_LIMIT", "1").arg(from).args(how).arg(to).output().unwrap();
    assert!(output.status.success(), "{how:?} {to}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The pixels that ImageMagick reads, as RGBA of 16 bits.
fn by_others(path: &Path) -> Vec<u16> {
    let output = Command::new("convert")
        .env("MAGICK_THREAD_LIMIT", "1")
        .arg(format!("{}[0]", path.display()))
        .args(["-colorspace", "sRGB", "-depth", "16", "-endian", "LSB", "RGBA:-"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.as_chunks().0.iter().map(|sample| u16::from_le_bytes(*sample)).collect()
}

fn by_us(path: &Path) -> DynamicImage {
    load(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).pixels
}

/// The largest difference between samples, in steps of 8 bits; transparent pixels are alike.
fn apart(ours: &DynamicImage, truth: &[u16]) -> f64 {
    let ours = ours.to_rgba16();
    assert_eq!(ours.as_raw().len(), truth.len());
    let pixels = ours.as_raw().as_chunks::<4>().0.iter().zip(truth.as_chunks::<4>().0);
    let far = pixels.flat_map(|(a, b)| {
        let seen = if a[3] == 0 && b[3] == 0 { 3 } else { 0 };
        (seen..4).map(|part| a[part].abs_diff(b[part]))
    });
    f64::from(far.max().unwrap()) / 257.0
}

fn save(folder: &Path, name: &str, picture: &DynamicImage) -> PathBuf {
    let path = folder.join(name);
    picture.save(&path).unwrap();
    path
}

/// Every kind of file that ImageMagick makes: what it is made of, its name, how, and how far samples may be from those
/// that it reads itself, in steps of 8 bits.
const KINDS: &[(&str, &str, &[&str], f64)] = &[
    ("slopes", "rgb.png", &["-define", "png:color-type=2"], 0.0),
    ("slopes", "interlaced.png", &["-interlace", "PNG"], 0.0),
    ("slopes", "gray.png", &["-colorspace", "Gray"], 0.0),
    ("slopes", "gray16.png", &["-colorspace", "Gray", "-depth", "16", "-define", "png:bit-depth=16"], 0.0),
    ("slopes", "rgb16.png", &["-blur", "0x2", "-depth", "16", "-define", "png:bit-depth=16"], 0.0),
    ("slopes", "interlaced16.png", &["-blur", "0x2", "-define", "png:bit-depth=16", "-interlace", "PNG"], 0.0),
    ("slopes", "mono.png", &["-monochrome", "-define", "png:bit-depth=1"], 0.0),
    ("stripes", "palette.png", &["-define", "png:color-type=3"], 0.0),
    ("fading", "rgba.png", &[], 0.0),
    ("fading", "rgba16.png", &["-define", "png:bit-depth=16"], 0.0),
    ("fading", "gray-alpha.png", &["-colorspace", "Gray", "-define", "png:color-type=4"], 0.0),
    (
        "fading",
        "gray-alpha16.png",
        &["-colorspace", "Gray", "-define", "png:color-type=4", "-define", "png:bit-depth=16"],
        0.0,
    ),
    ("slopes", "baseline.jpg", &["-quality", "92"], JPEG),
    ("slopes", "full.jpg", &["-quality", "92", "-sampling-factor", "1x1"], 3.0),
    ("slopes", "wide.jpg", &["-quality", "92", "-sampling-factor", "2x1"], JPEG),
    ("slopes", "tall.jpg", &["-quality", "92", "-sampling-factor", "1x2"], JPEG),
    ("slopes", "quarters.jpg", &["-quality", "92", "-sampling-factor", "4x1"], JPEG),
    ("slopes", "progressive.jpg", &["-quality", "92", "-interlace", "JPEG"], JPEG),
    ("slopes", "gray.jpg", &["-quality", "92", "-colorspace", "Gray"], 1.0),
    ("slopes", "cmyk.jpg", &["-quality", "95", "-colorspace", "CMYK", "-sampling-factor", "1x1"], 2.0),
    ("slopes", "restarts.jpg", &["-quality", "92", "-define", "jpeg:restart-interval=4"], JPEG),
    ("slopes", "still.gif", &[], 0.0),
    ("stripes", "interlaced.gif", &["-interlace", "GIF"], 0.0),
    ("fading", "clear.gif", &[], 0.0),
    ("slopes", "lossless.webp", &["-define", "webp:lossless=true"], 0.0),
    ("fading", "lossless-alpha.webp", &["-define", "webp:lossless=true", "-define", "webp:exact=true"], 0.0),
    ("slopes", "lossy.webp", &["-quality", "90"], 3.0),
    ("fading", "lossy-alpha.webp", &["-quality", "90"], 3.0),
    ("slopes", "none.tif", &["-compress", "None"], 0.0),
    ("slopes", "lzw.tif", &["-compress", "LZW"], 0.0),
    ("slopes", "zip.tif", &["-compress", "Zip"], 0.0),
    ("slopes", "packbits.tif", &["-compress", "RLE"], 0.0),
    ("slopes", "big-endian.tif", &["-compress", "LZW", "-endian", "MSB", "-define", "tiff:endian=msb"], 0.0),
    ("slopes", "tiles.tif", &["-compress", "LZW", "-define", "tiff:tile-geometry=32x32"], 0.0),
    ("slopes", "planes.tif", &["-compress", "None", "-interlace", "plane"], 0.0),
    ("slopes", "jpeg.tif", &["-compress", "JPEG", "-quality", "95"], JPEG),
    ("slopes", "gray.tif", &["-colorspace", "Gray"], 0.0),
    ("slopes", "gray16.tif", &["-colorspace", "Gray", "-blur", "0x2", "-depth", "16"], 0.0),
    ("slopes", "rgb16.tif", &["-blur", "0x2", "-depth", "16"], 0.0),
    ("slopes", "planes16.tif", &["-blur", "0x2", "-depth", "16", "-interlace", "plane"], 0.0),
    ("slopes", "float.tif", &["-depth", "32", "-define", "quantum:format=floating-point", "-compress", "LZW"], 0.01),
    ("slopes", "float16.tif", &["-depth", "16", "-define", "quantum:format=floating-point", "-compress", "LZW"], 0.2),
    ("slopes", "float64.tif", &["-depth", "64", "-define", "quantum:format=floating-point", "-compress", "LZW"], 0.01),
    (
        "slopes",
        "float-gray.tif",
        &["-colorspace", "Gray", "-depth", "32", "-define", "quantum:format=floating-point", "-compress", "Zip"],
        0.01,
    ),
    ("slopes", "mono.tif", &["-monochrome", "-compress", "None"], 0.0),
    ("slopes", "fax.tif", &["-monochrome", "-compress", "Group4"], 0.0),
    ("slopes", "white-is-zero.tif", &["-colorspace", "Gray", "-define", "quantum:polarity=min-is-white"], 0.0),
    ("stripes", "palette.tif", &["-type", "Palette"], 0.0),
    ("slopes", "cmyk.tif", &["-colorspace", "CMYK"], 1.0),
    ("slopes", "cmyk16.tif", &["-colorspace", "CMYK", "-depth", "16"], 0.01),
    ("fading", "rgba.tif", &["-compress", "LZW"], 0.0),
    ("fading", "rgba16.tif", &["-depth", "16"], 0.0),
    ("fading", "gray-alpha.tif", &["-colorspace", "Gray"], 0.0),
    ("fading", "associated.tif", &["-define", "tiff:alpha=associated"], 1.0),
    ("slopes", "rgb.bmp", &["-type", "TrueColor"], 0.0),
    ("slopes", "old.bmp", &["-type", "TrueColor", "-define", "bmp:format=bmp3"], 0.0),
    ("stripes", "palette.bmp", &["-type", "Palette", "-define", "bmp:format=bmp3"], 0.0),
    ("stripes", "runs.bmp", &["-type", "Palette", "-compress", "RLE"], 0.0),
    ("slopes", "mono.bmp", &["-monochrome"], 0.0),
    ("fading", "rgba.bmp", &[], 0.0),
];

/// Decoders smooth the edges between subsampled colours in different ways.
const JPEG: f64 = 8.0;

/// Makes them all; ImageMagick may lack some.
fn kinds(folder: &Path) -> Vec<(&'static str, PathBuf, f64)> {
    save(folder, "slopes.src.png", &slopes().into());
    save(folder, "fading.src.png", &fading().into());
    save(folder, "stripes.src.png", &stripes().into());
    let made = KINDS.iter().map(|(of, name, how, apart)| {
        let path = folder.join(name);
        convert(&folder.join(format!("{of}.src.png")), how, path.to_str().unwrap());
        (*name, path, *apart)
    });
    made.collect()
}

#[test]
fn every_kind_decodes_to_the_pixels_that_others_get() {
    if !installed("convert") {
        return skip("ImageMagick is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for (name, path, most) in kinds(folder.path()) {
        match load(&path) {
            Ok(picture) => {
                let far = apart(&picture.pixels, &by_others(&path));
                if far > most {
                    wrong.push(format!("{name}: {far} apart ({:?})", picture.info));
                }
            }
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
        if let Err(error) = verify(&path) {
            wrong.push(format!("{name}: {error}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Three frames: slopes, the same a little darker, and the same turned upside down.
fn frames() -> [RgbaImage; 3] {
    let first = DynamicImage::ImageRgb8(stripes()).to_rgba8();
    let mut second = first.clone();
    second.pixels_mut().for_each(|pixel| pixel.0 = [pixel.0[0], 255, pixel.0[2], 255]);
    let third = image::imageops::flip_horizontal(&first);
    [first, second, third]
}

fn animated_gif(path: &Path) {
    let mut encoder = image::codecs::gif::GifEncoder::new(fs::File::create(path).unwrap());
    encoder.encode_frames(frames().map(image::Frame::new)).unwrap();
}

/// An animated PNG; `beside` puts a picture before it that is no frame.
fn animated_png(path: &Path, beside: bool) {
    let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(3, 0).unwrap();
    encoder.set_sep_def_img(beside).unwrap();
    let mut writer = encoder.write_header().unwrap();
    if beside {
        writer.write_image_data(&fading()).unwrap();
    }
    frames().iter().for_each(|frame| writer.write_image_data(frame).unwrap());
    writer.finish().unwrap();
}

fn animated_webp(path: &Path) {
    let mut config = webp::WebPConfig::new().unwrap();
    config.lossless = 1;
    let mut encoder = webp::AnimEncoder::new(WIDTH, HEIGHT, &config);
    let frames = frames();
    for (at, frame) in frames.iter().enumerate() {
        encoder.add_frame(webp::AnimFrame::from_rgba(frame, WIDTH, HEIGHT, at as i32 * 100));
    }
    fs::write(path, &*encoder.encode()).unwrap();
}

fn pages_tiff(path: &Path) {
    let mut encoder = tiff::encoder::TiffEncoder::new(fs::File::create(path).unwrap()).unwrap();
    for frame in frames() {
        encoder.write_image::<tiff::encoder::colortype::RGBA8>(WIDTH, HEIGHT, &frame).unwrap();
    }
}

fn animations(folder: &Path) -> Vec<(&'static str, PathBuf)> {
    let at = |name: &'static str| (name, folder.join(name));
    let all = [at("animated.gif"), at("animated.png"), at("beside.png"), at("animated.webp"), at("pages.tif")];
    animated_gif(&all[0].1);
    animated_png(&all[1].1, false);
    animated_png(&all[2].1, true);
    animated_webp(&all[3].1);
    pages_tiff(&all[4].1);
    all.to_vec()
}

#[test]
fn an_animation_is_refused_where_one_picture_is_meant_and_every_frame_can_be_had() {
    let folder = tempfile::tempdir().unwrap();
    for (name, path) in animations(folder.path()) {
        let info = verify(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(info.frames, 3, "{name}");
        let error = still(&path, None).map(drop).unwrap_err();
        assert!(matches!(&error, MediaError::Unsupported(why) if why.contains("3 frames")), "{name}: {error}");
        for (at, truth) in frames().into_iter().enumerate() {
            let ours = still(&path, Some(at as u32 + 1)).unwrap_or_else(|error| panic!("{name}, {at}: {error}")).pixels;
            let truth = DynamicImage::ImageRgba8(truth).to_rgba16();
            // Blending rounds.
            let most = if name.ends_with("webp") { 1.0 } else { 0.0 };
            assert!(apart(&ours, truth.as_raw()) <= most, "{name}, frame {at}");
        }
        assert!(matches!(load_frame(&path, 4), Err(MediaError::Limit(_))), "{name}");
        assert!(matches!(load_frame(&path, 0), Err(MediaError::Limit(_))), "{name}");
    }
    let beside = load(&folder.path().join("beside.png")).unwrap().pixels;
    assert_eq!(beside.to_rgba8(), fading(), "the picture beside an animation is what others show");
}

/// Puts the checksums of PNG chunks right, so that what is changed in them is looked at.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut at = 8;
    while bytes.starts_with(b"\x89PNG") && at + 12 <= bytes.len() {
        let length = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let Some(end) = at.checked_add(8 + length).filter(|end| end + 4 <= bytes.len()) else { break };
        let sum = crc32(&bytes[at + 4..end]);
        bytes[end..end + 4].copy_from_slice(&sum.to_be_bytes());
        at = end + 4;
    }
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}

/// A few bytes of `bytes` changed, by `seed`: flipped, cut, put in twice, or taken from elsewhere in the file.
fn mutated(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + next(6) {
        // Half of the changes hit the head.
        let reach = if next(2) == 0 { bytes.len().min(256) } else { bytes.len() };
        let place = next(reach);
        match next(6) {
            0 => bytes[place] ^= 1 << next(8),
            1 => bytes[place] = next(256) as u8,
            2 => bytes.iter_mut().skip(place).take(4).for_each(|byte| *byte = 0xff),
            3 => drop(bytes.drain(place..(place + next(64)).min(bytes.len() - 1))),
            4 => {
                let part: Vec<u8> = bytes[place..(place + next(64)).min(bytes.len())].to_vec();
                bytes.splice(place..place, part);
            }
            _ => {
                let from = next(bytes.len());
                let part: Vec<u8> = bytes[from..(from + next(512)).min(bytes.len())].to_vec();
                bytes.splice(place..place, part);
            }
        }
        if bytes.len() < 16 {
            break;
        }
    }
    if next(6) == 0 {
        bytes.truncate(next(bytes.len()));
    }
    bytes
}

/// The most memory that this process ever had, in KiB.
fn most_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
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
            let all = || {
                [
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
