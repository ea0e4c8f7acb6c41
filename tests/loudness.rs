//! Loudness against the documents that define it: the signals of EBU Tech 3341 (2023) and Tech 3342 (2023) are made here,
//! and every figure must be within the tolerance of the document. What the documents measure on programme material
//! (3341: 7 and 8; 3342: 5 and 6) needs recordings that are not ours to give; real material is held against the `ebur128`
//! crate instead.
//!
//! Most signals are measured at 48 kHz in stereo, with a click before them that makes a debug build fast; `MEDIAMILL_EBU=all`
//! measures every one as the documents have it, in all its parts, at every rate and layout.

#![expect(clippy::unwrap_used, reason = "a figure that is missing has failed the test")]

mod support;

use std::f64::consts::TAU;

use ebur128::{EbuR128, Mode};
use mediamill::media::SoundReader;
use mediamill::media::loudness::{Loudness, LoudnessFigures};
use support::{Chance, fixture};

/// How the level of a signal is laid out on channels, so that all layouts measure the same.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Layout {
    Mono,
    Stereo,
    /// L R C LFE Ls Rs, with something loud on the LFE.
    Surround,
}

impl Layout {
    /// The gain of every channel, and whether the LFE follows the third.
    fn gains(self) -> Vec<f64> {
        match self {
            Self::Mono => vec![2.0_f64.sqrt()],
            Self::Stereo => vec![1.0; 2],
            Self::Surround => {
                let each = (2.0 / (3.0 + 2.0 * 1.41_f64)).sqrt();
                vec![each, each, each, 0.0, each, each]
            }
        }
    }
}

const EVERY: &[(u32, Layout)] = &[
    (48_000, Layout::Stereo),
    (48_000, Layout::Mono),
    (48_000, Layout::Surround),
    (44_100, Layout::Stereo),
    (44_100, Layout::Mono),
    (44_100, Layout::Surround),
];

fn all() -> bool {
    std::env::var_os("MEDIAMILL_EBU").is_some_and(|all| all == "all")
}

fn layouts(short: bool) -> &'static [(u32, Layout)] {
    if short || all() { EVERY } else { &EVERY[..1] }
}

/// Which of the twenty parts of a signal are measured.
fn places() -> impl Iterator<Item = i32> {
    (0..20).filter(|place| all() || place % 6 == 1)
}

fn amplitude(dbfs: f64) -> f64 {
    10_f64.powf(dbfs / 20.0)
}

/// A single sample so far above a tone that the meter need not look between the samples of the tone. Of the loudness it
/// changes some thousandths of a dB.
fn click(amplitude: f64) -> f32 {
    (2.5 * amplitude) as f32
}

/// Measures a tone of 1 kHz at these levels (dBFS, the peak of each of two channels), each for so many seconds. Below
/// -200 is silence.
fn tone((rate, layout): (u32, Layout), parts: &[(f64, f64)]) -> LoudnessFigures {
    let gains = layout.gains();
    // Both rates repeat after a second, and so does the tone.
    let second: Vec<f64> = (0..rate).map(|at| (TAU * 1000.0 * f64::from(at) / f64::from(rate)).sin()).collect();
    let mut meter = Loudness::new(rate, gains.len());
    if !all() {
        let mut frame = vec![0.0; gains.len()];
        let loudest = parts.iter().map(|(level, _)| amplitude(*level)).fold(0.0, f64::max);
        match layout {
            Layout::Surround => frame[3] = click(0.5),
            Layout::Mono | Layout::Stereo => frame[0] = click(loudest * gains[0]),
        }
        meter.add(&frame);
    }
    let mut place = 0_usize;
    for (level, seconds) in parts {
        let peak = if *level < -200.0 { 0.0 } else { amplitude(*level) };
        let frames = (seconds * f64::from(rate)).round() as usize;
        let mut block = Vec::with_capacity(second.len() * gains.len());
        for sample in second.iter().cycle().skip(place).take(second.len().min(frames)) {
            for (channel, gain) in gains.iter().enumerate() {
                let lfe = layout == Layout::Surround && channel == 3;
                block.push(if lfe { 0.5 * sample } else { sample * peak * gain } as f32);
            }
        }
        for start in (0..frames).step_by(second.len()) {
            meter.add(&block[..(frames - start).min(second.len()) * gains.len()]);
        }
        place = (place + frames) % second.len();
    }
    meter.finish()
}

#[track_caller]
fn near(what: impl std::fmt::Debug, got: Option<f64>, wanted: f64, tolerance: f64) {
    let got = got.unwrap();
    assert!((got - wanted).abs() <= tolerance, "{what:?}: {got} for {wanted} ± {tolerance}");
}

/// Tech 3341, signals 1 to 5: the loudness of the whole.
fn integrated(parts: &[(f64, f64)], wanted: f64, short: bool) {
    for layout in layouts(short) {
        near(layout, tone(*layout, parts).integrated_lufs, wanted, 0.1);
    }
}

#[test]
fn tech_3341_1_and_2_a_steady_tone_measures_its_level_by_every_figure() {
    for level in [-23.0, -33.0] {
        for layout in layouts(false) {
            let figures = tone(*layout, &[(level, 20.0)]);
            near(layout, figures.integrated_lufs, level, 0.1);
            near(layout, figures.momentary_max_lufs, level, 0.1);
            near(layout, figures.short_term_max_lufs, level, 0.1);
            near(layout, figures.range_lu, 0.0, 0.1);
        }
    }
}

#[test]
fn tech_3341_3_what_is_10_lu_quieter_does_not_count() {
    integrated(&[(-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)], -23.0, false);
}

#[test]
fn tech_3341_4_what_is_all_but_silent_does_not_count_at_either_gate() {
    integrated(&[(-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0), (-72.0, 10.0)], -23.0, false);
}

#[test]
fn tech_3341_5_what_is_little_quieter_counts() {
    integrated(&[(-26.0, 20.0), (-20.0, 20.1), (-26.0, 20.0)], -23.0, false);
}

#[test]
fn tech_3341_6_surround_channels_have_their_weights() {
    let levels = [-28.0, -28.0, -24.0, -30.0, -30.0].map(amplitude);
    for rate in if all() { vec![48_000, 44_100] } else { vec![48_000] } {
        for lfe in [false, true].into_iter().filter(|lfe| all() || *lfe) {
            let mut meter = Loudness::new(rate, if lfe { 6 } else { 5 });
            let second: Vec<f32> = (0..rate)
                .flat_map(|at| {
                    let sample = (TAU * 1000.0 * f64::from(at) / f64::from(rate)).sin();
                    let [l, r, c, ls, rs] = levels.map(|level| (level * sample) as f32);
                    if lfe { vec![l, r, c, 0.0, ls, rs] } else { vec![l, r, c, ls, rs] }
                })
                .collect();
            if !all() {
                meter.add(&[0.0, 0.0, 0.0, click(levels[2]), 0.0, 0.0]);
            }
            (0..20).for_each(|_| meter.add(&second));
            near((rate, lfe), meter.finish().integrated_lufs, -23.0, 0.1);
        }
    }
}

#[test]
fn tech_3341_9_every_3_s_of_a_pattern_of_3_s_measure_the_same() {
    for layout in layouts(false) {
        let parts: Vec<_> = [(-20.0, 1.34), (-30.0, 1.66)].into_iter().cycle().take(10).collect();
        // The mean of all windows is -23, so that the highest is only where all are.
        near(layout, tone(*layout, &parts).short_term_max_lufs, -23.0, 0.1);
    }
}

#[test]
fn tech_3341_10_3_s_of_tone_are_found_wherever_they_begin() {
    for layout in layouts(false) {
        for step in places() {
            let parts = [(-300.0, 0.15 * f64::from(step)), (-23.0, 3.0), (-300.0, 1.0)];
            near((layout, step), tone(*layout, &parts).short_term_max_lufs, -23.0, 0.1);
        }
    }
}

#[test]
fn tech_3341_11_the_highest_3_s_follow_a_rising_level() {
    for layout in layouts(false) {
        for count in if all() { vec![1, 7, 20] } else { vec![4] } {
            let parts: Vec<_> = (0..count)
                .flat_map(|step| {
                    let wait = 0.15 * f64::from(step);
                    [(-300.0, wait), (f64::from(step) - 38.0, 3.0), (-300.0, 3.0 - wait)]
                })
                .collect();
            near((layout, count), tone(*layout, &parts).short_term_max_lufs, f64::from(count) - 39.0, 0.1);
        }
    }
}

#[test]
fn tech_3341_12_every_400_ms_of_a_pattern_of_400_ms_measure_the_same() {
    for layout in layouts(true) {
        let parts: Vec<_> = [(-20.0, 0.18), (-30.0, 0.22)].into_iter().cycle().take(50).collect();
        near(layout, tone(*layout, &parts).momentary_max_lufs, -23.0, 0.1);
    }
}

#[test]
fn tech_3341_13_400_ms_of_tone_are_found_wherever_they_begin() {
    for layout in layouts(false) {
        for step in places() {
            let parts = [(-300.0, 0.02 * f64::from(step)), (-23.0, 0.4), (-300.0, 1.0)];
            near((layout, step), tone(*layout, &parts).momentary_max_lufs, -23.0, 0.1);
        }
    }
}

#[test]
fn tech_3341_14_the_highest_400_ms_follow_a_rising_level() {
    for layout in layouts(false) {
        for count in if all() { vec![1, 7, 20] } else { vec![7] } {
            let parts: Vec<_> = (0..count)
                .flat_map(|step| {
                    let wait = 0.02 * f64::from(step);
                    [(-300.0, wait), (f64::from(step) - 38.0, 0.4), (-300.0, 0.4 - wait)]
                })
                .collect();
            near((layout, count), tone(*layout, &parts).momentary_max_lufs, f64::from(count) - 39.0, 0.1);
        }
    }
}

/// The true peak of a quarter of a second, the ends of which are faded as a cut makes peaks of its own.
fn true_peak(rate: u32, channels: usize, wave: impl Fn(f64) -> f64) -> f64 {
    let fade = f64::from(rate) / 50.0;
    let frames = rate / 4;
    let sound: Vec<f32> = (0..frames)
        .flat_map(|at| {
            let at = f64::from(at);
            let ends = (at.min(f64::from(frames) - at) / fade).min(1.0);
            vec![(wave(at) * (0.5 - 0.5 * (ends * TAU / 2.0).cos())) as f32; channels]
        })
        .collect();
    let mut meter = Loudness::new(rate, channels);
    sound.chunks(1000 * channels).for_each(|block| meter.add(block));
    meter.finish().true_peak_dbtp.unwrap()
}

#[track_caller]
fn within_3341(what: impl std::fmt::Debug, got: f64, wanted: f64) {
    assert!(got <= wanted + 0.2 && got >= wanted - 0.4, "{what:?}: {got} dBTP for {wanted} +0.2/-0.4");
}

#[test]
fn tech_3341_15_to_19_tones_peak_between_their_samples() {
    for rate in [48_000, 44_100] {
        for (signal, parts, degrees, peak, wanted) in [
            (15, 4.0, 0.0, 0.5, -6.0),
            (16, 4.0, 45.0, 0.5, -6.0),
            (17, 6.0, 60.0, 0.5, -6.0),
            (18, 8.0, 67.5, 0.5, -6.0),
            (19, 4.0, 45.0, 1.41, 3.0),
        ] {
            for channels in [1, 2, 6] {
                let got = true_peak(rate, channels, |at| peak * (TAU * at / parts + f64::to_radians(degrees)).sin());
                within_3341((signal, rate, channels), got, wanted);
            }
        }
    }
}

#[test]
fn tech_3341_20_to_23_a_peak_is_found_on_whatever_side_of_a_sample_it_lies() {
    // At four times the rate: a tone of a sixth of it at 0.5, and in it one period of a fourth of it at 1.0.
    let (period, middle) = (16, 24 * 1000);
    let wide = |at: i64| match at - middle {
        from @ 0..16 => (TAU * from as f64 / f64::from(period)).sin(),
        from if from < 0 => 0.5 * (TAU * from as f64 / 24.0).sin(),
        from => 0.5 * (TAU * (from - 16) as f64 / 24.0).sin(),
    };
    // What is above half the rate is taken out before three of four samples are.
    let reach = 128_i64;
    let low_pass = |at: i64| -> f64 {
        (-reach..=reach)
            .map(|tap| {
                let away = tap as f64 / 4.0;
                let sinc = if tap == 0 { 1.0 } else { (TAU / 2.0 * away).sin() / (TAU / 2.0 * away) };
                let hann = 0.5 + 0.5 * (TAU / 2.0 * tap as f64 / reach as f64).cos();
                wide(at - tap) * sinc * hann / 4.0
            })
            .sum()
    };
    for offset in 0..4 {
        let sound: Vec<f32> = (4000..8000).map(|at| low_pass(4 * at + offset) as f32).collect();
        let mut meter = Loudness::new(48_000, 1);
        meter.add(&sound);
        within_3341(20 + offset, meter.finish().true_peak_dbtp.unwrap(), 0.0);
    }
}

#[test]
fn tech_3342_1_to_4_the_range_is_that_of_the_levels_without_the_quietest() {
    for layout in layouts(false) {
        for (signal, levels, wanted) in [
            (1, &[-20.0, -30.0][..], 10.0),
            (2, &[-20.0, -15.0], 5.0),
            (3, &[-40.0, -20.0], 20.0),
            (4, &[-50.0, -35.0, -20.0, -35.0, -50.0], 15.0),
        ] {
            let parts: Vec<_> = levels.iter().map(|level| (*level, 20.0)).collect();
            // The document grants 1 LU.
            near((layout, signal), tone(*layout, &parts).range_lu, wanted, 0.1);
        }
    }
}

/// The same sound, measured by the crate.
fn oracle(sound: &[f32], rate: u32, channels: usize) -> LoudnessFigures {
    let mut meter = EbuR128::new(channels as u32, rate, Mode::all() & !Mode::HISTOGRAM).unwrap();
    let (mut momentary, mut short_term) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    let mut windows = Vec::new();
    for (at, step) in sound.chunks(channels * (rate / 100) as usize).enumerate() {
        meter.add_frames_f32(step).unwrap();
        if at + 1 >= 40 {
            momentary = momentary.max(meter.loudness_momentary().unwrap());
        }
        if at + 1 >= 300 {
            let window = meter.loudness_shortterm().unwrap();
            short_term = short_term.max(window);
            if (at + 1) % 10 == 0 {
                windows.push(window);
            }
        }
    }
    let peak = |of: &dyn Fn(u32) -> f64| (0..channels as u32).map(of).fold(0.0, f64::max);
    LoudnessFigures {
        integrated_lufs: Some(meter.loudness_global().unwrap()),
        range_lu: Some(range(windows)),
        momentary_max_lufs: Some(momentary),
        short_term_max_lufs: Some(short_term),
        true_peak_dbtp: Some(20.0 * peak(&|channel| meter.true_peak(channel).unwrap()).log10()),
        sample_peak_dbfs: Some(20.0 * peak(&|channel| meter.sample_peak(channel).unwrap()).log10()),
    }
}

/// The range by Tech 3342, of short-term loudness every 100 ms: the crate itself takes one a second.
fn range(mut windows: Vec<f64>) -> f64 {
    windows.retain(|window| *window >= -70.0);
    let powers: f64 = windows.iter().map(|window| 10_f64.powf(window / 10.0)).sum();
    let gate = 10.0 * (powers / windows.len() as f64).log10() - 20.0;
    windows.retain(|window| *window >= gate);
    windows.sort_by(f64::total_cmp);
    let at = |share: f64| windows[((windows.len() - 1) as f64 * share).round() as usize];
    at(0.95) - at(0.10)
}

fn agree(what: &str, sound: &[f32], rate: u32, channels: usize) {
    let mut meter = Loudness::new(rate, channels);
    sound.chunks(1777 * channels).for_each(|block| meter.add(block));
    let (ours, theirs) = (meter.finish(), oracle(sound, rate, channels));
    let what = format!("{what}, {rate} Hz, {channels} channels");
    near((&what, "integrated"), ours.integrated_lufs, theirs.integrated_lufs.unwrap(), 0.01);
    near((&what, "range"), ours.range_lu, theirs.range_lu.unwrap(), 0.02);
    near((&what, "momentary"), ours.momentary_max_lufs, theirs.momentary_max_lufs.unwrap(), 0.03);
    near((&what, "short-term"), ours.short_term_max_lufs, theirs.short_term_max_lufs.unwrap(), 0.01);
    near((&what, "sample peak"), ours.sample_peak_dbfs, theirs.sample_peak_dbfs.unwrap(), 1e-4);
    // A filter of half the length misses more of the treble.
    near((&what, "true peak"), ours.true_peak_dbtp, theirs.true_peak_dbtp.unwrap(), 0.2);
}

/// Noise that is darker than white, with a level that wanders.
fn noise(seed: u64, rate: u32, channels: usize, seconds: u32) -> Vec<f32> {
    let mut chance = Chance(seed);
    let mut state = vec![0.0_f64; channels];
    let frames = rate * seconds;
    (0..frames)
        .flat_map(|at| {
            let level = 0.05 + 0.2 * (f64::from(at) / f64::from(rate) * 1.3).sin().powi(2);
            state
                .iter_mut()
                .map(|state| {
                    *state = 0.7 * *state + chance.below(2001) as f64 / 1000.0 - 1.0;
                    (*state * level) as f32
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn noise_measures_as_the_reference_crate_says() {
    for (rate, channels, seconds) in
        [(48_000, 2, 6), (44_100, 1, 6), (44_100, 6, 4), (8_000, 5, 9), (96_000, 1, 4), (22_050, 4, 5), (192_000, 1, 4)]
    {
        agree("noise", &noise(u64::from(rate), rate, channels, seconds), rate, channels);
    }
}

#[test]
fn real_sounds_measure_as_the_reference_crate_says() {
    for name in ["music-1.wav", "music-2.mp3", "speech-1.wav", "speech-2.flac"] {
        let mut sound = SoundReader::open(&fixture(name)).unwrap();
        let (rate, channels) = (sound.info().sample_rate, sound.info().channels);
        let mut samples = Vec::new();
        while let Some(block) = sound.next_block().unwrap() {
            samples.extend_from_slice(block);
        }
        agree(name, &samples, rate, channels);
    }
}

#[test]
fn no_cut_into_blocks_changes_a_figure() {
    let sound = noise(7, 22_050, 3, 4);
    let measured = |block: usize| {
        let mut meter = Loudness::new(22_050, 3);
        sound.chunks(block * 3).for_each(|block| meter.add(block));
        meter.finish()
    };
    let whole = measured(usize::MAX / 3);
    for block in [1, 7, 220, 10_000] {
        let cut = measured(block);
        let near = |a: Option<f64>, b: Option<f64>| (a.unwrap() - b.unwrap()).abs() < 1e-9;
        assert!(near(cut.integrated_lufs, whole.integrated_lufs) && near(cut.range_lu, whole.range_lu), "{block}");
        assert_eq!(cut.true_peak_dbtp, whole.true_peak_dbtp, "{block}");
    }
}

#[test]
fn what_has_no_loudness_has_none() {
    let measured = |rate: u32, sound: &[f32]| {
        let mut meter = Loudness::new(rate, 1);
        meter.add(sound);
        meter.finish()
    };
    assert_eq!(measured(48_000, &[]), LoudnessFigures::default());
    assert_eq!(measured(48_000, &[0.0; 200_000]), LoudnessFigures::default());
    let short = measured(48_000, &[0.5; 19_000]);
    assert_eq!((short.integrated_lufs, short.momentary_max_lufs, short.range_lu), (None, None, None));
    assert!((short.sample_peak_dbfs.unwrap() + 6.0206).abs() < 1e-3);
    // Faint enough to be gated off, and still there.
    let faint: Vec<f32> = (0..200_000).map(|at| (f64::from(at) * 0.2).sin() as f32 * 1e-4).collect();
    let faint = measured(48_000, &faint);
    assert_eq!((faint.integrated_lufs, faint.range_lu), (None, None));
    assert!(faint.momentary_max_lufs.unwrap() < -75.0);
    // Rates that nobody uses make no number that is none.
    for rate in [1, 3, 99, 101, 1_536_000] {
        let odd = measured(rate, &noise(1, 1000, 1, 10));
        assert!(odd.integrated_lufs.is_none_or(f64::is_finite) && odd.range_lu.is_none_or(f64::is_finite), "{rate}");
    }
}
