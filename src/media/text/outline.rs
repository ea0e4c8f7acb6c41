//! Glyphs as polygons: curves become so many short lines that nobody sees the difference.

use std::ops::Range;

use skrifa::raw::model::glyph::outline::{DrawMemory, PathSink};
use skrifa::{GlyphId, ScalerFont};

use super::error::TextError;
use super::font::{MAX_EMS, guarded};
use super::layout::{Fonts, Layout};

/// How far a line may be from the curve that it stands for, in pixels.
const TOLERANCE: f64 = 0.03;

/// The most lines that a curve becomes.
const MOST_PIECES: f64 = 64.0;

/// The most points that all glyphs of a text may have.
const MOST_POINTS: usize = 8_000_000;

/// The outlines of all glyphs of a layout.
#[derive(Debug, Default)]
pub(super) struct Outlines {
    /// Points, contour after contour.
    pub(super) points: Vec<[f64; 2]>,
    /// Where each contour ends among the points.
    pub(super) contours: Vec<usize>,
    /// Which contours each glyph has.
    pub(super) glyphs: Vec<Range<usize>>,
}

impl Outlines {
    /// Which points glyph number `glyph` has.
    pub(super) fn points_of(&self, glyph: usize) -> Range<usize> {
        let contours = &self.glyphs[glyph];
        if contours.is_empty() { 0..0 } else { self.start(contours.start)..self.contours[contours.end - 1] }
    }

    fn start(&self, contour: usize) -> usize {
        contour.checked_sub(1).map_or(0, |before| self.contours[before])
    }

    /// The points of every contour.
    pub(super) fn polygons(&self) -> impl Iterator<Item = &[[f64; 2]]> {
        (0..self.contours.len()).map(|contour| &self.points[self.start(contour)..self.contours[contour]])
    }
}

/// The outlines of the glyphs of `layout` at `size` pixels, in their places. Lines that are to be bent are cut into pieces
/// of `piece` pixels.
pub(super) fn outlines(layout: &Layout, fonts: &Fonts, size: f64, piece: Option<f64>) -> Result<Outlines, TextError> {
    let scalers: Vec<ScalerFont> =
        fonts.set.iter().map(|font| ScalerFont::force_unhinted(font.clone(), None)).collect();
    let mut done = Outlines::default();
    for glyph in &layout.glyphs {
        let face = &fonts.faces[glyph.face];
        let scale = size / f64::from(fonts.set[glyph.face].units_per_em());
        let first = done.contours.len();
        let turn = if glyph.sideways { [0.0, scale, scale, 0.0] } else { [scale, 0.0, 0.0, -scale] };
        let mut pen = Pen { done: &mut done, turn, at: glyph.at, piece, from: [0.0; 2], open: false, wild: false };
        if let Some(outline) = scalers[glyph.face].outline(GlyphId::new(glyph.id)) {
            guarded(&face.path, || outline.draw(DrawMemory::Scratch, &mut pen))?
                .map_err(|error| TextError::font(&face.path, format!("its glyph {} is broken: {error}", glyph.id)))?;
        }
        pen.finish();
        if pen.wild {
            let why = format!("its glyph {} is {MAX_EMS} ems large or more, or has too many points", glyph.id);
            return Err(TextError::font(&face.path, why));
        }
        let last = done.contours.len();
        done.glyphs.push(first..last);
    }
    Ok(done)
}

struct Pen<'a> {
    done: &'a mut Outlines,
    /// What becomes of the font's x and y: a matrix, row by row.
    turn: [f64; 4],
    at: [f64; 2],
    piece: Option<f64>,
    from: [f64; 2],
    open: bool,
    wild: bool,
}

impl Pen<'_> {
    fn place(&mut self, x: f32, y: f32) -> [f64; 2] {
        let (x, y) = (f64::from(x), f64::from(y));
        let scale = self.turn[0].abs().max(self.turn[1].abs());
        let [a, b, c, d] = self.turn;
        let moved = [a * x + b * y, c * x + d * y];
        // Sizes are at most 2000 pixels, and units at least a thousandth of that: no sound font comes near.
        let most = MAX_EMS * 16_384.0 * scale;
        if !moved.iter().all(|value| value.abs() <= most) || self.done.points.len() > MOST_POINTS {
            self.wild = true;
            return self.from;
        }
        [self.at[0] + moved[0], self.at[1] + moved[1]]
    }

    fn go(&mut self, to: [f64; 2]) {
        let pieces = self.piece.map_or(1.0, |piece| (distance(self.from, to) / piece).ceil().clamp(1.0, 4096.0));
        for at in 1..=pieces as u32 {
            let t = f64::from(at) / pieces;
            self.done.points.push(between(self.from, to, t));
        }
        self.from = to;
    }

    /// Follows a curve. `bend` is the largest second difference of its control points, times its degree and the degree less
    /// one: a piece of the n-th part of it is off by at most bend / (8 n^2).
    fn follow(&mut self, bend: f64, curve: impl Fn(f64) -> [f64; 2]) {
        let pieces = (bend / (8.0 * TOLERANCE)).sqrt().ceil().clamp(1.0, MOST_PIECES);
        for at in 1..=pieces as u32 {
            self.go(curve(f64::from(at) / pieces));
        }
    }

    fn finish(&mut self) {
        if std::mem::take(&mut self.open) {
            let start = self.done.contours.last().copied().unwrap_or(0);
            if self.done.points.len() - start < 3 {
                self.done.points.truncate(start);
            } else {
                if self.piece.is_some() {
                    self.go(self.done.points[start]);
                }
                self.done.contours.push(self.done.points.len());
            }
        }
    }
}

impl PathSink for Pen<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        self.finish();
        self.open = true;
        self.from = self.place(x, y);
        self.done.points.push(self.from);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let to = self.place(x, y);
        self.go(to);
    }

    fn quad_to(&mut self, cx0: f32, cy0: f32, x: f32, y: f32) {
        let (from, control, to) = (self.from, self.place(cx0, cy0), self.place(x, y));
        let bend = 2.0 * second_difference(from, control, to);
        self.follow(bend, |t| between(between(from, control, t), between(control, to, t), t));
    }

    fn curve_to(&mut self, cx0: f32, cy0: f32, cx1: f32, cy1: f32, x: f32, y: f32) {
        let (from, one, two, to) = (self.from, self.place(cx0, cy0), self.place(cx1, cy1), self.place(x, y));
        let bend = 6.0 * second_difference(from, one, two).max(second_difference(one, two, to));
        self.follow(bend, |t| {
            let middle = between(one, two, t);
            between(between(between(from, one, t), middle, t), between(middle, between(two, to, t), t), t)
        });
    }

    fn close(&mut self) {
        self.finish();
    }
}

fn between(from: [f64; 2], to: [f64; 2], t: f64) -> [f64; 2] {
    // The ends are met to the last bit.
    if t >= 1.0 { to } else { [from[0] + (to[0] - from[0]) * t, from[1] + (to[1] - from[1]) * t] }
}

fn distance(from: [f64; 2], to: [f64; 2]) -> f64 {
    let (x, y) = (to[0] - from[0], to[1] - from[1]);
    (x * x + y * y).sqrt()
}

fn second_difference(a: [f64; 2], b: [f64; 2], c: [f64; 2]) -> f64 {
    distance([2.0 * b[0], 2.0 * b[1]], [a[0] + c[0], a[1] + c[1]])
}
