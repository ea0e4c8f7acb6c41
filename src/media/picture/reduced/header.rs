//! The segments of a JPEG file before its pixels (ISO/IEC 10918-1, annex B), as far as reduced decoding takes them.

use std::rc::Rc;

use super::huffman::Table;
use crate::media::metadata::Metadata;
use crate::media::picture::bounds::MAX_PIXELS;

/// Start of image.
const SOI: u8 = 0xd8;
/// End of image.
pub(super) const EOI: u8 = 0xd9;
/// Start of scan.
pub(super) const SOS: u8 = 0xda;

/// A colour of a picture.
pub(super) struct Component {
    id: u8,
    /// Blocks of it in an interleaved unit, from left to right and from top to bottom.
    pub(super) factors: (usize, usize),
    quantiser: usize,
    /// Samples from left to right and from top to bottom; the last ones may stand for less than a whole sample.
    pub(super) size: (f64, f64),
    /// Blocks that hold samples of the picture.
    pub(super) blocks: (usize, usize),
}

/// What a frame header tells.
pub(super) struct Frame {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) progressive: bool,
    pub(super) components: Vec<Component>,
    /// Interleaved units from left to right and from top to bottom.
    pub(super) units: (usize, usize),
}

/// The tables that scans are decoded with.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) steps: [Option<[u16; 64]>; 4],
    pub(super) dc: [Option<Rc<Table>>; 4],
    pub(super) ac: [Option<Rc<Table>>; 4],
    /// Units between two restart markers; 0 where there are none.
    pub(super) restart: usize,
}

/// What a scan header tells.
pub(super) struct Scan {
    /// The place of each of its components in the frame, with its tables.
    pub(super) members: Vec<Member>,
    /// The first and the last coefficient, in the order of coding.
    pub(super) band: (u32, u32),
    /// The bit of the coefficients that earlier scans came down to (0: this is the first scan of them), and the one that
    /// this one comes down to.
    pub(super) bits: (u32, u32),
}

/// A component in a scan.
pub(super) struct Member {
    pub(super) component: usize,
    pub(super) dc: Option<Rc<Table>>,
    pub(super) ac: Option<Rc<Table>>,
}

/// The segments of a file, one after the other.
pub(super) struct Segments<'a> {
    pub(super) data: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Segments<'a> {
    /// Those of `data`, which must begin as a JPEG does.
    pub(super) fn new(data: &'a [u8]) -> Option<Self> {
        data.starts_with(&[0xff, SOI]).then_some(Self { data, at: 2 })
    }

    /// The next marker with what its segment holds, which for [`EOI`] is nothing.
    pub(super) fn next(&mut self) -> Option<(u8, &'a [u8])> {
        if *self.data.get(self.at)? != 0xff {
            return None;
        }
        while *self.data.get(self.at)? == 0xff {
            self.at += 1;
        }
        let marker = self.data[self.at];
        self.at += 1;
        if marker == EOI {
            return Some((marker, &[]));
        }
        let length = usize::from(u16::from_be_bytes(*self.data.get(self.at..)?.first_chunk()?));
        let held = self.data.get(self.at + 2..self.at + length)?;
        self.at += length;
        Some((marker, held))
    }
}

/// Takes in a segment of tables, of which there may be some before each scan. Others are passed over.
pub(super) fn take_tables(tables: &mut Tables, marker: u8, held: &[u8]) -> Option<()> {
    match marker {
        0xc4 => huffman(tables, held),
        0xdb => quantisers(tables, held),
        0xdd => {
            tables.restart = usize::from(u16::from_be_bytes(held.try_into().ok()?));
            Some(())
        }
        // Comments and what applications left.
        0xe0..=0xef | 0xfe => Some(()),
        _ => None,
    }
}

fn huffman(tables: &mut Tables, mut held: &[u8]) -> Option<()> {
    while let [kind, rest @ ..] = held {
        let counts = rest.first_chunk::<16>()?;
        let count = counts.iter().map(|count| usize::from(*count)).sum();
        let values = rest.get(16..)?.get(..count)?;
        let ac = kind >> 4 == 1;
        let place = if ac { &mut tables.ac } else { &mut tables.dc }.get_mut(usize::from(kind & 15))?;
        *place = Some(Rc::new(Table::new(counts, values, ac).filter(|_| kind >> 4 <= 1)?));
        held = &rest[16 + count..];
    }
    Some(())
}

fn quantisers(tables: &mut Tables, mut held: &[u8]) -> Option<()> {
    while let [kind, rest @ ..] = held {
        let place = tables.steps.get_mut(usize::from(kind & 15))?;
        let wide = match kind >> 4 {
            0 => 1,
            1 => 2,
            _ => return None,
        };
        let coded = rest.get(..64 * wide)?;
        let mut steps = [0; 64];
        for (step, bytes) in steps.iter_mut().zip(coded.chunks(wide)) {
            *step = bytes.iter().fold(0, |sum, byte| sum << 8 | u16::from(*byte));
        }
        *place = Some(steps);
        held = &rest[64 * wide..];
    }
    Some(())
}

impl Frame {
    /// The frame of the segment of `marker`: baseline, extended with 8 bits, or progressive, in grey or Y'CbCr.
    pub(super) fn read(marker: u8, held: &[u8]) -> Option<Self> {
        let progressive = match marker {
            0xc0 | 0xc1 => false,
            0xc2 => true,
            _ => return None,
        };
        let [8, h0, h1, w0, w1, count, told @ ..] = held else { return None };
        let (width, height) = (u32::from(u16::from_be_bytes([*w0, *w1])), u32::from(u16::from_be_bytes([*h0, *h1])));
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 || pixels > MAX_PIXELS || !matches!(count, 1 | 3) || told.len() != usize::from(*count) * 3 {
            return None;
        }
        let factors: Vec<(usize, usize)> =
            told.chunks(3).map(|told| (usize::from(told[1] >> 4), usize::from(told[1] & 15))).collect();
        if factors.iter().any(|(across, down)| !(1..=4).contains(across) || !(1..=4).contains(down)) {
            return None;
        }
        let most = factors.iter().fold((1, 1), |most, (across, down)| (most.0.max(*across), most.1.max(*down)));
        let size = |side: u32, factor: usize, most: usize| f64::from(side) * factor as f64 / most as f64;
        let mut components: Vec<Component> = Vec::new();
        for (told, factors) in told.chunks(3).zip(&factors) {
            let size = (size(width, factors.0, most.0), size(height, factors.1, most.1));
            let blocks = ((size.0.ceil() as usize).div_ceil(8), (size.1.ceil() as usize).div_ceil(8));
            components.push(Component {
                id: told[0],
                factors: *factors,
                quantiser: usize::from(told[2]),
                size,
                blocks,
            });
        }
        // Of the only colour, a unit is one block whatever its factors are.
        if let [one] = components.as_mut_slice() {
            one.factors = (1, 1);
        }
        let unit = if components.len() == 1 { (8, 8) } else { (8 * most.0, 8 * most.1) };
        let units = ((width as usize).div_ceil(unit.0), (height as usize).div_ceil(unit.1));
        Some(Self { width, height, progressive, components, units })
    }

    /// Whether its colours are named as red, green and blue.
    pub(super) fn is_named_rgb(&self) -> bool {
        self.components.iter().map(|component| component.id).eq(*b"RGB")
    }

    /// The steps that the coefficients of `component` were quantised in.
    pub(super) fn steps<'t>(&self, component: usize, tables: &'t Tables) -> Option<&'t [u16; 64]> {
        tables.steps.get(self.components[component].quantiser)?.as_ref()
    }

    /// The scan that a segment announces.
    pub(super) fn scan(&self, held: &[u8], tables: &Tables) -> Option<Scan> {
        let [count, rest @ ..] = held else { return None };
        let (told, [first, last, bits]) = rest.split_at_checked(usize::from(*count) * 2)? else { return None };
        let (high, low) = (u32::from(bits >> 4), u32::from(bits & 15));
        let mut members: Vec<Member> = Vec::new();
        for told in told.chunks(2) {
            let component = self.components.iter().position(|component| component.id == told[0])?;
            if members.iter().any(|member| member.component >= component) {
                return None;
            }
            let dc = tables.dc.get(usize::from(told[1] >> 4))?.clone();
            let ac = tables.ac.get(usize::from(told[1] & 15))?.clone();
            members.push(Member { component, dc, ac });
        }
        let band = (u32::from(*first), u32::from(*last));
        let fits = if self.progressive {
            let of_dc = band == (0, 0);
            let of_ac = 1 <= band.0 && band.0 <= band.1 && band.1 < 64 && members.len() == 1;
            (of_dc || of_ac) && low <= 13 && (high == 0 || high == low + 1)
        } else {
            band == (0, 63) && *bits == 0
        };
        (fits && !members.is_empty()).then_some(Scan { members, band, bits: (high, low) })
    }
}

/// Gathers what a JPEG carries besides its pixels.
#[derive(Default)]
pub(super) struct Carried {
    metadata: Metadata,
    /// Parts of the colour profile by their number; a profile is longer than a segment.
    profile: Vec<(u8, Vec<u8>)>,
    profile_parts: u8,
    /// Whether Adobe's segment says that the colours are not Y'CbCr.
    pub(super) untransformed: bool,
}

impl Carried {
    /// Looks into a segment.
    pub(super) fn take(&mut self, marker: u8, held: &[u8]) {
        let after = |start: &[u8]| held.strip_prefix(start);
        match marker {
            0xe1 => {
                if let Some(exif) = after(b"Exif\0\0") {
                    self.metadata.exif = Some(exif.to_vec());
                } else if let Some(xmp) = after(b"http://ns.adobe.com/xap/1.0/\0") {
                    self.metadata.xmp = Some(xmp.to_vec());
                }
            }
            0xe2 => {
                if let Some([number, parts, part @ ..]) = after(b"ICC_PROFILE\0") {
                    self.profile.push((*number, part.to_vec()));
                    self.profile_parts = *parts;
                }
            }
            0xee => self.untransformed |= after(b"Adobe").is_some_and(|told| told.get(6) == Some(&0)),
            _ => {}
        }
    }

    /// All of it; a profile of which a part is missing is none.
    pub(super) fn metadata(mut self) -> Metadata {
        self.profile.sort_by_key(|(number, _)| *number);
        let whole = self.profile.iter().map(|(number, _)| *number).eq(1..=self.profile_parts);
        if whole && !self.profile.is_empty() {
            self.metadata.icc = Some(self.profile.into_iter().flat_map(|(_, part)| part).collect());
        }
        self.metadata
    }
}
