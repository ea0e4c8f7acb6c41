//! Bits, the highest first, into bytes; and the checksums over them.

/// Gathers bits.
#[derive(Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits that make no whole word yet, at the top.
    word: u64,
    used: u32,
}

impl BitWriter {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        (self.word, self.used) = (0, 0);
    }

    /// Appends the lowest `count` bits of `value`, at most 57, the others of which are zero.
    #[inline]
    pub(super) fn put(&mut self, value: u64, count: u32) {
        debug_assert!(count <= 57 && value >> count == 0);
        if self.used + count > 64 {
            self.spill();
        }
        if count > 0 {
            self.word |= value << (64 - self.used - count);
            self.used += count;
        }
    }

    /// Appends `value` as a two's complement of `count` bits.
    pub(super) fn put_signed(&mut self, value: i64, count: u32) {
        self.put(value as u64 & ((1 << count) - 1), count);
    }

    /// Appends so many zeros.
    pub(super) fn zeros(&mut self, mut count: u32) {
        while count > 32 {
            self.put(0, 32);
            count -= 32;
        }
        self.put(0, count);
    }

    /// Moves whole bytes out of the word.
    #[inline]
    fn spill(&mut self) {
        let whole = self.used / 8;
        self.bytes.extend_from_slice(&self.word.to_be_bytes()[..whole as usize]);
        self.word = if whole == 8 { 0 } else { self.word << (whole * 8) };
        self.used %= 8;
    }

    /// Fills the last byte with zeros, and gives all bytes so far.
    pub(super) fn finish(&mut self) -> &[u8] {
        self.used = self.used.next_multiple_of(8);
        self.spill();
        &self.bytes
    }
}

/// CRC-8 with the polynomial x^8 + x^2 + x + 1, from zero.
pub(super) fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc, _| if crc & 0x80 == 0 { crc << 1 } else { (crc << 1) ^ 0x07 })
    })
}

/// What each of the 65,536 pairs of a byte and its place does to the CRC-16: tables for two bytes at a time.
const TABLES: [[u16; 256]; 2] = {
    let mut tables = [[0_u16; 256]; 2];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = ((byte as u16) << 8, 0);
        while bit < 16 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x8005 };
            bit += 1;
            if bit == 8 {
                tables[0][byte] = crc;
            }
        }
        tables[1][byte] = crc;
        byte += 1;
    }
    tables
};

/// CRC-16 with the polynomial x^16 + x^15 + x^2 + 1, from zero.
pub(super) fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0_u16;
    let mut pairs = bytes.chunks_exact(2);
    for pair in &mut pairs {
        let [high, low] = (crc ^ u16::from_be_bytes([pair[0], pair[1]])).to_be_bytes();
        crc = TABLES[1][usize::from(high)] ^ TABLES[0][usize::from(low)];
    }
    pairs.remainder().iter().fold(crc, |crc, byte| (crc << 8) ^ TABLES[0][usize::from((crc >> 8) as u8 ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_catalogues() {
        // CRC-8/SMBUS and CRC-16/UMTS of the usual text.
        assert_eq!(crc8(b"123456789"), 0xf4);
        assert_eq!(crc16(b"123456789"), 0xfee8);
    }

    #[test]
    fn bits_follow_each_other() {
        let mut bits = BitWriter::default();
        bits.put(0b101, 3);
        bits.zeros(70);
        bits.put((1 << 57) - 1, 57);
        bits.put_signed(-1, 5);
        bits.put(0, 1);
        assert_eq!(bits.finish(), [0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 255, 255, 255, 255, 255, 255, 0xfe]);
    }
}
