//! The outline of a sound: the smallest and largest sample and the level of even parts, in bounded memory.

use serde::Serialize;

use super::error::MediaError;
use super::plot::{Axes, Canvas, Frame, plain};
use super::source::Source;

/// Smallest and largest sample and the sum of squares over a part of one channel.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Part {
    low: f32,
    high: f32,
    squares: f64,
}

impl Part {
    const EMPTY: Self = Self { low: f32::INFINITY, high: f32::NEG_INFINITY, squares: 0.0 };

    fn join(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high), squares: self.squares + other.squares }
    }
}

/// Gathers the outline of a sound of interleaved channels, in at most so many parts of equal length.
///
/// If the length is told beforehand, parts are as short as fits. It is a hint only: whenever the parts are full, neighbours
/// are joined and every part takes twice as many samples from then on.
pub struct Peaks {
    channels: usize,
    most: usize,
    samples_per_part: usize,
    /// The channels of one part after the other; the last part is being filled.
    parts: Vec<Part>,
    /// Samples of one channel in the last part.
    filled: usize,
}

impl Peaks {
    /// An empty outline of `channels` channels in at most `most` parts, of a sound of likely `samples` samples.
    #[must_use]
    pub fn new(channels: usize, most: usize, samples: Option<u64>) -> Self {
        let most = most.max(2).next_multiple_of(2);
        let per_part = samples.map_or(1, |samples| samples.div_ceil(most as u64).max(1));
        let samples_per_part = usize::try_from(per_part).unwrap_or(usize::MAX);
        Self { channels: channels.max(1), most, samples_per_part, parts: Vec::new(), filled: 0 }
    }

    /// Takes in whole frames of interleaved samples.
    pub fn add(&mut self, mut samples: &[f32]) {
        while !samples.is_empty() {
            if self.parts.is_empty() || self.filled == self.samples_per_part {
                self.open();
            }
            let room = (self.samples_per_part - self.filled).saturating_mul(self.channels);
            let (now, later) = samples.split_at(samples.len().min(room));
            samples = later;
            self.filled += now.len() / self.channels;
            let start = self.parts.len() - self.channels;
            measure(now, &mut self.parts[start..]);
        }
    }

    /// Begins another part.
    fn open(&mut self) {
        if self.parts.len() == self.most * self.channels {
            for at in 0..self.most / 2 {
                for channel in 0..self.channels {
                    let first = 2 * at * self.channels + channel;
                    self.parts[at * self.channels + channel] =
                        self.parts[first].join(self.parts[first + self.channels]);
                }
            }
            self.parts.truncate(self.most / 2 * self.channels);
            self.samples_per_part *= 2;
        }
        self.parts.resize(self.parts.len() + self.channels, Part::EMPTY);
        self.filled = 0;
    }

    /// The number of parts.
    fn count(&self) -> usize {
        self.parts.len() / self.channels
    }

    /// The samples of one channel in a part.
    fn samples_in(&self, part: usize) -> usize {
        if part + 1 == self.count() { self.filled } else { self.samples_per_part }
    }

    /// The outline in the data format of BBC's audiowaveform, version 2, which players in web pages read: `data` holds the
    /// smallest and the largest sample of every channel of every part, in 8 or 16 `bits` (full scale is 127 or 32767), and
    /// `length` is the number of parts. `rms` is ours, which players pass over: the root mean square of every channel of
    /// every part, where 1 is full scale.
    #[must_use]
    pub fn to_json(&self, rate: u32, bits: u8) -> impl Serialize + use<> {
        let most = f32::from(if bits == 8 { i16::from(i8::MAX) } else { i16::MAX });
        let whole = |sample: f32| (sample * most).round().clamp(-most - 1.0, most) as i16;
        let data: Vec<i16> = self.parts.iter().flat_map(|part| [whole(part.low), whole(part.high)]).collect();
        let rms: Vec<f32> = self
            .parts
            .iter()
            .enumerate()
            .map(|(at, part)| {
                let mean = part.squares / self.samples_in(at / self.channels).max(1) as f64;
                ((mean.sqrt() * 1e5).round() / 1e5) as f32
            })
            .collect();
        PeaksFile {
            version: 2,
            channels: self.channels,
            sample_rate: rate,
            samples_per_pixel: self.samples_per_part,
            bits: if bits == 8 { 8 } else { 16 },
            length: self.count(),
            data,
            rms,
        }
    }

    /// The outline as a picture, one channel above the other: the range of the samples light, the root mean square bright.
    #[must_use]
    pub fn picture(&self, look: WaveformLook, seconds: f64) -> Canvas {
        let WaveformLook { width, height, colours, axes } = look;
        let frame = Frame::new(width.max(1), height.max(1), axes, false);
        let mut canvas = Canvas::new(width, height, colours.palette().to_vec());
        // More channels than there are rows are not shown.
        let shown = self.channels.min(frame.plot.height as usize);
        let lane = frame.plot.height / shown as u32;
        let mut marks = Vec::new();
        for channel in 0..shown {
            let top = frame.plot.y + channel as u32 * lane;
            for x in 0..frame.plot.width {
                if let Some((part, samples)) = self.between(channel, x, frame.plot.width) {
                    let row = |level: f32| {
                        let part = f64::from(1.0 - level.clamp(-1.0, 1.0)) / 2.0;
                        (part * f64::from(lane - 1)).round() as u32
                    };
                    let mut line = |low: f32, high: f32, colour: u8| {
                        canvas.fill((frame.plot.x + x, top + row(high)), (1, row(low) - row(high) + 1), colour);
                    };
                    line(part.low, part.high, RANGE);
                    let rms = (part.squares / samples as f64).sqrt() as f32;
                    line((-rms).max(part.low), rms.min(part.high).max((-rms).max(part.low)), BODY);
                }
            }
            let centre = f64::from(top - frame.plot.y) + f64::from(lane - 1) / 2.0;
            if lane >= 40 {
                for level in [-1.0, -0.5, 0.0, 0.5, 1.0] {
                    // Where lanes meet, the mark of the lower one would lie on that of the upper one.
                    if level < 1.0 || channel == 0 {
                        let at = centre - level * f64::from(lane - 1) / 2.0;
                        marks.push((1.0 - at / f64::from(frame.plot.height.max(2) - 1), plain(level)));
                    }
                }
            }
        }
        let mut axes = Axes { canvas: &mut canvas, frame, ink: INK };
        axes.time(seconds, None);
        axes.scale(&marks, "");
        canvas
    }

    /// What column `x` of `width` shows of a channel, and of how many samples; `None` without samples.
    fn between(&self, channel: usize, x: u32, width: u32) -> Option<(Part, usize)> {
        let total = (self.count().checked_sub(1)? * self.samples_per_part + self.filled) as u64;
        // Parts by their samples: the last is shorter than the others.
        let place = |x: u32| (u64::from(x) * total / u64::from(width)) as usize / self.samples_per_part;
        let (from, to) = (place(x), place(x + 1).max(place(x) + 1).min(self.count()));
        let (mut joined, mut samples) = (Part::EMPTY, 0);
        for at in from..to {
            joined = joined.join(self.parts[at * self.channels + channel]);
            samples += self.samples_in(at);
        }
        (samples > 0).then_some((joined, samples))
    }
}

/// What is written of an outline.
#[derive(Serialize)]
struct PeaksFile {
    version: u8,
    channels: usize,
    sample_rate: u32,
    samples_per_pixel: usize,
    bits: u8,
    length: usize,
    data: Vec<i16>,
    rms: Vec<f32>,
}

/// Takes samples into the channels of a part.
fn measure(samples: &[f32], part: &mut [Part]) {
    const LANES: usize = 8;
    let channels = part.len();
    let mut rest = samples;
    if LANES.is_multiple_of(channels) {
        let (mut low, mut high) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
        // Sums of some hundred squares in lanes lose nothing that counts.
        let (chunks, left) = samples.as_chunks::<LANES>();
        rest = left;
        for some in chunks.chunks(64) {
            let mut squares = [0.0_f32; LANES];
            for chunk in some {
                for lane in 0..LANES {
                    let sample = chunk[lane];
                    low[lane] = if sample < low[lane] { sample } else { low[lane] };
                    high[lane] = if sample > high[lane] { sample } else { high[lane] };
                    squares[lane] += sample * sample;
                }
            }
            for (lane, squares) in squares.into_iter().enumerate() {
                part[lane % channels].squares += f64::from(squares);
            }
        }
        for lane in 0..LANES {
            let part = &mut part[lane % channels];
            (part.low, part.high) = (part.low.min(low[lane]), part.high.max(high[lane]));
        }
    }
    for frame in rest.chunks_exact(channels) {
        for (part, sample) in part.iter_mut().zip(frame) {
            let squares = f64::from(*sample) * f64::from(*sample);
            *part = part.join(Part { low: *sample, high: *sample, squares });
        }
    }
}

/// Places in the palette.
const RANGE: u8 = 1;
const BODY: u8 = 2;
const INK: u8 = 3;

/// What the picture of a waveform is to look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaveformLook {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// Its colours.
    pub colours: WaveformColours,
    /// Whether there are axes, where there is room for them.
    pub axes: bool,
}

/// The colours of a waveform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WaveformColours {
    /// Blue on black.
    #[default]
    Blue,
    /// Orange on black, as the spectrogram.
    Inferno,
    /// White on black.
    Grey,
    /// Black on white, for paper.
    Paper,
}

impl WaveformColours {
    /// Paper, range, body and ink.
    fn palette(self) -> [[u8; 3]; 4] {
        match self {
            Self::Blue => [[16, 16, 20], [54, 110, 178], [134, 190, 244], [214, 214, 214]],
            Self::Inferno => [[16, 16, 20], [187, 55, 84], [249, 160, 40], [214, 214, 214]],
            Self::Grey => [[0, 0, 0], [128, 128, 128], [224, 224, 224], [214, 214, 214]],
            Self::Paper => [[255, 255, 255], [150, 150, 150], [60, 60, 60], [40, 40, 40]],
        }
    }
}

/// Parts for each column of a picture: where they do not fit together, it is not seen.
pub const PARTS_PER_COLUMN: usize = 4;

/// The outlines of a sound, and its seconds.
pub struct Waveform {
    /// In as many parts as were asked for, at most.
    pub points: Option<Peaks>,
    /// The picture.
    pub picture: Option<Canvas>,
    /// In Hz.
    pub sample_rate: u32,
    /// The number of channels.
    pub channels: usize,
    /// Length in seconds.
    pub duration_s: f64,
}

/// Decodes `source` once and takes its outline in at most `points` parts, as a picture of some `look`, or both.
///
/// # Errors
/// Those of [`Source::open`] and [`super::SoundReader::next_block`]: a damaged file has no outline.
pub fn outline(source: &Source, points: Option<usize>, look: Option<WaveformLook>) -> Result<Waveform, MediaError> {
    let mut sound = source.open()?;
    let (rate, channels, length) = (sound.info().sample_rate, sound.info().channels, sound.info().frames);
    let mut points = points.map(|most| Peaks::new(channels, most, length));
    let mut drawn = look.map(|look| Peaks::new(channels, look.width as usize * PARTS_PER_COLUMN, length));
    let mut count = 0_u64;
    while let Some(block) = sound.next_block()? {
        count += (block.len() / channels) as u64;
        points.iter_mut().chain(&mut drawn).for_each(|peaks| peaks.add(block));
    }
    let duration_s = count as f64 / f64::from(rate);
    let picture = look.zip(drawn).map(|(look, peaks)| peaks.picture(look, duration_s));
    Ok(Waveform { points, picture, sample_rate: rate, channels, duration_s })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn written(peaks: &Peaks, rate: u32, bits: u8) -> Value {
        let text = serde_json::to_string(&peaks.to_json(rate, bits)).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn ramp(frames: usize) -> Vec<f32> {
        (0..frames).flat_map(|at| [at as f32 / frames as f32, -0.25]).collect()
    }

    #[test]
    fn parts_are_as_long_whatever_the_blocks_and_never_too_many() {
        let sound = ramp(10_000);
        for hint in [None, Some(10_000), Some(100), Some(1_000_000)] {
            let outline = |chunk: usize| {
                let mut peaks = Peaks::new(2, 100, hint);
                sound.chunks(2 * chunk).for_each(|block| peaks.add(block));
                written(&peaks, 44_100, 16)
            };
            let whole = outline(10_000);
            let (length, per_part) =
                (whole["length"].as_u64().unwrap_or(0), whole["samples_per_pixel"].as_u64().unwrap_or(0));
            assert!(length <= 100 && length == 10_000_u64.div_ceil(per_part), "{hint:?} {length} {per_part}");
            let [small, large] = [outline(7), whole].map(|one| one["data"].clone());
            assert_eq!(small, large);
        }
    }

    #[test]
    fn the_json_is_what_players_read() {
        let mut peaks = Peaks::new(2, 4, Some(8));
        peaks.add(&[0.25, 0.5, 1.0, 0.5, -1.0, 0.5, 0.5, 0.5, 0.25, 0.5, 2.0, 0.5]);
        let found = written(&peaks, 8000, 8);
        let wanted = json!({
            "version": 2, "channels": 2, "sample_rate": 8000, "samples_per_pixel": 2, "bits": 8, "length": 3,
            "data": [32, 127, 64, 64, -127, 64, 64, 64, 32, 127, 64, 64],
            "rms": [0.72887, 0.5, 0.79057, 0.5, 1.42522, 0.5],
        });
        assert_eq!(found, wanted);
    }

    #[test]
    fn the_picture_is_loud_where_the_sound_is() {
        let mut peaks = Peaks::new(1, 400, Some(1000));
        peaks.add(&[0.0; 500]);
        peaks.add(&[0.9, -0.9].repeat(250));
        let look = WaveformLook { width: 100, height: 41, colours: WaveformColours::Grey, axes: false };
        let picture = peaks.picture(look, 1.0);
        assert_eq!([picture.at(10, 20), picture.at(10, 5)], [BODY, 0], "silence is a line in the middle");
        assert_eq!([picture.at(90, 20), picture.at(90, 4), picture.at(90, 0)], [BODY, BODY, 0]);
        assert_eq!(Peaks::new(6, 9, None).picture(WaveformLook { height: 3, ..look }, 0.0).at(0, 0), 0);
    }
}
