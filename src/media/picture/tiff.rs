//! Decodes the pages of TIFF files.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use image::{DynamicImage, ImageBuffer};
use tiff::TiffError;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;

use super::bounds::{MAX_BYTES, reading};
use super::overlay::Overlay;
use super::pages::Page;
use crate::media::error::MediaError;

const PALETTE: u32 = 3;

/// The colours of a page as it stores them.
pub(super) fn model(page: &Page) -> &'static str {
    match (page.photometric, page.extra.first()) {
        (0 | 1, Some(1 | 2)) => "gray-alpha",
        (0 | 1, _) => "gray",
        (2, Some(1 | 2)) => "rgba",
        // Older writers leave alpha unsaid.
        (2, None) if page.samples == 4 => "rgba",
        (2, _) => "rgb",
        (PALETTE, _) => "palette",
        (5, _) => "cmyk",
        (6, _) => "ycbcr",
        (8..=10, _) => "lab",
        _ => "unknown",
    }
}

/// What a page is decoded to: `gray`, `gray-alpha`, `rgb` or `rgba`.
///
/// # Errors
/// [`MediaError::Unsupported`] for what would come out wrong.
pub(super) fn decoded(page: &Page) -> Result<&'static str, MediaError> {
    let unsupported = |what: String| Err(MediaError::Unsupported(format!("a TIFF {what}")));
    let bits = page.bits.first().copied().unwrap_or(1);
    let model = model(page);
    if page.bits.iter().any(|other| *other != bits) {
        return unsupported(format!("with samples of different sizes ({:?} bits)", page.bits));
    }
    if page.fill_order == 2 {
        return unsupported("whose pixels begin in the lowest bit".into());
    }
    let extra = match (model, page.extra.as_slice()) {
        ("gray-alpha" | "rgba", [_]) | ("rgba", []) => 1,
        (_, []) => 0,
        _ => return unsupported("with samples beyond colour and alpha".into()),
    };
    let (decoded, colours) = match model {
        "gray" | "gray-alpha" => (model, 1),
        "rgb" | "rgba" => (model, 3),
        "palette" => ("rgb", 1),
        "cmyk" => ("rgb", 4),
        "ycbcr" => ("rgb", 3),
        _ => return unsupported(format!("with colours of kind {}", page.photometric)),
    };
    if page.samples != colours + extra {
        return unsupported(format!("with {} samples per pixel where {} belong", page.samples, colours + extra));
    }
    let fits = match (model, page.sample_format) {
        ("palette", 1) | ("gray", 1) => matches!(bits, 1 | 2 | 4 | 8 | 16) && (model == "gray" || bits <= 8),
        ("ycbcr", 1) => bits == 8,
        ("gray-alpha" | "rgb" | "rgba" | "cmyk", 1) => matches!(bits, 8 | 16),
        ("gray" | "rgb" | "rgba", 3) => matches!(bits, 16 | 32 | 64),
        _ => false,
    };
    if fits {
        Ok(decoded)
    } else {
        unsupported(format!("of {} with samples of {bits} bits, kind {}", model, page.sample_format))
    }
}

/// Decodes one page. Samples in floating point become 16 bits, of 0 to 1.
///
/// # Errors
/// Those of [`decoded`], and [`MediaError::Damaged`].
pub(super) fn decode(path: &Path, page: &Page) -> Result<DynamicImage, MediaError> {
    decoded(page)?;
    let file = BufReader::new(File::open(path).map_err(MediaError::Unreadable)?);
    let word = |number: u32, width: usize| match page.little {
        true => number.to_le_bytes()[..width].to_vec(),
        false => number.to_be_bytes()[4 - width..].to_vec(),
    };
    let mut patches = vec![(4, word(page.at, 4))];
    if page.photometric == PALETTE {
        // The decoder knows no palettes: it is given their indices as gray.
        let (at, width) = page.photometric_at;
        patches.push((at, word(1, width)));
    }
    let mut limits = Limits::default();
    limits.decoding_buffer_size = MAX_BYTES as usize;
    limits.intermediate_buffer_size = MAX_BYTES as usize;
    let mut decoder = Decoder::new(Overlay::new(file, patches)).map_err(trouble)?.with_limits(limits);
    let mut samples = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut samples).map_err(trouble)?;
    if samples.as_buffer(0).as_bytes().len() < layout.complete_len {
        return Err(MediaError::Limit("its planes take more memory than is given".into()));
    }
    let mut channels = usize::from(decoder.colortype().map_err(trouble)?.num_samples());
    let bits = page.bits.first().copied().unwrap_or(1);
    if layout.planes > 1 {
        channels = layout.planes;
    }
    let pixels = page.size.0 as usize * page.size.1 as usize;
    let model = model(page);
    let samples = match samples {
        DecodingResult::U8(packed) if bits < 8 => Samples::Eight(unpack(&packed, page.size.0, bits)),
        DecodingResult::U8(samples) => Samples::Eight(interleaved(samples, layout.planes)),
        DecodingResult::U16(samples) => Samples::Sixteen(interleaved(samples, layout.planes)),
        DecodingResult::F16(samples) => integers(interleaved(samples, layout.planes).into_iter().map(f64::from))?,
        DecodingResult::F32(samples) => integers(interleaved(samples, layout.planes).into_iter().map(f64::from))?,
        DecodingResult::F64(samples) => integers(interleaved(samples, layout.planes).into_iter())?,
        _ => return Err(MediaError::Unsupported("a TIFF with signed samples, or very long ones".into())),
    };
    let associated = page.extra == [1];
    let picture = match samples {
        Samples::Eight(mut samples) if model == "palette" => {
            let map = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(trouble)?;
            samples = coloured(&samples, &map, bits)?;
            image8(page, samples, 3)
        }
        Samples::Eight(samples) if bits < 8 => {
            let most = (1_u16 << bits) - 1;
            image8(page, samples.into_iter().map(|sample| (u16::from(sample) * 255 / most) as u8).collect(), 1)
        }
        Samples::Eight(samples) if model == "cmyk" => {
            let inks = samples.as_chunks::<4>().0.iter();
            image8(page, inks.flat_map(|inks| from_inks(inks.map(u32::from), 255).map(|part| part as u8)).collect(), 3)
        }
        Samples::Eight(samples) if model == "ycbcr" => {
            image8(page, samples.as_chunks::<3>().0.iter().flat_map(|pixel| from_ycbcr(*pixel)).collect(), 3)
        }
        Samples::Eight(mut samples) => {
            if associated {
                straighten(&mut samples, channels, 255, |part| part as u8);
            }
            image8(page, samples, channels)
        }
        Samples::Sixteen(samples) if model == "cmyk" => {
            let inks = samples.as_chunks::<4>().0.iter();
            let parts = inks.flat_map(|inks| from_inks(inks.map(u32::from), 65_535).map(|part| part as u16));
            image16(page, parts.collect(), 3)
        }
        Samples::Sixteen(mut samples) => {
            if associated {
                straighten(&mut samples, channels, 65_535, |part| part as u16);
            }
            image16(page, samples, channels)
        }
    };
    picture
        .filter(|picture| picture.width() as usize * picture.height() as usize == pixels)
        .ok_or_else(|| MediaError::damaged("it has fewer samples than its directory declares"))
}

enum Samples {
    Eight(Vec<u8>),
    Sixteen(Vec<u16>),
}

/// Samples of floating point as integers of 16 bits: 0 to 1 becomes 0 to 65535.
fn integers(samples: impl Iterator<Item = f64>) -> Result<Samples, MediaError> {
    let sixteen = samples.map(|sample| {
        // A little beyond is rounding; far beyond is heights, light or heat, and no picture to show.
        (-0.01..=1.01).contains(&sample).then(|| (sample.clamp(0.0, 1.0) * 65_535.0).round() as u16)
    });
    sixteen.collect::<Option<_>>().map(Samples::Sixteen).ok_or_else(|| {
        MediaError::Unsupported("a TIFF in floating point with samples that are not between 0 and 1".into())
    })
}

/// Samples of planes, one after the other, pixel by pixel.
fn interleaved<T: Copy + Default>(samples: Vec<T>, planes: usize) -> Vec<T> {
    if planes <= 1 {
        return samples;
    }
    let length = samples.len() / planes;
    let mut all = vec![T::default(); length * planes];
    for (plane, samples) in samples.chunks_exact(length.max(1)).take(planes).enumerate() {
        for (pixel, sample) in all.chunks_exact_mut(planes).zip(samples) {
            pixel[plane] = *sample;
        }
    }
    all
}

/// One byte for each sample of `bits` bits; rows begin at whole bytes.
fn unpack(packed: &[u8], width: u32, bits: u32) -> Vec<u8> {
    let (per_byte, width) = ((8 / bits) as usize, width as usize);
    let mask = ((1_u16 << bits) - 1) as u8;
    let mut all = Vec::with_capacity(packed.len() * per_byte);
    for row in packed.chunks_exact(width.div_ceil(per_byte).max(1)) {
        let samples = row.iter().flat_map(|byte| (1..=8 / bits).map(move |turn| (byte >> (8 - turn * bits)) & mask));
        all.extend(samples.take(width));
    }
    all
}

/// The colours of indices into a palette: all reds, all greens, all blues.
fn coloured(indices: &[u8], map: &[u16], bits: u32) -> Result<Vec<u8>, MediaError> {
    let count = 1_usize << bits;
    if map.len() < 3 * count {
        return Err(MediaError::damaged("its palette is too short"));
    }
    // Some writers put 8 bits where 16 belong.
    let shift = if map.iter().all(|part| *part < 256) { 0 } else { 8 };
    let part = |index: u8, plane: usize| (map[plane * count + usize::from(index)] >> shift) as u8;
    Ok(indices.iter().flat_map(|index| [0, 1, 2].map(|plane| part(*index, plane))).collect())
}

/// Red, green and blue of four inks: plain subtraction, without a profile.
fn from_inks([cyan, magenta, yellow, black]: [u32; 4], most: u32) -> [u32; 3] {
    let over = u64::from(most);
    [cyan, magenta, yellow].map(|ink| ((u64::from(most - ink) * u64::from(most - black) + over / 2) / over) as u32)
}

/// Red, green and blue by ITU-R BT.601, full range, as JFIF has it.
fn from_ycbcr([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb]
        .map(|part| part.round().clamp(0.0, 255.0) as u8)
}

/// Divides alpha out of colours that it was multiplied into.
fn straighten<T: Copy + Into<u32>>(samples: &mut [T], channels: usize, most: u32, sample: fn(u32) -> T) {
    for pixel in samples.chunks_exact_mut(channels) {
        let alpha = pixel[channels - 1].into();
        for part in &mut pixel[..channels - 1] {
            *part = sample(((*part).into() * most + alpha / 2).checked_div(alpha).unwrap_or(0).min(most));
        }
    }
}

fn image8(page: &Page, samples: Vec<u8>, channels: usize) -> Option<DynamicImage> {
    let (width, height) = page.size;
    Some(match channels {
        1 => DynamicImage::ImageLuma8(ImageBuffer::from_raw(width, height, samples)?),
        2 => DynamicImage::ImageLumaA8(ImageBuffer::from_raw(width, height, samples)?),
        3 => DynamicImage::ImageRgb8(ImageBuffer::from_raw(width, height, samples)?),
        _ => DynamicImage::ImageRgba8(ImageBuffer::from_raw(width, height, samples)?),
    })
}

fn image16(page: &Page, samples: Vec<u16>, channels: usize) -> Option<DynamicImage> {
    let (width, height) = page.size;
    Some(match channels {
        1 => DynamicImage::ImageLuma16(ImageBuffer::from_raw(width, height, samples)?),
        2 => DynamicImage::ImageLumaA16(ImageBuffer::from_raw(width, height, samples)?),
        3 => DynamicImage::ImageRgb16(ImageBuffer::from_raw(width, height, samples)?),
        _ => DynamicImage::ImageRgba16(ImageBuffer::from_raw(width, height, samples)?),
    })
}

fn trouble(error: TiffError) -> MediaError {
    match error {
        TiffError::IoError(error) => reading(error),
        TiffError::UnsupportedError(what) => MediaError::Unsupported(format!("a TIFF: {what}")),
        TiffError::LimitsExceeded => MediaError::Limit("it takes more memory than is given".into()),
        other => MediaError::damaged(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_few_bits_are_unpacked_row_by_row() {
        assert_eq!(unpack(&[0b1010_0000, 0b0100_0000], 3, 1), [1, 0, 1, 0, 1, 0]);
        assert_eq!(unpack(&[0x12, 0x30, 0x45, 0x60], 3, 4), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn inks_subtract_and_alpha_divides_out() {
        assert_eq!(from_inks([0, 0, 0, 0], 255), [255; 3]);
        assert_eq!(from_inks([255, 0, 0, 0], 255), [0, 255, 255]);
        assert_eq!(from_inks([0, 0, 0, 65_535], 65_535), [0; 3]);
        let mut pixel = [50_u8, 100, 0, 100];
        straighten(&mut pixel, 4, 200, |part| part as u8);
        assert_eq!(pixel, [100, 200, 0, 100]);
    }

    #[test]
    fn planes_become_pixels() {
        assert_eq!(interleaved(vec![1, 2, 3, 4, 5, 6], 3), [1, 3, 5, 2, 4, 6]);
    }
}
