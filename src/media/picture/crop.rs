//! Where a picture is cut: in pixels, in parts of it, or to a shape.

use crate::media::error::MediaError;

/// A length along one side of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Length {
    /// In pixels.
    Pixels(u32),
    /// In percent of the side.
    Percent(f64),
}

impl Length {
    fn of(self, side: u32) -> f64 {
        match self {
            Self::Pixels(pixels) => pixels.into(),
            Self::Percent(percent) => f64::from(side) * percent / 100.0,
        }
    }
}

/// Which part of a picture is kept, of those that have the size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Place {
    /// The part whose upper left corner is so far from the left and from the top.
    At(Length, Length),
    /// The part at this place of the room that is left: 0 is left (top), 0.5 the middle, 1 right (bottom).
    Gravity(f64, f64),
}

/// What is kept of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Extent {
    /// So wide and so high; `None` is all there is from the corner on.
    Size(Option<Length>, Option<Length>),
    /// The largest part of this shape: width by height.
    Shape(f64, f64),
}

/// A part of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// Pixels from the left.
    pub x: u32,
    /// Pixels from the top.
    pub y: u32,
    /// Its width.
    pub width: u32,
    /// Its height.
    pub height: u32,
}

/// The part of a picture of `width` x `height` pixels that is kept. Edges are rounded to whole pixels, so that parts that
/// meet in percent meet in pixels, too.
///
/// # Errors
/// [`MediaError::Limit`] where it is not within the picture, or has no pixels.
pub fn area((width, height): (u32, u32), extent: Extent, place: Place) -> Result<Area, MediaError> {
    let (w, h) = match extent {
        Extent::Shape(across, down) => {
            let scale = (f64::from(width) / across).min(f64::from(height) / down);
            (Some((across * scale).round().max(1.0)), Some((down * scale).round().max(1.0)))
        }
        Extent::Size(w, h) => (w.map(|w| w.of(width)), h.map(|h| h.of(height))),
    };
    let side = |side: u32, length: Option<f64>, from: f64| {
        let start = from.round();
        let end = length.map_or(f64::from(side), |length| (from + length).round());
        (start, end - start)
    };
    let ((x, w), (y, h)) = match place {
        Place::At(x, y) => (side(width, w, x.of(width)), side(height, h, y.of(height))),
        Place::Gravity(across, down) => {
            let sized = |all: u32, length: Option<f64>| length.map_or(f64::from(all), |length| length.round().max(1.0));
            let (w, h) = (sized(width, w), sized(height, h));
            let (x, y) = ((f64::from(width) - w) * across, (f64::from(height) - h) * down);
            ((x.floor(), w), (y.floor(), h))
        }
    };
    if w < 1.0 || h < 1.0 || x < 0.0 || y < 0.0 || x + w > width.into() || y + h > height.into() {
        return Err(MediaError::Limit(format!(
            "the part of {w:.0} x {h:.0} pixels at {x:.0}, {y:.0} is not within its {width} x {height} pixels"
        )));
    }
    Ok(Area { x: x as u32, y: y as u32, width: w as u32, height: h as u32 })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use super::*;

    fn told(area: Result<Area, MediaError>) -> Option<(u32, u32, u32, u32)> {
        area.ok().map(|area| (area.x, area.y, area.width, area.height))
    }

    #[test]
    fn parts_in_percent_meet_without_gaps() {
        let third = |at: f64| {
            let extent = Extent::Size(Some(Length::Percent(100.0 / 3.0)), None);
            told(area((100, 10), extent, Place::At(Length::Percent(at * 100.0 / 3.0), Length::Pixels(0)))).unwrap()
        };
        assert_eq!([third(0.0), third(1.0), third(2.0)], [(0, 0, 33, 10), (33, 0, 34, 10), (67, 0, 33, 10)]);
    }

    #[test]
    fn a_shape_is_as_large_as_it_can_be() {
        let shape = |size, across, down, place| told(area(size, Extent::Shape(across, down), place)).unwrap();
        assert_eq!(shape((400, 400), 16.0, 9.0, Place::Gravity(0.5, 0.5)), (0, 87, 400, 225));
        assert_eq!(shape((400, 400), 1.0, 2.0, Place::Gravity(1.0, 0.5)), (200, 0, 200, 400));
        assert_eq!(shape((3, 1000), 1000.0, 1.0, Place::Gravity(0.5, 0.0)), (0, 0, 3, 1));
    }

    #[test]
    fn what_is_not_within_the_picture_is_refused() {
        let all = Extent::Size(Some(Length::Pixels(10)), Some(Length::Pixels(10)));
        let at = |x, y| told(area((20, 15), all, Place::At(Length::Pixels(x), Length::Pixels(y))));
        assert_eq!(at(10, 5), Some((10, 5, 10, 10)));
        assert_eq!(at(11, 5), None);
        assert_eq!(told(area((5, 5), all, Place::Gravity(0.5, 0.5))), None);
        let none = Extent::Size(Some(Length::Pixels(0)), None);
        assert_eq!(told(area((5, 5), none, Place::At(Length::Pixels(0), Length::Pixels(0)))), None);
        assert_eq!(
            told(area((5, 5), Extent::Size(None, None), Place::At(Length::Pixels(2), Length::Pixels(1)))),
            Some((2, 1, 3, 4))
        );
    }
}
