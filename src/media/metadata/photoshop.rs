//! Photoshop's image resources, which hold IPTC (Adobe Photoshop File Formats Specification, "Image Resource Blocks").

/// EXIF in two forms, XMP, and thumbnails, which are JPEG files with metadata of their own.
const TELLING: [u16; 5] = [1058, 1059, 1060, 1033, 1036];

/// Whether a block of resources (from `8BIM` on) holds others than IPTC that may tell a place, or cannot be read to its end.
pub(super) fn may_tell_places(mut block: &[u8]) -> bool {
    while !block.iter().all(|byte| *byte == 0) {
        match resource(block) {
            Some((id, _)) if TELLING.contains(&id) => return true,
            Some((_, rest)) => block = rest,
            None => return true,
        }
    }
    false
}

/// The number of the first resource, and what follows it.
fn resource(block: &[u8]) -> Option<(u16, &[u8])> {
    let (signature, rest) = block.split_at_checked(4)?;
    if ![b"8BIM", b"MeSa", b"PHUT", b"AgHg", b"DCSR"].iter().any(|known| *known == signature) {
        return None;
    }
    let (id, rest) = rest.split_first_chunk::<2>()?;
    // The name is a Pascal string, and both it and the data are filled up to an even length.
    let name = (usize::from(*rest.first()?) + 1).next_multiple_of(2);
    let (size, rest) = rest.get(name..)?.split_first_chunk::<4>()?;
    let size = u32::from_be_bytes(*size) as usize;
    // The last one may lack its filling.
    let rest = rest.get(size..)?;
    Some((u16::from_be_bytes(*id), rest.get(size % 2..).unwrap_or_default()))
}
