//! Metadata in the fields of a TIFF file, taken out in place: nothing in the file is moved.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use super::exif::PLACES;
use super::kinds::{Keep, Kind, Rewritten};
use super::tables::{EXIF, Edit, Entry, GPS, ICC, IPTC, ORIENTATION, PHOTOSHOP, Role, Tables, XMP, apply, bytes_at};
use super::{
    Metadata, gather,
    parts::{MOST_BYTES, copy},
    photoshop, readable, xmp,
};
use crate::media::error::MediaError;

const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const DNG_VERSION: u16 = 50706;
/// What only raw files of cameras have: ways to compress, and colours as the sensor sees them.
const RAW_COMPRESSIONS: [u32; 5] = [32767, 32769, 34713, 34892, 65535];
const RAW_COLOURS: [u32; 2] = [32803, 34892];

/// The blocks of metadata of the page whose directory begins at `at`; of the first page where none is named.
pub(super) fn blocks(path: &Path, at: Option<u32>) -> Result<Metadata, MediaError> {
    let mut source = open(path)?;
    let tables = Tables::read(&mut source)?;
    let Some(page) = tables.page(at) else { return Ok(Metadata::default()) };
    let mut block = |tag: u16| {
        let entry = tables.directories[page].entries.iter().find(|entry| entry.tag == tag);
        // What is cut is none.
        let entry = entry.filter(|entry| entry.size() == Some(entry.data.end - entry.data.start));
        let block = entry.and_then(|entry| readable(value(&mut source, entry)).transpose());
        block.transpose()
    };
    let (icc, xmp) = (block(ICC)?, block(XMP)?);
    let exif = readable(gather::gather(&tables, page, &mut source))?.flatten();
    Ok(Metadata { exif, icc, xmp })
}

fn open(path: &Path) -> Result<BufReader<File>, MediaError> {
    File::open(path).map(BufReader::new).map_err(MediaError::Unreadable)
}

fn value(source: &mut (impl Read + Seek), entry: &Entry) -> Result<Vec<u8>, MediaError> {
    if entry.data.end - entry.data.start > MOST_BYTES {
        return Err(MediaError::Limit(format!("more than {} MiB of metadata", MOST_BYTES >> 20)));
    }
    bytes_at(source, entry.data.clone()).map_err(MediaError::reading)
}

pub(super) fn rewrite(from: &Path, to: &Path, keep: Keep) -> Result<Rewritten, MediaError> {
    let mut source = open(from)?;
    let mut tables = Tables::read(&mut source)?;
    refuse_raw(&tables, &mut source)?;
    let (mut found, mut left, mut edits) = (Vec::new(), Vec::new(), Vec::new());
    for directory in &mut tables.directories {
        if !matches!(directory.role, Role::Page(_) | Role::Sub) {
            // What is in those goes with what leads to them, but for the place.
            for entry in directory.entries.iter_mut().filter(|entry| entry.tag == GPS) {
                entry.doomed = !keep.gps;
            }
            continue;
        }
        for entry in &mut directory.entries {
            let Some(kind) = kind_of(entry.tag) else { continue };
            let place = PLACES.contains(&entry.tag);
            let mut tells = place;
            entry.doomed = !keep.has(kind) || (place && !keep.gps);
            if matches!(kind, Kind::Xmp | Kind::Iptc | Kind::Comments) {
                let bytes = value(&mut source, entry)?;
                let speaks = entry.tag == PHOTOSHOP && photoshop::may_tell_places(&bytes);
                tells = kind == Kind::Xmp && xmp::has_gps(&bytes);
                if !keep.gps && !entry.doomed && (speaks || xmp::has_gps(&bytes)) {
                    let rest = if kind == Kind::Xmp { xmp::without_gps(&bytes) } else { None };
                    entry.doomed = rest.is_none();
                    edits.extend(rest.map(|rest| Edit::Put(entry.data.start, xmp::padded(rest, bytes.len()))));
                }
            }
            let stays = !entry.doomed;
            found.push(kind);
            left.extend(stays.then_some(kind));
            found.extend(tells.then_some(Kind::Gps));
            left.extend((tells && stays && keep.gps).then_some(Kind::Gps));
        }
    }
    let erasing = tables.directories.iter().any(|directory| directory.entries.iter().any(|entry| entry.doomed));
    if erasing {
        if tables.broken {
            return Err(MediaError::damaged("its directories do not all make sense"));
        }
        let erasure = tables.erasure(&mut source).map_err(MediaError::reading)?;
        let entangled = || MediaError::Unsupported("a TIFF file whose fields share their bytes".into());
        edits.extend(erasure.ok_or_else(entangled)?);
    }
    for kinds in [&mut found, &mut left] {
        kinds.sort();
        kinds.dedup();
    }
    let orientation = orientation(&tables, &mut source)?;
    let length = write(from, to, &edits)?;
    Ok(Rewritten { found, left, orientation, before: length, after: length })
}

pub(super) fn set_orientation(from: &Path, to: &Path, orientation: u8) -> Result<u8, MediaError> {
    let mut source = open(from)?;
    let tables = Tables::read(&mut source)?;
    let had = self::orientation(&tables, &mut source)?;
    let mut edits = Vec::new();
    if had != orientation {
        let entry = tables.find(Role::Page(0), ORIENTATION);
        let edit = entry.and_then(|entry| tables.put(entry, orientation.into()));
        edits.push(
            edit.ok_or_else(|| MediaError::Unsupported("a TIFF file without a field for its orientation".into()))?,
        );
    }
    if let Some(entry) = tables.find(Role::Page(0), XMP) {
        let packet = value(&mut source, entry)?;
        edits.push(Edit::Put(entry.data.start, xmp::with_orientation(&packet, orientation)));
    }
    write(from, to, &edits)?;
    Ok(had)
}

fn orientation(tables: &Tables, source: &mut (impl Read + Seek)) -> Result<u8, MediaError> {
    let number = first_number(tables, source, Role::Page(0), ORIENTATION)?;
    Ok(number.and_then(|number| u8::try_from(number).ok()).filter(|number| (1..=8).contains(number)).unwrap_or(1))
}

fn first_number(
    tables: &Tables,
    source: &mut (impl Read + Seek),
    role: Role,
    tag: u16,
) -> Result<Option<u32>, MediaError> {
    let Some(entry) = tables.find(role, tag) else { return Ok(None) };
    Ok(tables.numbers(source, entry).map_err(MediaError::reading)?.first().copied())
}

/// A raw file is developed by what its maker wrote into EXIF.
fn refuse_raw(tables: &Tables, source: &mut (impl Read + Seek)) -> Result<(), MediaError> {
    let mut raw = tables.find(Role::Page(0), DNG_VERSION).is_some();
    for role in [Role::Page(0), Role::Page(1), Role::Sub] {
        let is = |number: Option<u32>, of: &[u32]| number.is_some_and(|number| of.contains(&number));
        raw |= is(first_number(tables, source, role, COMPRESSION)?, &RAW_COMPRESSIONS);
        raw |= is(first_number(tables, source, role, PHOTOMETRIC)?, &RAW_COLOURS);
    }
    // Canon's have their own mark behind the head.
    raw |= bytes_at(source, 8..10).is_ok_and(|mark| mark == b"CR");
    if raw {
        Err(MediaError::Unsupported("a raw file of a camera, which needs all that is in it".into()))
    } else {
        Ok(())
    }
}

/// What a field is; `None`: it belongs to the picture. Only what is known to belong to it does.
const fn kind_of(tag: u16) -> Option<Kind> {
    match tag {
        // TIFF 6.0 without texts, its supplements, SGI's and those for print.
        254..=259 | 262..=266 | 273..=274 | 277..=284 | 286..=293 | 296..=297 | 301 | 317..=347 | 400..=403 => None,
        512..=521 | 529..=532 | 559 | 32994..=32998 | 34016..=34036 | 37439 => None,
        269 | 270 | 285 => Some(Kind::Comments),
        EXIF | GPS | 271 | 272 | 305 | 306 | 315 | 316 | 18246 | 18249 | 33432 | 33434 | 33437 => Some(Kind::Exif),
        34850..=34866 | 36864..=37393 | 37510..=37522 | 40091..=40095 | 40960..=42240 => Some(Kind::Exif),
        XMP => Some(Kind::Xmp),
        ICC => Some(Kind::Icc),
        IPTC | PHOTOSHOP => Some(Kind::Iptc),
        _ => Some(Kind::Other),
    }
}

/// Copies the file, and changes the copy. Gives its length.
fn write(from: &Path, to: &Path, edits: &[Edit]) -> Result<u64, MediaError> {
    let mut source = File::open(from).map_err(MediaError::Unreadable)?;
    let length = source.metadata().map_err(MediaError::Unreadable)?.len();
    let mut target = File::create(to).map_err(MediaError::Unwritable)?;
    copy(&mut source, 0..length, &mut target)?;
    apply(edits, &mut target).map_err(MediaError::Unwritable)?;
    Ok(length)
}
