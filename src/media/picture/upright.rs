//! Turns the pixels of a picture as its metadata says, and then says so.

use image::DynamicImage;
use image::metadata::Orientation;

use super::info::Picture;

impl Picture {
    /// Turns the pixels upright. What EXIF and XMP say of orientation and size is then true of the new pixels, and their
    /// thumbnails, which were not turned, are gone.
    pub fn turn_upright(&mut self) {
        self.pixels.apply_orientation(self.orientation);
        (self.info.width, self.info.height) = self.info.upright();
        self.info.orientation = 1;
        self.orientation = Orientation::NoTransforms;
        self.metadata = std::mem::take(&mut self.metadata).for_new_pixels(self.info.width, self.info.height);
    }

    /// The pixels alone, upright.
    #[must_use]
    pub fn into_upright(mut self) -> DynamicImage {
        self.pixels.apply_orientation(self.orientation);
        self.pixels
    }
}
