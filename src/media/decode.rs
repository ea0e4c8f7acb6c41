//! Sound files as a stream of blocks, in bounded memory, with every loss told.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known as codecs;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use super::error::MediaError;
use super::sniff::{Kind, SoundFormat, sniff_file};
use super::{mp4, ogg};

/// The most channels that are taken: what Ambisonics of order 7 needs.
pub const MAX_CHANNELS: usize = 64;

/// The highest sample rate that is taken, in Hz.
pub const MAX_SAMPLE_RATE: u32 = 1_536_000;

/// Frames of an MPEG stream that may be lost at its start: a stream that was cut out of another refers back to bytes it
/// no longer has.
const MPEG_LEAD_IN: u32 = 10;

/// What a sound file says of itself, and its first block bears out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoundInfo {
    /// The container.
    pub format: SoundFormat,
    /// The codec, by its short name: `pcm_s16le`, `flac`, `mp3`, `vorbis`, `aac`, ...
    pub codec: &'static str,
    /// In Hz.
    pub sample_rate: u32,
    /// The number of channels, 1 to [`MAX_CHANNELS`].
    pub channels: usize,
    /// Bits of one sample as coded; lossy codecs have none.
    pub bits: Option<u32>,
    /// The length in frames (samples of one channel) where the file declares it; nothing vouches for it but a full decode.
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
    /// Frames that a whole file decodes to, padding included, where that is certain.
    expected: Option<u64>,
    lost: u32,
}

/// What an encoder added, to be taken away again.
#[derive(Default)]
struct Trim {
    /// Frames still to drop at the start.
    skip: u64,
    /// Frames still to hand out; `None` is all.
    keep: Option<u64>,
    /// Frames to drop at the end.
    hold: usize,
}

impl SoundReader {
    /// Opens the sound file at `path` and decodes its first block.
    ///
    /// # Errors
    /// [`MediaError::NotSound`] for what is no sound, [`MediaError::Unsupported`] for codecs we lack, [`MediaError::Damaged`] where headers or the first block are
    /// broken or there is no sound in it, [`MediaError::Limit`] for absurd rates and channel counts.
    pub fn open(path: &Path) -> Result<Self, MediaError> {
        Self::open_with(path, false)
    }

    /// Like [`SoundReader::open`]; at the end the sound is held against the checksum in the file, if there is one (FLAC).
    ///
    /// # Errors
    /// Those of [`SoundReader::open`].
    pub fn open_verifying(path: &Path) -> Result<Self, MediaError> {
        Self::open_with(path, true)
    }

    fn open_with(path: &Path, verify: bool) -> Result<Self, MediaError> {
        let format = sound_format(path)?;
        let file = File::open(path).map_err(MediaError::Unreadable)?;
        let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
        let reader = symphonia::default::get_probe()
            .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(at_opening)?;
        if !agrees(format, reader.format_info().short_name) {
            return Err(MediaError::damaged(format!("its {} headers cannot be read", format.word())));
        }
        let track = reader
            .default_track(TrackType::Audio)
            .ok_or_else(|| MediaError::NotSound(format!("this {} file has no sound track", format.word())))?;
        let Some(CodecParameters::Audio(params)) = &track.codec_params else {
            return Err(MediaError::Unsupported(format!("{} with an unknown codec", format.word())));
        };
        // Packets of MPEG audio past an estimated length count as padding, so trimming is done here, by the LAME tag.
        let options = AudioDecoderOptions::default().gapless(format != SoundFormat::Mpeg).verify(verify);
        let decoder = symphonia::default::get_codecs().make_audio_decoder(params, &options).map_err(at_opening)?;
        let (padding, declared) = (track.padding, track.num_frames);
        let delay = track.delay.unwrap_or(0);
        let (mut trim, mut expected, mut frames) = (Trim::default(), None, declared);
        match format {
            SoundFormat::Mpeg => {
                trim = Trim { skip: delay.into(), keep: None, hold: padding.unwrap_or(0) as usize };
                // Without a tag that counts the frames the length is a guess from the bit rate.
                expected = padding.and(declared).map(|frames| frames + u64::from(delay + padding.unwrap_or(0)));
            }
            SoundFormat::Mp4 => {
                expected = declared;
                trim.skip = mp4::priming(path, track.id)?.unwrap_or(0);
                trim.keep = declared.map(|frames| frames.saturating_sub(trim.skip));
                frames = trim.keep;
            }
            SoundFormat::Wav | SoundFormat::Aiff | SoundFormat::Caf | SoundFormat::Flac => expected = declared,
            SoundFormat::Ogg if !ogg::ends_with_a_whole_page(path)? => {
                // Told at the end, when all that can be had has been read.
                expected = Some(u64::MAX);
            }
            SoundFormat::Ogg | SoundFormat::Matroska | SoundFormat::Adts => {}
        }
        let info = SoundInfo {
            format,
            codec: decoder.codec_info().short_name,
            sample_rate: params.sample_rate.unwrap_or(0),
            channels: params.channels.as_ref().map_or(0, |channels| channels.count()),
            bits: bits(params),
            frames,
        };
        let track = track.id;
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
            expected,
            lost: 0,
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
                return Ok(Some(&self.block));
            }
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

fn sound_format(path: &Path) -> Result<SoundFormat, MediaError> {
    match sniff_file(path)? {
        Kind::Sound(format) => Ok(format),
        Kind::Picture(format) => Err(MediaError::NotSound(format!("it is a {} picture", format.word()))),
        Kind::Foreign(name) => Err(MediaError::Unsupported(name.to_string())),
        Kind::Other(name) => Err(MediaError::NotSound(format!("it is {name}"))),
        Kind::Unknown if std::fs::metadata(path).is_ok_and(|file| file.len() == 0) => {
            Err(MediaError::NotSound("it is empty".into()))
        }
        Kind::Unknown => Err(MediaError::NotSound("its first bytes are those of no known format".into())),
    }
}

/// Whether the reader that was picked is the one for what the first bytes say.
fn agrees(format: SoundFormat, reader: &str) -> bool {
    match format {
        SoundFormat::Wav => reader == "wave",
        SoundFormat::Aiff => reader == "aiff",
        SoundFormat::Caf => reader == "caf",
        SoundFormat::Flac => reader == "flac",
        SoundFormat::Ogg => reader == "ogg",
        SoundFormat::Mp4 => reader == "isomp4",
        SoundFormat::Matroska => reader == "matroska",
        SoundFormat::Mpeg => matches!(reader, "mp1" | "mp2" | "mp3"),
        SoundFormat::Adts => reader == "aac",
    }
}

fn check_limits(rate: u32, channels: usize) -> Result<(), MediaError> {
    if rate == 0 || rate > MAX_SAMPLE_RATE {
        return Err(MediaError::Limit(format!("a sample rate of {rate} Hz (1 to {MAX_SAMPLE_RATE} are taken)")));
    }
    if channels == 0 || channels > MAX_CHANNELS {
        return Err(MediaError::Limit(format!("{channels} channels (1 to {MAX_CHANNELS} are taken)")));
    }
    Ok(())
}

fn bits(params: &AudioCodecParameters) -> Option<u32> {
    match params.codec {
        codecs::CODEC_ID_PCM_F32LE | codecs::CODEC_ID_PCM_F32BE => Some(32),
        codecs::CODEC_ID_PCM_F64LE | codecs::CODEC_ID_PCM_F64BE => Some(64),
        _ => params.bits_per_coded_sample.or(params.bits_per_sample),
    }
}

fn at_opening(error: Error) -> MediaError {
    match error {
        Error::IoError(error) => MediaError::reading(error),
        // What is called unsupported here is as often a file that was cut within its headers.
        Error::Unsupported(what) if what.contains("missing") || what.contains("no suitable") => {
            MediaError::damaged(what)
        }
        Error::Unsupported(what) => MediaError::Unsupported(what.to_string()),
        Error::LimitError(limit) => MediaError::Limit(limit.to_string()),
        Error::DecodeError(message) => MediaError::damaged(message),
        other => MediaError::damaged(other.to_string()),
    }
}
