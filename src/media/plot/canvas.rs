//! A picture of at most 256 colours, and what is drawn on it.

use std::path::Path;

use image::ImageError;

use super::font;
use crate::media::error::MediaError;
use crate::media::picture::write_picture;

/// Pixels from one letter to the next.
pub const LETTER: u32 = font::WIDTH + 1;

/// Pixels of a line of text.
pub const LINE: u32 = font::HEIGHT;

/// A picture of at most 256 colours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canvas {
    width: u32,
    height: u32,
    /// Places in the palette, row by row from the top.
    pixels: Vec<u8>,
    palette: Vec<[u8; 3]>,
}

impl Canvas {
    /// A picture of `width` times `height` pixels (at least one), all of the first colour of the palette (which has one at
    /// least; what is beyond 256 is left out).
    #[must_use]
    pub fn new(width: u32, height: u32, mut palette: Vec<[u8; 3]>) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        palette.truncate(256);
        if palette.is_empty() {
            palette.push([0; 3]);
        }
        Self { width, height, pixels: vec![0; width as usize * height as usize], palette }
    }

    /// Pixels from left to right.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Pixels from top to bottom.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The colour of a pixel, as a place in the palette; the first outside.
    #[must_use]
    pub fn at(&self, x: u32, y: u32) -> u8 {
        self.place(x, y).map_or(0, |place| self.pixels[place])
    }

    /// Colours a pixel; outside nothing happens.
    pub fn dot(&mut self, x: u32, y: u32, colour: u8) {
        if let Some(place) = self.place(x, y) {
            self.pixels[place] = colour;
        }
    }

    /// The pixels of row `y` from `x` on, at most `width` of them: a slice to be filled.
    pub fn row(&mut self, x: u32, y: u32, width: u32) -> &mut [u8] {
        let (from, to) = (x.min(self.width), x.saturating_add(width).min(self.width));
        if y >= self.height {
            return &mut [];
        }
        let start = y as usize * self.width as usize;
        &mut self.pixels[start + from as usize..start + to as usize]
    }

    /// Fills a rectangle; what is outside is cut off.
    pub fn fill(&mut self, (x, y): (u32, u32), (width, height): (u32, u32), colour: u8) {
        for y in y..y.saturating_add(height).min(self.height) {
            self.row(x, y, width).fill(colour);
        }
    }

    /// Writes `text` with its upper left corner at `x`, `y`.
    pub fn text(&mut self, x: u32, y: u32, text: &str, colour: u8) {
        for (at, letter) in text.chars().enumerate() {
            let left = x.saturating_add(at as u32 * LETTER);
            for (down, row) in font::rows(letter).iter().enumerate() {
                for right in (0..font::WIDTH).filter(|right| row >> (font::WIDTH - 1 - right) & 1 == 1) {
                    self.dot(left + right, y + down as u32, colour);
                }
            }
        }
    }

    fn place(&self, x: u32, y: u32) -> Option<usize> {
        (x < self.width && y < self.height).then(|| y as usize * self.width as usize + x as usize)
    }

    /// Writes the picture as PNG with a palette.
    ///
    /// # Errors
    /// [`MediaError::Unwritable`].
    pub fn write_png(&self, path: &Path) -> Result<(), MediaError> {
        write_picture(path, |file| {
            let mut encoder = png::Encoder::new(file, self.width, self.height);
            encoder.set_color(png::ColorType::Indexed);
            encoder.set_palette(self.palette.concat());
            encoder.set_compression(png::Compression::Fast);
            // The differences of places in a palette tell nothing.
            encoder.set_filter(png::Filter::NoFilter);
            let written = encoder.write_header().and_then(|mut writer| {
                writer.write_image_data(&self.pixels)?;
                writer.finish()
            });
            written.map_err(|error| ImageError::IoError(error.into()))
        })
    }
}

/// Pixels that `text` is wide.
#[must_use]
pub fn text_width(text: &str) -> u32 {
    (text.chars().count() as u32 * LETTER).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a picture that cannot be written has failed the test")]

    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut canvas = Canvas::new(20, 9, vec![[1, 2, 3], [200, 100, 0]]);
        canvas.text(1, 1, "T", 1);
        canvas.fill((15, 7), (100, 100), 1);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        canvas.write_png(&path).unwrap();
        let picture = image::open(&path).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), (20, 9));
        assert_eq!(picture.get_pixel(0, 0).0, [1, 2, 3]);
        // The bar of the T is at the top, its stem in the middle.
        assert_eq!([1, 5, 3].map(|x| picture.get_pixel(x, 1).0[0]), [200; 3]);
        assert_eq!([(1, 7), (3, 7)].map(|(x, y)| picture.get_pixel(x, y).0[0]), [1, 200]);
        assert_eq!(picture.get_pixel(19, 8).0, [200, 100, 0]);
    }

    #[test]
    fn nothing_is_drawn_outside() {
        let mut canvas = Canvas::new(3, 3, Vec::new());
        canvas.text(2, 2, "MMMM", 0);
        canvas.dot(3, 0, 1);
        canvas.row(5, 1, 9).fill(1);
        canvas.row(0, 3, 9).fill(1);
        assert!((0..3).all(|x| (0..3).all(|y| canvas.at(x, y) == 0)));
    }
}
