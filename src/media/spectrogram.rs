//! A spectrogram as a picture, in memory that does not grow with the length of the sound.

use std::path::Path;

use image::codecs::png::PngEncoder;
use image::{Rgb, RgbImage};

use super::error::MediaError;
use super::picture_file::write_picture;

/// How frequencies lie on the height of a spectrogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// As the ear hears them (mel): even up to about 700 Hz, then by octaves.
    #[default]
    Mel,
    /// Every hertz takes the same height.
    Linear,
}

/// What a spectrogram is to look like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Pixels from left to right: time.
    pub width: u32,
    /// Pixels from bottom to top: frequency, from 0 to half the sample rate.
    pub height: u32,
    /// How frequencies lie on the height.
    pub scale: Scale,
    /// Decibels from the brightest colour (the loudest spot of the sound) down to black.
    pub range_db: f32,
}

impl Default for Look {
    fn default() -> Self {
        Self { width: 1024, height: 512, scale: Scale::Mel, range_db: 90.0 }
    }
}

/// Gathers the power spectra of a sound into columns.
///
/// How many frames will come is not known, so columns fill up one frame each at first; whenever twice the width is full,
/// neighbours are merged and every column takes twice as many frames from then on.
pub struct Spectrogram {
    look: Look,
    /// In Hz.
    rate: u32,
    /// The bins of each row, as places on the scale of bins: from, to.
    rows: Vec<(f32, f32)>,
    /// Mean powers, one row of the picture after the other in a column, the lowest frequency first.
    columns: Vec<Vec<f32>>,
    /// The column being filled: sums of power, and how many frames are in it.
    filling: Vec<f32>,
    filled: u32,
    /// Frames in a full column.
    per_column: u32,
}

impl Spectrogram {
    /// An empty spectrogram of a sound at `rate` Hz; sides of nothing are taken as one pixel.
    #[must_use]
    pub fn new(look: Look, rate: u32) -> Self {
        let (width, height) = (look.width.max(1), look.height.max(1));
        let look = Look { width, height, range_db: look.range_db.max(1.0), ..look };
        let filling = vec![0.0; height as usize];
        Self { look, rate, rows: Vec::new(), columns: Vec::new(), filling, filled: 0, per_column: 1 }
    }

    /// Takes in the power spectrum of the next frame, of any number of bins.
    pub fn add(&mut self, power: &[f32]) {
        let Some(last) = power.len().checked_sub(1) else { return };
        if self.rows.is_empty() {
            self.rows = rows(self.look, self.rate, last);
        }
        for ((from, to), sum) in self.rows.iter().zip(&mut self.filling) {
            // A row shows the loudest of its bins: a mean would let single tones fade. One that lies between two bins
            // shows what is between them.
            let (first, end) = (from.ceil() as usize, (to.ceil() as usize).min(last + 1));
            *sum += if first < end {
                power[first..end].iter().copied().fold(0.0, f32::max)
            } else {
                let low = (from.floor() as usize).min(last);
                let part = (from + to) / 2.0 - low as f32;
                power[low] * (1.0 - part) + power[(low + 1).min(last)] * part
            };
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
        let Look { width, height, range_db, .. } = self.look;
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

/// The bins of each row, the lowest first: places on a scale from 0 to `last`.
fn rows(look: Look, rate: u32, last: usize) -> Vec<(f32, f32)> {
    let top = f64::from(rate.max(1)) / 2.0;
    let mel = |hertz: f64| (1.0 + hertz / 700.0).ln();
    let place = |row: u32| {
        let part = f64::from(row) / f64::from(look.height);
        let hertz = match look.scale {
            Scale::Linear => part * top,
            Scale::Mel => 700.0 * (part * mel(top)).exp_m1(),
        };
        (hertz / top * last as f64) as f32
    };
    let mut rows: Vec<_> = (0..look.height).map(|row| (place(row), place(row + 1))).collect();
    // A row ends before the next begins, and nothing comes after the top one: it takes the last bin too.
    if let Some((_, to)) = rows.last_mut() {
        *to = last as f32 + 1.0;
    }
    rows
}

/// Writes a picture as PNG.
///
/// # Errors
/// [`MediaError::Unwritable`].
pub fn write_png(picture: &RgbImage, path: &Path) -> Result<(), MediaError> {
    write_picture(path, |file| picture.write_with_encoder(PngEncoder::new(file)))
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

    fn look(width: u32, height: u32, scale: Scale) -> Look {
        Look { width, height, scale, range_db: 60.0 }
    }

    #[test]
    fn a_tone_is_a_line_at_its_height_however_long_it_lasts() {
        let mut power = vec![0.0; 1025];
        power[256] = 1.0;
        for frames in [3, 64, 100_000] {
            let mut gram = Spectrogram::new(look(32, 64, Scale::Linear), 48_000);
            (0..frames).for_each(|_| gram.add(&power));
            assert!(gram.columns.len() <= 64, "memory is bounded");
            let picture = gram.finish();
            // A quarter of the way up: the bins from 256 on are those of row 16.
            assert_eq!(*picture.get_pixel(31, 64 - 1 - 16), colour(1.0));
            assert_eq!(*picture.get_pixel(0, 0), colour(0.0));
        }
    }

    #[test]
    fn every_tone_is_seen_on_either_scale_at_any_height() {
        for scale in [Scale::Linear, Scale::Mel] {
            for (height, bin) in [(16, 0), (16, 128), (100, 3), (512, 1), (512, 77), (2000, 128)] {
                let mut power = vec![0.0; 129];
                power[bin] = 1.0;
                let mut gram = Spectrogram::new(look(1, height, scale), 8000);
                gram.add(&power);
                let picture = gram.finish();
                assert!(picture.pixels().any(|pixel| *pixel == colour(1.0)), "{scale:?} {height} {bin}");
            }
        }
    }

    #[test]
    fn silence_and_nothing_are_black() {
        let mut gram = Spectrogram::new(look(4, 4, Scale::Mel), 8000);
        let empty = Spectrogram::new(Look::default(), 8000).finish();
        assert!(empty.pixels().all(|pixel| *pixel == colour(0.0)));
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
