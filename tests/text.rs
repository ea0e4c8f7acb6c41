//! Pictures of text: what is drawn, where the label says that it is, and whose fault it is when nothing is.

#![expect(clippy::unwrap_used, reason = "a test whose fixtures are missing has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use mediamill::media::MediaError;
use mediamill::media::text::spec::{Align, Missing, Overflow, Place, Shadow, Stroke, Wave, Writing};
use mediamill::media::text::{Canvas, Colour, Drawn, Label, TextError, TextSpec, coverage, redraw, render};

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn spec(text: &str, font: &str) -> TextSpec {
    let font = root(font);
    assert!(font.is_file(), "{}", font.display());
    let mut spec = TextSpec::new(text, font.to_str().unwrap());
    spec.background_color = Some(Colour([255; 3]));
    spec
}

const SANS: &str = "pipelines/ocr/fonts/NotoSans-Regular.ttf";
const SERIF: &str = "pipelines/ocr/fonts/NotoSerif-Regular.ttf";
const ARABIC: &str = "tests/fixtures/fonts/NotoNaskhArabic.ttf";
const DEVANAGARI: &str = "tests/fixtures/fonts/NotoSansDevanagari.ttf";
const CJK: &str = "tests/fixtures/fonts/NotoSansCJK.otf";
const BAR: &str = "tests/fixtures/fonts/Bar.ttf";
const PAPER: &str = "pipelines/ocr/backgrounds/paper/ruled.jpg";

fn latin() -> TextSpec {
    spec("Office affinity: fjord\nAVA To q\u{303}uick", SERIF)
}

/// Black letters on white in every geometry that there is.
fn geometries() -> Vec<(&'static str, TextSpec)> {
    let with = |mut spec: TextSpec, change: &dyn Fn(&mut TextSpec)| {
        change(&mut spec);
        spec
    };
    vec![
        ("plain", latin()),
        ("arabic", with(spec("السلام عليكم 123 لَا", ARABIC), &|spec| spec.width = Some(160))),
        ("devanagari", spec("क्षत्रिय हिन्दी र्कि", DEVANAGARI)),
        ("vertical", {
            with(spec("縦書き、「テスト」ーABC", CJK), &|spec| {
                (spec.writing, spec.height) = (Writing::Vertical, Some(210))
            })
        }),
        ("rotated", with(latin(), &|spec| (spec.rotation, spec.align) = (33.0, Align::Center))),
        ("leaning", with(latin(), &|spec| (spec.shear, spec.letter_spacing) = (-20.0, 3.0))),
        ("curved", with(spec("Bent along an arc", SANS), &|spec| spec.curve = 150.0)),
        ("curved up", with(latin(), &|spec| spec.curve = -70.0)),
        ("wave", with(latin(), &|spec| spec.wave = Some(Wave { amplitude: 9.0, length: 90.0, phase: 40.0 }))),
        ("perspective", with(latin(), &|spec| (spec.perspective, spec.seed) = (0.3, 11))),
        ("all", {
            with(latin(), &|spec| {
                (spec.curve, spec.rotation, spec.shear, spec.perspective, spec.seed) = (60.0, -20.0, 10.0, 0.2, 3);
                spec.wave = Some(Wave { amplitude: 4.0, length: 200.0, phase: 0.0 });
                (spec.width, spec.height, spec.overflow) = (Some(300), Some(200), Overflow::Shrink);
            })
        }),
        ("outlined", { with(latin(), &|spec| spec.stroke = Some(Stroke { width: 2.5, color: Colour([90; 3]) })) }),
    ]
}

/// Whether a pixel is not white.
fn is_ink(canvas: &Canvas, x: u32, y: u32) -> bool {
    let at = (y * canvas.width() + x) as usize * canvas.channels();
    canvas.samples()[at..at + 3] != [255; 3]
}

fn pixels([left, top, right, bottom]: [f64; 4], canvas: &Canvas) -> [u32; 4] {
    assert!(left >= 0.0 && top >= 0.0 && left < right && top < bottom);
    assert!(right <= f64::from(canvas.width()) && bottom <= f64::from(canvas.height()));
    [left.floor(), top.floor(), right.ceil(), bottom.ceil()].map(|side| side as u32)
}

#[test]
fn all_ink_lies_in_the_boxes_and_every_box_is_tight() {
    for (name, spec) in geometries() {
        let Drawn { canvas, label } = render(&spec).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut boxed = vec![false; (canvas.width() * canvas.height()) as usize];
        for glyph in label.lines.iter().flat_map(|line| &line.words).flat_map(|word| &word.glyphs) {
            let [left, top, right, bottom] = pixels(glyph.bounds, &canvas);
            let ink = |columns: std::ops::Range<u32>, rows: std::ops::Range<u32>| {
                rows.flat_map(|y| columns.clone().map(move |x| (x, y))).any(|(x, y)| is_ink(&canvas, x, y))
            };
            // A sliver of an outline may be too thin to leave ink; two pixels further in it always does.
            let near = 3;
            assert!(ink(left..(left + near).min(right), top..bottom), "{name}: {glyph:?} has no ink at its left");
            assert!(ink(right.saturating_sub(near).max(left)..right, top..bottom), "{name}: {glyph:?}, right");
            assert!(ink(left..right, top..(top + near).min(bottom)), "{name}: {glyph:?}, top");
            assert!(ink(left..right, bottom.saturating_sub(near).max(top)..bottom), "{name}: {glyph:?}, bottom");
            for y in top..bottom {
                for x in left..right {
                    boxed[(y * canvas.width() + x) as usize] = true;
                }
            }
        }
        for y in 0..canvas.height() {
            for x in 0..canvas.width() {
                let at = (y * canvas.width() + x) as usize;
                assert!(boxed[at] || !is_ink(&canvas, x, y), "{name}: ink at {x}, {y} is in no box");
            }
        }
    }
}

#[test]
fn boxes_and_corners_of_words_and_lines_are_those_of_their_letters() {
    for (name, spec) in geometries() {
        let label = render(&spec).unwrap().label;
        let around = |all: &[[f64; 4]]| {
            all.iter().copied().reduce(|a, b| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])]).unwrap()
        };
        for line in &label.lines {
            for word in &line.words {
                let glyphs: Vec<[f64; 4]> = word.glyphs.iter().map(|glyph| glyph.bounds).collect();
                assert_eq!(word.bounds, around(&glyphs), "{name}");
                assert!(line.text.contains(&word.text) && label.text.contains(&line.text), "{name}");
                assert_eq!(
                    word.glyphs.iter().map(|glyph| glyph.text.as_str()).collect::<String>(),
                    word.text,
                    "{name}"
                );
            }
            let words: Vec<[f64; 4]> = line.words.iter().map(|word| word.bounds).collect();
            assert_eq!(line.bounds, around(&words), "{name}");
        }
        // Without a bend, the corners of a letter lie around its ink, and so do its box's.
        if spec.curve == 0.0 && spec.wave.is_none() && spec.stroke.is_none() {
            for glyph in label.lines.iter().flat_map(|line| &line.words).flat_map(|word| &word.glyphs) {
                let corners = around(&glyph.quad.map(|[x, y]| [x, y, x, y]));
                for (side, (corner, bound)) in corners.iter().zip(glyph.bounds).enumerate() {
                    let out = (corner - bound) * if side < 2 { 1.0 } else { -1.0 };
                    assert!(out < 0.05, "{name}: {glyph:?}");
                }
            }
        }
    }
}

#[test]
fn letters_that_become_one_glyph_have_one_box_and_bidi_text_stays_in_the_order_of_reading() {
    let label = render(&latin()).unwrap().label;
    let texts: Vec<&str> = label.lines[0].words[0].glyphs.iter().map(|glyph| glyph.text.as_str()).collect();
    assert_eq!(texts, ["O", "ffi", "c", "e"]);
    assert_eq!(label.lines[1].words[2].glyphs[0].text, "q\u{303}", "a mark goes with its letter");

    let label = render(&spec("سلام 123 عليكم", ARABIC)).unwrap().label;
    let line = &label.lines[0];
    let words: Vec<&str> = line.words.iter().map(|word| word.text.as_str()).collect();
    assert_eq!(words, ["سلام", "123", "عليكم"]);
    let left: Vec<f64> = line.words.iter().map(|word| word.bounds[0]).collect();
    assert!(left[0] > left[1] && left[1] > left[2], "it runs to the left");
    let digits: Vec<f64> = line.words[1].glyphs.iter().map(|glyph| glyph.bounds[0]).collect();
    assert!(digits.is_sorted(), "but numbers run to the right");
}

#[test]
fn vertical_text_runs_down_and_its_columns_to_the_left() {
    let mut spec = spec("縦書き、「テスト」", CJK);
    (spec.writing, spec.height, spec.size) = (Writing::Vertical, Some(180), 40.0);
    let label = render(&spec).unwrap().label;
    assert!(label.lines.len() >= 2);
    for line in &label.lines {
        let tops: Vec<f64> = line.words[0].glyphs.iter().map(|glyph| glyph.bounds[1]).collect();
        assert!(tops.is_sorted(), "{tops:?}");
    }
    assert!(label.lines[0].bounds[0] > label.lines[1].bounds[2]);
    // The comma of vertical text stands in the upper right of its square, not in the lower left.
    let comma = label.lines[0].words[0].glyphs.iter().find(|glyph| glyph.text == "、").unwrap();
    assert!(comma.bounds[0] > f64::midpoint(label.lines[0].bounds[0], label.lines[0].bounds[2]));
}

fn worn() -> TextSpec {
    let mut spec = latin();
    (spec.seed, spec.width, spec.height, spec.place) =
        (12_345_678_901_234_567_890, Some(500), Some(160), Place::Random);
    spec.background = root(PAPER).to_str().unwrap().to_owned();
    (spec.rotation, spec.perspective, spec.opacity) = (3.0, 0.1, 0.8);
    spec.shadow = Some(Shadow { x: 3.0, y: 2.0, blur: 2.0, color: Colour([40, 0, 0]), opacity: 0.6 });
    (spec.downscale, spec.blur, spec.contrast, spec.brightness) = (0.7, 0.8, 0.9, 5.0);
    (spec.noise, spec.jpeg_quality) = (6.0, Some(60));
    spec
}

#[test]
fn a_label_is_enough_to_make_the_same_bytes_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut clear = worn();
    (clear.background, clear.background_color) = (String::new(), None);
    for spec in [worn(), clear] {
        let drawn = render(&spec).unwrap();
        assert_eq!(drawn, render(&spec).unwrap());
        let written = serde_json::to_string(&drawn.label).unwrap();
        let read: Label = serde_json::from_str(&written).unwrap();
        assert_eq!(read, drawn.label);
        let again = redraw(&read).unwrap();
        let files = [("one.png", &drawn), ("other.png", &again)].map(|(name, drawn)| {
            let path = folder.path().join(name);
            drawn.canvas.write_png(&path).unwrap();
            fs::read(path).unwrap()
        });
        assert!(files[0] == files[1]);
        assert_eq!(serde_json::to_string(&again.label).unwrap(), written);
        let decoded = image::open(folder.path().join("one.png")).unwrap();
        assert_eq!((decoded.width(), decoded.height()), (read.width, read.height));
        assert_eq!(decoded.color().has_alpha(), spec.background.is_empty() && spec.background_color.is_none());
    }
    let mut other = worn();
    other.seed += 1;
    assert_ne!(render(&other).unwrap().canvas, render(&worn()).unwrap().canvas);
}

#[test]
fn a_label_whose_font_or_background_has_changed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: &str, name: &str| {
        let to = folder.path().join(name);
        fs::copy(root(from), &to).unwrap();
        to.to_str().unwrap().to_owned()
    };
    let mut spec = worn();
    (spec.font, spec.background) = (copy(SANS, "font.ttf"), copy(PAPER, "paper.jpg"));
    let mut label = render(&spec).unwrap().label;
    copy(SERIF, "font.ttf");
    assert!(matches!(redraw(&label), Err(TextError::Changed { path }) if path.ends_with("font.ttf")));
    copy(SANS, "font.ttf");
    redraw(&label).unwrap();
    copy("pipelines/ocr/backgrounds/paper/old.jpg", "paper.jpg");
    assert!(matches!(redraw(&label), Err(TextError::Changed { path }) if path.ends_with("paper.jpg")));
    label.renderer += 1;
    assert!(matches!(redraw(&label), Err(TextError::Text(why)) if why.contains("renderer")));
}

#[test]
fn a_font_knows_which_characters_it_has() {
    let latin = coverage(&root(SANS)).unwrap();
    assert!(latin.covers("Größe\t\u{200d}\u{fe0f}\n naïve") && latin.has('ß') && !latin.has('字'));
    assert!(!latin.covers("漢字") && latin.missing("a漢字漢") == "漢字");
    assert!(latin.ranges().windows(2).all(|two| two[0].1 + 1 < two[1].0), "stretches ascend, with gaps");
    let counted = (0..=0x10_ffff).filter_map(char::from_u32).filter(|c| latin.has(*c)).count();
    assert_eq!(counted, latin.count());
    for path in ["tests/fixtures/fonts/OFL.txt", "tests/fixtures/fonts", "none.ttf"] {
        assert!(matches!(coverage(&root(path)), Err(TextError::Font { .. })), "{path}");
    }
}

#[test]
fn characters_without_a_glyph_are_named_or_replaced_by_rule() {
    let mut spec = spec("ab字c", SANS);
    match render(&spec) {
        Err(error @ TextError::Missing { .. }) => assert!(error.to_string().contains("'字' (U+5B57)"), "{error}"),
        other => panic!("{other:?}"),
    }
    spec.missing = Missing::Skip;
    assert_eq!(render(&spec).unwrap().label.text, "abc");
    spec.missing = Missing::Box;
    assert_eq!(render(&spec).unwrap().label.lines[0].words[0].glyphs.len(), 4);
    spec.missing = Missing::Fallback;
    spec.text = "ab書c".to_owned();
    spec.fallback = vec![root(ARABIC).to_str().unwrap().to_owned(), root(CJK).to_str().unwrap().to_owned()];
    let label = render(&spec).unwrap().label;
    let fonts: Vec<usize> = label.lines[0].words[0].glyphs.iter().map(|glyph| glyph.font).collect();
    assert_eq!(fonts, [0, 0, 2, 0]);
    assert_eq!(label.fonts[2].family, "Noto Sans CJK JP");
}

#[test]
fn a_variable_font_stands_where_its_axes_are_set() {
    let width = |weight: Option<f32>| {
        let mut spec = spec("I", BAR);
        spec.size = 100.0;
        spec.variations.extend(weight.map(|weight| ("wght".to_owned(), weight)));
        let bounds = render(&spec).unwrap().label.lines[0].bounds;
        bounds[2] - bounds[0]
    };
    assert_eq!([width(None), width(Some(650.0)), width(Some(900.0))].map(f64::round), [10.0, 20.0, 30.0]);
}

#[test]
fn a_text_that_does_not_fit_is_refused_shrunk_or_cut_and_lines_are_broken_to_fit() {
    let mut spec = spec("one two three four five six", SANS);
    spec.width = Some(170);
    let label = render(&spec).unwrap().label;
    let lines: Vec<&str> = label.lines.iter().map(|line| line.text.as_str()).collect();
    assert!(lines.len() > 2 && lines.join(" ") == spec.text, "{lines:?}");
    spec.height = Some(60);
    assert!(matches!(render(&spec), Err(TextError::Text(why)) if why.contains("overflow")));
    spec.overflow = Overflow::Shrink;
    let shrunk = render(&spec).unwrap().label;
    assert!(shrunk.geometry.scale < 1.0 && (shrunk.width, shrunk.height) == (170, 60));
    assert!(shrunk.lines.iter().all(|line| line.bounds[1] >= 8.0 && line.bounds[3] <= 52.0));
    spec.overflow = Overflow::Clip;
    assert_eq!(render(&spec).unwrap().canvas.height(), 60);
}

#[test]
fn a_text_that_is_shrunk_keeps_its_whole_stroke_and_shadow_in_proportion() {
    let mut spec = spec("one two three", SANS);
    (spec.width, spec.height, spec.overflow) = (Some(120), Some(50), Overflow::Shrink);
    spec.stroke = Some(Stroke { width: 14.0, color: Colour([120; 3]) });
    let drawn = render(&spec).unwrap();
    assert!(drawn.label.geometry.scale < 0.8);
    let (width, margin) = (120, 8);
    for (at, pixel) in drawn.canvas.samples().chunks_exact(3).enumerate() {
        let (x, y) = (at % width, at / width);
        let is_edge = x < margin || x >= width - margin || y < margin || y >= 50 - margin;
        assert!(!is_edge || pixel == [255; 3], "ink at {x}, {y}");
    }
    for line in &drawn.label.lines {
        let [left, top, right, bottom] = line.bounds;
        assert!(left >= 7.9 && top >= 7.9 && right <= 112.1 && bottom <= 42.1, "{:?}", line.bounds);
    }
    let last = drawn.label.lines.iter().map(|line| line.bounds[3]).fold(0.0, f64::max);
    let first = drawn.label.lines.iter().map(|line| line.bounds[1]).fold(50.0, f64::min);
    assert!(last - first > 33.0, "the room between the margins is used");

    // Far below the letters, where there is room for it only once it is drawn smaller, too.
    spec.stroke = None;
    spec.shadow = Some(Shadow { x: 0.0, y: 20.0, blur: 0.0, color: Colour([255, 0, 0]), opacity: 1.0 });
    spec.text = "one two three four five six seven eight nine ten".to_owned();
    let drawn = render(&spec).unwrap();
    let moved = (20.0 * drawn.label.geometry.scale).round() as usize;
    let rows: Vec<&[u8]> = drawn.canvas.samples().chunks_exact(3).collect();
    let lowest = |is_it: &dyn Fn(&[u8]) -> bool| rows.iter().rposition(|pixel| is_it(pixel)).unwrap() / width;
    let shadow = lowest(&|pixel| pixel[0] == 255 && pixel[1] < 128);
    assert_eq!(shadow, lowest(&|pixel| pixel[0] < 128) + moved);
}

#[test]
fn a_mark_on_a_space_is_a_word_and_all_ink_has_a_box() {
    let drawn = render(&spec("a \u{303} b", SERIF)).unwrap();
    let words: Vec<&str> = drawn.label.lines[0].words.iter().map(|word| word.text.as_str()).collect();
    assert_eq!(words, ["a \u{303}", "b"]);
    let glyphs: Vec<usize> = drawn.label.lines[0].words.iter().map(|word| word.glyphs.len()).collect();
    assert_eq!(glyphs, [2, 1]);
    let first = render(&spec(" \u{303}b", SERIF)).unwrap();
    assert_eq!(first.label.lines[0].words[0].glyphs[0].text, " \u{303}");
    let top = first.canvas.samples().iter().position(|sample| *sample == 0).unwrap() / 3;
    assert!(first.label.lines[0].bounds[1] <= (top / first.canvas.width() as usize) as f64);
}

#[test]
fn a_background_that_is_too_large_is_to_blame_itself_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.png");
    // It takes no room on the disk.
    fs::File::create(&path).unwrap().set_len(900 << 20).unwrap();
    let mut spec = spec("a", SANS);
    spec.background = path.to_str().unwrap().to_owned();
    assert!(matches!(render(&spec), Err(TextError::Background { why: MediaError::Limit(_), .. })));
    spec.background = folder.path().to_str().unwrap().to_owned();
    assert!(matches!(render(&spec), Err(TextError::Background { .. })));
}

/// A font whose outlines are hidden behind the names of bitmap tables.
fn bitmap_only() -> Vec<u8> {
    let mut bytes = fs::read(root(SANS)).unwrap();
    let tables = usize::from(u16::from_be_bytes([bytes[4], bytes[5]]));
    let (directory, _) = bytes[12..].as_chunks_mut::<16>();
    for entry in &mut directory[..tables] {
        match &entry[..4] {
            b"glyf" => entry[..4].copy_from_slice(b"CBDT"),
            b"loca" => entry[..4].copy_from_slice(b"CBLC"),
            _ => {}
        }
    }
    directory[..tables].sort_unstable();
    bytes
}

#[test]
fn each_failure_names_the_file_that_is_to_blame() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let whole = fs::read(root(SANS)).unwrap();
    let head = whole.windows(4).position(|tag| tag == b"head").unwrap();
    let at = u32::from_be_bytes(whole[head + 8..head + 12].try_into().unwrap()) as usize;
    let mut absurd = whole.clone();
    absurd[at + 18..at + 20].copy_from_slice(&[0, 1]);
    let fonts = [
        file("bitmap.ttf", &bitmap_only()),
        file("cut.ttf", &whole[..whole.len() / 3]),
        file("empty.ttf", b""),
        file("text.ttf", b"no font at all"),
        file("absurd.ttf", &absurd),
        "nowhere.ttf".to_owned(),
    ];
    for font in fonts {
        let mut spec = worn();
        spec.font.clone_from(&font);
        assert!(matches!(render(&spec), Err(TextError::Font { path, .. }) if path == Path::new(&font)), "{font}");
    }
    let why = render(&TextSpec::new("a", folder.path().join("bitmap.ttf").to_str().unwrap())).unwrap_err().to_string();
    assert!(why.contains("bitmaps only"), "{why}");

    let jpeg = fs::read(root(PAPER)).unwrap();
    for background in [file("cut.jpg", &jpeg[..jpeg.len() / 2]), file("no.jpg", b"nothing"), "nowhere.jpg".to_owned()] {
        let mut spec = worn();
        spec.background.clone_from(&background);
        assert!(matches!(render(&spec), Err(TextError::Background { path, .. }) if path == Path::new(&background)));
    }

    type Spoil = fn(&mut TextSpec);
    let wrong: [(&str, Spoil); 9] = [
        ("empty", |spec| spec.text = " \n\u{200b}\t".to_owned()),
        ("no font", |spec| spec.font.clear()),
        ("20000", |spec| spec.text = "a".repeat(20_001)),
        ("megapixels", |spec| (spec.text, spec.size, spec.width, spec.height) = ("a".repeat(200), 900.0, None, None)),
        ("blur", |spec| spec.blur = f64::NAN),
        ("corners", |spec| spec.corners = Some([[0.0; 2]; 4])),
        ("fold", |spec| (spec.perspective, spec.corners) = (0.0, Some([[1.0, 0.0], [-1.0, 0.0], [0.0; 2], [0.0; 2]]))),
        ("margin", |spec| spec.margin = 300),
        ("features", |spec| spec.features = vec!["nonsense".to_owned()]),
    ];
    for (name, change) in wrong {
        let mut spec = worn();
        change(&mut spec);
        match render(&spec) {
            Err(TextError::Text(why)) => assert!(why.contains(name), "{name}: {why}"),
            other => panic!("{name}: {:?}", other.map(|drawn| drawn.label)),
        }
    }
}

#[test]
fn a_picture_without_background_is_transparent_and_its_letters_have_their_colour() {
    let mut spec = latin();
    (spec.background_color, spec.color, spec.blur) = (None, Colour([200, 30, 60]), 0.7);
    let canvas = render(&spec).unwrap().canvas;
    assert_eq!(canvas.channels(), 4);
    assert_eq!(canvas.samples()[..4], [0, 0, 0, 0]);
    let solid = canvas.samples().chunks(4).filter(|pixel| pixel[3] > 128);
    let mut count = 0;
    for pixel in solid {
        count += 1;
        let off = pixel.iter().zip([200_u8, 30, 60]).map(|(sample, wanted)| sample.abs_diff(wanted)).max().unwrap();
        assert!(off <= 2, "{pixel:?}");
    }
    assert!(count > 500);
}

/// SplitMix64, for bytes to break fonts with.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// `MEDIAMILL_MUTATED=10000` breaks so many fonts.
#[test]
fn a_mutated_font_is_drawn_with_or_refused_and_nothing_else() {
    let count: u64 = std::env::var("MEDIAMILL_MUTATED").map_or(60, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("font");
    let sources = [
        (SERIF, "Office q\u{303}uick fjord"),
        (ARABIC, "السلام عليكم لَا"),
        (DEVANAGARI, "क्षत्रिय हिन्दी"),
        (CJK, "縦書き、「テスト」"),
        (BAR, "III"),
    ]
    .map(|(font, text)| (fs::read(root(font)).unwrap(), text));
    let hook = std::panic::take_hook();
    // What breaks a library is caught and told as the font's fault; its words would hide those of the test.
    std::panic::set_hook(Box::new(|_| {}));
    let (mut drawn, mut refused, mut slowest) = (0, 0, std::time::Duration::ZERO);
    let mut wrong = None;
    for number in 0..count {
        let mut state = number ^ 0x5eed;
        let (whole, text) = &sources[(number % 5) as usize];
        let mut bytes = whole.clone();
        let tables = usize::from(u16::from_be_bytes([bytes[4], bytes[5]])).max(1);
        for _ in 0..=random(&mut state) % 12 {
            // Half of them at the start of a table, where what matters most stands.
            let table = 12 + (random(&mut state) as usize % tables) * 16 + 8;
            let start = u32::from_be_bytes(whole[table..table + 4].try_into().unwrap()) as usize;
            let at = match random(&mut state) % 4 {
                0 => random(&mut state) as usize % bytes.len(),
                1 => random(&mut state) as usize % (12 + tables * 16),
                _ => (start + random(&mut state) as usize % 64).min(bytes.len() - 1),
            };
            bytes[at] = [0, 1, 0x7f, 0x80, 0xff, random(&mut state) as u8][random(&mut state) as usize % 6];
        }
        if random(&mut state).is_multiple_of(10) {
            bytes.truncate(random(&mut state) as usize % bytes.len());
        }
        fs::write(&path, &bytes).unwrap();
        let mut spec = TextSpec::new(*text, path.to_str().unwrap());
        spec.width = Some(400);
        spec.overflow = Overflow::Shrink;
        if number % 3 == 0 {
            (spec.writing, spec.height) = (Writing::Vertical, Some(300));
        }
        if number % 4 == 0 {
            spec.curve = 90.0;
        }
        let begun = std::time::Instant::now();
        match render(&spec) {
            Ok(_) => drawn += 1,
            Err(TextError::Font { .. } | TextError::Missing { .. } | TextError::Text(_)) => refused += 1,
            Err(TextError::Media(MediaError::Unreadable(_))) => refused += 1,
            Err(other) => wrong = Some(format!("{number}: {other:?}")),
        }
        let _ = coverage(&path);
        slowest = slowest.max(begun.elapsed());
    }
    std::panic::set_hook(hook);
    assert_eq!(wrong, None);
    assert!(drawn > 0 && refused > 0, "{drawn} drawn, {refused} refused");
    assert!(slowest.as_secs() < 20, "one took {slowest:?}");
}

/// Run with `MEDIAMILL_WRITE_SCHEMA=1` to write the file anew.
#[test]
fn the_schema_of_labels_that_is_written_down_is_that_of_the_code() {
    let path = root("docs/label.schema.json");
    let text = serde_json::to_string_pretty(&schemars::schema_for!(Label)).unwrap() + "\n";
    if std::env::var_os("MEDIAMILL_WRITE_SCHEMA").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "docs/label.schema.json is out of date: run this test with MEDIAMILL_WRITE_SCHEMA=1");
}
