//! Takes off the ends of a sound: its silence, or what lies outside a given stretch.

use super::{Sounding, Span, Trim};
use crate::media::encode::{SoundWriter, Target};
use crate::media::error::MediaError;
use crate::media::source::Source;
use crate::media::tags::Tags;

/// What is to stay of a sound.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Trimming {
    /// What lies before this second is taken off first.
    pub start: f64,
    /// What lies after this second, too; `None` is the end.
    pub end: Option<f64>,
    /// The silence to take off both ends of what is left.
    pub silence: Option<Trim>,
}

/// What has come of a sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trimmed {
    /// What was kept, in frames.
    pub kept: Span,
    /// Frames of the whole sound.
    pub frames: u64,
    /// In Hz.
    pub sample_rate: u32,
}

/// Writes what is to stay of `from` into `to`; every sample of it stays as it was, as far as the coding goes, and so do
/// its tags.
///
/// # Errors
/// Those of [`super::super::SoundReader`] and [`SoundWriter`]; [`MediaError::Damaged`] when nothing would be left.
pub fn trim(from: &Source, to: &[Target], how: &Trimming) -> Result<Trimmed, MediaError> {
    let mut sound = from.open()?;
    let (rate, channels) = (sound.info().sample_rate, sound.info().channels);
    let frame = |seconds: f64| (seconds * f64::from(rate)).round() as u64;
    let mut keep = Span { start: frame(how.start), end: how.end.map_or(u64::MAX, frame) };
    if let Some(silence) = how.silence {
        let (mut sounding, mut place) = (Sounding::new(silence, channels), 0);
        while let Some(block) = sound.next_block()? {
            sounding.add(part(block, &mut place, keep, channels));
        }
        let kept = sounding.kept(rate)?;
        keep = Span { start: keep.start + kept.start, end: keep.start + kept.end };
        sound = from.open()?;
    }
    let mut writer = SoundWriter::create_all(to, rate, channels)?;
    let mut place = 0;
    while let Some(block) = sound.next_block()? {
        writer.write(part(block, &mut place, keep, channels))?;
    }
    let frames = writer.finish()?;
    if frames == 0 {
        let whole = place as f64 / f64::from(rate);
        return Err(MediaError::damaged(format!("it is {whole:.2} s long, and nothing of that is to stay")));
    }
    Tags::read(&from.path)?.write_all(to)?;
    Ok(Trimmed { kept: Span { start: keep.start, end: keep.start + frames }, frames: place, sample_rate: rate })
}

/// What of a block lies within `keep`; `place` is its first frame, and then that of the next.
fn part<'a>(block: &'a [f32], place: &mut u64, keep: Span, channels: usize) -> &'a [f32] {
    let end = *place + (block.len() / channels) as u64;
    let from = keep.start.clamp(*place, end) - *place;
    let to = keep.end.clamp(*place, end) - *place;
    *place = end;
    &block[from as usize * channels..to.max(from) as usize * channels]
}
