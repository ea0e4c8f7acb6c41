//! Sound and pictures on real files: figures agree with ffmpeg's, and nothing broken passes for whole.

#![expect(clippy::unwrap_used, reason = "a test whose files cannot be read has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use mediamill::media::analyze::{Analyzed, Drawings, analyze};
use mediamill::media::metadata::Keep;
use mediamill::media::picture::Coding;
use mediamill::media::picture::resample::Resampling;
use mediamill::media::picture::resize::{Target, resize};
use mediamill::media::picture::shape::Shape;
use mediamill::media::spectrogram::Look;
use mediamill::media::{MediaError, SoundReader, Source, decode, picture};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/media").join(name)
}

fn measured(path: &Path) -> Analyzed {
    analyze(&Source::new(path), &Drawings::default()).unwrap()
}

/// The samples of one channel.
fn samples(found: &Analyzed) -> u64 {
    (found.analysis.duration_s * f64::from(found.analysis.sample_rate_hz)).round() as u64
}

/// A copy of a fixture in `folder`, changed.
fn broken(folder: &Path, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let mut bytes = fs::read(fixture(name)).unwrap();
    change(&mut bytes);
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

const SOUNDS: [&str; 8] = [
    "speech-1.wav",
    "speech-2.flac",
    "speech-3.mp3",
    "music-1.wav",
    "music-1.flac",
    "music-1.m4a",
    "music-2.ogg",
    "music-2.mp3",
];

const PICTURES: [&str; 4] = ["photo-cat.png", "photo-coffee-rotated.jpg", "photo-rocket.jpg", "photo-astronaut.webp"];

#[test]
fn lengths_and_levels_are_those_that_ffmpeg_measures() {
    // ffmpeg 5.1.9: `ffmpeg -i FILE -af astats=measure_perchannel=none -f null -` (number of samples, peak and RMS level).
    // For music-1.m4a it counts 684 samples of padding at the end: there the length is ffprobe's 5.000000 s, and the RMS
    // level is that of astats without them (0.013 dB more).
    let figures = [
        ("speech-1.wav", 16_000, 1, 96_800, -4.654, -22.590),
        ("speech-2.flac", 16_000, 1, 84_800, -6.002, -24.709),
        ("speech-3.mp3", 16_000, 1, 52_640, -9.512, -23.801),
        ("music-1.wav", 22_050, 1, 66_150, -4.178, -12.120),
        ("music-1.flac", 44_100, 2, 132_300, -3.284, -11.832),
        ("music-1.m4a", 44_100, 2, 220_500, -3.111, -13.913),
        ("music-2.ogg", 48_000, 2, 384_000, -7.629, -22.625),
        ("music-2.mp3", 48_000, 2, 384_000, -7.790, -22.615),
    ];
    for (name, rate, channels, frames, peak, rms) in figures {
        let found = measured(&fixture(name));
        assert_eq!((found.info.sample_rate, found.info.channels), (rate, channels), "{name}");
        assert_eq!(samples(&found), frames, "{name}");
        let signal = &found.analysis.signal;
        assert!((signal.peak_dbfs.unwrap() - peak).abs() < 0.02, "{name}: {:?}", signal.peak_dbfs);
        assert!((signal.rms_dbfs.unwrap() - rms).abs() < 0.02, "{name}: {:?}", signal.rms_dbfs);
        assert_eq!(found.info.frames, Some(frames), "{name}: the declared length");
    }
}

#[test]
fn a_cut_sound_is_damaged_and_never_a_success() {
    let folder = tempfile::tempdir().unwrap();
    for name in SOUNDS {
        for part in [0.95, 0.6, 0.2] {
            let path = broken(folder.path(), name, |bytes| bytes.truncate((bytes.len() as f64 * part) as usize));
            let error = decode::verify(&path).unwrap_err();
            assert!(matches!(error, MediaError::Damaged { .. }), "{name} cut to {part}: {error}");
        }
    }
}

#[test]
fn flipped_bytes_end_in_an_error_or_in_sound_and_never_in_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    for name in SOUNDS.iter().chain(&PICTURES) {
        for seed in 0..24_usize {
            let path = broken(folder.path(), name, |bytes| {
                let length = bytes.len();
                for flip in 0..8 {
                    // Half of the flips hit the headers.
                    let reach = if flip % 2 == 0 { length.min(600) } else { length };
                    let at = (seed * 7919 + flip * 104_729) * 31 % reach;
                    bytes[at] ^= 1 << ((seed + flip) % 8);
                }
            });
            let found = decode::verify(&path).map(drop).and(picture::verify(&path).map(drop));
            drop(found);
        }
    }
}

#[test]
fn one_flipped_byte_in_the_middle_of_a_checked_format_is_found() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["speech-2.flac", "music-1.flac", "photo-cat.png"] {
        let path = broken(folder.path(), name, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x10;
        });
        let error =
            if name.ends_with("png") { picture::verify(&path).map(drop) } else { decode::verify(&path).map(drop) };
        assert!(matches!(error, Err(MediaError::Damaged { .. })), "{name}: {error:?}");
    }
}

#[test]
fn what_is_no_sound_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("empty.wav", &b""[..]),
        ("text.wav", b"It is a truth universally acknowledged, that a single man in possession of a good fortune"),
        ("text.mp3", b"must be in want of a wife. However little known the feelings or views of such a man may be"),
        ("picture.flac", &fs::read(fixture("photo-cat.png")).unwrap()),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        let error = SoundReader::open(&path).err().unwrap();
        assert!(matches!(error, MediaError::NotSound(_)), "{name}: {error}");
    }
    let error = picture::probe(&fixture("speech-1.wav")).unwrap_err();
    assert_eq!(error.to_string(), "not a picture that mediamill can read: it is a wav sound");
    assert!(matches!(SoundReader::open(&folder.path().join("none")), Err(MediaError::Unreadable(_))));
}

/// A WAV file of PCM; the declared length of its samples can be a lie.
fn wav(folder: &Path, channels: u16, bits: u16, samples: &[u8], declared: u32) -> PathBuf {
    let align = channels * bits / 8;
    let mut bytes = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0".to_vec();
    bytes.extend(channels.to_le_bytes());
    bytes.extend(8000_u32.to_le_bytes());
    bytes.extend((8000 * u32::from(align)).to_le_bytes());
    bytes.extend(align.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(declared.to_le_bytes());
    bytes.extend(samples);
    let path = folder.join("made.wav");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn eight_bits_six_channels_and_lengths_not_known_when_writing_began_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let eight = measured(&wav(folder.path(), 1, 8, &[128, 255, 128, 0], 4));
    assert_eq!((samples(&eight), eight.info.bits, eight.analysis.signal.peak_dbfs), (4, Some(8), Some(0.0)));
    let six = measured(&wav(folder.path(), 6, 16, &[1; 12 * 100], 12 * 100));
    assert_eq!((samples(&six), six.info.channels), (100, 6));
    // What `ffmpeg -f wav - > FILE` leaves behind.
    let piped = wav(folder.path(), 1, 16, &[1; 10_001 * 2], u32::MAX);
    assert_eq!(decode::verify(&piped).unwrap(), 10_001);
    let nothing = decode::verify(&wav(folder.path(), 1, 16, &[], 0)).unwrap_err();
    assert_eq!(nothing.to_string(), "damaged: there is no sound in it");
}

#[test]
fn a_spectrogram_shows_more_than_one_colour_and_keeps_its_size() {
    for name in ["speech-1.wav", "music-2.ogg"] {
        let look = Look { width: 200, height: 100, ..Look::default() };
        let drawings = Drawings { spectrogram: Some(look), ..Drawings::default() };
        let picture = analyze(&Source::new(&fixture(name)), &drawings).unwrap().spectrogram.unwrap();
        assert_eq!((picture.width(), picture.height()), (200, 100));
        let colours: std::collections::HashSet<_> = (0..200 * 100).map(|at| picture.at(at % 200, at / 200)).collect();
        assert!(colours.len() > 100, "{name}: {} colours", colours.len());
    }
}

#[test]
fn pictures_are_what_their_makers_say() {
    let told = |name: &str| {
        let info = picture::verify(&fixture(name)).unwrap();
        (info.format.word(), info.upright(), info.bits, info.colour, info.frames, info.orientation)
    };
    assert_eq!(told("photo-cat.png"), ("png", (300, 200), 8, "rgb", 1, 1));
    assert_eq!(told("photo-coffee-rotated.jpg"), ("jpeg", (480, 320), 8, "rgb", 1, 6));
    assert_eq!(told("photo-rocket.jpg"), ("jpeg", (480, 320), 8, "rgb", 1, 1));
    assert_eq!(told("photo-astronaut.webp"), ("webp", (320, 320), 8, "rgb", 1, 1));
}

#[test]
fn a_cut_picture_is_damaged_and_is_not_made_into_a_grey_thumbnail() {
    let folder = tempfile::tempdir().unwrap();
    for name in PICTURES {
        for cut in [3, 300, 10_000] {
            let path = broken(folder.path(), name, |bytes| bytes.truncate(bytes.len() - cut));
            let error = picture::verify(&path).map(drop).unwrap_err();
            assert!(matches!(error, MediaError::Damaged { .. }), "{name} cut by {cut}: {error}");
            let to = folder.path().join("small.png");
            let coding = Coding::of_name(&to, 85).unwrap();
            let small = Target { to: &to, shape: Shape::default(), background: [0; 4], coding };
            let error = resize(&path, None, &[small], Resampling::default(), Keep::ALL).unwrap_err();
            assert!(matches!(error, MediaError::Damaged { .. }), "{name} cut by {cut}: {error}");
        }
    }
}

#[test]
fn every_frame_of_an_animation_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.gif");
    let cat = image::open(fixture("photo-cat.png")).unwrap().to_rgba8();
    let mut encoder = image::codecs::gif::GifEncoder::new(fs::File::create(&path).unwrap());
    encoder.encode_frames([image::Frame::new(cat.clone()), image::Frame::new(cat)]).unwrap();
    drop(encoder);
    assert_eq!(picture::verify(&path).unwrap().frames, 2);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() * 3 / 4]).unwrap();
    assert!(matches!(picture::verify(&path), Err(MediaError::Damaged { .. })));
}

#[test]
fn a_picture_that_declares_too_many_pixels_is_refused_before_it_is_decoded() {
    let folder = tempfile::tempdir().unwrap();
    let path = broken(folder.path(), "photo-cat.png", |bytes| {
        bytes[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
        let sum = crc32(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&sum.to_be_bytes());
    });
    let error = picture::probe(&path).unwrap_err();
    assert!(matches!(error, MediaError::Limit(_)), "{error}");
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}
