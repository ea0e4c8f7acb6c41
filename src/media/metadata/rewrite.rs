//! The same picture file with other metadata: its pixels are copied byte for byte.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::ops::Range;
use std::path::Path;

use super::containers::{framed, mend_head, parts, place_for_exif};
use super::exif::{self, Left};
use super::kinds::{Keep, Kind, Rewritten};
use super::parts::{Coding, Part, Reading, copy};
use super::{block, format_of, photoshop, tiff, xmp};
use crate::media::error::MediaError;
use crate::media::sniff::PictureFormat;

/// A part of the new file: of the old one, or bytes.
enum Piece {
    Copy(Range<u64>),
    Bytes(Vec<u8>),
}

/// What becomes of a part.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Stays,
    Goes,
    Becomes(Vec<u8>),
}

/// Writes the picture file `from` to `to` with what is to stay of its metadata. Where EXIF goes, the orientation stays, in
/// an EXIF block that holds nothing else: the picture looks as it did. What a JPEG file has behind its picture (more
/// pictures, films) counts as [`Kind::Other`], and goes too where the list of it (CIPA DC-007) would not fit any more.
///
/// # Errors
/// Those of [`super::Metadata::of`], [`MediaError::Damaged`] where the file ends too soon, [`MediaError::Unwritable`],
/// [`MediaError::Unsupported`] for TIFF files that nothing can be taken out of in place: raw files of cameras, and such
/// whose fields share their bytes.
pub fn rewrite(from: &Path, to: &Path, keep: Keep) -> Result<Rewritten, MediaError> {
    let format = format_of(from)?;
    if format == PictureFormat::Tiff {
        return tiff::rewrite(from, to, keep);
    }
    let mut reading = Reading::open(from)?;
    let parts = parts(&mut reading, format, false)?;
    let looked = look(&mut reading, &parts);
    let more = parts.iter().filter(|part| is_more(part));
    let more: Vec<u8> = more.filter_map(|part| reading.body(part).ok()).flatten().collect();
    let more_tells = xmp::has_gps(&more);
    let mut fates = Vec::with_capacity(parts.len());
    for (part, seen) in parts.iter().zip(&looked) {
        fates.push(match part.kind {
            None => Fate::Stays,
            Some(kind) if !keep.has(kind) => Fate::Goes,
            Some(_) if keep.gps => Fate::Stays,
            Some(Kind::Xmp) if more_tells => Fate::Goes,
            Some(kind) => without_gps(&mut reading, format, part, kind, seen),
        });
    }
    drop_unlisted(&mut reading, &parts, &mut fates)?;

    let tells = |seen: &Seen| seen.tells || more_tells;
    let mut done = Rewritten {
        found: kinds(&parts, |_| true),
        left: kinds(&parts, |at| fates[at] != Fate::Goes),
        orientation: looked.iter().find_map(|seen| seen.orientation).unwrap_or(1),
        before: reading.length,
        after: 0,
    };
    if looked.iter().any(tells) {
        done.found.push(Kind::Gps);
        if keep.gps && looked.iter().zip(&fates).any(|(seen, fate)| seen.tells && *fate == Fate::Stays) {
            done.left.push(Kind::Gps);
        }
    }
    done.found.sort();
    done.left.sort();
    let place = parts.iter().position(|part| part.kind == Some(Kind::Exif));
    let mut pieces: Vec<(Option<Kind>, Piece)> = Vec::with_capacity(parts.len());
    for (at, (part, fate)) in parts.iter().zip(fates).enumerate() {
        match fate {
            Fate::Stays => pieces.push((part.kind, Piece::Copy(part.range.clone()))),
            Fate::Becomes(bytes) => pieces.push((part.kind, Piece::Bytes(bytes))),
            Fate::Goes => {}
        }
        if place == Some(at) && done.orientation != 1 && !done.left.contains(&Kind::Exif) {
            let least = framed(format, Kind::Exif, &exif::only_orientation(done.orientation));
            pieces.extend(least.map(|bytes| (Some(Kind::Exif), Piece::Bytes(bytes))));
        }
    }
    done.after = assemble(from, to, format, pieces)?;
    Ok(done)
}

/// Writes the picture file `from` to `to` with this orientation, 1 to 8, without turning a pixel. Gives the orientation
/// that it had.
///
/// # Errors
/// Those of [`rewrite`]; [`MediaError::Unsupported`] where the file has no place for it.
pub fn set_orientation(from: &Path, to: &Path, orientation: u8) -> Result<u8, MediaError> {
    let format = format_of(from)?;
    if format == PictureFormat::Tiff {
        return tiff::set_orientation(from, to, orientation);
    }
    let mut reading = Reading::open(from)?;
    let parts = parts(&mut reading, format, false)?;
    let mut before = None;
    let mut pieces = Vec::with_capacity(parts.len() + 1);
    for part in &parts {
        let mut piece = Piece::Copy(part.range.clone());
        if let (Some(kind @ (Kind::Exif | Kind::Xmp)), true) = (part.kind, part.coding != Coding::Piece) {
            let changed = match block(&mut reading, part) {
                Ok((Kind::Exif, bytes)) => {
                    let had = exif::orientation(&bytes);
                    before = before.or(had);
                    match exif::with_orientation(&bytes, orientation) {
                        // It tells one, and in a form that cannot be changed.
                        None if had.is_some_and(|had| had != orientation) => continue,
                        changed => changed.map(|changed| (Kind::Exif, bytes, changed)),
                    }
                }
                Ok((_, bytes)) => {
                    let changed = xmp::with_orientation(&bytes, orientation);
                    Some((Kind::Xmp, bytes, changed))
                }
                // What cannot be read turns nothing.
                Err(MediaError::Damaged { .. }) => None,
                Err(error) => return Err(error),
            };
            if let Some((_, _, changed)) = changed.as_ref().filter(|(_, bytes, changed)| bytes != changed) {
                match framed(format, kind, changed) {
                    Some(bytes) => piece = Piece::Bytes(bytes),
                    None => continue,
                }
            }
        }
        pieces.push((part.kind, piece));
    }
    let had = before.unwrap_or(1);
    if had != orientation && before.is_none() {
        let place = place_for_exif(format, &parts);
        let least = framed(format, Kind::Exif, &exif::only_orientation(orientation));
        let (Some(place), Some(least)) = (place, least) else {
            let what = format!("there is no place for an orientation in this {} file", format.word());
            return Err(MediaError::Unsupported(what));
        };
        // EXIF without an orientation would hide it, or be hidden.
        let place = place.min(pieces.len());
        pieces.insert(place, (Some(Kind::Exif), Piece::Bytes(least)));
        let mut at = 0;
        pieces.retain(|(kind, _)| {
            at += 1;
            *kind != Some(Kind::Exif) || at == place + 1
        });
    }
    assemble(from, to, format, pieces)?;
    Ok(had)
}

/// What is seen in a part of the file.
#[derive(Default)]
struct Seen {
    /// It tells where the picture was taken.
    tells: bool,
    /// How it says that the picture must be turned.
    orientation: Option<u8>,
}

fn look(reading: &mut Reading, parts: &[Part]) -> Vec<Seen> {
    let looked = parts.iter().map(|part| match part.kind {
        Some(Kind::Exif | Kind::Xmp) if part.coding != Coding::Piece => match block(reading, part) {
            Ok((Kind::Exif, bytes)) => Seen { tells: exif::has_gps(&bytes), orientation: exif::orientation(&bytes) },
            Ok((_, bytes)) => Seen { tells: xmp::has_gps(&bytes), orientation: None },
            Err(_) => Seen::default(),
        },
        _ => Seen::default(),
    });
    looked.collect()
}

/// Whether the part is one of those that an XMP packet goes on in.
fn is_more(part: &Part) -> bool {
    part.kind == Some(Kind::Xmp) && part.coding == Coding::Piece
}

fn without_gps(reading: &mut Reading, format: PictureFormat, part: &Part, kind: Kind, seen: &Seen) -> Fate {
    let becomes = |kind: Kind, bytes: &[u8]| framed(format, kind, bytes).map_or(Fate::Goes, Fate::Becomes);
    match kind {
        Kind::Icc => Fate::Stays,
        Kind::Exif | Kind::Xmp if part.coding == Coding::Piece => Fate::Stays,
        Kind::Exif | Kind::Xmp => match block(reading, part) {
            Ok((Kind::Exif, bytes)) => match exif::without_gps(&bytes) {
                Left::All => Fate::Stays,
                Left::Rest(rest) => becomes(Kind::Exif, &rest),
                Left::Nothing => Fate::Goes,
            },
            Ok(_) if !seen.tells => Fate::Stays,
            Ok((_, bytes)) => xmp::without_gps(&bytes).map_or(Fate::Goes, |rest| becomes(Kind::Xmp, &rest)),
            Err(_) => Fate::Goes,
        },
        Kind::Iptc => match reading.body(part) {
            Ok(bytes) if !photoshop::may_tell_places(&bytes) => Fate::Stays,
            _ => Fate::Goes,
        },
        Kind::Comments => {
            let head = reading.take(part.range.start..part.body.start).unwrap_or_default();
            match reading.body(part) {
                Ok(text) if !xmp::has_gps(&text) && !xmp::has_gps(&head) => Fate::Stays,
                _ => Fate::Goes,
            }
        }
        Kind::Gps | Kind::Other => Fate::Goes,
    }
}

/// The list of the pictures behind the picture holds their distances from it: where those change, it goes, and they too.
fn drop_unlisted(reading: &mut Reading, parts: &[Part], fates: &mut [Fate]) -> Result<(), MediaError> {
    for at in 0..parts.len() {
        let part = &parts[at];
        if part.kind != Some(Kind::Other) || fates[at] == Fate::Goes || part.body.end - part.body.start < 4 {
            continue;
        }
        let is_list = reading.take(part.body.start..part.body.start + 4)? == b"MPF\0";
        if is_list && fates[at..].iter().any(|fate| *fate != Fate::Stays) {
            fates[at] = Fate::Goes;
            if let (Some(Kind::Other), Some(last)) = (parts.last().and_then(|part| part.kind), fates.last_mut()) {
                *last = Fate::Goes;
            }
        }
    }
    Ok(())
}

/// The kinds of those parts whose place is `wanted`, each once.
fn kinds(parts: &[Part], wanted: impl Fn(usize) -> bool) -> Vec<Kind> {
    let there = |kind: Kind| parts.iter().enumerate().any(|(at, part)| part.kind == Some(kind) && wanted(at));
    Kind::ALL.into_iter().filter(|kind| there(*kind)).collect()
}

/// Writes the pieces, the first of which is the file's head. Gives the bytes of the new file.
fn assemble(
    from: &Path,
    to: &Path,
    format: PictureFormat,
    mut pieces: Vec<(Option<Kind>, Piece)>,
) -> Result<u64, MediaError> {
    let mut source = File::open(from).map_err(MediaError::Unreadable)?;
    let kinds: Vec<Kind> = pieces.iter().filter_map(|(kind, _)| *kind).collect();
    let length = pieces.iter().map(|(_, piece)| match piece {
        Piece::Copy(range) => range.end - range.start,
        Piece::Bytes(bytes) => bytes.len() as u64,
    });
    let length = length.sum();
    if let (PictureFormat::WebP, Some((_, head))) = (format, pieces.first_mut())
        && let Piece::Copy(range) = head
    {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        source.read_exact(&mut bytes).map_err(MediaError::reading)?;
        mend_head(format, &mut bytes, &kinds, length);
        *head = Piece::Bytes(bytes);
    }
    let mut target = BufWriter::new(File::create(to).map_err(MediaError::Unwritable)?);
    for (_, piece) in &pieces {
        match piece {
            Piece::Bytes(bytes) => target.write_all(bytes).map_err(MediaError::Unwritable)?,
            Piece::Copy(range) => copy(&mut source, range.clone(), &mut target)?,
        }
    }
    target.flush().map_err(MediaError::Unwritable)?;
    Ok(length)
}
