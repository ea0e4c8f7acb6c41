//! What is broken, cut, unfinished or unusual in a sound is told with its place, and everything else of it is read.

#![expect(clippy::unwrap_used, reason = "a test whose files cannot be read has failed")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mediamill::media::damage::Damage;
use mediamill::media::encode::lossy::{Codec, Lossy};
use mediamill::media::encode::{Coding, SoundWriter};
use mediamill::media::error::ToolTrouble;
use mediamill::media::source::OnDamage;
use mediamill::media::{MediaError, Source, decode};
use mediamill::resilience::FaultClass;
use mediamill::steps::media_fault::media_fault;

use support::fixture;

/// Runs ffmpeg over a second and more of music, or something else, and gives the bytes of the file that it wrote.
fn made(folder: &Path, name: &str, arguments: &[&str]) -> Vec<u8> {
    let path = folder.join(name);
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(arguments)
        .arg(&path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    fs::read(path).unwrap()
}

fn music() -> String {
    fixture("music-1.flac").to_str().unwrap().to_owned()
}

fn file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// Reads all that can be read: how many seconds, and what is damaged.
fn read(path: &Path) -> (f64, Vec<Damage>) {
    let mut source = Source::new(path);
    source.damage = OnDamage::Tell;
    let mut reader = source.open().unwrap();
    let channels = reader.info().channels;
    let mut frames = 0;
    while let Some(block) = reader.next_block().unwrap() {
        frames += block.len() / channels;
    }
    assert!(reader.next_block().unwrap().is_none(), "the end is told once");
    (frames as f64 / f64::from(reader.info().sample_rate), reader.damage().to_vec())
}

fn no_ffmpeg() -> bool {
    let missing = !support::installed("ffmpeg");
    if missing {
        support::skip("ffmpeg is not installed");
    }
    missing
}

#[test]
fn broken_bytes_in_the_middle_of_mp4_cost_the_blocks_that_they_are_in() {
    if no_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for codec in ["aac", "alac"] {
        let mut bytes = made(folder.path(), "a.m4a", &["-i", &music(), "-c:a", codec]);
        let middle = bytes.len() / 2;
        for (at, byte) in bytes[middle..middle + 300].iter_mut().enumerate() {
            *byte = (at * 37 + 11) as u8;
        }
        let path = file(folder.path(), "broken.m4a", &bytes);
        let (seconds, found) = read(&path);
        assert!(!found.is_empty() && (1.2..1.8).contains(&found[0].at_s), "{codec}: {found:?}");
        let lost: f64 = found.iter().filter_map(|damage| damage.lost_s).sum();
        assert!(lost > 0.01 && lost < 0.3, "{codec}: {found:?}");
        assert!((seconds + lost - 3.0).abs() < 0.001, "{codec}: {seconds} s and {found:?}");
        assert!(matches!(decode::verify(&path), Err(MediaError::Damaged { .. })), "{codec}");
    }
}

#[test]
fn pages_that_are_missing_in_ogg_are_told_with_their_length() {
    if no_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, codec) in [("a.ogg", "libvorbis"), ("a.opus", "libopus")] {
        let looped = ["-stream_loop", "2", "-i", &music(), "-t", "8", "-c:a", codec];
        let mut bytes = made(folder.path(), name, &looped);
        let middle = bytes.len() / 2;
        bytes[middle..middle + 16].fill(0x55);
        let path = file(folder.path(), name, &bytes);
        let (seconds, found) = read(&path);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        let lost = found[0].lost_s.unwrap();
        assert!((2.0..6.0).contains(&found[0].at_s), "{name}: {found:?}");
        assert!(lost > 0.1 && (seconds + lost - 8.0).abs() < 0.1, "{name}: {seconds} s and {found:?}");
        assert!(matches!(decode::verify(&path), Err(MediaError::Damaged { .. })), "{name}");
    }
}

#[test]
fn what_a_cut_mp3_promised_and_lost_is_told_without_the_padding_of_its_encoder() {
    if no_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bytes = made(folder.path(), "a.mp3", &["-i", &music(), "-c:a", "libmp3lame", "-b:a", "128k"]);
    let middle = bytes.len() / 2;
    let cut = file(folder.path(), "cut.mp3", &bytes[..middle]);
    let (seconds, found) = read(&cut);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].what.contains("3.00 s were promised"), "{found:?}");
    assert!((found[0].at_s - seconds).abs() < 0.001, "all that is there is given: {seconds} s and {found:?}");
    assert!((seconds + found[0].lost_s.unwrap() - 3.0).abs() < 0.001, "{seconds} s and {found:?}");

    let gap = file(folder.path(), "gap.mp3", &[&bytes[..middle], &bytes[middle + 3000..]].concat());
    let (_, found) = read(&gap);
    let lost: f64 = found.iter().filter_map(|damage| damage.lost_s).sum();
    assert!((lost - 0.19).abs() < 0.05, "3000 bytes at 128 kbit/s: {found:?}");
}

#[test]
fn a_wav_file_that_was_never_finished_is_read_to_its_end_and_a_cut_one_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(fixture("speech-1.wav")).unwrap();
    let data = whole.windows(4).position(|name| name == b"data").unwrap() + 4;
    for (riff, size) in [(0, 0), (36, 0), (u32::MAX, u32::MAX)] {
        let mut bytes = whole.clone();
        bytes[4..8].copy_from_slice(&u32::to_le_bytes(riff));
        bytes[data..data + 4].copy_from_slice(&u32::to_le_bytes(size));
        let path = file(folder.path(), "unfinished.wav", &bytes);
        let (seconds, found) = read(&path);
        assert_eq!(found, [], "sizes {riff} and {size}");
        assert!((seconds - 6.05).abs() < 0.001, "sizes {riff} and {size}: {seconds} s");
        decode::verify(&path).unwrap();
    }
    let mut bytes = whole.clone();
    bytes[data..data + 4].copy_from_slice(&u32::to_le_bytes(2 * 16_000 * 10));
    let path = file(folder.path(), "cut.wav", &bytes);
    let (seconds, found) = read(&path);
    assert!((seconds - 6.05).abs() < 0.1 && found.len() == 1, "{seconds} s and {found:?}");
    assert!(matches!(decode::verify(&path), Err(MediaError::Damaged { .. })));
}

#[test]
fn an_mp3_that_begins_in_the_middle_of_a_frame_or_behind_junk_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(fixture("speech-3.mp3")).unwrap();
    let junk: Vec<u8> = (0..5000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8 & 0x7f).collect();
    let late = &whole[whole.len() / 3..];
    for (name, bytes) in [("junk.mp3", [&junk[..], &whole].concat()), ("late.mp3", late.to_vec())] {
        let (seconds, _) = read(&file(folder.path(), name, &bytes));
        assert!(seconds > 1.5, "{name}: {seconds} s");
    }
    let refused = Source::new(&file(folder.path(), "junk", &junk)).open();
    assert!(matches!(refused, Err(MediaError::NotSound(_))));
}

#[test]
fn a_flac_that_was_cut_out_of_another_is_whole() {
    if no_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    made(folder.path(), "part.flac", &["-ss", "1", "-i", &music(), "-c", "copy"]);
    let (seconds, found) = read(&folder.path().join("part.flac"));
    assert!((2.0..2.1).contains(&seconds), "{seconds} s");
    assert_eq!(found, []);
    // Nothing of this lets a file pass whose first block is broken.
    let mut bytes = fs::read(fixture("music-1.flac")).unwrap();
    let first = bytes.windows(2).position(|sync| sync == [0xff, 0xf8]).unwrap();
    bytes[first + 40] ^= 0x10;
    assert_eq!(read(&file(folder.path(), "broken.flac", &bytes)).1.len(), 1);
}

#[test]
fn a_cut_m4a_is_told_in_words_that_a_person_understands() {
    if no_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bytes = made(folder.path(), "a.m4a", &["-i", &music(), "-c:a", "aac"]);
    let error = decode::verify(&file(folder.path(), "cut.m4a", &bytes[..bytes.len() / 2])).unwrap_err();
    assert!(error.to_string().contains("its index is missing"), "{error}");
}

#[test]
fn lossy_files_of_several_channels_have_them_in_order_or_are_refused() {
    if no_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for codec in [Codec::Opus, Codec::Aac] {
        for channels in 3..=8 {
            let name = if codec == Codec::Opus { "a.opus" } else { "a.m4a" };
            let path = folder.path().join(name);
            let how = Coding::Lossy(Lossy { codec, kbps: None });
            let writer = SoundWriter::create(&path, 48_000, channels, how);
            if codec == Codec::Opus && matches!(channels, 5 | 7) {
                assert!(matches!(writer, Err(MediaError::Limit(_))), "{channels} channels of Opus");
                continue;
            }
            // Louder from channel to channel, each with its own tone.
            let sample = |frame: usize, channel: usize| {
                let tone = 60.0 + 10.0 * channel as f32;
                let level = 0.05 * (channel + 1) as f32;
                level * (frame as f32 * tone * std::f32::consts::TAU / 48_000.0).sin()
            };
            let samples: Vec<f32> =
                (0..24_000).flat_map(|frame| (0..channels).map(move |channel| sample(frame, channel))).collect();
            let mut writer = writer.unwrap();
            writer.write(&samples).unwrap();
            writer.finish().unwrap();
            if codec == Codec::Aac {
                let error = decode::verify(&path).unwrap_err();
                assert!(matches!(error, MediaError::Unsupported(_)), "{channels} channels of AAC: {error}");
            }
            let raw = made(folder.path(), "raw.f32", &["-i", path.to_str().unwrap(), "-f", "f32le"]);
            let theirs: Vec<f32> = raw.as_chunks().0.iter().map(|sample| f32::from_le_bytes(*sample)).collect();
            let peaks: Vec<f32> = (0..channels)
                .map(|channel| {
                    let heard = theirs.iter().skip(channel + 4800 * channels).step_by(channels);
                    heard.take(14_400).fold(0.0, |most: f32, sample| most.max(sample.abs()))
                })
                .collect();
            // The channel for bass takes the lowest tones only, and codecs are not exact.
            assert!(peaks.is_sorted(), "{channels} channels of {codec:?}: {peaks:?}");
        }
    }
}

#[test]
fn an_encoder_that_will_not_open_is_no_passing_trouble() {
    let said = "[libopus @ 0x1] Invalid channel layout 2.1 for specified mapping family -1.\n\
                Error initializing output stream 0:0 -- Error while opening encoder for output stream #0:0\n";
    let error = MediaError::Tool { program: "ffmpeg", trouble: ToolTrouble::Code(1), said: said.into() };
    let fault = media_fault(Path::new("a.wav"), &error);
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "limit"), "{fault}");
    assert!(fault.message.contains("Invalid channel layout 2.1"), "{fault}");
}
