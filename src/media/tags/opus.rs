//! The tags of an Ogg Opus file: its second packet (RFC 7845, section 5.2), in pages of its own (RFC 3533).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::splice::splice;

/// Lengths at the head of a page.
const HEAD: usize = 27;

/// What a page is at most: its head, 255 lengths, and so many bytes in each.
const LARGEST: usize = HEAD + 255 + 255 * 255;

/// Puts `comments`, a list as Vorbis has it, into the Ogg Opus file instead of the one that is there.
pub(super) fn into_opus(file: &File, comments: &[u8]) -> io::Result<()> {
    let mut page = Vec::new();
    read_page(file, 0, &mut page)?;
    let start = page.len() as u64;
    let serial = [page[14], page[15], page[16], page[17]];
    let (mut end, mut before) = (start, 0);
    loop {
        read_page(file, end, &mut page)?;
        end += page.len() as u64;
        before += 1;
        let count = usize::from(page[26]);
        // A length below 255 ends the packet.
        if page[HEAD..HEAD + count].iter().any(|length| *length < 255) {
            break;
        }
    }
    let packet = [b"OpusTags", comments].concat();
    let (bytes, pages) = paged(&packet, serial);
    splice(file, start, end - start, &bytes)?;
    if pages == before {
        return Ok(());
    }
    // The pages behind it have other numbers now.
    let (mut at, mut number, length) = (start + bytes.len() as u64, 1 + pages, file.metadata()?.len());
    while at < length {
        read_page(file, at, &mut page)?;
        page[18..22].copy_from_slice(&number.to_le_bytes());
        seal(&mut page);
        file.write_all_at(&page[..HEAD], at)?;
        at += page.len() as u64;
        number += 1;
    }
    Ok(())
}

/// The page at a place, whole.
fn read_page(file: &File, at: u64, page: &mut Vec<u8>) -> io::Result<()> {
    page.resize(LARGEST, 0);
    let mut there = 0;
    while there < page.len() {
        match file.read_at(&mut page[there..], at + there as u64)? {
            0 => break,
            count => there += count,
        }
    }
    page.truncate(there);
    let lengths = page.get(26).and_then(|count| page.get(HEAD..HEAD + usize::from(*count)));
    let length = lengths.map(|lengths| HEAD + lengths.len() + lengths.iter().map(|l| usize::from(*l)).sum::<usize>());
    match length.filter(|length| *length <= there && page.starts_with(b"OggS")) {
        Some(length) => {
            page.truncate(length);
            Ok(())
        }
        None => Err(io::Error::other("its pages cannot be followed")),
    }
}

/// A packet in pages from the second of the stream on; and how many these are.
fn paged(packet: &[u8], serial: [u8; 4]) -> (Vec<u8>, u32) {
    let mut lengths = vec![255; packet.len() / 255];
    lengths.push((packet.len() % 255) as u8);
    let (mut bytes, mut rest, mut number) = (Vec::new(), packet, 1_u32);
    for lengths in lengths.chunks(255) {
        let (body, behind) = rest.split_at(lengths.iter().map(|length| usize::from(*length)).sum());
        rest = behind;
        let mut page = b"OggS\0".to_vec();
        page.push(u8::from(number > 1));
        // No packet ends on a page whose place is minus one.
        page.extend_from_slice(
            &(if rest.is_empty() && lengths.last() < Some(&255) { 0 } else { u64::MAX }).to_le_bytes(),
        );
        page.extend_from_slice(&serial);
        page.extend_from_slice(&number.to_le_bytes());
        page.extend_from_slice(&[0; 4]);
        page.push(lengths.len() as u8);
        page.extend_from_slice(lengths);
        page.extend_from_slice(body);
        seal(&mut page);
        bytes.extend_from_slice(&page);
        number += 1;
    }
    (bytes, number - 1)
}

/// Writes its checksum into a page.
fn seal(page: &mut [u8]) {
    page[22..26].fill(0);
    let check = page.iter().fold(0_u32, |crc, byte| (crc << 8) ^ CRC[usize::from((crc >> 24) as u8 ^ byte)]);
    page[22..26].copy_from_slice(&check.to_le_bytes());
}

/// CRC-32 with the polynomial 0x04c11db7, the highest bit first, from zero.
const CRC: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = ((byte as u32) << 24, 0);
        while bit < 8 {
            crc = if crc & 0x8000_0000 == 0 { crc << 1 } else { (crc << 1) ^ 0x04c1_1db7 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};
