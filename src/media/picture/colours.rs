//! The colours that a PNG is meant in: chunks that no other format has a place for. PNG (W3C, third edition), section 11.3.2.

use image::DynamicImage;

use super::light::level;
use crate::media::error::MediaError;

/// 1 / 2.2, times 100,000: how sRGB is told by those who do not name it.
const USUAL_GAMMA: u32 = 45_455;
/// Differences of up to 5 % are not seen.
const NEAR_GAMMA: u32 = USUAL_GAMMA / 20;
/// White, red, green and blue of sRGB (IEC 61966-2-1): x and y of each, times 100,000.
const PRIMARIES: [u32; 8] = [31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000];
/// A hundredth: rounding, and no other colours.
const NEAR_PRIMARY: u32 = 1_000;
/// sRGB by the numbers of ITU-T H.273: primaries, transfer, matrix, and that the range is full.
const SRGB_POINTS: [u8; 4] = [1, 13, 0, 1];
/// Transfer functions of high dynamic range: PQ and HLG.
const HIGH: [u8; 2] = [16, 18];

/// What a PNG says of its colours before its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct PngColours {
    /// The exponent that light was stored with, times 100,000.
    gamma: Option<u32>,
    primaries: Option<[u32; 8]>,
    points: Option<[u8; 4]>,
    profile: bool,
    srgb: bool,
}

impl PngColours {
    /// Takes note of what the chunk `kind` says, whose content begins with `body`.
    pub(super) fn note(&mut self, kind: &[u8; 4], body: &[u8]) {
        let number = |four: &[u8; 4]| u32::from_be_bytes(*four);
        match kind {
            b"iCCP" => self.profile = true,
            b"sRGB" => self.srgb = true,
            b"cICP" => self.points = body.first_chunk().copied(),
            b"gAMA" => self.gamma = body.first_chunk().map(number).filter(|gamma| *gamma > 0),
            b"cHRM" => {
                let numbers = body.as_chunks().0.iter().map(number).collect::<Vec<_>>();
                // No colour has nothing of y: this is none, and decoders do not mind it.
                self.primaries = numbers.try_into().ok().filter(|of: &[u32; 8]| of[1] > 0);
            }
            _ => {}
        }
    }

    /// Whether the pixels, `stored` as gray or in colours, come out right: as they are, with the profile, or by
    /// [`to_srgb`](Self::to_srgb).
    ///
    /// # Errors
    /// [`MediaError::Unsupported`].
    pub(super) fn decodable(&self, stored: Option<&str>) -> Result<(), MediaError> {
        if let Some(points) = self.points {
            let told_by_profile = self.profile && !HIGH.contains(&points[1]);
            if points == SRGB_POINTS || told_by_profile {
                return Ok(());
            }
            let [primaries, transfer, ..] = points;
            let high = if HIGH.contains(&transfer) { " (high dynamic range)" } else { "" };
            return Err(MediaError::Unsupported(format!(
                "a PNG in colours other than sRGB without a profile{high}: cICP tells primaries {primaries} and transfer \
                 {transfer} of ITU-T H.273"
            )));
        }
        let is_gray = stored.is_some_and(|stored| stored.starts_with("gray"));
        let far = |told: [u32; 8]| told.iter().zip(PRIMARIES).any(|(told, own)| told.abs_diff(own) > NEAR_PRIMARY);
        if !self.profile && !self.srgb && !is_gray && self.primaries.is_some_and(far) {
            return Err(MediaError::Unsupported(
                "a PNG in colours other than sRGB without a profile: cHRM tells other primaries".into(),
            ));
        }
        Ok(())
    }

    /// The pixels as sRGB, where gAMA alone tells how light was stored. The levels of each sample are changed; few bits
    /// show steps in the dark then.
    pub(super) fn to_srgb(self, mut pixels: DynamicImage) -> DynamicImage {
        let told = self.profile || self.srgb || self.points.is_some();
        let gamma = self.gamma.filter(|gamma| !told && gamma.abs_diff(USUAL_GAMMA) > NEAR_GAMMA);
        let Some(gamma) = gamma else { return pixels };
        let of = |sample: usize, most: f64| level((sample as f64 / most).powf(100_000.0 / f64::from(gamma))) * most;
        let eight = || (0..=255).map(|sample| of(sample, 255.0).round() as u8).collect::<Vec<u8>>();
        let sixteen = || (0..=65_535).map(|sample| of(sample, 65_535.0).round() as u16).collect::<Vec<u16>>();
        match &mut pixels {
            DynamicImage::ImageLuma8(of) => replace(of, (1, 1), &eight()),
            DynamicImage::ImageLumaA8(of) => replace(of, (2, 1), &eight()),
            DynamicImage::ImageRgb8(of) => replace(of, (3, 3), &eight()),
            DynamicImage::ImageRgba8(of) => replace(of, (4, 3), &eight()),
            DynamicImage::ImageLuma16(of) => replace(of, (1, 1), &sixteen()),
            DynamicImage::ImageLumaA16(of) => replace(of, (2, 1), &sixteen()),
            DynamicImage::ImageRgb16(of) => replace(of, (3, 3), &sixteen()),
            DynamicImage::ImageRgba16(of) => replace(of, (4, 3), &sixteen()),
            // No PNG has floating point.
            _ => {}
        }
        pixels
    }
}

/// Puts for each sample that of `table`: in each pixel of so many channels, the first of them are colours.
fn replace<T: Copy + Into<usize>>(samples: &mut [T], (channels, colours): (usize, usize), table: &[T]) {
    for pixel in samples.chunks_exact_mut(channels) {
        for sample in &mut pixel[..colours] {
            *sample = table[(*sample).into()];
        }
    }
}
