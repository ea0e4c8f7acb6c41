//! Progressive scans (ISO/IEC 10918-1, annex G). Of each block only the coefficients that the reduced picture is made of
//! are held, and of the others whether they are zero: later scans are read by that.

use super::bits::Bits;
use super::header::{Component, Frame, Scan, Tables};
use super::huffman::Table;
use super::idct::ZIGZAG;
use super::plane::{Canvas, Plane, is_kept};
use super::units::{Units, restart};

/// The place of a coefficient that is not held.
const NOT_HELD: u8 = u8::MAX;

/// What is known of the blocks of one component.
pub(super) struct Store {
    side: usize,
    /// Blocks of a row, and rows of them: whole units.
    blocks: (usize, usize),
    /// For each coefficient in the order of coding, its place among those that are held.
    places: [u8; 64],
    /// Those that are held, block by block.
    held: Vec<i16>,
    /// For each block, a bit for each coefficient that is not zero.
    known: Vec<u64>,
}

impl Store {
    /// For `component`, at `side` samples for each eight.
    pub(super) fn new(frame: &Frame, component: &Component, side: usize) -> Self {
        let blocks = (frame.units.0 * component.factors.0, frame.units.1 * component.factors.1);
        let mut places = [NOT_HELD; 64];
        for (coefficient, place) in places.iter_mut().enumerate().filter(|(coefficient, _)| is_kept(side, *coefficient))
        {
            let natural = ZIGZAG[coefficient];
            *place = natural / 8 * side as u8 + natural % 8;
        }
        let count = blocks.0 * blocks.1;
        Self { side, blocks, places, held: vec![0; count * side * side], known: vec![0; count] }
    }

    /// The samples of the blocks of `component`.
    pub(super) fn plane(&self, component: &Component, steps: &[u16; 64]) -> Option<Plane> {
        let size = self.side * self.side;
        let mut canvas = Canvas::new(component, self.side, steps, self.blocks.0, 1);
        let mut block = [0; 64];
        for row in self.held.chunks(size * self.blocks.0) {
            for (across, held) in row.chunks(size).enumerate() {
                for (to, from) in block.chunks_mut(8).zip(held.chunks(self.side)) {
                    to[..self.side].copy_from_slice(from);
                }
                canvas.block(across, 0, &block, held[1..].iter().all(|coefficient| *coefficient == 0));
            }
            canvas.strip_done(1);
        }
        canvas.plane()
    }

    #[inline(always)]
    fn set(&mut self, block: usize, coefficient: u32, value: i32) {
        self.known[block] |= 1 << coefficient;
        if let Some(held) = self.held(block, coefficient) {
            *held = value as i16;
        }
    }

    #[inline(always)]
    fn held(&mut self, block: usize, coefficient: u32) -> Option<&mut i16> {
        match self.places[coefficient as usize & 63] {
            NOT_HELD => None,
            place => Some(&mut self.held[block * self.side * self.side + usize::from(place)]),
        }
    }

    /// Reads the bit that makes a known coefficient more exact.
    #[inline(always)]
    fn refine(&mut self, bits: &mut Bits<'_>, block: usize, coefficient: u32, bit: i16) {
        bits.fill();
        let larger = bits.take(1) == 1;
        if let Some(held) = self.held(block, coefficient).filter(|_| larger) {
            *held = if *held < 0 { held.wrapping_sub(bit) } else { held.wrapping_add(bit) };
        }
    }
}

/// Decodes the scan whose data begin at `at` into the stores by component; tells the place of the marker behind it.
pub(super) fn scan(
    data: &[u8],
    at: usize,
    (frame, scan, tables): (&Frame, &Scan, &Tables),
    stores: &mut [Store],
) -> Option<usize> {
    let units = Units::new(frame, scan);
    let mut bits = Bits::new(data, at);
    let mut predictions = [0; 4];
    let mut ended = 0;
    for unit in 0..units.across * units.down {
        if tables.restart > 0 && unit > 0 && unit % tables.restart == 0 {
            bits = restart(data, bits, unit / tables.restart).filter(|_| ended == 0)?;
            predictions = [0; 4];
        }
        let (x, y) = (unit % units.across, unit / units.across);
        for (index, (member, factors)) in scan.members.iter().zip(&units.factors).enumerate() {
            let store = &mut stores[member.component];
            for inner in 0..factors.0 * factors.1 {
                let (across, down) = (x * factors.0 + inner % factors.0, y * factors.1 + inner / factors.0);
                let block = down * store.blocks.0 + across;
                match (scan.band.0, scan.bits) {
                    (0, (0, low)) => {
                        bits.fill();
                        let size = member.dc.as_deref()?.symbol(&mut bits).filter(|size| *size <= 11)?;
                        predictions[index] += bits.value(size);
                        let level = i16::try_from(predictions[index]).ok()?;
                        store.set(block, 0, i32::from(level) << low);
                    }
                    (0, (_, low)) => {
                        bits.fill();
                        let more = (bits.take(1) as i16) << low;
                        *store.held(block, 0)? |= more;
                    }
                    (_, (0, low)) => first(&mut bits, member.ac.as_deref()?, scan.band, low, &mut ended, store, block)?,
                    (_, (_, low)) => again(&mut bits, member.ac.as_deref()?, scan.band, low, &mut ended, store, block)?,
                }
            }
        }
    }
    bits.finish().filter(|_| ended == 0)
}

/// The blocks, from this one on, that an end stands for (G.1.2.2).
#[inline(always)]
fn run_of_ends(bits: &mut Bits<'_>, class: u32) -> u32 {
    (1 << class) + bits.take(class)
}

/// The first scan of a band of coefficients.
#[inline(always)]
fn first(
    bits: &mut Bits<'_>,
    table: &Table,
    (first, last): (u32, u32),
    low: u32,
    ended: &mut u32,
    store: &mut Store,
    block: usize,
) -> Option<()> {
    if *ended > 0 {
        *ended -= 1;
        return Some(());
    }
    let mut next = first;
    while next <= last {
        bits.fill();
        let symbol = table.symbol(bits)?;
        match (symbol >> 4, symbol & 15) {
            (15, 0) => next += 16,
            (class, 0) => {
                *ended = run_of_ends(bits, class) - 1;
                return Some(());
            }
            (zeros, size) => {
                next += zeros;
                if next > last {
                    return None;
                }
                store.set(block, next, bits.value(size) << low);
                next += 1;
            }
        }
    }
    (next == last + 1).then_some(())
}

/// A later scan of a band: one more bit of each coefficient.
#[inline(always)]
fn again(
    bits: &mut Bits<'_>,
    table: &Table,
    (first, last): (u32, u32),
    low: u32,
    ended: &mut u32,
    store: &mut Store,
    block: usize,
) -> Option<()> {
    let bit = 1_i16 << low;
    let mut next = first;
    while *ended == 0 && next <= last {
        bits.fill();
        let symbol = table.symbol(bits)?;
        let (mut zeros, size) = (symbol >> 4, symbol & 15);
        let new = match size {
            0 if zeros < 15 => {
                *ended = run_of_ends(bits, zeros);
                break;
            }
            0 => 0,
            1 => i32::from(if bits.take(1) == 1 { bit } else { -bit }),
            _ => return None,
        };
        loop {
            if next > last {
                return None;
            }
            if store.known[block] >> next & 1 == 1 {
                store.refine(bits, block, next, bit);
            } else if zeros == 0 {
                if new != 0 {
                    store.set(block, next, new);
                }
                next += 1;
                break;
            } else {
                zeros -= 1;
            }
            next += 1;
        }
    }
    if *ended > 0 {
        *ended -= 1;
        let mut known = store.known[block] & (u64::MAX << next) & (u64::MAX >> (63 - last));
        // Beyond the last coefficient there is nothing, and a shift by 64 would be none.
        while next < 64 && known != 0 {
            store.refine(bits, block, known.trailing_zeros(), bit);
            known &= known - 1;
        }
    }
    Some(())
}
