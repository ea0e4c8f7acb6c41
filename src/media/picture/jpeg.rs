//! What the markers of a JPEG tell, and its pixels.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use image::{DynamicImage, GrayImage, RgbImage};
use jpeg_decoder::{ColorTransform, Decoder, PixelFormat};

use super::bounds::{MAX_BYTES, reading};
use super::reduced::Jpeg;
use crate::media::error::MediaError;

/// The markers before the first scan. ITU-T T.81, annex B; T.872 for those of JFIF and Adobe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct JpegHead {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Bits of a sample.
    pub precision: u8,
    /// The marker of its frame header: 0xc0 is baseline, 0xc2 progressive.
    process: u8,
    /// The identifiers of its components; their number comes first.
    components: (u8, [u8; 4]),
    /// Whether JFIF wrote it.
    jfif: bool,
    /// The transform that Adobe's marker names.
    adobe: Option<u8>,
}

impl JpegHead {
    /// Takes notice of the segment `kind` with this body (of an application segment its start is enough).
    pub(super) fn note(&mut self, kind: u8, body: &[u8]) {
        match kind {
            0xe0 if body.starts_with(b"JFIF\0") => self.jfif = true,
            0xee if body.starts_with(b"Adobe") => self.adobe = body.get(11).copied().or(self.adobe),
            // All frame headers, without the tables of Huffman and arithmetic coding, and the extensions between them.
            0xc0..=0xcf if !matches!(kind, 0xc4 | 0xc8 | 0xcc) && self.process == 0 => {
                let [precision, h1, h0, w1, w0, count, rest @ ..] = body else { return };
                self.process = kind;
                self.precision = *precision;
                self.size = (u16::from_be_bytes([*w1, *w0]).into(), u16::from_be_bytes([*h1, *h0]).into());
                self.components.0 = *count;
                for (id, component) in self.components.1.iter_mut().zip(rest.chunks(3)) {
                    *id = component[0];
                }
            }
            _ => {}
        }
    }

    /// The colours as stored: `gray`, `ycbcr`, `rgb`, `cmyk` or `ycck`, by the rule that libjpeg follows.
    pub(super) fn model(&self) -> &'static str {
        match (self.components.0, self.adobe) {
            (1, _) => "gray",
            (3, _) if self.jfif => "ycbcr",
            (3, Some(0)) => "rgb",
            (3, None) if self.components.1.starts_with(b"RGB") => "rgb",
            (3, _) => "ycbcr",
            (4, Some(2)) => "ycck",
            (4, _) => "cmyk",
            _ => "unknown",
        }
    }

    /// Tells what we do not decode, rather than decoding it wrongly.
    pub(super) fn decodable(&self) -> Result<(), MediaError> {
        let unsupported = |what: &str| Err(MediaError::Unsupported(format!("a JPEG {what}")));
        match (self.process, self.precision, self.components.0, self.adobe) {
            (0, ..) => Err(MediaError::damaged("it has no frame header")),
            (0xc3 | 0xc7 | 0xcb | 0xcf, ..) => unsupported("that is coded without loss"),
            (0xc9..=0xcf, ..) => unsupported("with arithmetic coding"),
            (0xc5..=0xc7, ..) => unsupported("of several resolutions"),
            (_, precision, ..) if precision != 8 => unsupported(&format!("with samples of {precision} bits")),
            (_, _, 1 | 3, _) | (_, _, 4, Some(0 | 2)) => Ok(()),
            // Some write inks as they are, some inverted, and only this marker tells which.
            (_, _, 4, _) => unsupported("of four inks without Adobe's marker: whether they are inverted is not known"),
            (_, _, count, _) => unsupported(&format!("of {count} components")),
        }
    }

    /// The transform of its colours, by the same rule.
    fn transform(&self) -> ColorTransform {
        match self.model() {
            "gray" => ColorTransform::Grayscale,
            "rgb" => ColorTransform::RGB,
            "ycck" => ColorTransform::YCCK,
            "cmyk" => ColorTransform::CMYK,
            _ => ColorTransform::YCbCr,
        }
    }
}

/// The longest file that is held in memory to be decoded, in bytes.
pub(super) const LONGEST: u64 = 64 << 20;

/// Decodes the JPEG at `path`, whose markers are these. CMYK becomes RGB by plain subtraction of inks.
///
/// # Errors
/// [`MediaError::Damaged`] where it is broken, [`MediaError::Unsupported`] for what is not decoded.
pub(super) fn decode(path: &Path, head: &JpegHead) -> Result<DynamicImage, MediaError> {
    let file = File::open(path).map_err(MediaError::Unreadable)?;
    if file.metadata().map_err(MediaError::Unreadable)?.len() <= LONGEST {
        let mut data = Vec::new();
        (&file).take(LONGEST).read_to_end(&mut data).map_err(MediaError::Unreadable)?;
        if let Some(pixels) = Jpeg::open(&data).filter(|jpeg| jpeg.size() == head.size).and_then(Jpeg::decode_whole) {
            return Ok(pixels);
        }
        return by_library(&data[..], head);
    }
    by_library(BufReader::new(file.take(MAX_BYTES)), head)
}

/// What our own decoder leaves to others: colours that are not Y'CbCr, what is not quite as it should be, long files.
fn by_library(data: impl Read, head: &JpegHead) -> Result<DynamicImage, MediaError> {
    let mut decoder = Decoder::new(data);
    decoder.set_color_transform(head.transform());
    decoder.set_max_decoding_buffer_size(MAX_BYTES as usize);
    let pixels = decoder.decode().map_err(|error| match error {
        jpeg_decoder::Error::Io(error) => reading(error),
        jpeg_decoder::Error::Unsupported(what) => MediaError::Unsupported(format!("a JPEG with {what:?}")),
        error => MediaError::damaged(error.to_string()),
    })?;
    let info = decoder.info().filter(|info| (info.width.into(), info.height.into()) == head.size);
    let picture = info.and_then(|info| match info.pixel_format {
        PixelFormat::L8 => GrayImage::from_raw(head.size.0, head.size.1, pixels).map(DynamicImage::ImageLuma8),
        PixelFormat::RGB24 => RgbImage::from_raw(head.size.0, head.size.1, pixels).map(DynamicImage::ImageRgb8),
        PixelFormat::CMYK32 => {
            RgbImage::from_raw(head.size.0, head.size.1, without_inks(&pixels)).map(DynamicImage::ImageRgb8)
        }
        PixelFormat::L16 => None,
    });
    picture.ok_or_else(|| MediaError::damaged("its components are not those that its header declares"))
}

/// Red, green and blue of cyan, magenta, yellow and black.
fn without_inks(inks: &[u8]) -> Vec<u8> {
    let left = |ink: u8, black: u8| ((u32::from(255 - ink) * u32::from(255 - black) + 127) / 255) as u8;
    inks.as_chunks()
        .0
        .iter()
        .flat_map(|[cyan, magenta, yellow, black]| [*cyan, *magenta, *yellow].map(|ink| left(ink, *black)))
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use super::*;

    fn head(process: u8, precision: u8, ids: &[u8], adobe: Option<u8>) -> JpegHead {
        let mut head = JpegHead::default();
        let mut body = vec![precision, 0, 8, 0, 16, ids.len() as u8];
        body.extend(ids.iter().flat_map(|id| [*id, 0x11, 0]));
        if let Some(transform) = adobe {
            head.note(0xee, &[&b"Adobe\0\x64\0\0\0\0"[..], &[transform]].concat());
        }
        head.note(process, &body);
        head
    }

    #[test]
    fn the_colours_of_a_jpeg_follow_from_its_markers() {
        assert_eq!(head(0xc0, 8, &[1], None).model(), "gray");
        assert_eq!(head(0xc0, 8, &[1, 2, 3], None).model(), "ycbcr");
        assert_eq!(head(0xc0, 8, &[1, 2, 3], Some(0)).model(), "rgb");
        assert_eq!(head(0xc2, 8, b"RGB", None).model(), "rgb");
        assert_eq!(head(0xc2, 8, &[1, 2, 3, 4], Some(2)).model(), "ycck");
        assert_eq!(head(0xc0, 8, &[1, 2, 3], None).size, (16, 8));
        let mut both = head(0xc0, 8, &[1, 2, 3], Some(0));
        both.note(0xe0, b"JFIF\0\x01\x01");
        assert_eq!(both.model(), "ycbcr");
    }

    #[test]
    fn what_would_come_out_wrong_is_refused_with_the_reason() {
        let why = |head: JpegHead| head.decodable().unwrap_err().to_string();
        assert!(why(head(0xc0, 8, &[1, 2, 3, 4], None)).contains("inverted"));
        assert!(why(head(0xc1, 12, &[1], None)).contains("12 bits"));
        assert!(why(head(0xc9, 8, &[1], None)).contains("arithmetic"));
        assert!(why(head(0xc3, 8, &[1], None)).contains("without loss"));
        assert!(why(head(0xc0, 8, &[1, 2], None)).contains("2 components"));
        assert!(head(0xc2, 8, &[1, 2, 3, 4], Some(2)).decodable().is_ok());
    }
}
