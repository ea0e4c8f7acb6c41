//! The steps that measure and change levels, on real files.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

mod support;

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use lofty::config::WriteOptions;
use lofty::file::TaggedFileExt;
use lofty::picture::Picture;
use lofty::tag::{ItemKey, Tag, TagExt, TagType};
use mediamill::media::SoundReader;
use mediamill::media::encode::wav::WavBits;
use mediamill::media::encode::{Coding, SoundWriter};
use mediamill::resilience::{Fault, FaultClass};
use mediamill::steps::builtin::{Job, Values};
use mediamill::steps::register::find;
use serde_json::{Value, json};
use support::{Chance, fixture};

fn run(step: &str, with: Value, inputs: &[&Path], outputs: &[(&str, &Path)]) -> Result<Values, Fault> {
    let outputs: IndexMap<String, PathBuf> =
        outputs.iter().map(|(name, path)| ((*name).to_string(), path.to_path_buf())).collect();
    let inputs = inputs.iter().map(|path| path.to_path_buf()).collect();
    (find(step).unwrap().run)(with, &Job { inputs, outputs, watch: None })
}

#[track_caller]
fn near(values: &Values, name: &str, wanted: f64, tolerance: f64) {
    let value = values[name].as_f64().unwrap();
    assert!((value - wanted).abs() <= tolerance, "{name}: {value} for {wanted} ± {tolerance}");
}

fn write(path: &Path, rate: u32, channels: usize, samples: &[f32]) {
    let mut writer = SoundWriter::create(path, rate, channels, Coding::Wav(WavBits::Float32)).unwrap();
    writer.write(samples).unwrap();
    writer.finish().unwrap();
}

fn read(path: &Path) -> Vec<f32> {
    let (mut sound, mut all) = (SoundReader::open(path).unwrap(), Vec::new());
    while let Some(block) = sound.next_block().unwrap() {
        all.extend_from_slice(block);
    }
    all
}

fn noise(seed: u64, samples: usize) -> Vec<f32> {
    let mut chance = Chance(seed);
    (0..samples).map(|_| chance.below(2001) as f32 / 4000.0 - 0.25).collect()
}

#[test]
fn a_normalised_sound_has_the_loudness_and_no_peak_above_the_ceiling() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a.wav");
    for (name, target, mode) in
        [("speech-1.wav", -30.0, "gain"), ("music-1.flac", -15.0, "limit"), ("speech-2.flac", -16.0, "limit")]
    {
        let with = json!({"target_lufs": target, "mode": mode, "bits": 24});
        let told = run("audio.normalize", with, &[&fixture(name)], &[("wav", &out)]).unwrap();
        near(&told, "integrated_lufs", target, 0.1);
        near(&told, "shortfall_lu", 0.0, 0.0);
        let measured = run("audio.loudness", json!({}), &[&out], &[]).unwrap();
        near(&measured, "integrated_lufs", target, 0.1);
        assert!(measured["true_peak_dbtp"].as_f64().unwrap() <= -0.9, "{name}: {measured:?}");
        assert_eq!(measured["duration"], told["duration"], "{name}");
    }
}

#[test]
fn a_gain_alone_stays_below_the_target_where_the_ceiling_asks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a.wav");
    let told =
        run("audio.normalize", json!({"target_lufs": -6.0}), &[&fixture("speech-1.wav")], &[("wav", &out)]).unwrap();
    near(&told, "true_peak_dbtp", -1.0, 0.01);
    let shortfall = told["shortfall_lu"].as_f64().unwrap();
    assert!(shortfall > 1.0, "{told:?}");
    near(&told, "integrated_lufs", -6.0 - shortfall, 1e-9);
    let compared = run("audio.compare", json!({}), &[&fixture("speech-1.wav"), &out], &[]).unwrap();
    near(&compared, "gain_db", told["gain_db"].as_f64().unwrap(), 0.01);
}

#[test]
fn silence_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (silent, out) = (folder.path().join("silent.wav"), folder.path().join("a.wav"));
    write(&silent, 8_000, 1, &[0.0; 16_000]);
    for mode in ["gain", "limit"] {
        let told = run("audio.normalize", json!({"mode": mode}), &[&silent], &[("wav", &out)]).unwrap();
        assert_eq!((&told["gain_db"], told.get("integrated_lufs")), (&json!(0.0), None));
        assert!(read(&out) == read(&silent));
    }
    let told = run("audio.loudness", json!({}), &[&silent], &[]).unwrap();
    assert_eq!(Value::Object(told), json!({"duration": 2.0}));
}

#[test]
fn stems_mix_back_to_their_song() {
    let folder = tempfile::tempdir().unwrap();
    let [left, right, out] = ["left.wav", "right.wav", "out.wav"].map(|name| folder.path().join(name));
    let song = read(&fixture("music-1.flac"));
    let stem = noise(1, song.len());
    write(&left, 44_100, 2, &stem);
    write(&right, 44_100, 2, &song.iter().zip(&stem).map(|(song, stem)| song - stem).collect::<Vec<_>>());
    let told = run("audio.mix", json!({"bits": 24}), &[&left, &right], &[("wav", &out)]).unwrap();
    assert_eq!(told["gain_db"], 0.0);
    let compared = run("audio.compare", json!({"least_null_db": 100}), &[&fixture("music-1.flac"), &out], &[]).unwrap();
    assert_eq!(compared["offset_frames"], 0);
}

#[test]
fn a_mix_is_scaled_down_only_where_it_would_clip() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two, out] = ["one.wav", "two.wav", "out.wav"].map(|name| folder.path().join(name));
    write(&one, 8_000, 1, &[0.75; 3000]);
    write(&two, 8_000, 2, &[0.5; 8000]);
    let told = run("audio.mix", json!({}), &[&one, &two], &[("wav", &out)]).unwrap();
    near(&told, "gain_db", -20.0 * 1.25_f64.log10(), 1e-4);
    assert_eq!((&told["channels"], &told["duration"]), (&json!(2), &json!(0.5)));
    let float =
        run("audio.mix", json!({"bits": 32, "gains_db": [0, -6.0206]}), &[&one, &two], &[("wav", &out)]).unwrap();
    assert_eq!(float["gain_db"], 0.0);
    let sum = read(&out);
    assert!((sum[0] - 1.0).abs() < 1e-5 && (sum[7999] - 0.25).abs() < 1e-5, "{} {}", sum[0], sum[7999]);
    let fault = run("audio.mix", json!({"gains_db": [1]}), &[&one, &two], &[("wav", &out)]).unwrap_err();
    assert_eq!(fault.message, "`gains_db` has 1 gains, and there are 2 inputs");
}

#[test]
fn the_shift_the_gain_and_the_polarity_of_a_copy_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one.wav", "two.wav"].map(|name| folder.path().join(name));
    let sound = noise(3, 2 * 60_000);
    write(&one, 16_000, 2, &sound);
    for (late, gain) in [(0_i64, 0.5_f32), (777, -0.5), (-1234, 2.0), (15_999, -1.0)] {
        let start = (-late).max(0) as usize * 2;
        let mut copy = vec![0.0; late.max(0) as usize * 2];
        copy.extend(sound[start..].iter().map(|sample| sample * gain));
        write(&two, 16_000, 2, &copy);
        let found = run("audio.compare", json!({"least_null_db": 110}), &[&one, &two], &[]).unwrap();
        assert_eq!((&found["offset_frames"], &found["inverted"]), (&json!(late), &json!(gain < 0.0)));
        near(&found, "gain_db", 20.0 * f64::from(gain.abs()).log10(), 1e-3);
        assert_eq!(found["equal"], false);
    }
    let same = run("audio.compare", json!({}), &[&one, &one], &[]).unwrap();
    assert_eq!((&same["equal"], same.get("null_depth_db")), (&json!(true), None));
}

#[test]
fn a_copy_is_found_as_far_away_as_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one.wav", "two.wav"].map(|name| folder.path().join(name));
    let sound = noise(5, 120_000);
    for (late, rate) in [(90_000_i64, 48_000), (-80_001, 48_000), (65_536, 48_000), (-65_536, 44_100)] {
        write(&one, rate, 1, &sound);
        let mut copy = vec![0.0; late.max(0) as usize];
        copy.extend(&sound[(-late).max(0) as usize..]);
        write(&two, rate, 1, &copy);
        let with = json!({"max_offset_s": 2.0, "least_null_db": 110});
        let found = run("audio.compare", with, &[&one, &two], &[]).unwrap();
        assert_eq!((&found["offset_frames"], &found["inverted"]), (&json!(late), &json!(false)));
        near(&found, "gain_db", 0.0, 1e-3);
        near(&found, "tail", 0.0, 0.0);
    }
}

#[test]
fn a_copy_that_ends_early_is_no_copy() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one.wav", "two.wav"].map(|name| folder.path().join(name));
    let sound = noise(6, 20_000);
    write(&one, 8_000, 1, &sound);
    for (frames, alike) in [(19_900, true), (19_700, false), (2000, false)] {
        write(&two, 8_000, 1, &sound[..frames]);
        for pair in [[&one, &two], [&two, &one]] {
            let told = run("audio.compare", json!({}), &pair.map(PathBuf::as_path), &[]).unwrap();
            near(&told, "tail", (20_000 - frames) as f64 / 8000.0, 1e-9);
            let checked = run("audio.compare", json!({"least_null_db": 90}), &pair.map(PathBuf::as_path), &[]);
            assert_eq!(checked.map_err(|fault| fault.cause).err(), (!alike).then(|| "differs".to_owned()), "{frames}");
        }
    }
}

#[test]
fn tags_stay_with_a_sound_and_what_tells_its_level_until_that_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (song, stem) = (folder.path().join("song.flac"), folder.path().join("stem.wav"));
    std::fs::copy(fixture("music-1.flac"), &song).unwrap();
    write(&stem, 44_100, 2, &noise(8, 2 * 44_100));
    let picture = std::fs::read(fixture("photo-cat.png")).unwrap();
    let mut tag = Tag::new(TagType::VorbisComments);
    tag.insert_text(ItemKey::TrackTitle, "Größe".to_owned());
    tag.insert_text(ItemKey::ReplayGainTrackGain, "-3.20 dB".to_owned());
    tag.push_picture(Picture::from_reader(&mut picture.as_slice()).unwrap());
    tag.save_to_path(&song, WriteOptions::default()).unwrap();
    let told = |path: &Path| {
        let file = lofty::read_from_path(path).unwrap();
        let tag = file.primary_tag().unwrap();
        let text = |key| tag.get_string(key).map(str::to_owned);
        assert_eq!(text(ItemKey::TrackTitle).as_deref(), Some("Größe"), "{}", path.display());
        (text(ItemKey::ReplayGainTrackGain).is_some(), tag.pictures().len())
    };
    for extension in ["wav", "flac"] {
        let out = folder.path().join("out").with_extension(extension);
        for (step, with, inputs, level) in [
            ("audio.convert", json!({}), &[song.as_path()][..], true),
            ("audio.normalize", json!({}), &[&song], false),
            ("audio.trim", json!({"end_s": 1}), &[&song], true),
            ("audio.mix", json!({}), &[&song, &stem], false),
        ] {
            run(step, with, inputs, &[(extension, &out)]).unwrap();
            assert_eq!(told(&out), (level, 1), "{step}");
        }
        let clips = folder.path().join("clip-*").with_extension(extension);
        let cut = run("audio.slice", json!({"by": "windows", "window_s": 1}), &[&song], &[("clips", &clips)]).unwrap();
        for clip in cut["pieces"]["clips"].as_object().unwrap().keys() {
            assert_eq!(told(&folder.path().join(clip)), (true, 0), "{clip}");
        }
    }
}

#[test]
fn sounds_that_differ_fail_a_check_as_the_inputs_fault() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two, silent, cut] = ["one.wav", "two.wav", "silent.wav", "cut.wav"].map(|name| folder.path().join(name));
    write(&one, 8_000, 1, &noise(1, 20_000));
    write(&two, 8_000, 1, &noise(2, 20_000));
    write(&silent, 8_000, 1, &[0.0; 20_000]);
    write(&cut, 8_000, 1, &noise(1, 19_999));
    for other in [&two, &silent] {
        let fault = run("audio.compare", json!({"least_null_db": 20}), &[&one, other], &[]).unwrap_err();
        assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "differs"), "{fault}");
    }
    let shorter = run("audio.compare", json!({}), &[&one, &cut], &[]).unwrap();
    assert_eq!(shorter["equal"], false);
    let fault = run("audio.compare", json!({}), &[&one], &[]).unwrap_err();
    assert_eq!(fault.cause, "inputs");
}
