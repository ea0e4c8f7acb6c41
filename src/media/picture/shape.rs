//! What size a picture gets, and what part of it is taken.

/// How a picture goes into a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// All of it, as large as fits; its shape is kept, and one side may stay below the box.
    #[default]
    Fit,
    /// It covers the box; its shape is kept, and what is over is cut off alike at both ends.
    Fill,
    /// All of it, stretched to the box.
    Exact,
    /// As [`Mode::Fit`], in the middle of a canvas of the size of the box.
    Pad,
}

/// The box that a picture goes into, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    /// Pixels from left to right; `None` does not bind.
    pub width: Option<u32>,
    /// Pixels from top to bottom; `None` does not bind.
    pub height: Option<u32>,
    /// How it goes in.
    pub mode: Mode,
    /// Whether it may get more pixels than it has.
    pub enlarge: bool,
}

/// A part of a picture, in its pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Where it begins, from the left.
    pub left: f64,
    /// Where it begins, from the top.
    pub top: f64,
    /// How wide it is.
    pub width: f64,
    /// How high it is.
    pub height: f64,
}

/// What a picture becomes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// The part that is taken.
    pub part: Part,
    /// The size in pixels that this part gets.
    pub size: (u32, u32),
    /// The size of the canvas that it goes onto the middle of, where that is another.
    pub canvas: Option<(u32, u32)>,
}

impl Shape {
    /// What a picture of `width` x `height` pixels becomes; no side ever becomes less than one.
    #[must_use]
    pub fn plan(self, width: u32, height: u32) -> Plan {
        let whole = Part { left: 0.0, top: 0.0, width: f64::from(width), height: f64::from(height) };
        let most = |side: u32| if self.enlarge { u32::MAX } else { side };
        match (self.mode, self.width, self.height) {
            (Mode::Exact, ..) => {
                let size =
                    (self.width.unwrap_or(width).min(most(width)), self.height.unwrap_or(height).min(most(height)));
                Plan { part: whole, size: (size.0.max(1), size.1.max(1)), canvas: None }
            }
            (Mode::Fill, Some(across), Some(down)) => {
                let (across, down) = (f64::from(across.max(1)), f64::from(down.max(1)));
                let scale = (whole.width / across).min(whole.height / down);
                let (part_width, part_height) = (across * scale, down * scale);
                let part = Part {
                    left: (whole.width - part_width) / 2.0,
                    top: (whole.height - part_height) / 2.0,
                    width: part_width,
                    height: part_height,
                };
                // A smaller picture gives a smaller box of the same shape.
                let less = if self.enlarge { 1.0 } else { scale.min(1.0) };
                Plan { part, size: (side(across * less), side(down * less)), canvas: None }
            }
            (Mode::Fit | Mode::Fill | Mode::Pad, ..) => {
                let size = self.fit(width, height);
                let canvas = (self.width.unwrap_or(size.0), self.height.unwrap_or(size.1));
                Plan { part: whole, size, canvas: (self.mode == Mode::Pad && canvas != size).then_some(canvas) }
            }
        }
    }

    fn fit(self, width: u32, height: u32) -> (u32, u32) {
        let ratio = |limit: Option<u32>, side: u32| limit.map(|limit| f64::from(limit) / f64::from(side.max(1)));
        let scale = match (ratio(self.width, width), ratio(self.height, height)) {
            (Some(across), Some(down)) => across.min(down),
            (one, other) => one.or(other).unwrap_or(1.0),
        };
        let scale = if self.enlarge { scale } else { scale.min(1.0) };
        let within =
            |length: u32, limit: Option<u32>| side(f64::from(length) * scale).min(limit.unwrap_or(u32::MAX).max(1));
        (within(width, self.width), within(height, self.height))
    }
}

impl Plan {
    /// The same for the picture with its sides swapped.
    #[must_use]
    pub fn turned(self) -> Self {
        let part = self.part;
        let part = Part { left: part.top, top: part.left, width: part.height, height: part.width };
        let swap = |(across, down): (u32, u32)| (down, across);
        Self { part, size: swap(self.size), canvas: self.canvas.map(swap) }
    }
}

fn side(length: f64) -> u32 {
    (length.round() as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn shape(width: Option<u32>, height: Option<u32>, mode: Mode, enlarge: bool) -> Shape {
        Shape { width, height, mode, enlarge }
    }

    #[test]
    fn a_picture_fits_and_never_grows_unless_told() {
        let fit = shape(Some(100), Some(100), Mode::Fit, false);
        assert_eq!(fit.plan(400, 200).size, (100, 50));
        assert_eq!(fit.plan(50, 20).size, (50, 20));
        assert_eq!(fit.plan(10_000, 1).size, (100, 1));
        assert_eq!(shape(None, Some(30), Mode::Fit, false).plan(90, 60).size, (45, 30));
        assert_eq!(Shape::default().plan(90, 60).size, (90, 60));
        assert_eq!(Shape { enlarge: true, ..fit }.plan(50, 20).size, (100, 40));
        assert_eq!(Shape { enlarge: true, ..Shape::default() }.plan(50, 20).size, (50, 20));
    }

    #[test]
    fn filling_cuts_alike_at_both_ends_and_keeps_the_shape_of_the_box() {
        let fill = shape(Some(100), Some(100), Mode::Fill, false);
        let plan = fill.plan(400, 200);
        assert_eq!((plan.size, plan.part), ((100, 100), Part { left: 100.0, top: 0.0, width: 200.0, height: 200.0 }));
        assert_eq!(fill.plan(60, 40).size, (40, 40));
        assert_eq!(Shape { enlarge: true, ..fill }.plan(60, 40).size, (100, 100));
        assert_eq!(plan.turned().part, Part { left: 0.0, top: 100.0, width: 200.0, height: 200.0 });
    }

    #[test]
    fn a_canvas_has_the_size_of_the_box() {
        let pad = shape(Some(100), Some(80), Mode::Pad, false);
        let plan = pad.plan(400, 200);
        assert_eq!((plan.size, plan.canvas), ((100, 50), Some((100, 80))));
        assert_eq!(pad.plan(10, 10).canvas, Some((100, 80)));
        assert_eq!(pad.plan(200, 160).canvas, None);
    }

    #[test]
    fn an_exact_box_stretches_and_shrinks_but_does_not_enlarge() {
        let exact = shape(Some(100), Some(300), Mode::Exact, false);
        assert_eq!(exact.plan(400, 200).size, (100, 200));
        assert_eq!(Shape { enlarge: true, ..exact }.plan(400, 200).size, (100, 300));
    }
}
