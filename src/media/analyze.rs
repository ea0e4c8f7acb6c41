//! The figures of a sound, from one pass of decoding.

use super::decode::SoundInfo;
use super::error::MediaError;
use super::level::Level;
use super::source::Source;
use super::spectrogram::{Look, Spectrogram};
use super::spectrum::{Frames, Spectrum};

/// What one pass over a sound found out.
#[derive(Debug, Clone)]
pub struct Analysis {
    /// What the file says of itself.
    pub info: SoundInfo,
    /// Frames (samples of one channel) that were decoded.
    pub frames: u64,
    /// Length in seconds, counted and not taken from the header.
    pub duration: f64,
    /// The largest sample, in dBFS. `None` for digital silence.
    pub peak_dbfs: Option<f64>,
    /// The root mean square over all channels, in dBFS. `None` for digital silence.
    pub rms_dbfs: Option<f64>,
    /// The mean spectral centroid, in Hz; see [`Spectrum::centroid_hz`]. `None` for silence.
    pub centroid_hz: Option<f64>,
    /// The spectrogram, where one was asked for.
    pub picture: Option<image::RgbImage>,
}

/// Decodes `source` once and gathers its figures, and a spectrogram if `look` is given.
///
/// # Errors
/// Those of [`Source::open`] and [`super::SoundReader::next_block`]: a damaged file has no figures.
pub fn analyze(source: &Source, frames: Frames, look: Option<Look>) -> Result<Analysis, MediaError> {
    let mut sound = source.open()?;
    let info = sound.info().clone();
    let mut level = Level::default();
    let mut spectrum = Spectrum::new(frames, info.channels);
    let mut gram = look.map(|look| Spectrogram::new(look, info.sample_rate));
    let mut draw = |power: &[f32]| {
        if let Some(gram) = &mut gram {
            gram.add(power);
        }
    };
    let mut count = 0_u64;
    while let Some(block) = sound.next_block()? {
        count += (block.len() / info.channels) as u64;
        level.add(block);
        spectrum.add(block, &mut draw);
    }
    spectrum.finish(&mut draw);
    Ok(Analysis {
        frames: count,
        duration: count as f64 / f64::from(info.sample_rate),
        peak_dbfs: level.peak_dbfs(),
        rms_dbfs: level.rms_dbfs(),
        centroid_hz: None,
        picture: gram.map(Spectrogram::finish),
        info,
    })
}
