//! What the metadata of a picture tells people: when and with what it was taken, and in what colours it is meant.

use crate::media::metadata::{Metadata, TextField};

/// The longest text that is told, in characters.
const MAX_TEXT: usize = 200;

/// What metadata tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// What the colour profile calls itself; empty where it has no name, `None` where there is no profile.
    pub icc: Option<String>,
    /// Who made the camera.
    pub make: Option<String>,
    /// The model of the camera.
    pub model: Option<String>,
    /// When the picture was taken: `2020-01-31T12:00:00`, with the offset from UTC where the camera knew it.
    pub taken: Option<String>,
    /// Whether EXIF or XMP tells where the picture was taken.
    pub gps: bool,
}

/// What `metadata` tells. Blocks that cannot be read tell nothing.
#[must_use]
pub fn details(metadata: &Metadata) -> Details {
    Details {
        icc: metadata.icc.as_ref().map(|icc| profile_name(icc).unwrap_or_default()),
        make: text(metadata, TextField::Make),
        model: text(metadata, TextField::Model),
        taken: taken(metadata),
        gps: metadata.has_gps(),
    }
}

fn text(metadata: &Metadata, field: TextField) -> Option<String> {
    let text: String = metadata.text(field)?.chars().filter(|sign| !sign.is_control()).collect();
    let text: String = text.trim().chars().take(MAX_TEXT).collect();
    (!text.is_empty()).then_some(text)
}

/// The date as ISO 8601 writes it; EXIF puts colons between day, month and year.
fn taken(metadata: &Metadata) -> Option<String> {
    let (told, offset) = match text(metadata, TextField::Taken) {
        Some(told) => (told, TextField::TakenOffset),
        None => (text(metadata, TextField::Changed)?, TextField::ChangedOffset),
    };
    iso_date(&told, text(metadata, offset).as_deref())
}

fn iso_date(told: &str, offset: Option<&str>) -> Option<String> {
    const SHAPE: &str = "0000:00:00 00:00:00";
    let fits = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(byte, shape)| match shape {
                b'0' => byte.is_ascii_digit(),
                b'+' => matches!(byte, b'+' | b'-'),
                sign => byte == sign,
            })
    };
    if !fits(told, SHAPE) || told.starts_with("0000") {
        return None;
    }
    let offset = offset.filter(|offset| fits(offset, "+00:00")).unwrap_or_default();
    let (date, time) = told.split_once(' ')?;
    Some(format!("{}T{time}{offset}", date.replace(':', "-")))
}

/// The description of a colour profile: its tag `desc`, as text of version 2 or in several languages. ICC.1:2022, 9.2.41.
fn profile_name(icc: &[u8]) -> Option<String> {
    let long = |at: usize| Some(u32::from_be_bytes(*icc.get(at..)?.first_chunk()?) as usize);
    let count = long(128)?.min(200);
    let entry = (0..count).map(|index| 132 + index * 12).find(|at| icc.get(*at..at + 4) == Some(b"desc"))?;
    let at = long(entry + 4)?;
    let body = icc.get(at..at.checked_add(long(entry + 8)?)?)?;
    let name = match body.get(..4)? {
        b"desc" => {
            let length = u32::from_be_bytes(*body.get(8..)?.first_chunk()?) as usize;
            String::from_utf8_lossy(body.get(12..12 + length.min(MAX_TEXT))?).into_owned()
        }
        b"mluc" => {
            let number = |at: usize| Some(u32::from_be_bytes(*body.get(at..)?.first_chunk()?) as usize);
            let (length, start) = (number(20)?.min(2 * MAX_TEXT), number(24)?);
            let units = body.get(start..start.checked_add(length)?)?.as_chunks::<2>().0;
            char::decode_utf16(units.iter().map(|unit| u16::from_be_bytes(*unit)))
                .map(|sign| sign.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        _ => return None,
    };
    Some(name.trim_matches(|sign: char| sign.is_control() || sign.is_whitespace()).to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use super::*;

    #[test]
    fn dates_become_iso_or_nothing() {
        assert_eq!(iso_date("2020:01:31 12:34:56", None).unwrap(), "2020-01-31T12:34:56");
        assert_eq!(iso_date("2020:01:31 12:34:56", Some("+02:00")).unwrap(), "2020-01-31T12:34:56+02:00");
        assert_eq!(iso_date("2020:01:31 12:34:56", Some("local")).unwrap(), "2020-01-31T12:34:56");
        assert_eq!(iso_date("0000:00:00 00:00:00", None), None);
        assert_eq!(iso_date("    :  :     :  :  ", None), None);
    }

    #[test]
    fn a_profile_tells_its_name_in_both_ways() {
        let profile = |body: &[u8]| {
            let mut icc = vec![0; 128];
            icc.extend([0, 0, 0, 1]);
            icc.extend(*b"desc\0\0\0\x90");
            icc.extend((body.len() as u32).to_be_bytes());
            icc.extend(body);
            icc
        };
        let old = [&b"desc\0\0\0\0\0\0\0\x05"[..], b"sRGB\0"].concat();
        assert_eq!(profile_name(&profile(&old)).unwrap(), "sRGB");
        let new = [&b"mluc\0\0\0\0\0\0\0\x01\0\0\0\x0cenUS\0\0\0\x04\0\0\0\x1c"[..], b"\0P\0\xfc"].concat();
        assert_eq!(profile_name(&profile(&new)).unwrap(), "P\u{fc}");
        assert_eq!(profile_name(b"short"), None);
    }
}
