//! Pictures of every kind decode to the pixels that they were made of, are refused where they would not, and what we
//! write is what others read.

#![expect(clippy::unwrap_used, reason = "a test whose files cannot be read has failed")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use image::{DynamicImage, GenericImageView, ImageBuffer, Rgb, RgbImage, Rgba, RgbaImage};
use mediamill::media::MediaError;
use mediamill::media::metadata::{Keep, Metadata};
use mediamill::media::picture::resample::Resampling;
use mediamill::media::picture::resize::{Target, resize};
use mediamill::media::picture::shape::Shape;
use mediamill::media::picture::{
    self, Coding, JpegCoding, PngLevel, Subsampling, TiffCompression, WebPCoding, load, load_frame, probe, still,
    verify, write,
};

use support::{installed, skip};

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

/// Three frames: stripes, the same with all the green there is, and the same from right to left.
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
        assert!(matches!(&error, MediaError::Frames(3)), "{name}: {error}");
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

/// Writes a PNG of these raw rows.
fn raw_png(path: &Path, colour: png::ColorType, depth: png::BitDepth, extra: [Option<Vec<u8>>; 2], rows: &[u8]) {
    let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), 4, 1);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    let [palette, alpha] = extra;
    palette.into_iter().for_each(|palette| encoder.set_palette(palette));
    alpha.into_iter().for_each(|alpha| encoder.set_trns(alpha));
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(rows).unwrap();
    writer.finish().unwrap();
}

#[test]
fn few_bits_palettes_and_transparent_colours_of_png_decode_exactly() {
    use png::{BitDepth as Bits, ColorType as Of};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let told = |colour, depth, extra, rows: &[u8]| {
        raw_png(&path, colour, depth, extra, rows);
        let info = verify(&path).unwrap();
        ((info.stored, info.bits, info.colour), load(&path).unwrap().pixels.into_bytes())
    };
    let gray = |bits| ("gray", bits, "gray");
    assert_eq!(told(Of::Grayscale, Bits::One, [None, None], &[0b0101_0000]), (gray(1), vec![0, 255, 0, 255]));
    assert_eq!(told(Of::Grayscale, Bits::Two, [None, None], &[0b00_01_10_11]), (gray(2), vec![0, 85, 170, 255]));
    assert_eq!(told(Of::Grayscale, Bits::Four, [None, None], &[0x05, 0xaf]), (gray(4), vec![0, 85, 170, 255]));
    assert_eq!(
        told(Of::Grayscale, Bits::Eight, [None, Some(vec![0, 7])], &[6, 7, 8, 9]),
        (("gray", 8, "gray-alpha"), vec![6, 255, 7, 0, 8, 255, 9, 255])
    );
    let palette = vec![255, 0, 0, 0, 255, 0, 1, 2, 3];
    assert_eq!(
        told(Of::Indexed, Bits::Two, [Some(palette.clone()), None], &[0b00_01_10_00]),
        (("palette", 2, "rgb"), vec![255, 0, 0, 0, 255, 0, 1, 2, 3, 255, 0, 0])
    );
    assert_eq!(
        told(Of::Indexed, Bits::Four, [Some(palette), Some(vec![0, 128])], &[0x01, 0x20]),
        (("palette", 4, "rgba"), vec![255, 0, 0, 0, 0, 255, 0, 128, 1, 2, 3, 255, 255, 0, 0, 0])
    );
}

/// A profile that is one only by its head: what matters here is for what pixels it is.
fn profile(space: &[u8; 4], length: usize) -> Vec<u8> {
    let mut icc: Vec<u8> = (0..length).map(|at| (at * at % 251) as u8).collect();
    icc[..4].copy_from_slice(&(length as u32).to_be_bytes());
    icc[12..16].copy_from_slice(b"mntr");
    icc[16..20].copy_from_slice(space);
    icc[20..24].copy_from_slice(b"XYZ ");
    icc[36..40].copy_from_slice(b"acsp");
    icc[128..132].copy_from_slice(&[0; 4]);
    icc
}

/// EXIF that tells an orientation and a maker.
fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"II*\0\x08\0\0\0\x02\0".to_vec();
    exif.extend(b"\x0f\x01\x02\0\x04\0\0\0Abc\0");
    exif.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
    exif.extend([0; 4]);
    exif
}

const XMP: &[u8] = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'/></x:xmpmeta>";

/// Every coding, and how far its samples may be off, in steps of 8 bits.
fn codings() -> Vec<(&'static str, Coding, f64)> {
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

#[test]
fn what_we_write_is_what_we_and_others_read() {
    let folder = tempfile::tempdir().unwrap();
    let deep = ImageBuffer::<Rgba<u16>, Vec<u16>>::from_fn(WIDTH, HEIGHT, |x, y| {
        Rgba([(x * 900 + 7) as u16, (y * 1300 + 5) as u16, 30_000, if x > 35 { 65_535 } else { 0 }])
    });
    let deep = DynamicImage::ImageRgba16(deep);
    let gray = DynamicImage::ImageRgb8(slopes()).to_luma8();
    let fading: DynamicImage = DynamicImage::ImageRgba8(fading());
    let sources: [(&str, DynamicImage); 7] = [
        ("stripes", stripes().into()),
        ("gray", gray.into()),
        ("gray-alpha", DynamicImage::ImageLumaA8(fading.to_luma_alpha8())),
        ("fading", fading),
        ("gray16", DynamicImage::ImageLuma16(deep.to_luma16())),
        ("gray-alpha16", DynamicImage::ImageLumaA16(deep.to_luma_alpha16())),
        ("rgba16", deep),
    ];
    let mut wrong = Vec::new();
    for (of, source) in &sources {
        for (name, coding, most) in codings() {
            let path = folder.path().join(format!("{of}-{name}"));
            write(source, &Metadata::default(), &path, coding).unwrap_or_else(|error| panic!("{of} {name}: {error}"));
            let ours = verify(&path).and_then(|_| load(&path)).unwrap_or_else(|error| panic!("{of} {name}: {error}"));
            assert_eq!(ours.info.format, coding.format());
            // What the format cannot hold is judged by what it is to become.
            let eight = !matches!(coding, Coding::Png(_) | Coding::Tiff(_));
            let truth = match coding {
                Coding::Jpeg(_) => picture::pixels::opaque(source, [255; 3]).into_owned(),
                Coding::Gif => picture::pixels::cut_out(source, [255; 3]),
                _ if eight => picture::pixels::eight(source).into_owned(),
                _ => source.clone(),
            };
            // More than 256 colours are some too many for GIF; stripes with sharp edges are no food for subsampling.
            let many = coding == Coding::Gif && *of != "stripes";
            let sharp = *of == "stripes" && most > 0.0;
            let most = if many || sharp { 255.0 } else { most };
            if !eight {
                assert_eq!(ours.pixels.color(), source.color(), "{of} {name}");
            }
            let far = apart(&ours.pixels, truth.to_rgba16().as_raw());
            if far > most {
                wrong.push(format!("{of} {name}: {far} apart"));
            }
            // Two sources are enough to see that others read the same.
            if installed("convert") && ["fading", "gray16"].contains(of) && apart(&ours.pixels, &by_others(&path)) > 8.0
            {
                wrong.push(format!("{of} {name}: others read {} apart", apart(&ours.pixels, &by_others(&path))));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn metadata_goes_along_wherever_the_format_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let picture = DynamicImage::ImageRgb8(slopes());
    let alpha = DynamicImage::ImageRgba8(fading());
    // A profile of several segments of a JPEG.
    let all = Metadata { exif: Some(exif(1)), icc: Some(profile(b"RGB ", 150_000)), xmp: Some(XMP.to_vec()) };
    for (name, coding, _) in codings() {
        for (kind, picture) in [("", &picture), ("alpha-", &alpha)] {
            let path = folder.path().join(format!("{kind}{name}"));
            write(picture, &all, &path, coding).unwrap();
            verify(&path).unwrap();
            let (_, found) = picture::probe_metadata(&path).unwrap();
            let holds = !matches!(coding, Coding::Gif | Coding::Bmp);
            assert_eq!(found.icc.as_ref(), all.icc.as_ref().filter(|_| holds), "{name}");
            assert_eq!(found.xmp.as_ref(), all.xmp.as_ref().filter(|_| holds), "{name}");
            let holds = holds && !matches!(coding, Coding::Tiff(_));
            assert_eq!(found.exif.as_ref(), all.exif.as_ref().filter(|_| holds), "{name}");
            // Three are enough to see that others find it.
            let asked = ["full.jpg", "fast.png", "lossless.webp"].contains(&name) && kind.is_empty();
            if asked && installed("exiftool") {
                let told = Command::new("exiftool").args(["-b", "-Make", "-ICC_Profile"]).arg(&path).output().unwrap();
                let truth = [b"Abc", all.icc.as_deref().unwrap()].concat();
                assert!(told.stdout == truth, "{name}: {} bytes", told.stdout.len());
            }
        }
    }
    let large = Metadata { exif: Some(vec![0; 70_000]), xmp: Some(vec![b' '; 70_000]), ..Metadata::default() };
    assert_eq!(picture::fitting(&large, &picture, Coding::jpeg(80)), Metadata::default(), "a segment has 64 KiB");
    assert_eq!(picture::fitting(&large, &picture, Coding::Png(PngLevel::Fast)), large);
}

#[test]
fn all_eight_orientations_are_seen_upright_as_others_see_them() {
    let folder = tempfile::tempdir().unwrap();
    let how = Coding::Jpeg(JpegCoding { quality: 100, progressive: false, subsampling: Subsampling::Full });
    let stored = DynamicImage::ImageRgb8(slopes());
    for orientation in 1..=8 {
        let path = folder.path().join("turned.jpg");
        let metadata = Metadata { exif: Some(exif(orientation)), ..Metadata::default() };
        write(&stored, &metadata, &path, how).unwrap();
        let mut ours = load(&path).unwrap();
        assert_eq!(ours.info.orientation, orientation);
        let upright = ours.info.upright();
        assert_eq!(upright == (HEIGHT, WIDTH), orientation >= 5);
        picture::turn_upright(&mut ours);
        assert_eq!(ours.pixels.dimensions(), upright);
        let again = folder.path().join("upright.jpg");
        write(&ours.pixels, &ours.metadata, &again, how).unwrap();
        let info = probe(&again).unwrap();
        assert_eq!((info.orientation, (info.width, info.height)), (1, upright));
        if installed("convert") {
            let truth = folder.path().join("truth.png");
            convert(&path, &["-auto-orient"], truth.to_str().unwrap());
            assert!(apart(&ours.pixels, &by_others(&truth)) <= 2.0, "orientation {orientation}");
        }
    }
}

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

/// The bytes of a PNG chunk.
fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let named = [kind, body].concat();
    [&(body.len() as u32).to_be_bytes()[..], &named, &crc32(&named).to_be_bytes()].concat()
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

#[test]
fn red_green_and_blue_without_a_transform_are_read_by_every_rule_that_tells_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rgb.jpg");
    // Red, green and blue kept as they are, told by the names of the components alone.
    let mut coded = Vec::new();
    let flat = [200_u8, 60, 10].repeat(16 * 16);
    let encoder = jpeg_encoder::Encoder::new(&mut coded, 100);
    encoder.encode(&flat, 16, 16, jpeg_encoder::ColorType::Ycbcr).unwrap();
    let near = |path: &Path, truth: [u8; 3]| {
        let found = by_us(path).to_rgb8().get_pixel(8, 8).0;
        assert!(found.iter().zip(truth).all(|(a, b)| a.abs_diff(b) <= 2), "{found:?} is not {truth:?}");
    };
    let frame = coded.windows(2).position(|part| part == [0xff, 0xc0]).unwrap();
    let scan = coded.windows(2).position(|part| part == [0xff, 0xda]).unwrap();
    let mut named = coded.clone();
    for (at, name) in b"RGB".iter().enumerate() {
        named[frame + 10 + at * 3] = *name;
        named[scan + 5 + at * 2] = *name;
    }
    let jfif = named.windows(5).position(|part| part == b"JFIF\0").unwrap();
    named[jfif..jfif + 5].copy_from_slice(b"Other");
    fs::write(&path, &named).unwrap();
    assert_eq!(probe(&path).unwrap().stored, "rgb");
    near(&path, [200, 60, 10]);
    // Adobe's marker says the same, and where JFIF stands beside it, that one counts.
    let marker = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0";
    let marked = |coded: &[u8]| [&coded[..2], marker, &coded[2..]].concat();
    let mut without = coded.clone();
    without[jfif..jfif + 5].copy_from_slice(b"Other");
    fs::write(&path, marked(&without)).unwrap();
    assert_eq!(probe(&path).unwrap().stored, "rgb");
    near(&path, [200, 60, 10]);
    fs::write(&path, marked(&coded)).unwrap();
    assert_eq!(probe(&path).unwrap().stored, "ycbcr");
    fs::write(folder.path().join("plain.jpg"), &coded).unwrap();
    let plain = by_us(&folder.path().join("plain.jpg")).to_rgb8().get_pixel(8, 8).0;
    near(&path, plain);
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
