//! Whether the machine has room: on its disks and in its memory.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::probe::HealthCheck;
use crate::resilience::safe_text::safe_line;

/// Below this many free bytes a disk or the memory has no room.
const LEAST_BYTES: u64 = 64 * 1024 * 1024;
/// Below this many free inodes a file system takes no more files.
const LEAST_INODES: u64 = 256;

/// Whether there is room where files will be written: one check, named `disk`, for each file system that `folders` are
/// on. A folder that does not exist yet counts as the nearest one above it that does.
#[must_use]
pub fn disk<P: AsRef<Path>>(folders: &[P]) -> Vec<HealthCheck> {
    let mut seen = Vec::new();
    let mut checks = Vec::new();
    for folder in folders {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.as_ref().to_owned());
        let there = folder.ancestors().find(|above| above.exists()).unwrap_or(Path::new("/")).to_owned();
        let device = rustix::fs::stat(&there).map(|stat| stat.st_dev).ok();
        if device.is_some() && seen.contains(&device) {
            continue;
        }
        seen.push(device);
        checks.push(one_disk(there));
    }
    checks
}

fn one_disk(folder: PathBuf) -> HealthCheck {
    let name = safe_line(&folder.to_string_lossy()).into_owned();
    let (available, details) = match rustix::fs::statvfs(&folder) {
        Err(error) => (false, format!("{name}: {error}")),
        Ok(room) => {
            let free = room.f_bavail.saturating_mul(room.f_frsize);
            let total = room.f_blocks.saturating_mul(room.f_frsize);
            // Some file systems have no fixed number of inodes, and say 0 of 0.
            let inodes = (room.f_files > 0).then_some(room.f_favail);
            let read_only = room.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY);
            let mut details = format!("{name}: {} free of {}", size(free), size(total));
            if let Some(inodes) = inodes {
                details.push_str(&format!(", room for {inodes} more files"));
            }
            if read_only {
                details.push_str(", read-only");
            }
            (free >= LEAST_BYTES && inodes.is_none_or(|inodes| inodes >= LEAST_INODES) && !read_only, details)
        }
    };
    let hint = (!available).then(|| "free room on that disk, or name another folder".to_owned());
    HealthCheck { path: Some(folder), hint, ..machine_check("disk", true, available, details) }
}

/// Whether there is memory left, by what the kernel says (`MemAvailable`). A limit of a container is not looked at.
#[must_use]
pub fn memory() -> HealthCheck {
    let told = std::fs::read_to_string("/proc/meminfo");
    let bytes = |key: &str| -> Option<u64> {
        let line = told.as_deref().ok()?.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
    };
    let (available, details) = match (bytes("MemAvailable"), bytes("MemTotal")) {
        (Some(free), Some(total)) => (free >= LEAST_BYTES, format!("{} available of {}", size(free), size(total))),
        _ => (true, "this system does not tell".to_owned()),
    };
    machine_check("memory", false, available, details)
}

fn machine_check(name: &str, required: bool, available: bool, details: String) -> HealthCheck {
    HealthCheck {
        name: name.to_owned(),
        kind: None,
        available,
        version: None,
        path: None,
        details,
        hint: None,
        required,
        check_time: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()),
        took_ms: 0,
    }
}

/// A size as people read it, in powers of 1024.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_system_is_told_of_once_and_a_folder_to_come_counts_as_the_one_above() {
        let folder = tempfile::tempdir().expect("a folder");
        let checks = disk(&[folder.path().to_owned(), folder.path().join("not/yet/there")]);
        assert_eq!(checks.len(), 1);
        assert_eq!(checks[0].name, "disk");
        assert_eq!(checks[0].path.as_deref(), Some(folder.path()));
        assert!(checks[0].details.contains(" free of "), "{}", checks[0].details);
    }

    #[test]
    fn a_disk_that_takes_no_files_is_not_available() {
        let checks = disk(&["/proc"]);
        assert!(!checks[0].available, "{checks:?}");
        assert!(checks[0].hint.is_some());
    }

    #[test]
    fn memory_is_told_in_units_people_read() {
        let check = memory();
        assert!(check.details.contains("iB available of "), "{}", check.details);
        assert_eq!(size(1023), "1023 bytes");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(u64::MAX), "16384.0 PiB");
    }
}
