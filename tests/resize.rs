//! Pictures of other sizes: what they measure, that they stay what they were, and how little a JPEG is decoded for them.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use image::imageops::FilterType;
use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use mediamill::media::metadata::Keep;
use mediamill::media::picture::resample::{Filter, Resampling};
use mediamill::media::picture::resize::{Target, resize};
use mediamill::media::picture::shape::{Mode, Shape};
use mediamill::media::picture::{Coding, load};
use support::{installed, skip};

const WHITE: [u8; 4] = [255; 4];

const NOTHING: Keep =
    Keep { exif: false, gps: true, icc: false, xmp: false, iptc: false, comments: false, other: false };

fn shape(width: u32, height: u32, mode: Mode, enlarge: bool) -> Shape {
    Shape { width: Some(width), height: Some(height), mode, enlarge }
}

fn fit(side: u32) -> Shape {
    shape(side, side, Mode::Fit, false)
}

/// A target without loss, by the name of its file.
fn target(to: &Path, shape: Shape) -> Target<'_> {
    Target { to, shape, background: [255, 255, 255, 0], coding: Coding::of_name(to, 90).unwrap() }
}

/// What a PNG of this shape shows.
fn made(from: &Path, shape: Shape, how: Resampling) -> DynamicImage {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("made.png");
    let one = resize(from, None, &[target(&to, shape)], how, NOTHING).unwrap();
    let made = image::open(&to).unwrap();
    assert_eq!((one.len(), one[0].size), (1, (made.width(), made.height())));
    made
}

/// A scene of soft colours, edges and some grain, which is the same each time.
fn scene(width: u32, height: u32) -> RgbImage {
    let mut state = 1_u32;
    RgbImage::from_fn(width, height, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let grain = (state >> 28) as f32 - 8.0;
        let (across, down) = (x as f32 / width as f32, y as f32 / height as f32);
        let disc = if (across - 0.6).hypot(down - 0.4) < 0.2 { 60.0 } else { 0.0 };
        let wave = ((across * 40.0).sin() + (down * 31.0).cos()) * 20.0;
        let level = |base: f32| (base + wave + disc + grain).clamp(0.0, 255.0) as u8;
        Rgb([level(60.0 + 120.0 * across), level(90.0 + 60.0 * down), level(170.0 - 110.0 * across)])
    })
}

/// Writes `scene` as a JPEG.
fn jpeg(to: &Path, scene: &RgbImage, how: impl FnOnce(&mut Encoder<fs::File>)) {
    let mut encoder = Encoder::new(fs::File::create(to).unwrap(), 92);
    how(&mut encoder);
    encoder.encode(scene, scene.width() as u16, scene.height() as u16, ColorType::Rgb).unwrap();
}

/// The peak signal to noise ratio, in dB.
fn psnr(one: &RgbImage, other: &RgbImage) -> f64 {
    assert_eq!(one.dimensions(), other.dimensions());
    let errors: f64 = one.iter().zip(other.iter()).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
    10.0 * (255.0_f64.powi(2) * one.len() as f64 / errors.max(1.0)).log10()
}

#[test]
fn each_mode_makes_the_size_that_it_promises() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("a.jpg");
    jpeg(&from, &scene(320, 200), |_| {});
    for (wanted, size) in [
        (shape(100, 100, Mode::Fit, false), (100, 63)),
        (shape(100, 100, Mode::Fill, false), (100, 100)),
        (shape(100, 100, Mode::Exact, false), (100, 100)),
        (shape(100, 100, Mode::Pad, false), (100, 100)),
        (shape(640, 640, Mode::Fit, false), (320, 200)),
        (shape(640, 640, Mode::Fill, false), (200, 200)),
        (shape(640, 640, Mode::Exact, false), (320, 200)),
        (shape(640, 640, Mode::Pad, false), (640, 640)),
        (shape(640, 640, Mode::Fit, true), (640, 400)),
        (shape(640, 640, Mode::Fill, true), (640, 640)),
        (shape(640, 700, Mode::Exact, true), (640, 700)),
        (Shape { width: Some(80), ..Shape::default() }, (80, 50)),
        (Shape { height: Some(1), ..Shape::default() }, (2, 1)),
        (Shape::default(), (320, 200)),
    ] {
        let made = made(&from, wanted, Resampling::default());
        assert_eq!((made.width(), made.height()), size, "{wanted:?}");
    }
}

#[test]
fn filling_cuts_the_ends_and_padding_shows_the_canvas() {
    let folder = tempfile::tempdir().unwrap();
    // Red at both ends, blue in the middle half.
    let stripes =
        RgbImage::from_fn(400, 100, |x, _| if (100..300).contains(&x) { Rgb([0, 0, 255]) } else { Rgb([255, 0, 0]) });
    for name in ["a.png", "a.jpg"] {
        let from = folder.path().join(name);
        stripes.save(&from).unwrap();
        let filled = made(&from, shape(50, 50, Mode::Fill, false), Resampling::default()).to_rgb8();
        assert!(filled.pixels().all(|pixel| pixel.0[2] > 200 && pixel.0[0] < 60), "{name}: only the middle is left");
        let padded = made(&from, shape(40, 40, Mode::Pad, false), Resampling::default()).to_rgba8();
        assert_eq!((padded.get_pixel(20, 0).0[3], padded.get_pixel(20, 20).0[3]), (0, 255), "{name}");
        let to = folder.path().join("padded.png");
        let opaque = Target { background: [1, 2, 3, 255], ..target(&to, shape(40, 40, Mode::Pad, false)) };
        resize(&from, None, &[opaque], Resampling::default(), NOTHING).unwrap();
        let padded = image::open(&to).unwrap();
        assert!(!padded.color().has_alpha());
        assert_eq!(padded.to_rgb8().get_pixel(20, 39).0, [1, 2, 3], "{name}");
    }
}

/// The JPEG with an EXIF block that says this orientation.
fn oriented(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
}

#[test]
fn pictures_of_every_orientation_come_out_upright() {
    let folder = tempfile::tempdir().unwrap();
    let upright = DynamicImage::ImageRgb8(scene(320, 200));
    // What must be stored, so that turning it as the orientation says shows the scene.
    let stored = [
        upright.clone(),
        upright.fliph(),
        upright.rotate180(),
        upright.flipv(),
        upright.rotate270().flipv(),
        upright.rotate270(),
        upright.rotate90().flipv(),
        upright.rotate90(),
    ];
    for (stored, orientation) in stored.iter().zip(1_u8..) {
        let from = folder.path().join(format!("{orientation}.jpg"));
        jpeg(&from, &stored.to_rgb8(), |_| {});
        fs::write(&from, oriented(&fs::read(&from).unwrap(), orientation)).unwrap();
        assert_eq!(load(&from).unwrap().info.orientation, orientation);
        for (wanted, linear) in [(fit(80), false), (fit(80), true), (shape(40, 60, Mode::Fill, false), false)] {
            let made = made(&from, wanted, Resampling { linear, ..Resampling::default() }).to_rgb8();
            let part = if wanted.mode == Mode::Fill { upright.crop_imm(93, 0, 133, 200) } else { upright.clone() };
            let reference = part.resize_exact(made.width(), made.height(), FilterType::Lanczos3).to_rgb8();
            assert!(psnr(&made, &reference) > 27.0, "{orientation} {wanted:?}: {}", psnr(&made, &reference));
        }
        let to = folder.path().join("kept.jpg");
        let keep = Keep { exif: true, ..NOTHING };
        resize(&from, None, &[target(&to, fit(80))], Resampling::default(), keep).unwrap();
        assert_eq!(load(&to).unwrap().info.orientation, 1, "what is kept does not turn it again");
    }
}

#[test]
fn what_is_transparent_does_not_bleed() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("a.png");
    // Opaque red beside transparent green.
    let halves = RgbaImage::from_fn(64, 64, |x, _| if x < 33 { Rgba([200, 0, 0, 255]) } else { Rgba([0, 255, 0, 0]) });
    halves.save(&from).unwrap();
    for linear in [false, true] {
        let made = made(&from, fit(16), Resampling { linear, filter: Filter::Box }).to_rgba8();
        assert!(made.pixels().all(|pixel| pixel.0[1] == 0), "no green is seen anywhere");
        assert_eq!((made.get_pixel(4, 4).0, made.get_pixel(12, 4).0[3]), ([200, 0, 0, 255], 0));
        assert_eq!(made.get_pixel(8, 4).0, [200, 0, 0, 64], "a quarter of it is covered");
    }
}

#[test]
fn a_checkerboard_keeps_its_brightness_in_linear_light() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("a.png");
    let checkers = GrayImage::from_fn(64, 64, |x, y| Luma([if (x + y) % 2 == 0 { 255 } else { 0 }]));
    checkers.save(&from).unwrap();
    let levels = |linear| {
        let made = made(&from, fit(16), Resampling { linear, filter: Filter::Box });
        assert!(!made.color().has_color(), "grey stays grey");
        made.to_luma8().into_raw()
    };
    assert!(levels(true).iter().all(|level| *level == 188));
    assert!(levels(false).iter().all(|level| (127..=128).contains(level)));
}

#[test]
fn sixteen_bits_stay_sixteen() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("a.png");
    let ramp: ImageBuffer<Rgb<u16>, Vec<u16>> = ImageBuffer::from_pixel(40, 40, Rgb([1000, 2001, 65_535]));
    ramp.save(&from).unwrap();
    for linear in [false, true] {
        let made = made(&from, fit(10), Resampling { linear, ..Resampling::default() });
        let DynamicImage::ImageRgb16(made) = made else { panic!("it is of another type") };
        for (level, wanted) in made.get_pixel(5, 5).0.into_iter().zip([1000, 2001, 65_535]) {
            assert!(level.abs_diff(wanted) <= 2, "{linear}: {level} in place of {wanted}");
        }
    }
}

/// What the full decoder and the same resampling make of the file.
fn by_full_decode(from: &Path, size: (u32, u32)) -> RgbImage {
    let Ok(picture) = load(from) else { panic!("{} cannot be decoded", from.display()) };
    let whole = picture.pixels.to_rgb8();
    let png = from.with_extension("full.png");
    whole.save(&png).unwrap();
    made(&png, shape(size.0, size.1, Mode::Exact, false), Resampling::default()).to_rgb8()
}

#[test]
fn reduced_decoding_equals_full_decoding() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let factors =
        [("444", SamplingFactor::R_4_4_4), ("422", SamplingFactor::R_4_2_2), ("420", SamplingFactor::R_4_2_0)];
    let mut files: Vec<PathBuf> = Vec::new();
    for (size, scene) in [((640, 480), scene(640, 480)), ((611, 401), scene(611, 401)), ((403, 17), scene(403, 17))] {
        // Every way of coding for the smallest, one or two for the others: without optimisation this is slow.
        let ways = [("b", false, 0), ("p", true, 0), ("r", false, 5), ("pr", true, 3)];
        let ways = match size.0 {
            640 => &ways[..2],
            611 => &ways[3..],
            _ => &ways[..],
        };
        for (name, factor) in factors.into_iter().skip(if size.0 == 403 { 0 } else { 2 }) {
            for (way, progressive, restart) in ways.iter().copied() {
                let file = at(&format!("{name}{way}{}.jpg", size.0));
                jpeg(&file, &scene, |encoder| {
                    encoder.set_sampling_factor(factor);
                    encoder.set_progressive(progressive);
                    encoder.set_restart_interval(restart);
                });
                files.push(file);
            }
        }
        let grey = at(&format!("grey{}.jpg", size.0));
        DynamicImage::ImageRgb8(scene).to_luma8().save(&grey).unwrap();
        files.push(grey);
    }
    for file in files {
        let (width, height) = image::image_dimensions(&file).unwrap();
        for divisor in [2, 9] {
            let size = ((width / divisor).max(1), (height / divisor).max(1));
            let reduced = made(&file, shape(size.0, size.1, Mode::Exact, false), Resampling::default()).to_rgb8();
            let full = by_full_decode(&file, size);
            let apart = psnr(&reduced, &full);
            assert!(apart > 34.0, "{} to {size:?}: {apart:.1} dB", file.display());
        }
    }
}

#[test]
fn every_sampling_and_coding_shows_the_scene() {
    let folder = tempfile::tempdir().unwrap();
    let (from, png) = (folder.path().join("a.jpg"), folder.path().join("scene.png"));
    for (width, height) in [(640, 480), (611, 401)] {
        let scene = scene(width, height);
        scene.save(&png).unwrap();
        let usual = [SamplingFactor::R_4_4_4, SamplingFactor::R_4_2_0];
        let rare = [SamplingFactor::R_4_4_0, SamplingFactor::R_4_1_1, SamplingFactor::R_4_1_0];
        for factor in usual.into_iter().chain(rare).skip(if width == 640 { 3 } else { 0 }) {
            let codings = [(false, true, 0), (false, false, 0), (true, false, 3)];
            for (progressive, optimized, restart) in
                if width == 640 { &codings[..1] } else { &codings[1..] }.iter().copied()
            {
                jpeg(&from, &scene, |encoder| {
                    encoder.set_sampling_factor(factor);
                    encoder.set_progressive(progressive);
                    encoder.set_optimized_huffman_tables(optimized);
                    encoder.set_restart_interval(restart);
                });
                let apart = psnr(&load(&from).unwrap().pixels.to_rgb8(), &scene);
                assert!(apart > 28.0, "{factor:?}, {width} in full: {apart:.1} dB");
                for side in [320, 70] {
                    let reduced = made(&from, fit(side), Resampling::default()).to_rgb8();
                    let apart = psnr(&reduced, &made(&png, fit(side), Resampling::default()).to_rgb8());
                    assert!(apart > 30.0, "{factor:?}, {width} to {side}: {apart:.1} dB");
                }
            }
        }
    }
}

#[test]
fn a_jpeg_has_the_pixels_that_libjpeg_gives_it() {
    if !installed("convert") {
        return skip("ImageMagick is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("a.jpg"), folder.path().join("a.ppm"));
    let factors = [SamplingFactor::R_4_4_4, SamplingFactor::R_4_2_2, SamplingFactor::R_4_2_0, SamplingFactor::R_4_4_0];
    for (width, height) in [(61, 43), (7, 90)] {
        let scene = scene(width, height);
        let grey = DynamicImage::ImageRgb8(scene.clone()).to_luma8();
        for factor in factors.into_iter().map(Some).chain([None]) {
            for (progressive, optimized, restart) in
                [(false, false, 0), (false, true, 0), (true, true, 0), (false, false, 3)]
            {
                let mut encoder = Encoder::new(fs::File::create(&from).unwrap(), 90);
                encoder.set_sampling_factor(factor.unwrap_or(SamplingFactor::R_4_4_4));
                encoder.set_progressive(progressive);
                encoder.set_optimized_huffman_tables(optimized);
                encoder.set_restart_interval(restart);
                let (pixels, colours) = match factor {
                    Some(_) => (scene.as_raw(), ColorType::Rgb),
                    None => (grey.as_raw(), ColorType::Luma),
                };
                encoder.encode(pixels, width as u16, height as u16, colours).unwrap();
                let done = std::process::Command::new("convert").args([&from, &to]).status().unwrap();
                assert!(done.success());
                let (ours, theirs) = (load(&from).unwrap().pixels.to_rgb8(), ppm(&to));
                // Ours is not rounded before colours are put together.
                let apart = ours.iter().zip(&theirs).map(|(a, b)| a.abs_diff(*b)).max();
                assert!(ours.len() == theirs.len() && apart <= Some(3), "{width} x {height}, {factor:?}: {apart:?}");
            }
        }
    }
}

/// The samples of a PPM of 8 bits.
fn ppm(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    // P6, width and height, 255.
    let head = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(2).unwrap().0;
    bytes[head + 1..].to_vec()
}

#[test]
fn a_result_that_is_too_large_is_refused_before_it_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let (from, high) = (folder.path().join("a.jpg"), folder.path().join("high.png"));
    jpeg(&from, &scene(5, 3000), |_| {});
    DynamicImage::new_rgba8(2, 30_000).save(&high).unwrap();
    let enlarged = |width: u32, height: Option<u32>, mode| Shape { width: Some(width), height, mode, enlarge: true };
    let webp = folder.path().join("b.webp");
    let png = folder.path().join("b.png");
    for (from, to, shape, told) in [
        (&from, &png, enlarged(60_000, None, Mode::Fit), "at most 100 megapixels"),
        (&from, &webp, enlarged(10, Some(20_000), Mode::Exact), "webp holds 16383"),
        // Small in the end, and not on the way there.
        (&high, &png, enlarged(60_000, Some(10), Mode::Exact), "at most 100 megapixels"),
        (&from, &png, shape(60_000, 60_000, Mode::Pad, false), "at most 100 megapixels"),
    ] {
        let error = resize(from, None, &[target(to, shape)], Resampling::default(), NOTHING).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
        assert!(!to.exists());
    }
}

#[test]
fn of_several_frames_one_is_made_only_where_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("a.gif"), folder.path().join("a.png"));
    let mut encoder = image::codecs::gif::GifEncoder::new(fs::File::create(&from).unwrap());
    let frames = [0, 255].map(|level| image::Frame::new(RgbaImage::from_pixel(8, 8, Rgba([level, level, level, 255]))));
    encoder.encode_frames(frames).unwrap();
    drop(encoder);
    let make = |frame| resize(&from, frame, &[target(&to, fit(4))], Resampling::default(), NOTHING);
    assert!(make(None).unwrap_err().to_string().contains("2 frames"));
    for (frame, level) in [(1, 0), (2, 255)] {
        make(Some(frame)).unwrap();
        assert_eq!(image::open(&to).unwrap().to_rgb8().get_pixel(2, 2).0, [level; 3]);
    }
    assert!(make(Some(3)).is_err());
    jpeg(&from, &scene(16, 16), |_| {});
    assert!(make(Some(1)).is_ok() && make(Some(2)).is_err());
}

#[test]
fn what_is_transparent_shows_the_background_where_the_format_has_no_alpha() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("a.png"), folder.path().join("a.jpg"));
    DynamicImage::new_rgba8(16, 16).save(&from).unwrap();
    for (background, wanted) in [([255, 255, 255, 0], [255, 255, 255]), ([0, 0, 255, 255], [0, 0, 254])] {
        let target = Target { background, ..target(&to, fit(8)) };
        resize(&from, None, &[target], Resampling::default(), NOTHING).unwrap();
        let pixel = image::open(&to).unwrap().to_rgb8().get_pixel(4, 4).0;
        assert!(pixel.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 3), "{pixel:?}");
    }
}

#[test]
fn a_reduced_picture_is_decoded_only_as_large_as_needed() {
    use mediamill::media::picture::reduced::Jpeg;
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("a.jpg");
    jpeg(&from, &scene(801, 600), |encoder| encoder.set_sampling_factor(SamplingFactor::R_4_2_0));
    let data = fs::read(&from).unwrap();
    for (least, columns) in [(1.0, 101), (101.0, 201), (200.0, 201), (401.0, 501), (801.0, 801), (5000.0, 801)] {
        let planes = Jpeg::open(&data).unwrap().decode((least, 1.0)).unwrap();
        assert_eq!((planes.len(), planes[0].columns), (3, columns), "{least}");
        assert!(f64::from(planes[1].columns) >= (least / 2.0).min(401.0));
    }
}

#[test]
fn damage_is_left_to_the_full_decoder() {
    use mediamill::media::picture::reduced::Jpeg;
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("a.jpg");
    for progressive in [false, true] {
        jpeg(&from, &scene(160, 120), |encoder| encoder.set_progressive(progressive));
        let data = fs::read(&from).unwrap();
        let decoded = |data: &[u8]| Jpeg::open(data).and_then(|jpeg| jpeg.decode((40.0, 30.0)));
        assert!(decoded(&data).is_some());
        for length in (0..data.len()).step_by(37) {
            assert!(decoded(&data[..length]).is_none(), "{length} bytes of {}", data.len());
        }
        fs::write(&from, &data[..data.len() / 2]).unwrap();
        let to = folder.path().join("b.png");
        assert!(resize(&from, None, &[target(&to, fit(40))], Resampling::default(), NOTHING).is_err());
        // Whatever single byte is wrong, it ends, and within its bounds.
        let rounds = if std::env::var_os("MEDIAMILL_MUTATED").is_some() { data.len() } else { 2000 };
        for round in 0..rounds {
            let mut broken = data.clone();
            let at = round.wrapping_mul(7919) % data.len();
            broken[at] ^= 1 << (round % 8);
            if let Some(planes) = decoded(&broken) {
                assert!(planes.iter().all(|plane| plane.samples.len() == (plane.columns * plane.rows) as usize));
            }
        }
    }
}

#[test]
fn several_sizes_equal_single_ones_and_none_is_enlarged() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let scene = scene(600, 450);
    scene.save(at("a.png")).unwrap();
    jpeg(&at("a.jpg"), &scene, |_| {});
    for (name, bound) in [("a.png", 80.0), ("a.jpg", 42.0)] {
        let (large, middle, small) = (at("l.png"), at("m.png"), at("s.png"));
        let targets =
            [target(&large, fit(2000)), target(&middle, fit(200)), target(&small, shape(60, 60, Mode::Fill, false))];
        let sizes = resize(&at(name), None, &targets, Resampling::default(), NOTHING).unwrap();
        let sizes: Vec<_> = sizes.iter().map(|made| made.size).collect();
        assert_eq!(sizes, [(600, 450), (200, 150), (60, 60)]);
        for target in targets {
            let single = made(&at(name), target.shape, Resampling::default()).to_rgb8();
            let apart = psnr(&image::open(target.to).unwrap().to_rgb8(), &single);
            assert!(apart > bound, "{name} {:?}: {apart:.1} dB", target.shape);
        }
    }
}

#[test]
fn the_colour_profile_goes_along_and_the_place_of_the_photo_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("a.jpg"), folder.path().join("b.jpg"));
    let mut profile = vec![7; 100_000];
    profile[16..20].copy_from_slice(b"RGB ");
    // A directory of GPS that says on which half of the earth it was.
    let exif =
        b"II*\0\x08\0\0\0\x01\0\x25\x88\x04\0\x01\0\0\0\x1a\0\0\0\0\0\0\0\x01\0\x01\0\x02\0\x02\0\0\0N\0\0\0\0\0\0\0";
    jpeg(&from, &scene(64, 48), |encoder| {
        encoder.add_icc_profile(&profile).unwrap();
        encoder.add_exif_metadata(exif).unwrap();
    });
    let whole = load(&from).unwrap().metadata;
    assert!(whole.icc.as_ref() == Some(&profile) && whole.has_gps());
    let keep = Keep { icc: true, ..NOTHING };
    let wanted = Target { background: WHITE, ..target(&to, fit(32)) };
    resize(&from, None, &[wanted], Resampling::default(), keep).unwrap();
    let kept = load(&to).unwrap().metadata;
    assert!(kept.icc.as_ref() == Some(&profile) && !kept.has_gps() && kept.exif.is_none());
}

/// The most memory this process ever held, in bytes.
fn high_water() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// Runs in a process of its own, started by the test below: others would raise the high water.
#[test]
#[ignore = "it is the child of `a_picture_of_12_megapixels_is_made_within_60_mib`"]
fn resize_the_picture_that_is_named() {
    let Some(from) = std::env::var_os("MEDIAMILL_PICTURE") else { return };
    let to = tempfile::tempdir().unwrap();
    let to = to.path().join("a.jpg");
    let before = high_water();
    resize(Path::new(&from), None, &[target(&to, fit(512))], Resampling::default(), NOTHING).unwrap();
    fs::write(Path::new(&from).with_extension("told"), (high_water() - before).to_string()).unwrap();
}

#[test]
fn a_picture_of_12_megapixels_is_made_within_60_mib() {
    let folder = tempfile::tempdir().unwrap();
    let tile = scene(504, 378);
    let large = RgbImage::from_fn(4032, 3024, |x, y| *tile.get_pixel(x % 504, y % 378));
    let files = [("a.jpg", false, 20 << 20), ("p.jpg", true, 28 << 20), ("a.png", false, 48 << 20)];
    for (name, progressive, bound) in files {
        let from = folder.path().join(name);
        match name {
            "a.png" => large.save(&from).unwrap(),
            _ => jpeg(&from, &large, |encoder| encoder.set_progressive(progressive)),
        }
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "resize_the_picture_that_is_named"])
            .env("MEDIAMILL_PICTURE", &from)
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
        let took: u64 = fs::read_to_string(from.with_extension("told")).unwrap().parse().unwrap();
        assert!(took < bound, "{name}: {} MiB", took >> 20);
    }
}
