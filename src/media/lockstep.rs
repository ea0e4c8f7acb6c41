//! Sounds that are read side by side, at one rate and with as many channels each.

use super::decode::SoundReader;
use super::error::MediaError;
use super::resample::RateChange;
use super::source::Source;

/// An error, and the number of the source that it was met with.
pub type AtSource = (usize, MediaError);

/// Frames that are passed over at a time.
const SKIPPED: usize = 1 << 14;

/// One of several sounds that are read side by side.
pub(super) struct Lane {
    sound: SoundReader,
    change: Option<RateChange>,
    channels: usize,
    ready: Vec<f32>,
    /// Samples of `ready` that were handed out.
    used: usize,
    ended: bool,
}

/// Opens all of `sources`; each is read at the rate of the first, and a sound of one channel goes on both of stereo. Tells
/// the rate and the number of channels.
pub(super) fn open_all(sources: &[Source]) -> Result<(Vec<Lane>, u32, usize), AtSource> {
    let mut lanes = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        lanes.push(source.open().map_err(|error| (number, error))?);
    }
    let rate = lanes.first().map_or(1, |sound| sound.info().sample_rate);
    let channels = lanes.iter().map(|sound| sound.info().channels).max().unwrap_or(1);
    let fitted = lanes
        .into_iter()
        .enumerate()
        .map(|(number, sound)| Lane::new(sound, rate, channels).map_err(|error| (number, error)));
    Ok((fitted.collect::<Result<_, _>>()?, rate, channels))
}

impl Lane {
    fn new(sound: SoundReader, rate: u32, channels: usize) -> Result<Self, MediaError> {
        let info = sound.info();
        if info.channels != channels && (info.channels, channels) != (1, 2) {
            let own = info.channels;
            return Err(MediaError::Limit(format!("{own} channels beside {channels}; only mono goes with stereo")));
        }
        let change = match info.sample_rate {
            same if same == rate => None,
            other => Some(RateChange::new(other, rate, channels)?),
        };
        Ok(Self { sound, change, channels, ready: Vec::new(), used: 0, ended: false })
    }

    /// The next `frames` frames, interleaved; fewer at the end, and then none.
    pub(super) fn next(&mut self, frames: usize) -> Result<&[f32], MediaError> {
        self.ready.drain(..self.used);
        while self.ready.len() < frames * self.channels && !self.ended {
            let ready = &mut self.ready;
            let mut keep = |samples: &[f32]| {
                ready.extend_from_slice(samples);
                Ok(())
            };
            let doubles = self.sound.info().channels < self.channels;
            match (self.sound.next_block()?, &mut self.change) {
                (Some(block), change) => {
                    let doubled: Vec<f32>;
                    let block = if doubles {
                        doubled = block.iter().flat_map(|sample| [*sample; 2]).collect();
                        &doubled
                    } else {
                        block
                    };
                    match change {
                        Some(change) => change.add(block, keep)?,
                        None => keep(block)?,
                    }
                }
                (None, change) => {
                    self.ended = true;
                    if let Some(change) = change {
                        change.finish(keep)?;
                    }
                }
            }
        }
        self.used = self.ready.len().min(frames * self.channels);
        Ok(&self.ready[..self.used])
    }

    /// Passes over the next `frames` frames, or over what is left.
    pub(super) fn skip(&mut self, mut frames: usize) -> Result<(), MediaError> {
        while frames > 0 {
            let now = frames.min(SKIPPED);
            if self.next(now)?.is_empty() {
                break;
            }
            frames -= now;
        }
        Ok(())
    }
}
