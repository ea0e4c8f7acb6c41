//! Whether AAC is more than AAC-LC: with spectral band replication (HE-AAC) a decoder of AAC-LC gives half the rate and
//! dull sound, and no error.

/// The object types of AAC-LC, SBR and PS in ISO 14496-3.
const SBR: u32 = 5;
const PS: u32 = 29;

/// Whether an AudioSpecificConfig (ISO 14496-3, 1.6.2.1) tells of SBR, by its object type or by the extension behind it.
pub(super) fn config_tells_of_sbr(config: &[u8]) -> bool {
    let bits = |from: usize, count: usize| {
        (from..from + count).try_fold(0_u32, |sum, at| bit(config, at).map(|bit| (sum << 1) | u32::from(bit)))
    };
    let Some(first) = bits(0, 5) else { return false };
    let kind = if first == 31 { bits(5, 6).map_or(0, |more| 32 + more) } else { first };
    if kind == SBR || kind == PS {
        return true;
    }
    // The sync word of the extension, its object type, and the flag.
    (5..config.len() * 8)
        .any(|at| bits(at, 11) == Some(0x2b7) && bits(at + 11, 5) == Some(SBR) && bits(at + 16, 1) == Some(1))
}

/// Whether an AAC frame ends with a fill element that carries SBR (ISO 14496-3, 4.4.2.7), as that of an HE-AAC stream does
/// that says nothing of it in its head. One frame in 70 of noise looks like it, so several are to be asked.
pub(super) fn ends_with_sbr(frame: &[u8]) -> bool {
    let Some(last) = (0..frame.len() * 8).rev().find(|at| bit(frame, *at) == Some(true)) else { return false };
    // The end element is three ones.
    let Some(end) = last.checked_sub(2).filter(|end| (*end..last).all(|at| bit(frame, at) == Some(true))) else {
        return false;
    };
    let number = |from: usize, count: usize| {
        (from..from + count).fold(0_usize, |sum, at| (sum << 1) | usize::from(bit(frame, at).unwrap_or(false)))
    };
    let carries_sbr = |body: usize| matches!(number(body, 4), 13 | 14);
    // Three bits of the element's name, four of its length in bytes, and eight more where these are all ones.
    let short = (1..15).any(|bytes| {
        end.checked_sub(8 * bytes + 7)
            .is_some_and(|at| number(at, 3) == 6 && number(at + 3, 4) == bytes && carries_sbr(at + 7))
    });
    let long = (14..270).any(|bytes| {
        end.checked_sub(8 * bytes + 15)
            .is_some_and(|at| number(at, 7) == 0x6f && number(at + 7, 8) + 14 == bytes && carries_sbr(at + 15))
    });
    short || long
}

fn bit(bytes: &[u8], at: usize) -> Option<bool> {
    bytes.get(at / 8).map(|byte| byte >> (7 - at % 8) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sbr_is_seen_in_the_head() {
        // AAC-LC, 44.1 kHz, stereo; as ffmpeg writes it, with the extension saying no.
        assert!(!config_tells_of_sbr(&[0x12, 0x10, 0x56, 0xe5, 0x00]));
        assert!(!config_tells_of_sbr(&[0x12, 0x10]));
        // The extension saying yes; object type 5; object type 29.
        assert!(config_tells_of_sbr(&[0x13, 0x90, 0x56, 0xe5, 0xa0]));
        assert!(config_tells_of_sbr(&[0x2b, 0x92, 0x08, 0x00]));
        assert!(config_tells_of_sbr(&[0xeb, 0x09, 0x88, 0x00]));
        assert!(!config_tells_of_sbr(&[]));
    }

    #[test]
    fn sbr_is_seen_at_the_end_of_a_frame() {
        // Anything, then a fill element of 2 bytes with SBR in it, then the end.
        let frame = |kind: u8| {
            let bits = format!("1010011100{}{:04b}0000{:08b}{}", "1100010", kind, 0x55, "111");
            let padded = format!("{bits:0<40}");
            (0..5).map(|at| u8::from_str_radix(&padded[at * 8..at * 8 + 8], 2).unwrap_or(0)).collect::<Vec<u8>>()
        };
        assert!(ends_with_sbr(&frame(13)) && ends_with_sbr(&frame(14)));
        assert!(!ends_with_sbr(&frame(0)) && !ends_with_sbr(&[]) && !ends_with_sbr(&[0; 9]));
    }
}
