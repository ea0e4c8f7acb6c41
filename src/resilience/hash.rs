//! Hashes of content and definitions: BLAKE3, the first 128 bits, hexadecimal.

use std::io::Read;
use std::path::Path;

use super::os_text::to_hex;

/// The hash of `bytes`.
#[must_use]
pub fn hash_bytes(bytes: &[u8]) -> String {
    to_hex(&blake3::hash(bytes).as_bytes()[..16])
}

/// The hash of the file's content, and its size in bytes. Memory stays bounded whatever the size.
///
/// # Errors
/// That it cannot be read.
pub fn hash_file(path: &Path) -> std::io::Result<(String, u64)> {
    let mut file = std::fs::File::open(path)?;
    let mut small = [0_u8; 16 * 1024];
    let mut filled = 0;
    while filled < small.len() {
        match file.read(&mut small[filled..]) {
            Ok(0) => return Ok((hash_bytes(&small[..filled]), filled as u64)),
            Ok(n) => filled += n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&small);
    let mut size = small.len() as u64;
    let mut block = vec![0_u8; 1 << 20];
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok((to_hex(&hasher.finalize().as_bytes()[..16]), size)),
            Ok(n) => {
                hasher.update(&block[..n]);
                size += n as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
