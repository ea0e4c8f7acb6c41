//! Gives pictures another number of pixels.

use std::fmt::Display;

use fast_image_resize::images::{ImageRef, TypedImage, TypedImageRef};
use fast_image_resize::pixels::F32;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{DynamicImage, GrayImage, Pixel, Rgb32FImage, RgbImage, Rgba32FImage};

use super::light::{Levels, lights};
use super::reduced::{Plane, whole};
use super::shape::Part;
use crate::media::error::MediaError;

/// How a new pixel is made of those around its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Filter {
    /// The windowed sinc of 3 lobes: the sharpest.
    #[default]
    Lanczos3,
    /// The cubic of Mitchell and Netravali with B = C = 1/3: softer, hardly any ringing.
    Mitchell,
    /// The cubic of Catmull and Rom: between the two.
    CatmullRom,
    /// The triangle.
    Bilinear,
    /// The plain mean.
    Box,
    /// The one nearest pixel, and no other: for drawings of pixels.
    Nearest,
}

/// The way of resampling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resampling {
    /// How a new pixel is made.
    pub filter: Filter,
    /// In linear light, which keeps the brightness of fine patterns, instead of in the levels of the file.
    pub linear: bool,
}

impl Resampling {
    fn algorithm(self) -> ResizeAlg {
        match self.filter {
            Filter::Lanczos3 => ResizeAlg::Convolution(FilterType::Lanczos3),
            Filter::Mitchell => ResizeAlg::Convolution(FilterType::Mitchell),
            Filter::CatmullRom => ResizeAlg::Convolution(FilterType::CatmullRom),
            Filter::Bilinear => ResizeAlg::Convolution(FilterType::Bilinear),
            Filter::Box => ResizeAlg::Convolution(FilterType::Box),
            Filter::Nearest => ResizeAlg::Nearest,
        }
    }

    /// How `part` of a picture of `from` pixels is brought to another size, sample by sample.
    fn options(self, part: Part, from: (u32, u32)) -> ResizeOptions {
        // A rounding error beyond the edge would be refused.
        let (width, height) = (f64::from(from.0) - part.left, f64::from(from.1) - part.top);
        ResizeOptions::new()
            .resize_alg(self.algorithm())
            .crop(part.left, part.top, part.width.min(width), part.height.min(height))
            .use_alpha(false)
    }

    /// Brings `part` of `from` to the size of `to`, sample by sample.
    fn convolve(self, from: &DynamicImage, part: Part, to: &mut DynamicImage) -> Result<(), MediaError> {
        Resizer::new().resize(from, to, &self.options(part, (from.width(), from.height()))).map_err(trouble)
    }

    /// `part` of `picture` at `size` pixels, of the same type. Transparent pixels do not bleed into others.
    ///
    /// # Errors
    /// [`MediaError::Damaged`] for a picture that has no pixels.
    pub fn picture(self, picture: &DynamicImage, part: Part, size: (u32, u32)) -> Result<DynamicImage, MediaError> {
        let whole = Part { left: 0.0, top: 0.0, width: picture.width().into(), height: picture.height().into() };
        if part == whole && size == (picture.width(), picture.height()) {
            return Ok(picture.clone());
        }
        let alpha = picture.color().has_alpha();
        if self.filter == Filter::Nearest || !(alpha || self.linear) {
            let mut made = DynamicImage::new(size.0, size.1, picture.color());
            self.convolve(picture, part, &mut made)?;
            return Ok(made);
        }
        let levels = Levels::new(self.linear);
        let narrow = self.narrowed(picture, part, size.0)?;
        let down = Part { left: 0.0, top: part.top, width: size.0.into(), height: part.height };
        let mut made = DynamicImage::new(size.0, size.1, narrow.color());
        self.convolve(&narrow, down, &mut made)?;
        drop(narrow);
        match &mut made {
            DynamicImage::ImageRgba32F(made) => made.pixels_mut().for_each(|pixel| {
                let [red, green, blue, alpha] = pixel.0;
                let alpha = alpha.clamp(0.0, 1.0);
                let share = if alpha > 0.0 { 1.0 / alpha } else { 0.0 };
                pixel.0 = [levels.of(red * share), levels.of(green * share), levels.of(blue * share), alpha];
            }),
            DynamicImage::ImageRgb32F(made) => {
                made.pixels_mut().for_each(|pixel| pixel.apply(|light| levels.of(light)));
            }
            _ => {}
        }
        Ok(as_type_of(picture, made))
    }

    /// `part` of a picture of `full` pixels, three bytes each, at `size` pixels.
    ///
    /// # Errors
    /// [`MediaError::Damaged`] for a picture that has no pixels.
    pub(super) fn bytes(
        self,
        bytes: &[u8],
        full: (u32, u32),
        part: Part,
        size: (u32, u32),
    ) -> Result<DynamicImage, MediaError> {
        let from = ImageRef::new(full.0, full.1, bytes, PixelType::U8x3).map_err(trouble)?;
        let mut made = RgbImage::new(size.0, size.1);
        Resizer::new().resize(&from, &mut made, &self.options(part, full)).map_err(trouble)?;
        Ok(DynamicImage::ImageRgb8(made))
    }

    /// The picture at `width` pixels from left to right and all of its rows, in floating point, with its alpha multiplied
    /// in. It is taken some rows at a time, so that little more is held than the result.
    fn narrowed(self, picture: &DynamicImage, part: Part, width: u32) -> Result<DynamicImage, MediaError> {
        let rows = (BAND / picture.width().max(1)).clamp(1, picture.height());
        let alpha = picture.color().has_alpha();
        let lights = lights(if is_wide(picture) { 65_536 } else { 256 }, self.linear);
        let mut samples: Vec<f32> = Vec::with_capacity(pixels(width, picture.height()) * if alpha { 4 } else { 3 });
        let mut top = 0;
        while top < picture.height() {
            let rows = rows.min(picture.height() - top);
            let band = in_light(&picture.crop_imm(0, top, picture.width(), rows), &lights);
            let across = Part { top: 0.0, height: f64::from(rows), ..part };
            let mut made = DynamicImage::new(width, rows, band.color());
            self.convolve(&band, across, &mut made)?;
            match &made {
                DynamicImage::ImageRgba32F(made) => samples.extend_from_slice(made.as_raw()),
                DynamicImage::ImageRgb32F(made) => samples.extend_from_slice(made.as_raw()),
                _ => {}
            }
            top += rows;
        }
        let whole = match alpha {
            true => Rgba32FImage::from_raw(width, picture.height(), samples).map(DynamicImage::ImageRgba32F),
            false => Rgb32FImage::from_raw(width, picture.height(), samples).map(DynamicImage::ImageRgb32F),
        };
        whole.ok_or_else(|| MediaError::damaged("it has no pixels"))
    }

    /// `part` of a picture of `full` pixels that was decoded to `planes`, at `size` pixels.
    ///
    /// # Errors
    /// [`MediaError::Damaged`] for a picture that has no pixels.
    pub(super) fn planes(
        self,
        planes: &[Plane],
        full: (u32, u32),
        part: Part,
        size: (u32, u32),
    ) -> Result<DynamicImage, MediaError> {
        let is_whole = (part.left, part.top, part.width, part.height) == (0.0, 0.0, full.0.into(), full.1.into());
        let is_full = planes.first().is_some_and(|plane| (plane.width, plane.height) == (full.0.into(), full.1.into()));
        if is_whole && is_full && size == full {
            return whole(planes, full).ok_or_else(|| MediaError::damaged("it has no pixels"));
        }
        let mut made = Vec::new();
        for plane in planes {
            let (across, down) = (plane.width / f64::from(full.0), plane.height / f64::from(full.1));
            let part = Part {
                left: part.left * across,
                top: part.top * down,
                width: part.width * across,
                height: part.height * down,
            };
            made.push(self.plane(plane, part, size)?);
        }
        let picture = match made.as_slice() {
            [light, blue, red] => {
                let samples = rgb(light, blue, red);
                RgbImage::from_raw(size.0, size.1, samples).map(DynamicImage::ImageRgb8)
            }
            [grey, ..] => {
                let samples = grey.iter().map(|sample| level(sample.0)).collect();
                GrayImage::from_raw(size.0, size.1, samples).map(DynamicImage::ImageLuma8)
            }
            [] => None,
        };
        picture.ok_or_else(|| MediaError::damaged("it has no pixels"))
    }

    /// `part` of a plane at `size` samples. In floating point: colours are rounded once, when they are put together.
    fn plane(self, plane: &Plane, part: Part, size: (u32, u32)) -> Result<Vec<F32>, MediaError> {
        let row = plane.columns as usize;
        let mut narrow = Vec::with_capacity(pixels(size.0, plane.rows));
        for band in plane.samples.chunks(((BAND * 4) as usize / row).max(1) * row) {
            let samples: Vec<F32> = band.iter().map(|sample| F32::new(f32::from(*sample))).collect();
            let rows = (samples.len() / row) as u32;
            let across = Part { top: 0.0, height: f64::from(rows), ..part };
            narrow.extend(self.samples(plane.columns, &samples, across, (size.0, rows))?);
        }
        let down = Part { left: 0.0, width: f64::from(size.0), ..part };
        self.samples(size.0, &narrow, down, size)
    }

    /// `part` of `samples`, of which `columns` are a row, at `size`.
    fn samples(self, columns: u32, samples: &[F32], part: Part, size: (u32, u32)) -> Result<Vec<F32>, MediaError> {
        let rows = samples.len() as u32 / columns.max(1);
        let from = TypedImageRef::new(columns, rows, samples).map_err(trouble)?;
        let mut made = vec![F32::new(0.0); pixels(size.0, size.1)];
        let mut to = TypedImage::from_pixels_slice(size.0, size.1, &mut made).map_err(trouble)?;
        Resizer::new().resize_typed(&from, &mut to, &self.options(part, (columns, rows))).map_err(trouble)?;
        drop(to);
        Ok(made)
    }
}

/// The pixels that are in floating point at a time while a picture is narrowed.
const BAND: u32 = 1 << 18;

/// The number of pixels of so many rows.
fn pixels(width: u32, height: u32) -> usize {
    width as usize * height as usize
}

/// Whether its samples have more than 8 bits.
fn is_wide(picture: &DynamicImage) -> bool {
    picture.color().bytes_per_pixel() > picture.color().channel_count()
}

/// The picture by the `lights` of its levels, with its alpha multiplied in.
fn in_light(picture: &DynamicImage, lights: &[f32]) -> DynamicImage {
    let (width, height) = (picture.width(), picture.height());
    let of = |level: usize| lights[level];
    let over = |[red, green, blue, alpha]: [usize; 4], most: f32| {
        let alpha = alpha as f32 / most;
        [of(red) * alpha, of(green) * alpha, of(blue) * alpha, alpha]
    };
    match (picture.color().has_alpha(), is_wide(picture)) {
        (true, false) => {
            let levels = picture.to_rgba8();
            let samples = levels.pixels().flat_map(|pixel| over(pixel.0.map(usize::from), 255.0)).collect();
            Rgba32FImage::from_raw(width, height, samples).map(DynamicImage::ImageRgba32F)
        }
        (true, true) => {
            let levels = picture.to_rgba16();
            let samples = levels.pixels().flat_map(|pixel| over(pixel.0.map(usize::from), 65_535.0)).collect();
            Rgba32FImage::from_raw(width, height, samples).map(DynamicImage::ImageRgba32F)
        }
        (false, false) => {
            let samples = picture.to_rgb8().as_raw().iter().map(|level| of(usize::from(*level))).collect();
            Rgb32FImage::from_raw(width, height, samples).map(DynamicImage::ImageRgb32F)
        }
        (false, true) => {
            let samples = picture.to_rgb16().as_raw().iter().map(|level| of(usize::from(*level))).collect();
            Rgb32FImage::from_raw(width, height, samples).map(DynamicImage::ImageRgb32F)
        }
    }
    .unwrap_or_default()
}

/// `made`, which is in floating point, as the type of `picture`.
fn as_type_of(picture: &DynamicImage, made: DynamicImage) -> DynamicImage {
    match picture {
        DynamicImage::ImageLuma8(_) => DynamicImage::ImageLuma8(made.into_luma8()),
        DynamicImage::ImageLumaA8(_) => DynamicImage::ImageLumaA8(made.into_luma_alpha8()),
        DynamicImage::ImageRgb8(_) => DynamicImage::ImageRgb8(made.into_rgb8()),
        DynamicImage::ImageRgba8(_) => DynamicImage::ImageRgba8(made.into_rgba8()),
        DynamicImage::ImageLuma16(_) => DynamicImage::ImageLuma16(made.into_luma16()),
        DynamicImage::ImageLumaA16(_) => DynamicImage::ImageLumaA16(made.into_luma_alpha16()),
        DynamicImage::ImageRgb16(_) => DynamicImage::ImageRgb16(made.into_rgb16()),
        DynamicImage::ImageRgba16(_) => DynamicImage::ImageRgba16(made.into_rgba16()),
        _ => made,
    }
}

/// A sample of 8 bits, rounded; what is beyond its range is cut to it.
fn level(sample: f32) -> u8 {
    (sample + 0.5) as u8
}

/// Red, green and blue of samples of Y', Cb and Cr (ITU-T T.871, section 7).
fn rgb(light: &[F32], blue: &[F32], red: &[F32]) -> Vec<u8> {
    let mut samples = Vec::with_capacity(light.len() * 3);
    for ((light, blue), red) in light.iter().zip(blue).zip(red) {
        let (light, blue, red) = (light.0, blue.0 - 128.0, red.0 - 128.0);
        samples.extend([
            level(light + 1.402 * red),
            level(light - 0.344_136 * blue - 0.714_136 * red),
            level(light + 1.772 * blue),
        ]);
    }
    samples
}

fn trouble(error: impl Display) -> MediaError {
    MediaError::damaged(format!("it cannot be resized: {error}"))
}
