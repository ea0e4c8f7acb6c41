//! A spectrogram as a picture, in memory that does not grow with the length of the sound.

mod draw;
mod scale;

pub use self::draw::draw;
pub use self::scale::Scale;
use self::scale::{Band, Row};
use super::plot::{Axes, Canvas, Colours, Frame, Legend};
use super::spectrum::Frames;

/// Levels of the colour map; what is left of the palette is for the axes.
const LEVELS: u8 = 250;

/// Places in the palette after the levels.
const PAPER: u8 = 250;
const INK: u8 = 251;

/// Pixels between two marks of the axis of frequencies.
const MARKS_APART: u32 = 18;

/// What a spectrogram is to look like.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// How frequencies lie on the height.
    pub scale: Scale,
    /// Decibels from the brightest colour (the loudest spot of the sound) down to the darkest.
    pub range_db: f32,
    /// The colours of the levels.
    pub colours: Colours,
    /// Whether there are axes and a legend, where there is room for them.
    pub axes: bool,
    /// Stands above the plot, where there are axes.
    pub title: Option<String>,
    /// The lowest frequency, in Hz; 0 where nothing is said (20 on a logarithmic scale).
    pub from_hz: Option<f64>,
    /// The highest frequency, in Hz; half the sample rate where nothing is said.
    pub to_hz: Option<f64>,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            width: 1024,
            height: 512,
            scale: Scale::Mel,
            range_db: 90.0,
            colours: Colours::default(),
            axes: true,
            title: None,
            from_hz: None,
            to_hz: None,
        }
    }
}

impl Look {
    /// Where things lie on the picture.
    fn frame(&self) -> Frame {
        Frame::new(self.width.max(1), self.height.max(1), self.axes, true)
    }

    /// Frames of `size` samples that fit the picture, for a sound of `samples` samples: one for each column of the plot, but
    /// at most half a frame apart, so that nothing is left out. For a sound of unknown length a quarter of a frame apart.
    #[must_use]
    pub fn frames(&self, size: usize, samples: Option<u64>) -> Frames {
        let hop = match samples {
            Some(samples) => (samples / u64::from(self.frame().plot.width.max(1))).clamp(16, size as u64 / 2) as usize,
            None => size / 4,
        };
        Frames { size, hop }
    }
}

/// Gathers the power spectra of a sound into columns, each the mean of its frames.
///
/// If the number of frames is told beforehand, frames are spread evenly over the columns. It is a hint only: whenever twice
/// the width is full, neighbours are merged and every column takes twice as many frames from then on.
pub struct Spectrogram {
    look: Look,
    frame: Frame,
    /// In Hz.
    rate: u32,
    band: Band,
    rows: Vec<Row>,
    /// Mean powers, column after column, the lowest frequency first: the upper half of the bits of each number, which is
    /// right to 0.02 dB.
    cells: Vec<u16>,
    /// The column being filled: sums of the power of every bin, and how many frames are in it.
    filling: Vec<f32>,
    filled: u32,
    /// Frame `k` belongs to column `k * ratio.0 / ratio.1`.
    ratio: (u64, u64),
    count: u64,
}

impl Spectrogram {
    /// An empty spectrogram of a sound at `rate` Hz, of which `frames` spectra are likely to come.
    #[must_use]
    pub fn new(look: Look, rate: u32, frames: Option<u64>) -> Self {
        let frame = look.frame();
        let band = Band::new(look.scale, look.from_hz, look.to_hz, rate);
        let ratio = match frames {
            Some(frames) if frames > 0 => (u64::from(frame.plot.width).min(frames), frames),
            _ => (1, 1),
        };
        Self {
            look,
            frame,
            rate,
            band,
            rows: Vec::new(),
            cells: Vec::new(),
            filling: Vec::new(),
            filled: 0,
            ratio,
            count: 0,
        }
    }

    /// Takes in the power spectrum of the next frame; all have the same number of bins.
    pub fn add(&mut self, power: &[f32]) {
        let Some(last) = power.len().checked_sub(1) else { return };
        if self.rows.is_empty() {
            self.rows = self.band.rows(self.frame.plot.height, self.rate, last);
            self.filling = vec![0.0; power.len()];
        }
        if self.column(self.count) as usize != self.columns() {
            self.close_column();
        }
        self.filling.iter_mut().zip(power).for_each(|(sum, power)| *sum += power);
        self.filled += 1;
        self.count += 1;
    }

    fn column(&self, frame: u64) -> u64 {
        (u128::from(frame) * u128::from(self.ratio.0) / u128::from(self.ratio.1)) as u64
    }

    /// Columns that are complete.
    fn columns(&self) -> usize {
        self.cells.len() / self.frame.plot.height as usize
    }

    fn close_column(&mut self) {
        if self.filled == 0 {
            return;
        }
        let part = 1.0 / self.filled as f32;
        self.cells.extend(self.rows.iter().map(|row| packed(row.of(&self.filling) * part)));
        self.filling.fill(0.0);
        self.filled = 0;
        if self.columns() == 2 * self.frame.plot.width as usize {
            self.halve();
        }
    }

    fn halve(&mut self) {
        let height = self.frame.plot.height as usize;
        for column in 0..self.frame.plot.width as usize {
            let (to, from) = (column * height, 2 * column * height);
            for row in 0..height {
                let (first, second) = (self.cells[from + row], self.cells[from + height + row]);
                self.cells[to + row] = packed((unpacked(first) + unpacked(second)) / 2.0);
            }
        }
        self.cells.truncate(self.frame.plot.width as usize * height);
        self.ratio.1 *= 2;
    }

    /// The picture, of a sound that lasted `seconds`: in the darkest colour for a sound without frames or of silence.
    #[must_use]
    pub fn finish(mut self, seconds: f64) -> Canvas {
        self.close_column();
        let Look { width, height, .. } = self.look;
        let range_db = self.look.range_db.max(1.0);
        let mut palette = self.look.colours.levels(LEVELS.into());
        let dark = self.look.colours != Colours::Paper;
        palette.extend(if dark { [[16, 16, 20], [214, 214, 214]] } else { [[255; 3], [40; 3]] });
        let mut canvas = Canvas::new(width, height, palette);
        if self.frame.axes {
            canvas.fill((0, 0), (width, height), PAPER);
        }
        self.paint(&mut canvas, range_db);
        let marks = self.band.marks(self.frame.plot.height, MARKS_APART);
        let mut axes = Axes { canvas: &mut canvas, frame: self.frame, ink: INK };
        axes.time(seconds, self.look.title.as_deref());
        axes.scale(&marks, "Hz");
        axes.legend(Legend { levels: LEVELS, range_db: range_db.into() });
        canvas
    }

    fn paint(&self, canvas: &mut Canvas, range_db: f32) {
        let (plot, height, count) = (self.frame.plot, self.frame.plot.height as usize, self.columns());
        // Of positive numbers the bits grow with the number.
        let loudest = self.cells.iter().copied().max().filter(|loudest| *loudest > 0);
        let levels: Vec<u8> = match loudest {
            Some(loudest) => (0..=loudest)
                .map(|cell| {
                    let below = 10.0 * (unpacked(cell) / unpacked(loudest)).max(f32::MIN_POSITIVE).log10();
                    ((1.0 + below / range_db).max(0.0) * f32::from(LEVELS - 1)).round() as u8
                })
                .collect(),
            None => vec![0],
        };
        let Some(last) = count.checked_sub(1) else {
            canvas.fill((plot.x, plot.y), (plot.width, plot.height), 0);
            return;
        };
        let sources: Vec<(usize, usize)> = (0..plot.width as usize)
            .map(|x| {
                let from = x * count / plot.width as usize;
                let to = ((x + 1) * count / plot.width as usize).max(from + 1) - 1;
                (from * height, to.min(last) * height)
            })
            .collect();
        for down in 0..plot.height {
            let row = height - 1 - down as usize;
            for (pixel, (from, to)) in canvas.row(plot.x, plot.y + down, plot.width).iter_mut().zip(&sources) {
                // At most two columns share a pixel.
                *pixel = levels[usize::from(self.cells[from + row].max(self.cells[to + row]))];
            }
        }
    }
}

fn packed(power: f32) -> u16 {
    // Rounded, not cut off; no power comes near the largest number.
    ((power.to_bits() + 0x7fff) >> 16) as u16
}

fn unpacked(cell: u16) -> f32 {
    f32::from_bits(u32::from(cell) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(width: u32, height: u32, scale: Scale) -> Look {
        Look { width, height, scale, range_db: 60.0, axes: false, ..Look::default() }
    }

    #[test]
    fn a_tone_is_a_line_at_its_height_however_long_it_lasts() {
        let mut power = vec![0.0; 1025];
        power[256] = 1.0;
        for frames in [3, 64, 100_000] {
            for hint in [None, Some(1), Some(frames), Some(frames * 100), Some(frames / 7)] {
                let mut gram = Spectrogram::new(look(32, 64, Scale::Linear), 48_000, hint);
                (0..frames).for_each(|_| gram.add(&power));
                assert!(gram.columns() <= 64, "memory is bounded");
                let picture = gram.finish(1.0);
                // A quarter of the way up: the bins from 256 on are those of row 16.
                for x in 0..32 {
                    assert_eq!(picture.at(x, 64 - 1 - 16), LEVELS - 1, "{frames} {hint:?} {x}");
                }
                assert_eq!(picture.at(0, 0), 0);
            }
        }
    }

    #[test]
    fn a_click_lies_where_it_is_in_time() {
        for (frames, hint) in [(1000_u64, Some(1000)), (1000, None), (1000, Some(90)), (30, Some(30)), (30, None)] {
            let mut gram = Spectrogram::new(look(100, 16, Scale::Linear), 48_000, hint);
            for frame in 0..frames {
                gram.add(&[if frame == frames / 2 { 1.0 } else { 0.0 }; 65]);
            }
            let picture = gram.finish(1.0);
            let lit: Vec<u32> = (0..100).filter(|x| picture.at(*x, 8) > 0).collect();
            assert!(lit.iter().all(|x| (46..=54).contains(x)) && !lit.is_empty(), "{frames} {hint:?} {lit:?}");
        }
    }

    #[test]
    fn silence_and_nothing_are_dark() {
        let mut gram = Spectrogram::new(look(4, 4, Scale::Mel), 8000, None);
        let empty = Spectrogram::new(look(4, 4, Scale::Log), 8000, None).finish(0.0);
        gram.add(&[0.0; 17]);
        for picture in [empty, gram.finish(0.1)] {
            assert!((0..4).all(|x| (0..4).all(|y| picture.at(x, y) == 0)));
        }
    }

    #[test]
    fn levels_are_decibels_below_the_loudest() {
        let mut power = vec![0.0; 65];
        (power[8], power[40]) = (1.0, 1e-3);
        let mut gram = Spectrogram::new(look(1, 64, Scale::Linear), 8000, None);
        gram.add(&power);
        let picture = gram.finish(1.0);
        assert_eq!(picture.at(0, 63 - 8), LEVELS - 1);
        // 30 of 60 dB below.
        assert!(picture.at(0, 63 - 40).abs_diff(LEVELS / 2) <= 1, "{}", picture.at(0, 63 - 40));
    }

    #[test]
    fn axes_leave_the_plot_to_the_sound() {
        let framed = Look { axes: true, ..look(640, 240, Scale::Log) };
        let plot = framed.frame().plot;
        let mut gram = Spectrogram::new(framed, 44_100, Some(100));
        (0..100).for_each(|_| gram.add(&[1.0; 1025]));
        let picture = gram.finish(3.0);
        assert!((plot.x..plot.x + plot.width).all(|x| picture.at(x, plot.y + 5) == LEVELS - 1));
        assert_eq!(picture.at(plot.x - 1, plot.y), INK);
        assert_eq!(picture.at(0, 0), PAPER);
    }

    #[test]
    fn frames_are_as_far_apart_as_columns_and_never_more_than_half_a_frame() {
        let look = Look { axes: false, width: 1000, ..Look::default() };
        let hop = |samples| look.frames(2048, samples).hop;
        assert_eq!([hop(None), hop(Some(60_000_000)), hop(Some(100_000)), hop(Some(1))], [512, 1024, 100, 16]);
    }
}
