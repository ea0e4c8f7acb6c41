//! What happens when a sound file is opened: the right reader, the right decoder, and what is to be trimmed.

use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known as codecs;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;

use super::decode::SoundInfo;
use super::error::MediaError;
use super::long_wav::Spliced;
use super::opus::{self, Head, OpusStream};
use super::sniff::{Kind, SoundFormat, sniff_file};
use super::source::{Limits, MAX_CHANNELS, Source};
use super::{aac, flac_start, mp4, ogg};

/// The highest sample rate that is taken, in Hz.
pub const MAX_SAMPLE_RATE: u32 = 1_536_000;

/// A sound file that has been opened, before anything is decoded.
pub(super) struct Opening {
    pub(super) info: SoundInfo,
    pub(super) reader: Box<dyn FormatReader>,
    pub(super) decoder: Decoder,
    /// The id of the track to read.
    pub(super) track: u32,
    /// Packets that were read already.
    pub(super) queue: VecDeque<Packet>,
    pub(super) trim: Trim,
    /// Frames that a whole file decodes to, padding included, where that is certain.
    pub(super) expected: Option<u64>,
    /// Where its first frame stands in the sound that it was cut out of (FLAC).
    pub(super) origin: u64,
    /// Frames of one unit of the packets' time, as a fraction.
    pub(super) unit: (u64, u64),
}

/// What an encoder added, to be taken away again.
#[derive(Default)]
pub(super) struct Trim {
    /// Frames still to drop at the start.
    pub(super) skip: u64,
    /// Frames still to hand out; `None` is all.
    pub(super) keep: Option<u64>,
    /// Frames to drop at the end.
    pub(super) hold: usize,
}

/// What turns packets into samples.
pub(super) enum Decoder {
    Library(Box<dyn AudioDecoder>),
    Opus(Box<OpusStream>),
}

/// What is said of a file over which a decoder panics.
pub(super) const DECODER_FAILED: &str = "it makes its decoder fail";

/// What `work` comes to; `None` where it panics, as decoders do over some broken files.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).ok()
}

/// How many AAC frames are asked whether they carry SBR.
const AAC_FRAMES: usize = 24;

pub(super) fn open(source: &Source, verify: bool) -> Result<Opening, MediaError> {
    let path = source.path.as_path();
    let format = sound_format(path)?;
    let file = File::open(path).map_err(MediaError::Unreadable)?;
    let size = file.metadata().map_err(MediaError::Unreadable)?.len();
    if size > source.limits.bytes {
        return Err(MediaError::Limit(format!("{size} bytes (at most {} are taken)", source.limits.bytes)));
    }
    let spliced = match format {
        SoundFormat::Rf64 | SoundFormat::Wave64 => Some(Spliced::open(path)?),
        SoundFormat::Wav => Spliced::open(path).ok().filter(Spliced::is_odd),
        _ => None,
    };
    let long = spliced.as_ref().map(|spliced| (spliced.frames, spliced.there));
    let file: Box<dyn MediaSource> = match spliced {
        Some(spliced) => Box::new(spliced),
        None => Box::new(file),
    };
    let stream = MediaSourceStream::new(file, MediaSourceStreamOptions::default());
    let mut reader = symphonia::default::get_probe()
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
    let head = match &params.extra_data {
        Some(bytes) if params.codec == codecs::CODEC_ID_OPUS => Some(Head::read(bytes)?),
        None if params.codec == codecs::CODEC_ID_OPUS => return Err(MediaError::damaged("it has no Opus head")),
        _ => None,
    };
    if let Some(channels) = &params.channels {
        // A decoder takes room for all of them at once.
        check_limits(params.sample_rate.unwrap_or(1), channels.count(), &source.limits)?;
    }
    // Packets of MPEG audio past an estimated length count as padding, so trimming is done here, by the LAME tag.
    let options = AudioDecoderOptions::default().gapless(format != SoundFormat::Mpeg).verify(verify);
    let decoder = match head {
        Some(head) => Decoder::Opus(Box::new(OpusStream::new(head)?)),
        None => {
            Decoder::Library(symphonia::default::get_codecs().make_audio_decoder(params, &options).map_err(at_opening)?)
        }
    };
    // The pieces of a fragmented MP4 are not counted.
    let (padding, mut declared) = (track.padding, track.num_frames.filter(|frames| *frames > 0));
    let rate = if head.is_some() { opus::RATE } else { params.sample_rate.unwrap_or(0) };
    let unit = match track.time_base.filter(|_| rate > 0) {
        Some(base) => (u64::from(rate) * u64::from(base.numer.get()), u64::from(base.denom.get())),
        None => (1, 1),
    };
    let to_frames = |time: u64| (u128::from(time) * u128::from(unit.0) / u128::from(unit.1)) as u64;
    let mut origin = 0;
    let delay = track.delay.unwrap_or(0);
    let (mut trim, mut expected, mut frames) = (Trim::default(), None, declared);
    match format {
        _ if let Some((told, there)) = long => {
            frames = told;
            trim.keep = Some(there);
            expected = told.filter(|told| there < *told);
        }
        SoundFormat::Mpeg => {
            trim = Trim { skip: delay.into(), keep: None, hold: padding.unwrap_or(0) as usize };
            // Without the tag that counts the frames the length is a guess from the bit rate.
            frames = padding.and(declared);
            expected = frames.map(|frames| frames + u64::from(delay + padding.unwrap_or(0)));
        }
        SoundFormat::Mp4 => {
            declared = declared.map(to_frames);
            // A coarse unit rounds the length, up or down.
            expected =
                declared.map(|frames| if unit.0 > unit.1 { frames.saturating_sub(to_frames(1)) } else { frames });
            trim.skip = mp4::priming(path, track.id)?.map_or(0, to_frames);
            trim.keep = declared.map(|frames| frames.saturating_sub(trim.skip));
            frames = trim.keep;
        }
        SoundFormat::Wav | SoundFormat::Rf64 | SoundFormat::Wave64 | SoundFormat::Aiff | SoundFormat::Caf => {
            expected = declared
        }
        SoundFormat::Flac => {
            origin =
                flac_start::first_frame(path)?.filter(|first| declared.is_none_or(|all| *first < all)).unwrap_or(0);
            expected = declared.map(|frames| frames - origin);
            frames = expected;
        }
        SoundFormat::Ogg => {
            let last = ogg::last_page(path)?;
            let end = last.filter(|page| page.serial == track.id).and_then(|page| page.frames(track.start_ts.get()));
            declared = declared.or(end);
            frames = declared;
            if last.is_none() {
                // Told at the end, when all that can be had has been read.
                expected = Some(u64::MAX);
            }
        }
        SoundFormat::Adts => frames = None,
        SoundFormat::Matroska => {}
    }
    if let Some(head) = head.filter(|_| format != SoundFormat::Mp4) {
        trim.skip = head.pre_skip.into();
        frames = declared.map(|frames| frames.saturating_sub(trim.skip));
    }
    let codec = match &decoder {
        Decoder::Library(decoder) => decoder.codec_info().short_name,
        Decoder::Opus(_) => "opus",
    };
    let info = SoundInfo {
        format,
        codec,
        sample_rate: rate,
        channels: head.map_or_else(|| params.channels.as_ref().map_or(0, |set| set.count()), |head| head.channels),
        bits: bits(codec, params),
        frames,
    };
    let config = params.extra_data.clone().filter(|_| params.codec == codecs::CODEC_ID_AAC);
    let (track, is_aac) = (track.id, params.codec == codecs::CODEC_ID_AAC);
    let queue = if is_aac { refuse_sbr(config.as_deref(), track, &mut *reader)? } else { VecDeque::new() };
    if info.sample_rate > 0 && info.channels > 0 {
        check_limits(info.sample_rate, info.channels, &source.limits)?;
    }
    check_duration(&info, info.frames.unwrap_or(0), &source.limits)?;
    Ok(Opening { info, reader, decoder, track, queue, trim, expected, origin, unit })
}

/// Reads the first frames of AAC, and refuses what would be decoded at half its rate.
fn refuse_sbr(
    config: Option<&[u8]>,
    track: u32,
    reader: &mut dyn FormatReader,
) -> Result<VecDeque<Packet>, MediaError> {
    let mut queue = VecDeque::new();
    // What cannot be read here is told when it is to be decoded.
    while queue.len() < AAC_FRAMES
        && let Ok(Some(packet)) = reader.next_packet()
    {
        if packet.track_id == track {
            queue.push_back(packet);
        }
    }
    let with_sbr = queue.iter().filter(|packet| aac::ends_with_sbr(&packet.data)).count();
    let implicit = queue.len() >= 4 && with_sbr * 2 > queue.len();
    if implicit || config.is_some_and(aac::config_tells_of_sbr) {
        return Err(MediaError::Unsupported("HE-AAC (AAC with spectral band replication)".into()));
    }
    Ok(queue)
}

/// Whether so many frames are within the limits.
pub(super) fn check_duration(info: &SoundInfo, frames: u64, limits: &Limits) -> Result<(), MediaError> {
    let seconds = frames as f64 / f64::from(info.sample_rate.max(1));
    if info.sample_rate > 0 && seconds > limits.duration_s {
        return Err(MediaError::Limit(format!("{seconds:.0} s of sound (at most {:.0} are taken)", limits.duration_s)));
    }
    Ok(())
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
        SoundFormat::Wav | SoundFormat::Rf64 | SoundFormat::Wave64 => reader == "wave",
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

pub(super) fn check_limits(rate: u32, channels: usize, limits: &Limits) -> Result<(), MediaError> {
    if rate == 0 || rate > MAX_SAMPLE_RATE {
        return Err(MediaError::Limit(format!("a sample rate of {rate} Hz (1 to {MAX_SAMPLE_RATE} are taken)")));
    }
    let most = limits.channels.min(MAX_CHANNELS);
    if channels == 0 || channels > most {
        return Err(MediaError::Limit(format!("{channels} channels (1 to {most} are taken)")));
    }
    Ok(())
}

fn bits(codec: &str, params: &AudioCodecParameters) -> Option<u32> {
    // Some containers tell of lossy codecs what the decoder would like to give.
    if !codec.starts_with("pcm_") && !matches!(codec, "flac" | "alac") {
        return None;
    }
    match params.codec {
        codecs::CODEC_ID_PCM_F32LE | codecs::CODEC_ID_PCM_F32BE => Some(32),
        codecs::CODEC_ID_PCM_F64LE | codecs::CODEC_ID_PCM_F64BE => Some(64),
        _ => params.bits_per_coded_sample.or(params.bits_per_sample),
    }
}

fn at_opening(error: Error) -> MediaError {
    match error {
        Error::IoError(error) => MediaError::reading(error),
        Error::Unsupported(what) | Error::DecodeError(what)
            if what.contains("missing moov") || what.contains("no atom pending") =>
        {
            MediaError::damaged("its index is missing: the file was cut, or its recording was never ended")
        }
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
