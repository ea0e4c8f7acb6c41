//! Huffman tables (ISO/IEC 10918-1, annex C) as look-up tables: code and value of a coefficient in one look, and several
//! coefficients in one look where they are only passed over.

use super::bits::{Bits, extend};

/// The most coefficients of a block.
pub(super) const BLOCK: u32 = 64;

/// The bits that one look takes in.
const LOOK: u32 = 11;

/// The number of coefficients that an end of the block stands for in [`Table::coefficients`]: beyond any block.
const BLOCK_END: u32 = 0x7f;

/// One Huffman table.
pub(super) struct Table {
    /// By the next bits: the symbol in the high byte, the length of its code in the low one; 0 where it is longer.
    symbols: Vec<u16>,
    /// For each length, the first code that is longer, shifted up to 16 bits.
    ends: [u32; 17],
    /// For each length, what makes a code the place of its symbol.
    offsets: [i32; 17],
    /// The symbols in the order of their codes.
    values: Vec<u8>,
    /// By the next bits, a whole coefficient: see [`Coefficient`]. Empty in tables of DC.
    coefficients: Vec<u32>,
    /// By the next bits, as many whole coefficients as fit: see [`Leap`]. Empty in tables of DC.
    leaps: Vec<u32>,
}

/// A coefficient of AC: the zeros before it, and its value.
#[derive(Clone, Copy)]
pub(super) enum Coefficient {
    /// This many zeros, then this value, which is never 0.
    Value(u32, i32),
    /// Sixteen zeros.
    Zeros,
    /// All others of the block are zero.
    End,
}

impl Table {
    /// The table with `counts` codes of each length from 1, which stand for `values`. `None` where they are no such table.
    pub(super) fn new(counts: &[u8; 16], values: &[u8], ac: bool) -> Option<Self> {
        let mut table = Self {
            symbols: vec![0; 1 << LOOK],
            ends: [0; 17],
            offsets: [0; 17],
            values: values.to_vec(),
            coefficients: Vec::new(),
            leaps: Vec::new(),
        };
        let (mut code, mut place) = (0_u32, 0_usize);
        for length in 1..=16_u32 {
            let count = usize::from(counts[length as usize - 1]);
            table.offsets[length as usize] = place as i32 - code as i32;
            if code + count as u32 > 1 << length {
                return None;
            }
            for symbol in values.get(place..place + count)? {
                if length <= LOOK {
                    let start = (code << (LOOK - length)) as usize;
                    let entry = u16::from(*symbol) << 8 | length as u16;
                    table.symbols[start..start + (1 << (LOOK - length))].fill(entry);
                }
                code += 1;
            }
            place += count;
            table.ends[length as usize] = code << (16 - length);
            code <<= 1;
        }
        if ac {
            table.coefficients = (0..1 << LOOK).map(|bits| table.coefficient_of(bits)).collect();
            table.leaps = (0..1 << LOOK).map(|bits| table.leap_of(bits)).collect();
        }
        Some(table)
    }

    /// The symbol that `bits` of [`LOOK`] bits begin with, and the length of its code, if they hold all of it.
    fn short(&self, bits: u32) -> Option<(u32, u32)> {
        let entry = u32::from(self.symbols[bits as usize]);
        (entry != 0).then_some((entry >> 8, entry & 0xff))
    }

    fn coefficient_of(&self, bits: u32) -> u32 {
        let Some((symbol, length)) = self.short(bits) else { return 0 };
        let (zeros, size) = (symbol >> 4, symbol & 15);
        if symbol == 0 {
            return BLOCK_END << 8 | length;
        }
        if size == 0 || length + size > LOOK {
            return 0;
        }
        let value = extend(bits >> (LOOK - length - size) & ((1 << size) - 1), size);
        (value as u32) << 16 | zeros << 8 | (length + size)
    }

    fn leap_of(&self, bits: u32) -> u32 {
        let (mut used, mut steps) = (0, 0);
        loop {
            // What is shifted in from below is not there: a code must not need it.
            let ahead = bits << used & ((1 << LOOK) - 1);
            let symbol = self.short(ahead).filter(|(symbol, length)| used + length + (symbol & 15) <= LOOK);
            match symbol {
                Some((0, length)) => return (steps + 1) << 16 | 1 << 8 | (used + length),
                Some((symbol, length)) if symbol & 15 > 0 || symbol == 0xf0 => {
                    used += length + (symbol & 15);
                    steps += (symbol >> 4) + 1;
                }
                _ if used == 0 => return 0,
                _ => return steps << 16 | used,
            }
        }
    }

    /// The next symbol; 16 bits must be filled.
    #[inline(always)]
    pub(super) fn symbol(&self, bits: &mut Bits<'_>) -> Option<u32> {
        match self.short(bits.peek(LOOK)) {
            Some((symbol, length)) => {
                bits.skip(length);
                Some(symbol)
            }
            None => self.long_symbol(bits),
        }
    }

    #[cold]
    fn long_symbol(&self, bits: &mut Bits<'_>) -> Option<u32> {
        let code = bits.peek(16);
        let length = (LOOK + 1..=16).find(|length| code < self.ends[*length as usize])?;
        bits.skip(length);
        let place = (code >> (16 - length)) as i32 + self.offsets[length as usize];
        self.values.get(usize::try_from(place).ok()?).map(|symbol| u32::from(*symbol))
    }

    /// The next coefficient of AC in a sequential scan; 32 bits must be filled.
    #[inline(always)]
    pub(super) fn coefficient(&self, bits: &mut Bits<'_>) -> Option<Coefficient> {
        let entry = self.coefficients[bits.peek(LOOK) as usize];
        if entry != 0 {
            bits.skip(entry & 0xff);
            let zeros = entry >> 8 & 0xff;
            return Some(match zeros {
                BLOCK_END => Coefficient::End,
                _ => Coefficient::Value(zeros, entry as i32 >> 16),
            });
        }
        let symbol = self.symbol(bits)?;
        match (symbol >> 4, symbol & 15) {
            (0, 0) => Some(Coefficient::End),
            (15, 0) => Some(Coefficient::Zeros),
            (_, 0) => None,
            (zeros, size) => Some(Coefficient::Value(zeros, bits.value(size))),
        }
    }

    /// Passes over the coefficients of a block from the one at `next` on.
    #[inline(always)]
    pub(super) fn pass(&self, bits: &mut Bits<'_>, mut next: u32) -> Option<()> {
        while next < BLOCK {
            bits.fill();
            let entry = self.leaps[bits.peek(LOOK) as usize];
            // An end counts for one: one that would come behind the last coefficient is not this block's.
            if entry != 0 && next + (entry >> 16) <= BLOCK {
                bits.skip(entry & 0xff);
                if entry & 0x100 != 0 {
                    return Some(());
                }
                next += entry >> 16;
                continue;
            }
            match self.coefficient(bits)? {
                Coefficient::End => return Some(()),
                Coefficient::Zeros => next += 16,
                Coefficient::Value(zeros, _) => next += zeros + 1,
            }
        }
        (next == BLOCK).then_some(())
    }
}
