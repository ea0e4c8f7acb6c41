//! One block of all channels.

use super::bits::{BitWriter, crc8, crc16};
use super::subframe::SubframeCoder;

/// Frames of one block.
pub(super) const BLOCK: usize = 4096;

/// Writes blocks, one after the other.
pub(super) struct FrameCoder {
    rate: u32,
    bits: u32,
    number: u64,
    subframes: SubframeCoder,
    to: BitWriter,
    middle: Vec<i32>,
    side: Vec<i32>,
    coded: Vec<u8>,
}

/// How two channels are kept, with the format's code for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pair {
    LeftRight = 1,
    LeftSide = 8,
    SideRight = 9,
    MiddleSide = 10,
}

impl FrameCoder {
    /// For sound at `rate` Hz, of `bits` bits a sample.
    pub(super) fn new(rate: u32, bits: u32) -> Self {
        Self {
            rate,
            bits,
            number: 0,
            subframes: SubframeCoder::default(),
            to: BitWriter::default(),
            middle: Vec::new(),
            side: Vec::new(),
            coded: Vec::new(),
        }
    }

    /// The frame of a block: channel by channel, each at most [`BLOCK`] samples and as long as the others.
    pub(super) fn code(&mut self, channels: &[Vec<i32>]) -> &[u8] {
        self.to.clear();
        let bits = self.bits;
        if let [left, right] = channels {
            let pair = self.pair(left, right);
            self.header(left.len(), pair as u64);
            let (to, own) = (&mut self.to, &mut self.subframes);
            match pair {
                Pair::LeftRight => {
                    own.code(left, bits, to);
                    own.code(right, bits, to);
                }
                Pair::LeftSide => {
                    own.code(left, bits, to);
                    own.code(&self.side, bits + 1, to);
                }
                Pair::SideRight => {
                    own.code(&self.side, bits + 1, to);
                    own.code(right, bits, to);
                }
                Pair::MiddleSide => {
                    own.code(&self.middle, bits, to);
                    own.code(&self.side, bits + 1, to);
                }
            }
        } else {
            self.header(channels.first().map_or(0, Vec::len), channels.len() as u64 - 1);
            for channel in channels {
                self.subframes.code(channel, bits, &mut self.to);
            }
        }
        self.number += 1;
        self.coded.clear();
        self.coded.extend_from_slice(self.to.finish());
        let check = crc16(&self.coded);
        self.coded.extend_from_slice(&check.to_be_bytes());
        &self.coded
    }

    fn header(&mut self, count: usize, channels: u64) {
        let to = &mut self.to;
        // The blocks are all of one length, but for the last.
        to.put(0b1111_1111_1111_1000, 16);
        let size = if count == BLOCK { 12 } else { 7 };
        to.put(size, 4);
        let rate = match self.rate {
            88_200 => 1,
            176_400 => 2,
            192_000 => 3,
            8000 => 4,
            16_000 => 5,
            22_050 => 6,
            24_000 => 7,
            32_000 => 8,
            44_100 => 9,
            48_000 => 10,
            96_000 => 11,
            // As told at the head of the file.
            _ => 0,
        };
        to.put(rate, 4);
        to.put(channels, 4);
        to.put(if self.bits == 24 { 6 } else { 4 }, 3);
        to.put(0, 1);
        put_number(self.number, to);
        if size == 7 {
            to.put(count as u64 - 1, 16);
        }
        let check = crc8(to.finish());
        to.put(check.into(), 8);
    }

    /// Which two of left, right, middle and side are likely to take least. Middle and side are made.
    fn pair(&mut self, left: &[i32], right: &[i32]) -> Pair {
        self.middle.clear();
        self.middle.extend(left.iter().zip(right).map(|(left, right)| (left + right) >> 1));
        self.side.clear();
        self.side.extend(left.iter().zip(right).map(|(left, right)| left - right));
        let [left, right, middle, side] = [left, right, &self.middle, &self.side].map(roughness);
        let ways = [
            (Pair::LeftRight, left + right),
            (Pair::LeftSide, left + side),
            (Pair::SideRight, side + right),
            (Pair::MiddleSide, middle + side),
        ];
        ways.into_iter().min_by(|a, b| a.1.total_cmp(&b.1)).map_or(Pair::LeftRight, |(pair, _)| pair)
    }
}

/// Bits a sample, about: by the second differences.
fn roughness(samples: &[i32]) -> f64 {
    let parts = samples.chunks(8);
    let sum: u64 = parts
        .map(|part| part.array_windows().map(|[a, b, c]| (c - 2 * b + a).unsigned_abs()).sum::<u32>())
        .map(u64::from)
        .sum();
    (sum as f64 / samples.len().max(1) as f64 + 0.5).log2()
}

/// A number in the manner of UTF-8, of up to 36 bits.
fn put_number(number: u64, to: &mut BitWriter) {
    if number < 0x80 {
        to.put(number, 8);
        return;
    }
    // Every further byte holds 6 bits, and takes one from the first.
    let more = (1..7).find(|more| number >> (6 * more) < 1 << (6 - more)).unwrap_or(6);
    let mark = 0xff & !((1_u64 << (7 - more)) - 1);
    to.put((mark | (number >> (6 * more))) & 0xff, 8);
    for byte in (0..more).rev() {
        to.put(0x80 | ((number >> (6 * byte)) & 0x3f), 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_utf_8_writes_characters() {
        for number in [0x7f_u32, 0x80, 0x7ff, 0x800, 0xffff, 0x1_0000, 0x10_ffff] {
            let mut to = BitWriter::default();
            put_number(number.into(), &mut to);
            let mut bytes = [0; 4];
            assert_eq!(Some(to.finish()), char::from_u32(number).map(|c| c.encode_utf8(&mut bytes).as_bytes()));
        }
    }
}
