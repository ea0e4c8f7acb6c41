//! Makes pictures of other sizes, upright and ready to show: several from one decode.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use image::imageops::overlay;
use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer, RgbImage, Rgba, RgbaImage};
use webp::WebPImage;

use super::bounds::MAX_PIXELS;
use super::decode::{Picture, still};
use super::encode::{Coding, write_on};
use super::jpeg::LONGEST;
use super::lossy_webp;
use super::reduced::{COLOUR_SHARE, Jpeg, Plane, whole};
use super::resample::{Filter, Resampling};
use super::shape::{Mode, Plan, Shape};
use super::walk::walk;
use crate::media::error::MediaError;
use crate::media::metadata::{Keep, Metadata};
use crate::media::opening::{DECODER_FAILED, guarded};
use crate::media::sniff::PictureFormat;

/// A picture that is to be made.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The file to write.
    pub to: &'a Path,
    /// Its size.
    pub shape: Shape,
    /// Red, green, blue and alpha of what shows around it on a canvas, and through it where the format has no alpha: there
    /// the alpha of this colour does not count.
    pub background: [u8; 4],
    /// What it is written as.
    pub coding: Coding,
}

/// A picture that was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its pixels from left to right and from top to bottom.
    pub size: (u32, u32),
    /// The metadata that went along.
    pub went_in: Metadata,
}

/// Makes all `targets` of the picture file `from`, upright as its EXIF data say. `frame` is as in [`still`].
///
/// It is decoded once. A JPEG is decoded no larger than the largest of them needs: at least at [`MARGIN`] times its size.
///
/// # Errors
/// Those of [`still`]; [`MediaError::Limit`] for a result of more than [`MAX_PIXELS`] or of longer sides than its format
/// holds, and [`MediaError::Unwritable`].
pub fn resize(
    from: &Path,
    frame: Option<u32>,
    targets: &[Target<'_>],
    how: Resampling,
    keep: Keep,
) -> Result<Vec<Made>, MediaError> {
    let work = || {
        let shapes: Vec<Shape> = targets.iter().map(|target| target.shape).collect();
        let mut source = Source::open(from, frame, &shapes, how)?;
        for target in targets {
            bounded(source.stored_plan(target.shape), source.orientation, target.coding)?;
        }
        let metadata = std::mem::take(&mut source.metadata).kept(keep);
        let mut made = Vec::new();
        for target in targets {
            let picture = source.make(target.shape, target.background, how)?;
            let size = (picture.width(), picture.height());
            let [red, green, blue, _] = target.background;
            let metadata = metadata.clone().for_new_pixels(size.0, size.1);
            let went_in = write_on(&picture, &metadata, target.to, target.coding, [red, green, blue])?;
            made.push(Made { size, went_in });
        }
        Ok(made)
    };
    guarded(work).unwrap_or_else(|| Err(MediaError::damaged(DECODER_FAILED)))
}

/// The picture of the file `from`, upright and of this shape, as [`resize`] makes it.
///
/// # Errors
/// Those of [`resize`] but for writing.
pub fn resized(from: &Path, frame: Option<u32>, shape: Shape) -> Result<DynamicImage, MediaError> {
    let work = || {
        let how = Resampling::default();
        let mut source = Source::open(from, frame, &[shape], how)?;
        bounded(source.stored_plan(shape), source.orientation, Coding::jpeg(100))?;
        source.make(shape, [0; 4], how)
    };
    guarded(work).unwrap_or_else(|| Err(MediaError::damaged(DECODER_FAILED)))
}

/// The picture of the file `from`, upright, and the size that it has in full. Of a JPEG that is larger than `least` pixels
/// each way, as few pixels are decoded as are not less than that.
///
/// # Errors
/// Those of [`still`].
pub fn at_least(from: &Path, frame: Option<u32>, least: u32) -> Result<(DynamicImage, (u32, u32)), MediaError> {
    let work = || {
        let cover = f64::from(least) / MARGIN;
        let shape = Shape { width: Some(cover as u32), height: Some(cover as u32), mode: Mode::Exact, enlarge: false };
        let mut source = Source::open(from, frame, &[shape], Resampling::default())?;
        let (width, height) = source.size;
        let mut pixels = match &mut source.pixels {
            Pixels::Whole(pixels) => std::mem::take(pixels),
            Pixels::Bytes(bytes) => RgbImage::from_raw(width, height, bytes.to_vec()).unwrap_or_default().into(),
            Pixels::Planes(levels) => {
                let size = (levels[0][0].columns, levels[0][0].rows);
                whole(&levels[0], size).ok_or_else(|| MediaError::damaged("it has no pixels"))?
            }
        };
        pixels.apply_orientation(source.orientation);
        Ok((pixels, if is_turned(source.orientation) { (height, width) } else { (width, height) }))
    };
    guarded(work).unwrap_or_else(|| Err(MediaError::damaged(DECODER_FAILED)))
}

/// Refuses what would take too much, or what `coding` cannot hold.
fn bounded(stored: Plan, orientation: Orientation, coding: Coding) -> Result<(), MediaError> {
    let plan = if is_turned(orientation) { stored.turned() } else { stored };
    let (width, height) = plan.canvas.unwrap_or(plan.size);
    let pixels = u64::from(width) * u64::from(height);
    // What is made longer one way is that long before it is made shorter the other way.
    let between = f64::from(stored.size.0) * stored.part.height;
    if pixels > MAX_PIXELS || between > MAX_PIXELS as f64 {
        return Err(MediaError::Limit(format!(
            "{width} x {height} pixels would be made of it (at most {} megapixels are); ask for fewer, or do not enlarge",
            MAX_PIXELS / 1_000_000
        )));
    }
    if width.max(height) > coding.longest_side() {
        return Err(MediaError::Limit(format!(
            "{width} x {height} pixels would be made of it, and {} holds {} on a side; ask for fewer, or for another format",
            coding.format().word(),
            coding.longest_side()
        )));
    }
    Ok(())
}

/// How many pixels a decoded JPEG has for one of the picture that is made of it, at least, each way.
pub const MARGIN: f64 = 2.0;

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
    fn open(from: &Path, frame: Option<u32>, shapes: &[Shape], how: Resampling) -> Result<Self, MediaError> {
        // Only levels can be reduced, or taken as they come: not light, and there is no one nearest pixel in a mean.
        if !how.linear
            && how.filter != Filter::Nearest
            && frame.is_none_or(|frame| frame == 1)
            && let Some(quick) = Self::quick(from, shapes)?
        {
            return Ok(quick);
        }
        let Picture { pixels, orientation, metadata, .. } = still(from, frame)?;
        let size = (pixels.width(), pixels.height());
        Ok(Self { pixels: Pixels::Whole(pixels), size, orientation, metadata })
    }

    /// The picture, if it is a JPEG that can be decoded at a reduced size, or a WebP that there is a faster decoder for.
    fn quick(from: &Path, shapes: &[Shape]) -> Result<Option<Self>, MediaError> {
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
        Ok(if is_jpeg { Self::of_jpeg(&data, shapes) } else { Self::of_webp(&data) })
    }

    fn of_jpeg(data: &[u8], shapes: &[Shape]) -> Option<Self> {
        let mut jpeg = Jpeg::open(data)?;
        let metadata = std::mem::take(&mut jpeg.metadata);
        let orientation = orientation(&metadata);
        let size = jpeg.size();
        let mut least = (0.0_f64, 0.0_f64);
        for shape in shapes {
            let plan = stored_plan(*shape, size, orientation);
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

    /// What it becomes, as it is stored.
    fn stored_plan(&self, shape: Shape) -> Plan {
        stored_plan(shape, self.size, self.orientation)
    }

    fn make(&mut self, shape: Shape, canvas: [u8; 4], how: Resampling) -> Result<DynamicImage, MediaError> {
        let plan = self.stored_plan(shape);
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
            Some(size) => on_canvas(&made, size, canvas),
        })
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
