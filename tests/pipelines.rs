//! The pipelines that ship: each is free of errors and warnings, runs on real files, and makes what its comment says.

#![expect(clippy::unwrap_used, reason = "a test whose files cannot be read has failed")]

#[path = "support/shipped.rs"]
mod shipped;

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use image::GenericImageView;
use mediamill::media::decode;
use mediamill::pipeline::load::{LoadError, load};
use mediamill::steps::catalog::Catalog;
use serde_json::Value;
use shipped::*;

const SHIPPED: [&str; 12] = [
    "chapters",
    "lesson",
    "library-check",
    "ocr-again",
    "ocr",
    "photo-check",
    "podcast",
    "publish",
    "quickstart",
    "speech-data",
    "thumbnails",
    "transcode",
];

#[test]
fn every_file_is_free_of_errors_and_warnings_and_says_what_for_and_how() {
    let mut names = Vec::new();
    let all = files(&root().join("pipelines"));
    for file in all.into_iter().filter(|file| file.extension() == Some(OsStr::new("toml"))) {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        match load(&file, &Catalog::registered()) {
            Ok(loaded) => {
                assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.to_text(false));
                assert_eq!(loaded.plan.name, name);
                assert!(!loaded.plan.description.is_empty(), "{name}");
            }
            Err(LoadError::Invalid(found)) => panic!("{}", found.to_text(false)),
            Err(error) => panic!("{error}"),
        }
        let text = fs::read_to_string(&file).unwrap();
        let head: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        assert!(head.first().is_some_and(|line| line.starts_with("# What for: ")), "{name}");
        let how = format!("# How: mediamill run pipelines/{name}.toml");
        assert!(head.iter().any(|line| line.starts_with(&how)) && head.len() <= 4, "{name}: {head:?}");
        names.push(name);
    }
    assert_eq!(names, SHIPPED, "each of them has its test here");
}

#[test]
fn quickstart_measures_and_draws_the_sound_and_the_pictures_of_the_repository() {
    let place = Place::new();
    // It names its files from the root of the repository.
    for file in files(&root().join("tests/fixtures/media")) {
        let name = file.file_name().unwrap().to_str().unwrap();
        place.take(name, &format!("tests/fixtures/media/{name}"));
    }
    place.run_all("quickstart", &[], 12);
    let checkpoints = files(&place.at("checkpoints/quickstart/items"));
    let of_items = checkpoints.iter().filter(|file| !file.file_name().unwrap().to_string_lossy().starts_with('_'));
    assert_eq!(of_items.count(), 12);

    let rows = place.table("out/quickstart/table.csv");
    assert_eq!(rows.len(), 12);
    let row = |name: &str| rows.iter().find(|row| row[0] == name).unwrap();
    assert_eq!(row("speech-1.wav")[1..3], ["193644", "6.05"]);
    assert_eq!(row("speech-1.wav")[6..8], ["", ""], "a sound has no width");
    assert_eq!(row("photo-coffee-rotated.jpg")[2..8], ["", "", "", "", "480", "320"], "and a picture no length");
    assert!(rows.iter().all(|row| row[8].len() == 64));
    for sound in rows.iter().filter(|row| !row[2].is_empty()) {
        let folder = place.at("out/quickstart").join(&sound[0]);
        assert_eq!(image::open(folder.join("spectrogram.png")).unwrap().dimensions(), (1024, 512));
        let values: Value = serde_json::from_slice(&fs::read(folder.join("analysis.json")).unwrap()).unwrap();
        assert_eq!(values["duration_s"].to_string(), sound[2]);
        assert!((-30.0..-10.0).contains(&values["signal"]["rms_dbfs"].as_f64().unwrap()), "{values}");
    }
    let preview = image::open(place.at("out/quickstart/photo-coffee-rotated.jpg/preview.jpg")).unwrap();
    assert_eq!(preview.dimensions(), (256, 171));

    // One file more is one item more.
    place.take("speech-3.mp3", "tests/fixtures/media/new.mp3");
    let more = place.run("quickstart", &[]);
    assert_eq!((&more.counts["done"], &more.counts["up_to_date"]), (&1.into(), &12.into()));
    assert_eq!(place.table("out/quickstart/table.csv").len(), 13);
}

#[test]
fn a_library_is_read_to_its_end_and_what_is_rotten_is_named_with_its_place() {
    let place = Place::new();
    for name in ["speech-1.wav", "music-1.flac", "music-2.ogg", "music-2.mp3", "music-1.m4a", "photo-cat.png"] {
        place.take(name, &format!("library/{name}"));
    }
    place.run_all("library-check", &[place.at("library")], 6);
    let rows = place.table("out/library-check/library.csv");
    assert_eq!(rows.len(), 6);
    let row = |name: &str| rows.iter().find(|row| row[0].ends_with(name)).unwrap();
    assert_eq!(row("music-1.flac")[3..6], ["3.0", "flac", "ok"]);
    assert_eq!(row("speech-1.wav")[5], "none");
    assert_eq!(row("photo-cat.png")[6..8], ["300", "200"]);
    assert!(rows.iter().all(|row| row[2].len() == 64));

    // One bit of a sound, and half of a picture.
    let mut rotten = fs::read(fixture("music-1.flac")).unwrap();
    let middle = rotten.len() / 2;
    rotten[middle] ^= 1;
    fs::write(place.at("library/rotten.flac"), rotten).unwrap();
    let whole = fs::read(fixture("photo-cat.png")).unwrap();
    fs::write(place.at("library/half.png"), &whole[..whole.len() / 2]).unwrap();
    let ran = place.run("library-check", &[place.at("library")]);
    assert_eq!((&ran.counts["failed"], &ran.counts["up_to_date"]), (&2.into(), &6.into()), "{}", ran.told());
    assert!(ran.told().contains("damaged at 1."), "{}", ran.told());
    assert_eq!(place.table("out/library-check/library.csv").len(), 6);
}

#[test]
fn podcast_episodes_are_as_loud_as_players_expect() {
    if !here(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let place = Place::new();
    let episodes = ["speech-1.wav", "speech-2.flac", "speech-3.mp3"];
    for name in episodes {
        place.take(name, &format!("recordings/{name}"));
    }
    place.run_all("podcast", &[place.at("recordings")], 3);
    for (name, row) in episodes.iter().zip(place.table("out/podcast/episodes.csv")) {
        let (recording, episode) = (fixture(name), place.at("out/podcast").join(name).with_extension("mp3"));
        assert_eq!(Path::new(&row[1]), fs::canonicalize(&episode).unwrap());
        let (loudness, peak) = loudness(&episode);
        assert!((loudness + 16.0).abs() <= 1.0, "{name}: {loudness} LUFS");
        assert!(peak <= -1.0, "{name}: {peak} dBTP");
        let told: f64 = row[3].parse().unwrap();
        assert!((told - loudness).abs() <= 0.2, "{name}: told as {told} LUFS, and ffmpeg measures {loudness}");
        let (before, after): (f64, f64) = (seconds(&recording), row[2].parse().unwrap());
        assert!((before - after).abs() < 0.1, "{name}: {before} s became {after} s");
        let stream = &probe(&episode, "stream=codec_name,bit_rate,channels,sample_rate")["streams"][0];
        assert_eq!((&stream["codec_name"], &stream["bit_rate"]), (&"mp3".into(), &"128000".into()));
        assert_eq!((&stream["channels"], &stream["sample_rate"]), (&2.into(), &"44100".into()));
    }
    // A recording that was cut short, and a text that calls itself one.
    let whole = fs::read(fixture("speech-1.wav")).unwrap();
    fs::write(place.at("recordings/cut.wav"), &whole[..whole.len() / 2 + 1]).unwrap();
    fs::write(
        place.at("recordings/list.m4a"),
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://localhost:9/x.ts\n",
    )
    .unwrap();
    let ran = place.run("podcast", &[place.at("recordings")]);
    assert_eq!((ran.output.status.code(), &ran.counts["failed"]), (Some(1), &2.into()), "{}", ran.told());
    assert!(!place.at("out/podcast/cut.mp3").exists() && !place.at("out/podcast/list.mp3").exists());
}

#[test]
fn transcoded_songs_keep_their_length_and_their_tags() {
    if !here(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let place = Place::new();
    fs::create_dir_all(place.at("music/album")).unwrap();
    let tagged = place.at("music/album/-- 1. Überall & 'nirgends'.flac");
    let flac = fixture("music-1.flac");
    let tags = ["-metadata", "title=Über", "-metadata", "artist=Somebody", "-metadata", "track=3", "-c", "copy"];
    tool("ffmpeg", &[arguments(&["-v", "error", "-i"], &flac, &tags), arguments(&[], &tagged, &[])].concat());
    place.take("music-1.wav", "music/plain.wav");
    place.run_all("transcode", &[place.at("music")], 2);
    let opus = place.at("out/transcode/album/-- 1. Überall & 'nirgends'.opus");
    let about = probe(&opus, "format=duration:stream=codec_name:stream_tags=title,artist,track");
    let (stream, tags) = (&about["streams"][0], &about["streams"][0]["tags"]);
    assert_eq!(stream["codec_name"], "opus");
    let tag = |name: &str| tags.get(name).or_else(|| tags.get(name.to_uppercase())).cloned().unwrap_or_default();
    assert_eq!(["title", "artist", "track"].map(tag), ["Über", "Somebody", "3"].map(Value::from), "{about}");
    assert!((seconds(&opus) - 3.0).abs() < 0.1 && (seconds(&place.at("out/transcode/plain.opus")) - 3.0).abs() < 0.1);
}

#[test]
fn a_lesson_is_made_without_demucs_and_basic_pitch() {
    let mut place = Place::new();
    fs::create_dir_all(place.at("bin")).unwrap();
    place.path = Some(place.at("bin").display().to_string());
    place.take("music-2.ogg", "songs/one.ogg");
    place.take("music-1.m4a", "songs/two.m4a");
    place.run_all("lesson", &[], 2);
    for (name, length) in [("one", 8.0), ("two", 5.0)] {
        let folder = place.at("out/lesson").join(name);
        let wav = folder.join(format!("{name}.wav"));
        let sound = mediamill::media::SoundReader::open(&wav).unwrap();
        assert_eq!((sound.info().sample_rate, sound.info().channels), (44100, 1));
        let found = decode::verify(&wav).unwrap() as f64 / 44100.0;
        assert!(found <= length + 0.01 && found > length - 1.0, "{name} has {found} s");
        let values: Value = serde_json::from_slice(&fs::read(folder.join("analysis.json")).unwrap()).unwrap();
        assert!(
            (values["signal"]["peak_dbfs"].as_f64().unwrap() + 1.0).abs() < 0.01,
            "normalised to -1 dBFS: {values}"
        );
        assert_eq!(image::open(folder.join("spectrogram.png")).unwrap().dimensions(), (1024, 512));
    }
    let rows = songs(&place);
    assert_eq!(rows.len(), 2);
    assert!(rows[0]["vocals"].as_str().unwrap().ends_with("/one/one.wav"), "the full mix stands in: {}", rows[0]);
    assert_eq!((&rows[0]["midi"], &rows[0]["bass"]), (&Value::Null, &Value::Null));
    // Phrases of whole beats: those that are there are in the table, and together as long as from the first beat to the end.
    for (row, name) in rows.iter().zip(["one", "two"]) {
        let folder = place.at("out/lesson").join(name);
        let phrases = files(&folder.join("phrases"));
        assert_eq!(row["phrases"], phrases.len(), "{row}");
        let analysis: Value = serde_json::from_slice(&fs::read(folder.join("analysis.json")).unwrap()).unwrap();
        let whole: f64 = phrases.iter().map(|phrase| decode::verify(phrase).unwrap() as f64 / 44100.0).sum();
        if let Some(first) = analysis["tempo"]["beats_s"][0].as_f64() {
            assert!((row["seconds"].as_f64().unwrap() - first - whole).abs() < 1e-3, "{row}: {whole} s from {first}");
        }
        assert!(row["key"].is_string() && row["lufs"].is_number(), "{row}");
    }
}

fn songs(place: &Place) -> Vec<Value> {
    let text = fs::read_to_string(place.at("out/lesson/songs.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Writes what demucs writes, where it writes it: for the last of its arguments, below the one after `-o`.
const DEMUCS: &str = r#"
while [ $# -gt 1 ]; do [ "$1" = -o ] && to=$2; shift; done
name=$(basename "$1"); to="$to/htdemucs/${name%.*}"
mkdir -p "$to" && for stem in vocals drums bass other; do cp "$1" "$to/$stem.wav" || exit 1; done
"#;

const BASIC_PITCH: &str = r#"name=$(basename "$2"); printf 'MThd' > "$1/${name%.*}_basic_pitch.mid""#;

#[test]
fn a_lesson_has_stems_and_notes_where_the_tools_are_there() {
    let mut place = Place::new();
    place.fake("demucs", DEMUCS);
    place.fake("basic-pitch", BASIC_PITCH);
    place.take("music-2.ogg", "songs/one.ogg");
    place.run_all("lesson", &[], 1);
    let made = |below: &str| place.at("out/lesson/one").join(below).is_file();
    assert!(["vocals", "drums", "bass", "other"].iter().all(|stem| made(&format!("stems/{stem}.wav"))));
    assert!(["one", "bass", "accompaniment"].iter().all(|part| made(&format!("{part}.mid"))));
    let row = &songs(&place)[0];
    assert!(row["vocals"].as_str().unwrap().ends_with("/one/stems/vocals.wav"), "{row}");
    assert!(row["midi"].as_str().unwrap().ends_with("/one/one.mid"), "{row}");
}

#[test]
fn a_demucs_that_dies_costs_a_few_calls_and_no_song() {
    let mut place = Place::new();
    place.fake("demucs", &format!("echo called >> '{}'; kill -9 $$", place.at("bin/calls").display()));
    place.fake("basic-pitch", BASIC_PITCH);
    for number in 0..6 {
        place.take("music-1.m4a", &format!("songs/{number}.m4a"));
    }
    let ran = place.run("lesson", &[]);
    assert_eq!((ran.output.status.code(), &ran.counts["done"]), (Some(0), &6.into()), "{}", ran.told());
    let calls = fs::read_to_string(place.at("bin/calls")).unwrap().lines().count();
    assert!((1..=3).contains(&calls), "a dead tool costs no more calls than its breaker allows: {calls}");
    assert!(songs(&place).iter().all(|song| !song["vocals"].as_str().unwrap().contains("/stems/")));
    assert_eq!(songs(&place).len(), 6);
    place.no_scratch();

    // It is well again: the next run makes up for what is missing.
    place.fake("demucs", DEMUCS);
    let ran = place.run("lesson", &[]);
    assert_eq!((ran.output.status.code(), &ran.counts["done"]), (Some(0), &6.into()), "{}", ran.told());
    assert!(songs(&place).iter().all(|song| song["vocals"].as_str().unwrap().ends_with("/stems/vocals.wav")));
}

/// Writes what whisper writes, where it writes it: for the last of its arguments, below the one after `--output_dir`.
const WHISPER: &str = r#"
while [ $# -gt 1 ]; do [ "$1" = --output_dir ] && to=$2; shift; done
name=$(basename "$1"); printf 'What %s says.\n' "${name%.*}" > "$to/${name%.*}.txt"
"#;

/// The rows of both manifests.
fn manifest(place: &Place) -> Vec<Value> {
    let side = |name: &str| fs::read_to_string(place.at("out/speech-data").join(name)).unwrap();
    let text = side("train.jsonl") + &side("test.jsonl");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn speech_data_are_clips_of_speech_and_a_row_for_each() {
    let mut place = Place::new();
    place.fake("whisper", WHISPER);
    place.take("speech-1.wav", "recordings/a/one.wav");
    place.take("speech-2.flac", "recordings/a/two.flac");
    // Nobody speaks in it: no clips, and nothing is wrong.
    fs::write(place.at("recordings/none.wav"), silence(16_000, 4)).unwrap();
    place.run_all("speech-data", &[place.at("recordings")], 3);
    let rows = manifest(&place);
    assert_eq!(rows.len(), 2, "{rows:?}");
    for row in &rows {
        let clip = Path::new(row["audio"].as_str().unwrap());
        let sound = mediamill::media::SoundReader::open(clip).unwrap();
        assert_eq!((sound.info().sample_rate, sound.info().channels), (16_000, 1));
        let seconds = decode::verify(clip).unwrap() as f64 / 16_000.0;
        let figure = |name: &str| row[name].as_f64().unwrap();
        assert!((figure("duration") - seconds).abs() < 1e-6 && (3.0..=30.0).contains(&seconds), "{row}");
        assert!((figure("end") - figure("start") - seconds).abs() < 1e-6, "{row}");
        assert!(figure("speech_ratio") > 0.8, "{row}");
        assert_eq!(row["text"], "What 00001 says.");
        assert!(row["source"].as_str().unwrap().contains("/recordings/a/"), "{row}");
    }
}

#[test]
fn speech_data_are_made_without_whisper_too() {
    let mut place = Place::new();
    fs::create_dir_all(place.at("bin")).unwrap();
    place.path = Some(place.at("bin").display().to_string());
    place.take("speech-1.wav", "recordings/one.wav");
    place.run_all("speech-data", &[place.at("recordings")], 1);
    let rows = manifest(&place);
    assert_eq!((rows.len(), &rows[0]["text"]), (1, &Value::Null), "{rows:?}");
}

/// A WAV file of so many seconds in which nothing sounds.
fn silence(rate: u32, seconds: u32) -> Vec<u8> {
    let bytes = rate * seconds * 2;
    let numbers = [(36 + bytes).to_le_bytes().to_vec(), b"WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec()];
    let mut wav = [b"RIFF".to_vec(), numbers.concat(), rate.to_le_bytes().to_vec()].concat();
    wav.extend(
        [(rate * 2).to_le_bytes().to_vec(), b"\x02\0\x10\0data".to_vec(), bytes.to_le_bytes().to_vec()].concat(),
    );
    wav.resize(44 + bytes as usize, 0);
    wav
}
