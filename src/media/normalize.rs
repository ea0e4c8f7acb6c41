//! Brings a sound to a loudness, and holds its true peak below a ceiling. Bounded memory, several passes.

use super::encode::{SoundWriter, Target};
use super::error::MediaError;
use super::level::amplitude;
use super::limiter::Limiter;
use super::loudness::{Loudness, LoudnessFigures};
use super::source::Source;
use super::tags::Tags;

/// How near to the target a limited sound is brought, in LU.
const NEAR: f64 = 0.05;
/// How often the gain before a limiter is tried.
const TRIALS: u32 = 5;
/// A limiter is not driven further than this beyond the gain that the loudness asks for, in dB: what is missing then
/// cannot be had without ruining the sound.
const MOST_DRIVE: f64 = 12.0;

/// What is done where the gain to the target would lift the true peak above the ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ceiling {
    /// The whole sound gets less gain, and stays below the target.
    HoldsGain,
    /// The peaks are limited, and the target is reached.
    Limits,
}

/// What a sound is to be brought to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalization {
    /// The integrated loudness wanted, in LUFS.
    pub target_lufs: f64,
    /// The highest true peak allowed, in dBTP.
    pub ceiling_dbtp: f64,
    /// What gives way where both cannot be had.
    pub ceiling: Ceiling,
}

/// What has come of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalized {
    /// The gain that the whole sound was given, in dB.
    pub gain_db: f64,
    /// What the sound measured.
    pub before: LoudnessFigures,
    /// What the result measures, before it is coded.
    pub after: LoudnessFigures,
    /// The most that the limiter took off, in dB.
    pub reduction_db: f64,
    /// For how long it took something off, in seconds.
    pub limited: f64,
    /// Length in seconds.
    pub duration: f64,
}

/// Brings `from` to the loudness that `how` asks for, and writes it to each of `to`, with its tags but those that told its
/// level. A sound whose loudness is not defined (silence, less than 0.4 s) is given no gain, but where its peaks are above
/// the ceiling.
///
/// # Errors
/// Those of [`super::SoundReader`] and [`SoundWriter`].
pub fn normalize(from: &Source, to: &[Target], how: &Normalization) -> Result<Normalized, MediaError> {
    let before = pass(from, 1.0, None, |_, _, _| Ok(()))?.figures;
    let wanted = before.integrated_lufs.map_or(0.0, |loudness| how.target_lufs - loudness);
    let room = before.true_peak_dbtp.map_or(f64::INFINITY, |peak| how.ceiling_dbtp - peak);
    let limits = how.ceiling == Ceiling::Limits && wanted > room && before.integrated_lufs.is_some();
    let ceiling = limits.then(|| amplitude(how.ceiling_dbtp));
    let gain_db = if limits { driven(from, how, wanted)? } else { wanted.min(room) };
    let mut writer = None;
    let done = pass(from, amplitude(gain_db), ceiling, |samples, rate, channels| {
        let writer = match &mut writer {
            Some(writer) => writer,
            None => writer.insert(SoundWriter::create_all(to, rate, channels)?),
        };
        writer.write(samples)
    })?;
    if let Some(writer) = writer {
        writer.finish()?;
    }
    let mut tags = Tags::read(&from.path)?;
    tags.forget_level();
    tags.write_all(to)?;
    let Pass { figures: after, reduction_db, limited, duration } = done;
    Ok(Normalized { gain_db, before, after, reduction_db, limited, duration })
}

/// The gain, in dB, with which the limited sound has the loudness wanted; where that cannot be had, the least gain of those
/// tried that comes within a tenth of the loudest.
fn driven(from: &Source, how: &Normalization, start: f64) -> Result<f64, MediaError> {
    let mut gain = start;
    let mut tried: Vec<(f64, f64)> = Vec::new();
    for _ in 0..TRIALS {
        let figures = pass(from, amplitude(gain), Some(amplitude(how.ceiling_dbtp)), |_, _, _| Ok(()))?.figures;
        let Some(loudness) = figures.integrated_lufs else { break };
        let missing = how.target_lufs - loudness;
        if missing.abs() <= NEAR {
            return Ok(gain);
        }
        // The more is limited, the less of a gain remains.
        let share = tried.last().map_or(1.0, |(before, heard)| ((loudness - heard) / (gain - before)).clamp(0.2, 1.0));
        tried.push((gain, loudness));
        let next = (gain + missing / share).min(start + MOST_DRIVE);
        if (next - gain).abs() < NEAR {
            break;
        }
        gain = next;
    }
    let loudest = tried.iter().map(|(_, loudness)| *loudness).filter(|loudness| *loudness <= how.target_lufs + 0.1);
    let loudest = loudest.fold(f64::NEG_INFINITY, f64::max);
    let enough = |(_, loudness): &&(f64, f64)| (loudest - 0.1..=loudest).contains(loudness);
    Ok(tried.iter().filter(enough).map(|(gain, _)| *gain).reduce(f64::min).unwrap_or(start))
}

/// What one pass has found out.
struct Pass {
    figures: LoudnessFigures,
    reduction_db: f64,
    limited: f64,
    duration: f64,
}

/// Reads the sound with a gain and, where there is a ceiling, limited; `each` is given it with its rate and channels.
fn pass(
    from: &Source,
    gain: f64,
    ceiling: Option<f64>,
    mut each: impl FnMut(&[f32], u32, usize) -> Result<(), MediaError>,
) -> Result<Pass, MediaError> {
    let mut sound = from.open()?;
    let (rate, channels) = (sound.info().sample_rate, sound.info().channels);
    let mut limiter = ceiling.map(|ceiling| Limiter::new(rate, channels, ceiling));
    let mut meter = Loudness::new(rate, channels);
    let (mut louder, mut ready, mut count) = (Vec::new(), Vec::new(), 0_usize);
    while let Some(block) = sound.next_block()? {
        louder.clear();
        louder.extend(block.iter().map(|sample| sample * gain as f32));
        let done = match &mut limiter {
            Some(limiter) => {
                ready.clear();
                limiter.add(&louder, &mut ready);
                &ready
            }
            None => &louder,
        };
        count += done.len() / channels;
        meter.add(done);
        each(done, rate, channels)?;
    }
    if let Some(limiter) = &mut limiter {
        ready.clear();
        limiter.finish(&mut ready);
        count += ready.len() / channels;
        meter.add(&ready);
        each(&ready, rate, channels)?;
    }
    let seconds = |frames: f64| frames / f64::from(rate);
    Ok(Pass {
        figures: meter.finish(),
        reduction_db: limiter.as_ref().map_or(0.0, Limiter::most_reduction_db),
        limited: seconds(limiter.as_ref().map_or(0, Limiter::limited) as f64),
        duration: seconds(count as f64),
    })
}
