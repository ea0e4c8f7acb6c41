//! The built-in steps on real files, as the engine calls them.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use mediamill::media::{SoundReader, decode, picture};
use mediamill::pipeline::plan::{DecodeCheck, Verify};
use mediamill::resilience::{Fault, FaultClass};
use mediamill::steps::builtin::{Job, Values};
use mediamill::steps::collect::{CollectParams, Row, Tables};
use mediamill::steps::register::{BUILTINS, find};
use mediamill::steps::verify::verify_output;
use serde_json::{Value, json};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/media").join(name)
}

fn run(step: &str, with: Value, input: &Path, outputs: &[(&str, &Path)]) -> Result<Values, Fault> {
    let outputs: IndexMap<String, PathBuf> =
        outputs.iter().map(|(name, path)| ((*name).to_string(), path.to_path_buf())).collect();
    (find(step).unwrap().run)(with, &Job { inputs: vec![input.to_path_buf()], outputs, watch: None })
}

#[test]
fn every_step_describes_its_parameters_and_refuses_those_it_does_not_know() {
    for step in BUILTINS {
        let schema = serde_json::to_value((step.schema)()).unwrap();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string() || property["$ref"].is_string(), "{}: {name}", step.name);
        }
        let wrong = (step.check)(json!({"no_such": 1, "columns": {"a": "b"}}));
        assert!(wrong.is_err(), "{} takes what it does not know", step.name);
    }
    let names: Vec<_> = BUILTINS.iter().map(|step| step.name).collect();
    assert!(names.is_sorted(), "the register is in order");
}

#[test]
fn what_is_out_of_range_is_told_with_the_range() {
    let wrong = |step: &str, with: Value| (find(step).unwrap().check)(with).unwrap_err();
    assert_eq!(wrong("image.resize", json!({"quality": 0})), "`quality` is 0; it must be between 1 and 100");
    assert_eq!(wrong("audio.convert", json!({"bits": 20})), "`bits` is 20; it must be 16, 24 or 32 (floating point)");
    assert_eq!(
        wrong("audio.analyze", json!({"fft_size": 1000})),
        "`fft_size` is 1000; it must be a power of two, such as 2048"
    );
    assert!(wrong("audio.convert", json!({"sample_rate": 1})).contains("1000 and 384000 Hz"));
}

#[test]
fn probing_tells_a_sound_apart() {
    let values = run("audio.probe", json!({}), &fixture("music-1.flac"), &[]).unwrap();
    let wanted = json!({
        "sample_rate": 44100, "channels": 2, "codec": "flac", "format": "flac", "bits": 16, "duration": 3.0,
        "bitrate_kbps": values["bitrate_kbps"], "tags": values["tags"], "pictures": 0,
    });
    assert_eq!(Value::Object(values), wanted);
    let lossy = run("audio.probe", json!({}), &fixture("music-2.ogg"), &[]).unwrap();
    assert_eq!((lossy["codec"].as_str(), lossy.get("bits")), (Some("vorbis"), None));
}

#[test]
fn analysis_is_written_as_json_and_as_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let [text, png, wave] = ["a.json", "a.png", "w.png"].map(|name| folder.path().join(name));
    let values = run(
        "audio.analyze",
        json!({"width": 320, "height": 128}),
        &fixture("speech-1.wav"),
        &[("json", &text), ("picture", &png), ("waveform", &wave)],
    )
    .unwrap();
    assert_eq!(values["duration"], 6.05);
    let analysis: Value = serde_json::from_slice(&fs::read(&text).unwrap()).unwrap();
    assert_eq!((&analysis["duration_s"], &analysis["sample_rate_hz"]), (&json!(6.05), &json!(16_000)));
    assert_eq!(analysis["signal"]["peak_dbfs"], values["peak_dbfs"]);
    assert_eq!(analysis["features"]["spectral_centroid"]["mean"], values["centroid_hz"]);
    assert_eq!(picture::verify(&png).unwrap().upright(), (320, 128));
    assert_eq!(picture::verify(&wave).unwrap().upright(), (320, 64));
}

#[test]
fn every_value_of_an_analysis_is_documented() {
    let step = find("audio.analyze").unwrap();
    for name in ["music-1.flac", "speech-3.mp3"] {
        for value in run("audio.analyze", json!({}), &fixture(name), &[]).unwrap().keys() {
            assert!(step.values.iter().any(|doc| doc.name == value), "{value}");
        }
    }
}

#[test]
fn a_spectrogram_and_a_waveform_are_pictures_of_the_size_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let png = folder.path().join("a.png");
    let sound = fixture("music-1.flac");
    for (width, height, scale) in [(640, 240, "mel"), (64, 16, "linear"), (2000, 100, "log")] {
        let with = json!({"width": width, "height": height, "scale": scale, "colors": "viridis", "title": "music"});
        let values = run("audio.spectrogram", with, &sound, &[("picture", &png)]).unwrap();
        assert_eq!((&values["width"], &values["duration"]), (&json!(width), &json!(3.0)));
        assert_eq!(picture::verify(&png).unwrap().upright(), (width, height));
    }
    let peaks = folder.path().join("a.json");
    let outputs = [("picture", png.as_path()), ("json", &peaks)];
    run("audio.waveform", json!({"points": 300, "bits": 8}), &sound, &outputs).unwrap();
    assert_eq!(picture::verify(&png).unwrap().upright(), (1024, 256));
    let peaks: Value = serde_json::from_slice(&fs::read(&peaks).unwrap()).unwrap();
    assert_eq!((&peaks["version"], &peaks["channels"], &peaks["bits"]), (&json!(2), &json!(2), &json!(8)));
    assert_eq!((&peaks["samples_per_pixel"], &peaks["length"]), (&json!(441), &json!(300)));
    assert_eq!(peaks["data"].as_array().unwrap().len(), 300 * 2 * 2);
}

#[test]
fn a_broken_sound_is_the_inputs_fault_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.wav");
    let whole = fs::read(fixture("speech-1.wav")).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let fault = run("audio.analyze", json!({}), &path, &[]).unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "decode"));
    assert!(fault.message.contains("half.wav: damaged at 3.02 s"), "{fault}");
    let fault = run("audio.probe", json!({}), &fixture("photo-cat.png"), &[]).unwrap_err();
    assert_eq!(fault.cause, "not-sound");
    let fault = run("image.probe", json!({}), &fixture("LICENSES.md"), &[]).unwrap_err();
    assert_eq!(fault.cause, "not-picture");
}

#[test]
fn a_conversion_has_the_rate_the_channels_and_the_peak_that_were_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a.wav");
    let with = json!({"sample_rate": 16000, "channels": 1, "normalize": true, "bits": 24});
    let values = run("audio.convert", with, &fixture("music-2.mp3"), &[("wav", &out)]).unwrap();
    assert_eq!((&values["sample_rate"], &values["channels"]), (&json!(16000), &json!(1)));
    assert_eq!(values["duration"], 8.0);
    let peak = values["peak_dbfs"].as_f64().unwrap();
    assert!((peak + 1.0).abs() < 1e-3, "{peak}");
    let sound = SoundReader::open(&out).unwrap();
    assert_eq!((sound.info().sample_rate, sound.info().channels, sound.info().bits), (16_000, 1, Some(24)));
    assert_eq!(decode::verify(&out).unwrap(), 128_000);
}

#[test]
fn one_conversion_writes_several_files_and_all_hold_the_same_sound() {
    if !support::installed("ffmpeg") {
        return support::skip("ffmpeg is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (wav, mp3, m4a) = (at("a.wav"), at("a.mp3"), at("a.m4a"));
    let outputs = [("wav", wav.as_path()), ("mp3", &mp3), ("m4a", &m4a)];
    let values = run("audio.convert", json!({"bitrate_kbps": 128}), &fixture("music-1.flac"), &outputs).unwrap();
    assert_eq!(values["duration"], 3.0);
    for file in [&wav, &mp3, &m4a] {
        let frames = decode::verify(file).unwrap();
        assert_eq!(frames, 132_300, "{}", file.display());
    }
}

#[test]
fn a_conversion_without_an_output_is_told_what_it_could_make() {
    let fault = run("audio.convert", json!({}), &fixture("speech-1.wav"), &[]).unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "outputs"));
    assert!(fault.message.contains("`wav`"), "{fault}");
}

#[test]
fn normalising_brings_the_peak_to_one_below_full_scale() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a.wav");
    let values = run("audio.convert", json!({"normalize": true}), &fixture("speech-3.mp3"), &[("wav", &out)]).unwrap();
    assert!((values["peak_dbfs"].as_f64().unwrap() + 1.0).abs() < 1e-3);
    assert_eq!(values["clipped"], 0);
}

#[test]
fn silence_is_taken_off_both_ends_and_some_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a.wav");
    let with = json!({"trim_dbfs": -40.0, "trim_keep_ms": 10});
    let values = run("audio.convert", with, &fixture("speech-1.wav"), &[("wav", &out)]).unwrap();
    let number = |name: &str| values[name].as_f64().unwrap();
    assert!(number("trimmed_start") > 0.0 || number("trimmed_end") > 0.0, "{values:?}");
    assert!((number("trimmed_start") + number("duration") + number("trimmed_end") - 6.05).abs() < 1e-9);
}

#[test]
fn a_conversion_that_changes_nothing_keeps_every_sample() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a.wav");
    run("audio.convert", json!({}), &fixture("music-1.flac"), &[("wav", &out)]).unwrap();
    let samples = |path: &Path| {
        let mut sound = SoundReader::open(path).unwrap();
        let mut all = Vec::new();
        while let Some(block) = sound.next_block().unwrap() {
            all.extend_from_slice(block);
        }
        all
    };
    assert!(samples(&out) == samples(&fixture("music-1.flac")));
}

#[test]
fn a_picture_is_turned_upright_and_fits() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.jpg", "a.png", "a.webp"] {
        let out = folder.path().join(name);
        let values = run(
            "image.resize",
            json!({"width": 120, "height": 120}),
            &fixture("photo-coffee-rotated.jpg"),
            &[("picture", &out)],
        )
        .unwrap();
        assert_eq!((&values["width"], &values["height"]), (&json!(120), &json!(80)));
        let info = picture::verify(&out).unwrap();
        assert_eq!((info.width, info.height, info.orientation), (120, 80, 1), "{name}");
        // The rim of the saucer is light at the left, the table dark at the upper right: it is not upside down.
        let small = image::open(&out).unwrap().to_luma8();
        let wanted = image::open(fixture("photo-coffee-rotated.jpg")).unwrap().rotate90().resize(
            120,
            80,
            image::imageops::FilterType::Lanczos3,
        );
        let difference: u64 =
            small.pixels().zip(wanted.to_luma8().pixels()).map(|(a, b)| u64::from(a.0[0].abs_diff(b.0[0]))).sum();
        assert!(difference / (120 * 80) < 6, "{name}: {difference}");
    }
}

#[test]
fn a_picture_is_never_enlarged_and_its_target_must_be_known() {
    let folder = tempfile::tempdir().unwrap();
    let cat = fixture("photo-cat.png");
    let values =
        run("image.resize", json!({"width": 4000}), &cat, &[("picture", &folder.path().join("a.png"))]).unwrap();
    assert_eq!((&values["width"], &values["height"]), (&json!(300), &json!(200)));
    let fault = run("image.resize", json!({}), &cat, &[("picture", &folder.path().join("a.xyz"))]).unwrap_err();
    assert!(fault.hint.unwrap().contains(".jpg, .png, .webp"));
}

#[test]
fn a_copy_keeps_its_bytes_and_its_date() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::write(&from, b"words").unwrap();
    let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(&from).unwrap().set_modified(then).unwrap();
    run("file.copy", json!({}), &from, &[("copy", &to)]).unwrap();
    assert_eq!(fs::read(&to).unwrap(), b"words");
    assert_eq!(fs::metadata(&to).unwrap().modified().unwrap(), then);
    let gone = run("file.copy", json!({}), &folder.path().join("none"), &[("copy", &to)]).unwrap_err();
    assert_eq!((gone.class, gone.cause.as_str()), (FaultClass::Input, "not-found"));
}

#[test]
fn a_hash_is_that_of_the_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, b"abc").unwrap();
    let values = run("file.hash", json!({}), &path, &[]).unwrap();
    // The official test vector of BLAKE3 for "abc", as `b3sum` prints it.
    assert_eq!(values["hash"], "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
    assert_eq!(values["size"], 3);
    assert!((find("file.hash").unwrap().check)(json!({"algorithm": "md5"})).is_err());
}

#[test]
fn what_only_the_sound_can_show_to_be_too_much_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| folder.path().join(name);
    let sound = fixture("speech-1.wav");
    let told =
        |step: &str, with: Value, output: &str| run(step, with, &sound, &[(output, &out("a"))]).unwrap_err().message;
    // The sound is mono at 16 kHz.
    assert!(told("audio.analyze", json!({"hop": 4096}), "picture").contains("a hop of 4096 samples"));
    assert!(told("audio.spectrogram", json!({"from_hz": 8000}), "picture").contains("nothing above 8000 Hz"));
    assert!(told("audio.convert", json!({"bitrate_kbps": 256}), "mp3").contains("160 kbit/s at most"));
    assert!(told("audio.convert", json!({"bitrate_kbps": 300}), "opus").contains("256 kbit/s at most"));
    assert!(told("audio.convert", json!({"bitrate_kbps": 128}), "m4a").contains("96 kbit/s at most"));
}

#[test]
fn the_rate_that_is_told_is_that_of_the_file() {
    if !support::installed("ffmpeg") {
        return support::skip("there is no ffmpeg");
    }
    let folder = tempfile::tempdir().unwrap();
    for (output, with, rate) in [
        ("wav", json!({}), 16_000),
        ("opus", json!({"sample_rate": 22_050}), 48_000),
        ("mp3", json!({"sample_rate": 96_000}), 48_000),
    ] {
        let path = folder.path().join(format!("a.{output}"));
        let values = run("audio.convert", with, &fixture("speech-1.wav"), &[(output, &path)]).unwrap();
        assert_eq!(values["sample_rate"], rate, "{output}");
        assert_eq!(SoundReader::open(&path).unwrap().info().sample_rate, rate, "{output}");
    }
}

#[test]
fn peaks_are_written_without_blanks_and_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    run("audio.waveform", json!({"points": 100_000}), &fixture("speech-1.wav"), &[("json", &path)]).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.lines().count() == 1 && !text.contains(' '));
    let told = (find("audio.waveform").unwrap().check)(json!({"points": 1_000_000})).unwrap_err();
    assert!(told.contains("between 2 and 100000"), "{told}");
}

#[test]
fn a_full_disk_is_the_machines_fault_and_not_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let full = |name: &str| {
        let path = folder.path().join(name);
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        path
    };
    let (sound, photo) = (fixture("speech-1.wav"), fixture("photo-cat.png"));
    let table = IndexMap::from([("table".to_string(), full("t.csv"))]);
    let collect = |format: &str| {
        let params: CollectParams =
            serde_json::from_value(json!({"format": format, "columns": {"n": "{item.path}"}})).unwrap();
        let mut tables = Tables::begin(&params, &table)?;
        for at in 0..100_000 {
            let cells = IndexMap::from([("n".to_string(), json!(at))]);
            tables.row(&Row { cells, ..Row::default() })?;
        }
        tables.end()
    };
    let faults = [
        run("audio.convert", json!({}), &sound, &[("wav", &full("a.wav"))]),
        run("audio.analyze", json!({}), &sound, &[("picture", &full("b.png"))]),
        run("audio.analyze", json!({}), &sound, &[("json", &full("c.json"))]),
        run("image.resize", json!({"width": 9}), &photo, &[("picture", &full("d.jpg"))]),
        run("image.resize", json!({}), &photo, &[("picture", &full("e.webp"))]),
        run("file.copy", json!({}), &photo, &[("copy", &full("f"))]),
        collect("csv"),
        collect("jsonl"),
    ];
    for (at, fault) in faults.into_iter().enumerate() {
        let fault = fault.unwrap_err();
        assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Environment, "disk-full"), "{at}: {fault}");
    }
}

#[test]
fn outputs_are_held_against_what_verify_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let cause = |path: &Path, verify: Verify| verify_output(path, &verify).err().map(|fault| fault.cause);
    let (open, full) = (Verify::default(), Verify { decode: DecodeCheck::Full, ..Verify::default() });
    let off = Verify { decode: DecodeCheck::Off, ..Verify::default() };
    let whole = fs::read(fixture("speech-1.wav")).unwrap();
    let half = path("half.wav", &whole[..whole.len() / 2]);
    assert_eq!(cause(&path("empty.txt", b""), open), Some("output-empty".into()));
    assert_eq!(cause(&path("empty.txt", b""), Verify { nonempty: false, ..open }), None);
    assert_eq!(cause(&path("a.txt", b"ab"), Verify { min_bytes: 3, ..open }), Some("output-small".into()));
    assert_eq!(cause(&half, open), None, "its start is whole");
    assert_eq!(cause(&half, full), Some("output-undecodable".into()));
    assert_eq!(cause(&path("text.png", b"no picture"), open), Some("output-undecodable".into()));
    assert_eq!(cause(&path("text.png", b"no picture"), off), None);
    assert_eq!(cause(&path("a.wma", b"what we cannot judge"), full), None);
    let speex = b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x13Speex   ";
    assert_eq!(cause(&path("a.ogg", speex), full), None, "Speex under a name we know is left alone");
    for name in ["music-1.m4a", "music-2.ogg", "photo-rocket.jpg", "photo-astronaut.webp"] {
        assert_eq!(cause(&fixture(name), full), None, "{name}");
    }
}
