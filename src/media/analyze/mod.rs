//! Everything that can be measured of a sound, from one pass of decoding.

mod analysis;

pub use analysis::{Analysis, Key, Loudness, SCHEMA_VERSION, SchemaName, Tempo};

use super::channels::mix;
use super::decode::SoundInfo;
use super::error::MediaError;
use super::features::Features;
use super::key::{self, KeyFinder};
use super::loudness::{self, LoudnessFigures};
use super::plot::Canvas;
use super::rhythm::{self, Rhythm};
use super::signal::Signal;
use super::source::Source;
use super::spectrogram::{Look, Spectrogram};
use super::spectrum::{Frames, Spectrum};
use super::waveform::{PARTS_PER_COLUMN, Peaks, WaveformLook};

/// What is to be drawn along with an analysis.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drawings {
    /// A spectrogram.
    pub spectrogram: Option<Look>,
    /// The samples of a frame of the spectrogram; those of the analysis where nothing is said.
    pub size: Option<usize>,
    /// The hop of the spectrogram; what fits the picture where nothing is said.
    pub hop: Option<usize>,
    /// A picture of the waveform.
    pub waveform: Option<WaveformLook>,
}

/// An analysis and what was drawn along with it.
#[derive(Debug, Clone)]
pub struct Analyzed {
    /// What the file says of itself.
    pub info: SoundInfo,
    /// The figures.
    pub analysis: Analysis,
    /// The spectrogram, where one was asked for.
    pub spectrogram: Option<Canvas>,
    /// The picture of the waveform, where one was asked for.
    pub waveform: Option<Canvas>,
}

/// Decodes `source` once, and gathers all figures and `drawings` on the way.
///
/// # Errors
/// Those of [`Source::open`] and [`super::SoundReader::next_block`]: a damaged file has no figures, unless the source
/// is to tell of damage. [`MediaError::Limit`] for a hop of more samples than a frame has.
pub fn analyze(source: &Source, drawings: &Drawings) -> Result<Analyzed, MediaError> {
    let mut sound = source.open()?;
    let info = sound.info().clone();
    let size = drawings.size.unwrap_or_else(|| Frames::for_rate(info.sample_rate).size);
    if let Some(hop) = drawings.hop.filter(|hop| *hop > size) {
        let wrong = format!("a hop of {hop} samples would leave out what lies between frames of {size}");
        return Err(MediaError::Limit(wrong));
    }
    let mut pass = Pass::new(&info, drawings);
    while let Some(block) = sound.next_block()? {
        pass.add(block);
    }
    let mut found = pass.finish(info, drawings);
    found.analysis.damage = sound.damage().to_vec();
    Ok(found)
}

/// Everything that is gathered on the way.
struct Pass {
    rate: u32,
    channels: usize,
    count: u64,
    mono: Vec<f32>,
    signal: Signal,
    spectrum: Spectrum,
    features: Features,
    loudness: loudness::Loudness,
    rhythm: Rhythm,
    key: KeyFinder,
    gram: Option<Gram>,
    peaks: Option<Peaks>,
}

/// A spectrogram that is being drawn.
struct Gram {
    drawing: Spectrogram,
    /// Spectra of its own, the power of all channels; those of the analysis, which are of their mix, serve where there is
    /// one channel and they are the same, or more than it needs.
    own: Option<Spectrum>,
}

impl Gram {
    fn new(info: &SoundInfo, drawings: &Drawings, shared: Frames) -> Option<Self> {
        let look = drawings.spectrogram.clone()?;
        let size = drawings.size.unwrap_or(shared.size);
        let fitting = look.frames(size, info.frames);
        let hop = drawings.hop.unwrap_or(fitting.hop);
        // Frames further apart would look the same; these are there.
        let serves = info.channels == 1
            && size == shared.size
            && (hop == shared.hop || drawings.hop.is_none() && hop > shared.hop);
        let (own, frames) = if serves {
            (None, shared)
        } else {
            let own = Spectrum::new(Frames { size, hop }, info.channels);
            let frames = own.frames();
            (Some(own), frames)
        };
        let drawing = Spectrogram::new(look, info.sample_rate, info.frames.map(|length| frames.count(length)));
        Some(Self { drawing, own })
    }
}

impl Pass {
    fn new(info: &SoundInfo, drawings: &Drawings) -> Self {
        let frames = Frames::for_rate(info.sample_rate);
        Self {
            rate: info.sample_rate,
            channels: info.channels,
            count: 0,
            mono: Vec::new(),
            signal: Signal::new(info.sample_rate, info.channels, info.bits),
            spectrum: Spectrum::new(frames, 1),
            features: Features::new(info.sample_rate, frames),
            loudness: loudness::Loudness::new(info.sample_rate, info.channels),
            rhythm: Rhythm::new(info.sample_rate, frames),
            key: KeyFinder::new(info.sample_rate),
            gram: Gram::new(info, drawings, frames),
            peaks: drawings
                .waveform
                .map(|look| Peaks::new(info.channels, look.width as usize * PARTS_PER_COLUMN, info.frames)),
        }
    }

    fn add(&mut self, block: &[f32]) {
        self.count += (block.len() / self.channels) as u64;
        self.signal.add(block);
        self.loudness.add(block);
        if let Some(peaks) = &mut self.peaks {
            peaks.add(block);
        }
        if let Some(Gram { drawing, own: Some(own) }) = &mut self.gram {
            own.add(block, |power| drawing.add(power));
        }
        mix(block, self.channels, 1, &mut self.mono);
        self.features.add_samples(&self.mono);
        self.key.add(&self.mono);
        let (features, rhythm, gram) = (&mut self.features, &mut self.rhythm, &mut self.gram);
        self.spectrum.add(&self.mono, |power| share(power, features, rhythm, gram));
    }

    fn finish(mut self, info: SoundInfo, drawings: &Drawings) -> Analyzed {
        let (features, rhythm, gram) = (&mut self.features, &mut self.rhythm, &mut self.gram);
        self.spectrum.finish(|power| share(power, features, rhythm, gram));
        let duration_s = self.count as f64 / f64::from(self.rate);
        let spectrogram = self.gram.map(|Gram { mut drawing, own }| {
            if let Some(mut own) = own {
                own.finish(|power| drawing.add(power));
            }
            drawing.finish(duration_s)
        });
        let waveform = drawings.waveform.zip(self.peaks).map(|(look, peaks)| peaks.picture(look, duration_s));
        let features = self.features.finish();
        let rhythm = self.rhythm.finish();
        let key = self.key.finish();
        let analysis = Analysis {
            schema: SchemaName::default(),
            duration_s,
            sample_rate_hz: self.rate,
            channels: self.channels as u32,
            codec: info.codec.to_owned(),
            format: info.format.word().to_owned(),
            bits: info.bits,
            signal: self.signal.finish(),
            loudness: self.loudness.finish().into(),
            onsets_s: rhythm.onsets_s,
            tempo: rhythm.tempo.map(Tempo::from).unwrap_or_default(),
            tuning_cents: features.tuning_cents,
            key: key.map(Key::from).unwrap_or_default(),
            features: features.statistics,
            damage: Vec::new(),
        };
        Analyzed { info, analysis, spectrogram, waveform }
    }
}

/// Gives the spectrum of a frame to all who share it.
fn share(power: &[f32], features: &mut Features, rhythm: &mut Rhythm, gram: &mut Option<Gram>) {
    features.add_power(power);
    rhythm.add(power);
    if let Some(Gram { drawing, own: None }) = gram {
        drawing.add(power);
    }
}

impl From<LoudnessFigures> for Loudness {
    fn from(found: LoudnessFigures) -> Self {
        Self {
            integrated_lufs: found.integrated_lufs,
            range_lu: found.range_lu,
            true_peak_dbtp: found.true_peak_dbtp,
            momentary_max_lufs: found.momentary_max_lufs,
            short_term_max_lufs: found.short_term_max_lufs,
        }
    }
}

impl From<rhythm::Tempo> for Tempo {
    fn from(found: rhythm::Tempo) -> Self {
        Self {
            bpm: Some(found.bpm),
            confidence: Some(found.confidence),
            alternatives_bpm: found.alternatives_bpm,
            beats_s: found.beats_s,
        }
    }
}

impl From<key::Key> for Key {
    fn from(found: key::Key) -> Self {
        Self {
            tonic: Some(found.tonic.to_owned()),
            mode: Some(found.mode.name().to_owned()),
            confidence: Some(found.confidence),
        }
    }
}
