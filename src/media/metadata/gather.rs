//! An EXIF block out of the fields of a TIFF file, for a picture in another format.

use std::io::{Read, Seek};

use super::parts::MOST_BYTES;
use super::tables::{Directory, EXIF, Entry, GPS, INTEROPERABILITY, ORIENTATION, Role, Tables, bytes_at};
use crate::media::error::MediaError;

/// Fields of the first page that EXIF has too, besides [`ORIENTATION`] (Exif 3.0, section 4.6.5).
const TEXTS: [u16; 7] = [270, 271, 272, 305, 306, 315, 33432];
/// Pixels of an inch or a centimetre, across and down, and which of these it is. Every file has them: alone they tell
/// nothing.
const RESOLUTION: [u16; 3] = [282, 283, 296];
/// What a camera's maker wrote: it holds offsets that would not fit any more.
const MAKER_NOTE: u16 = 0x927c;

/// A field that is written: its tag, type and count, and its value.
type Field = (u16, u16, u32, Vec<u8>);

/// The block of the page whose directory is in place `page`, in the file's own order of bytes. `None`: there is nothing to
/// tell.
pub(super) fn gather(
    tables: &Tables,
    page: usize,
    source: &mut (impl Read + Seek),
) -> Result<Option<Vec<u8>>, MediaError> {
    let mut left = MOST_BYTES;
    let mut fields = |directory: Option<&Directory>, wanted: &dyn Fn(u16) -> bool| -> Result<Vec<Field>, MediaError> {
        let entries = directory.into_iter().flat_map(|directory| &directory.entries);
        let mut fields = Vec::new();
        for entry in entries.filter(|entry| wanted(entry.tag)) {
            if let Some(value) = value(source, entry, &mut left)? {
                fields.push((entry.tag, entry.kind, entry.count, value));
            }
        }
        Ok(fields)
    };
    let own = tables.directories.get(page);
    let mut first = fields(own, &|tag| tag == ORIENTATION || TEXTS.contains(&tag))?;
    let exif = fields(tables.led_to(page, Role::Exif), &|tag| ![MAKER_NOTE, INTEROPERABILITY].contains(&tag))?;
    let gps = fields(tables.led_to(page, Role::Gps), &|_| true)?;
    if first.is_empty() && exif.is_empty() && gps.is_empty() {
        return Ok(None);
    }
    first.extend(fields(own, &|tag| RESOLUTION.contains(&tag))?);
    Ok(Some(laid_out(tables, first, &[(EXIF, exif), (GPS, gps)])))
}

/// The value of a field; `None`: the file ends before it does.
fn value(source: &mut (impl Read + Seek), entry: &Entry, left: &mut u64) -> Result<Option<Vec<u8>>, MediaError> {
    let Some(size) = entry.size().filter(|size| *size == entry.data.end - entry.data.start) else { return Ok(None) };
    let too_much = || MediaError::Limit(format!("more than {} MiB of metadata", MOST_BYTES >> 20));
    *left = left.checked_sub(size).ok_or_else(too_much)?;
    bytes_at(source, entry.data.clone()).map(Some).map_err(MediaError::reading)
}

/// The first directory, with a field for each of `others` that is not empty, and those behind it.
fn laid_out(tables: &Tables, mut first: Vec<Field>, others: &[(u16, Vec<Field>)]) -> Vec<u8> {
    let others: Vec<&(u16, Vec<Field>)> = others.iter().filter(|(_, fields)| !fields.is_empty()).collect();
    // The values of the pointers are filled in when it is known where they lead.
    first.extend(others.iter().map(|(tag, _)| (*tag, 4, 1, vec![0; 4])));
    first.sort_by_key(|(tag, ..)| *tag);
    let mut at = 8 + length(&first);
    for (tag, fields) in &others {
        if let Some((.., pointer)) = first.iter_mut().find(|(own, ..)| own == tag) {
            *pointer = tables.long_bytes(at).to_vec();
        }
        at += length(fields);
    }
    let mut block = tables.head(8);
    write(tables, &first, &mut block);
    others.iter().for_each(|(_, fields)| write(tables, fields, &mut block));
    block
}

/// How many bytes a directory takes with its values.
fn length(fields: &[Field]) -> u32 {
    let values: usize =
        fields.iter().map(|(.., value)| if value.len() > 4 { value.len().next_multiple_of(2) } else { 0 }).sum();
    (2 + 12 * fields.len() + 4 + values) as u32
}

fn write(tables: &Tables, fields: &[Field], block: &mut Vec<u8>) {
    let mut values = Vec::new();
    let behind = block.len() + 2 + 12 * fields.len() + 4;
    block.extend(tables.short_bytes(fields.len() as u16));
    for (tag, kind, count, value) in fields {
        block.extend([tables.short_bytes(*tag), tables.short_bytes(*kind)].concat());
        block.extend(tables.long_bytes(*count));
        if value.len() > 4 {
            block.extend(tables.long_bytes((behind + values.len()) as u32));
            values.extend_from_slice(value);
            values.resize(values.len().next_multiple_of(2), 0);
        } else {
            block.extend(value);
            block.resize(block.len() + 4 - value.len(), 0);
        }
    }
    block.extend([0; 4]);
    block.extend(values);
}
