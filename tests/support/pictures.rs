//! Pictures of every kind, made on the spot, and how far they are from what others read.
#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a picture that cannot be made has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use image::{DynamicImage, Rgb, RgbImage, Rgba, RgbaImage};
use mediamill::media::picture::{Coding, JpegCoding, PngLevel, Subsampling, TiffCompression, WebPCoding, load};

pub const WIDTH: u32 = 71;
pub const HEIGHT: u32 = 46;

/// A picture of slopes: red to the right, green down, blue both ways; no two corners alike.
pub fn slopes() -> RgbImage {
    RgbImage::from_fn(WIDTH, HEIGHT, |x, y| Rgb([(x * 3 + 20) as u8, (y * 5) as u8, (250 - x - y * 2) as u8]))
}

/// The same with alpha, from nothing on the left to all on the right.
pub fn fading() -> RgbaImage {
    let slopes = slopes();
    RgbaImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let [red, green, blue] = slopes.get_pixel(x, y).0;
        Rgba([red, green, blue, (x * 255 / (WIDTH - 1)) as u8])
    })
}

/// Eight flat colours in stripes, for formats with palettes.
pub fn stripes() -> RgbImage {
    RgbImage::from_fn(WIDTH, HEIGHT, |x, _| {
        let bits = x / 9;
        Rgb([bits & 1, bits >> 1 & 1, bits >> 2 & 1].map(|bit| (bit * 255) as u8))
    })
}

/// Runs ImageMagick over the PNG `from`.
pub fn convert(from: &Path, how: &[&str], to: &str) {
    let output = Command::new("convert").env("MAGICK_THREAD_LIMIT", "1").arg(from).args(how).arg(to).output().unwrap();
    assert!(output.status.success(), "{how:?} {to}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The pixels that ImageMagick reads, as RGBA of 16 bits.
pub fn by_others(path: &Path) -> Vec<u16> {
    let output = Command::new("convert")
        .env("MAGICK_THREAD_LIMIT", "1")
        .arg(format!("{}[0]", path.display()))
        .args(["-colorspace", "sRGB", "-depth", "16", "-endian", "LSB", "RGBA:-"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.as_chunks().0.iter().map(|sample| u16::from_le_bytes(*sample)).collect()
}

pub fn by_us(path: &Path) -> DynamicImage {
    load(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).pixels
}

/// The largest difference between samples, in steps of 8 bits; transparent pixels are alike.
pub fn apart(ours: &DynamicImage, truth: &[u16]) -> f64 {
    let ours = ours.to_rgba16();
    assert_eq!(ours.as_raw().len(), truth.len());
    let pixels = ours.as_raw().as_chunks::<4>().0.iter().zip(truth.as_chunks::<4>().0);
    let far = pixels.flat_map(|(a, b)| {
        let seen = if a[3] == 0 && b[3] == 0 { 3 } else { 0 };
        (seen..4).map(|part| a[part].abs_diff(b[part]))
    });
    f64::from(far.max().unwrap()) / 257.0
}

pub fn save(folder: &Path, name: &str, picture: &DynamicImage) -> PathBuf {
    let path = folder.join(name);
    picture.save(&path).unwrap();
    path
}

/// Every kind of file that ImageMagick makes: what it is made of, its name, how, and how far samples may be from those
/// that it reads itself, in steps of 8 bits.
pub const KINDS: &[(&str, &str, &[&str], f64)] = &[
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
    ("slopes", "cmyk.jpg", &["-quality", "95", "-colorspace", "CMYK", "-sampling-factor", "1x1"], 3.0),
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
pub const JPEG: f64 = 8.0;

/// Makes them all; ImageMagick may lack some.
pub fn kinds(folder: &Path) -> Vec<(&'static str, PathBuf, f64)> {
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

/// Three frames: stripes, the same with all the green there is, and the same from right to left.
pub fn frames() -> [RgbaImage; 3] {
    let first = DynamicImage::ImageRgb8(stripes()).to_rgba8();
    let mut second = first.clone();
    second.pixels_mut().for_each(|pixel| pixel.0 = [pixel.0[0], 255, pixel.0[2], 255]);
    let third = image::imageops::flip_horizontal(&first);
    [first, second, third]
}

pub fn animated_gif(path: &Path) {
    let mut encoder = image::codecs::gif::GifEncoder::new(fs::File::create(path).unwrap());
    encoder.encode_frames(frames().map(image::Frame::new)).unwrap();
}

/// An animated PNG; `beside` puts a picture before it that is no frame.
pub fn animated_png(path: &Path, beside: bool) {
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

pub fn animated_webp(path: &Path) {
    let mut config = webp::WebPConfig::new().unwrap();
    config.lossless = 1;
    let mut encoder = webp::AnimEncoder::new(WIDTH, HEIGHT, &config);
    let frames = frames();
    for (at, frame) in frames.iter().enumerate() {
        encoder.add_frame(webp::AnimFrame::from_rgba(frame, WIDTH, HEIGHT, at as i32 * 100));
    }
    fs::write(path, &*encoder.encode()).unwrap();
}

pub fn pages_tiff(path: &Path) {
    let mut encoder = tiff::encoder::TiffEncoder::new(fs::File::create(path).unwrap()).unwrap();
    for frame in frames() {
        encoder.write_image::<tiff::encoder::colortype::RGBA8>(WIDTH, HEIGHT, &frame).unwrap();
    }
}

pub fn animations(folder: &Path) -> Vec<(&'static str, PathBuf)> {
    let at = |name: &'static str| (name, folder.join(name));
    let all = [at("animated.gif"), at("animated.png"), at("beside.png"), at("animated.webp"), at("pages.tif")];
    animated_gif(&all[0].1);
    animated_png(&all[1].1, false);
    animated_png(&all[2].1, true);
    animated_webp(&all[3].1);
    pages_tiff(&all[4].1);
    all.to_vec()
}

/// Every coding, and how far its samples may be off, in steps of 8 bits.
pub fn codings() -> Vec<(&'static str, Coding, f64)> {
    let jpeg = |progressive, subsampling| Coding::Jpeg(JpegCoding { quality: 95, progressive, subsampling });
    vec![
        ("auto.jpg", jpeg(false, Subsampling::Auto), 8.0),
        ("full.jpg", jpeg(false, Subsampling::Full), 8.0),
        ("quarter.jpg", jpeg(false, Subsampling::Quarter), 24.0),
        ("progressive.jpg", jpeg(true, Subsampling::Auto), 8.0),
        ("fast.png", Coding::Png(PngLevel::Fast), 0.0),
        ("balanced.png", Coding::Png(PngLevel::Balanced), 0.0),
        ("best.png", Coding::Png(PngLevel::Best), 0.0),
        ("lossless.webp", Coding::WebP(WebPCoding::Lossless), 0.0),
        ("lossy.webp", Coding::WebP(WebPCoding::Lossy(95)), 16.0),
        ("deflate.tif", Coding::Tiff(TiffCompression::Deflate), 0.0),
        ("lzw.tif", Coding::Tiff(TiffCompression::Lzw), 0.0),
        ("a.gif", Coding::Gif, 0.0),
        ("a.bmp", Coding::Bmp, 0.0),
    ]
}

/// The bytes of a PNG chunk.
pub fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let named = [kind, body].concat();
    [&(body.len() as u32).to_be_bytes()[..], &named, &crc32(&named).to_be_bytes()].concat()
}

/// Puts the checksums of PNG chunks right, so that what is changed in them is looked at.
pub fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
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

pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}
