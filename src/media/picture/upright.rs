//! Turns the pixels of a picture as its metadata says, and then says so.

use image::metadata::Orientation;

use super::decode::Picture;

/// Turns the pixels of `picture` upright, and sets the orientation that EXIF and XMP tell to 1.
pub fn turn_upright(picture: &mut Picture) {
    picture.pixels.apply_orientation(picture.orientation);
    (picture.info.width, picture.info.height) = picture.info.upright();
    picture.info.orientation = 1;
    picture.orientation = Orientation::NoTransforms;
    if let Some(exif) = &mut picture.metadata.exif {
        let _ = Orientation::remove_from_exif_chunk(exif);
    }
    if let Some(xmp) = &mut picture.metadata.xmp {
        set_in_xmp(xmp);
    }
}

/// Writes 1 where the packet tells an orientation, as an attribute or an element.
fn set_in_xmp(xmp: &mut [u8]) {
    const NAME: &[u8] = b"tiff:Orientation";
    for at in 0..xmp.len().saturating_sub(NAME.len()) {
        if !xmp[at..].starts_with(NAME) {
            continue;
        }
        let value = &mut xmp[at + NAME.len()..];
        let before = value.iter().take_while(|byte| matches!(byte, b'=' | b'"' | b'\'' | b'>' | b' ' | b'\n')).count();
        if let Some(digit @ b'2'..=b'8') = value.get_mut(before) {
            *digit = b'1';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xmp_no_longer_turns_a_picture_that_is_upright() {
        let mut packet =
            b"<a tiff:Orientation=\"6\"/><tiff:Orientation>8</tiff:Orientation><b tiff:Orientation=\"\"/>".to_vec();
        set_in_xmp(&mut packet);
        assert_eq!(
            packet,
            b"<a tiff:Orientation=\"1\"/><tiff:Orientation>1</tiff:Orientation><b tiff:Orientation=\"\"/>"
        );
    }
}
