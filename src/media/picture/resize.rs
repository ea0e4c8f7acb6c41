//! Makes pictures of other sizes, upright and ready to show: several from one decode.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use image::imageops::overlay;
use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer, Rgba, RgbaImage};
use webp::WebPImage;

use super::decode::{Picture, load};
use super::encode::{Coding, write};
use super::lossy_webp;
use super::reduced::{COLOUR_SHARE, Jpeg, Plane};
use super::resample::{Filter, Resampling};
use super::shape::{Plan, Shape};
use super::walk::walk;
use crate::media::error::MediaError;
use crate::media::metadata::Metadata;
use crate::media::sniff::PictureFormat;

/// A picture that is to be made.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The file to write.
    pub to: &'a Path,
    /// Its size.
    pub shape: Shape,
    /// Red, green, blue and alpha around it on a canvas.
    pub canvas: [u8; 4],
    /// What it is written as.
    pub coding: Coding,
}

/// What goes along with the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// EXIF, which then says that the picture is upright.
    pub exif: bool,
    /// The colour profile.
    pub icc: bool,
    /// XMP.
    pub xmp: bool,
}

/// Makes all `targets` of the picture file `from`, upright as its EXIF data say; tells the size of each in pixels.
///
/// It is decoded once. A JPEG is decoded no larger than the largest of them needs: at least at [`MARGIN`] times its size.
///
/// # Errors
/// Those of [`load`], and [`MediaError::Unwritable`].
pub fn resize(from: &Path, targets: &[Target<'_>], how: Resampling, keep: Keep) -> Result<Vec<(u32, u32)>, MediaError> {
    let mut source = Source::open(from, targets, how)?;
    let metadata = source.metadata(keep);
    let mut sizes = Vec::new();
    for target in targets {
        let picture = source.make(target, how)?;
        let metadata = metadata.clone().for_new_pixels(picture.width(), picture.height());
        write(&picture, &metadata, target.to, target.coding)?;
        sizes.push((picture.width(), picture.height()));
    }
    Ok(sizes)
}

/// How many pixels a decoded JPEG has for one of the picture that is made of it, at least, each way.
pub const MARGIN: f64 = 2.0;

/// The longest file that is held in memory to be decoded in a quicker way than others, in bytes.
const LONGEST: u64 = 64 << 20;

/// A decoded picture.
struct Source {
    pixels: Pixels,
    /// Pixels from left to right and from top to bottom, as stored and not reduced.
    size: (u32, u32),
    orientation: Orientation,
    metadata: Metadata,
}

enum Pixels {
    Whole(DynamicImage),
    /// Red, green and blue, as libwebp holds them.
    Bytes(WebPImage),
    /// Planes, and the same at a half, a quarter and so on, as far as they were asked for.
    Planes(Vec<Vec<Plane>>),
}

impl Source {
    fn open(from: &Path, targets: &[Target<'_>], how: Resampling) -> Result<Self, MediaError> {
        // Only levels can be reduced, or taken as they come: not light, and there is no one nearest pixel in a mean.
        if !how.linear
            && how.filter != Filter::Nearest
            && let Some(quick) = Self::quick(from, targets)?
        {
            return Ok(quick);
        }
        let Picture { pixels, orientation, metadata, .. } = load(from)?;
        let size = (pixels.width(), pixels.height());
        Ok(Self { pixels: Pixels::Whole(pixels), size, orientation, metadata })
    }

    /// The picture, if it is a JPEG that can be decoded at a reduced size, or a WebP that there is a faster decoder for.
    fn quick(from: &Path, targets: &[Target<'_>]) -> Result<Option<Self>, MediaError> {
        let mut file = File::open(from).map_err(MediaError::Unreadable)?;
        let length = file.metadata().map_err(MediaError::Unreadable)?.len();
        let mut start = [0; 12];
        if length > LONGEST || file.read_exact(&mut start).is_err() {
            return Ok(None);
        }
        let is_jpeg = start.starts_with(&[0xff, 0xd8, 0xff]);
        let is_webp = start.starts_with(b"RIFF") && start.ends_with(b"WEBP");
        if !(is_jpeg || is_webp && walk(from, PictureFormat::WebP)?.whole) {
            return Ok(None);
        }
        let mut data = Vec::with_capacity(length as usize);
        data.extend(start);
        file.take(LONGEST).read_to_end(&mut data).map_err(MediaError::Unreadable)?;
        Ok(if is_jpeg { Self::of_jpeg(&data, targets) } else { Self::of_webp(&data) })
    }

    fn of_jpeg(data: &[u8], targets: &[Target<'_>]) -> Option<Self> {
        let mut jpeg = Jpeg::open(data)?;
        let metadata = std::mem::take(&mut jpeg.metadata);
        let orientation = orientation(&metadata);
        let size = jpeg.size();
        let mut least = (0.0_f64, 0.0_f64);
        for target in targets {
            let plan = stored_plan(target.shape, size, orientation);
            let needed = |full: u32, made: u32, part: f64| f64::from(full) * f64::from(made) * MARGIN / part;
            least.0 = least.0.max(needed(size.0, plan.size.0, plan.part.width));
            least.1 = least.1.max(needed(size.1, plan.size.1, plan.part.height));
        }
        Some(Self { pixels: Pixels::Planes(vec![jpeg.decode(least)?]), size, orientation, metadata })
    }

    fn of_webp(data: &[u8]) -> Option<Self> {
        let (pixels, metadata) = lossy_webp::decode(data)?;
        let size = (pixels.width(), pixels.height());
        Some(Self { pixels: Pixels::Bytes(pixels), size, orientation: orientation(&metadata), metadata })
    }

    fn make(&mut self, target: &Target<'_>, how: Resampling) -> Result<DynamicImage, MediaError> {
        let plan = stored_plan(target.shape, self.size, self.orientation);
        let mut made = match &mut self.pixels {
            Pixels::Whole(pixels) => how.picture(pixels, plan.part, plan.size)?,
            Pixels::Bytes(pixels) => how.bytes(pixels, self.size, plan.part, plan.size)?,
            Pixels::Planes(levels) => how.planes(level(levels, self.size, plan), self.size, plan.part, plan.size)?,
        };
        // Turning comes last, when there is less to turn.
        made.apply_orientation(self.orientation);
        let plan = if is_turned(self.orientation) { plan.turned() } else { plan };
        Ok(match plan.canvas {
            None => made,
            Some(size) => on_canvas(&made, size, target.canvas),
        })
    }

    fn metadata(&self, keep: Keep) -> Metadata {
        let kept = |block: &Option<Vec<u8>>, keep: bool| block.clone().filter(|_| keep);
        let mut exif = kept(&self.metadata.exif, keep.exif);
        if let Some(exif) = &mut exif {
            // It is upright now. What says no orientation says nothing wrong.
            let _ = Orientation::remove_from_exif_chunk(exif);
        }
        Metadata { exif, icc: kept(&self.metadata.icc, keep.icc), xmp: kept(&self.metadata.xmp, keep.xmp) }
    }
}

/// The planes, of a picture of `full` pixels, that are the smallest with enough samples for `plan`.
fn level(levels: &mut Vec<Vec<Plane>>, full: (u32, u32), plan: Plan) -> &[Plane] {
    let spare = |(index, plane): (usize, &Plane)| {
        let across = plane.width / f64::from(full.0) * plan.part.width / f64::from(plan.size.0);
        let down = plane.height / f64::from(full.1) * plan.part.height / f64::from(plan.size.1);
        across.min(down) / if index == 0 { MARGIN } else { MARGIN * COLOUR_SHARE }
    };
    let spare = levels[0].iter().enumerate().map(spare).fold(f64::INFINITY, f64::min);
    let halvings = spare.log2().clamp(0.0, 16.0) as usize;
    while levels.len() <= halvings {
        let halved = levels[levels.len() - 1].iter().map(Plane::halved).collect();
        levels.push(halved);
    }
    &levels[halvings]
}

/// How EXIF says that the picture must be turned.
fn orientation(metadata: &Metadata) -> Orientation {
    Orientation::from_exif(metadata.orientation()).unwrap_or(Orientation::NoTransforms)
}

/// What the picture of `size` pixels becomes, as it is stored.
fn stored_plan(shape: Shape, (width, height): (u32, u32), orientation: Orientation) -> Plan {
    if is_turned(orientation) { shape.plan(height, width).turned() } else { shape.plan(width, height) }
}

/// Whether turning a picture upright swaps its sides.
fn is_turned(orientation: Orientation) -> bool {
    orientation.to_exif() >= 5
}

/// The picture in the middle of a canvas of `size` pixels and this colour.
fn on_canvas(picture: &DynamicImage, size: (u32, u32), colour: [u8; 4]) -> DynamicImage {
    let (left, top) = ((size.0.saturating_sub(picture.width())) / 2, (size.1.saturating_sub(picture.height())) / 2);
    let (left, top) = (i64::from(left), i64::from(top));
    let opaque = colour[3] == u8::MAX;
    if picture.color().bytes_per_pixel() > picture.color().channel_count() {
        let colour = Rgba(colour.map(|level| u16::from(level) * 257));
        let mut canvas = ImageBuffer::from_pixel(size.0, size.1, colour);
        overlay(&mut canvas, &picture.to_rgba16(), left, top);
        let canvas = DynamicImage::ImageRgba16(canvas);
        return if opaque { DynamicImage::ImageRgb16(canvas.into_rgb16()) } else { canvas };
    }
    let mut canvas = RgbaImage::from_pixel(size.0, size.1, Rgba(colour));
    overlay(&mut canvas, &picture.to_rgba8(), left, top);
    let canvas = DynamicImage::ImageRgba8(canvas);
    if opaque { DynamicImage::ImageRgb8(canvas.into_rgb8()) } else { canvas }
}
