//! Sound files as a stream of blocks, in bounded memory, with every loss told.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use symphonia::core::errors::Error;
use symphonia::core::formats::FormatReader;
use symphonia::core::packet::Packet;

use super::damage::{Damage, Damages};
use super::error::MediaError;
use super::opening::{DECODER_FAILED, Decoder, Opening, Trim, check_duration, check_limits, guarded, open};
use super::sniff::SoundFormat;
use super::source::{Limits, OnDamage, Source, Watch};

/// Frames of an MPEG stream that may be lost at its start: a stream that was cut out of another refers back to bytes it
/// no longer has.
const MPEG_LEAD_IN: u32 = 10;

/// How often in a row a reader may fail to find the next block before what follows is given up.
const MOST_RETRIES: u32 = 1000;

/// Frames that an Ogg stream may fall short of its granules without anything being missing: a long block of Vorbis.
const OGG_SLACK: u64 = 8192;
/// What is farther beyond full scale than 120 dB is damage, as what is no number.
const MOST_SAMPLE: f32 = 1e6;

/// Frames that the packets of Ogg may jump by without anything being missing.
const OGG_JUMP: i64 = 1024;

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
    /// The number of channels, 1 to [`super::source::MAX_CHANNELS`].
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
    decoder: Decoder,
    track: u32,
    /// Packets that were read ahead.
    queue: VecDeque<Packet>,
    /// The block decoded last, interleaved.
    block: Vec<f32>,
    /// Whether `block` has not been handed out yet.
    pending: bool,
    /// What is held back so that the encoder's padding can be cut off at the end.
    tail: Vec<f32>,
    trim: Trim,
    /// Frames that the encoder put before the sound.
    delay: u64,
    /// Frames that are there, where that is known (WAV).
    most: Option<u64>,
    /// Frames of one unit of the packets' time, as a fraction.
    unit: (u64, u64),
    /// Where the next packet of Ogg is to begin, in the time of its packets.
    next_place: Option<i64>,
    /// Frames decoded, padding included.
    decoded: u64,
    /// Where the first packet stands in the sound that it was cut out of, in frames (FLAC).
    origin: u64,
    /// Frames handed out.
    given: u64,
    /// Frames that a whole file decodes to, padding included, where that is certain.
    expected: Option<u64>,
    /// MPEG frames lost at the start.
    lost: u32,
    limits: Limits,
    on_damage: OnDamage,
    damages: Damages,
    /// Whether all was read, and what the checksum in the file says of it.
    ended: bool,
    finished: bool,
    checked: Option<bool>,
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
        Source::new(path).open_verifying()
    }

    pub(super) fn open_source(source: &Source, verify: bool) -> Result<Self, MediaError> {
        let failed = || Err(MediaError::damaged(DECODER_FAILED));
        let opening = guarded(|| open(source, verify)).unwrap_or_else(failed)?;
        let Opening { info, reader, decoder, track, queue, trim, expected, origin, unit } = opening;
        let counted = matches!(info.format, SoundFormat::Wav | SoundFormat::Rf64 | SoundFormat::Wave64);
        let mut sound = Self {
            most: trim.keep.filter(|_| counted),
            info,
            reader,
            decoder,
            track,
            queue,
            block: Vec::new(),
            pending: false,
            tail: Vec::new(),
            delay: trim.skip,
            trim,
            unit,
            origin,
            next_place: None,
            decoded: 0,
            given: 0,
            expected,
            lost: 0,
            limits: source.limits,
            on_damage: source.damage,
            damages: Damages::default(),
            ended: false,
            finished: false,
            checked: None,
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

    /// What could not be decoded so far, in the order of the sound; always empty under [`OnDamage::Refuse`].
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        self.damages.list()
    }

    /// At the end of a sound that was opened for verifying: whether it agrees with the checksum in the file. `None` where
    /// there is none.
    #[must_use]
    pub fn checked(&self) -> Option<bool> {
        self.checked
    }

    /// The next samples: interleaved, full scale is -1 to 1, always whole frames and never empty. `None` at the end.
    ///
    /// # Errors
    /// [`MediaError::Damaged`] where a block cannot be decoded, holds numbers that are none, or the file ends before the
    /// length that it declares; [`MediaError::Unreadable`].
    pub fn next_block(&mut self) -> Result<Option<&[f32]>, MediaError> {
        loop {
            if !self.pending && !self.decode_block()? {
                self.finish()?;
                return Ok(if self.block.is_empty() { None } else { Some(&self.block) });
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

    /// Decodes the next packet that holds sound into `block`; false at the end. A decoder that panics over it has found it
    /// damaged, and is not asked again.
    fn decode_block(&mut self) -> Result<bool, MediaError> {
        if self.ended {
            return Ok(false);
        }
        guarded(|| self.decode_unguarded()).unwrap_or_else(|| {
            self.ended = true;
            self.end_with(self.damaged(DECODER_FAILED)).map(|()| false)
        })
    }

    fn decode_unguarded(&mut self) -> Result<bool, MediaError> {
        let mut retries = 0;
        loop {
            if self.ended {
                return Ok(false);
            }
            let packet = match self
                .queue
                .pop_front()
                .map_or_else(|| self.reader.next_packet(), |packet| Ok(Some(packet)))
            {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(false),
                // A WAV file that was written into a pipe does not know its length, and ends where the file does.
                Err(Error::IoError(error))
                    if error.kind() == ErrorKind::UnexpectedEof
                        && matches!(self.info.format, SoundFormat::Wav | SoundFormat::Rf64 | SoundFormat::Wave64)
                        && self.expected.is_none() =>
                {
                    return Ok(false);
                }
                Err(error) => {
                    retries += 1;
                    let goes_on = matches!(error, Error::DecodeError(_)) && retries < MOST_RETRIES;
                    self.suffer(&error, 0, goes_on)?;
                    continue;
                }
            };
            if packet.track_id != self.track {
                continue;
            }
            self.look_for_gap(&packet)?;
            match self.decode_packet(&packet) {
                Ok(()) => {}
                Err(Error::DecodeError(_)) if self.info.format == SoundFormat::Mpeg && self.decoded == 0 => {
                    self.lost += 1;
                    if self.lost > MPEG_LEAD_IN {
                        return Err(MediaError::damaged("none of its first frames can be decoded"));
                    }
                    continue;
                }
                Err(error) => {
                    let frames = packet.dur.get().saturating_mul(self.unit.0) / self.unit.1;
                    self.suffer(&error, frames, matches!(error, Error::DecodeError(_)))?;
                    continue;
                }
            }
            if self.block.is_empty() {
                continue;
            }
            // So that a NaN is none either.
            let is_sample = |sample: &f32| sample.abs() <= MOST_SAMPLE;
            if self.may_hold_no_numbers() && !self.block.iter().fold(true, |good, sample| good & is_sample(sample)) {
                let wrong = "there are samples that are no numbers, or far too large ones";
                self.suffer(&Error::DecodeError(wrong), 0, true)?;
                self.block.iter_mut().filter(|sample| !is_sample(sample)).for_each(|sample| *sample = 0.0);
            }
            self.decoded += (self.block.len() / self.info.channels) as u64;
            // Zeros were put behind the last of the samples.
            self.decoded = self.decoded.min(self.most.unwrap_or(u64::MAX));
            check_duration(&self.info, self.decoded, &self.limits)?;
            return Ok(true);
        }
    }

    /// The readers of FLAC and Ogg pass over what they do not recognise; the places of packets tell how much was there.
    fn look_for_gap(&mut self, packet: &Packet) -> Result<(), MediaError> {
        let (gap, there) = match self.info.format {
            SoundFormat::Flac => {
                let place = u64::try_from(packet.pts.get()).unwrap_or(0);
                (place.saturating_sub(self.origin + self.decoded + self.damages.frames), "there")
            }
            // A page that is missing shows where the page after the next one begins.
            SoundFormat::Ogg => {
                let whole = packet.dur.get() + packet.trim_start.get() + packet.trim_end.get();
                let end = packet.pts.get().saturating_add_unsigned(whole);
                let jump = packet.pts.get() - self.next_place.replace(end).unwrap_or(packet.pts.get());
                (if jump > OGG_JUMP { jump.unsigned_abs() } else { 0 }, "there or in the page before")
            }
            _ => (0, ""),
        };
        if gap == 0 {
            return Ok(());
        }
        let seconds = gap as f64 / f64::from(self.info.sample_rate.max(1));
        let what = format!("{seconds:.2} s of its sound are missing or broken {there}");
        self.suffer_as(self.damaged(what), gap)
    }

    /// Damage after which there is more sound.
    fn suffer_as(&mut self, wrong: MediaError, frames: u64) -> Result<(), MediaError> {
        match wrong {
            MediaError::Damaged { message, .. } if self.on_damage == OnDamage::Tell && self.info.sample_rate > 0 => {
                let rate = f64::from(self.info.sample_rate);
                self.damages.add(self.place() as f64 / rate, frames, rate, &message);
                // What is lost has its part in the padding at the start, and in the length.
                let skipped = frames.min(self.trim.skip);
                self.trim.skip -= skipped;
                self.trim.keep = self.trim.keep.map(|keep| keep.saturating_sub(frames - skipped));
                Ok(())
            }
            wrong => Err(wrong),
        }
    }

    /// Whether samples come as floating-point numbers that nothing has looked at.
    fn may_hold_no_numbers(&self) -> bool {
        !(self.info.codec.starts_with("pcm_s") || matches!(self.info.codec, "flac" | "alac" | "pcm_u8"))
    }

    /// Decodes a packet into `block`.
    fn decode_packet(&mut self, packet: &Packet) -> Result<(), Error> {
        let decoder = match &mut self.decoder {
            Decoder::Opus(opus) => {
                opus.decode(&packet.data, &mut self.block).map_err(|_| Error::DecodeError("a broken Opus packet"))?;
                let end = usize::try_from(packet.trim_end.get()).unwrap_or(usize::MAX);
                let kept = self.block.len().saturating_sub(end.saturating_mul(self.info.channels));
                self.block.truncate(kept);
                return Ok(());
            }
            Decoder::Library(decoder) => decoder,
        };
        let buffer = decoder.decode(packet).map_err(|error| match error {
            // Readers of bits raise this where a packet ends before what it announces.
            Error::IoError(error) if error.raw_os_error().is_none() => Error::DecodeError("a broken block"),
            // Bits that are wrong announce what nothing in the file has had so far.
            Error::Unsupported(_) if self.decoded > 0 => Error::DecodeError("a broken block"),
            error => error,
        })?;
        let (rate, channels) = (buffer.spec().rate(), buffer.spec().channels().count());
        buffer.copy_to_vec_interleaved(&mut self.block);
        if self.block.is_empty() {
            return Ok(());
        }
        if self.decoded == 0 {
            check_limits(rate, channels, &self.limits).map_err(|_| Error::LimitError("its rate or its channels"))?;
            self.info.sample_rate = rate;
            self.info.channels = channels;
        } else if (rate, channels) != (self.info.sample_rate, self.info.channels) {
            return Err(Error::ResetRequired);
        }
        Ok(())
    }

    /// Something of so many frames could not be read. `goes_on`: there may be sound behind it.
    fn suffer(&mut self, error: &Error, frames: u64, goes_on: bool) -> Result<(), MediaError> {
        let wrong = self.trouble(error);
        if goes_on {
            return self.suffer_as(wrong, frames);
        }
        match wrong {
            MediaError::Damaged { message, .. } if self.on_damage == OnDamage::Tell && self.info.sample_rate > 0 => {
                // Where the length is known, the end tells what is missing.
                if self.expected.is_none() || !matches!(error, Error::IoError(_)) {
                    self.damages.add_end(self.place() as f64 / f64::from(self.info.sample_rate), &message);
                }
                self.ended = true;
                Ok(())
            }
            wrong => Err(wrong),
        }
    }

    /// How far the sound has come, in frames of it when it was whole, what is lost included.
    fn place(&self) -> u64 {
        (self.decoded + self.damages.frames).saturating_sub(self.delay)
    }

    /// Frames of sound that are promised and have not come.
    fn missing(&self) -> Option<u64> {
        let expected = self.expected.filter(|expected| *expected != u64::MAX);
        let promised = self.info.frames.or(expected.map(|expected| expected.saturating_sub(self.delay)));
        promised.map(|promised| promised.saturating_sub(self.place()))
    }

    /// Ends the reading. What was held back as padding and is none, since the file was cut, is left in `block`.
    fn finish(&mut self) -> Result<(), MediaError> {
        self.block.clear();
        if std::mem::replace(&mut self.finished, true) {
            return Ok(());
        }
        self.ended = true;
        // MPEG encoders disagree on whether they count the frame of the tag, and the first frames may be lost.
        let slack = if self.info.format == SoundFormat::Mpeg { 2 * 1152 + u64::from(self.lost) * 1152 } else { 0 };
        let known = self.decoded.saturating_add(self.damages.frames);
        if self.expected.is_some_and(|expected| known.saturating_add(slack) < expected) {
            let cut = self.expected.unwrap_or(0).saturating_sub(known);
            self.end_with(self.ends_early())?;
            let sound = self.trim.hold.min(usize::try_from(cut).unwrap_or(usize::MAX)) * self.info.channels;
            self.block.extend(self.tail.drain(..sound.min(self.tail.len())));
            self.given += (self.block.len() / self.info.channels) as u64;
        } else if self.info.format == SoundFormat::Ogg
            && let Some(frames) = self.info.frames
            && self.given + self.damages.frames + OGG_SLACK < frames
        {
            let missing = (frames - self.given - self.damages.frames) as f64 / f64::from(self.info.sample_rate);
            let what = format!("{missing:.2} s of its sound are missing between its pages, there or before");
            self.end_with(self.damaged(what))?;
        }
        if self.given == 0 {
            return Err(MediaError::damaged("there is no sound in it"));
        }
        if let Decoder::Library(decoder) = &mut self.decoder {
            self.checked = decoder.finalize().verify_ok;
        }
        if self.checked == Some(false) && self.damages.list().is_empty() {
            self.end_with(MediaError::damaged("the sound differs from the checksum in the file"))?;
        }
        Ok(())
    }

    /// Damage that is known at the end: an error, or the last place of it.
    fn end_with(&mut self, wrong: MediaError) -> Result<(), MediaError> {
        match wrong {
            MediaError::Damaged { message, at } if self.on_damage == OnDamage::Tell => {
                let seconds = self.missing().map(|frames| frames as f64 / f64::from(self.info.sample_rate));
                self.damages.push(Damage {
                    at_s: at.unwrap_or(0.0),
                    lost_s: seconds.filter(|lost| *lost > 0.0),
                    what: message,
                });
                Ok(())
            }
            wrong => Err(wrong),
        }
    }

    fn ends_early(&self) -> MediaError {
        match self.missing().filter(|_| self.expected.is_some_and(|expected| expected != u64::MAX)) {
            Some(missing) => {
                let rate = f64::from(self.info.sample_rate.max(1));
                let (whole, missing) = ((missing + self.place()) as f64 / rate, missing as f64 / rate);
                self.damaged(match self.info.format {
                    // Nothing in the file tells whether its end is missing or something before.
                    SoundFormat::Mpeg => {
                        format!("{missing:.2} s are missing there or before, {whole:.2} s were promised")
                    }
                    _ => format!("the file ends there, {whole:.2} s were promised ({missing:.2} s are missing)"),
                })
            }
            None => self.damaged("the file ends there, in the middle of a block"),
        }
    }

    fn damaged(&self, message: impl Into<String>) -> MediaError {
        let at = (self.info.sample_rate > 0).then(|| self.place() as f64 / f64::from(self.info.sample_rate));
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

impl Source {
    /// Opens it; see [`SoundReader::open`].
    ///
    /// # Errors
    /// Those of [`SoundReader::open`].
    pub fn open(&self) -> Result<SoundReader, MediaError> {
        SoundReader::open_source(self, false)
    }

    /// Opens it; see [`SoundReader::open_verifying`].
    ///
    /// # Errors
    /// Those of [`SoundReader::open`].
    pub fn open_verifying(&self) -> Result<SoundReader, MediaError> {
        SoundReader::open_source(self, true)
    }
}

/// Decodes the whole file and tells how many frames it holds.
///
/// # Errors
/// Those of [`SoundReader::open`] and [`SoundReader::next_block`], and a FLAC checksum that does not hold.
pub fn verify(path: &Path) -> Result<u64, MediaError> {
    let mut sound = SoundReader::open_verifying(path)?;
    while sound.next_block()?.is_some() {}
    Ok(sound.given)
}
