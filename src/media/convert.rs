//! Turns any sound file into others: rate, channels, silence at the ends, level. Two passes, bounded memory.

use super::encode::{SoundWriter, Target};
use super::error::MediaError;
use super::level::{Level, amplitude};
use super::resample::RateChange;
use super::source::Source;
use super::tags::Tags;

/// The peak of a normalised sound, in dBFS.
pub const NORMAL_PEAK_DBFS: f64 = -1.0;

/// Silence to take off both ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trim {
    /// What is below this level in every channel is silence, in dBFS.
    pub below_dbfs: f64,
    /// How much of the silence stays before the first and after the last sound, in seconds.
    pub keep: f64,
}

/// What the sound is to become.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conversion {
    /// The new rate in Hz; `None` keeps it.
    pub sample_rate: Option<u32>,
    /// One channel (the mean of all), two (one is doubled; of more, the odd and the even ones are averaged), or `None`
    /// to keep them.
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
    /// Its rate in Hz.
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
    let (first, last) = match (&survey, how.trim) {
        (Some(survey), Some(trim)) => survey.range(trim, info.sample_rate)?,
        _ => (0, u64::MAX),
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
    to.iter().try_for_each(|target| tags.write(&target.path, target.coding))?;
    let seconds = |frames: u64| frames as f64 / f64::from(info.sample_rate);
    let limit = if clips { 0.0 } else { f64::INFINITY };
    Ok(Converted {
        duration,
        sample_rate: rate,
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
    /// Frames at the old rate.
    frames: u64,
    /// The first frame that sounds, and the one after the last.
    sounding: Option<(u64, u64)>,
}

impl Survey {
    /// The frames to keep.
    fn range(&self, trim: Trim, rate: u32) -> Result<(u64, u64), MediaError> {
        let (first, end) = self.sounding.ok_or_else(|| {
            MediaError::damaged(format!("all of it is below {} dBFS, trimming would leave nothing", trim.below_dbfs))
        })?;
        let keep = (trim.keep * f64::from(rate)).round() as u64;
        Ok((first.saturating_sub(keep), end.saturating_add(keep).min(self.frames)))
    }
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
    let threshold = how.trim.map_or(f64::INFINITY, |trim| amplitude(trim.below_dbfs)) as f32;
    let mut found = Survey { peak: 0.0, frames: 0, sounding: None };
    let mut mixed = Vec::new();
    while let Some(block) = sound.next_block()? {
        mix(block, source_channels, channels, &mut mixed);
        match &mut change {
            Some(change) => change.add(&mixed, &mut measure)?,
            None => measure(&mixed)?,
        }
        for frame in mixed.chunks_exact(channels) {
            let loudest = frame.iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
            if loudest >= threshold {
                let first = found.sounding.map_or(found.frames, |(first, _)| first);
                found.sounding = Some((first, found.frames + 1));
            }
            found.frames += 1;
        }
    }
    if let Some(change) = &mut change {
        change.finish(&mut measure)?;
    }
    found.peak = level.peak();
    Ok(found)
}

/// Mixes interleaved `from` channels to `to` of them, which is the same number, 1 or 2.
fn mix(block: &[f32], from: usize, to: usize, mixed: &mut Vec<f32>) {
    mixed.clear();
    if from == to {
        mixed.extend_from_slice(block);
        return;
    }
    for frame in block.chunks_exact(from) {
        for channel in 0..to {
            // With one channel in, or one out, all are averaged; else channels are dealt to left and right in turn.
            let step = if from == 1 { 1 } else { to };
            let start = if from == 1 { 0 } else { channel };
            let dealt = frame.iter().skip(start).step_by(step);
            let count = dealt.len().max(1);
            mixed.push(dealt.sum::<f32>() / count as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_averaged() {
        let mut mixed = Vec::new();
        mix(&[1.0, 0.0, 0.5, 0.5], 2, 1, &mut mixed);
        assert_eq!(mixed, [0.5, 0.5]);
        mix(&[0.25, -0.5], 1, 2, &mut mixed);
        assert_eq!(mixed, [0.25, 0.25, -0.5, -0.5]);
        mix(&[1.0, 0.0, 0.0, 0.5, 0.5, 0.1], 6, 2, &mut mixed);
        assert_eq!(mixed, [0.5, 0.2]);
    }
}
