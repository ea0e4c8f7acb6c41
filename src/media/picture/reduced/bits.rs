//! The bits of entropy-coded JPEG data (ISO/IEC 10918-1, F.2.2.5), read through 64 bits at a time.

/// A reader of bits, the highest first. It ends at the first marker; from there on it reads zeros, and [`Bits::finish`]
/// tells whether any was used.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The next bits, from the highest down. What lies below the `count` counted ones are bits that come again with the
    /// next filling, or zeros.
    buffer: u64,
    count: u32,
    /// Bits that were made up behind the end.
    made_up: u32,
}

/// The least bits that [`Bits::fill`] leaves to be read: more than any two codes with their values.
pub(super) const FILLED: u32 = 56;

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8], at: usize) -> Self {
        Self { data, at, buffer: 0, count: 0, made_up: 0 }
    }

    /// Sees to it that at least [`FILLED`] bits can be read.
    #[inline(always)]
    pub(super) fn fill(&mut self) {
        let next: Option<[u8; 8]> = self.data.get(self.at..).and_then(|rest| rest.first_chunk().copied());
        if let Some(next) = next {
            let word = u64::from_be_bytes(next);
            // No byte of it is 0xff: in the inverse, none is zero.
            let inverse = !word;
            if inverse.wrapping_sub(0x0101_0101_0101_0101) & word & 0x8080_8080_8080_8080 == 0 {
                self.buffer |= word >> self.count;
                self.at += ((63 - self.count) >> 3) as usize;
                self.count |= FILLED;
                return;
            }
        }
        self.fill_slowly();
    }

    /// Byte by byte: 0xff 0x00 is one byte 0xff, and 0xff with anything else is a marker.
    #[cold]
    fn fill_slowly(&mut self) {
        while self.count < FILLED {
            let byte = match (self.data.get(self.at), self.data.get(self.at + 1)) {
                (Some(0xff), Some(0)) => {
                    self.at += 2;
                    0xff
                }
                (Some(0xff) | None, _) => {
                    self.made_up += 8;
                    self.count += 8;
                    continue;
                }
                (Some(byte), _) => {
                    self.at += 1;
                    *byte
                }
            };
            self.buffer |= u64::from(byte) << (FILLED - self.count);
            self.count += 8;
        }
    }

    /// The next `count` bits (1 to 32), which stay.
    #[inline(always)]
    pub(super) fn peek(&self, count: u32) -> u32 {
        (self.buffer >> (64 - count)) as u32
    }

    /// Passes over `count` bits, which were filled.
    #[inline(always)]
    pub(super) fn skip(&mut self, count: u32) {
        self.buffer <<= count;
        self.count -= count;
    }

    /// The next `count` bits (0 to 16), which were filled.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> u32 {
        // In two steps, as none of 64 bits is a shift too far.
        let bits = ((self.buffer >> 32) >> (32 - count)) as u32;
        self.skip(count);
        bits
    }

    /// A value of `count` bits (0 to 15) as JPEG codes it: those that begin with 0 are negative (F.2.2.1).
    #[inline(always)]
    pub(super) fn value(&mut self, count: u32) -> i32 {
        let bits = self.take(count);
        extend(bits, count)
    }

    /// The place of the marker that ended the data. `None` where the data went on, or ended before all bits were read.
    pub(super) fn finish(mut self) -> Option<usize> {
        // Brings the marker in sight; all that is left before it are fewer than eight bits of filling.
        self.fill();
        let left = self.count.checked_sub(self.made_up)?;
        (left < 8 && self.made_up > 0).then_some(self.at)
    }
}

/// The value that `bits` of `count` bits stand for.
#[inline(always)]
pub(super) fn extend(bits: u32, count: u32) -> i32 {
    if count == 0 {
        return 0;
    }
    let bits = bits as i32;
    if bits < 1 << (count - 1) { bits - (1 << count) + 1 } else { bits }
}
