//! Sound files, written as a stream of blocks in bounded memory.

pub mod wav;

use std::path::Path;

use super::error::MediaError;
use wav::{WavBits, WavWriter};

/// How a sound file is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// WAV.
    Wav(WavBits),
}

/// A sound file that is being written, whatever its format.
pub struct SoundWriter(WavWriter);

impl SoundWriter {
    /// Begins a sound file at `path`, of `channels` channels at `rate` Hz. What is there is replaced.
    ///
    /// # Errors
    /// [`MediaError::Unwritable`], and [`MediaError::Limit`] for what the format cannot hold.
    pub fn create(path: &Path, rate: u32, channels: usize, coding: Coding) -> Result<Self, MediaError> {
        match coding {
            Coding::Wav(bits) => WavWriter::create(path, rate, channels, bits).map(Self),
        }
    }

    /// Appends whole frames of interleaved samples, full scale at -1 to 1.
    ///
    /// # Errors
    /// [`MediaError::Unwritable`], and [`MediaError::Limit`] past what the format can hold.
    pub fn write(&mut self, samples: &[f32]) -> Result<(), MediaError> {
        self.0.write(samples)
    }

    /// Completes the file; tells how many frames (samples of one channel) are in it.
    ///
    /// # Errors
    /// [`MediaError::Unwritable`].
    pub fn finish(self) -> Result<u64, MediaError> {
        self.0.finish()
    }
}
