//! Colours as numbers: the nearest one that a terminal can show.

use ratatui::style::Color;

/// How many colours a terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorDepth {
    /// The 256 of xterm.
    Indexed,
    /// 24 bits.
    Full,
}

impl ColorDepth {
    /// `color`, or the nearest one that can be shown.
    #[must_use]
    pub fn nearest(self, color: Color) -> Color {
        match (self, color) {
            (Self::Indexed, Color::Rgb(r, g, b)) => Color::Indexed(nearest_indexed([r, g, b])),
            _ => color,
        }
    }
}

/// The steps of red, green and blue in the cube of xterm's colours 16 to 231.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The red, green and blue of xterm's colour `index`, from 16 on: those below are the terminal's own.
pub(super) fn indexed(index: u8) -> [u8; 3] {
    match index {
        16..=231 => {
            let at = index - 16;
            [at / 36, at / 6 % 6, at % 6].map(|step| CUBE[usize::from(step)])
        }
        232.. => [8 + (index - 232) * 10; 3],
        ..16 => [0; 3],
    }
}

fn nearest_indexed(wanted: [u8; 3]) -> u8 {
    let distance = |index: &u8| {
        let other = indexed(*index);
        let parts = wanted.iter().zip(other).zip([3, 6, 1]);
        // The eye tells greens apart best and blues least.
        parts.map(|((a, b), weight)| (i32::from(*a) - i32::from(b)).pow(2) * weight).sum::<i32>()
    };
    (16..=255).min_by_key(distance).unwrap_or(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_colours_of_xterm_are_their_own_nearest() {
        for index in 16..=255 {
            let [r, g, b] = indexed(index);
            let Color::Indexed(nearest) = ColorDepth::Indexed.nearest(Color::Rgb(r, g, b)) else { panic!("{index}") };
            assert_eq!(indexed(nearest), [r, g, b]);
        }
    }

    #[test]
    fn only_what_cannot_be_shown_is_changed() {
        assert_eq!(ColorDepth::Full.nearest(Color::Rgb(1, 2, 3)), Color::Rgb(1, 2, 3));
        assert_eq!(ColorDepth::Indexed.nearest(Color::Red), Color::Red);
        assert_eq!(ColorDepth::Indexed.nearest(Color::Rgb(254, 1, 0)), Color::Indexed(196));
    }
}
