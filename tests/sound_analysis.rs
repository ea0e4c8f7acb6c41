//! The analysis of a sound: features equal librosa's, the schema is the one that is written down, and no sound is too odd.

#![expect(clippy::unwrap_used, reason = "a test whose files cannot be read has failed")]

use std::f64::consts::TAU;
use std::fs;
use std::path::{Path, PathBuf};

use mediamill::media::Source;
use mediamill::media::analyze::{Analysis, Drawings, analyze};
use mediamill::media::encode::wav::{WavBits, WavWriter};
use mediamill::media::source::OnDamage;
use mediamill::media::spectrogram::Look;
use mediamill::media::waveform::{WaveformColours, WaveformLook};
use serde_json::Value;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn features_are_those_of_librosa_within_a_thousandth() {
    let truth: Value =
        serde_json::from_slice(&fs::read(root("tests/fixtures/truth/librosa_features.json")).unwrap()).unwrap();
    let mut compared = 0;
    for (name, truth) in truth.as_object().unwrap() {
        let source = Source::new(&root("tests/fixtures/media").join(name));
        let found = serde_json::to_value(analyze(&source, &Drawings::default()).unwrap().analysis).unwrap();
        assert_eq!(found["features"].as_object().unwrap().len(), truth["features"].as_object().unwrap().len());
        for (feature, figures) in truth["features"].as_object().unwrap() {
            for (figure, wanted) in figures.as_object().unwrap() {
                let (found, wanted) = (found["features"][feature][figure].as_f64(), wanted.as_f64().unwrap());
                let found = found.unwrap_or_else(|| panic!("{name}: {feature}.{figure} is missing"));
                // The quietest bins of the flattest frames are rounding errors of the transforms themselves.
                let tolerance = if feature == "spectral_flatness" { 2e-3 } else { 1e-3 };
                let off = (found - wanted).abs();
                assert!(off <= tolerance * wanted.abs() + 1e-9, "{name}: {feature}.{figure} is {found}, not {wanted}");
                compared += 1;
            }
        }
        // A step of its histogram is a cent.
        let (tuning, wanted) = (found["tuning_cents"].as_f64().unwrap(), truth["tuning_cents"].as_f64().unwrap());
        assert!((tuning - wanted).abs() <= 1.0, "{name}: {tuning} {wanted}");
    }
    assert_eq!(compared, 4 * 32 * 7);
}

/// A WAV file of 16 bits with a sine of 440 Hz in every channel.
fn wav(folder: &Path, rate: u32, channels: u16, frames: usize, amplitude: f64) -> PathBuf {
    let samples = (0..frames).flat_map(|at| {
        let sample = amplitude * (TAU * 440.0 * at as f64 / f64::from(rate)).cos();
        std::iter::repeat_n((sample * 32_767.0).round() as i16, channels.into())
    });
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let align = channels * 2;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * u32::from(align)).to_le_bytes());
    bytes.extend(align.to_le_bytes());
    bytes.extend(b"\x10\0data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    let path = folder.join(format!("{rate}-{channels}-{frames}-{amplitude}.wav"));
    fs::write(&path, bytes).unwrap();
    path
}

/// An analysis with all pictures, which can be written and read again.
fn whole(path: &Path) -> Analysis {
    let drawings = Drawings {
        spectrogram: Some(Look { width: 220, height: 120, ..Look::default() }),
        waveform: Some(WaveformLook { width: 220, height: 120, colours: WaveformColours::Blue, axes: true }),
        ..Drawings::default()
    };
    let found = analyze(&Source::new(path), &drawings).unwrap();
    let (gram, wave) = (found.spectrogram.unwrap(), found.waveform.unwrap());
    assert_eq!([gram.width(), gram.height(), wave.width(), wave.height()], [220, 120, 220, 120]);
    // NaN is written as null, and null is no number when it is read.
    let text = serde_json::to_string(&found.analysis).unwrap();
    serde_json::from_str::<Analysis>(&text).unwrap();
    found.analysis
}

#[test]
fn sounds_of_any_rate_channels_and_length_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    for (rate, channels) in [(8000, 1), (22_050, 2), (44_100, 6), (192_000, 1), (192_000, 2), (1000, 3)] {
        for frames in [1, 2, 100, rate as usize] {
            let found = whole(&wav(folder.path(), rate, channels, frames, 0.5));
            assert_eq!((found.sample_rate_hz, found.channels), (rate, channels.into()));
            assert!((found.duration_s - frames as f64 / f64::from(rate)).abs() < 1e-9);
            assert!((found.signal.peak_dbfs.unwrap() + 6.02).abs() < 0.01);
            let features = &found.features;
            assert!(
                features["rms"].is_some() && features["spectral_centroid"].is_some() && features["mfcc_0"].is_some()
            );
            let strongest = |found: &Analysis| {
                let strength = |name: &str| found.features[name].unwrap().mean;
                let names = found.features.keys().filter(|name| name.starts_with("chroma_"));
                names.max_by(|a, b| strength(a).total_cmp(&strength(b))).cloned().unwrap()
            };
            if frames == rate as usize {
                let centroid = features["spectral_centroid"].unwrap();
                assert!(centroid.p50 > 400.0 && centroid.p50 < 700.0, "{rate}: {centroid:?}");
                assert_eq!(strongest(&found), "chroma_A", "{rate}");
            }
        }
    }
}

#[test]
fn rates_far_too_low_for_a_tone_are_measured_too() {
    let folder = tempfile::tempdir().unwrap();
    for rate in [1, 50, 100, 200] {
        let found = whole(&wav(folder.path(), rate, 1, 3000, 0.5));
        assert_eq!((found.sample_rate_hz, found.duration_s), (rate, 3000.0 / f64::from(rate)));
    }
}

#[test]
fn digital_silence_has_a_length_and_no_figures() {
    let folder = tempfile::tempdir().unwrap();
    for frames in [1, 16_000] {
        let found = whole(&wav(folder.path(), 16_000, 2, frames, 0.0));
        assert_eq!(found.duration_s, frames as f64 / 16_000.0);
        assert_eq!((found.signal.peak_dbfs, found.signal.rms_dbfs, found.signal.crest_db), (None, None, None));
        assert_eq!((found.loudness.integrated_lufs, found.tempo.bpm, &found.key.tonic), (None, None, &None));
        assert_eq!(found.tuning_cents, None);
        for (name, figures) in &found.features {
            let level = ["rms", "zero_crossing_rate"].contains(&name.as_str());
            assert_eq!(figures.map(|figures| figures.max), level.then_some(0.0), "{name}");
        }
        assert_eq!(found.signal.silence.count, u64::from(frames > 1));
    }
}

#[test]
fn the_spectrogram_shows_what_is_in_antiphase() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("antiphase.wav");
    let mut writer = WavWriter::create(&path, 44_100, 2, WavBits::Float32).unwrap();
    let tone = (0..44_100).map(|at| 0.5 * (TAU * 1000.0 * f64::from(at) / 44_100.0).sin() as f32);
    writer.write(&tone.flat_map(|sample| [sample, -sample]).collect::<Vec<f32>>()).unwrap();
    writer.finish().unwrap();
    let look = Look { width: 64, height: 64, axes: false, ..Look::default() };
    let drawings = Drawings { spectrogram: Some(look), ..Drawings::default() };
    let picture = analyze(&Source::new(&path), &drawings).unwrap().spectrogram.unwrap();
    let column: Vec<u8> = (0..64).map(|y| picture.at(32, y)).collect();
    let dark = column.iter().filter(|level| **level < 50).count();
    assert!(column.iter().max() > Some(&200) && dark > 32, "a line on dark ground: {column:?}");
}

#[test]
fn what_is_far_beyond_full_scale_is_damage_as_what_is_no_number() {
    let folder = tempfile::tempdir().unwrap();
    for (name, odd) in [("large", 1e30), ("negative", -2e6), ("no number", f32::NAN), ("infinite", f32::INFINITY)] {
        let path = folder.path().join(format!("{name}.wav"));
        let mut writer = WavWriter::create(&path, 8000, 1, WavBits::Float32).unwrap();
        let sound: Vec<f32> = (0..8000).map(|at| if at == 4000 { odd } else { (at as f32 * 0.3).sin() }).collect();
        writer.write(&sound).unwrap();
        writer.finish().unwrap();
        let mut source = Source::new(&path);
        let refused = analyze(&source, &Drawings::default()).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains("no numbers, or far too large"), "{name}: {refused}");
        source.damage = OnDamage::Tell;
        let found = analyze(&source, &Drawings::default()).unwrap().analysis;
        assert_eq!(found.damage.len(), 1, "{name}");
        assert!(found.signal.peak_dbfs.unwrap() <= 0.0, "{name}");
    }
}

/// Run with `MEDIAMILL_WRITE_SCHEMA=1` to write the file anew.
#[test]
fn the_schema_that_is_written_down_is_that_of_the_code() {
    let path = root("docs/analysis.schema.json");
    let text = serde_json::to_string_pretty(&schemars::schema_for!(Analysis)).unwrap() + "\n";
    if std::env::var_os("MEDIAMILL_WRITE_SCHEMA").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "docs/analysis.schema.json is out of date: run this test with MEDIAMILL_WRITE_SCHEMA=1");
}

#[test]
fn every_feature_and_name_of_the_result_is_in_the_document() {
    let document = fs::read_to_string(root("docs/analysis.md")).unwrap();
    let source = Source::new(&root("tests/fixtures/media/speech-3.mp3"));
    let found = serde_json::to_value(analyze(&source, &Drawings::default()).unwrap().analysis).unwrap();
    for (name, value) in found.as_object().unwrap() {
        assert!(document.contains(&format!("`{name}`")), "{name}");
        let inner = value.as_object().into_iter().flatten().map(|(name, _)| name);
        for name in inner.filter(|name| !name.starts_with("mfcc_") && !name.starts_with("chroma_")) {
            assert!(document.contains(&format!("`{name}`")), "{name}");
        }
    }
}

#[test]
fn a_damaged_sound_is_refused_or_its_damage_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(root("tests/fixtures/media/music-1.flac")).unwrap();
    let path = folder.path().join("cut.flac");
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let mut source = Source::new(&path);
    let refused = analyze(&source, &Drawings::default()).err().unwrap().to_string();
    assert!(refused.contains("missing"), "{refused}");

    source.damage = OnDamage::Tell;
    let found = analyze(&source, &Drawings::default()).unwrap().analysis;
    let [damage] = found.damage.as_slice() else { panic!("{:?}", found.damage) };
    assert!((damage.at_s - found.duration_s).abs() < 0.1 && found.duration_s > 1.0, "{damage:?}");
    assert!(damage.lost_s.is_some_and(|lost| (lost + found.duration_s - 3.0).abs() < 0.01), "{damage:?}");
    assert!(found.loudness.integrated_lufs.is_some());
}
