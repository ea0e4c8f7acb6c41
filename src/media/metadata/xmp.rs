//! What is looked up and changed in an XMP packet (ISO 16684-1): its text is cut, never written anew, so that nothing else
//! in it changes.

/// What names and texts have in them that tell a place; the third is a name that makers of drones did not spell right.
const PLACES: [&str; 4] = ["gps", "latitude", "longtitude", "longitude"];
/// The vocabulary whose fields are just called `lat` and `long`.
const WGS84: &str = "wgs84_pos";
/// Runs of letters from here on are coded bytes, such as a thumbnail, and no words.
const LONG_RUN: usize = 60;
/// Names of fields that show the picture as it was.
const THUMBNAILS: &str = "xmp:Thumbnails";
/// The field that says that a JPEG file has more of the packet elsewhere.
const MORE: &str = "xmpNote:HasExtendedXMP";
const ORIENTATION: &str = "tiff:Orientation";
/// Fields that tell the size of the picture.
const SIZES: [&str; 4] = ["exif:PixelXDimension", "exif:PixelYDimension", "tiff:ImageWidth", "tiff:ImageLength"];

/// Whether it tells where the picture was taken, or speaks of it.
pub(super) fn has_gps(xmp: &[u8]) -> bool {
    // In UTF-16 and UTF-32, every other byte is none of the letter.
    let letters: Vec<u8> = xmp.iter().filter(|byte| **byte != 0).map(u8::to_ascii_lowercase).collect();
    let codes = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    letters.chunk_by(|a, b| codes(a) && codes(b)).filter(|run| run.len() < LONG_RUN).any(tells_place)
        // The names of `exif:GPSLatitude` and `wgs84_pos` are runs by themselves; so is what comes after the colon.
        || find(&letters, WGS84.as_bytes())
}

fn tells_place(run: &[u8]) -> bool {
    PLACES.iter().any(|place| find(run, place.as_bytes()))
}

fn find(text: &[u8], what: &[u8]) -> bool {
    text.windows(what.len()).any(|window| window == what)
}

/// Without the fields that tell a place. `None`: it cannot be read, or it still speaks of a place.
pub(super) fn without_gps(xmp: &[u8]) -> Option<Vec<u8>> {
    let doomed = |name: &str| {
        let name = name.to_ascii_lowercase();
        PLACES.iter().any(|place| name.contains(place))
    };
    without(xmp, &doomed).filter(|left| !has_gps(left))
}

/// Without pictures of the picture.
pub(super) fn without_thumbnails(xmp: &[u8]) -> Option<Vec<u8>> {
    if find(xmp, THUMBNAILS.as_bytes()) { without(xmp, &|name| name == THUMBNAILS) } else { Some(xmp.to_vec()) }
}

/// Without the size of the picture, which readers then take from the file.
pub(super) fn without_sizes(xmp: &[u8]) -> Option<Vec<u8>> {
    let any = SIZES.iter().any(|name| find(xmp, name.as_bytes()));
    if any { without(xmp, &|name| SIZES.contains(&name)) } else { Some(xmp.to_vec()) }
}

/// Without the note that there is more of it.
pub(super) fn without_more(xmp: &[u8]) -> Option<Vec<u8>> {
    if find(xmp, MORE.as_bytes()) { without(xmp, &|name| name == MORE) } else { Some(xmp.to_vec()) }
}

/// With this orientation wherever one is told.
pub(super) fn with_orientation(xmp: &[u8], orientation: u8) -> Vec<u8> {
    let mut copy = xmp.to_vec();
    let name = ORIENTATION.as_bytes();
    let mut at = 0;
    while let Some(found) = copy[at..].windows(name.len()).position(|window| window == name) {
        at += found + name.len();
        // `="6"`, `='6'` or `>6<`: one digit, with or without space around.
        let punctuation = |byte: &&u8| byte.is_ascii_whitespace() || b"=\"'>".contains(byte);
        let digit = at + copy[at..].iter().take_while(punctuation).count();
        let is_value = digit > at && copy.get(digit + 1).is_some_and(|after| !after.is_ascii_digit());
        if let Some(value) = copy.get_mut(digit).filter(|value| is_value && value.is_ascii_digit()) {
            *value = b'0' + orientation;
        }
    }
    copy
}

/// Filled up with spaces to `length`, before its last processing instruction as the standard has it.
pub(super) fn padded(mut xmp: Vec<u8>, length: usize) -> Vec<u8> {
    let end = xmp.windows(2).rposition(|pair| pair == b"<?").unwrap_or(xmp.len());
    let missing = length.saturating_sub(xmp.len());
    xmp.splice(end..end, std::iter::repeat_n(b' ', missing));
    xmp
}

/// Without the elements and the attributes whose names (with their prefixes) are `doomed`. `None`: it is not UTF-8, no
/// well-formed XML, or uses more of XML than XMP may.
fn without(xmp: &[u8], doomed: &dyn Fn(&str) -> bool) -> Option<Vec<u8>> {
    let mut rest = std::str::from_utf8(xmp).ok()?;
    let mut left = String::with_capacity(rest.len());
    // How many elements are open, and at how many the one that goes was opened.
    let (mut open, mut going): (usize, Option<usize>) = (0, None);
    while let Some(at) = rest.find('<') {
        let (text, markup) = rest.split_at(at);
        let length = length_of(markup)?;
        let (markup, after) = markup.split_at(length);
        rest = after;
        let mut kept = String::new();
        let mut ends = false;
        if markup.starts_with("</") {
            ends = going == Some(open);
            open = open.checked_sub(1)?;
            kept.push_str(markup);
        } else if markup.starts_with(['<']) && !markup.starts_with("<?") && !markup.starts_with("<!") {
            let (name, cut) = tag_without(markup, doomed)?;
            let empty = markup.ends_with("/>");
            if going.is_none() && doomed(name) {
                left.push_str(text);
                if !empty {
                    open += 1;
                    going = Some(open);
                }
                continue;
            }
            open += usize::from(!empty);
            kept = cut;
        } else {
            kept.push_str(markup);
        }
        if ends {
            going = None;
        } else if going.is_none() {
            left.push_str(text);
            left.push_str(&kept);
        }
    }
    if going.is_some() || open != 0 {
        return None;
    }
    left.push_str(rest);
    Some(left.into_bytes())
}

/// How long the markup is that `text` begins with.
fn length_of(text: &str) -> Option<usize> {
    for (begin, end) in [("<?", "?>"), ("<!--", "-->"), ("<![CDATA[", "]]>")] {
        if let Some(inner) = text.strip_prefix(begin) {
            return Some(begin.len() + inner.find(end)? + end.len());
        }
    }
    if text.starts_with("<!") {
        return None;
    }
    // A `>` within a value ends nothing.
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(mark), byte) if mark == byte => quote = None,
            _ => {}
        }
    }
    None
}

/// The name of a start tag, and the tag without the doomed attributes.
fn tag_without<'a>(tag: &'a str, doomed: &dyn Fn(&str) -> bool) -> Option<(&'a str, String)> {
    let inner = tag.strip_prefix('<')?.strip_suffix('>')?;
    let end = inner.find(|c: char| c.is_ascii_whitespace() || c == '/').unwrap_or(inner.len());
    let (name, mut rest) = inner.split_at(end);
    let mut kept = format!("<{name}");
    loop {
        let space = rest.len() - rest.trim_ascii_start().len();
        let Some(equals) = rest.find('=') else { break };
        let attribute = rest[space..equals].trim_ascii_end();
        let value = rest[equals + 1..].trim_ascii_start();
        let quote = value.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
        let length = value[1..].find(quote)? + 2;
        let end = rest.len() - value.len() + length;
        if !doomed(attribute) {
            kept.push_str(&rest[..end]);
        }
        rest = &rest[end..];
    }
    kept.push_str(rest);
    kept.push('>');
    Some((name, kept))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a packet that is lost has failed")]
mod tests {
    use super::*;

    const PACKET: &str = "<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF>\
        <rdf:Description dc:format='a > b' exif:GPSLatitude=\"47,22.5N\" tiff:Orientation='6'\n exif:GPSLongitude = '8,32E'>\
        <exif:GPSTimeStamp>2020</exif:GPSTimeStamp><exif:GPSDestLatitude/>\
        <e:Place><rdf:Seq><rdf:li rdf:parseType='Resource'><exif:GPSAltitude>1/1</exif:GPSAltitude><e:City>X</e:City>\
        </rdf:li></rdf:Seq></e:Place></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>";

    #[test]
    fn fields_that_tell_a_place_are_cut_out_and_all_else_stays() {
        let left = String::from_utf8(without_gps(PACKET.as_bytes()).unwrap()).unwrap();
        let expected = "<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF>\
            <rdf:Description dc:format='a > b' tiff:Orientation='6'>\
            <e:Place><rdf:Seq><rdf:li rdf:parseType='Resource'><e:City>X</e:City>\
            </rdf:li></rdf:Seq></e:Place></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>";
        assert_eq!(left, expected);
        assert_eq!(without_gps(expected.as_bytes()).unwrap(), expected.as_bytes());
    }

    #[test]
    fn a_packet_that_still_speaks_of_a_place_or_cannot_be_read_is_given_up() {
        let wide: Vec<u8> = PACKET.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(has_gps(&wide) && without_gps(&wide).is_none());
        for text in [
            "<a>taken by GPS</a>",
            "<a><GPSLatitude>1</a>",
            "<!DOCTYPE a [<!ENTITY b 'GPS'>]><a>&b;</a>",
            "<a xmlns:geo='http://www.w3.org/2003/01/geo/wgs84_pos#'><geo:lat>1</geo:lat></a>",
            "<a",
            "</a>",
            "<a b='GPS>",
        ] {
            assert_eq!(without_gps(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn coded_bytes_are_no_words() {
        let coded = format!("<a>{}gps{}</a>", "Q".repeat(40), "Z".repeat(40));
        assert!(!has_gps(coded.as_bytes()));
    }

    #[test]
    fn the_orientation_is_set_and_nothing_else_and_room_is_filled_before_the_end() {
        for text in
            ["<a tiff:Orientation='6'/>", "<a tiff:Orientation = \"8\"/>", "<tiff:Orientation>3</tiff:Orientation>"]
        {
            let set = String::from_utf8(with_orientation(text.as_bytes(), 1)).unwrap();
            assert_eq!(set, text.replace(['6', '8', '3'], "1"));
        }
        let other = b"<a tiff:Orientation='12' tiff:Orientations='6'/>";
        assert_eq!(with_orientation(other, 1), other);
        assert_eq!(padded(b"<a/><?e?>".to_vec(), 12), b"<a/>   <?e?>");
    }
}
