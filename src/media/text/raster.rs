//! Polygons as coverage: how much of each pixel lies inside, from 0 to 255.

use tiny_skia::{FillRule, LineCap, LineJoin, Mask, PathBuilder, Stroke, Transform};

use super::outline::Outlines;
use super::warp::Bounds;

/// Coverage of a rectangle of pixels of the picture. What is outside of it is not covered.
#[derive(Debug, Clone)]
pub(super) struct Coverage {
    /// Its first column and row in the picture; it may begin outside of it.
    pub(super) left: i32,
    pub(super) top: i32,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) data: Vec<u8>,
}

/// Fills `outlines` by the rule of fonts (non-zero winding); with `line`, their edges are covered by a line of this width,
/// too, half of it outside. Nothing beyond `most` is looked at. `None` where nothing is left.
pub(super) fn fill(outlines: &Outlines, line: Option<f64>, most: Bounds) -> Option<Coverage> {
    let ink = Bounds::of(&outlines.points).grown(line.map_or(0.0, |line| line / 2.0));
    let ([a, b, c, d], [e, f, g, h]) = (ink.0, most.0);
    let [left, top, right, bottom] =
        [a.max(e).floor(), b.max(f).floor(), c.min(g).ceil(), d.min(h).ceil()].map(|side| side as i32);
    let width = u32::try_from(right - left).ok().filter(|side| *side > 0)?;
    let height = u32::try_from(bottom - top).ok().filter(|side| *side > 0)?;
    let mut path = PathBuilder::with_capacity(outlines.points.len() + outlines.contours.len(), outlines.points.len());
    for polygon in outlines.polygons() {
        let mut points = polygon.iter().map(|[x, y]| ((x - f64::from(left)) as f32, (y - f64::from(top)) as f32));
        if let Some((x, y)) = points.next() {
            path.move_to(x, y);
        }
        for (x, y) in points {
            path.line_to(x, y);
        }
        path.close();
    }
    let path = path.finish()?;
    let mut mask = Mask::new(width, height)?;
    mask.fill_path(&path, FillRule::Winding, true, Transform::identity());
    if let Some(line) = line {
        let stroke =
            Stroke { width: line as f32, line_cap: LineCap::Round, line_join: LineJoin::Round, ..Stroke::default() };
        let around = path.stroke(&stroke, 1.0)?;
        mask.fill_path(&around, FillRule::Winding, true, Transform::identity());
    }
    Some(Coverage { left, top, width: width as usize, height: height as usize, data: mask.take() })
}

impl Coverage {
    /// With so many pixels more on every side, which nothing covers.
    pub(super) fn padded(&self, by: usize) -> Self {
        let (width, height) = (self.width + 2 * by, self.height + 2 * by);
        let mut data = vec![0; width * height];
        for (from, to) in self.data.chunks_exact(self.width).zip(data.chunks_exact_mut(width).skip(by)) {
            to[by..by + self.width].copy_from_slice(from);
        }
        Self { left: self.left - by as i32, top: self.top - by as i32, width, height, data }
    }
}
