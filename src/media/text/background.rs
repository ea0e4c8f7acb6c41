//! Pictures behind text: decoded once, and cut to size.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::cache::Cache;
use super::canvas::Canvas;
use super::error::TextError;
use super::random::{Random, Use};
use crate::media::error::MediaError;
use crate::media::picture;

/// Bytes of decoded backgrounds that a process keeps.
const KEPT_BYTES: usize = 128 << 20;

/// The longest background file that is read, in bytes, and the most pixels that it may declare: what is larger would take
/// the memory of a process that draws, and pictures of text are smaller by far.
const MAX_FILE_BYTES: u64 = 256 << 20;
const MAX_DECLARED_PIXELS: u64 = 64_000_000;

static BACKGROUNDS: LazyLock<Cache<Background>> = LazyLock::new(|| Cache::new(KEPT_BYTES));

/// A background picture, upright, as rows of RGB.
pub(super) struct Background {
    pub(super) width: u32,
    pub(super) height: u32,
    pixels: Vec<u8>,
    /// BLAKE3 of the file.
    pub(super) hash: String,
}

/// Where a background was cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cut {
    /// How much it was enlarged first.
    pub(super) scale: f64,
    /// Left, top, width and height of the piece, in pixels of the enlarged background.
    pub(super) piece: [u32; 4],
}

/// The background at `path`, as it is kept or freshly read. What is transparent in it is white.
pub(super) fn background(path: &Path) -> Result<Arc<Background>, TextError> {
    BACKGROUNDS.get(path, 0, || {
        let read = || -> Result<(Background, usize), MediaError> {
            let hash = admitted(path)?;
            let mut loaded = picture::load(path)?;
            loaded.pixels.apply_orientation(loaded.orientation);
            let (width, height) = (loaded.pixels.width(), loaded.pixels.height());
            let pixels = if loaded.pixels.color().has_alpha() {
                on_white(&loaded.pixels.into_rgba8())
            } else {
                loaded.pixels.into_rgb8().into_raw()
            };
            let bytes = pixels.len();
            Ok((Background { width, height, pixels, hash }, bytes))
        };
        read().map_err(|why| blame(path, why))
    })
}

/// The hash of the file at `path`, where it is not too large to be decoded: that is looked at first.
fn admitted(path: &Path) -> Result<String, MediaError> {
    let file = std::fs::metadata(path).map_err(MediaError::Unreadable)?;
    if !file.is_file() {
        return Err(MediaError::NotPicture("it is no file".to_owned()));
    }
    if file.len() > MAX_FILE_BYTES {
        let (has, most) = (file.len() >> 20, MAX_FILE_BYTES >> 20);
        return Err(MediaError::Limit(format!("it has {has} MiB (at most {most} are taken for a background)")));
    }
    let picture = picture::probe(path)?;
    if u64::from(picture.width) * u64::from(picture.height) > MAX_DECLARED_PIXELS {
        return Err(MediaError::Limit(format!(
            "it has {} x {} pixels (at most {} megapixels are taken for a background)",
            picture.width,
            picture.height,
            MAX_DECLARED_PIXELS / 1_000_000
        )));
    }
    let mut hasher = blake3::Hasher::new();
    File::open(path).and_then(|file| hasher.update_reader(file).map(drop)).map_err(MediaError::Unreadable)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// A background that cannot be opened or decoded is to blame; the machine's troubles are not its own.
fn blame(path: &Path, why: MediaError) -> TextError {
    use std::io::ErrorKind::{IsADirectory, NotFound, PermissionDenied};
    match why {
        MediaError::Unreadable(error) if ![NotFound, PermissionDenied, IsADirectory].contains(&error.kind()) => {
            TextError::Media(MediaError::Unreadable(error))
        }
        why => TextError::Background { path: path.to_owned(), why },
    }
}

fn on_white(picture: &image::RgbaImage) -> Vec<u8> {
    let over = |sample: u8, alpha: u8| {
        ((u32::from(sample) * u32::from(alpha) + 255 * (255 - u32::from(alpha)) + 127) / 255) as u8
    };
    picture.pixels().flat_map(|pixel| [0, 1, 2].map(|channel| over(pixel[channel], pixel[3]))).collect()
}

impl Background {
    /// A piece of `width` times `height` pixels at a place that `seed` chooses; enlarged first, as little as needed, where
    /// the background is smaller.
    pub(super) fn cut(&self, width: u32, height: u32, seed: u64) -> Result<(Canvas, Cut), MediaError> {
        let mut random = Random::new(seed, Use::Crop);
        let scale = (f64::from(width) / f64::from(self.width)).max(f64::from(height) / f64::from(self.height)).max(1.0);
        let whole = |side: u32, least: u32| ((f64::from(side) * scale).round() as u32).max(least);
        let (wide, high) = (whole(self.width, width), whole(self.height, height));
        let (left, top) = (random.up_to(wide - width), random.up_to(high - height));
        let pixels = if scale > 1.0 {
            self.enlarged(scale, [left, top, width, height])?
        } else {
            self.copied(left as usize, top as usize, width as usize, height as usize)
        };
        Ok((Canvas::of_rgb(width, height, pixels), Cut { scale, piece: [left, top, width, height] }))
    }

    fn copied(&self, left: usize, top: usize, width: usize, height: usize) -> Vec<u8> {
        let mut pixels = Vec::with_capacity(width * height * 3);
        for row in top..top + height {
            let start = (row * self.width as usize + left) * 3;
            pixels.extend_from_slice(&self.pixels[start..start + width * 3]);
        }
        pixels
    }

    /// The piece of what the background would be, `scale` times as large.
    fn enlarged(&self, scale: f64, [left, top, width, height]: [u32; 4]) -> Result<Vec<u8>, MediaError> {
        let from = |at: u32| f64::from(at) / scale;
        // Rounding must not reach over the edge.
        let (crop_width, crop_height) =
            (from(width).min(f64::from(self.width)), from(height).min(f64::from(self.height)));
        let crop_left = from(left).min(f64::from(self.width) - crop_width);
        let crop_top = from(top).min(f64::from(self.height) - crop_height);
        let options = ResizeOptions::new()
            .crop(crop_left, crop_top, crop_width, crop_height)
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        resized(&self.pixels, (self.width, self.height), (width, height), PixelType::U8x3, &options)
    }
}

/// `pixels` in another size.
pub(super) fn resized(
    pixels: &[u8],
    from: (u32, u32),
    to: (u32, u32),
    kind: PixelType,
    options: &ResizeOptions,
) -> Result<Vec<u8>, MediaError> {
    let failed = |error: String| MediaError::Limit(format!("a picture cannot be resized: {error}"));
    let source = ImageRef::new(from.0, from.1, pixels, kind).map_err(|error| failed(error.to_string()))?;
    let mut target = Image::new(to.0, to.1, kind);
    Resizer::new().resize(&source, &mut target, options).map_err(|error| failed(error.to_string()))?;
    Ok(target.into_vec())
}
