//! The pixels of a picture of text, and what is laid on them.

use std::path::Path;

use super::colour::Colour;
use super::raster::Stencil;
use crate::media::error::MediaError;
use crate::media::picture::write_picture;

/// A picture: rows of RGB, or of RGBA whose colours are multiplied by their alpha while it is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canvas {
    width: usize,
    height: usize,
    /// 3 or 4.
    channels: usize,
    pub(super) pixels: Vec<u8>,
}

impl Canvas {
    pub(super) fn opaque(width: u32, height: u32, colour: Colour) -> Self {
        let (width, height) = (width as usize, height as usize);
        Self { width, height, channels: 3, pixels: colour.0.repeat(width * height) }
    }

    pub(super) fn transparent(width: u32, height: u32) -> Self {
        let (width, height) = (width as usize, height as usize);
        Self { width, height, channels: 4, pixels: vec![0; width * height * 4] }
    }

    /// Rows of RGB.
    pub(super) fn of_rgb(width: u32, height: u32, pixels: Vec<u8>) -> Self {
        Self { width: width as usize, height: height as usize, channels: 3, pixels }
    }

    /// Pixels from left to right.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width as u32
    }

    /// Pixels from top to bottom.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height as u32
    }

    /// Samples of a pixel: 3 (RGB) or 4 (RGBA).
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The samples, row by row.
    #[must_use]
    pub fn samples(&self) -> &[u8] {
        &self.pixels
    }

    /// Lays `colour` over what is covered.
    pub(super) fn lay(&mut self, coverage: &Stencil, colour: Colour, opacity: f64) {
        let opacity = (opacity * 256.0).round() as u32;
        let columns = span(coverage.left, coverage.width, self.width);
        let rows = span(coverage.top, coverage.height, self.height);
        for row in rows {
            let from = (row as i64 - i64::from(coverage.top)) as usize * coverage.width;
            let from = from + (columns.start as i64 - i64::from(coverage.left)) as usize;
            let covered = &coverage.data[from..from + columns.len()];
            let start = (row * self.width + columns.start) * self.channels;
            let pixels = &mut self.pixels[start..start + columns.len() * self.channels];
            match self.channels {
                3 => {
                    for (pixel, covered) in pixels.chunks_exact_mut(3).zip(covered) {
                        mix(pixel, colour.0, (u32::from(*covered) * opacity) >> 8);
                    }
                }
                _ => {
                    let [red, green, blue] = colour.0;
                    for (pixel, covered) in pixels.chunks_exact_mut(4).zip(covered) {
                        mix(pixel, [red, green, blue, 255], (u32::from(*covered) * opacity) >> 8);
                    }
                }
            }
        }
    }

    /// Divides colours by their alpha, as PNG wants them.
    pub(super) fn straighten(&mut self) {
        if self.channels == 4 {
            for pixel in self.pixels.chunks_exact_mut(4) {
                let alpha = u32::from(pixel[3]);
                if alpha != 0 && alpha != 255 {
                    for sample in &mut pixel[..3] {
                        *sample = ((u32::from(*sample) * 255 + alpha / 2) / alpha).min(255) as u8;
                    }
                }
            }
        }
    }

    /// Writes the picture as PNG; what is there is replaced.
    ///
    /// # Errors
    /// [`MediaError::Unwritable`].
    pub fn write_png(&self, to: &Path) -> Result<(), MediaError> {
        write_picture(to, |file| {
            let mut encoder = png::Encoder::new(file, self.width(), self.height());
            encoder.set_color(if self.channels == 4 { png::ColorType::Rgba } else { png::ColorType::Rgb });
            encoder.set_compression(png::Compression::Fastest);
            let written = encoder.write_header().and_then(|mut writer| {
                writer.write_image_data(&self.pixels)?;
                writer.finish()
            });
            written.map_err(|error| image::ImageError::IoError(error.into()))
        })
    }
}

/// Which of `most` pixels a stretch that begins at `start` covers.
fn span(start: i32, length: usize, most: usize) -> std::ops::Range<usize> {
    let clamp = |at: i64| at.clamp(0, most as i64) as usize;
    clamp(i64::from(start))..clamp(i64::from(start) + length as i64)
}

/// `colour` over `pixel`, `alpha` of 255 of it.
fn mix<const N: usize>(pixel: &mut [u8], colour: [u8; N], alpha: u32) {
    if alpha == 0 {
        return;
    }
    for (sample, colour) in pixel.iter_mut().zip(colour) {
        *sample = ((u32::from(*sample) * (255 - alpha) + u32::from(colour) * alpha + 127) / 255) as u8;
    }
}
