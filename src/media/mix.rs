//! Sums several sounds to one, such as stems back to their song. Bounded memory.

use super::encode::{SoundWriter, Target};
use super::level::{Level, amplitude, dbfs};
use super::lockstep::{AtSource, open_all};
use super::source::Source;
use super::tags::Tags;

/// Frames that are summed at a time.
const BLOCK: usize = 4096;

/// What has come of a mix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mixed {
    /// What the sum was scaled by so that it would not clip, in dB: 0, or less.
    pub gain_db: f64,
    /// The largest sample of the result, in dBFS; `None` for silence.
    pub peak_dbfs: Option<f64>,
    /// Length in seconds: that of the longest.
    pub duration: f64,
    /// In Hz: that of the first.
    pub sample_rate: u32,
    /// Channels of the result: two if any is stereo.
    pub channels: usize,
}

/// Sums `sources`, each with its gain in dB, and writes the sum to each of `to`. Where a file of integers is among those
/// and the sum goes beyond full scale, it is scaled down to fit; floating point is left as it is. The tags are those of the
/// first, but those that told its level.
///
/// # Errors
/// Those of [`super::SoundReader`], [`super::resample::RateChange`] and [`SoundWriter`], with the number of the source, and
/// [`super::MediaError::Limit`] where the channels do not fit together.
pub fn mix(sources: &[(Source, f64)], to: &[Target]) -> Result<Mixed, AtSource> {
    let gains: Vec<f32> = sources.iter().map(|(_, gain_db)| amplitude(*gain_db) as f32).collect();
    let sources: Vec<Source> = sources.iter().map(|(source, _)| source.clone()).collect();
    let mut scale = 1.0;
    if to.iter().any(|target| target.coding.clips()) {
        let mut level = Level::default();
        sum(&sources, &gains, |block, _, _| {
            level.add(block);
            Ok(())
        })?;
        scale = 1.0 / level.peak().max(1.0);
    }
    let gains: Vec<f32> = gains.iter().map(|gain| gain * scale).collect();
    let (mut level, mut writer) = (Level::default(), None);
    let (frames, sample_rate, channels) = sum(&sources, &gains, |block, rate, channels| {
        level.add(block);
        let writer = match &mut writer {
            Some(writer) => writer,
            None => writer.insert(SoundWriter::create_all(to, rate, channels)?),
        };
        writer.write(block)
    })?;
    if let Some(writer) = writer {
        writer.finish().map_err(|error| (0, error))?;
    }
    if let Some(first) = sources.first() {
        let mut tags = Tags::read(&first.path).map_err(|error| (0, error))?;
        tags.forget_level();
        tags.write_all(to).map_err(|error| (0, error))?;
    }
    Ok(Mixed {
        gain_db: dbfs(scale.into()).unwrap_or_default(),
        peak_dbfs: level.peak_dbfs(),
        duration: frames as f64 / f64::from(sample_rate),
        sample_rate,
        channels,
    })
}

/// Sums the sources and gives it to `each`, with rate and channels; tells frames, rate and channels.
fn sum(
    sources: &[Source],
    gains: &[f32],
    mut each: impl FnMut(&[f32], u32, usize) -> Result<(), super::MediaError>,
) -> Result<(u64, u32, usize), AtSource> {
    let (mut lanes, rate, channels) = open_all(sources)?;
    let (mut block, mut frames) = (Vec::with_capacity(BLOCK * channels), 0_u64);
    loop {
        block.clear();
        for (number, (lane, gain)) in lanes.iter_mut().zip(gains).enumerate() {
            let samples = lane.next(BLOCK).map_err(|error| (number, error))?;
            block.resize(samples.len().max(block.len()), 0.0_f32);
            block.iter_mut().zip(samples).for_each(|(sum, sample)| *sum += sample * gain);
        }
        if block.is_empty() {
            return Ok((frames, rate, channels));
        }
        frames += (block.len() / channels) as u64;
        each(&block, rate, channels).map_err(|error| (0, error))?;
    }
}
