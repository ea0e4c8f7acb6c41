//! Makes pictures smaller, upright and ready to show.

use std::path::Path;

use fast_image_resize::{ResizeOptions, Resizer};
use image::DynamicImage;

use super::decode::{Picture, load};
use super::encode::{Coding, write};
use crate::media::error::MediaError;
use crate::media::metadata::Metadata;

/// The box that a picture must fit in. Its shape is kept, and it is never made larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fit {
    /// The most pixels from left to right; `None` does not bind.
    pub width: Option<u32>,
    /// The most pixels from top to bottom; `None` does not bind.
    pub height: Option<u32>,
}

impl Fit {
    /// The size in pixels that a picture of `width` x `height` pixels gets; neither side ever becomes less than one.
    #[must_use]
    pub fn size(self, width: u32, height: u32) -> (u32, u32) {
        let ratio =
            |limit: Option<u32>, side: u32| limit.map_or(1.0, |limit| f64::from(limit) / f64::from(side.max(1)));
        let scale = ratio(self.width, width).min(ratio(self.height, height)).min(1.0);
        let side = |side: u32, limit: Option<u32>| {
            ((f64::from(side) * scale).round() as u32).clamp(1, limit.unwrap_or(u32::MAX).max(1))
        };
        (side(width, self.width), side(height, self.height))
    }
}

/// Turns the picture file `from` upright, fits it into `fit` and writes it to `to`; tells its size in pixels.
///
/// The filter is Lanczos of 3 lobes; transparent pixels do not bleed into others. The colour profile is kept.
///
/// # Errors
/// Those of [`load`], and [`MediaError::Unwritable`].
pub fn resize(from: &Path, to: &Path, fit: Fit, coding: Coding) -> Result<(u32, u32), MediaError> {
    let Picture { pixels, orientation, metadata, info } = load(from)?;
    // Turning comes last, when there is less to turn.
    let turned = info.orientation >= 5;
    let fit = if turned { Fit { width: fit.height, height: fit.width } } else { fit };
    let (width, height) = fit.size(pixels.width(), pixels.height());
    let mut small = if (width, height) == (pixels.width(), pixels.height()) {
        pixels
    } else {
        let mut small = DynamicImage::new(width, height, pixels.color());
        Resizer::new()
            .resize(&pixels, &mut small, &ResizeOptions::default())
            .map_err(|error| MediaError::damaged(format!("it cannot be resized: {error}")))?;
        small
    };
    small.apply_orientation(orientation);
    write(&small, &Metadata { icc: metadata.icc, ..Metadata::default() }, to, coding)?;
    Ok((small.width(), small.height()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_fits_and_never_grows() {
        let fit = Fit { width: Some(100), height: Some(100) };
        assert_eq!(fit.size(400, 200), (100, 50));
        assert_eq!(fit.size(50, 20), (50, 20));
        assert_eq!(fit.size(10_000, 1), (100, 1));
        assert_eq!(Fit { width: None, height: Some(30) }.size(90, 60), (45, 30));
        assert_eq!(Fit::default().size(90, 60), (90, 60));
    }
}
