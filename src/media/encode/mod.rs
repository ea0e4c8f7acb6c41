//! Sound files, written as a stream of blocks in bounded memory.

pub mod child;
pub mod flac;
pub mod lossy;
mod rounding;
pub mod wav;

use std::path::{Path, PathBuf};

use super::error::MediaError;
use super::opus;
use flac::{FlacBits, FlacWriter};
use lossy::{Codec, Lossy, LossyWriter};
use wav::{WavBits, WavWriter};

/// How a sound file is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// WAV.
    Wav(WavBits),
    /// FLAC.
    Flac(FlacBits),
    /// MP3, AAC or Opus; made by ffmpeg.
    Lossy(Lossy),
}

impl Coding {
    /// Whether samples beyond full scale are cut to it.
    #[must_use]
    pub const fn clips(self) -> bool {
        !matches!(self, Self::Wav(WavBits::Float32))
    }

    /// The rate, in Hz, at which a file of a sound of `rate` Hz is decoded.
    #[must_use]
    pub fn rate(self, rate: u32) -> u32 {
        match self {
            Self::Wav(_) | Self::Flac(_) => rate,
            Self::Lossy(Lossy { codec: Codec::Opus, .. }) => opus::RATE,
            Self::Lossy(Lossy { codec, .. }) => codec.rate(rate),
        }
    }
}

/// A sound file that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where. What is there is replaced.
    pub path: PathBuf,
    /// How it is coded.
    pub coding: Coding,
}

impl Target {
    /// A sound file at `path`, coded as `coding`.
    #[must_use]
    pub fn new(path: &Path, coding: Coding) -> Self {
        Self { path: path.to_path_buf(), coding }
    }
}

/// One sound that is being written into one file or several, each coded in its own way.
pub struct SoundWriter {
    files: Vec<Writer>,
    channels: usize,
    frames: u64,
}

enum Writer {
    Wav(WavWriter),
    Flac(Box<FlacWriter>),
    Lossy(Box<LossyWriter>),
}

impl SoundWriter {
    /// Begins a sound file at `path`, of `channels` channels at `rate` Hz. What is there is replaced.
    ///
    /// # Errors
    /// [`MediaError::Unwritable`], [`MediaError::Limit`] for what the format cannot hold, and [`MediaError::Tool`] where
    /// ffmpeg is needed and cannot be started.
    pub fn create(path: &Path, rate: u32, channels: usize, coding: Coding) -> Result<Self, MediaError> {
        Self::create_all(&[Target::new(path, coding)], rate, channels)
    }

    /// Begins several files with the same sound in each.
    ///
    /// # Errors
    /// Those of [`SoundWriter::create`].
    pub fn create_all(targets: &[Target], rate: u32, channels: usize) -> Result<Self, MediaError> {
        let files = targets.iter().map(|target| Writer::create(target, rate, channels));
        Ok(Self { files: files.collect::<Result<_, _>>()?, channels, frames: 0 })
    }

    /// Appends whole frames of interleaved samples, full scale at -1 to 1.
    ///
    /// # Errors
    /// [`MediaError::Unwritable`], [`MediaError::Limit`] past what the format can hold, and [`MediaError::Tool`] where
    /// ffmpeg has ended.
    pub fn write(&mut self, samples: &[f32]) -> Result<(), MediaError> {
        self.frames += (samples.len() / self.channels) as u64;
        self.files.iter_mut().try_for_each(|file| match file {
            Writer::Wav(wav) => wav.write(samples),
            Writer::Flac(flac) => flac.write(samples),
            Writer::Lossy(lossy) => lossy.write(samples),
        })
    }

    /// Completes the files; tells how many frames (samples of one channel) were given to each.
    ///
    /// # Errors
    /// Those of [`SoundWriter::write`].
    pub fn finish(self) -> Result<u64, MediaError> {
        for file in self.files {
            match file {
                Writer::Wav(wav) => drop(wav.finish()?),
                Writer::Flac(flac) => drop(flac.finish()?),
                Writer::Lossy(lossy) => lossy.finish()?,
            }
        }
        Ok(self.frames)
    }
}

impl Writer {
    fn create(target: &Target, rate: u32, channels: usize) -> Result<Self, MediaError> {
        let path = &target.path;
        match target.coding {
            Coding::Wav(bits) => WavWriter::create(path, rate, channels, bits).map(Self::Wav),
            Coding::Flac(bits) => {
                FlacWriter::create(path, rate, channels, bits).map(|writer| Self::Flac(Box::new(writer)))
            }
            Coding::Lossy(lossy) => {
                LossyWriter::create(path, rate, channels, lossy).map(|writer| Self::Lossy(Box::new(writer)))
            }
        }
    }
}
