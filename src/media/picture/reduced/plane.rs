//! A colour of a picture as samples, and how blocks are gathered into it.

use super::header::Component;
use super::idct::{Idct, ZIGZAG};

/// A colour of a picture, on its own.
pub struct Plane {
    /// Samples of a row.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// How many samples are as wide as the picture: less than `columns` where the last one stands only partly for it.
    pub width: f64,
    /// How many rows are as high as the picture.
    pub height: f64,
    /// The samples, row by row.
    pub samples: Vec<u8>,
}

impl Plane {
    /// The plane at half its size: each sample the mean of four, or of as many as there are at the edges.
    #[must_use]
    pub fn halved(&self) -> Self {
        let columns = self.columns as usize;
        let mut samples = Vec::with_capacity(columns.div_ceil(2) * (self.rows as usize).div_ceil(2));
        for rows in self.samples.chunks(columns * 2) {
            let (upper, lower) = rows.split_at(columns);
            let lower = if lower.is_empty() { upper } else { lower };
            for (above, below) in upper.chunks(2).zip(lower.chunks(2)) {
                let right = above.len() - 1;
                let sum = [above[0], above[right], below[0], below[right]].into_iter().map(u16::from).sum::<u16>();
                samples.push(((sum + 2) / 4) as u8);
            }
        }
        Self {
            columns: self.columns.div_ceil(2),
            rows: self.rows.div_ceil(2),
            width: self.width / 2.0,
            height: self.height / 2.0,
            samples,
        }
    }
}

/// A plane that is being made of blocks.
pub(super) struct Canvas {
    idct: Idct,
    side: usize,
    plane: Plane,
    /// A row of units as it comes from the blocks: wider than the picture, where its last block is.
    strip: Vec<u8>,
    stride: usize,
}

impl Canvas {
    /// For `component`, at `side` samples for each eight; `across` blocks make a row, and `down` rows of blocks a strip.
    pub(super) fn new(component: &Component, side: usize, steps: &[u16; 64], across: usize, down: usize) -> Self {
        let scale = side as f64 / 8.0;
        let (width, height) = (component.size.0 * scale, component.size.1 * scale);
        let (columns, rows) = (width.ceil().max(1.0) as u32, height.ceil().max(1.0) as u32);
        let stride = across * side;
        Self {
            idct: Idct::new(side, steps),
            side,
            plane: Plane { columns, rows, width, height, samples: Vec::with_capacity((columns * rows) as usize) },
            strip: vec![0; stride * down * side],
            stride,
        }
    }

    /// Puts a block into the strip.
    #[inline(always)]
    pub(super) fn block(&mut self, across: usize, down: usize, coefficients: &[i16; 64], flat: bool) {
        let start = (down * self.stride + across) * self.side;
        self.idct.block(coefficients, flat, &mut self.strip[start..], self.stride);
    }

    /// Adds the first `blocks` rows of blocks of the strip to the plane.
    pub(super) fn strip_done(&mut self, blocks: usize) {
        let columns = self.plane.columns as usize;
        let missing = (self.plane.rows as usize * columns - self.plane.samples.len()) / columns;
        for row in self.strip.chunks_exact(self.stride).take((blocks * self.side).min(missing)) {
            self.plane.samples.extend_from_slice(&row[..columns]);
        }
    }

    /// The plane, if every row of it was made.
    pub(super) fn plane(self) -> Option<Plane> {
        let whole = self.plane.samples.len() == self.plane.columns as usize * self.plane.rows as usize;
        whole.then_some(self.plane)
    }
}

/// For each coefficient in the order of coding, whether it is one of the lowest `side` x `side`.
pub(super) fn is_kept(side: usize, coefficient: usize) -> bool {
    let place = usize::from(ZIGZAG[coefficient]);
    place / 8 < side && place % 8 < side
}
