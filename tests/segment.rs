//! Sounds cut into clips, on real speech between silences and noise of known places.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

use std::f64::consts::TAU;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use mediamill::media::SoundReader;
use mediamill::media::encode::wav::{WavBits, WavWriter};
use mediamill::media::segment::track::Tracker;
use mediamill::media::segment::voice::{Run, speech};
use mediamill::resilience::Fault;
use mediamill::steps::builtin::{Job, Values};
use mediamill::steps::register::find;
use serde_json::{Value, json};

/// The rate of the recordings of speech.
const RATE: u32 = 16_000;

/// What is spoken in each of the recordings, in seconds, as levels and the ear tell it: without the room before and after.
const SPOKEN: [(&str, Range<f64>); 3] =
    [("speech-1.wav", 0.29..5.88), ("speech-2.flac", 0.28..5.02), ("speech-3.mp3", 0.28..2.94)];

fn samples(path: &Path) -> Vec<f32> {
    let (mut sound, mut samples) = (SoundReader::open(path).unwrap(), Vec::new());
    while let Some(block) = sound.next_block().unwrap() {
        samples.extend_from_slice(block);
    }
    samples
}

fn utterance(number: usize) -> Vec<f32> {
    let (name, spoken) = &SPOKEN[number % 3];
    let sound = samples(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/media").join(name));
    let at = |seconds: f64| (seconds * f64::from(RATE)) as usize;
    sound[at(spoken.start)..at(spoken.end)].to_vec()
}

/// White noise, the same on every machine: a mean level of 1 and nothing beyond about 1.7.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 40) as f32 / (1 << 24) as f32 - 0.5) * 12_f32.sqrt()
    }
}

/// Utterances of the three recordings in turn with these seconds of silence before each and after the last, and where they
/// are, in samples.
fn spoken_between(gaps: &[f64]) -> (Vec<f32>, Vec<Range<usize>>) {
    let (mut sound, mut truth) = (Vec::new(), Vec::new());
    let (last, before) = gaps.split_last().unwrap();
    let silence = |seconds: f64| vec![0.0; (seconds * f64::from(RATE)) as usize];
    for (number, gap) in before.iter().enumerate() {
        sound.extend(silence(*gap));
        let start = sound.len();
        sound.extend(utterance(number));
        truth.push(start..sound.len());
    }
    sound.extend(silence(*last));
    (sound, truth)
}

/// Adds noise that is this much below what is spoken. With `pink` it has equal power in every octave, about.
fn add_noise(sound: &mut [f32], truth: &[Range<usize>], below_db: f64, pink: bool) {
    let spoken: Vec<f32> = truth.iter().flat_map(|range| sound[range.clone()].to_vec()).collect();
    let mean = spoken.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / spoken.len() as f64;
    let (mut noise, mut poles) = (Noise(7), [0.0_f32; 3]);
    let mut coloured = || {
        let white = noise.next();
        if !pink {
            return white;
        }
        // Three poles an equal ratio apart make a slope of 3 dB per octave.
        for (pole, (keep, take)) in poles.iter_mut().zip([(0.997, 0.03), (0.963, 0.1), (0.57, 0.35)]) {
            *pole = *pole * keep + white * take;
        }
        poles.iter().sum::<f32>() + white * 0.1
    };
    let noise: Vec<f32> = sound.iter().map(|_| coloured()).collect();
    let power = noise.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / noise.len() as f64;
    let gain = ((mean / power).sqrt() * 10_f64.powf(-below_db / 20.0)) as f32;
    sound.iter_mut().zip(noise).for_each(|(sample, noise)| *sample = (*sample + noise * gain) * 0.7);
}

fn wav(folder: &Path, name: &str, sound: &[f32], rate: u32, channels: usize) -> PathBuf {
    let path = folder.join(name);
    let mut writer = WavWriter::create(&path, rate, channels, WavBits::Float32).unwrap();
    writer.write(sound).unwrap();
    writer.finish().unwrap();
    path
}

fn run(step: &str, with: Value, inputs: &[&Path], outputs: &[(&str, PathBuf)]) -> Result<Values, Fault> {
    let outputs: IndexMap<String, PathBuf> =
        outputs.iter().map(|(name, path)| ((*name).to_string(), path.clone())).collect();
    let inputs = inputs.iter().map(|path| path.to_path_buf()).collect();
    (find(step).unwrap().run)(with, &Job { inputs, outputs, watch: None })
}

/// Slices `sound` into files of 32 bits below `folder`/clips; gives the values, and the clips in order.
fn sliced(folder: &Path, mut with: Value, inputs: &[&Path]) -> (Values, Vec<(PathBuf, Value)>) {
    let clips = folder.join("clips");
    fs::remove_dir_all(&clips).ok();
    fs::create_dir(&clips).unwrap();
    with.as_object_mut().unwrap().entry("bits").or_insert(json!(32));
    let values = run("audio.slice", with, inputs, &[("clips", clips.join("a-*.wav"))]).unwrap();
    let pieces = values["pieces"]["clips"].as_object().unwrap();
    let found: Vec<_> = pieces.iter().map(|(file, about)| (clips.join(file), about.clone())).collect();
    assert_eq!(fs::read_dir(&clips).unwrap().count(), found.len(), "no other file is left");
    assert_eq!(values["count"], found.len());
    (values, found)
}

fn seconds(about: &Value, name: &str) -> f64 {
    about[name].as_f64().unwrap()
}

#[test]
fn speech_is_told_from_silence_and_from_steady_noise() {
    // How many dB the noise is below, and how many moments of a hundred may be told wrong.
    for (noise, wrong) in [
        (None, 3.0),
        (Some((20.0, false)), 5.0),
        (Some((20.0, true)), 5.0),
        (Some((10.0, false)), 12.0),
        (Some((10.0, true)), 12.0),
    ] {
        let (mut sound, truth) = spoken_between(&[1.0, 0.9, 2.2, 1.3]);
        if let Some((below, pink)) = noise {
            add_noise(&mut sound, &truth, below, pink);
        }
        let mut tracker = Tracker::new(RATE, 1, true);
        sound.chunks(1000).for_each(|block| tracker.add(block));
        let track = tracker.finish();
        let runs = speech(&track);
        let told = |runs: &[Run], at: usize| runs.iter().any(|run| (run.start..run.end).contains(&at));
        let is = |at: usize| truth.iter().any(|range| range.contains(&(at * 160 + 80)));
        let missed = (0..track.moments()).filter(|at| is(*at) && !told(&runs, *at)).count();
        let added = (0..track.moments()).filter(|at| !is(*at) && told(&runs, *at)).count();
        let part = 100.0 * (missed + added) as f64 / track.moments() as f64;
        assert!(part <= wrong, "{noise:?}: {missed} missed and {added} added of {}: {runs:?}", track.moments());
    }
}

#[test]
fn clips_of_speech_are_in_bounds_begin_and_end_with_the_words_and_lose_none() {
    let folder = tempfile::tempdir().unwrap();
    let (mut sound, truth) = spoken_between(&[2.0, 2.5, 3.0, 0.3, 0.25, 0.3, 0.2, 0.35, 0.2, 2.0]);
    // The noise of a quiet room.
    add_noise(&mut sound, &truth, 40.0, true);
    let path = wav(folder.path(), "talk.wav", &sound, RATE, 1);
    for pad in [0, 100] {
        let (values, clips) = sliced(folder.path(), json!({"pad_ms": pad}), &[&path]);
        for (file, about) in &clips {
            let length = seconds(about, "duration_s");
            assert!((3.0..=30.0).contains(&length), "{file:?}: {length} s");
            let (start, end) = (seconds(about, "start_s"), seconds(about, "end_s"));
            let whole = (start * 16_000.0).round() as usize..(end * 16_000.0).round() as usize;
            assert_eq!(samples(file), &sound[whole], "to the sample");
            assert!(seconds(about, "speech_ratio") > 0.85, "{about}");
        }
        // The last seven are 29 s and more with short pauses between: no clip can hold them all.
        let near = |at: usize, name: &str, sample: usize, away: f64| {
            let found = seconds(&clips[at].1, name) - sample as f64 / 16_000.0;
            assert!((found - away).abs() <= 0.05, "{name} of clip {at} is {found} s from the words");
        };
        let pad = f64::from(pad) / 1000.0;
        for (at, range) in truth.iter().enumerate().take(2) {
            near(at, "start_s", range.start, -pad);
            near(at, "end_s", range.end, pad);
        }
        let held = |sample: usize| {
            let at = sample as f64 / 16_000.0;
            clips
                .iter()
                .any(|(_, about)| seconds(about, "start_s") - 0.05 <= at && at <= seconds(about, "end_s") + 0.05)
        };
        assert!(truth.iter().all(|range| range.clone().step_by(80).all(held)), "words are lost: {values:?}");
        let kept: f64 = clips.iter().map(|(_, about)| seconds(about, "duration_s")).sum();
        assert!((values["kept_s"].as_f64().unwrap() - kept).abs() < 1e-6);
        let whole = values["kept_s"].as_f64().unwrap() + values["dropped_s"].as_f64().unwrap();
        assert!((whole - sound.len() as f64 / 16_000.0).abs() < 1e-6);
        // Cut in a pause: the words on either side are whole.
        for pair in clips.windows(2) {
            let cut = seconds(&pair[0].1, "end_s");
            let apart = truth.iter().all(|range| {
                let (start, end) = (range.start as f64 / 16_000.0, range.end as f64 / 16_000.0);
                cut <= start + 0.05 || cut >= end - 0.05
            });
            assert!(apart, "cut in an utterance, at {cut} s: {truth:?}");
        }
    }
}

#[test]
fn a_talk_without_a_pause_is_cut_between_words() {
    let folder = tempfile::tempdir().unwrap();
    let sound: Vec<f32> = (0..12).flat_map(utterance).collect();
    let path = wav(folder.path(), "talk.wav", &sound, RATE, 1);
    let (_, clips) = sliced(folder.path(), json!({}), &[&path]);
    assert!(clips.len() >= 2);
    let mut together = Vec::new();
    for (file, about) in &clips {
        let clip = samples(file);
        assert!((3.0..=30.0).contains(&seconds(about, "duration_s")), "{about}");
        together.extend(clip);
    }
    let lost = sound.len() - together.len();
    assert!(lost < 3200, "{lost} samples are lost, of a sound that is spoken from its start to its end");
    // The 50 ms around every cut are far quieter than the speech is.
    let level = |range: &[f32]| (range.iter().map(|s| s * s).sum::<f32>() / range.len() as f32).sqrt();
    for pair in clips.windows(2) {
        let at = (seconds(&pair[0].1, "end_s") * 16_000.0) as usize;
        assert!(level(&sound[at - 400..at + 400]) < level(&sound) / 5.0, "cut at {at}");
    }
}

#[test]
fn noise_and_silence_give_no_clips_of_speech() {
    let folder = tempfile::tempdir().unwrap();
    let mut noise = Noise(3);
    let white: Vec<f32> = (0..10 * RATE).map(|_| noise.next() * 0.05).collect();
    // As a voice does, it swells four times in a second.
    let swelling: Vec<f32> = (0..10 * RATE)
        .map(|at| noise.next() * 0.05 * (1.0 + 0.9 * (TAU * 4.0 * f64::from(at) / f64::from(RATE)).sin() as f32))
        .collect();
    let clicks: Vec<f32> = (0..10 * RATE).map(|at| if at % 8000 == 0 { 0.7 } else { noise.next() * 0.002 }).collect();
    let hum: Vec<f32> = (0..10 * RATE)
        .map(|at| (0.2 * (TAU * 50.0 * f64::from(at) / f64::from(RATE)).sin()) as f32 + noise.next() * 0.01)
        .collect();
    let sounds =
        [("white", white), ("swelling", swelling), ("clicks", clicks), ("hum", hum), ("none", vec![0.0; 160_000])];
    for (name, sound) in sounds {
        let path = wav(folder.path(), "noise.wav", &sound, RATE, 1);
        let (values, clips) = sliced(folder.path(), json!({}), &[&path]);
        assert_eq!(clips.len(), 0, "{name}: {clips:?}");
        assert_eq!((values["kept_s"].as_f64(), values["dropped_s"].as_f64()), (Some(0.0), Some(10.0)), "{name}");
    }
}

#[test]
fn windows_put_together_are_the_whole_sound_at_any_rate_and_with_any_channels() {
    let folder = tempfile::tempdir().unwrap();
    for (rate, channels) in [(8000, 1), (11_025, 2), (22_050, 3), (44_100, 2), (48_000, 6), (192_000, 1)] {
        let mut noise = Noise(5);
        let frames = rate as usize * 21 / 10 + 7;
        let sound: Vec<f32> = (0..frames * channels).map(|_| noise.next() * 0.1).collect();
        let path = wav(folder.path(), "whole.wav", &sound, rate, channels);
        let (values, clips) = sliced(folder.path(), json!({"by": "windows", "window_s": 0.3}), &[&path]);
        assert_eq!(clips.len(), 8, "{rate} Hz: seven of them and what is left");
        let together: Vec<f32> = clips.iter().flat_map(|(file, _)| samples(file)).collect();
        assert!(together == sound, "{rate} Hz, {channels} channels");
        assert_eq!(values["dropped_s"], 0.0);
        assert!(clips[0].0.ends_with("a-00001.wav") && clips[7].0.ends_with("a-00008.wav"));
    }
}

#[test]
fn clips_of_another_rate_fit_together_without_a_seam() {
    let folder = tempfile::tempdir().unwrap();
    let tone: Vec<f32> = (0..66_150)
        .flat_map(|at| [0.5, 0.3].map(|gain| (gain * (TAU * 700.0 * f64::from(at) / 44_100.0).sin()) as f32))
        .collect();
    let path = wav(folder.path(), "tone.wav", &tone, 44_100, 2);
    let with = json!({"by": "windows", "window_s": 0.37, "sample_rate": 16000, "channels": 1});
    let (values, clips) = sliced(folder.path(), with, &[&path]);
    let together: Vec<f32> = clips.iter().flat_map(|(file, _)| samples(file)).collect();
    assert_eq!((together.len(), &values["duration"]), (24_000, &json!(1.5)));
    let worst = together
        .iter()
        .enumerate()
        .skip(1000)
        .take(22_000)
        .map(|(at, sample)| (f64::from(*sample) - 0.4 * (TAU * 700.0 * at as f64 / 16_000.0).sin()).abs());
    let worst = worst.fold(0.0, f64::max);
    assert!(worst < 1e-3, "{worst}");
}

#[test]
fn windows_may_overlap_and_the_last_one_is_none_that_another_holds() {
    let folder = tempfile::tempdir().unwrap();
    let sound: Vec<f32> = (0..10_500).map(|at| at as f32 / 20_000.0).collect();
    let path = wav(folder.path(), "ramp.wav", &sound, 1000, 1);
    let bounds = |with: Value| -> Vec<(usize, usize)> {
        let (_, clips) = sliced(folder.path(), with, &[&path]);
        let at = |about: &Value, name: &str| (seconds(about, name) * 1000.0).round() as usize;
        clips
            .iter()
            .map(|(file, about)| {
                let (start, end) = (at(about, "start_s"), at(about, "end_s"));
                assert_eq!(samples(file), sound[start..end]);
                (start, end)
            })
            .collect()
    };
    let whole = [(0, 4000), (2000, 6000), (4000, 8000), (6000, 10_000), (8000, 10_500)];
    assert_eq!(bounds(json!({"by": "windows", "window_s": 4, "overlap_s": 2})), whole);
    assert_eq!(bounds(json!({"by": "windows", "window_s": 4, "overlap_s": 2, "min_s": 3})), whole[..4]);
    assert_eq!(bounds(json!({"by": "windows", "window_s": 3.5})), [(0, 3500), (3500, 7000), (7000, 10_500)]);
    assert_eq!(bounds(json!({"by": "windows", "window_s": 60})), [(0, 10_500)]);
}

#[test]
fn silences_are_left_out_and_fades_take_off_what_cracks() {
    let folder = tempfile::tempdir().unwrap();
    let mut sound = vec![0.0_f32; 100_000];
    for range in [10_000..30_000, 31_000..40_000, 60_000..70_000] {
        sound[range].fill(0.5);
    }
    let path = wav(folder.path(), "loud.wav", &sound, 10_000, 1);
    let with = json!({"by": "silence", "pad_ms": 0, "min_silence_s": 0.5, "fade_ms": 10});
    let (_, clips) = sliced(folder.path(), with, &[&path]);
    let bounds: Vec<_> = clips.iter().map(|(_, about)| (seconds(about, "start_s"), seconds(about, "end_s"))).collect();
    assert_eq!(bounds, [(1.0, 4.0), (6.0, 7.0)]);
    let clip = samples(&clips[0].0);
    assert!(clip[0].abs() < 1e-4 && clip[29_999].abs() < 1e-4 && clip[100] == 0.5 && clip[29_899] == 0.5);
    assert!((f64::from(clip[50]) - 0.25).abs() < 0.01, "half of a fade is half of the sound");
    assert!((seconds(&clips[1].1, "peak_dbfs") + 6.02).abs() < 0.01);
}

#[test]
fn beats_come_from_the_parameters_or_from_an_analysis() {
    let folder = tempfile::tempdir().unwrap();
    let path = wav(folder.path(), "song.wav", &vec![0.1; 50_000], 10_000, 1);
    let analysis = folder.path().join("analysis.json");
    fs::write(&analysis, r#"{"tempo": {"bpm": 120, "beats_s": [0.25, 0.75, 1.25, 1.75, 2.25, 2.75]}}"#).unwrap();
    let bounds = |with: Value, inputs: &[&Path]| -> Vec<(f64, f64)> {
        let (_, clips) = sliced(folder.path(), with, inputs);
        clips.iter().map(|(_, about)| (seconds(about, "start_s"), seconds(about, "end_s"))).collect()
    };
    let wanted = [(0.25, 2.25), (2.25, 5.0)];
    assert_eq!(bounds(json!({"by": "beats"}), &[&path, &analysis]), wanted);
    assert_eq!(bounds(json!({"by": "beats", "beats": [0.25, 2.25], "beats_per_clip": 1}), &[&path]), wanted);
    let fault = run("audio.slice", json!({"by": "beats"}), &[&path], &[("clips", folder.path().join("*.wav"))]);
    assert!(fault.unwrap_err().message.contains("needs the times of the beats"));
}

#[test]
fn the_extension_chooses_the_coding_and_a_list_tells_of_each_clip() {
    let folder = tempfile::tempdir().unwrap();
    let path = wav(folder.path(), "song.wav", &vec![0.25; 30_000], 10_000, 1);
    let (clips, list) = (folder.path().join("x*y-*.flac"), folder.path().join("list.json"));
    let with = json!({"by": "windows", "window_s": 1});
    let values = run("audio.slice", with.clone(), &[&path], &[("clips", clips), ("json", list.clone())]).unwrap();
    assert_eq!(SoundReader::open(&folder.path().join("x*y-00003.flac")).unwrap().info().codec, "flac");
    let list: Value = serde_json::from_slice(&fs::read(list).unwrap()).unwrap();
    assert_eq!((list.as_array().unwrap().len(), &list[1]["file"]), (3, &json!("x*y-00002.flac")));
    assert_eq!(list[1]["start_s"], values["pieces"]["clips"]["x*y-00002.flac"]["start_s"]);
    for (name, word) in
        [("a.wav", "star"), ("*.aiff", "aiff"), ("*/a.wav", "star"), ("*.mp3", "ffmpeg"), ("*.opus", "ffmpeg")]
    {
        let fault = run("audio.slice", with.clone(), &[&path], &[("clips", folder.path().join(name))]).unwrap_err();
        assert!(fault.message.contains(word), "{name}: {fault}");
    }
}

#[test]
fn what_a_way_of_cutting_does_not_heed_is_told() {
    let wrong = |with: Value| (find("audio.slice").unwrap().check)(with).unwrap_err();
    assert_eq!(wrong(json!({"window_s": 3})), "`window_s` is for by = \"windows\", and `by` is \"speech\"");
    assert_eq!(wrong(json!({"min_s": 20})), "`max_s` is 30; it must be at least twice `min_s`, which is 20");
    assert!(wrong(json!({"by": "windows", "window_s": 1, "overlap_s": 1})).contains("15/16"));
    assert!((find("audio.trim").unwrap().check)(json!({"start_s": 3, "end_s": 2})).is_err());
}

#[test]
fn trimming_takes_off_silence_or_all_but_a_stretch() {
    let folder = tempfile::tempdir().unwrap();
    let mut sound = vec![0.001_f32; 50_000];
    sound[20_000..30_000].fill(0.5);
    let path = wav(folder.path(), "a.wav", &sound, 10_000, 1);
    let out = folder.path().join("b.wav");
    let trimmed = |with: Value| -> Result<(Vec<f64>, Vec<f32>), Fault> {
        let values = run("audio.trim", with, &[&path], &[("wav", out.clone())])?;
        let told = ["duration", "trimmed_start", "trimmed_end"].map(|name| values[name].as_f64().unwrap());
        Ok((told.to_vec(), samples(&out)))
    };
    let (told, kept) = trimmed(json!({"bits": 32})).unwrap();
    assert_eq!((told, kept), (vec![1.16, 1.92, 1.92], sound[19_200..30_800].to_vec()));
    let (told, kept) = trimmed(json!({"bits": 32, "start_s": 1, "end_s": 2.5})).unwrap();
    assert_eq!((told, kept), (vec![1.5, 1.0, 2.5], sound[10_000..25_000].to_vec()));
    let (told, kept) = trimmed(json!({"bits": 32, "start_s": 1, "below_dbfs": -40, "keep_ms": 0})).unwrap();
    assert_eq!((told, kept), (vec![1.0, 2.0, 2.0], sound[20_000..30_000].to_vec()));
    assert!(trimmed(json!({"start_s": 4, "below_dbfs": -40})).unwrap_err().message.contains("leave nothing"));
    assert!(trimmed(json!({"start_s": 7})).unwrap_err().message.contains("5.00 s long"));
}
