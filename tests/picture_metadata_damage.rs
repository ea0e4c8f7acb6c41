//! Metadata that is cut, broken or a bomb: it is refused or left out, and takes neither time nor memory.

#![expect(clippy::unwrap_used, reason = "a test whose files cannot be made or read has failed")]

#[path = "support/rich.rs"]
mod rich;
mod support;

use std::fs;
use std::io::Write;
use std::path::Path;

use mediamill::media::MediaError;
use mediamill::media::metadata::{Keep, Kind, Metadata, rewrite, set_orientation};
use rich::{NAMES, Rich, chunk};
use support::Chance;

#[test]
fn what_is_cut_is_damaged_and_a_small_block_that_unpacks_to_gigabytes_is_refused() {
    let Some(rich) = Rich::new() else { return };
    for name in ["a.jpg", "b.png", "c.webp", "e.gif"] {
        let whole = rich.read(name);
        for length in [whole.len() - 3, whole.len() / 2, 40, 12] {
            fs::write(rich.path("cut"), &whole[..length]).unwrap();
            let done = rewrite(&rich.path("cut"), &rich.path("new"), Keep::all_but(&[Kind::Gps]));
            assert!(matches!(done, Err(MediaError::Damaged { .. })), "{name} of {length} bytes: {done:?}");
        }
    }
    assert!(matches!(Metadata::of(Path::new(file!())), Err(MediaError::NotPicture(_))));
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1 << 20];
    (0..128).for_each(|_| packed.write_all(&zeros).unwrap());
    let bomb = chunk(b"iCCP", &[&b"bomb\0\0"[..], &packed.finish().unwrap()].concat());
    let png = rich.read("b.png");
    fs::write(rich.path("bomb.png"), [&png[..33], &bomb, &png[33..]].concat()).unwrap();
    let read = Metadata::of(&rich.path("bomb.png")).unwrap();
    assert!(read.icc.is_none() && read.has_gps(), "it is left out, and the other blocks are read");
    // What is only copied is not unpacked.
    rewrite(&rich.path("bomb.png"), &rich.path("new"), Keep::all_but(&[Kind::Exif])).unwrap();
}

#[test]
fn a_packet_in_utf_16_is_not_believed_to_be_without_a_place() {
    let Some(rich) = Rich::new() else { return };
    let packet = String::from_utf8(Metadata::of(&rich.path("c.webp")).unwrap().xmp.unwrap()).unwrap();
    let wide: Vec<u8> = packet.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let metadata = Metadata { xmp: Some(wide), ..Metadata::default() };
    assert!(metadata.has_gps());
    assert_eq!(metadata.without_gps(), Metadata::default());
}

/// Changes some bytes: flips, numbers at their limits, and pieces that are cut out or doubled.
fn mutated(bytes: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=chance.below(6) {
        let at = chance.below(bytes.len() as u64) as usize;
        let end = (at + 1 + chance.below(64) as usize).min(bytes.len());
        match chance.below(6) {
            0 => bytes[at] ^= 1 << chance.below(8),
            1 => bytes[at] = [0, 0xff, 0x7f, 0x80][chance.below(4) as usize],
            2 => bytes[at..end.min(at + 4)].fill([0, 0xff][chance.below(2) as usize]),
            3 => _ = bytes.drain(at..end),
            4 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes[at] = chance.below(256) as u8,
        }
        if bytes.len() < 16 {
            break;
        }
    }
    bytes
}

/// The most memory that this process has held at once, in KiB.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// How many mutated files of each kind: 400, or as many as `MEDIAMILL_MUTATED` says.
fn mutations() -> u64 {
    std::env::var("MEDIAMILL_MUTATED").ok().and_then(|count| count.parse().ok()).unwrap_or(400)
}

#[test]
fn mutated_files_and_blocks_never_panic_hang_or_take_much_memory() {
    let Some(rich) = Rich::new() else { return };
    let small = ["-ICC_Profile<=small.icc"];
    rich.exiftool(&small, &NAMES);
    let mut chance = Chance(17);
    let (before, started) = (peak_memory(), std::time::Instant::now());
    let (mutant, new) = (rich.path("mutant"), rich.path("new"));
    let mut whole = 0;
    for name in NAMES {
        let bytes = rich.read(name);
        // Half of them early, where the metadata is.
        let early = bytes.len().min(4000);
        for round in 0..mutations() {
            let changed = match round % 2 {
                0 => mutated(&bytes, &mut chance),
                _ => [mutated(&bytes[..early], &mut chance), bytes[early..].to_vec()].concat(),
            };
            fs::write(&mutant, changed).unwrap();
            let _ = Metadata::of(&mutant).map(|metadata| metadata.kept(Keep::ALL).without_thumbnail());
            let _ = set_orientation(&mutant, &new, 1);
            if rewrite(&mutant, &new, Keep::all_but(&[Kind::Gps])).is_ok() {
                whole += 1;
                // What we wrote we can read, and nothing in it tells of a place in a way that we know.
                assert!(!Metadata::of(&new).is_ok_and(|left| left.has_gps()), "{name}, round {round}");
            }
            let _ = rewrite(&mutant, &new, Keep::all_but(&[Kind::Exif, Kind::Xmp, Kind::Iptc]));
        }
    }
    assert!(whole > mutations() / 2, "{whole} of them could be written");
    let blocks = Metadata::of(&rich.path("a.jpg")).unwrap();
    for _ in 0..mutations() {
        let changed = |block: &Option<Vec<u8>>, chance: &mut Chance| block.as_ref().map(|block| mutated(block, chance));
        let (exif, xmp) = (changed(&blocks.exif, &mut chance), changed(&blocks.xmp, &mut chance));
        let metadata = Metadata { exif, icc: None, xmp };
        let _ = metadata.clone().with_orientation(3).without_thumbnail().with_size(1, 1);
        let left = metadata.clone().with_orientation(1);
        assert_eq!(left.orientation(), 1);
        assert!(!metadata.without_gps().has_gps());
    }
    let grown = peak_memory().saturating_sub(before);
    assert!(grown < 200 << 10, "{grown} KiB more");
    let each = started.elapsed() / (5 * mutations() as u32);
    assert!(each < std::time::Duration::from_millis(200), "{each:?} for one");
}
