//! What a picture file carries besides its pixels: EXIF, a colour profile, XMP, and more.
//!
//! Blocks are read without decoding the picture, and changed in place or cut out; nothing is written anew, so that what
//! stays is what the camera or the editor wrote.

mod containers;
mod exif;
mod gather;
mod kinds;
mod parts;
mod photoshop;
mod rewrite;
mod tables;
mod tiff;
mod xmp;

use std::path::Path;

pub use kinds::{Keep, Kind, Rewritten};
pub use rewrite::{rewrite, set_orientation};

use self::exif::Left;
use self::parts::{Coding, Part, Reading};
use self::tables::Role;
use super::error::MediaError;
use super::sniff::{self, PictureFormat, sniff_file};

/// The blocks of metadata of one picture, each as raw bytes without the container's framing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// EXIF, from its TIFF header on (`II` or `MM`), without the `Exif\0\0` of JPEG. CIPA DC-008 (Exif 3.0), section 4.
    pub exif: Option<Vec<u8>>,
    /// The colour profile. ICC.1:2022.
    pub icc: Option<Vec<u8>>,
    /// XMP, a packet of RDF/XML. ISO 16684-1.
    pub xmp: Option<Vec<u8>>,
}

/// A field of EXIF that holds a text. Exif 3.0, sections 4.6.5 and 4.6.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextField {
    /// Who made the camera.
    Make,
    /// The model of the camera.
    Model,
    /// When the picture was taken, as in `2020:01:31 12:00:00`.
    Taken,
    /// How far that is from UTC, as in `+02:00`.
    TakenOffset,
    /// When the file was last changed.
    Changed,
    /// How far that is from UTC.
    ChangedOffset,
}

impl Metadata {
    /// Reads the blocks of the picture file at `path`: JPEG, PNG (with the texts that ImageMagick puts blocks into), WebP,
    /// GIF, TIFF (whose EXIF is gathered from its own fields); a Windows bitmap has none. Of an XMP packet that goes on
    /// elsewhere in a JPEG file, it is the first part, without the note that there is more. A block that cannot be read, or
    /// that would make more than 64 MiB of metadata, is none.
    ///
    /// # Errors
    /// [`MediaError::NotPicture`] for what is no picture we know, [`MediaError::Damaged`] where the structure of the file
    /// makes no sense, [`MediaError::Unreadable`].
    pub fn of(path: &Path) -> Result<Self, MediaError> {
        let format = format_of(path)?;
        let mut reading = Reading::open(path)?;
        if format == PictureFormat::Tiff {
            return tiff::blocks(path, None);
        }
        let parts = containers::parts(&mut reading, format, true)?;
        let mut blocks = Self { icc: readable(profile(&mut reading, &parts))?.flatten(), ..Self::default() };
        for part in parts.iter().filter(|part| part.coding != Coding::Piece) {
            match part.kind {
                Some(Kind::Exif | Kind::Xmp) => {}
                _ => continue,
            }
            match readable(block(&mut reading, part))? {
                None => {}
                Some((Kind::Exif, bytes)) => _ = blocks.exif.get_or_insert(bytes),
                Some((_, bytes)) => _ = blocks.xmp.get_or_insert_with(|| xmp::without_more(&bytes).unwrap_or(bytes)),
            }
        }
        Ok(blocks)
    }

    /// Those of the picture file at `path` as far as they can be read, for one whose pixels can; of a TIFF file, those of
    /// the page whose directory begins at byte `page`.
    ///
    /// # Errors
    /// [`MediaError::Unreadable`].
    pub(in crate::media) fn beside_pixels(path: &Path, page: Option<u32>) -> Result<Self, MediaError> {
        let read = if page.is_some() { tiff::blocks(path, page) } else { Self::of(path) };
        Ok(readable(read)?.unwrap_or_default())
    }

    /// How EXIF says that the picture must be turned: 1 (not at all, and where nothing is said) to 8. Exif 3.0, section
    /// 4.6.5.1.6.
    #[must_use]
    pub fn orientation(&self) -> u8 {
        self.exif.as_deref().and_then(exif::orientation).unwrap_or(1)
    }

    /// With this orientation, 1 to 8, in EXIF (for the picture and its thumbnail) and in XMP. EXIF that tells one in a form
    /// that cannot be changed goes, rather than have the picture turned twice; without EXIF, the least of it is made.
    #[must_use]
    pub fn with_orientation(mut self, orientation: u8) -> Self {
        let least = || (orientation != 1).then(|| exif::only_orientation(orientation));
        self.exif = match self.exif.take() {
            None => least(),
            Some(exif) => match exif::with_orientation(&exif, orientation) {
                Some(changed) => Some(changed),
                None if exif::orientation(&exif).unwrap_or(1) == orientation => Some(exif),
                None => least(),
            },
        };
        self.xmp = self.xmp.map(|packet| xmp::with_orientation(&packet, orientation));
        self
    }

    /// Whether EXIF or XMP tells where the picture was taken.
    #[must_use]
    pub fn has_gps(&self) -> bool {
        self.exif.as_deref().is_some_and(exif::has_gps) || self.xmp.as_deref().is_some_and(xmp::has_gps)
    }

    /// Without the place where it was taken. A block that it cannot be taken out of for sure goes as a whole; the
    /// orientation stays. Blocks that only a camera's maker can read are left as they are, and so are names of places.
    #[must_use]
    pub fn without_gps(mut self) -> Self {
        let orientation = self.orientation();
        self.exif = self.exif.take().and_then(|exif| match exif::without_gps(&exif) {
            Left::All => Some(exif),
            Left::Rest(rest) => Some(rest),
            Left::Nothing => (orientation != 1).then(|| exif::only_orientation(orientation)),
        });
        self.xmp = self
            .xmp
            .take()
            .and_then(|packet| if xmp::has_gps(&packet) { xmp::without_gps(&packet) } else { Some(packet) });
        self
    }

    /// Without pictures of the picture, which show it as it was before it was cut or changed: EXIF's thumbnail and those of
    /// XMP. What a camera's maker hid in a block of its own stays.
    #[must_use]
    pub fn without_thumbnail(mut self) -> Self {
        let orientation = self.orientation();
        self.exif = self.exif.take().and_then(|exif| match exif::without_thumbnail(&exif) {
            Left::All => Some(exif),
            Left::Rest(rest) => Some(rest),
            Left::Nothing => (orientation != 1).then(|| exif::only_orientation(orientation)),
        });
        self.xmp = self.xmp.as_deref().and_then(xmp::without_thumbnails);
        self
    }

    /// With the size of the new picture, in pixels, where EXIF tells that of the old one; XMP then tells none. A packet
    /// that cannot be read is left as it is.
    #[must_use]
    pub fn with_size(mut self, width: u32, height: u32) -> Self {
        self.exif = self.exif.map(|exif| exif::with_size(&exif, width, height).unwrap_or(exif));
        self.xmp = self.xmp.map(|packet| xmp::without_sizes(&packet).unwrap_or(packet));
        self
    }

    /// What may go along with other pixels than those that it was read with, `width` by `height` of them, and upright: it
    /// shows nothing of the old ones, and tells neither their size nor that they must be turned.
    #[must_use]
    pub fn for_new_pixels(self, width: u32, height: u32) -> Self {
        self.without_thumbnail().with_size(width, height).with_orientation(1)
    }

    /// What EXIF says in this field; `None` where it does not, or has no text there.
    #[must_use]
    pub fn text(&self, field: TextField) -> Option<String> {
        let (role, tag) = match field {
            TextField::Make => (Role::Page(0), 0x010f),
            TextField::Model => (Role::Page(0), 0x0110),
            TextField::Changed => (Role::Page(0), 0x0132),
            TextField::Taken => (Role::Exif, 0x9003),
            TextField::ChangedOffset => (Role::Exif, 0x9010),
            TextField::TakenOffset => (Role::Exif, 0x9011),
        };
        exif::text(self.exif.as_deref()?, role, tag)
    }

    /// What is to stay of it. Without EXIF, the orientation goes too: the caller turns the picture, or asks for it.
    #[must_use]
    pub fn kept(self, keep: Keep) -> Self {
        let all = if keep.gps { self } else { self.without_gps() };
        Self {
            exif: all.exif.filter(|_| keep.exif),
            icc: all.icc.filter(|_| keep.icc),
            xmp: all.xmp.filter(|_| keep.xmp),
        }
    }
}

/// What was read; nothing, where the file is there and makes no sense.
fn readable<T>(read: Result<T, MediaError>) -> Result<Option<T>, MediaError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(MediaError::Unreadable(error)) => Err(MediaError::Unreadable(error)),
        Err(_) => Ok(None),
    }
}

/// The format of the picture file at `path`.
fn format_of(path: &Path) -> Result<PictureFormat, MediaError> {
    match sniff_file(path)? {
        sniff::Kind::Picture(format) => Ok(format),
        sniff::Kind::Foreign(name) => Err(MediaError::Unsupported(name.into())),
        sniff::Kind::Other(name) => Err(MediaError::NotPicture(format!("it is {name}"))),
        sniff::Kind::Sound(format) => Err(MediaError::NotPicture(format!("it is sound ({})", format.word()))),
        sniff::Kind::Unknown => Err(MediaError::NotPicture("it begins like nothing that we know".into())),
    }
}

/// The block of EXIF or XMP that `part` holds, and which of them it is: one text of ImageMagick's may be either.
fn block(reading: &mut Reading, part: &Part) -> Result<(Kind, Vec<u8>), MediaError> {
    let body = reading.body(part)?;
    let after = |head: &[u8]| body.strip_prefix(head).map(<[u8]>::to_vec);
    if let Some(exif) = after(b"Exif\0\0") {
        return Ok((Kind::Exif, exif));
    }
    if let Some(packet) = after(b"http://ns.adobe.com/xap/1.0/\0") {
        return Ok((Kind::Xmp, packet));
    }
    Ok((part.kind.unwrap_or(Kind::Other), body))
}

/// The colour profile; in JPEG it may be in several segments, each with its number and their count (ICC.1:2022, annex B.4).
fn profile(reading: &mut Reading, parts: &[Part]) -> Result<Option<Vec<u8>>, MediaError> {
    let mut parts = parts.iter().filter(|part| part.kind == Some(Kind::Icc)).peekable();
    match parts.peek() {
        None => return Ok(None),
        Some(part) if part.coding != Coding::Piece => return reading.body(part).map(Some),
        Some(_) => {}
    }
    let mut pieces = Vec::new();
    for part in parts {
        let numbers = reading.take(part.body.start - 2..part.body.start)?;
        pieces.push((numbers[0], numbers[1], reading.body(part)?));
    }
    pieces.sort_by_key(|(number, ..)| *number);
    let count = pieces.len();
    let whole = pieces
        .iter()
        .zip(1..)
        .all(|((number, of, _), place)| usize::from(*number) == place && usize::from(*of) == count);
    if !whole {
        return Err(MediaError::damaged("parts of its colour profile are missing"));
    }
    Ok(Some(pieces.into_iter().flat_map(|(.., piece)| piece).collect()))
}
