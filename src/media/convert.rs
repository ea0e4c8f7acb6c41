//! Turns any sound file into others: rate, channels, silence at the ends, level. Two passes, bounded memory.

use super::channels::mix;
use super::encode::{SoundWriter, Target};
use super::error::MediaError;
use super::level::{Level, amplitude};
use super::resample::RateChange;
use super::segment::{Sounding, Trim};
use super::source::Source;
use super::tags::Tags;

/// The peak of a normalised sound, in dBFS.
pub const NORMAL_PEAK_DBFS: f64 = -1.0;

/// What the sound is to become.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conversion {
    /// The new rate in Hz; `None` keeps it.
    pub sample_rate: Option<u32>,
    /// One channel or two, as [`mix`] makes them, or `None` to keep them.
    pub channels: Option<usize>,
    /// Whether the loudest sample is brought to [`NORMAL_PEAK_DBFS`].
    pub normalize: bool,
    /// Silence to take off.
    pub trim: Option<Trim>,
    /// Tags to write over those of the source, by the names of [`Tags::names`]; an empty text takes one away.
    pub tags: Vec<(&'static str, String)>,
}

/// What has come of a conversion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Converted {
    /// Length of the result in seconds.
    pub duration: f64,
    /// The rate in Hz at which its file is decoded; of several files, the first.
    pub sample_rate: u32,
    /// Its channels.
    pub channels: usize,
    /// Its largest sample in dBFS, as written; `None` for silence.
    pub peak_dbfs: Option<f64>,
    /// Samples that were beyond full scale and were clipped.
    pub clipped: u64,
    /// Seconds taken off the start.
    pub trimmed_start: f64,
    /// Seconds taken off the end.
    pub trimmed_end: f64,
}

/// Converts `from` into the files `to`, all from one pass of writing.
///
/// # Errors
/// Those of [`super::SoundReader`], [`RateChange`] and [`SoundWriter`]; [`MediaError::Damaged`] when trimming would leave nothing.
pub fn convert(from: &Source, to: &[Target], how: &Conversion) -> Result<Converted, MediaError> {
    let info = from.open()?.info().clone();
    let rate = how.sample_rate.unwrap_or(info.sample_rate);
    let channels = how.channels.unwrap_or(info.channels);
    let survey = if how.normalize || how.trim.is_some() { Some(survey(from, how, channels, rate)?) } else { None };
    let (first, last) = match survey.as_ref().and_then(|survey| survey.sounding.as_ref()) {
        Some(sounding) => sounding.kept(info.sample_rate).map(|kept| (kept.start, kept.end))?,
        None => (0, u64::MAX),
    };
    let gain = match &survey {
        Some(survey) if how.normalize && survey.peak > 0.0 => amplitude(NORMAL_PEAK_DBFS) / f64::from(survey.peak),
        _ => 1.0,
    } as f32;

    let mut change =
        if rate == info.sample_rate { None } else { Some(RateChange::new(info.sample_rate, rate, channels)?) };
    let mut files = SoundWriter::create_all(to, rate, channels)?;
    let clips = to.iter().any(|target| target.coding.clips());
    let (mut level, mut clipped) = (Level::default(), 0);
    let mut write = |samples: &[f32]| {
        level.add(samples);
        if clips {
            clipped += samples.iter().filter(|sample| sample.abs() > 1.0).count() as u64;
        }
        files.write(samples)
    };
    let mut sound = from.open()?;
    let (mut place, mut mixed) = (0_u64, Vec::new());
    while let Some(block) = sound.next_block()? {
        mix(block, info.channels, channels, &mut mixed);
        mixed.iter_mut().for_each(|sample| *sample *= gain);
        let frames = (mixed.len() / channels) as u64;
        let start = first.clamp(place, place + frames) - place;
        let end = last.clamp(place, place + frames) - place;
        place += frames;
        let kept = &mixed[start as usize * channels..end.max(start) as usize * channels];
        match &mut change {
            Some(change) => change.add(kept, &mut write)?,
            None => write(kept)?,
        }
    }
    if let Some(change) = &mut change {
        change.finish(&mut write)?;
    }
    let duration = files.finish()? as f64 / f64::from(rate);
    let mut tags = Tags::read(&from.path)?;
    if how.normalize {
        tags.forget_level();
    }
    for (name, text) in &how.tags {
        tags.set(name, text);
    }
    tags.write_all(to)?;
    let seconds = |frames: u64| frames as f64 / f64::from(info.sample_rate);
    let limit = if clips { 0.0 } else { f64::INFINITY };
    Ok(Converted {
        duration,
        sample_rate: to.first().map_or(rate, |target| target.coding.rate(rate)),
        channels,
        peak_dbfs: level.peak_dbfs().map(|peak| peak.min(limit)),
        clipped,
        trimmed_start: seconds(first),
        trimmed_end: seconds(place.saturating_sub(last)),
    })
}

/// What the first pass finds out, on the mixed channels.
struct Survey {
    /// The largest amplitude, at the new rate.
    peak: f32,
    /// Where it sounds, at the old rate, if silence is to be taken off.
    sounding: Option<Sounding>,
}

fn survey(from: &Source, how: &Conversion, channels: usize, rate: u32) -> Result<Survey, MediaError> {
    let mut sound = from.open()?;
    let (source_channels, source_rate) = (sound.info().channels, sound.info().sample_rate);
    // A peak between samples can become a sample at the new rate, and the other way round: measure what will be written.
    let mut change =
        if how.normalize && rate != source_rate { Some(RateChange::new(source_rate, rate, channels)?) } else { None };
    let mut level = Level::default();
    let mut measure = |samples: &[f32]| {
        level.add(samples);
        Ok(())
    };
    let mut sounding = how.trim.map(|trim| Sounding::new(trim, channels));
    let mut mixed = Vec::new();
    while let Some(block) = sound.next_block()? {
        mix(block, source_channels, channels, &mut mixed);
        match &mut change {
            Some(change) => change.add(&mixed, &mut measure)?,
            None => measure(&mixed)?,
        }
        if let Some(sounding) = &mut sounding {
            sounding.add(&mixed);
        }
    }
    if let Some(change) = &mut change {
        change.finish(&mut measure)?;
    }
    Ok(Survey { peak: level.peak(), sounding })
}
