//! A spectrogram as a picture, in memory that does not grow with the length of the sound.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use image::codecs::png::PngEncoder;
use image::{Rgb, RgbImage};

use super::error::MediaError;

/// What a spectrogram is to look like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Pixels from left to right: time.
    pub width: u32,
    /// Pixels from bottom to top: frequency, 0 to half the sample rate, linear.
    pub height: u32,
    /// Decibels from the brightest colour (the loudest spot of the sound) down to black.
    pub range_db: f32,
}

impl Default for Look {
    fn default() -> Self {
        Self { width: 1024, height: 512, range_db: 90.0 }
    }
}

/// Gathers the power spectra of a sound into columns.
///
/// How many frames will come is not known, so columns fill up one frame each at first; whenever twice the width is full,
/// neighbours are merged and every column takes twice as many frames from then on.
pub struct Spectrogram {
    look: Look,
    /// Mean powers, one row of the picture after the other in a column, the lowest frequency first.
    columns: Vec<Vec<f32>>,
    /// The column being filled: sums of power, and how many frames are in it.
    filling: Vec<f32>,
    filled: u32,
    /// Frames in a full column.
    per_column: u32,
}

impl Spectrogram {
    /// An empty spectrogram; sides of nothing are taken as one pixel.
    #[must_use]
    pub fn new(look: Look) -> Self {
        let look = Look { width: look.width.max(1), height: look.height.max(1), range_db: look.range_db.max(1.0) };
        Self { look, columns: Vec::new(), filling: vec![0.0; look.height as usize], filled: 0, per_column: 1 }
    }

    /// Takes in the power spectrum of the next frame, of any number of bins.
    pub fn add(&mut self, power: &[f32]) {
        let (rows, bins) = (self.filling.len(), power.len());
        if bins == 0 {
            return;
        }
        for (row, sum) in self.filling.iter_mut().enumerate() {
            // A row shows the loudest of its bins: a mean would let single tones fade in tall pictures of long frames.
            let from = row * bins / rows;
            let to = ((row + 1) * bins / rows).clamp(from + 1, bins);
            *sum += power[from..to].iter().copied().fold(0.0, f32::max);
        }
        self.filled += 1;
        if self.filled == self.per_column {
            self.close_column();
            if self.columns.len() == 2 * self.look.width as usize {
                self.halve();
            }
        }
    }

    fn close_column(&mut self) {
        let count = self.filled as f32;
        self.columns.push(self.filling.iter().map(|sum| sum / count).collect());
        self.filling.fill(0.0);
        self.filled = 0;
    }

    fn halve(&mut self) {
        let mut merged = Vec::with_capacity(self.columns.capacity());
        let mut columns = std::mem::take(&mut self.columns).into_iter();
        while let (Some(mut first), Some(second)) = (columns.next(), columns.next()) {
            first.iter_mut().zip(&second).for_each(|(a, b)| *a = (*a + b) / 2.0);
            merged.push(first);
        }
        self.columns = merged;
        self.per_column *= 2;
    }

    /// The picture: black for a sound without frames or of silence.
    #[must_use]
    pub fn finish(mut self) -> RgbImage {
        if self.filled > 0 && (self.columns.is_empty() || self.filled * 2 >= self.per_column) {
            self.close_column();
        }
        let Look { width, height, range_db } = self.look;
        let loudest = self.columns.iter().flatten().copied().fold(0.0, f32::max);
        let mut picture = RgbImage::from_pixel(width, height, colour(0.0));
        if loudest <= 0.0 {
            return picture;
        }
        let count = self.columns.len();
        for x in 0..width {
            let from = x as usize * count / width as usize;
            let to = ((x as usize + 1) * count / width as usize).clamp(from + 1, count);
            for y in 0..height {
                let row = (height - 1 - y) as usize;
                let power = self.columns[from..to].iter().map(|column| column[row]).fold(0.0, f32::max);
                let below = 10.0 * (power / loudest).max(f32::MIN_POSITIVE).log10();
                picture.put_pixel(x, y, colour(1.0 + below / range_db));
            }
        }
        picture
    }
}

/// Writes a picture as PNG.
///
/// # Errors
/// [`MediaError::Unwritable`].
pub fn write_png(picture: &RgbImage, path: &Path) -> Result<(), MediaError> {
    let mut file = BufWriter::new(File::create(path).map_err(MediaError::Unwritable)?);
    picture.write_with_encoder(PngEncoder::new(&mut file)).map_err(|error| match error {
        image::ImageError::IoError(error) => MediaError::Unwritable(error),
        other => MediaError::Unwritable(std::io::Error::other(other.to_string())),
    })?;
    file.flush().map_err(MediaError::Unwritable)
}

/// Black over purple and orange to pale yellow, of even steps in lightness (after the map "inferno", CC0).
const COLOURS: [[f32; 3]; 9] = [
    [0.0, 0.0, 4.0],
    [27.0, 12.0, 65.0],
    [74.0, 12.0, 107.0],
    [120.0, 28.0, 109.0],
    [165.0, 44.0, 96.0],
    [207.0, 68.0, 70.0],
    [237.0, 105.0, 37.0],
    [251.0, 155.0, 6.0],
    [252.0, 255.0, 164.0],
];

/// The colour of a level between 0 (quiet) and 1 (the loudest).
fn colour(level: f32) -> Rgb<u8> {
    let place = level.clamp(0.0, 1.0) * (COLOURS.len() - 1) as f32;
    let low = (place as usize).min(COLOURS.len() - 2);
    let part = place - low as f32;
    Rgb(std::array::from_fn(|channel| {
        let (from, to) = (COLOURS[low][channel], COLOURS[low + 1][channel]);
        (from + (to - from) * part).round() as u8
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_a_line_at_its_height_however_long_it_lasts() {
        let mut power = vec![0.0; 1025];
        power[256] = 1.0;
        for frames in [3, 64, 100_000] {
            let mut gram = Spectrogram::new(Look { width: 32, height: 64, range_db: 60.0 });
            (0..frames).for_each(|_| gram.add(&power));
            assert!(gram.columns.len() <= 64, "memory is bounded");
            let picture = gram.finish();
            // A quarter of the way up: the bins from 256 on are those of row 16.
            assert_eq!(*picture.get_pixel(31, 64 - 1 - 16), colour(1.0));
            assert_eq!(*picture.get_pixel(0, 0), colour(0.0));
        }
    }

    #[test]
    fn silence_and_nothing_are_black() {
        let mut gram = Spectrogram::new(Look { width: 4, height: 4, range_db: 90.0 });
        assert!(Spectrogram::new(Look::default()).finish().pixels().all(|pixel| *pixel == colour(0.0)));
        gram.add(&[0.0; 17]);
        assert!(gram.finish().pixels().all(|pixel| *pixel == colour(0.0)));
    }

    #[test]
    fn louder_is_lighter() {
        let light = |level: f32| colour(level).0.iter().map(|part| u32::from(*part)).sum::<u32>();
        let steps: Vec<u32> = (0..=8).map(|step| light(step as f32 / 8.0)).collect();
        assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "{steps:?}");
    }
}
