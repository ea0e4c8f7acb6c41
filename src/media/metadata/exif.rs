//! What is looked up and changed in an EXIF block (CIPA DC-008, Exif 3.0), without moving any of it.

use std::io::Cursor;

use super::tables::{Edit, GPS, ORIENTATION, PHOTOSHOP, Role, Tables, XMP, apply, bytes_at};
use super::{photoshop, xmp};

/// Fields that tell a place: GPS, and those of GeoTIFF (OGC 19-008), GDAL and RPC.
pub(super) const PLACES: [u16; 9] = [GPS, 33550, 33922, 34264, 34735, 34736, 34737, 42112, 50844];

/// More is not looked into; then it may tell anything.
const MOST_BYTES: u64 = 64 << 20;
/// Fields with the width and with the height of the picture.
const WIDTHS: [(Role, u16); 2] = [(Role::Exif, 0xa002), (Role::Page(0), 0x0100)];
const HEIGHTS: [(Role, u16); 2] = [(Role::Exif, 0xa003), (Role::Page(0), 0x0101)];
/// What tells no place in a directory of GPS: its version, the time, the map, the date.
const NO_PLACES: [u16; 4] = [0, 7, 18, 29];
/// Longer texts are not told, in bytes.
const MOST_TEXT: u64 = 1 << 16;

/// What is left of a block when something was taken out of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// All: it was not in it.
    All,
    /// The rest.
    Rest(Vec<u8>),
    /// Nothing may stay: it cannot be told what is in it, or the rest needs the same bytes.
    Nothing,
}

/// How the picture must be turned, 1 to 8, if that is told.
pub(super) fn orientation(exif: &[u8]) -> Option<u8> {
    let mut source = Cursor::new(exif);
    let tables = Tables::read(&mut source).ok()?;
    let entry = tables.find(Role::Page(0), ORIENTATION)?;
    let number = *tables.numbers(&mut source, entry).ok()?.first()?;
    u8::try_from(number).ok().filter(|number| (1..=8).contains(number))
}

/// With this orientation wherever one is told: for the picture, and for its thumbnail. `None`: none is told for the
/// picture, so that it would have to grow.
pub(super) fn with_orientation(exif: &[u8], orientation: u8) -> Option<Vec<u8>> {
    let tables = Tables::read(&mut Cursor::new(exif)).ok()?;
    let own = tables.put(tables.find(Role::Page(0), ORIENTATION)?, orientation.into())?;
    let thumbnail = tables.find(Role::Page(1), ORIENTATION).and_then(|entry| tables.put(entry, orientation.into()));
    edited(exif, &Vec::from_iter([own].into_iter().chain(thumbnail)))
}

/// With this size of the picture where one is told, in pixels.
pub(super) fn with_size(exif: &[u8], width: u32, height: u32) -> Option<Vec<u8>> {
    let tables = Tables::read(&mut Cursor::new(exif)).ok()?;
    let sizes = WIDTHS.map(|field| (field, width)).into_iter().chain(HEIGHTS.map(|field| (field, height)));
    let edits: Option<Vec<Edit>> = sizes
        .filter_map(|((role, tag), pixels)| Some((tables.find(role, tag)?, pixels)))
        .map(|(entry, pixels)| tables.put(entry, pixels))
        .collect();
    edited(exif, &edits?)
}

/// Whether it tells where the picture was taken, or may do so where nobody can see it.
pub(super) fn has_gps(exif: &[u8]) -> bool {
    let mut source = Cursor::new(exif);
    let Ok(mut tables) = Tables::read(&mut source) else { return false };
    if !doom_places(&mut tables, &mut source) {
        return false;
    }
    let mut doomed = tables.directories.iter().flat_map(|directory| &directory.entries).filter(|entry| entry.doomed);
    let mut places = tables.directories.iter().filter(|directory| directory.role == Role::Gps).peekable();
    // Cameras that do not know where they are leave a directory that says so.
    let unknown = !tables.broken
        && places.peek().is_some()
        && places.all(|place| place.entries.iter().all(|entry| NO_PLACES.contains(&entry.tag)));
    doomed.any(|entry| entry.tag != GPS || !unknown)
}

/// The text in this field, up to its end or the first zero.
pub(super) fn text(exif: &[u8], role: Role, tag: u16) -> Option<String> {
    let mut source = Cursor::new(exif);
    let tables = Tables::read(&mut source).ok()?;
    // 2: ASCII; 129: UTF-8, since Exif 3.0.
    let entry = tables.find(role, tag).filter(|entry| [2, 129].contains(&entry.kind))?;
    let range = entry.data.start..entry.data.end.min(entry.data.start + MOST_TEXT);
    let bytes = bytes_at(&mut source, range).ok()?;
    let text = bytes.split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// Without the place: the directory of GPS with all its values, and blocks within that tell it too.
pub(super) fn without_gps(exif: &[u8]) -> Left {
    let mut source = Cursor::new(exif);
    let Ok(mut tables) = Tables::read(&mut source) else { return Left::Nothing };
    if !doom_places(&mut tables, &mut source) {
        return if tables.broken { Left::Nothing } else { Left::All };
    }
    erased(exif, tables)
}

/// Without the thumbnail, and the directory that tells of it. At the end of the block, as it mostly is, it leaves no
/// empty bytes behind.
pub(super) fn without_thumbnail(exif: &[u8]) -> Left {
    let Ok(mut tables) = Tables::read(&mut Cursor::new(exif)) else { return Left::Nothing };
    let mut any = false;
    for directory in &mut tables.directories {
        directory.doomed = matches!(directory.role, Role::Page(1..));
        any |= directory.doomed;
    }
    match any {
        true => erased(exif, tables),
        // What a broken chain leads to is not shown by anybody.
        false => Left::All,
    }
}

/// The least EXIF that tells how a picture must be turned.
pub(super) fn only_orientation(orientation: u8) -> Vec<u8> {
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    exif
}

/// Marks all that tells a place; whether there is any.
pub(super) fn doom_places(tables: &mut Tables, source: &mut (impl std::io::Read + std::io::Seek)) -> bool {
    let (mut any, mut read) = (false, 0);
    for directory in &mut tables.directories {
        for entry in &mut directory.entries {
            let mut says = |tells: fn(&[u8]) -> bool| {
                read += entry.data.end - entry.data.start;
                read > MOST_BYTES || bytes_at(source, entry.data.clone()).is_ok_and(|bytes| tells(&bytes))
            };
            entry.doomed = match entry.tag {
                XMP => says(xmp::has_gps),
                PHOTOSHOP => says(photoshop::may_tell_places),
                tag => PLACES.contains(&tag),
            };
            any |= entry.doomed;
        }
    }
    any
}

fn erased(exif: &[u8], mut tables: Tables) -> Left {
    // What a broken block holds is not all known, and nor is whether it lies in the bytes to be erased.
    if tables.broken {
        return Left::Nothing;
    }
    let Ok(Some(edits)) = tables.erasure(&mut Cursor::new(exif)) else { return Left::Nothing };
    let mut length = exif.len() as u64;
    let mut dead: Vec<_> = edits
        .iter()
        .filter_map(|edit| match edit {
            Edit::Zero(range) => Some(range.clone()),
            Edit::Put(..) => None,
        })
        .collect();
    dead.sort_by_key(|range| range.end);
    for range in dead.iter().rev() {
        // One byte may fill up to an even place.
        if range.end + 1 >= length {
            length = length.min(range.start);
        }
    }
    edited(exif, &edits).map_or(Left::Nothing, |mut left| {
        left.truncate(length as usize);
        Left::Rest(left)
    })
}

fn edited(exif: &[u8], edits: &[Edit]) -> Option<Vec<u8>> {
    let mut copy = exif.to_vec();
    apply(edits, &mut Cursor::new(copy.as_mut_slice())).ok()?;
    Some(copy)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a block that is lost has failed")]
mod tests {
    use super::*;

    fn field(tag: u16, kind: u16, count: u32, value: u32) -> Vec<u8> {
        [&tag.to_be_bytes()[..], &kind.to_be_bytes(), &count.to_be_bytes(), &value.to_be_bytes()].concat()
    }

    fn table(fields: &[Vec<u8>], next: u32) -> Vec<u8> {
        [&(fields.len() as u16).to_be_bytes()[..], &fields.concat(), &next.to_be_bytes()].concat()
    }

    /// A picture with GPS at 62 (whose value is at 80), EXIF with a maker's block at 98, and a thumbnail at 126.
    fn block(maker_note: u32) -> Vec<u8> {
        let first = table(
            &[field(ORIENTATION, 3, 1, 6 << 16), field(0x8769, 4, 1, 98), field(GPS, 4, 1, 62), field(0x9999, 4, 1, 7)],
            126,
        );
        let gps = [table(&[field(0x1b, 7, 18, 80)], 0), b"ASCII: in Zanzibar".to_vec()].concat();
        let exif = [table(&[field(0x927c, 7, 10, maker_note)], 0), b"maker note".to_vec()].concat();
        let thumbnail = table(&[field(0x0201, 4, 1, 156), field(0x0202, 4, 1, 4)], 0);
        [b"MM\0*\0\0\0\x08", &first[..], &gps, &exif, &thumbnail, b"JPEG"].concat()
    }

    #[test]
    fn the_place_is_erased_and_nothing_is_moved() {
        let whole = block(116);
        let Left::Rest(left) = without_gps(&whole) else { panic!("it has a place") };
        assert_eq!(left.len(), whole.len());
        assert!(left[62..98].iter().all(|byte| *byte == 0) && !has_gps(&left));
        assert_eq!(left[98..], whole[98..], "the maker's block and the thumbnail");
        let tables = Tables::read(&mut Cursor::new(&left)).unwrap();
        let tags: Vec<u16> = tables.directories[0].entries.iter().map(|entry| entry.tag).collect();
        assert_eq!(tags, [ORIENTATION, 0x8769, 0x9999]);
        assert_eq!(tables.directories.len(), 3);
        assert_eq!(without_gps(&left), Left::All);
    }

    #[test]
    fn the_thumbnail_goes_with_its_bytes() {
        let whole = block(116);
        let Left::Rest(left) = without_thumbnail(&whole) else { panic!("it has one") };
        assert_eq!(left.len(), 126);
        assert_eq!(orientation(&left), Some(6));
        assert!(has_gps(&left));
        assert_eq!(without_thumbnail(&left), Left::All);
    }

    #[test]
    fn what_shares_its_bytes_or_leads_nowhere_goes_as_a_whole() {
        assert_eq!(without_gps(&block(81)), Left::Nothing, "the maker's block is said to lie in the place");
        let mut astray = block(116);
        astray[58..62].copy_from_slice(&1_000_000_u32.to_be_bytes());
        let cut = &block(116)[..70];
        for wrong in [&astray, cut, b"", b"II*\0\x08\0\0", b"II*\0\x08\0\0\0", b"no EXIF at all"] {
            assert_eq!(without_gps(wrong), Left::Nothing);
        }
    }

    #[test]
    fn the_least_of_exif_tells_the_orientation() {
        for told in 1..=8 {
            let least = only_orientation(told);
            assert_eq!(orientation(&least), Some(told));
            assert_eq!(orientation(&with_orientation(&least, 1).unwrap()), Some(1));
        }
    }
}
