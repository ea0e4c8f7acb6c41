//! Cuts a sound into clips, in one pass of writing.

use std::collections::VecDeque;

use super::Span;
use crate::media::channels::mix;
use crate::media::encode::{SoundWriter, Target};
use crate::media::error::MediaError;
use crate::media::level::Level;
use crate::media::resample::RateChange;
use crate::media::source::Source;
use crate::media::tags::Tags;

/// Where a sound is cut.
#[derive(Debug, Clone, PartialEq)]
pub enum Cuts {
    /// Into these clips, in frames of the sound as it is read, in order of their starts. A clip ends where the sound does.
    Into(Vec<Span>),
    /// Into windows of equal length until all of the sound is in one; the last is as long as what is left.
    Windows {
        /// The length, in seconds.
        window: f64,
        /// From the start of one to that of the next, in seconds.
        hop: f64,
        /// A last window that is shorter than this is left out, in seconds.
        least: f64,
    },
}

/// What clips are to be.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Slicing {
    /// The rate in Hz; `None` keeps that of the sound.
    pub sample_rate: Option<u32>,
    /// One channel, or two; `None` keeps those of the sound.
    pub channels: Option<usize>,
    /// Length of the fade at either end of a clip, in seconds; none at the end of the sound.
    pub fade: f64,
}

/// A clip that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// Its file.
    pub target: Target,
    /// Where it lies in the sound, in frames of the result.
    pub span: Span,
    /// Its largest sample and mean level.
    pub level: Level,
}

/// What has come of a sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Sliced {
    /// The rate of the clips in Hz.
    pub sample_rate: u32,
    /// Frames of the whole sound, at that rate.
    pub frames: u64,
    /// The clips, in order of their starts.
    pub clips: Vec<Clip>,
}

impl Sliced {
    /// Frames of the sound that are in a clip, each counted once.
    #[must_use]
    pub fn kept(&self) -> u64 {
        let (mut kept, mut reached) = (0, 0);
        for Clip { span, .. } in &self.clips {
            kept += span.end.saturating_sub(span.start.max(reached));
            reached = reached.max(span.end);
        }
        kept
    }
}

/// Writes the clips of `from`; `target` says where the clip of that number goes, counted from 0.
///
/// Without a change of the rate, clips have exactly the samples of their span; with one, the whole sound is changed and
/// then cut, so that clips next to each other still fit without a seam. Each clip has the tags of the sound, but no picture.
///
/// # Errors
/// Those of [`super::super::SoundReader`], [`RateChange`] and [`SoundWriter`].
pub fn slice(
    from: &Source,
    cuts: &Cuts,
    how: &Slicing,
    target: impl FnMut(usize) -> Target,
) -> Result<Sliced, MediaError> {
    let mut sound = from.open()?;
    let info = sound.info().clone();
    let (rate, channels) = (how.sample_rate.unwrap_or(info.sample_rate), how.channels.unwrap_or(info.channels));
    let mut change =
        if rate == info.sample_rate { None } else { Some(RateChange::new(info.sample_rate, rate, channels)?) };
    let fade = (how.fade * f64::from(rate)).round() as u64;
    let mut tags = Tags::read(&from.path)?;
    tags.forget_pictures();
    let mut cutter = Cutter {
        cuts,
        tags,
        rates: (info.sample_rate, rate),
        channels,
        fade,
        target,
        next: 0,
        place: 0,
        open: VecDeque::new(),
        clips: Vec::new(),
        shaped: Vec::new(),
    };
    let mut mixed = Vec::new();
    while let Some(block) = sound.next_block()? {
        mix(block, info.channels, channels, &mut mixed);
        match &mut change {
            Some(change) => change.add(&mixed, |samples| cutter.add(samples))?,
            None => cutter.add(&mixed)?,
        }
    }
    if let Some(change) = &mut change {
        change.finish(|samples| cutter.add(samples))?;
    }
    cutter.finish()
}

/// A clip that is being written.
struct Open {
    clip: Clip,
    writer: SoundWriter,
}

struct Cutter<'a, T> {
    cuts: &'a Cuts,
    tags: Tags,
    /// The rate of the sound, and of the clips.
    rates: (u32, u32),
    channels: usize,
    fade: u64,
    target: T,
    /// The number of the clip that begins next.
    next: usize,
    /// Frames that have gone by.
    place: u64,
    open: VecDeque<Open>,
    clips: Vec<Clip>,
    shaped: Vec<f32>,
}

impl<T: FnMut(usize) -> Target> Cutter<'_, T> {
    /// Where the clip `at` lies, in frames of the result.
    fn span(&self, at: usize) -> Option<Span> {
        let (from, to) = self.rates;
        match self.cuts {
            Cuts::Into(spans) => spans.get(at).map(|span| {
                let scaled = |frame: u64| {
                    let half = u128::from(from / 2);
                    u64::try_from((u128::from(frame) * u128::from(to) + half) / u128::from(from)).unwrap_or(u64::MAX)
                };
                Span { start: scaled(span.start), end: scaled(span.end) }
            }),
            Cuts::Windows { window, hop, .. } => {
                let start = (at as f64 * hop * f64::from(to)).round() as u64;
                // Without overlap a window ends where the next begins, whatever rounding does.
                let next = ((at + 1) as f64 * hop * f64::from(to)).round() as u64;
                let end = if hop < window { start + (window * f64::from(to)).round() as u64 } else { next };
                Some(Span { start, end: end.max(start + 1) })
            }
        }
    }

    fn add(&mut self, samples: &[f32]) -> Result<(), MediaError> {
        let end = self.place + (samples.len() / self.channels) as u64;
        while let Some(span) = self.span(self.next).filter(|span| span.start < end) {
            let target = (self.target)(self.next);
            let writer = SoundWriter::create_all(std::slice::from_ref(&target), self.rates.1, self.channels)?;
            self.open.push_back(Open { clip: Clip { target, span, level: Level::default() }, writer });
            self.next += 1;
        }
        for Open { clip, writer } in &mut self.open {
            let start = clip.span.start.max(self.place);
            let stop = clip.span.end.min(end);
            if start < stop {
                let range = (start - self.place) as usize * self.channels..(stop - self.place) as usize * self.channels;
                let samples = faded(&samples[range], start, clip.span, self.fade, self.channels, &mut self.shaped);
                clip.level.add(samples);
                writer.write(samples)?;
            }
        }
        self.place = end;
        while self.open.front().is_some_and(|open| open.clip.span.end <= end) {
            self.close()?;
        }
        Ok(())
    }

    /// Completes the clip that began first.
    fn close(&mut self) -> Result<(), MediaError> {
        let Some(Open { mut clip, writer }) = self.open.pop_front() else { return Ok(()) };
        clip.span.end = clip.span.start + writer.finish()?;
        self.tags.write(&clip.target.path, clip.target.coding)?;
        self.clips.push(clip);
        Ok(())
    }

    fn finish(mut self) -> Result<Sliced, MediaError> {
        let least = match self.cuts {
            Cuts::Windows { least, .. } => (least * f64::from(self.rates.1)).round() as u64,
            Cuts::Into(_) => 0,
        };
        while let Some(open) = self.open.front() {
            // The rest of a sound that lies wholly in the window before is none of its own.
            let known = self.clips.last().is_some_and(|before| before.span.end >= self.place);
            let short = self.place - open.clip.span.start < least;
            let windows = matches!(self.cuts, Cuts::Windows { .. });
            self.close()?;
            if windows
                && (known || short)
                && let Some(clip) = self.clips.pop()
            {
                std::fs::remove_file(&clip.target.path).map_err(MediaError::Unwritable)?;
            }
        }
        Ok(Sliced { sample_rate: self.rates.1, frames: self.place, clips: self.clips })
    }
}

/// The samples of a clip from the frame `start` on, with a fade of so many frames at its ends (half a cosine). `shaped` is
/// where they are kept.
fn faded<'a>(
    samples: &'a [f32],
    start: u64,
    clip: Span,
    fade: u64,
    channels: usize,
    shaped: &'a mut Vec<f32>,
) -> &'a [f32] {
    let fade = fade.min(clip.frames() / 2);
    let end = start + (samples.len() / channels) as u64;
    if start >= clip.start + fade && end <= clip.end - fade {
        return samples;
    }
    shaped.clear();
    shaped.extend_from_slice(samples);
    for (at, frame) in shaped.chunks_exact_mut(channels).enumerate() {
        let place = start + at as u64;
        let within = (place - clip.start).min(clip.end - 1 - place);
        if within < fade {
            let part = (within as f64 + 0.5) / fade as f64;
            let gain = (0.5 - 0.5 * (std::f64::consts::PI * part).cos()) as f32;
            frame.iter_mut().for_each(|sample| *sample *= gain);
        }
    }
    shaped
}
