//! Pictures of every kind decode to the pixels that they were made of, are refused where they would not, and what we
//! write is what others read.

#![expect(clippy::unwrap_used, reason = "a test whose files cannot be read has failed")]

#[path = "support/pictures.rs"]
mod pictures;
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use image::{DynamicImage, GenericImageView, ImageBuffer, Rgba};
use mediamill::media::MediaError;
use mediamill::media::metadata::Metadata;
use mediamill::media::picture::{
    self, Coding, JpegCoding, PngLevel, Subsampling, load, load_frame, probe, still, verify, write,
};

use pictures::{
    HEIGHT, WIDTH, animations, apart, by_others, by_us, chunk, codings, convert, fading, frames, kinds, save, slopes,
    stripes,
};
use support::{installed, skip};

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
        ours.turn_upright();
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

#[test]
fn a_png_in_other_colours_than_srgb_is_converted_kept_with_its_profile_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = save(folder.path(), "a.png", &fading().into());
    let plain = fs::read(&path).unwrap();
    let with = |chunks: &[Vec<u8>]| {
        fs::write(&path, [&plain[..33], &chunks.concat(), &plain[33..]].concat()).unwrap();
        load(&path).map(|picture| picture.pixels.to_rgba8())
    };
    let gamma = |gamma: u32| chunk(b"gAMA", &gamma.to_be_bytes());
    // By gAMA, light is the sample to the power of 1 / gamma; sRGB then has it by its own curve (IEC 61966-2-1).
    let expected = |sample: u8, gamma: f64| {
        let light = (f64::from(sample) / 255.0).powf(1.0 / gamma);
        let level = if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
        (level * 255.0).round() as u8
    };
    for told in [100_000, 55_556, 30_000] {
        let found = with(&[gamma(told)]).unwrap();
        for (found, stored) in found.pixels().zip(fading().pixels()) {
            let truth = [0, 1, 2].map(|part| expected(stored.0[part], f64::from(told) / 100_000.0));
            assert_eq!((&found.0[..3], found.0[3]), (&truth[..], stored.0[3]), "{told}");
        }
        if told == 100_000 && installed("convert") {
            assert!(apart(&found.into(), &by_others(&path)) <= 1.0);
        }
    }
    let primaries = |of: [u32; 8]| chunk(b"cHRM", &of.map(u32::to_be_bytes).concat());
    let own = primaries([31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000]);
    let adobe = primaries([31_270, 32_900, 64_000, 33_000, 21_000, 71_000, 15_000, 6_000]);
    let srgb = chunk(b"sRGB", &[0]);
    for as_it_is in [&[gamma(45_455), own][..], &[gamma(100_000), srgb.clone()], &[adobe.clone(), srgb]] {
        assert_eq!(with(as_it_is).unwrap(), fading());
    }
    assert_eq!(with(&[chunk(b"cICP", &[1, 13, 0, 1])]).unwrap(), fading());
    for (refused, why) in [(adobe, "cHRM"), (chunk(b"cICP", &[9, 16, 0, 1]), "high dynamic range")] {
        let error = with(&[refused]).unwrap_err();
        assert!(matches!(&error, MediaError::Unsupported(told) if told.contains(why)), "{error}");
    }
}

#[test]
fn a_tiff_of_more_pages_than_are_looked_at_is_refused_and_not_half_verified() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pages.tif");
    let pages = |count: u32| {
        let mut file = b"II*\0\x08\0\0\0".to_vec();
        for page in 1..=count {
            let next = if page == count { 0 } else { file.len() as u32 + 2 + 8 * 12 + 4 };
            file.extend(8_u16.to_le_bytes());
            for (tag, value) in [(256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 4), (277, 1), (279, 1_u32)] {
                file.extend([&u16::to_le_bytes(tag)[..], &[4, 0, 1, 0, 0, 0], &value.to_le_bytes()].concat());
            }
            file.extend(next.to_le_bytes());
        }
        fs::write(&path, file).unwrap();
        probe(&path)
    };
    assert_eq!(pages(4096).unwrap().frames, 4096);
    assert!(matches!(pages(4097), Err(MediaError::Limit(why)) if why.contains("4096 pages")));
}
