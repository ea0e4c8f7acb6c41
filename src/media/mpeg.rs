//! The frame headers of MPEG audio: formats without a magic number, which nearly anything can be taken for.

/// Whether an MPEG audio frame starts here, and another of the same kind where it ends.
#[must_use]
pub fn starts(head: &[u8]) -> bool {
    let Some((length, kind)) = frame(head) else { return false };
    match head.get(length..) {
        Some(next) if next.len() >= 4 => frame(next).is_some_and(|(_, other)| other == kind),
        // A file of one frame, or cut in its first: the decoder has the last word.
        _ => head.len() < super::sniff::HEAD,
    }
}

/// Whether three frames of one kind follow one another from somewhere in the first [`super::sniff::HEAD`] bytes of `bytes`.
#[must_use]
pub fn follows_junk(bytes: &[u8]) -> bool {
    let three = |from: usize| {
        let (first, kind) = frame(bytes.get(from..)?)?;
        let (second, other) = frame(bytes.get(from + first..)?)?;
        let (_, last) = frame(bytes.get(from + first + second..)?)?;
        Some(kind == other && kind == last)
    };
    (0..bytes.len().min(super::sniff::HEAD)).any(|from| three(from) == Some(true))
}

/// The length of the MPEG audio frame that begins here, and what all frames of a file share (version, layer, rate).
fn frame(bytes: &[u8]) -> Option<(usize, [u8; 2])> {
    const LAYER_1: [u32; 15] = [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448];
    const LAYER_2: [u32; 15] = [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
    const LAYER_3: [u32; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const LOW_1: [u32; 15] = [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256];
    const LOW_23: [u32; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let [0xff, b1, b2, _, ..] = *bytes else { return None };
    if b1 & 0xe0 != 0xe0 {
        return None;
    }
    let (version, layer) = ((b1 >> 3) & 3, (b1 >> 1) & 3);
    let rates: [u32; 3] = match version {
        3 => [44_100, 48_000, 32_000],
        2 => [22_050, 24_000, 16_000],
        0 => [11_025, 12_000, 8_000],
        _ => return None,
    };
    let table = match (version, layer) {
        (3, 3) => LAYER_1,
        (3, 2) => LAYER_2,
        (3, 1) => LAYER_3,
        (_, 3) => LOW_1,
        (_, 1 | 2) => LOW_23,
        _ => return None,
    };
    let rate = *rates.get(usize::from((b2 >> 2) & 3))?;
    let bits = 1000 * *table.get(usize::from(b2 >> 4)).filter(|kilobits| **kilobits > 0)?;
    let padding = u32::from((b2 >> 1) & 1);
    let length = match (version, layer) {
        (_, 3) => (12 * bits / rate + padding) * 4,
        (0 | 2, 1) => 72 * bits / rate + padding,
        _ => 144 * bits / rate + padding,
    };
    Some((length as usize, [b1 & 0xfe, b2 & 0x0c]))
}

/// Whether an AAC frame in ADTS starts here, and another where it ends.
#[must_use]
pub fn starts_adts(head: &[u8]) -> bool {
    let frame = |bytes: &[u8]| match *bytes {
        [0xff, b1, _, b3, b4, b5, ..] if b1 & 0xf6 == 0xf0 => {
            Some((usize::from(b3 & 3) << 11) | (usize::from(b4) << 3) | usize::from(b5 >> 5))
                .filter(|length| *length > 7)
        }
        _ => None,
    };
    frame(head).is_some_and(|length| head.get(length..).and_then(frame).is_some())
}
