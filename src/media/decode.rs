//! Sound files as a stream of blocks, in bounded memory, with every loss told.

use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use symphonia::core::codecs::audio::AudioDecoder;
use symphonia::core::errors::Error;
use symphonia::core::formats::FormatReader;

use super::error::MediaError;
use super::opening::{Opening, Trim, check_limits, open};
use super::sniff::SoundFormat;
use super::source::{Source, Watch};

/// Frames of an MPEG stream that may be lost at its start: a stream that was cut out of another refers back to bytes it
/// no longer has.
const MPEG_LEAD_IN: u32 = 10;

/// The least time between two words on the progress.
const TELL_EVERY: Duration = Duration::from_millis(400);

/// What a sound file says of itself, and its first block bears out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoundInfo {
    /// The container.
    pub format: SoundFormat,
    /// The codec, by its short name: `pcm_s16le`, `flac`, `mp3`, `vorbis`, `aac`, ...
    pub codec: &'static str,
    /// In Hz.
    pub sample_rate: u32,
    /// The number of channels, 1 to [`super::opening::MAX_CHANNELS`].
    pub channels: usize,
    /// Bits of one sample as coded; lossy codecs have none.
    pub bits: Option<u32>,
    /// The length in frames (samples of one channel) where the file declares it; nothing vouches for it but a full decode.
    /// What could only be guessed from a bit rate is left out.
    pub frames: Option<u64>,
}

impl SoundInfo {
    /// The declared length in seconds.
    #[must_use]
    pub fn duration(&self) -> Option<f64> {
        self.frames.map(|frames| frames as f64 / f64::from(self.sample_rate))
    }
}

/// Reads one sound file from its start to its end, once.
pub struct SoundReader {
    info: SoundInfo,
    reader: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    /// The block decoded last, interleaved.
    block: Vec<f32>,
    /// Whether `block` has not been handed out yet.
    pending: bool,
    /// What is held back so that the encoder's padding can be cut off at the end.
    tail: Vec<f32>,
    trim: Trim,
    /// Frames decoded, padding included.
    decoded: u64,
    /// Frames handed out.
    given: u64,
    /// Frames that a whole file decodes to, padding included, where that is certain.
    expected: Option<u64>,
    lost: u32,
    watch: Option<Watch>,
    /// When the progress was told last.
    told: Instant,
}

impl SoundReader {
    /// Opens the sound file at `path` and decodes its first block.
    ///
    /// # Errors
    /// [`MediaError::NotSound`] for what is no sound, [`MediaError::Unsupported`] for codecs we lack, [`MediaError::Damaged`] where headers or the first block are
    /// broken or there is no sound in it, [`MediaError::Limit`] for absurd rates and channel counts.
    pub fn open(path: &Path) -> Result<Self, MediaError> {
        Source::new(path).open()
    }

    /// Like [`SoundReader::open`]; at the end the sound is held against the checksum in the file, if there is one (FLAC).
    ///
    /// # Errors
    /// Those of [`SoundReader::open`].
    pub fn open_verifying(path: &Path) -> Result<Self, MediaError> {
        Self::open_source(&Source::new(path), true)
    }

    pub(super) fn open_source(source: &Source, verify: bool) -> Result<Self, MediaError> {
        let Opening { info, reader, decoder, track, trim, expected } = open(&source.path, verify)?;
        let mut sound = Self {
            info,
            reader,
            decoder,
            track,
            block: Vec::new(),
            pending: false,
            tail: Vec::new(),
            trim,
            decoded: 0,
            given: 0,
            expected,
            lost: 0,
            watch: source.watch.clone(),
            told: Instant::now(),
        };
        if !sound.decode_block()? {
            return Err(MediaError::damaged("there is no sound in it"));
        }
        sound.pending = true;
        Ok(sound)
    }

    /// What is known of the sound.
    #[must_use]
    pub fn info(&self) -> &SoundInfo {
        &self.info
    }

    /// The next samples: interleaved, full scale is -1 to 1, always whole frames and never empty. `None` at the end.
    ///
    /// # Errors
    /// [`MediaError::Damaged`] where a block cannot be decoded, holds numbers that are none, or the file ends before the
    /// length that it declares; [`MediaError::Unreadable`].
    pub fn next_block(&mut self) -> Result<Option<&[f32]>, MediaError> {
        loop {
            if !self.pending && !self.decode_block()? {
                return self.finish().map(|()| None);
            }
            self.pending = false;
            let channels = self.info.channels;
            let skip = (self.block.len() / channels).min(usize::try_from(self.trim.skip).unwrap_or(usize::MAX));
            self.trim.skip -= skip as u64;
            self.block.drain(..skip * channels);
            if let Some(keep) = &mut self.trim.keep {
                let kept = (self.block.len() / channels).min(usize::try_from(*keep).unwrap_or(usize::MAX));
                *keep -= kept as u64;
                self.block.truncate(kept * channels);
            }
            if self.trim.hold > 0 {
                self.tail.append(&mut self.block);
                let ready = self.tail.len().saturating_sub(self.trim.hold * channels);
                self.block.extend(self.tail.drain(..ready));
            }
            if !self.block.is_empty() {
                self.given += (self.block.len() / channels) as u64;
                self.tell();
                return Ok(Some(&self.block));
            }
        }
    }

    fn tell(&mut self) {
        let Some(watch) = &self.watch else { return };
        if self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            watch(self.given as f64 / f64::from(self.info.sample_rate), self.info.duration());
        }
    }

    /// Decodes the next packet that holds sound into `block`; false at the end.
    fn decode_block(&mut self) -> Result<bool, MediaError> {
        loop {
            let packet = match self.reader.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(false),
                // A WAV file that was written into a pipe does not know its length, and ends where the file does.
                Err(Error::IoError(error))
                    if error.kind() == ErrorKind::UnexpectedEof
                        && self.info.format == SoundFormat::Wav
                        && self.expected.is_none() =>
                {
                    return Ok(false);
                }
                Err(error) => return Err(self.trouble(&error)),
            };
            if packet.track_id != self.track {
                continue;
            }
            let buffer = match self.decoder.decode(&packet) {
                Ok(buffer) => buffer,
                Err(Error::DecodeError(_)) if self.info.format == SoundFormat::Mpeg && self.decoded == 0 => {
                    self.lost += 1;
                    if self.lost > MPEG_LEAD_IN {
                        return Err(MediaError::damaged("none of its first frames can be decoded"));
                    }
                    continue;
                }
                Err(error) => return Err(self.trouble(&error)),
            };
            let (rate, channels) = (buffer.spec().rate(), buffer.spec().channels().count());
            buffer.copy_to_vec_interleaved(&mut self.block);
            if self.block.is_empty() {
                continue;
            }
            if self.decoded == 0 {
                check_limits(rate, channels)?;
                self.info.sample_rate = rate;
                self.info.channels = channels;
            } else if (rate, channels) != (self.info.sample_rate, self.info.channels) {
                return Err(self.damaged(format!("it changes to {rate} Hz, {channels} channels there")));
            }
            if self.block.iter().any(|sample| !sample.is_finite()) {
                return Err(self.damaged("there are samples that are no numbers"));
            }
            self.decoded += (self.block.len() / channels) as u64;
            return Ok(true);
        }
    }

    fn finish(&mut self) -> Result<(), MediaError> {
        // MPEG encoders disagree on whether they count the frame of the tag, and the first frames may be lost.
        let slack = if self.info.format == SoundFormat::Mpeg { 2 * 1152 + u64::from(self.lost) * 1152 } else { 0 };
        if self.expected.is_some_and(|expected| self.decoded.saturating_add(slack) < expected) {
            return Err(self.ends_early());
        }
        if self.given == 0 {
            return Err(MediaError::damaged("there is no sound in it"));
        }
        if self.decoder.finalize().verify_ok == Some(false) {
            return Err(MediaError::damaged("the sound differs from the checksum in the file"));
        }
        Ok(())
    }

    fn ends_early(&self) -> MediaError {
        match self.expected.filter(|expected| *expected != u64::MAX) {
            Some(expected) => {
                let whole = expected as f64 / f64::from(self.info.sample_rate.max(1));
                self.damaged(format!("the file ends there, {whole:.2} s were promised"))
            }
            None => self.damaged("the file ends there, in the middle of a block"),
        }
    }

    fn damaged(&self, message: impl Into<String>) -> MediaError {
        let at = (self.info.sample_rate > 0).then(|| self.decoded as f64 / f64::from(self.info.sample_rate));
        MediaError::Damaged { message: message.into(), at }
    }

    fn trouble(&self, error: &Error) -> MediaError {
        match error {
            Error::IoError(error) if error.raw_os_error().is_some() => {
                MediaError::Unreadable(std::io::Error::new(error.kind(), error.to_string()))
            }
            Error::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => self.ends_early(),
            Error::ResetRequired => self.damaged("another stream begins there; one file must hold one stream"),
            Error::LimitError(limit) => MediaError::Limit((*limit).to_string()),
            Error::DecodeError(message) => self.damaged(*message),
            other => self.damaged(other.to_string()),
        }
    }
}

/// Decodes the whole file and tells how many frames it holds.
///
/// # Errors
/// Those of [`SoundReader::open`] and [`SoundReader::next_block`], and a FLAC checksum that does not hold.
pub fn verify(path: &Path) -> Result<u64, MediaError> {
    let mut sound = SoundReader::open_verifying(path)?;
    let channels = sound.info.channels;
    let mut frames = 0;
    while let Some(block) = sound.next_block()? {
        frames += (block.len() / channels) as u64;
    }
    Ok(frames)
}
