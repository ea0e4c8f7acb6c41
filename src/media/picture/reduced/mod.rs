//! Decodes JPEG pictures, in full or at a reduced size: each block of 8 x 8 pixels straight to fewer, by a smaller inverse
//! DCT.
//!
//! That leaves little to do but to read the coded data, and to hold little: the colours come as planes of their own, at
//! sizes of their own, and are put together once they are resized. What is unusual here or broken is not decoded at all:
//! [`Jpeg::open`] and [`Jpeg::decode`] leave it to the decoder for all others, and with it the say of what is wrong.

mod bits;
mod header;
mod huffman;
mod idct;
mod plane;
mod progressive;
mod sequential;
mod units;
mod whole;

use header::{Carried, EOI, Frame, SOS, Segments, Tables, take_tables};
use image::DynamicImage;
pub use plane::Plane;
use progressive::Store;
pub use whole::whole;

use crate::media::metadata::Metadata;

/// A JPEG file of which the headers are read.
pub struct Jpeg<'a> {
    segments: Segments<'a>,
    frame: Frame,
    tables: Tables,
    /// The segment that announces the first scan.
    scan: &'a [u8],
    /// What it carries besides its pixels.
    pub metadata: Metadata,
}

impl<'a> Jpeg<'a> {
    /// Reads the headers of the file that holds `data`. `None` for what is not a JPEG of 8 bits in grey or Y'CbCr, coded as
    /// baseline or progressive with Huffman codes.
    #[must_use]
    pub fn open(data: &'a [u8]) -> Option<Self> {
        let mut segments = Segments::new(data)?;
        let (mut tables, mut carried, mut frame) = (Tables::default(), Carried::default(), None);
        loop {
            let (marker, held) = segments.next()?;
            match marker {
                0xc0..=0xc3 | 0xc5..=0xcf if frame.is_none() => frame = Some(Frame::read(marker, held)?),
                SOS => {
                    let frame: Frame = frame.take()?;
                    if carried.untransformed || frame.is_named_rgb() {
                        return None;
                    }
                    return Some(Self { segments, frame, tables, scan: held, metadata: carried.metadata() });
                }
                _ => {
                    carried.take(marker, held);
                    take_tables(&mut tables, marker, held)?;
                }
            }
        }
    }

    /// Pixels from left to right and from top to bottom, as stored.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.frame.width, self.frame.height)
    }

    /// Decodes it at its full size: see [`whole`].
    #[must_use]
    pub fn decode_whole(self) -> Option<DynamicImage> {
        let size = self.size();
        whole(&self.decode((f64::INFINITY, f64::INFINITY))?, size)
    }

    /// Decodes it: one plane in grey, or Y', Cb and Cr. Brightness gets at least `least.0` x `least.1` samples, colours at
    /// least half of that each way, as far as the file has so many. `None` where anything is wrong or missing.
    #[must_use]
    pub fn decode(mut self, least: (f64, f64)) -> Option<Vec<Plane>> {
        let count = self.frame.components.len();
        let mut sides = Vec::new();
        for (index, component) in self.frame.components.iter().enumerate() {
            let share = if index == 0 { 1.0 } else { COLOUR_SHARE };
            let enough = |side: &usize| {
                let scale = *side as f64 / 8.0;
                component.size.0 * scale >= least.0 * share && component.size.1 * scale >= least.1 * share
            };
            sides.push((1..8).find(enough).unwrap_or(8));
        }
        let mut planes: Vec<Option<Plane>> = (0..count).map(|_| None).collect();
        let mut stores: Vec<Store> = Vec::new();
        if self.frame.progressive {
            let components = self.frame.components.iter().zip(&sides);
            stores.extend(components.map(|(component, side)| Store::new(&self.frame, component, *side)));
        }
        let mut held = self.scan;
        for _ in 0..MOST_SCANS {
            let scan = self.frame.scan(held, &self.tables)?;
            let all = (&self.frame, &scan, &self.tables);
            let (data, at) = (self.segments.data, self.segments.at);
            self.segments.at = if self.frame.progressive {
                progressive::scan(data, at, all, &mut stores)?
            } else {
                sequential::scan(data, at, all, &sides, &mut planes)?
            };
            loop {
                let (marker, next) = self.segments.next()?;
                match marker {
                    EOI => return self.finished(planes, stores),
                    SOS => {
                        held = next;
                        break;
                    }
                    // Other steps for later scans only: no known program writes such.
                    0xdb => return None,
                    _ => take_tables(&mut self.tables, marker, next)?,
                }
            }
        }
        None
    }

    fn finished(&self, mut planes: Vec<Option<Plane>>, stores: Vec<Store>) -> Option<Vec<Plane>> {
        for (index, store) in stores.into_iter().enumerate() {
            let steps = self.frame.steps(index, &self.tables)?;
            planes[index] = Some(store.plane(&self.frame.components[index], steps)?);
        }
        planes.into_iter().collect()
    }
}

/// The most scans of a file: programs write about ten, and a file could say nothing in any number of them.
const MOST_SCANS: usize = 100;

/// The samples of colour that are wanted for each of brightness, each way.
pub const COLOUR_SHARE: f64 = 0.5;
