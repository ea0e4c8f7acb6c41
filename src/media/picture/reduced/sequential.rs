//! Baseline scans (ISO/IEC 10918-1, F.2): each block is whole where it stands, and is turned into samples at once.

use super::bits::Bits;
use super::header::{Frame, Scan, Tables};
use super::huffman::{BLOCK, Coefficient, Table};
use super::idct::ZIGZAG;
use super::plane::{Canvas, Plane, is_kept};
use super::units::{Units, restart};

/// Decodes the scan whose data begin at `at` into planes by component; tells the place of the marker behind it.
pub(super) fn scan(
    data: &[u8],
    at: usize,
    (frame, scan, tables): (&Frame, &Scan, &Tables),
    sides: &[usize],
    planes: &mut [Option<Plane>],
) -> Option<usize> {
    let units = Units::new(frame, scan);
    let mut members = Vec::new();
    for (member, factors) in scan.members.iter().zip(&units.factors) {
        let component = &frame.components[member.component];
        let side = sides[member.component];
        let steps = frame.steps(member.component, tables)?;
        let canvas = Canvas::new(component, side, steps, units.across * factors.0, factors.1);
        let last = (0..64).rfind(|coefficient| is_kept(side, *coefficient))? as u32;
        members.push((canvas, *factors, last, member.dc.as_deref()?, member.ac.as_deref()?));
    }
    let mut predictions = [0; 4];
    let mut bits = Bits::new(data, at);
    let mut block = [0; 64];
    let mut count = 0;
    for _ in 0..units.down {
        for unit in 0..units.across {
            if tables.restart > 0 && count > 0 && count % tables.restart == 0 {
                bits = restart(data, bits, count / tables.restart)?;
                predictions = [0; 4];
            }
            count += 1;
            for ((canvas, factors, last, dc, ac), prediction) in members.iter_mut().zip(&mut predictions) {
                for down in 0..factors.1 {
                    for across in 0..factors.0 {
                        let flat = coefficients(&mut bits, (dc, ac), *last, prediction, &mut block)?;
                        canvas.block(unit * factors.0 + across, down, &block, flat);
                        if !flat {
                            block = [0; 64];
                        }
                    }
                }
            }
        }
        for (canvas, factors, ..) in &mut members {
            canvas.strip_done(factors.1);
        }
    }
    for ((canvas, ..), member) in members.into_iter().zip(&scan.members) {
        let place = &mut planes[member.component];
        if place.is_some() {
            return None;
        }
        *place = Some(canvas.plane()?);
    }
    bits.finish()
}

/// Reads a block into `block`, which is all zeros: its coefficients up to the one at `last`; the others are passed over.
/// Tells whether only the first is not zero.
#[inline(always)]
fn coefficients(
    bits: &mut Bits<'_>,
    (dc, ac): (&Table, &Table),
    last: u32,
    prediction: &mut i32,
    block: &mut [i16; 64],
) -> Option<bool> {
    bits.fill();
    let size = dc.symbol(bits)?;
    if size > 11 {
        return None;
    }
    *prediction += bits.value(size);
    block[0] = i16::try_from(*prediction).ok()?;
    let (mut next, mut flat) = (1, true);
    while next <= last {
        bits.fill();
        match ac.coefficient(bits)? {
            Coefficient::End => return Some(flat),
            Coefficient::Zeros => next += 16,
            Coefficient::Value(zeros, value) => {
                next += zeros;
                if next >= BLOCK {
                    return None;
                }
                block[usize::from(ZIGZAG[next as usize & 63] & 63)] = value as i16;
                flat = false;
                next += 1;
            }
        }
    }
    if next < BLOCK {
        ac.pass(bits, next)?;
    } else if next > BLOCK {
        return None;
    }
    Some(flat)
}
