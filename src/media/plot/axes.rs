//! The frame around a plot: time to the right, a scale upwards, a legend of levels.

use super::canvas::{Canvas, LETTER, LINE, text_width};
use super::ticks;

/// Below these sides a picture has no room for axes.
const LEAST: (u32, u32) = (200, 100);

/// Below this width it has no room for a legend.
const LEAST_FOR_LEGEND: u32 = 320;

/// Length of a mark.
const MARK: u32 = 4;

/// Margins: marks, a gap, and letters; at the right half a label of the time axis.
const LEFT: u32 = MARK + 3 + 5 * LETTER;
const TOP: u32 = LINE + 10;
const BOTTOM: u32 = MARK + LINE + 6;
const RIGHT: u32 = 3 * LETTER;

/// The legend: a gap to the plot, a bar, and its labels.
const GAP: u32 = 12;
const BAR: u32 = 10;
const RIGHT_WITH_LEGEND: u32 = GAP + BAR + MARK + 3 + 5 * LETTER;

/// A rectangle of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// Pixels left of it.
    pub x: u32,
    /// Pixels above it.
    pub y: u32,
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

/// Where things lie on a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The plot itself.
    pub plot: Area,
    /// The bar of the legend, where there is room for one.
    pub bar: Option<Area>,
    /// Whether there is room for axes.
    pub axes: bool,
}

impl Frame {
    /// Divides a picture of `width` times `height`: without `axes`, or where there is no room for them, the plot is all.
    #[must_use]
    pub fn new(width: u32, height: u32, axes: bool, legend: bool) -> Self {
        if !axes || width < LEAST.0 || height < LEAST.1 {
            return Self { plot: Area { x: 0, y: 0, width, height }, bar: None, axes: false };
        }
        let legend = legend && width >= LEAST_FOR_LEGEND;
        let right = if legend { RIGHT_WITH_LEGEND } else { RIGHT };
        let plot = Area { x: LEFT, y: TOP, width: width - LEFT - right, height: height - TOP - BOTTOM };
        let bar = Area { x: plot.x + plot.width + GAP, width: BAR, ..plot };
        Self { plot, bar: legend.then_some(bar), axes: true }
    }
}

/// Draws axes in one colour; nothing where the frame has none.
pub struct Axes<'a> {
    /// Where to draw.
    pub canvas: &'a mut Canvas,
    /// Where things lie.
    pub frame: Frame,
    /// The colour, as a place in the palette.
    pub ink: u8,
}

/// A bar of levels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Legend {
    /// The first levels of the palette are those of the bar, from the bottom up.
    pub levels: u8,
    /// What the lowest level is below the highest, in dB.
    pub range_db: f64,
}

impl Axes<'_> {
    /// The frame itself, a title (what is too long is cut off), and the time, which ends at `seconds`.
    pub fn time(&mut self, seconds: f64, title: Option<&str>) {
        if !self.frame.axes {
            return;
        }
        self.border(self.frame.plot);
        let Area { x, y, width, height } = self.frame.plot;
        if let Some(title) = title {
            let room = (width / LETTER) as usize;
            let shown: String = title.chars().take(room).collect();
            self.canvas.text(x + (width - text_width(&shown).min(width)) / 2, 3, &shown, self.ink);
        }
        let widest = text_width(&ticks::time_text(seconds, seconds)).max(4 * LETTER);
        let most = (width / (widest + 3 * LETTER)).max(1) as usize;
        let bottom = y + height;
        let unit = ticks::time_unit(seconds);
        // The unit stands in the left margin, where no label of the time reaches.
        self.canvas.text(2, bottom + MARK + 3, unit, self.ink);
        for time in ticks::times(seconds, most) {
            let place = x + (time / seconds * f64::from(width - 1)).round() as u32;
            self.canvas.fill((place, bottom), (1, MARK), self.ink);
            let text = ticks::time_text(time, seconds);
            let left = place.saturating_sub(text_width(&text) / 2);
            if left > 2 + text_width(unit) + LETTER / 2 && left + text_width(&text) <= self.canvas.width() {
                self.canvas.text(left, bottom + MARK + 3, &text, self.ink);
            }
        }
    }

    /// Marks on the left side, each at its part of the height (0 is the bottom) and with its text; `unit` stands above.
    pub fn scale(&mut self, marks: &[(f64, String)], unit: &str) {
        if !self.frame.axes {
            return;
        }
        let plot = self.frame.plot;
        self.canvas.text(plot.x.saturating_sub(MARK + 3 + text_width(unit)), 3, unit, self.ink);
        for (part, text) in marks {
            let line = height_of(plot, *part);
            self.canvas.fill((plot.x - MARK, line), (MARK, 1), self.ink);
            self.canvas.text(
                (plot.x - MARK - 3).saturating_sub(text_width(text)),
                line.saturating_sub(LINE / 2),
                text,
                self.ink,
            );
        }
    }

    /// The bar at the right, and what its levels are in dB.
    pub fn legend(&mut self, legend: Legend) {
        let Some(bar) = self.frame.bar else { return };
        for down in 0..bar.height {
            let part = 1.0 - f64::from(down) / f64::from(bar.height.max(2) - 1);
            let level = (part * f64::from(legend.levels - 1)).round() as u8;
            self.canvas.row(bar.x, bar.y + down, bar.width).fill(level);
        }
        self.border(bar);
        self.canvas.text(bar.x, 3, "dB", self.ink);
        let most = (bar.height / (3 * LINE)).clamp(1, 10) as usize;
        for level in ticks::round(-legend.range_db, 0.0, most) {
            let line = height_of(bar, 1.0 + level / legend.range_db);
            let right = bar.x + bar.width;
            self.canvas.fill((right, line), (MARK, 1), self.ink);
            self.canvas.text(right + MARK + 3, line.saturating_sub(LINE / 2), &ticks::plain(level), self.ink);
        }
    }

    /// A line of one pixel around an area.
    fn border(&mut self, area: Area) {
        let (left, top) = (area.x.saturating_sub(1), area.y.saturating_sub(1));
        let (width, height) = (area.width + 2, area.height + 2);
        self.canvas.fill((left, top), (width, 1), self.ink);
        self.canvas.fill((left, area.y + area.height), (width, 1), self.ink);
        self.canvas.fill((left, top), (1, height), self.ink);
        self.canvas.fill((area.x + area.width, top), (1, height), self.ink);
    }
}

/// The row of a part of the height.
fn height_of(area: Area, part: f64) -> u32 {
    area.y + ((1.0 - part.clamp(0.0, 1.0)) * f64::from(area.height.max(1) - 1)).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_drop_out_where_there_is_no_room() {
        for (width, height) in [(16, 16), (199, 4096), (8192, 99), (1, 1)] {
            let frame = Frame::new(width, height, true, true);
            assert_eq!((frame.axes, frame.bar, frame.plot.width), (false, None, width));
        }
        let small = Frame::new(200, 100, true, true);
        assert!(small.axes && small.bar.is_none() && small.plot.width > 100 && small.plot.height > 50);
        assert!(!Frame::new(1000, 1000, false, true).axes);
    }

    #[test]
    fn the_lowest_mark_is_at_the_bottom() {
        let area = Area { x: 0, y: 10, width: 5, height: 101 };
        assert_eq!([0.0, 0.25, 1.0].map(|part| height_of(area, part)), [110, 85, 10]);
    }
}
