//! Tells what a file is from its first bytes.
//!
//! Decoders are eager: APE, WavPack and text were read as noisy MP3 before this stood in front of them.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::error::MediaError;
use super::mpeg;

/// Sound containers that we decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoundFormat {
    /// RIFF WAVE.
    Wav,
    /// RF64 and BW64: WAV beyond 4 GiB.
    Rf64,
    /// Sony Wave64.
    Wave64,
    /// AIFF and AIFF-C.
    Aiff,
    /// Apple's Core Audio Format.
    Caf,
    /// Native FLAC.
    Flac,
    /// Ogg, with Vorbis, Opus or FLAC in it.
    Ogg,
    /// MP4, M4A, MOV: ISO base media.
    Mp4,
    /// Matroska and WebM.
    Matroska,
    /// MPEG audio, layers 1 to 3.
    Mpeg,
    /// AAC in ADTS frames.
    Adts,
}

impl SoundFormat {
    /// The format as values and messages write it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Rf64 => "rf64",
            Self::Wave64 => "w64",
            Self::Aiff => "aiff",
            Self::Caf => "caf",
            Self::Flac => "flac",
            Self::Ogg => "ogg",
            Self::Mp4 => "mp4",
            Self::Matroska => "matroska",
            Self::Mpeg => "mpeg",
            Self::Adts => "adts",
        }
    }
}

/// Picture formats that we decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureFormat {
    /// JPEG.
    Jpeg,
    /// PNG, animated ones too.
    Png,
    /// GIF.
    Gif,
    /// WebP.
    WebP,
    /// TIFF.
    Tiff,
    /// Windows bitmap.
    Bmp,
}

impl PictureFormat {
    /// The format as values and messages write it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::WebP => "webp",
            Self::Tiff => "tiff",
            Self::Bmp => "bmp",
        }
    }
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A sound that we decode.
    Sound(SoundFormat),
    /// A picture that we decode.
    Picture(PictureFormat),
    /// Sound or a picture of a kind that we do not decode, by its name.
    Foreign(&'static str),
    /// Neither sound nor a picture, by its name.
    Other(&'static str),
    /// Nothing that we know.
    Unknown,
}

/// How many bytes of the start [`sniff`] wants to see: two of the longest MPEG frames.
pub const HEAD: usize = 8192;

/// Formats that are told by name and refused: the offset, and the text there.
const FOREIGN: &[(usize, &[u8], &str)] = &[
    (0, b"MAC ", "Monkey's Audio (APE)"),
    (0, b"wvpk", "WavPack"),
    (0, b"TTA1", "True Audio (TTA)"),
    (0, b"MPCK", "Musepack"),
    (0, b"MP+", "Musepack"),
    (0, b"DSD ", "DSD"),
    (0, b"FRM8", "DSD"),
    (0, b".snd", "Sun AU"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media (ASF)"),
    (0, b"#!AMR", "AMR"),
    (0, b"MThd", "MIDI"),
    (0, b"\x0b\x77", "AC-3"),
    (28, b"Speex   ", "Speex"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypavis", "AVIF"),
    (4, b"ftypheic", "HEIC"),
    (4, b"ftypheix", "HEIC"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"jP  \r\n\x87\n", "JPEG 2000"),
    (0, b"8BPS", "Photoshop"),
    (0, b"\xff\x0a", "JPEG XL"),
];

/// What neither sound nor picture begins with.
const OTHER: &[(&[u8], &str)] = &[
    (b"%PDF", "a PDF file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x7fELF", "a program"),
    (b"<!DOCTYPE", "a web page"),
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
];

/// Tells what a file is from its first bytes: give [`HEAD`] of them, or all there are.
#[must_use]
pub fn sniff(head: &[u8]) -> Kind {
    let at = |offset: usize, text: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(text));
    if let Some((_, _, name)) = FOREIGN.iter().find(|(offset, text, _)| at(*offset, text)) {
        return Kind::Foreign(name);
    }
    if let Some((_, name)) = OTHER.iter().find(|(text, _)| at(0, text)) {
        return Kind::Other(name);
    }
    match head {
        [b'R', b'I', b'F', b'F', ..] if at(8, b"WAVE") => Kind::Sound(SoundFormat::Wav),
        [b'R', b'I', b'F', b'F', ..] if at(8, b"WEBP") => Kind::Picture(PictureFormat::WebP),
        [b'R', b'I', b'F', b'F', ..] if at(8, b"AVI ") => Kind::Foreign("AVI"),
        [b'R', b'F', b'6', b'4', ..] | [b'B', b'W', b'6', b'4', ..] if at(8, b"WAVE") => Kind::Sound(SoundFormat::Rf64),
        _ if at(0, b"riff\x2e\x91\xcf\x11") => Kind::Sound(SoundFormat::Wave64),
        [b'F', b'O', b'R', b'M', ..] if at(8, b"AIFF") || at(8, b"AIFC") => Kind::Sound(SoundFormat::Aiff),
        [b'c', b'a', b'f', b'f', 0, ..] => Kind::Sound(SoundFormat::Caf),
        [b'f', b'L', b'a', b'C', ..] => Kind::Sound(SoundFormat::Flac),
        [b'O', b'g', b'g', b'S', ..] => Kind::Sound(SoundFormat::Ogg),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Kind::Sound(SoundFormat::Matroska),
        _ if at(4, b"ftyp") || at(4, b"moov") => Kind::Sound(SoundFormat::Mp4),
        [0xff, 0xd8, 0xff, ..] => Kind::Picture(PictureFormat::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Kind::Picture(PictureFormat::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Kind::Picture(PictureFormat::Gif),
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => Kind::Picture(PictureFormat::Tiff),
        [b'B', b'M', ..] if head.get(14..18).is_some_and(bitmap_header) => Kind::Picture(PictureFormat::Bmp),
        _ if mpeg::starts_adts(head) => Kind::Sound(SoundFormat::Adts),
        _ if mpeg::starts(head) => Kind::Sound(SoundFormat::Mpeg),
        _ => Kind::Unknown,
    }
}

/// Tells what the file at `path` is, looking past an ID3 tag.
///
/// # Errors
/// [`MediaError::Unreadable`] when it cannot be read.
pub fn sniff_file(path: &Path) -> Result<Kind, MediaError> {
    let mut file = File::open(path).map_err(MediaError::Unreadable)?;
    let mut head = read_head(&mut file, 0)?;
    // A file can carry more than one tag; a few are followed, so that a crafted one cannot lead us on forever.
    let mut start = 0;
    for _ in 0..4 {
        let Some(length) = id3_length(&head) else { break };
        start += length;
        head = read_head(&mut file, start)?;
    }
    if start > 0 {
        let padding = head.iter().take_while(|byte| **byte == 0).count();
        if padding > 0 {
            head = read_head(&mut file, start + padding as u64)?;
        }
    }
    match sniff(&head) {
        // A recording of a broadcast begins anywhere.
        Kind::Unknown if mpeg::follows_junk(&read(&mut file, start, 2 * HEAD)?) => Ok(Kind::Sound(SoundFormat::Mpeg)),
        kind => Ok(kind),
    }
}

fn read_head(file: &mut File, at: u64) -> Result<Vec<u8>, MediaError> {
    read(file, at, HEAD)
}

fn read(file: &mut File, at: u64, count: usize) -> Result<Vec<u8>, MediaError> {
    file.seek(SeekFrom::Start(at)).map_err(MediaError::Unreadable)?;
    let mut head = Vec::with_capacity(count);
    file.take(count as u64).read_to_end(&mut head).map_err(MediaError::Unreadable)?;
    Ok(head)
}

/// The whole length of the ID3v2 tag that `head` begins with.
fn id3_length(head: &[u8]) -> Option<u64> {
    let [b'I', b'D', b'3', 2..=4, _, flags, a, b, c, d, ..] = *head else { return None };
    if [a, b, c, d].iter().any(|byte| byte & 0x80 != 0) {
        return None;
    }
    let body = [a, b, c, d].iter().fold(0_u64, |sum, byte| (sum << 7) | u64::from(*byte));
    let footer = if flags & 0x10 == 0 { 0 } else { 10 };
    Some(10 + body + footer)
}

/// Whether these are the bytes of the header length of a Windows bitmap.
fn bitmap_header(bytes: &[u8]) -> bool {
    matches!(bytes, [12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])
}

/// What the name of a file promises; [`Kind::Unknown`] for extensions that we do not decode.
#[must_use]
pub fn kind_of_name(path: &Path) -> Kind {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "wav" | "wave" => Kind::Sound(SoundFormat::Wav),
        "rf64" | "bw64" => Kind::Sound(SoundFormat::Rf64),
        "w64" => Kind::Sound(SoundFormat::Wave64),
        "aif" | "aiff" | "aifc" => Kind::Sound(SoundFormat::Aiff),
        "caf" => Kind::Sound(SoundFormat::Caf),
        "flac" => Kind::Sound(SoundFormat::Flac),
        "ogg" | "oga" | "opus" => Kind::Sound(SoundFormat::Ogg),
        "m4a" => Kind::Sound(SoundFormat::Mp4),
        "mp3" | "mp2" => Kind::Sound(SoundFormat::Mpeg),
        "aac" => Kind::Sound(SoundFormat::Adts),
        "jpg" | "jpeg" => Kind::Picture(PictureFormat::Jpeg),
        "png" => Kind::Picture(PictureFormat::Png),
        "gif" => Kind::Picture(PictureFormat::Gif),
        "webp" => Kind::Picture(PictureFormat::WebP),
        "tif" | "tiff" => Kind::Picture(PictureFormat::Tiff),
        "bmp" => Kind::Picture(PictureFormat::Bmp),
        _ => Kind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_that_look_like_mp3_to_a_decoder_are_told_by_name() {
        assert_eq!(sniff(b"MAC \x96\x0f\0\0"), Kind::Foreign("Monkey's Audio (APE)"));
        assert_eq!(sniff(b"wvpk\0\0\0\0"), Kind::Foreign("WavPack"));
        assert_eq!(
            sniff(b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x13Speex   "),
            Kind::Foreign("Speex")
        );
    }

    #[test]
    fn text_and_nothing_at_all_are_unknown() {
        assert_eq!(sniff(b""), Kind::Unknown);
        assert_eq!(sniff(b"It is a truth universally acknowledged"), Kind::Unknown);
        assert_eq!(sniff(&[0xff; 4096]), Kind::Unknown);
    }

    #[test]
    fn one_mpeg_frame_header_in_noise_is_not_enough() {
        let mut noise = vec![0x55; HEAD];
        noise[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x64]);
        assert_eq!(sniff(&noise), Kind::Unknown);
        noise[417..421].copy_from_slice(&[0xff, 0xfb, 0x90, 0x64]);
        assert_eq!(sniff(&noise), Kind::Sound(SoundFormat::Mpeg));
    }

    #[test]
    fn names_promise_only_what_we_decode() {
        assert_eq!(kind_of_name(Path::new("a/B.JPG")), Kind::Picture(PictureFormat::Jpeg));
        assert_eq!(kind_of_name(Path::new("a.wma")), Kind::Unknown);
        assert_eq!(kind_of_name(Path::new("noext")), Kind::Unknown);
    }
}
