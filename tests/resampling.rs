//! Changing the sample rate, measured: the pass band, what folds back, the delay, and the way there and back.

#![expect(clippy::unwrap_used, reason = "a test that cannot resample has failed")]

use std::f64::consts::TAU;

use mediamill::media::resample::RateChange;

fn resampled(sound: &[f32], from: u32, to: u32) -> Vec<f32> {
    let mut change = RateChange::new(from, to, 1).unwrap();
    let mut out = Vec::new();
    let mut keep = |samples: &[f32]| {
        out.extend_from_slice(samples);
        Ok(())
    };
    sound.chunks(5000).for_each(|block| change.add(block, &mut keep).unwrap());
    change.finish(&mut keep).unwrap();
    out
}

/// One second of tones of these frequencies (Hz) and amplitudes, faded at both ends: a cut would be of every frequency.
fn tones(rate: u32, tones: &[(f64, f64)]) -> Vec<f32> {
    (0..rate)
        .map(|at| {
            let time = f64::from(at) / f64::from(rate);
            let fade = 0.5 - 0.5 * (TAU / 2.0 * (time.min(1.0 - time) / 0.2).min(1.0)).cos();
            // Every tone has its own phase, so that they do not pile up.
            let sum: f64 = tones.iter().map(|(hertz, peak)| peak * (TAU * hertz * time + hertz * hertz).sin()).sum();
            (fade * sum) as f32
        })
        .collect()
}

/// Amplitude and phase of a tone in the second half of the middle of a sound.
fn tone_in(sound: &[f32], rate: u32, hertz: f64) -> (f64, f64) {
    let (mut real, mut imaginary, mut weights) = (0.0, 0.0, 0.0);
    let (start, end) = (rate as usize * 3 / 10, rate as usize * 7 / 10);
    for (at, sample) in sound.iter().enumerate().take(end).skip(start) {
        let weight = 0.5 - 0.5 * (TAU * (at - start) as f64 / (end - start) as f64).cos();
        let angle = TAU * hertz * at as f64 / f64::from(rate);
        real += weight * f64::from(*sample) * angle.cos();
        imaginary += weight * f64::from(*sample) * angle.sin();
        weights += weight;
    }
    (2.0 * (real * real + imaginary * imaginary).sqrt() / weights, real.atan2(imaginary))
}

fn db(ratio: f64) -> f64 {
    20.0 * ratio.log10()
}

fn peak(sound: &[f32]) -> f64 {
    sound.iter().map(|sample| f64::from(sample.abs())).fold(0.0, f64::max)
}

/// From and to, and the highest frequency that must come through unchanged.
const RATES: &[(u32, u32, f64)] = &[
    (44_100, 48_000, 20_000.0),
    (48_000, 44_100, 20_000.0),
    (96_000, 44_100, 20_000.0),
    (44_100, 96_000, 20_000.0),
    (44_100, 88_200, 20_000.0),
    (48_000, 16_000, 7_250.0),
    (44_100, 22_050, 10_000.0),
    (16_000, 48_000, 7_250.0),
    (44_100, 16_000, 7_250.0),
];

#[test]
fn the_pass_band_is_flat_within_a_tenth_of_a_decibel_and_nothing_is_delayed() {
    for (from, to, highest) in RATES {
        let frequencies: Vec<f64> =
            [0.002, 0.01, 0.05, 0.2, 0.5, 0.8, 0.9, 0.95, 0.98, 1.0].map(|part| part * highest).into();
        let sound = tones(*from, &frequencies.iter().map(|hertz| (*hertz, 0.09)).collect::<Vec<_>>());
        let out = resampled(&sound, *from, *to);
        for hertz in frequencies {
            let ((before, start), (after, end)) = (tone_in(&sound, *from, hertz), tone_in(&out, *to, hertz));
            let ripple = db(after / before);
            assert!(ripple.abs() < 0.1, "{from} to {to}: {ripple} dB at {hertz} Hz");
            let turn = (end - start + TAU / 2.0).rem_euclid(TAU) - TAU / 2.0;
            let delay = turn / TAU / hertz * f64::from(*to);
            assert!(delay.abs() < 0.01, "{from} to {to}: {delay} frames late at {hertz} Hz");
        }
    }
}

#[test]
fn what_is_too_high_for_the_new_rate_folds_back_below_minus_120_decibels() {
    for (from, to, _) in RATES.iter().filter(|(from, to, _)| from > to) {
        let (half, least) = (f64::from(*from) / 2.0, f64::from(*to) / 2.0);
        for hertz in [least * 1.0205, least * 1.1, (least + half) / 2.0, half * 0.98]
            .into_iter()
            .filter(|hertz| *hertz > least && *hertz < half)
        {
            let sound = tones(*from, &[(hertz, 1.0)]);
            let out = resampled(&sound, *from, *to);
            // Where the fades begin and end there is a little that is not of the tone, and that the new rate does hold.
            let folded = db(peak(&out[out.len() * 3 / 10..out.len() * 7 / 10]));
            assert!(folded < -120.0, "{from} to {to}: {folded} dB of {hertz} Hz");
        }
    }
}

#[test]
fn the_images_of_a_higher_rate_are_below_minus_120_decibels() {
    for (from, to, highest) in RATES.iter().filter(|(from, to, _)| from < to) {
        let out = resampled(&tones(*from, &[(*highest, 0.9)]), *from, *to);
        let image = f64::from(*from) - highest;
        if image < f64::from(*to) / 2.0 {
            let level = db(tone_in(&out, *to, image).0);
            assert!(level < -120.0, "{from} to {to}: {level} dB at {image} Hz");
        }
    }
}

#[test]
fn there_and_back_leaves_less_than_minus_100_decibels_of_difference() {
    for (there, back) in [(44_100, 48_000), (44_100, 96_000), (48_000, 44_100), (44_100, 88_200)] {
        let parts: Vec<_> = (0..200).map(|part| (40.0 + 99.7 * f64::from(part), 0.02)).collect();
        let sound = tones(there, &parts);
        let out = resampled(&resampled(&sound, there, back), back, there);
        assert_eq!(out.len(), sound.len());
        let power = |sound: &[f32]| sound.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
        let rest: Vec<f32> = sound.iter().zip(&out).map(|(a, b)| a - b).collect();
        let null = 10.0 * (power(&rest) / power(&sound)).log10();
        assert!(null < -100.0, "{there} to {back} and back: {null} dB");
    }
}
