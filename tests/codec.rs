//! What our decoders and encoders make of sound is what ffmpeg makes of it, and nothing broken passes for whole.

#![expect(clippy::unwrap_used, reason = "a test whose files cannot be read has failed")]

#[path = "support/damage.rs"]
mod damage;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use indexmap::IndexMap;
use lofty::config::WriteOptions;
use lofty::file::TaggedFileExt;
use lofty::picture::{MimeType, Picture, PictureType};
use lofty::prelude::*;
use lofty::tag::{ItemKey, Tag, TagType};
use mediamill::media::damage::Damage;
use mediamill::media::encode::flac::FlacBits;
use mediamill::media::encode::wav::WavBits;
use mediamill::media::encode::{Coding, SoundWriter};
use mediamill::media::source::{Limits, OnDamage};
use mediamill::media::tags::Tags;
use mediamill::media::{MediaError, SoundReader, Source, decode};
use mediamill::resilience::FaultClass;
use mediamill::steps::builtin::{Job, Values};
use mediamill::steps::media_fault::media_fault;
use mediamill::steps::register::find;
use serde_json::{Value, json};

use damage::{most_memory, mutated};
use support::fixture;

fn sound(name: &str) -> PathBuf {
    fixture(name)
}

fn step(
    name: &str,
    with: Value,
    input: &Path,
    outputs: &[(&str, &Path)],
) -> Result<Values, mediamill::resilience::Fault> {
    let outputs: IndexMap<String, PathBuf> =
        outputs.iter().map(|(name, path)| ((*name).to_string(), path.to_path_buf())).collect();
    (find(name).unwrap().run)(with, &Job { inputs: vec![input.to_path_buf()], outputs, watch: None })
}

/// Runs ffmpeg; what it writes to standard output.
fn ffmpeg(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The samples of a file as ffmpeg decodes it.
fn by_ffmpeg(path: &Path) -> Vec<f32> {
    // Its own decoder of Opus is further from the reference than ours.
    let decoder: &[&str] = if path.to_string_lossy().contains("opus") { &["-c:a", "libopus"] } else { &[] };
    let bytes = ffmpeg(&[decoder, &["-i", path.to_str().unwrap(), "-map", "0:a:0", "-f", "f32le", "-"]].concat());
    bytes.as_chunks().0.iter().map(|sample| f32::from_le_bytes(*sample)).collect()
}

/// The samples of a file as we decode it.
fn by_us(path: &Path) -> (Vec<f32>, SoundReader) {
    let mut reader =
        SoundReader::open_verifying(path).unwrap_or_else(|error| panic!("at opening, {}: {error}", path.display()));
    let mut all = Vec::new();
    while let Some(block) = reader.next_block().unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
        all.extend_from_slice(block);
    }
    (all, reader)
}

/// Every kind of file that ffmpeg can make of a sound: its name, how it is made, and how far apart samples may be.
const KINDS: [(&str, &[&str], f32); 25] = [
    ("s16.wav", &["-c:a", "pcm_s16le"], 0.0),
    ("u8.wav", &["-c:a", "pcm_u8"], 0.0),
    ("s24.wav", &["-c:a", "pcm_s24le"], 0.0),
    ("s32.wav", &["-c:a", "pcm_s32le"], 1e-7),
    ("f32.wav", &["-c:a", "pcm_f32le"], 0.0),
    ("f64.wav", &["-c:a", "pcm_f64le"], 1e-7),
    ("rf64.wav", &["-c:a", "pcm_s24le", "-rf64", "always"], 0.0),
    ("a.w64", &["-c:a", "pcm_s16le"], 0.0),
    ("s16.aiff", &["-c:a", "pcm_s16be"], 0.0),
    ("s24.aiff", &["-c:a", "pcm_s24be"], 0.0),
    ("s16.caf", &["-c:a", "pcm_s16le"], 0.0),
    ("s16.flac", &["-c:a", "flac", "-sample_fmt", "s16"], 0.0),
    ("s24.flac", &["-c:a", "flac", "-sample_fmt", "s32"], 0.0),
    ("alac.m4a", &["-c:a", "alac"], 0.0),
    ("flac.mka", &["-c:a", "flac", "-sample_fmt", "s16"], 0.0),
    ("cbr.mp3", &["-c:a", "libmp3lame", "-b:a", "128k"], LOSSY),
    ("vbr.mp3", &["-c:a", "libmp3lame", "-q:a", "4"], LOSSY),
    ("noxing.mp3", &["-c:a", "libmp3lame", "-q:a", "4", "-write_xing", "0"], LOSSY),
    ("a.ogg", &["-c:a", "libvorbis", "-q:a", "5"], LOSSY),
    ("a.opus", &["-c:a", "libopus", "-b:a", "96k"], LOSSY),
    ("opus.webm", &["-c:a", "libopus", "-b:a", "96k"], LOSSY),
    ("opus.mp4", &["-c:a", "libopus", "-b:a", "96k"], LOSSY),
    ("vorbis.mka", &["-c:a", "libvorbis", "-q:a", "5"], LOSSY),
    ("a.m4a", &["-c:a", "aac", "-b:a", "128k"], LOSSY),
    ("a.aac", &["-c:a", "aac", "-b:a", "128k"], LOSSY),
];

/// One step of 16 bits.
const LOSSY: f32 = 1.0 / 32_768.0;

#[test]
fn every_format_decodes_to_the_samples_that_ffmpeg_gets() {
    if !support::installed("ffmpeg") {
        return support::skip("ffmpeg is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for channels in ["1", "2", "6"] {
        for (name, how, apart) in KINDS {
            // MP3 has two channels at most, and our decoder of AAC takes no more.
            if channels == "6" && ["mp3", "a.m4a", "a.aac"].iter().any(|end| name.ends_with(end)) {
                continue;
            }
            let path = folder.path().join(format!("{channels}-{name}"));
            let source = sound("music-1.flac");
            let mut arguments = vec!["-i", source.to_str().unwrap(), "-t", "0.6", "-ac", channels];
            arguments.extend(how);
            arguments.push(path.to_str().unwrap());
            ffmpeg(&arguments);
            let truth = by_ffmpeg(&path);
            let (ours, reader) = by_us(&path);
            let (rate, count) = (reader.info().sample_rate, reader.info().channels);
            let whole = (0.6 * f64::from(rate)) as usize * count;
            // Without a tag or an edit list nobody knows what of the first and the last frame is padding.
            let padded = ["noxing.mp3", "a.aac", "opus.webm"].contains(&name);
            // ffmpeg 5.1 rounds the length of Wave64 up.
            if ours.len() != whole && ours.len() != truth.len() && !padded {
                wrong.push(format!("{channels} channels, {name}: {} frames of {}", ours.len() / count, whole / count));
            }
            // ffmpeg 5.1 loses 128 frames of Vorbis in the end, and leaves the padding at the end of AAC.
            let both = ours.len().min(truth.len());
            if padded && ours.len().abs_diff(truth.len()) > 2 * 1152 * count {
                wrong.push(format!("{channels} channels, {name}: {} and {}", ours.len() / count, truth.len() / count));
            }
            let far = ours[..both].iter().zip(&truth[..both]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            if far > apart {
                wrong.push(format!("{channels} channels, {name}: {far} apart"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn what_we_write_is_what_others_read() {
    if !support::installed("ffmpeg") {
        return support::skip("ffmpeg is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let (samples, reader) = by_us(&sound("music-1.flac"));
    let rate = reader.info().sample_rate;
    // More than a few blocks of FLAC, and no whole number of them.
    let samples = &samples[..30_000];
    for (name, coding) in [
        ("16.wav", Coding::Wav(WavBits::Int16)),
        ("24.wav", Coding::Wav(WavBits::Int24)),
        ("32.wav", Coding::Wav(WavBits::Float32)),
        ("16.flac", Coding::Flac(FlacBits::Int16)),
        ("24.flac", Coding::Flac(FlacBits::Int24)),
    ] {
        let path = folder.path().join(name);
        for channels in [1, 2, 6] {
            let whole = &samples[..samples.len() / channels * channels];
            let mut writer = SoundWriter::create(&path, rate, channels, coding).unwrap();
            whole.chunks(channels * 1000).for_each(|part| writer.write(part).unwrap());
            writer.finish().unwrap();
            assert!(by_ffmpeg(&path) == whole, "{name}, {channels} channels");
            if name.ends_with("flac") && support::installed("flac") {
                assert!(Command::new("flac").args(["-t", "-s"]).arg(&path).status().unwrap().success());
            }
        }
    }
}

#[test]
fn a_wav_file_past_four_gibibytes_is_rf64_and_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    // A sparse file of the length, with our head and tail: what is between are zeros.
    let path = folder.path().join("long.wav");
    let mut writer = SoundWriter::create(&path, 48_000, 2, Coding::Wav(WavBits::Int16)).unwrap();
    writer.write(&[0.5; 200]).unwrap();
    writer.finish().unwrap();
    let head = fs::read(&path).unwrap();
    assert_eq!((&head[..4], &head[12..16]), (&b"RIFF"[..], &b"JUNK"[..]));
    if std::env::var_os("MEDIAMILL_LONG").is_none() {
        return;
    }
    let silence = vec![0.25_f32; 1 << 20];
    let mut writer = SoundWriter::create(&path, 48_000, 2, Coding::Wav(WavBits::Int16)).unwrap();
    for _ in 0..2100 {
        writer.write(&silence).unwrap();
    }
    let frames = writer.finish().unwrap();
    let reader = SoundReader::open(&path).unwrap();
    assert_eq!((reader.info().format.word(), reader.info().frames), ("rf64", Some(frames)));
    drop(reader);
    assert_eq!(decode::verify(&path).unwrap(), frames);
}

/// Reads to the end and tells what is damaged.
fn damage(path: &Path) -> (u64, Vec<Damage>) {
    let mut source = Source::new(path);
    source.damage = OnDamage::Tell;
    let mut reader = source.open_verifying().unwrap();
    let channels = reader.info().channels;
    let mut frames = 0;
    while let Some(block) = reader.next_block().unwrap() {
        frames += (block.len() / channels) as u64;
    }
    (frames, reader.damage().to_vec())
}

#[test]
fn damage_is_told_with_its_place_and_its_length_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.flac");
    let mut bytes = fs::read(sound("music-1.flac")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&path, &bytes).unwrap();
    let (frames, found) = damage(&path);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!((1.0..2.0).contains(&found[0].at_s), "{found:?}");
    assert!(found[0].lost_s.is_some_and(|lost| lost > 0.01 && lost < 0.2), "{found:?}");
    let lost = (found[0].lost_s.unwrap() * 44_100.0).round() as u64;
    assert_eq!(frames + lost, 132_300, "what is not lost is read");

    let path = folder.path().join("cut.wav");
    let whole = fs::read(sound("speech-1.wav")).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let (_, found) = damage(&path);
    assert_eq!(found.len(), 1);
    assert!((found[0].at_s - 3.02).abs() < 0.1 && (found[0].lost_s.unwrap() - 3.03).abs() < 0.1, "{found:?}");
    assert_eq!(damage(&sound("music-1.flac")).1, []);
    let fault = step("audio.verify", json!({}), &path, &[]).unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "decode"));
    assert!(fault.message.contains("damaged at 3.0") && fault.message.contains("missing"), "{fault}");
    let values = step("audio.verify", json!({}), &sound("music-1.flac"), &[]).unwrap();
    assert_eq!((&values["frames"], &values["checksum"]), (&json!(132_300), &json!("ok")));
}

#[test]
fn what_is_larger_than_the_limits_is_refused() {
    let refused = |limits: Limits| {
        let mut source = Source::new(&sound("music-1.flac"));
        source.limits = limits;
        matches!(source.open(), Err(MediaError::Limit(_)))
    };
    assert!(!refused(Limits::default()));
    assert!(refused(Limits { duration_s: 2.0, ..Limits::default() }));
    assert!(refused(Limits { channels: 1, ..Limits::default() }));
    assert!(refused(Limits { bytes: 1000, ..Limits::default() }));
}

/// Makes a sound of half a second with tags, a picture of so many bytes, and what tells its loudness.
fn tagged(path: &Path, picture: usize) {
    let mut writer = SoundWriter::create(path, 44_100, 2, Coding::Flac(FlacBits::Int16)).unwrap();
    let (samples, _) = by_us(&sound("music-1.flac"));
    writer.write(&samples[..44_100]).unwrap();
    writer.finish().unwrap();
    let mut tag = Tag::new(TagType::VorbisComments);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend((0..picture).map(|at| (at * at % 253) as u8));
    tag.push_picture(Picture::unchecked(bytes).mime_type(MimeType::Png).pic_type(PictureType::CoverFront).build());
    for (key, text) in [(ItemKey::ReplayGainTrackGain, "-7.00 dB"), (ItemKey::ReplayGainTrackPeak, "0.9")] {
        tag.insert_text(key, text.to_owned());
    }
    tag.save_to_path(path, WriteOptions::default()).unwrap();
}

/// The bytes of the pictures in a file, and what it tells of its loudness.
fn seen_by_others(path: &Path) -> (Vec<Vec<u8>>, Option<String>) {
    let file = lofty::read_from_path(path).unwrap();
    let tag = file.primary_tag().unwrap();
    let pictures = tag.pictures().iter().map(|picture| picture.data().to_vec()).collect();
    (pictures, tag.get_string(ItemKey::ReplayGainTrackGain).map(str::to_owned))
}

#[test]
fn tags_and_pictures_are_kept_from_every_format_to_the_next() {
    if !support::installed("ffmpeg") {
        return support::skip("ffmpeg is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let tags = json!({"title": "Größe", "artist": "A; B", "album": "C", "year": "1987", "track": "3", "genre": "Jazz",
        "album_artist": "D", "composer": "E", "comment": "F", "disc": "2"});
    assert_eq!(Tags::names().count(), 10);
    // One that fits in a page of Ogg with all else, and one that takes several.
    for picture in [2000, 200_000] {
        let mut from = folder.path().join("first.flac");
        tagged(&from, picture);
        let (pictures, gain) = seen_by_others(&from);
        assert_eq!((pictures.len(), gain.as_deref()), (1, Some("-7.00 dB")));
        let mut set = tags.clone();
        for (turn, name) in
            ["wav", "flac", "mp3", "m4a", "opus", "flac", "m4a", "mp3", "wav", "opus"].iter().enumerate()
        {
            let to = folder.path().join(format!("{turn}.{name}"));
            step("audio.convert", json!({"tags": set}), &from, &[(name, &to)]).unwrap();
            set = json!({});
            let what = format!("{} to {}", from.display(), to.display());
            let told = step("audio.probe", json!({}), &to, &[]).unwrap();
            assert_eq!(told["tags"], tags, "{what}");
            assert!(seen_by_others(&to).0 == pictures, "{what}");
            let by_ours = by_us(&to).0;
            assert!(by_ffmpeg(&to).len().abs_diff(by_ours.len()) < 4 * 2048, "{what}");
            from = to;
        }
        let to = folder.path().join("less.flac");
        let how = json!({"tags": {"genre": ""}, "normalize": true});
        step("audio.convert", how, &folder.path().join("first.flac"), &[("flac", &to)]).unwrap();
        assert_eq!(seen_by_others(&to).1, None, "its level is another, and so is its loudness");
        let told = step("audio.probe", json!({}), &to, &[]).unwrap();
        assert_eq!((&told["tags"], &told["pictures"]), (&json!({}), &json!(1)));
    }
}

/// Puts the checksums of Ogg pages right, so that what is changed in them is looked at.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while let Some(page) = bytes.get_mut(at..).filter(|rest| rest.len() >= 27 && rest.starts_with(b"OggS")) {
        let count = usize::from(page[26]);
        let Some(lengths) = page.get(27..27 + count) else { break };
        let length = 27 + count + lengths.iter().map(|length| usize::from(*length)).sum::<usize>();
        let Some(page) = page.get_mut(..length) else { break };
        page[22..26].fill(0);
        let check = page.iter().fold(0_u32, |crc, byte| {
            (0..8).fold(crc ^ (u32::from(*byte) << 24), |crc, _| {
                if crc & 0x8000_0000 == 0 { crc << 1 } else { (crc << 1) ^ 0x04c1_1db7 }
            })
        });
        page[22..26].copy_from_slice(&check.to_le_bytes());
        at += length;
    }
    bytes
}

#[test]
fn mutated_files_of_every_format_end_in_sound_or_in_a_fault_of_the_input() {
    if !support::installed("ffmpeg") {
        return support::skip("ffmpeg is not installed");
    }
    // What panics in a library is caught; ten thousand backtraces of it would be most of the memory.
    let (here, usual) = (std::thread::current().id(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() != here {
            usual(panic);
        }
    }));
    let count: u64 = std::env::var("MEDIAMILL_MUTATED").map_or(6, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let source = sound("music-1.flac");
    for (name, how, _) in KINDS {
        let path = folder.path().join(name);
        let mut arguments = vec!["-i", source.to_str().unwrap(), "-t", "0.2", "-ar", "16000"];
        arguments.extend(how);
        arguments.push(path.to_str().unwrap());
        ffmpeg(&arguments);
        let whole = fs::read(&path).unwrap();
        for seed in 0..count {
            let broken = mutated(&whole, seed);
            let broken = if seed % 4 == 0 { broken } else { sealed(broken) };
            fs::write(&path, broken).unwrap();
            for how in [OnDamage::Refuse, OnDamage::Tell] {
                let mut source = Source::new(&path);
                source.damage = how;
                let read = || {
                    let mut reader = source.open_verifying()?;
                    let mut samples = 0_u64;
                    while let Some(block) = reader.next_block()? {
                        samples += block.len() as u64;
                        // A frame of silence can be very small, but not without end.
                        assert!(samples < 1 << 30, "{name}, {seed}: no end");
                    }
                    Ok::<_, MediaError>(())
                };
                let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read));
                let wrong = match ended.map(|ended| ended.map_err(|error| media_fault(&path, &error))) {
                    Ok(Ok(())) => None,
                    Ok(Err(fault)) => (fault.class != FaultClass::Input).then(|| fault.to_string()),
                    Err(_) => Some("a panic".to_owned()),
                };
                if let Some(wrong) = wrong {
                    drop(std::panic::take_hook());
                    panic!("{name}, {seed}: {wrong}");
                }
            }
            let _ = Tags::read(&path);
        }
    }
    drop(std::panic::take_hook());
    assert!(most_memory() < 128 << 10, "{} KiB", most_memory());
}
