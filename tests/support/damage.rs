//! Files changed by chance, and what reading them costs.

#![allow(clippy::unwrap_used, reason = "a system that does not tell of its own processes has failed the test")]

use std::fs;

/// A few bytes of `bytes` changed, by `seed`: flipped, cut, put in twice, or taken from elsewhere in the file.
pub fn mutated(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + next(6) {
        // Half of the changes hit the head.
        let reach = if next(2) == 0 { bytes.len().min(256) } else { bytes.len() };
        let place = next(reach);
        match next(6) {
            0 => bytes[place] ^= 1 << next(8),
            1 => bytes[place] = next(256) as u8,
            2 => bytes.iter_mut().skip(place).take(4).for_each(|byte| *byte = 0xff),
            3 => drop(bytes.drain(place..(place + next(64)).min(bytes.len() - 1))),
            4 => {
                let part: Vec<u8> = bytes[place..(place + next(64)).min(bytes.len())].to_vec();
                bytes.splice(place..place, part);
            }
            _ => {
                let from = next(bytes.len());
                let part: Vec<u8> = bytes[from..(from + next(512)).min(bytes.len())].to_vec();
                bytes.splice(place..place, part);
            }
        }
        if bytes.len() < 16 {
            break;
        }
    }
    if next(6) == 0 {
        bytes.truncate(next(bytes.len()));
    }
    bytes
}

/// The most memory that this process ever had, in KiB.
pub fn most_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
