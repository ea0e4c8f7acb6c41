//! The order of blocks in a scan (ISO/IEC 10918-1, A.2), and the markers between its parts.

use super::bits::Bits;
use super::header::{Frame, Scan};

/// How the blocks of a scan follow each other: units from left to right and from top to bottom, in each unit the blocks of
/// every component.
pub(super) struct Units {
    /// Units of a row.
    pub(super) across: usize,
    /// Rows of units.
    pub(super) down: usize,
    /// For each component of the scan, its blocks in a unit, from left to right and from top to bottom.
    pub(super) factors: Vec<(usize, usize)>,
}

impl Units {
    /// Those of `scan`: a scan of one component has only the blocks that hold samples, one by one.
    pub(super) fn new(frame: &Frame, scan: &Scan) -> Self {
        if let [only] = scan.members.as_slice() {
            let (across, down) = frame.components[only.component].blocks;
            return Self { across, down, factors: vec![(1, 1)] };
        }
        let factors = scan.members.iter().map(|member| frame.components[member.component].factors).collect();
        Self { across: frame.units.0, down: frame.units.1, factors }
    }
}

/// Goes on behind the restart marker that must stand here as the one of this `number`, counted from 1.
pub(super) fn restart<'a>(data: &'a [u8], bits: Bits<'a>, number: usize) -> Option<Bits<'a>> {
    let mut at = bits.finish()?;
    while data.get(at..at + 2)? == [0xff, 0xff] {
        at += 1;
    }
    let expected = 0xd0 + ((number - 1) % 8) as u8;
    (data.get(at..at + 2)? == [0xff, expected]).then(|| Bits::new(data, at + 2))
}
