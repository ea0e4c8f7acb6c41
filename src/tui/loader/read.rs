//! The reading itself. Nothing here waits for what may never come: only regular files are read, and of bounded size.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use image::{DynamicImage, Rgba, RgbaImage, imageops};
use ratatui::layout::Size;
use ratatui_image::protocol::Protocol;
use ratatui_image::protocol::halfblocks::Halfblocks;
use rustix::fs::{Mode, OFlags};

use super::MOST_READ;
use crate::media::picture;
use crate::resilience::checkpoint::{Checkpoint, Unusable, parse};
use crate::tui::effect::{Load, Loaded};
use crate::tui::text::{bytes, count};

/// The largest checkpoint that is read.
const LARGEST_CHECKPOINT: u64 = 16 << 20;
/// The most pixels of a picture that is shown: decoding takes some bytes for each.
const MOST_PIXELS: u64 = 40_000_000;
/// The largest file of a picture that is shown.
const LARGEST_PICTURE: u64 = 256 << 20;
/// The most columns and rows of a picture on the screen.
const LARGEST_SIZE: u16 = 500;
/// What shows through where a picture does: neither light nor dark.
const BEHIND: Rgba<u8> = Rgba([96, 96, 96, 255]);

/// Does an order.
pub(super) fn read(load: Load) -> Loaded {
    match load {
        Load::Log { path, from } => log(&path, from)
            .unwrap_or_else(|error| Loaded::Nothing { why: plain(&error), load: Load::Log { path, from } }),
        Load::Checkpoint { item, path } => Loaded::Checkpoint { item, checkpoint: checkpoint(&path).map(Box::new) },
        Load::Picture { path, size } => {
            // A decoder that panics has met a broken picture, and the next one is to be shown all the same.
            let shown = std::panic::catch_unwind(|| show(&path, size));
            let picture = shown.unwrap_or_else(|_| Err("it cannot be decoded".to_owned()));
            Loaded::Picture { path, picture: picture.map(Arc::new) }
        }
    }
}

fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "it may not be read".to_owned(),
        _ => error.to_string(),
    }
}

/// Opens a regular file. A FIFO or a device is not waited for, a link at the end of the path is not followed.
fn open(path: &Path) -> std::io::Result<(File, u64)> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    Ok((file, metadata.len()))
}

fn log(path: &Path, asked: u64) -> std::io::Result<Loaded> {
    let (mut file, size) = open(path)?;
    // What shrank was written anew.
    let mut from = if size < asked { 0 } else { asked };
    let jumps = size - from > MOST_READ;
    if jumps {
        from = size - MOST_READ;
    }
    file.seek(SeekFrom::Start(from))?;
    let mut read = Vec::new();
    file.take(MOST_READ).read_to_end(&mut read)?;
    let begun = if jumps { read.iter().take(3).take_while(|byte| is_inside(**byte)).count() } else { 0 };
    let ended = read.len() - unfinished(&read[begun..]);
    let text = String::from_utf8_lossy(&read[begun..ended]).into_owned();
    Ok(Loaded::Log { path: path.to_path_buf(), from: from + begun as u64, to: from + ended as u64, text })
}

/// Whether the byte stands within a letter, not at its beginning.
const fn is_inside(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// Bytes at the end that begin a letter whose rest is not written yet.
fn unfinished(bytes: &[u8]) -> usize {
    let inside = bytes.iter().rev().take(3).take_while(|byte| is_inside(**byte)).count();
    let wanted = match bytes.len().checked_sub(inside + 1).map(|at| bytes[at]) {
        Some(0xC2..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF4) => 4,
        _ => return 0,
    };
    if inside + 1 < wanted { inside + 1 } else { 0 }
}

fn checkpoint(path: &Path) -> Result<Checkpoint, String> {
    let (file, size) = open(path).map_err(|error| plain(&error))?;
    if size > LARGEST_CHECKPOINT {
        return Err(format!("it is larger than {}", bytes(LARGEST_CHECKPOINT)));
    }
    let mut json = Vec::new();
    file.take(LARGEST_CHECKPOINT).read_to_end(&mut json).map_err(|error| plain(&error))?;
    parse(&json).map_err(|unusable| match unusable {
        Unusable::Unreadable(why) => format!("it is no checkpoint: {why}"),
        Unusable::Newer(version) => format!("a newer mediamill wrote it (format {version})"),
    })
}

fn show(path: &Path, size: (u16, u16)) -> Result<Protocol, String> {
    let (_, bytes_of_it) = open(path).map_err(|error| plain(&error))?;
    if bytes_of_it > LARGEST_PICTURE {
        return Err(format!("it is too large to be shown: {}", bytes(bytes_of_it)));
    }
    let info = picture::probe(path).map_err(|error| error.to_string())?;
    let pixels = u64::from(info.width) * u64::from(info.height);
    if pixels > MOST_PIXELS {
        let (width, height) = (count(info.width.into()), count(info.height.into()));
        return Err(format!("it is too large to be shown: {width} by {height} pixels"));
    }
    let picture = picture::load(path).map_err(|error| error.to_string())?;
    let (columns, rows) = (size.0.clamp(1, LARGEST_SIZE), size.1.clamp(1, LARGEST_SIZE));
    // A cell is two pixels high. Small pictures are not blown up.
    let turned = picture.orientation;
    let mut pixels = picture.pixels;
    pixels.apply_orientation(turned);
    let (most_wide, most_high) = (u32::from(columns), u32::from(rows) * 2);
    if pixels.width() > most_wide || pixels.height() > most_high {
        pixels = pixels.thumbnail(most_wide, most_high);
    }
    let even = pixels.height().next_multiple_of(2).max(2);
    let mut ground = RgbaImage::from_pixel(pixels.width().max(1), even, BEHIND);
    imageops::overlay(&mut ground, &pixels.to_rgba8(), 0, 0);
    let cells = Size::new(ground.width() as u16, (even / 2) as u16);
    let shown = Halfblocks::new(DynamicImage::ImageRgba8(ground), cells).map_err(|error| error.to_string())?;
    Ok(Protocol::Halfblocks(shown))
}
